//! Encodes record batches as Flight messages on the wire, in place.
//!
//! The usual path copies each batch three times: into an IPC body, into a protobuf message, into tonic's buffer. Here,
//! numeric columns are generated directly in the bytes that are sent, after a gRPC and protobuf header written by hand.
//! Other columns are copied there once, while they are in the cache of the core that made them:
//!
//! ```text
//! gRPC      0, length of the message (u32, big-endian)
//! FlightData  data_header = 2:     length, the IPC message's flatbuffer
//!             app_metadata = 3:    length, BatchMark
//!             data_body = 1000:    length, then buffers and their padding, as IPC lays them out
//! ```
//!
//! When numeric columns are first made as arrays and then copied, one pyarrow client reads a tenth slower and 16 of them
//! 15 % slower (two cores of an AMD EPYC 9004). When each buffer is sent as a piece of its own, reading is slower still:
//! h2 writes one frame at a time, so a batch takes six writes instead of two, and each wakes a client on the same machine.

use super::ipc::{self, IpcMessage};
use super::marks::Marks;
use super::message::{Message, internal};
use super::message_buffers::MessageBuffers;
use super::stretched_block::{self, end_of_stretched_block};
use crate::batches::Rows;
use crate::error::Result;
use crate::flight::grpc::PREFIX_BYTES;
use crate::scan::{Compression, Scan};
use arrow::array::RecordBatch;
use arrow::ipc::writer::IpcWriteOptions;
use arrow::ipc::{CompressionType, MessageHeader};
use bytes::BufMut;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};
use std::sync::Arc;

/// Encodes the batches of one stream.
#[derive(Debug)]
pub(in crate::flight::server) struct Encoder {
    options: IpcWriteOptions,
    is_compressing: bool,
    marks: Marks,
    /// The first customer after the block to stretch, if one is.
    stretched_end: Option<u64>,
    buffers: Arc<MessageBuffers>,
}

impl Encoder {
    /// Returns an encoder for the batches of `scan`, with its compression and its kind of marks.
    pub fn new(scan: &Scan) -> Self {
        let compression = match scan.compression() {
            Compression::None => None,
            Compression::Lz4 => Some(CompressionType::LZ4_FRAME),
            Compression::Zstd => Some(CompressionType::ZSTD),
        };
        let options = IpcWriteOptions::default();
        Self {
            is_compressing: compression.is_some(),
            // Fails only for metadata older than V5.
            options: options.clone().try_with_compression(compression).unwrap_or(options),
            marks: Marks::of(scan),
            stretched_end: None,
            buffers: Arc::default(),
        }
    }

    /// Writes messages into `buffers`.
    pub(super) fn with_buffers(self, buffers: Arc<MessageBuffers>) -> Self {
        Self { buffers, ..self }
    }

    /// Stretches [one early block](stretched_block) of `scan`.
    pub fn with_stretched_block(self, scan: &Scan) -> Self {
        Self { stretched_end: end_of_stretched_block(scan), ..self }
    }

    /// Encodes the first messages of a stream: the schema, and the dictionaries of `empty`, a batch without rows.
    pub fn head(&self, empty: &RecordBatch) -> Result<Vec<Message>> {
        let messages = IpcMessage::all_of(empty, &self.options)?;
        let head = messages.into_iter().filter(|message| message.kind != MessageHeader::RecordBatch);
        head.map(|message| self.copied(&message, &[])).collect()
    }

    /// Generates and encodes `rows`, in place where that is possible. The message is that of [`Self::batch`].
    pub fn rows(&self, rows: Rows<'_>, next_id: u64, block_end: u64) -> Result<Message> {
        match self.in_place(&rows, next_id, block_end)? {
            Some(message) => Ok(message),
            None => self.batch(&rows.into_batch()?, next_id, block_end),
        }
    }

    /// Generates the columns of `rows` in the message itself. Returns `None` if the stream is compressed, or a column is
    /// not numeric.
    fn in_place(&self, rows: &Rows<'_>, next_id: u64, block_end: u64) -> Result<Option<Message>> {
        let Rows::Deferred { batches, rows: found } = rows else { return Ok(None) };
        if self.is_compressing {
            return Ok(None);
        }
        let Some(zeros) = ipc::batch_of_zeros(batches.schema(), found.rows()) else { return Ok(None) };
        let ipc = self.ipc_batch(&zeros, next_id)?;
        let places = ipc.buffers()?;
        let message = self.message(&ipc, &self.marks.encode(next_id, block_end)?, |body| {
            let columns =
                ipc::split_at_buffers(body, places).ok_or_else(|| internal("IPC buffers are out of order"))?;
            batches.write(found.as_ref(), columns)
        })?;
        Ok(Some(Message { rows: found.rows() as u64, ..message }))
    }

    /// Encodes the rows of `batch`. `next_id` is the first customer after them, `block_end` the first one after the block
    /// that they are a part of. Dictionaries are in [`Self::head`].
    pub fn batch(&self, batch: &RecordBatch, next_id: u64, block_end: u64) -> Result<Message> {
        let message = self.copied(&self.ipc_batch(batch, next_id)?, &self.marks.encode(next_id, block_end)?)?;
        Ok(Message { rows: batch.num_rows() as u64, ..message })
    }

    fn ipc_batch(&self, batch: &RecordBatch, next_id: u64) -> Result<IpcMessage> {
        let mut message = IpcMessage::of(batch, &self.options)?;
        if self.stretched_end == Some(next_id) {
            message.append(stretched_block::zeros())?;
        }
        Ok(message)
    }

    fn copied(&self, ipc: &IpcMessage, app_metadata: &[u8]) -> Result<Message> {
        self.message(ipc, app_metadata, |mut body| {
            for piece in &ipc.body {
                body.put_slice(piece);
            }
            Ok(())
        })
    }

    /// Encodes `ipc` as a Flight message. `write` fills the body, except for zeros at its end.
    fn message(
        &self,
        ipc: &IpcMessage,
        app_metadata: &[u8],
        write: impl FnOnce(&mut [u8]) -> Result<()>,
    ) -> Result<Message> {
        const DATA_HEADER: u32 = 2;
        const APP_METADATA: u32 = 3;
        const DATA_BODY: u32 = 1_000;
        let field_bytes = |tag, bytes: usize| match bytes {
            0 => 0,
            bytes => key_len(tag) + encoded_len_varint(bytes as u64) + bytes,
        };
        let message_bytes = field_bytes(DATA_HEADER, ipc.header.len())
            + field_bytes(APP_METADATA, app_metadata.len())
            + field_bytes(DATA_BODY, ipc.body_bytes);
        let length = u32::try_from(message_bytes).map_err(internal)?;
        let head = PREFIX_BYTES + message_bytes - ipc.body_bytes;

        let bytes = self.buffers.fill(head + ipc.body_bytes - ipc.zeros.len(), head, |bytes| {
            let (mut head, body) = bytes.split_at_mut(head);
            head.put_u8(0);
            head.put_u32(length);
            for (tag, field) in [(DATA_HEADER, &ipc.header[..]), (APP_METADATA, app_metadata)] {
                if !field.is_empty() {
                    encode_key(tag, WireType::LengthDelimited, &mut head);
                    encode_varint(field.len() as u64, &mut head);
                    head.put_slice(field);
                }
            }
            if ipc.body_bytes > 0 {
                encode_key(DATA_BODY, WireType::LengthDelimited, &mut head);
                encode_varint(ipc.body_bytes as u64, &mut head);
            }
            write(body)
        })?;
        Ok(Message { bytes, zeros: ipc.zeros.clone(), rows: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batches::Batches;
    use crate::models::{DataSet, Model, saas_v1};
    use crate::scan::{RequestKind, ScanRequest};
    use arrow::ipc::root_as_message;
    use arrow_flight::FlightData;
    use arrow_flight::utils::flight_data_to_arrow_batch;
    use prost::Message as _;
    use std::collections::HashMap;

    #[test]
    fn one_early_block_is_stretched_by_zeros_that_readers_skip() {
        let data_set = DataSet::new(Model::saas_v1().unwrap(), 42, 5_000).unwrap();
        let scan = Scan::whole(&data_set, saas_v1::USAGE_DAILY).for_ids(1_000..5_001);
        let batches = Batches::new(scan.clone());
        let (plain, stretching) = (Encoder::new(&scan), Encoder::new(&scan).with_stretched_block(&scan));
        let stretched: Vec<_> = scan
            .blocks()
            .map(|ids| {
                let batch = batches.batch(ids.clone()).unwrap();
                let [plain, sent] = [&plain, &stretching].map(|encoder| {
                    let message = encoder.batch(&batch, ids.end, ids.end).unwrap();
                    let length = message.length() as usize;
                    let bytes = message.into_pieces().concat();
                    assert_eq!(bytes.len(), length);
                    FlightData::decode(&bytes[PREFIX_BYTES..]).unwrap()
                });
                let header = root_as_message(&sent.data_header).unwrap();
                assert_eq!(header.bodyLength() as usize, sent.data_body.len());
                let read = flight_data_to_arrow_batch(&sent, batch.schema(), &HashMap::new()).unwrap();
                assert_eq!(read, batch);
                let (columns, zeros) = sent.data_body.split_at(plain.data_body.len());
                assert_eq!(columns, plain.data_body);
                assert!(zeros.iter().all(|&byte| byte == 0));
                zeros.len()
            })
            .collect();
        assert_eq!(stretched, [0, 0, 0, stretched_block::zeros().len(), 0]);
    }

    #[test]
    fn columns_generated_in_place_are_the_bytes_of_the_copied_batch() {
        let data_set = DataSet::new(Model::saas_v1().unwrap(), 42, 3_000).unwrap();
        let tickets = [
            ("usage_daily", true),
            ("usage_daily?columns=usage_minutes,customer_id", true),
            ("usage_daily?columns=date", true),
            ("usage_daily?from=2024-02-29&to=2024-02-29", true),
            ("usage_truth?columns=sessions,date", true),
            ("usage_truth", false),
            ("usage_daily?compression=lz4", false),
            ("support", false),
        ];
        let scans = tickets.map(|(ticket, are_in_place)| {
            let request = ScanRequest::from_text(ticket).unwrap();
            (ticket, Scan::resolve(&data_set, &request, RequestKind::Ticket).unwrap().0, are_in_place)
        });
        let whole = &scans[0].1;
        let of_airport = |read: fn(usize) -> bool| whole.for_airport(whole.ids(), whole.days(), read);
        let for_airport =
            [("Airport's", of_airport(|_| true), true), ("some of Airport's", of_airport(|place| place == 1), false)];
        for (ticket, scan, are_in_place) in scans.clone().into_iter().chain(for_airport) {
            let (batches, encoder) = (Batches::new(scan.clone()), Encoder::new(&scan).with_stretched_block(&scan));
            for ids in [1..1_025, 2_049..2_060, 1_025..3_001, 1..2_900] {
                let batch = batches.batch(ids.clone()).unwrap();
                let copied = encoder.batch(&batch, ids.end, ids.end + 5).unwrap();
                let rows = batches.rows(ids.clone()).unwrap();
                assert_eq!(rows.count(), batch.num_rows());
                // The memory is used again: it holds other bytes at first.
                let stale = encoder.buffers.fill(copied.length() as usize, 0, |bytes| {
                    bytes.fill(0xFF);
                    Ok(())
                });
                drop(stale.unwrap());
                let made = encoder.in_place(&rows, ids.end, ids.end + 5).unwrap();
                assert_eq!(made.is_some(), are_in_place, "{ticket}");
                let made = made.unwrap_or_else(|| encoder.rows(rows, ids.end, ids.end + 5).unwrap());
                assert_eq!(made.rows(), copied.rows());
                assert!(made.into_pieces() == copied.into_pieces(), "{ticket} {ids:?}");
            }
        }
    }
}
