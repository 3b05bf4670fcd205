//! DoGet's answers on the wire, without copying a batch.
//!
//! The customary way copies each batch three times: into an IPC body, into a protobuf message, into tonic's buffer.
//! Here each Arrow buffer is handed to the HTTP body as a frame of its own, behind a hand-made gRPC and protobuf
//! header. All other calls go through tonic as usual, once their request has been looked at.
//!
//! ```text
//! gRPC      0, length of the message (u32, big-endian)
//! FlightData  data_header = 2:     length, the IPC message's flatbuffer
//!             app_metadata = 3:    length, BatchMark
//!             data_body = 1000:    length, then the frames: buffers and their padding, as IPC lays them out
//! ```

use super::actions;
use super::airport;
use super::caller::Caller;
use super::pool::Panicked;
use super::refusal::Refusal;
use super::requests::{self, Call, PREFIX_BYTES};
use super::service::Service;
use crate::error::{Error, Result};
use crate::scan::{BatchMark, Compression, Scan};
use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::ipc::writer::{IpcWriteOptions, StreamEncoder};
use arrow::ipc::{CompressionType, MessageHeader, root_as_message};
use arrow_flight::flight_service_server::FlightServiceServer;
use bytes::{BufMut, Bytes, BytesMut};
use futures::FutureExt as _;
use futures::stream::{self, Stream};
use http::request::Parts;
use http_body::{Body as HttpBody, Frame};
use http_body_util::Full;
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};
use std::any::Any;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Code, Status};
use tower_service::Service as TowerService;

/// The longest that an IPC message's own prefix is: continuation marker and length.
const IPC_PREFIX_BYTES: usize = 8;

/// A gRPC message, in the pieces that it is sent in.
#[derive(Debug)]
pub(super) struct Message {
    pieces: VecDeque<Bytes>,
    /// Of the table, none in most kinds of messages.
    rows: u64,
}

impl Message {
    /// Any protobuf message, in one piece.
    pub fn of(message: &impl prost::Message) -> Result<Self> {
        let length = message.encoded_len();
        let mut piece = BytesMut::with_capacity(PREFIX_BYTES + length);
        piece.put_u8(0);
        piece.put_u32(u32::try_from(length).map_err(internal)?);
        message.encode(&mut piece).map_err(internal)?;
        Ok(Self { pieces: VecDeque::from([piece.freeze()]), rows: 0 })
    }

    /// Rows of the table that it holds.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Its length on the wire.
    pub fn bytes(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.len() as u64).sum()
    }

    /// The pieces, in order.
    pub fn into_pieces(self) -> VecDeque<Bytes> {
        self.pieces
    }
}

/// Encodes batches of one scan as Flight messages.
#[derive(Debug)]
pub(super) struct Encoder {
    options: IpcWriteOptions,
    /// The customers of a scan for Airport, whose batches tell how far it is.
    airport_ids: Option<Range<u64>>,
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
            // Refused only for metadata older than V5.
            options: options.clone().try_with_compression(compression).unwrap_or(options),
            airport_ids: scan.is_airport().then(|| scan.ids()),
        }
    }

    /// The schema, and the dictionaries of `empty`, a batch without rows.
    pub fn head(&self, empty: &RecordBatch) -> Result<Vec<Message>> {
        let messages = self.ipc_messages(empty)?;
        let head = messages.into_iter().filter(|message| message.kind != MessageHeader::RecordBatch);
        head.map(|message| message.into_flight(&[])).collect()
    }

    /// The rows of `batch`, marked with the first customer after it, and with that after its block where it is a part of
    /// one. Dictionaries have gone before, in the head.
    pub fn batch(&self, batch: &RecordBatch, next_id: u64, block_end: u64) -> Result<Message> {
        let mark = match &self.airport_ids {
            Some(ids) => airport::progress(ids, next_id)?,
            // Zero is not sent.
            None => BatchMark { next_id, block_end: if block_end == next_id { 0 } else { block_end } }.encode_to_vec(),
        };
        let last = self.ipc_messages(batch)?.pop();
        let last = last.ok_or_else(|| Error::Internal("a batch gave no IPC message".into()))?;
        Ok(Message { rows: batch.num_rows() as u64, ..last.into_flight(&mark)? })
    }

    /// Schema, dictionaries, batch: the buffers of the batch are shared, not copied, unless they are compressed.
    fn ipc_messages(&self, batch: &RecordBatch) -> Result<Vec<IpcMessage>> {
        let mut encoder =
            StreamEncoder::try_new_with_options(batch.schema_ref(), self.options.clone()).map_err(internal)?;
        let segments = encoder.encode(batch).map_err(internal)?;
        let mut segments: VecDeque<Bytes> = segments
            .into_iter()
            .filter(|segment| !segment.is_empty())
            .map(|segment| Bytes::from_owner(Owner(segment)))
            .collect();
        let mut messages = Vec::with_capacity(2);
        while !segments.is_empty() {
            messages.push(IpcMessage::split_from(&mut segments)?);
        }
        Ok(messages)
    }
}

/// Lets `Bytes` hold an Arrow buffer.
struct Owner(Buffer);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

struct IpcMessage {
    kind: MessageHeader,
    header: Bytes,
    body: VecDeque<Bytes>,
    body_bytes: usize,
}

impl IpcMessage {
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
        Ok(Self { kind, body: take(segments, body_bytes)?, body_bytes, header })
    }

    fn into_flight(self, app_metadata: &[u8]) -> Result<Message> {
        const DATA_HEADER: u32 = 2;
        const APP_METADATA: u32 = 3;
        const DATA_BODY: u32 = 1_000;
        let field_bytes = |tag, bytes: usize| match bytes {
            0 => 0,
            bytes => key_len(tag) + encoded_len_varint(bytes as u64) + bytes,
        };
        let message_bytes = field_bytes(DATA_HEADER, self.header.len())
            + field_bytes(APP_METADATA, app_metadata.len())
            + field_bytes(DATA_BODY, self.body_bytes);
        let length = u32::try_from(message_bytes).map_err(internal)?;

        let mut head = BytesMut::with_capacity(PREFIX_BYTES + message_bytes - self.body_bytes);
        head.put_u8(0);
        head.put_u32(length);
        for (tag, bytes) in [(DATA_HEADER, &self.header[..]), (APP_METADATA, app_metadata)] {
            if !bytes.is_empty() {
                encode_key(tag, WireType::LengthDelimited, &mut head);
                encode_varint(bytes.len() as u64, &mut head);
                head.put_slice(bytes);
            }
        }
        let mut pieces = self.body;
        if self.body_bytes > 0 {
            encode_key(DATA_BODY, WireType::LengthDelimited, &mut head);
            encode_varint(self.body_bytes as u64, &mut head);
        }
        pieces.push_front(head.freeze());
        Ok(Message { pieces, rows: 0 })
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

fn internal(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("encoding for Flight: {error}"))
}

/// The body of DoGet's answer: the messages' pieces as data frames, then the status as trailers.
struct WireBody<S> {
    messages: Option<Pin<Box<S>>>,
    current: VecDeque<Bytes>,
}

impl<S: Stream<Item = Result<Message, Status>>> HttpBody for WireBody<S> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        loop {
            if let Some(piece) = self.current.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            let Some(messages) = &mut self.messages else { return Poll::Ready(None) };
            let status = match std::task::ready!(messages.as_mut().poll_next(cx)) {
                Some(Ok(message)) => {
                    self.current = message.into_pieces();
                    continue;
                }
                Some(Err(status)) => status,
                None => Status::new(Code::Ok, ""),
            };
            self.messages = None;
            let mut trailers = http::HeaderMap::new();
            return Poll::Ready(Some(status.add_header(&mut trailers).map(|()| Frame::trailers(trailers))));
        }
    }
}

/// Answers DoGet and DoAction itself and leaves the other calls to tonic.
#[derive(Debug, Clone)]
pub(super) struct WireService {
    service: Service,
    others: FlightServiceServer<Service>,
}

impl WireService {
    pub fn new(service: Service) -> Self {
        let others =
            FlightServiceServer::new(service.clone()).max_decoding_message_size(service.limits().request_bytes);
        Self { others, service }
    }
}

impl NamedService for WireService {
    const NAME: &'static str = FlightServiceServer::<Service>::NAME;
}

impl TowerService<http::Request<Body>> for WireService {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let name = request.uri().path().strip_prefix('/').and_then(|path| path.strip_prefix(Self::NAME));
        let name = name.and_then(|name| name.strip_prefix('/')).unwrap_or_default().to_string();
        let mut service = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let caller = Caller::of(&head);
            // A panic would end the connection, and with it the other streams on it.
            let answer = AssertUnwindSafe(service.answer(&name, &caller, head, body)).catch_unwind().await;
            Ok(answer.unwrap_or_else(|panic| Err(panicked(&*panic))).unwrap_or_else(|refusal| {
                service.service.refused(&refusal);
                refusal.log(&caller, &name);
                refusal.status.into_http()
            }))
        })
    }
}

impl WireService {
    async fn answer(&mut self, name: &str, caller: &Caller, head: Parts, body: Body) -> Answer {
        let unknown = || {
            let name: String = name.chars().take(100).collect();
            Status::unimplemented(format!("FlightService has no call {name:?}"))
        };
        let call = Call::from_name(name).ok_or_else(unknown)?;
        let limits = *self.service.limits();
        match call {
            Call::OfMany => self.by_tonic(http::Request::from_parts(head, body)).await,
            Call::OfOne(decode) => {
                let message = Body::new(Full::new(requests::checked(body, limits.request_bytes, decode).await?));
                self.by_tonic(http::Request::from_parts(head, message)).await
            }
            Call::DoAction => {
                let result =
                    self.service.act(&requests::action(body, limits.action_bytes, actions::takes_begin).await?)?;
                Ok(response(stream::iter([Message::of(&result).map_err(Status::from)])))
            }
            Call::DoGet => {
                let asked = Instant::now();
                let ticket = requests::ticket(body, limits.request_bytes).await?;
                Ok(response(self.service.messages(&ticket, caller.clone(), asked)?))
            }
        }
    }

    async fn by_tonic(&mut self, request: http::Request<Body>) -> Answer {
        let response = self.others.call(request).await.unwrap_or_else(|never| match never {});
        match response.extensions().get::<Status>() {
            Some(status) => Err(status.clone().into()),
            None => Ok(response),
        }
    }
}

type Answer = Result<http::Response<Body>, Refusal>;

fn panicked(panic: &(dyn Any + Send)) -> Refusal {
    let Panicked(panic) = Panicked::with(panic);
    tracing::error!(panic, "answering a call panicked");
    Status::from(Error::Internal("answering the call panicked; the server's log has more".into())).into()
}

fn response(messages: impl Stream<Item = Result<Message, Status>> + Send + 'static) -> http::Response<Body> {
    let body = WireBody { messages: Some(Box::pin(messages)), current: VecDeque::new() };
    let mut response = http::Response::new(Body::new(body));
    let grpc = http::HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(http::header::CONTENT_TYPE, grpc);
    response
}
