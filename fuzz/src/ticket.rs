//! Tickets as text or protobuf, which become a scan.

use crate::{assert_misuse, assert_refusal, check_scan, data_set, with_memory_limit};
use saasgen::error::Result;
use saasgen::scan::{RequestKind, Scan, ScanRequest};

/// The limit of a message, in bytes. It may quote a request of 8 kB, with each byte written as `\u{1}`.
const MAX_MESSAGE_BYTES: usize = 64 << 10;

/// Any ticket is a scan, or is refused with a message that fits into a status.
pub fn check(bytes: &[u8]) {
    match with_memory_limit(1 << 20, || resolve(bytes)) {
        Ok(scan) => check_scan(&scan),
        Err(error) => {
            assert_misuse(&error, MAX_MESSAGE_BYTES);
            assert_refusal(&error.into());
        }
    }
}

fn resolve(bytes: &[u8]) -> Result<Scan> {
    Ok(Scan::resolve(data_set(), &ScanRequest::from_bytes(bytes)?, RequestKind::Ticket)?.0)
}
