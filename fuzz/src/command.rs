//! Descriptors, commands and paths, which become a FlightInfo.

use crate::{assert_refusal, check_scan, data_set, resolve_issued, with_memory_limit};
use arrow_flight::{FlightDescriptor, FlightInfo};
use prost::Message;
use saasgen::flight::server::get_flight_info;
use saasgen::scan::{Partitions, Scan};

/// The smallest message size limit of clients, in bytes.
const MAX_ANSWER_BYTES: usize = 4 << 20;

/// Any command and any path is a flight, or is refused with a message that fits into a status.
pub fn check(bytes: &[u8]) {
    check_descriptor(FlightDescriptor::new_cmd(bytes.to_vec()));
    if let Ok(text) = std::str::from_utf8(bytes) {
        check_descriptor(FlightDescriptor::new_path(text.split('/').map(str::to_string).collect()));
    }
    // A descriptor from the network may have an unknown type, or both a command and a path.
    if let Ok(descriptor) = FlightDescriptor::decode(bytes) {
        check_descriptor(descriptor);
    }
}

fn check_descriptor(descriptor: FlightDescriptor) {
    match with_memory_limit(4 * MAX_ANSWER_BYTES as u64, || get_flight_info(data_set(), descriptor.clone())) {
        Ok(info) => check_flight_info(&info, &descriptor),
        Err(error) => assert_refusal(&error.into()),
    }
}

/// Checks that the endpoints cover the scan in order and without a gap.
fn check_flight_info(info: &FlightInfo, descriptor: &FlightDescriptor) {
    assert!(info.encoded_len() <= MAX_ANSWER_BYTES + descriptor.encoded_len(), "{} bytes", info.encoded_len());
    assert_eq!(info.flight_descriptor.as_ref(), Some(descriptor));
    assert!(info.ordered && (1..=Partitions::MAX as usize).contains(&info.endpoint.len()));
    let scan = |index: usize| -> Option<Scan> {
        let ticket = info.endpoint.get(index)?.ticket.as_ref()?;
        Some(resolve_issued(&ticket.ticket))
    };
    let (first, last) = (scan(0).expect("a first endpoint"), scan(info.endpoint.len() - 1).expect("a last endpoint"));
    check_scan(&first);
    assert_eq!(first.days(), last.days());
    let whole = first.for_ids(first.ids().start..last.ids().end);
    assert_eq!(info.total_records, whole.exact_rows().map_or(-1, |rows| rows as i64));
    if let Some(second) = scan(1) {
        assert_eq!(first.ids().end, second.ids().start);
    }
}
