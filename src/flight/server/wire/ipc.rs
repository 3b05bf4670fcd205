//! Messages of Arrow IPC as Arrow's encoder makes them. The bytes of a batch are shared, not copied.

use super::internal;
use crate::error::Result;
use arrow::array::{ArrayData, RecordBatch, make_array};
use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::{IpcWriteOptions, StreamEncoder};
use arrow::ipc::{Message as MessageTable, MessageHeader, root_as_message};
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::ops::Range;

/// The longest that an IPC message's own prefix is: continuation marker and length.
const IPC_PREFIX_BYTES: usize = 8;

/// Zeros of nobody and all: a reader that stalls at a stretched block holds none of its own.
#[repr(align(64))]
struct Zeros([u8; 1 << 20]);

static ZEROS: Zeros = Zeros([0; 1 << 20]);

/// Bytes of zeros behind the columns of a stretched block: its message stays far under the 4 MiB that some clients take.
#[cfg(test)]
pub(super) const STRETCH_BYTES: usize = ZEROS.0.len();

pub(super) struct IpcMessage {
    pub kind: MessageHeader,
    pub header: Bytes,
    /// In pieces.
    pub body: VecDeque<Bytes>,
    pub body_bytes: usize,
    /// Behind the body's pieces, as part of it.
    pub zeros: Bytes,
}

impl IpcMessage {
    /// Schema, dictionaries, batch.
    pub fn all_of(batch: &RecordBatch, options: &IpcWriteOptions) -> Result<Vec<Self>> {
        let mut encoder = StreamEncoder::try_new_with_options(batch.schema_ref(), options.clone()).map_err(internal)?;
        let segments = encoder.encode(batch).map_err(internal)?;
        let mut segments: VecDeque<Bytes> = segments
            .into_iter()
            .filter(|segment| !segment.is_empty())
            .map(|segment| Bytes::from_owner(Owner(segment)))
            .collect();
        let mut messages = Vec::with_capacity(2);
        while !segments.is_empty() {
            messages.push(Self::split_from(&mut segments)?);
        }
        Ok(messages)
    }

    /// The batch alone. Its dictionaries are another's.
    pub fn of(batch: &RecordBatch, options: &IpcWriteOptions) -> Result<Self> {
        Self::all_of(batch, options)?.pop().ok_or_else(|| internal("a batch gave no IPC message"))
    }

    /// Takes the first message off a stream in IPC's stream format.
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

    /// Lengthens the body by zeros that no buffer covers.
    pub fn stretch(&mut self) -> Result<()> {
        let message = root_as_message(&self.header).map_err(internal)?;
        let table = message._tab;
        let place = table.loc() + usize::from(table.vtable().get(MessageTable::VT_BODYLENGTH));
        self.zeros = Bytes::from_static(&ZEROS.0);
        self.body_bytes += self.zeros.len();
        let mut header = BytesMut::from(&self.header[..]);
        header[place..][..8].copy_from_slice(&(self.body_bytes as i64).to_le_bytes());
        self.header = header.freeze();
        Ok(())
    }

    /// Where in the body there are buffers, in order. Columns of numbers without nulls have one each.
    pub fn buffers(&self) -> Result<Vec<Range<usize>>> {
        let message = root_as_message(&self.header).map_err(internal)?;
        let buffers = message.header_as_record_batch().and_then(|batch| batch.buffers());
        let buffers = buffers.ok_or_else(|| internal("a batch without buffers"))?.iter();
        let places = buffers.map(|buffer| buffer.offset() as usize..(buffer.offset() + buffer.length()) as usize);
        Ok(places.filter(|place| !place.is_empty()).collect())
    }
}

/// So many rows of zeros, which take no memory. `None` where a column is not of numbers, or there are too many.
pub(super) fn zeros(schema: SchemaRef, rows: usize) -> Option<RecordBatch> {
    let zeros = Buffer::from(Bytes::from_static(&ZEROS.0));
    let columns = schema.fields().iter().map(|field| {
        let bytes = rows.checked_mul(field.data_type().primitive_width()?).filter(|&bytes| bytes <= zeros.len())?;
        let values = vec![zeros.slice_with_length(0, bytes)];
        ArrayData::try_new(field.data_type().clone(), rows, None, 0, values, Vec::new()).ok().map(make_array)
    });
    let columns = columns.collect::<Option<_>>()?;
    RecordBatch::try_new(schema, columns).ok()
}

/// `body` at the `places` of its buffers, with zeros put between them. `None` where they are not in order, within it.
pub(super) fn split(mut body: &mut [u8], places: Vec<Range<usize>>) -> Option<Vec<&mut [u8]>> {
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

/// Lets `Bytes` hold an Arrow buffer.
struct Owner(Buffer);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Takes `count` bytes off the front of `segments`.
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
