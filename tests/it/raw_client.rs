//! A client of HTTP/2 that knows nothing of gRPC, so it can send what gRPC's own clients do not.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::fmt::Debug;
use std::io::Write;
use tokio::net::TcpStream;
use tonic::body::Body;
use tonic::{Code, Status};

/// A connection to a server.
pub struct RawClient {
    address: String,
    sender: SendRequest<Body>,
}

impl RawClient {
    pub async fn connect(address: impl ToString) -> Self {
        let address = address.to_string();
        let io = TokioIo::new(TcpStream::connect(&address).await.unwrap());
        let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        Self { address, sender }
    }

    /// Sends a request with `headers`, and returns the head of the answer.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Response<Incoming> {
        let uri = format!("http://{}{path}", self.address);
        let request = Request::builder().method(method).uri(uri);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.sender.send_request(request.body(body.into()).unwrap()).await.unwrap()
    }

    /// Makes a call of gRPC with one request, and reads the answer to its end.
    pub async fn call(&mut self, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let headers = [&[("content-type", "application/grpc")], headers].concat();
        Answer::of(self.send(Method::POST, path, &headers, body).await).await
    }
}

/// An answer of gRPC.
#[derive(Debug)]
pub struct Answer {
    pub headers: HeaderMap,
    pub body: Bytes,
    pub status: Status,
}

impl Answer {
    pub async fn of<B: http_body::Body<Data = Bytes, Error: Debug>>(response: Response<B>) -> Self {
        let (head, body) = response.into_parts();
        let collected = body.collect().await.unwrap();
        let trailers = collected.trailers().cloned().unwrap_or_default();
        let status = [&trailers, &head.headers].into_iter().find_map(Status::from_header_map);
        let status = status.unwrap_or_else(|| Status::new(Code::Unknown, "no status"));
        Self { headers: head.headers, body: collected.to_bytes(), status }
    }
}

/// Returns a message with its gRPC prefix.
pub fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    [&[flag][..], &(message.len() as u32).to_be_bytes(), message].concat()
}

/// Returns a message that is compressed with gzip, with its gRPC prefix.
pub fn gzipped(message: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(message).unwrap();
    framed(1, &encoder.finish().unwrap())
}

/// Returns a body with these bytes.
pub fn body(bytes: Vec<u8>) -> Body {
    Body::new(http_body_util::Full::from(bytes))
}
