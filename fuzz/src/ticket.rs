//! Tickets: text or protobuf, to a scan.

use crate::{data_set, is_misuse, is_refusal, scan_holds, within};
use saasgen::error::Result;
use saasgen::scan::{RequestKind, Scan, ScanRequest};

/// A request of 8 kB, each byte written as `\u{1}`.
const MAX_MESSAGE_BYTES: usize = 64 << 10;

/// Any ticket is refused for a reason that can be sent, or is a scan.
pub fn holds(bytes: &[u8]) {
    match within(1 << 20, || resolve(bytes)) {
        Ok(scan) => scan_holds(&scan),
        Err(error) => {
            is_misuse(&error, MAX_MESSAGE_BYTES);
            is_refusal(&error.into());
        }
    }
}

fn resolve(bytes: &[u8]) -> Result<Scan> {
    Ok(Scan::resolve(data_set(), &ScanRequest::from_bytes(bytes)?, RequestKind::Ticket)?.0)
}
