//! Arrow IPC messages from Arrow's own encoder, split into header and body. Bodies share the bytes of the batch.

use super::message::internal;
use super::stretched_block;
use crate::error::Result;
use arrow::array::{ArrayData, RecordBatch, make_array};
use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::{IpcWriteOptions, StreamEncoder};
use arrow::ipc::{Message as MessageTable, MessageHeader, root_as_message};
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::ops::Range;

/// Bytes of the prefix of an IPC message: continuation marker and length.
const IPC_PREFIX_BYTES: usize = 8;

/// One Arrow IPC message.
pub(super) struct IpcMessage {
    pub kind: MessageHeader,
    /// The flatbuffer.
    pub header: Bytes,
    /// The body, in pieces.
    pub body: VecDeque<Bytes>,
    /// Bytes of the body, with `zeros`.
    pub body_bytes: usize,
    /// The last bytes of the body, in a stretched block.
    pub zeros: Bytes,
}

impl IpcMessage {
    /// Encodes the schema, the dictionaries and the rows of `batch`, as one message each.
    pub fn all_of(batch: &RecordBatch, options: &IpcWriteOptions) -> Result<Vec<Self>> {
        let mut encoder = StreamEncoder::try_new_with_options(batch.schema_ref(), options.clone()).map_err(internal)?;
        let segments = encoder.encode(batch).map_err(internal)?;
        let mut segments: VecDeque<Bytes> = segments
            .into_iter()
            .filter(|segment| !segment.is_empty())
            .map(|segment| Bytes::from_owner(BufferOwner(segment)))
            .collect();
        let mut messages = Vec::with_capacity(2);
        while !segments.is_empty() {
            messages.push(Self::split_from(&mut segments)?);
        }
        Ok(messages)
    }

    /// Encodes the rows of `batch` alone.
    pub fn of(batch: &RecordBatch, options: &IpcWriteOptions) -> Result<Self> {
        Self::all_of(batch, options)?.pop().ok_or_else(|| internal("a batch gave no IPC message"))
    }

    /// Takes the first message from bytes in the IPC stream format.
    fn split_from(segments: &mut VecDeque<Bytes>) -> Result<Self> {
        let prefix = joined(take(segments, IPC_PREFIX_BYTES)?);
        let header_bytes = match prefix[..] {
            [0xFF, 0xFF, 0xFF, 0xFF, a, b, c, d] => u32::from_le_bytes([a, b, c, d]) as usize,
            _ => return Err(internal("an IPC message without its prefix")),
        };
        let header = joined(take(segments, header_bytes)?);
        let message = root_as_message(&header).map_err(internal)?;
        let (kind, body_bytes) = (message.header_type(), message.bodyLength() as usize);
        Ok(Self { kind, body: take(segments, body_bytes)?, body_bytes, header, zeros: Bytes::new() })
    }

    /// Adds `zeros` to the end of the body.
    pub fn append(&mut self, zeros: Bytes) -> Result<()> {
        let message = root_as_message(&self.header).map_err(internal)?;
        let table = message._tab;
        let place = table.loc() + usize::from(table.vtable().get(MessageTable::VT_BODYLENGTH));
        self.zeros = zeros;
        self.body_bytes += self.zeros.len();
        let mut header = BytesMut::from(&self.header[..]);
        header[place..][..8].copy_from_slice(&(self.body_bytes as i64).to_le_bytes());
        self.header = header.freeze();
        Ok(())
    }

    /// Returns the place of each buffer in the body, in order. A column of numbers without nulls has one buffer.
    pub fn buffers(&self) -> Result<Vec<Range<usize>>> {
        let message = root_as_message(&self.header).map_err(internal)?;
        let buffers = message.header_as_record_batch().and_then(|batch| batch.buffers());
        let buffers = buffers.ok_or_else(|| internal("a batch without buffers"))?.iter();
        let places = buffers.map(|buffer| buffer.offset() as usize..(buffer.offset() + buffer.length()) as usize);
        Ok(places.filter(|place| !place.is_empty()).collect())
    }
}

/// Returns a batch of `rows` zeros that takes no memory, to learn how IPC lays out a batch of that many rows. Returns
/// `None` if a column is not numeric, or longer than a MiB.
pub(super) fn batch_of_zeros(schema: SchemaRef, rows: usize) -> Option<RecordBatch> {
    let zeros = Buffer::from(stretched_block::zeros());
    let columns = schema.fields().iter().map(|field| {
        let bytes = rows.checked_mul(field.data_type().primitive_width()?).filter(|&bytes| bytes <= zeros.len())?;
        let values = vec![zeros.slice_with_length(0, bytes)];
        ArrayData::try_new(field.data_type().clone(), rows, None, 0, values, Vec::new()).ok().map(make_array)
    });
    let columns = columns.collect::<Option<_>>()?;
    RecordBatch::try_new(schema, columns).ok()
}

/// Splits `body` at the `places` of its buffers, and fills the padding between them with zeros. Returns `None` if the
/// places are not ascending, or not within the body.
pub(super) fn split_at_buffers(mut body: &mut [u8], places: Vec<Range<usize>>) -> Option<Vec<&mut [u8]>> {
    let (mut buffers, mut end) = (Vec::with_capacity(places.len()), 0);
    for place in places {
        let (padding, rest) = body.split_at_mut_checked(place.start.checked_sub(end)?)?;
        padding.fill(0);
        let (buffer, rest) = rest.split_at_mut_checked(place.len())?;
        buffers.push(buffer);
        (body, end) = (rest, place.end);
    }
    body.fill(0);
    Some(buffers)
}

/// Lets `Bytes` own an Arrow buffer.
struct BufferOwner(Buffer);

impl AsRef<[u8]> for BufferOwner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Takes the first `count` bytes from `segments`.
fn take(segments: &mut VecDeque<Bytes>, mut count: usize) -> Result<VecDeque<Bytes>> {
    let mut taken = VecDeque::new();
    while count > 0 {
        let first = segments.front_mut().ok_or_else(|| internal("an IPC message cut short"))?;
        let part = first.split_to(count.min(first.len()));
        count -= part.len();
        taken.push_back(part);
        if first.is_empty() {
            segments.pop_front();
        }
    }
    Ok(taken)
}

fn joined(mut pieces: VecDeque<Bytes>) -> Bytes {
    match pieces.len() {
        1 => pieces.pop_front().unwrap_or_default(),
        _ => pieces.into_iter().flatten().collect(),
    }
}
