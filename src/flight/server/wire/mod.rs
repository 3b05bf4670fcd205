//! DoGet's answers on the wire, made in place.
//!
//! The customary way copies each batch three times: into an IPC body, into a protobuf message, into tonic's buffer. Here
//! columns of numbers are made where they are sent from, behind a hand-made gRPC and protobuf header; other columns are
//! copied there once, while they are in the cache of the processor that made them:
//!
//! ```text
//! gRPC      0, length of the message (u32, big-endian)
//! FlightData  data_header = 2:     length, the IPC message's flatbuffer
//!             app_metadata = 3:    length, BatchMark
//!             data_body = 1000:    length, then buffers and their padding, as IPC lays them out
//! ```
//!
//! Made as arrays first and then copied here, columns of numbers take a sixteenth of all processor time more where one
//! pyarrow client reads, and push more out of the caches: it reads a tenth slower, and 16 of them 15 % (two cores of an
//! AMD EPYC 9004). Each buffer sent as a piece of its own is slower still: h2 writes a frame at a time, so that a batch
//! takes six writes in place of two, and a client on the same machine is woken for each.

mod ipc;

use super::airport;
use super::buffers::Buffers;
use super::requests::PREFIX_BYTES;
use crate::batches::Rows;
use crate::error::{Error, Result};
use crate::scan::{BatchMark, Compression, Scan};
use arrow::array::RecordBatch;
use arrow::ipc::writer::IpcWriteOptions;
use arrow::ipc::{CompressionType, MessageHeader};
use bytes::{BufMut, Bytes, BytesMut};
use ipc::IpcMessage;
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};
use std::ops::Range;
use std::sync::Arc;

/// Of a stream's blocks, the one that is stretched.
const STRETCHED_BLOCK: usize = 3;

/// A gRPC message, as it is sent.
#[derive(Debug, Clone)]
pub(super) struct Message {
    bytes: Bytes,
    /// Behind it, if it is stretched.
    zeros: Bytes,
    /// Of the table, none in most kinds of messages.
    rows: u64,
}

impl Message {
    /// Any protobuf message.
    pub fn of(message: &impl prost::Message) -> Result<Self> {
        let length = message.encoded_len();
        let mut bytes = BytesMut::with_capacity(PREFIX_BYTES + length);
        bytes.put_u8(0);
        bytes.put_u32(u32::try_from(length).map_err(internal)?);
        message.encode(&mut bytes).map_err(internal)?;
        Ok(Self { bytes: bytes.freeze(), zeros: Bytes::new(), rows: 0 })
    }

    /// Rows of the table that it holds.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Its length on the wire.
    pub fn length(&self) -> u64 {
        self.bytes.len() as u64 + self.zeros.len() as u64
    }

    /// It, gRPC's prefix first; then the zeros that it is stretched by, none in most messages.
    pub fn into_pieces(self) -> [Bytes; 2] {
        [self.bytes, self.zeros]
    }
}

/// Encodes batches of one scan as Flight messages.
#[derive(Debug)]
pub(super) struct Encoder {
    options: IpcWriteOptions,
    is_compressing: bool,
    /// The customers of a scan for Airport, whose batches tell how far it is.
    airport_ids: Option<Range<u64>>,
    /// The first customer after the block that is stretched, if one is.
    stretched_end: Option<u64>,
    buffers: Arc<Buffers>,
}

impl Encoder {
    pub fn new(scan: &Scan) -> Self {
        let compression = match scan.compression() {
            Compression::None => None,
            Compression::Lz4 => Some(CompressionType::LZ4_FRAME),
            Compression::Zstd => Some(CompressionType::ZSTD),
        };
        let options = IpcWriteOptions::default();
        Self {
            is_compressing: compression.is_some(),
            // Refused only for metadata older than V5.
            options: options.clone().try_with_compression(compression).unwrap_or(options),
            airport_ids: scan.is_airport().then(|| scan.ids()),
            stretched_end: None,
            buffers: Arc::default(),
        }
    }

    /// Writes messages in these.
    pub fn with_buffers(self, buffers: Arc<Buffers>) -> Self {
        Self { buffers, ..self }
    }

    /// For clients that allocate by glibc: one early block is sent with zeros behind its columns.
    ///
    /// glibc gives freed memory back to the system where more than twice the largest piece lies free that was ever mapped
    /// alone. Batches of a size come to just that: a reader that frees one while it holds the next has room for two, and a
    /// little more. So pages are given back and faulted in again, batch for batch: 7,700 faults for 98 MB where 16 pyarrow
    /// clients read. After one message of twice the size there are 1,000, and the 16 read a tenth faster.
    pub fn stretching(self, scan: &Scan) -> Self {
        Self { stretched_end: scan.blocks().nth(STRETCHED_BLOCK).map(|ids| ids.end), ..self }
    }

    /// Whether one block is sent with zeros behind its columns.
    pub fn is_stretching(&self) -> bool {
        self.stretched_end.is_some()
    }

    /// The schema, and the dictionaries of `empty`, a batch without rows.
    pub fn head(&self, empty: &RecordBatch) -> Result<Vec<Message>> {
        let messages = IpcMessage::all_of(empty, &self.options)?;
        let head = messages.into_iter().filter(|message| message.kind != MessageHeader::RecordBatch);
        head.map(|message| self.copied(&message, &[])).collect()
    }

    /// What [`Self::batch`] makes of the batch of `rows`. Their columns are made in the message if they can be.
    pub fn rows(&self, rows: Rows<'_>, next_id: u64, block_end: u64) -> Result<Message> {
        match self.in_place(&rows, next_id, block_end)? {
            Some(message) => Ok(message),
            None => self.batch(&rows.into_batch()?, next_id, block_end),
        }
    }

    /// The message of `rows`, made in place; `None` where they are compressed, or not all columns are numbers.
    fn in_place(&self, rows: &Rows<'_>, next_id: u64, block_end: u64) -> Result<Option<Message>> {
        let Rows::Deferred { batches, rows: found } = rows else { return Ok(None) };
        if self.is_compressing {
            return Ok(None);
        }
        let Some(zeros) = ipc::zeros(batches.schema(), found.rows()) else { return Ok(None) };
        let ipc = self.ipc_batch(&zeros, next_id)?;
        let places = ipc.buffers()?;
        let message = self.message(&ipc, &self.mark(next_id, block_end)?, |body| {
            let columns = ipc::split(body, places).ok_or_else(|| internal("buffers out of order"))?;
            batches.write(found, columns)
        })?;
        Ok(Some(Message { rows: found.rows() as u64, ..message }))
    }

    /// The rows of `batch`, marked with the first customer after it, and with that after its block where it is a part of
    /// one. Dictionaries have gone before, in the head.
    pub fn batch(&self, batch: &RecordBatch, next_id: u64, block_end: u64) -> Result<Message> {
        let message = self.copied(&self.ipc_batch(batch, next_id)?, &self.mark(next_id, block_end)?)?;
        Ok(Message { rows: batch.num_rows() as u64, ..message })
    }

    /// What tells a client how far it has come.
    fn mark(&self, next_id: u64, block_end: u64) -> Result<Vec<u8>> {
        match &self.airport_ids {
            Some(ids) => airport::progress(ids, next_id),
            // Zero is not sent.
            None => {
                Ok(BatchMark { next_id, block_end: if block_end == next_id { 0 } else { block_end } }.encode_to_vec())
            }
        }
    }

    fn ipc_batch(&self, batch: &RecordBatch, next_id: u64) -> Result<IpcMessage> {
        let mut message = IpcMessage::of(batch, &self.options)?;
        if self.stretched_end == Some(next_id) {
            message.stretch()?;
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

    /// Flight's message of `ipc`, with the body that `write` makes.
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

        let bytes = self.buffers.filled(head + ipc.body_bytes - ipc.zeros.len(), head, |bytes| {
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

fn internal(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("encoding for Flight: {error}"))
}

#[cfg(test)]
mod tests {
    use super::ipc::STRETCH_BYTES;
    use super::*;
    use crate::batches::Batches;
    use crate::model::Model;
    use crate::scan::{RequestKind, ScanRequest};
    use crate::tables::{DataSet, Laws, Table};
    use arrow::ipc::root_as_message;
    use arrow_flight::FlightData;
    use arrow_flight::utils::flight_data_to_arrow_batch;
    use std::collections::HashMap;

    #[test]
    fn one_early_block_is_stretched_by_zeros_that_readers_pass_over() {
        let data_set = DataSet::new(Arc::new(Laws::new(Model::saas_v1().unwrap())), 42, 5_000).unwrap();
        let scan = Scan::whole(&data_set, Table::UsageDaily).for_ids(1_000..5_001);
        let batches = Batches::new(scan.clone());
        let (plain, stretching) = (Encoder::new(&scan), Encoder::new(&scan).stretching(&scan));
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
        assert_eq!(stretched, [0, 0, 0, STRETCH_BYTES, 0]);
    }

    #[test]
    fn a_message_is_a_prefix_and_flight_data_whose_body_is_the_columns() {
        let data_set = DataSet::new(Arc::new(Laws::new(Model::saas_v1().unwrap())), 42, 2_000).unwrap();
        let scan = Scan::whole(&data_set, Table::UsageDaily);
        let batch = Batches::new(scan.clone()).batch(1..2_001).unwrap();
        let message = Encoder::new(&scan).batch(&batch, 2_001, 2_001).unwrap();
        assert_eq!(message.rows(), batch.num_rows() as u64);
        let [bytes, zeros] = message.into_pieces();
        assert!(zeros.is_empty());
        assert_eq!(
            bytes[..PREFIX_BYTES],
            [&[0], &(bytes.len() as u32 - PREFIX_BYTES as u32).to_be_bytes()[..]].concat()
        );
        let data = FlightData::decode(bytes.slice(PREFIX_BYTES..)).unwrap();
        assert_eq!(BatchMark::decode(data.app_metadata.clone()).unwrap().next_id, 2_001);
        assert_eq!(root_as_message(&data.data_header).unwrap().bodyLength() as usize, data.data_body.len());
        assert_eq!(flight_data_to_arrow_batch(&data, batch.schema(), &HashMap::new()).unwrap(), batch);
    }

    #[test]
    fn columns_made_in_a_message_are_byte_for_byte_those_of_its_batch() {
        let data_set = DataSet::new(Arc::new(Laws::new(Model::saas_v1().unwrap())), 42, 3_000).unwrap();
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
            let (batches, encoder) = (Batches::new(scan.clone()), Encoder::new(&scan).stretching(&scan));
            for ids in [1..1_025, 2_049..2_060, 1_025..3_001, 1..2_900] {
                let batch = batches.batch(ids.clone()).unwrap();
                let copied = encoder.batch(&batch, ids.end, ids.end + 5).unwrap();
                let rows = batches.rows(ids.clone()).unwrap();
                assert_eq!(rows.count(), batch.num_rows());
                // Where it lies in memory, there was another.
                let stale = encoder.buffers.filled(copied.length() as usize, 0, |bytes| {
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
