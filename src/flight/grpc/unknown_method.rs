//! Calls of methods that no service of a server has.

use http::Response;
use tonic::body::Body;
use tonic::{Code, Status};

/// The most characters of a path that an answer repeats.
const MAX_PATH_CHARS: usize = 200;

/// Adds a message with the `path` of the call to an `answer` that has only the code UNIMPLEMENTED. tonic answers so if
/// it knows no such method.
pub(in crate::flight) fn name(answer: &mut Response<Body>, path: &str) {
    let status = Status::from_header_map(answer.headers());
    if !status.is_some_and(|status| status.code() == Code::Unimplemented && status.message().is_empty()) {
        return;
    }
    let path: String = path.chars().take(MAX_PATH_CHARS).collect();
    // Fails only for metadata, and there is none.
    let _ = Status::unimplemented(format!("this server has no method {path:?}")).add_header(answer.headers_mut());
}
