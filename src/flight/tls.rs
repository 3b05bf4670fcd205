//! The TLS settings and PEM files that client and server have in common.

use crate::error::{Error, Result};
use crate::plain_file;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, RootCertStore};

/// The only protocol that is negotiated within TLS (ALPN).
pub(super) const HTTP2: &[u8] = b"h2";

/// Returns the implementation of TLS cryptography.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Reads the certificates in the file `path`, the value of `option`, as trusted roots.
///
/// # Errors
/// Returns [`Error::Io`] if the file can't be read, and [`Error::Misuse`] if it holds no certificate, or one that can't
/// be a root.
pub(super) fn roots(option: &'static str, path: &Path) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path).map_err(|error| error.of_option(option))? {
        roots.add(certificate).map_err(|error| unusable_roots(option, path, &error))?;
    }
    Ok(roots)
}

/// Reads a certificate chain, leaf first, and the private key of its leaf: the values of `--tls-cert` and `--tls-key`.
///
/// # Errors
/// Returns [`Error::Io`] if a file can't be read, and [`Error::Misuse`] if it holds no certificate or no key that TLS can
/// use.
pub(super) fn identity(
    certificate: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let chain = certificates(certificate).map_err(|error| error.of_option("--tls-cert"))?;
    Ok((chain, private_key(key).map_err(|error| error.of_option("--tls-key"))?))
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>> {
    /// The identifier of the curve P-521, 1.3.132.0.35.
    const P_521: &[u8] = &[0x2B, 0x81, 0x04, 0x00, 0x23];
    /// The identifier of RSA, 1.2.840.113549.1.1.1.
    const RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];
    /// The shortest encoding of an RSA key with 2048 bits has more bytes.
    const SHORT_RSA_BYTES: usize = 1_150;
    let pem = plain_file::read(path)?;
    let has = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    let path = path.display();
    if has(&pem, b"ENCRYPTED") {
        return Err(Error::Misuse(format!(
            "the private key in {path} is encrypted, and the program asks for no password: decrypt it with \
             `openssl pkey -in {path} -out FILE`, and name that file"
        )));
    }
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| unreadable(&path, "private key", &error))?;
    if provider().key_provider.load_private_key(key.clone_key()).is_err() {
        let der = key.secret_der();
        let kind = match &key {
            _ if has(der, P_521) => "an ECDSA P-521 key",
            PrivateKeyDer::Pkcs1(_) if der.len() < SHORT_RSA_BYTES => "an RSA key that is too short",
            PrivateKeyDer::Pkcs8(_) if has(der, RSA) && der.len() < SHORT_RSA_BYTES => "an RSA key that is too short",
            _ => "of an unknown kind",
        };
        return Err(Error::Misuse(format!(
            "the private key in {path} is {kind}, which TLS does not support here: use RSA with 2048 to 8192 bits, ECDSA \
             P-256, ECDSA P-384 or Ed25519"
        )));
    }
    Ok(key)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let pem = plain_file::read(path)?;
    let read = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let certificates = read.map_err(|error| unreadable(&path.display(), "certificate", &error))?;
    if certificates.is_empty() {
        return Err(unreadable(&path.display(), "certificate", &pem::Error::NoItemsFound));
    }
    Ok(certificates)
}

fn unreadable(path: &dyn fmt::Display, what: &str, error: &pem::Error) -> Error {
    match error {
        pem::Error::NoItemsFound => Error::Misuse(format!("{path} holds no {what} in PEM form")),
        error => Error::Misuse(format!("{path} holds no {what} in PEM form: {error}")),
    }
}

/// The error for roots in the file `path`, the value of `option`, that TLS refuses.
pub(super) fn unusable_roots(option: &str, path: &Path, error: &dyn fmt::Display) -> Error {
    Error::Misuse(format!("{option}: the certificates in {} can't be used: {error}", path.display()))
}

/// The error for a certificate and a key that TLS refuses, most often because they do not belong together.
pub(super) fn unusable_identity(certificate: &Path, key: &Path, error: &rustls::Error) -> Error {
    let (certificate, key) = (certificate.display(), key.display());
    Error::Misuse(match error {
        rustls::Error::InconsistentKeys(_) => format!(
            "the private key in {key} does not belong to the certificate in {certificate}: name the key that the \
             certificate was made with"
        ),
        error => format!("the certificate in {certificate} can't be used: {error}"),
    })
}

/// The time before a certificate expires in which [`date_warning`] warns.
const WARNED_BEFORE: Duration = Duration::from_secs(14 * 86_400);

/// Returns a warning if a certificate of `chain`, which was read from the file `path`, is invalid at the time `now`, or
/// expires soon.
pub(super) fn date_warning(path: &Path, chain: &[CertificateDer<'_>], now: SystemTime) -> Option<String> {
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    let dates = chain.iter().filter_map(|certificate| {
        let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
        let validity = certificate.validity();
        Some((validity.not_before.timestamp(), validity.not_after.timestamp()))
    });
    let (from, to) = dates.reduce(|(from, to), (next_from, next_to)| (from.max(next_from), to.min(next_to)))?;
    let path = path.display();
    let renew = "Replace the file and send SIGHUP";
    if seconds(now) > to {
        Some(format!("the certificate in {path} expired on {}: clients refuse it. {renew}", date_of(to)))
    } else if seconds(now) < from {
        Some(format!("the certificate in {path} is valid only from {} on: clients refuse it until then", date_of(from)))
    } else if seconds(now + WARNED_BEFORE) > to {
        Some(format!("the certificate in {path} expires on {}. {renew}", date_of(to)))
    } else {
        None
    }
}

/// Returns the date and the time of day at a UNIX time, such as `2026-01-31 12:00 UTC`.
pub(super) fn date_of(seconds: i64) -> String {
    let time = chrono::DateTime::from_timestamp(seconds, 0).unwrap_or(chrono::DateTime::<chrono::Utc>::MAX_UTC);
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    #[test]
    fn a_chain_is_warned_of_from_14_days_before_its_first_certificate_expires() {
        let certificate = |from: (i32, u8, u8), to: (i32, u8, u8)| {
            let mut params = CertificateParams::new(["localhost".to_string()]).unwrap();
            (params.not_before, params.not_after) =
                (date_time_ymd(from.0, from.1, from.2), date_time_ymd(to.0, to.1, to.2));
            params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
        };
        let chain = [certificate((2025, 1, 1), (2026, 3, 20)), certificate((2024, 1, 1), (2027, 1, 1))];
        let warning = |chain: &[CertificateDer<'_>], date: &str| {
            let date: chrono::DateTime<chrono::Utc> = format!("{date}Z").parse().unwrap();
            date_warning(Path::new("server.pem"), chain, date.into()).unwrap_or_default()
        };
        assert_eq!(warning(&chain, "2026-03-05T23:59:59"), "");
        let soon = "the certificate in server.pem expires on 2026-03-20 00:00 UTC. Replace the file and send SIGHUP";
        assert_eq!(warning(&chain, "2026-03-06T00:00:01"), soon);
        assert!(warning(&chain, "2026-03-20T00:00:01").contains("expired on 2026-03-20 00:00 UTC: clients refuse it"));
        assert!(warning(&chain, "2024-12-31T00:00:00").contains("valid only from 2025-01-01 00:00 UTC on"));
        assert_eq!(warning(&chain[1..], "2026-03-20T00:00:01"), "");
        assert_eq!(warning(&[CertificateDer::from(vec![1, 2, 3])], "2026-03-20T00:00:01"), "");
    }
}
