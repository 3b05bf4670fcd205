//! Descriptors: commands and paths, to a FlightInfo.

use crate::{data_set, is_refusal, resolved, scan_holds, within};
use arrow_flight::{FlightDescriptor, FlightInfo};
use prost::Message;
use saasgen::flight::server::get_flight_info;
use saasgen::scan::{Partitions, Scan};

/// The least that clients accept.
const MAX_ANSWER_BYTES: usize = 4 << 20;

/// Any command, and any path, is refused for a reason that can be sent, or is a flight.
pub fn holds(bytes: &[u8]) {
    flight_holds(FlightDescriptor::new_cmd(bytes.to_vec()));
    if let Ok(text) = std::str::from_utf8(bytes) {
        flight_holds(FlightDescriptor::new_path(text.split('/').map(str::to_string).collect()));
    }
    // What comes on the wire may have a type that is none, or both a command and a path.
    if let Ok(descriptor) = FlightDescriptor::decode(bytes) {
        flight_holds(descriptor);
    }
}

fn flight_holds(descriptor: FlightDescriptor) {
    match within(4 * MAX_ANSWER_BYTES as u64, || get_flight_info(data_set(), descriptor.clone())) {
        Ok(info) => info_holds(&info, &descriptor),
        Err(error) => is_refusal(&error.into()),
    }
}

/// The endpoints are the scan, in order and without a gap.
fn info_holds(info: &FlightInfo, descriptor: &FlightDescriptor) {
    assert!(info.encoded_len() <= MAX_ANSWER_BYTES + descriptor.encoded_len(), "{} bytes", info.encoded_len());
    assert_eq!(info.flight_descriptor.as_ref(), Some(descriptor));
    assert!(info.ordered && (1..=Partitions::MAX as usize).contains(&info.endpoint.len()));
    let scan = |index: usize| -> Option<Scan> {
        let ticket = info.endpoint.get(index)?.ticket.as_ref()?;
        Some(resolved(&ticket.ticket))
    };
    let (first, last) = (scan(0).expect("a first endpoint"), scan(info.endpoint.len() - 1).expect("a last endpoint"));
    scan_holds(&first);
    assert_eq!(first.days(), last.days());
    let whole = first.for_ids(first.ids().start..last.ids().end);
    assert_eq!(info.total_records, whole.exact_rows().map_or(-1, |rows| rows as i64));
    if let Some(second) = scan(1) {
        assert_eq!(first.ids().end, second.ids().start);
    }
}
