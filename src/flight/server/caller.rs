//! Who calls.

use std::sync::Arc;
use tonic::transport::server::TcpConnectInfo;

/// Who made a request.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// The name that its token has; `-` where none is asked for.
    pub name: Arc<str>,
    /// Its address.
    pub peer: Arc<str>,
}

impl Caller {
    /// Who made the request with this head.
    pub fn of(head: &http::request::Parts) -> Self {
        if let Some(caller) = head.extensions.get::<Self>() {
            return caller.clone();
        }
        let peer = head.extensions.get::<TcpConnectInfo>().and_then(TcpConnectInfo::remote_addr);
        Self { name: "-".into(), peer: peer.map_or_else(|| "-".into(), |peer| peer.to_string().into()) }
    }
}
