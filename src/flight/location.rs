//! The URI of a Flight server.

use crate::error::{Error, Result};
use http::uri::Authority;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// The location that means "read from the server that sent this". Clients compare it to this exact text.
pub const SAME_CONNECTION: &str = "arrow-flight-reuse-connection://?";

/// The transport to a server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP, to a host and port.
    Tcp(Authority),
    /// TLS over TCP, to a host and port.
    Tls(Authority),
    /// A Unix socket, at a path on this machine.
    Unix(PathBuf),
}

/// The URI of a server: `grpc://host:port` (or `grpc+tcp://`), `grpc+tls://host:port`, or `grpc+unix:///path`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location {
    uri: String,
    transport: Transport,
}

impl Location {
    /// Returns the transport.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Returns whether a client on another machine can connect to this location. An unspecified address, such as
    /// `0.0.0.0`, only means every interface to listen on.
    pub fn is_reachable(&self) -> bool {
        match &self.transport {
            Transport::Unix(_) => false,
            // The resolver reads "0" as 0.0.0.0.
            Transport::Tcp(authority) | Transport::Tls(authority) => {
                let host = host(authority);
                host != "0" && !host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_unspecified())
            }
        }
    }

    /// Returns whether nobody can read the traffic on its way: it is encrypted, or does not leave this machine.
    pub fn is_private(&self) -> bool {
        match &self.transport {
            Transport::Tls(_) | Transport::Unix(_) => true,
            Transport::Tcp(authority) => {
                let host = host(authority);
                host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
            }
        }
    }
}

/// Returns the host; an IPv6 address has no brackets.
pub(super) fn host(authority: &Authority) -> &str {
    authority.host().trim_start_matches('[').trim_end_matches(']')
}

impl FromStr for Location {
    type Err = Error;

    /// # Errors
    /// Returns [`Error::Misuse`] if `uri` has another form.
    fn from_str(uri: &str) -> Result<Self> {
        let (scheme, rest) = uri.split_once("://").unwrap_or_default();
        let authority = || {
            let authority = rest.parse::<Authority>().ok()?;
            let has_port = authority.port_u16().is_some_and(|port| port > 0);
            (has_port && !authority.host().is_empty() && !authority.as_str().contains('@')).then_some(authority)
        };
        let transport = match scheme {
            "grpc" | "grpc+tcp" => authority().map(Transport::Tcp),
            "grpc+tls" => authority().map(Transport::Tls),
            "grpc+unix" => (rest.starts_with('/') && rest.len() > 1).then(|| Transport::Unix(rest.into())),
            _ => None,
        };
        match transport {
            Some(transport) => Ok(Self { uri: uri.to_string(), transport }),
            None => Err(Error::Misuse(format!(
                "the server's URI is {uri:?}; it must be grpc://host:port, such as grpc://localhost:8815, \
                 grpc+tls://host:port or grpc+unix:///path"
            ))),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_needs_a_known_scheme_and_a_host_and_port_or_a_path() {
        for valid in [
            "grpc://localhost:8815",
            "grpc+tcp://10.0.0.1:1",
            "grpc://[::1]:65535",
            "grpc://a.example:80",
            "grpc+tls://a.example:443",
            "grpc+unix:///run/saasgen.sock",
        ] {
            assert_eq!(valid.parse::<Location>().unwrap().to_string(), valid);
        }
        for invalid in [
            "",
            "localhost:8815",
            "http://a:1",
            "grpc://",
            "grpc://a",
            "grpc://:1",
            "grpc://a:",
            "grpc://a:0",
            "grpc://a:65536",
            "grpc://a:1/path",
            "grpc://user@a:1",
            "grpc://a b:1",
            "grpc+tls://a",
            "grpc+unix://a:1",
            "grpc+unix:///",
            "grpc+unix://relative",
            "tls://a:1",
        ] {
            let message = invalid.parse::<Location>().unwrap_err().to_string();
            assert!(message.contains(&format!("{invalid:?}")) && message.contains("grpc://host:port"), "{message}");
        }
    }

    #[test]
    fn plain_tcp_to_another_machine_is_not_private() {
        let is_private = |uri: &str| uri.parse::<Location>().unwrap().is_private();
        for private in
            ["grpc://localhost:1", "grpc://127.0.0.9:1", "grpc://[::1]:1", "grpc+tls://a:1", "grpc+unix:///a"]
        {
            assert!(is_private(private), "{private}");
        }
        for open in ["grpc://a:1", "grpc://10.0.0.1:1", "grpc://localhost.example:1", "grpc://[::2]:1"] {
            assert!(!is_private(open), "{open}");
        }
    }

    #[test]
    fn an_unspecified_address_is_not_reachable() {
        let is_reachable = |uri: &str| uri.parse::<Location>().unwrap().is_reachable();
        assert!(is_reachable("grpc://127.0.0.1:1") && is_reachable("grpc://[::1]:1") && is_reachable("grpc://a:1"));
        for unspecified in ["grpc://0.0.0.0:1", "grpc://[::]:1", "grpc://0:1", "grpc://[::ffff:0.0.0.0]:1"] {
            assert!(!is_reachable(unspecified), "{unspecified}");
        }
    }
}
