//! Where a Flight server is.

use crate::error::{Error, Result};
use http::uri::Authority;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The location that stands for the connection that it came over, as the field's clients write and compare it.
pub const SAME_CONNECTION: &str = "arrow-flight-reuse-connection://?";

/// A server's URI, `grpc://host:port`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location {
    uri: String,
    authority: Authority,
}

impl Location {
    /// Host and port.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Whether a client on another machine can make something of it: an address to listen on at every interface is
    /// none to connect to.
    pub fn is_reachable(&self) -> bool {
        let host = self.authority.host().trim_start_matches('[').trim_end_matches(']');
        // "0" is the short form of 0.0.0.0.
        host != "0" && !host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_unspecified())
    }
}

impl FromStr for Location {
    type Err = Error;

    /// # Errors
    /// [`Error::Misuse`] where `uri` is of another form.
    fn from_str(uri: &str) -> Result<Self> {
        let authority = uri.strip_prefix("grpc://").or_else(|| uri.strip_prefix("grpc+tcp://"));
        let authority = authority.and_then(|authority| authority.parse::<Authority>().ok());
        let is_plain = |authority: &Authority| {
            let has_port = authority.port_u16().is_some_and(|port| port > 0);
            has_port && !authority.host().is_empty() && !authority.as_str().contains('@')
        };
        match authority.filter(is_plain) {
            Some(authority) => Ok(Self { uri: uri.to_string(), authority }),
            None => Err(Error::Misuse(format!(
                "the server's URI is {uri:?}; it must be grpc://host:port, such as grpc://localhost:8815"
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
        for good in ["grpc://localhost:8815", "grpc+tcp://10.0.0.1:1", "grpc://[::1]:65535", "grpc://a.example:80"] {
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
            "grpc+tls://a:1",
        ] {
            let message = bad.parse::<Location>().unwrap_err().to_string();
            assert!(message.contains(&format!("{bad:?}")) && message.contains("grpc://host:port"), "{message}");
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
