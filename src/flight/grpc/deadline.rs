//! The deadline that a client sets for a call with the header `grpc-timeout`.

use bytes::Bytes;
use futures::stream;
use futures::task::AtomicWaker;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame};
use http_body_util::StreamBody;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};
use tonic::Status;
use tonic::body::Body;

/// tonic ends a late call with CANCELLED. This much earlier, it ends as it should.
const BEFORE_TONIC: Duration = Duration::from_millis(1);

/// Returns the deadline in `headers`, or `None` if they have none.
///
/// # Errors
/// INVALID_ARGUMENT if it is malformed.
pub(in crate::flight) fn of(headers: &HeaderMap) -> Result<Option<Instant>, Status> {
    let Some(value) = headers.get("grpc-timeout") else { return Ok(None) };
    let timeout = value.to_str().ok().and_then(timeout).ok_or_else(|| {
        Status::invalid_argument(format!(
            "grpc-timeout is {:?}; it must be 1 to 8 digits and a unit, H, M, S, m, u or n, such as 500m",
            String::from_utf8_lossy(value.as_bytes())
        ))
    })?;
    Ok(Instant::now().checked_add(timeout.saturating_sub(BEFORE_TONIC)))
}

/// Reads the value of `grpc-timeout`.
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let is_number = digits.len() <= 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = Some(digits).filter(|_| is_number)?.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3_600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// Waits for an answer, and ends it with DEADLINE_EXCEEDED at `deadline`.
pub(in crate::flight) async fn limit(
    deadline: Option<Instant>,
    answer: impl Future<Output = Result<http::Response<Body>, Infallible>>,
) -> Result<http::Response<Body>, Infallible> {
    let Some(deadline) = deadline else { return answer.await };
    match timeout_at(deadline, answer).await {
        Ok(answer) => Ok(answer?.map(|body| if body.is_end_stream() { body } else { limited(deadline, body) })),
        Err(_) => Ok(exceeded().into_http()),
    }
}

/// Ends `body` with DEADLINE_EXCEEDED at `deadline`. If the client reads nothing, nobody polls the body, so a task drops it:
/// then no more is generated for it, and its memory is free.
fn limited(deadline: Instant, body: Body) -> Body {
    let (body, waker) = (Arc::new(Mutex::new(Some(body))), Arc::new(AtomicWaker::new()));
    let (late, waiting) = (Arc::clone(&body), Arc::clone(&waker));
    // Dropping the set ends the task.
    let mut timer = JoinSet::new();
    timer.spawn(async move {
        sleep_until(deadline).await;
        let late = late.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(late);
        waiting.wake();
    });
    let frames = stream::poll_fn(move |cx| {
        let _timer = &timer;
        waker.register(cx.waker());
        match &mut *body.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(Some(trailers())),
        }
    });
    Body::new(StreamBody::new(frames))
}

fn exceeded() -> Status {
    Status::deadline_exceeded("the deadline that the client set with grpc-timeout has passed")
}

fn trailers() -> Result<Frame<Bytes>, Status> {
    let mut trailers = HeaderMap::new();
    exceeded().add_header(&mut trailers).map(|()| Frame::trailers(trailers))
}
