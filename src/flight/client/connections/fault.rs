//! The faults of connections, each with a sentence that says what to do.

use crate::error::Error;
use crate::flight::client::failure::Failure;
use crate::flight::location::{Location, Transport};
use crate::flight::tls::date_of;
use crate::plain_file;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_rustls::rustls::{self, AlertDescription, CertificateError};

/// The end of the sentences about an address where no saasgen server is. Not every subcommand has --server.
const OTHER_SERVER: &str = "or name another server";

/// Why a server at a location can't be used.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    message: String,
    /// Whether another try will fail the same way.
    is_lasting: bool,
}

impl Fault {
    fn lasting(message: String) -> Self {
        Self { message, is_lasting: true }
    }

    fn passing(message: String) -> Self {
        Self { message, is_lasting: false }
    }

    /// The system can't resolve the name `host` of `location`.
    pub fn unknown_host(location: &Location, host: &str, error: &io::Error) -> Self {
        Self::passing(format!("the host {host:?} of {location} can't be found ({error}): correct it, {OTHER_SERVER}"))
    }

    /// The server at `location` did not accept a connection within `limit`.
    pub fn late(location: &Location, limit: Duration) -> Self {
        let seconds = limit.as_secs();
        Self::passing(format!(
            "nothing answers at {location} within {seconds} s: check the host and the port, and whether a firewall \
             blocks them, {OTHER_SERVER}"
        ))
    }

    /// The system can't connect to the host of `location`.
    pub fn unreachable(location: &Location, error: &io::Error) -> Self {
        Self::passing(match error.kind() {
            ErrorKind::ConnectionRefused => {
                format!("no server listens at {location}: start one with `saasgen serve`, {OTHER_SERVER}")
            }
            ErrorKind::ConnectionReset => return Self::closed(location),
            _ => format!("{location} can't be reached ({error}): check the host and the network, {OTHER_SERVER}"),
        })
    }

    /// The system can't connect to the Unix socket of `location`, which is at `path`.
    pub fn unusable_socket(location: &Location, path: &Path, error: &io::Error) -> Self {
        // The system refuses connections to a file as it does to the socket of a server that is gone.
        let kind = fs::metadata(path).map(|there| there.file_type());
        let other = kind.ok().filter(|kind| !kind.is_socket()).map(plain_file::name_of);
        let path = path.display();
        let start = format!("start one with `saasgen serve --listen {location}`, {OTHER_SERVER}");
        match error.kind() {
            ErrorKind::ConnectionRefused if other.is_some() => Self::lasting(format!(
                "no server listens at {path}, which is {}, not a socket: correct the path, {OTHER_SERVER}",
                other.unwrap_or_default()
            )),
            ErrorKind::NotFound => Self::passing(format!("no server listens at {path}, which does not exist: {start}")),
            ErrorKind::ConnectionRefused => Self::passing(format!("no server listens at {path} any more: {start}")),
            ErrorKind::PermissionDenied => Self::lasting(format!(
                "this user has no permission to connect to {path}: run as the user who runs the server, {OTHER_SERVER}"
            )),
            _ => Self::passing(format!("the socket {path} can't be used ({error}): {start}")),
        }
    }

    /// The TLS handshake with the server at `location` failed, or the server has refused the client after it.
    pub fn of_tls(location: &Location, error: &io::Error) -> Self {
        let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) else {
            return Self::passing(format!(
                "{location} closed the connection during the TLS handshake ({error}): if the server has no TLS, use \
                 grpc:// instead of grpc+tls://"
            ));
        };
        Self::lasting(match error {
            rustls::Error::InvalidMessage(_) => {
                format!("{location} has no TLS: use grpc:// instead of grpc+tls://, {OTHER_SERVER}")
            }
            rustls::Error::InvalidCertificate(error) => wrong_certificate(location, error),
            rustls::Error::NoApplicationProtocol
            | rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol) => {
                format!("{location} has TLS but no HTTP/2, so it is no gRPC server: check the port, {OTHER_SERVER}")
            }
            rustls::Error::AlertReceived(alert) => refused_by_alert(location, *alert),
            error => format!("the TLS handshake with {location} failed ({error}): check the server, {OTHER_SERVER}"),
        })
    }

    /// The server at `location` sent something else than HTTP/2. `greeting` is its first bytes.
    pub fn of_greeting(location: &Location, greeting: &[u8]) -> Self {
        /// The first bytes of a TLS alert.
        const ALERT: &[u8] = &[0x15, 0x03];
        if greeting.starts_with(ALERT) {
            return Self::lasting(format!("{location} asks for TLS: use grpc+tls:// instead of grpc://"));
        }
        let kind = if greeting.starts_with(b"HTTP/") { "an HTTP/1 server" } else { "another program" };
        Self::lasting(format!("{location} is no gRPC server but {kind}: check the port, {OTHER_SERVER}"))
    }

    /// The server at `location` closed the connection before it answered.
    pub fn closed(location: &Location) -> Self {
        let reason = match location.transport() {
            Transport::Tcp(_) => "is no gRPC server, or asks for TLS: then use grpc+tls:// instead of grpc://",
            Transport::Tls(_) => {
                "is no gRPC server, or asks for a certificate of this client: then use --tls-cert and --tls-key"
            }
            Transport::Unix(_) => "or is no gRPC server",
        };
        Self::passing(format!("{location} closed the connection before it answered. The server stopped, {reason}"))
    }

    /// The server at `location` answered a call with `answer`, which is no answer of gRPC.
    pub fn of_answer<B>(location: &Location, answer: &http::Response<B>) -> Self {
        let status = answer.status();
        let message = format!(
            "{location} is no gRPC server: it answers with the HTTP status {status}. Check the port, or the proxy in \
             front of the server, {OTHER_SERVER}"
        );
        // A proxy answers so while the server behind it starts or is busy.
        match status.as_u16() {
            429 | 502 | 503 | 504 => Self::passing(message),
            _ => Self::lasting(message),
        }
    }
}

/// Returns the message for a server certificate that the client refuses.
fn wrong_certificate(location: &Location, error: &CertificateError) -> String {
    let of = format!("the certificate of {location}");
    let renew = "the server needs a new one";
    match error {
        // An authority that was made anew has the name of the old one, but another key, maybe of another kind.
        CertificateError::UnknownIssuer
        | CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => format!(
            "{of} is from an authority that this client does not trust: name the authority's certificate with --tls-ca"
        ),
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "{of} is not for the host {:?}, but for {}: use a host that it is for",
            expected.to_str(),
            hosts(presented),
        ),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("{of} expired on {}: {renew}", date_of(not_after.as_secs() as i64))
        }
        CertificateError::NotValidYetContext { not_before, .. } => format!(
            "{of} is valid only from {} on: {renew}, or the clock of this machine is wrong",
            date_of(not_before.as_secs() as i64)
        ),
        CertificateError::Revoked => format!("{of} was revoked: {renew}"),
        CertificateError::InvalidPurposeContext { .. } => format!("{of} is not for servers: {renew}"),
        // rustls passes this one on without a type of its own.
        error if format!("{error:?}").contains("CaUsedAsEndEntity") => {
            format!("{of} is the certificate of an authority, not of a server: {renew}, with basicConstraints CA:FALSE")
        }
        error if format!("{error:?}").contains("UnsupportedSignatureAlgorithm") => format!(
            "{of} or its authority has a key of an unsupported kind: {renew}, with a key for RSA, ECDSA P-256, ECDSA \
             P-384 or Ed25519"
        ),
        error => format!("{of} can't be used ({error}): {renew}"),
    }
}

/// Returns the hosts that a certificate is for. rustls lists them as `DnsName("localhost")` and `IpAddress(127.0.0.1)`.
fn hosts(presented: &[String]) -> String {
    let host = |name: &String| {
        let inner = name.split_once('(').and_then(|(_, inner)| inner.strip_suffix(')'));
        inner.unwrap_or(name).trim_matches('"').to_string()
    };
    let hosts: Vec<String> = presented.iter().map(host).collect();
    if hosts.is_empty() { "no host".into() } else { hosts.join(", ") }
}

/// Returns the message for a TLS alert, with which the server at `location` refused the client.
fn refused_by_alert(location: &Location, alert: AlertDescription) -> String {
    let own = "the certificate of this client";
    match alert {
        AlertDescription::CertificateRequired => {
            format!("{location} asks for a certificate of this client: name one with --tls-cert and --tls-key")
        }
        AlertDescription::CertificateExpired => format!("{location} refuses {own}, which has expired: renew it"),
        AlertDescription::UnknownCA
        | AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateUnknown
        | AlertDescription::DecryptError => format!(
            "{location} refuses {own} ({alert:?}): use --tls-cert and --tls-key with one from an authority that the \
             server trusts"
        ),
        alert => format!("{location} refuses the TLS handshake ({alert:?}): check the server, {OTHER_SERVER}"),
    }
}

impl From<Fault> for Failure {
    fn from(Fault { message, is_lasting }: Fault) -> Self {
        let error = Error::Remote(message);
        if is_lasting { Self::Refused(error) } else { Self::Broken(error) }
    }
}

/// The fault of a connection, if it has one. Clones share it.
///
/// tonic and h2 pass errors of the transport on as text, or not at all. So the transport leaves its fault here.
#[derive(Debug, Clone, Default)]
pub(super) struct FaultCell(Arc<Mutex<Option<Fault>>>);

impl FaultCell {
    pub fn get(&self) -> Option<Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set(&self, fault: Option<Fault>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cases that a test can't bring about on every machine. tests/it/connection_errors.rs has the others.
    #[test]
    fn a_fault_says_what_to_do_and_whether_another_try_may_succeed() {
        let location = |uri: &str| uri.parse::<Location>().unwrap();
        let (tcp, tls, unix) = (location("grpc://a:1"), location("grpc+tls://a:1"), location("grpc+unix:///run/s"));
        let io = |kind: ErrorKind| io::Error::from(kind);
        let of_rustls = |error: rustls::Error| Fault::of_tls(&tls, &io::Error::other(error));
        let of_certificate = |error: CertificateError| of_rustls(rustls::Error::InvalidCertificate(error));
        let alert = |alert| of_rustls(rustls::Error::AlertReceived(alert));
        let cases = [
            (Fault::unreachable(&tcp, &io(ErrorKind::HostUnreachable)), false, "grpc://a:1 can't be reached"),
            (
                Fault::unusable_socket(&unix, Path::new("/run/s"), &io(ErrorKind::PermissionDenied)),
                true,
                "no permission to connect to /run/s",
            ),
            (Fault::of_tls(&tls, &io(ErrorKind::ConnectionReset)), false, "use grpc:// instead"),
            (of_certificate(CertificateError::Revoked), true, "was revoked"),
            (of_certificate(CertificateError::ApplicationVerificationFailure), true, "can't be used"),
            (alert(AlertDescription::CertificateExpired), true, "the certificate of this client, which has expired"),
            (alert(AlertDescription::ProtocolVersion), true, "refuses the TLS handshake (ProtocolVersion)"),
            (alert(AlertDescription::NoApplicationProtocol), true, "no HTTP/2"),
            (Fault::closed(&tcp), false, "use grpc+tls:// instead of grpc://"),
            (Fault::closed(&tls), false, "--tls-cert and --tls-key"),
            (Fault::closed(&unix), false, "or is no gRPC server"),
        ];
        for (fault, is_lasting, part) in cases {
            assert!(fault.message.contains(part) && fault.is_lasting == is_lasting, "{part}: {fault:?}");
        }
        for (status, is_lasting) in [(502, false), (503, false), (429, false), (404, true), (200, true)] {
            let answer = http::Response::builder().status(status).body(()).unwrap();
            let fault = Fault::of_answer(&tcp, &answer);
            assert!(fault.message.contains(&status.to_string()) && fault.is_lasting == is_lasting, "{fault:?}");
        }
    }
}
