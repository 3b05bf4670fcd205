//! Where a Flight server is.

use crate::error::{Error, Result};
use http::uri::Authority;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// The location that stands for the connection that it came over, as the field's clients write and compare it.
pub const SAME_CONNECTION: &str = "arrow-flight-reuse-connection://?";

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP, by host and port.
    Tcp(Authority),
    /// TLS over TCP, by host and port.
    Tls(Authority),
    /// A socket in the file system of this machine.
    Unix(PathBuf),
}

/// A server's URI: `grpc://host:port` (or `grpc+tcp://`), `grpc+tls://host:port`, or `grpc+unix:///path`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location {
    uri: String,
    transport: Transport,
}

impl Location {
    /// How it is reached.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Whether a client on another machine can make something of it: an address to listen on at every interface is
    /// none to connect to.
    pub fn is_reachable(&self) -> bool {
        match &self.transport {
            Transport::Unix(_) => false,
            // "0" is the short form of 0.0.0.0.
            Transport::Tcp(authority) | Transport::Tls(authority) => {
                let host = host(authority);
                host != "0" && !host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_unspecified())
            }
        }
    }

    /// Whether what is sent there can be read by nobody on the way: it goes by TLS, or doesn't leave this machine.
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

/// The host, an IPv6 address without its brackets.
pub(super) fn host(authority: &Authority) -> &str {
    authority.host().trim_start_matches('[').trim_end_matches(']')
}

impl FromStr for Location {
    type Err = Error;

    /// # Errors
    /// [`Error::Misuse`] where `uri` is of another form.
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
    fn host_and_port_are_needed() {
        for good in [
            "grpc://localhost:8815",
            "grpc+tcp://10.0.0.1:1",
            "grpc://[::1]:65535",
            "grpc://a.example:80",
            "grpc+tls://a.example:443",
            "grpc+unix:///run/saasgen.sock",
        ] {
            assert_eq!(good.parse::<Location>().unwrap().to_string(), good);
        }
        for bad in [
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
            let message = bad.parse::<Location>().unwrap_err().to_string();
            assert!(message.contains(&format!("{bad:?}")) && message.contains("grpc://host:port"), "{message}");
        }
    }

    #[test]
    fn what_leaves_the_machine_in_the_open_is_not_private() {
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
    fn every_interface_is_no_address_to_connect_to() {
        let is_reachable = |uri: &str| uri.parse::<Location>().unwrap().is_reachable();
        assert!(is_reachable("grpc://127.0.0.1:1") && is_reachable("grpc://[::1]:1") && is_reachable("grpc://a:1"));
        for unspecified in ["grpc://0.0.0.0:1", "grpc://[::]:1", "grpc://0:1", "grpc://[::ffff:0.0.0.0]:1"] {
            assert!(!is_reachable(unspecified), "{unspecified}");
        }
    }
}
