//! One gRPC message, as the connection sends it.

use crate::error::{Error, Result};
use crate::flight::grpc::PREFIX_BYTES;
use bytes::{BufMut, Bytes, BytesMut};

/// A gRPC message with its prefix.
#[derive(Debug, Clone)]
pub(in crate::flight::server) struct Message {
    pub(super) bytes: Bytes,
    /// Zeros that follow in a [stretched block](super::stretched_block), else empty.
    pub(super) zeros: Bytes,
    /// Rows of the table in it: 0 for a schema or a dictionary.
    pub(super) rows: u64,
}

impl Message {
    /// Encodes any protobuf message.
    ///
    /// # Errors
    /// [`Error::Internal`] if it is longer than 4 GiB.
    pub fn of(message: &impl prost::Message) -> Result<Self> {
        let length = message.encoded_len();
        let mut bytes = BytesMut::with_capacity(PREFIX_BYTES + length);
        bytes.put_u8(0);
        bytes.put_u32(u32::try_from(length).map_err(internal)?);
        message.encode(&mut bytes).map_err(internal)?;
        Ok(Self { bytes: bytes.freeze(), zeros: Bytes::new(), rows: 0 })
    }

    /// The rows of the table in it.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Its bytes on the wire, prefix included.
    pub fn length(&self) -> u64 {
        self.bytes.len() as u64 + self.zeros.len() as u64
    }

    /// Splits it into the two pieces to send, in order. The second is empty except in a stretched block.
    pub fn into_pieces(self) -> [Bytes; 2] {
        [self.bytes, self.zeros]
    }
}

/// An encoding failed, which is a fault of this program.
pub(super) fn internal(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("encoding for Flight: {error}"))
}
