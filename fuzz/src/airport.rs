//! Bodies of the actions that DuckDB's Airport extension calls.

use crate::{data_set, is_refusal, resolved, scan_holds, within};
use arrow_flight::{Action, FlightDescriptor, FlightEndpoint};
use futures::executor::block_on;
use prost::Message;
use saasgen::flight::server::{Limits, do_action};
use saasgen::scan::Partitions;
use saasgen::tables::Table;
use serde::Serialize;
use serde_bytes::{ByteBuf, Bytes};

const ACTIONS: [&str; 6] =
    ["endpoints", "list_schemas", "catalog_version", "create_transaction", "flight_info", "column_statistics"];

/// The least that clients accept.
const MAX_ANSWER_BYTES: usize = 4 << 20;

/// Of an action that is kept, where its body is to be cut: some end within the descriptor, some after it.
const SHORT_ACTION_BYTES: usize = 100;

/// The first byte says what the rest is: the body of an action, one of which only the begin is kept, or the filters and
/// column ids of `endpoints` for a table. So mutations needn't keep msgpack's lengths right to come as far as filters.
pub fn holds(bytes: &[u8]) {
    let Some((&kind, rest)) = bytes.split_first() else { return };
    let kind = usize::from(kind);
    match kind.checked_sub(2 * ACTIONS.len()) {
        Some(table) => filters_hold(Table::ALL[table % Table::ALL.len()], rest),
        None => {
            let action_bytes = if kind < ACTIONS.len() { Limits::default().action_bytes } else { SHORT_ACTION_BYTES };
            action_holds(ACTIONS[kind % ACTIONS.len()], rest, &Limits { action_bytes, ..Limits::default() });
        }
    }
}

#[derive(Serialize)]
struct EndpointsRequest<'a> {
    descriptor: &'a Bytes,
    parameters: EndpointsParameters<'a>,
}

#[derive(Serialize)]
struct EndpointsParameters<'a> {
    json_filters: &'a Bytes,
    column_ids: &'a [u8],
}

/// The first byte is a column's id, the rest filters.
fn filters_hold(table: Table, bytes: &[u8]) {
    let (column_ids, filters) = bytes.split_at(bytes.len().min(1));
    let descriptor = FlightDescriptor::new_path(vec![table.name().to_string()]).encode_to_vec();
    let parameters = EndpointsParameters { json_filters: Bytes::new(filters), column_ids };
    let body = rmp_serde::to_vec_named(&EndpointsRequest { descriptor: Bytes::new(&descriptor), parameters });
    let answer = action_holds("endpoints", &body.expect("it can be written"), &Limits::default());
    assert!(answer.is_some(), "filters are never refused");
}

fn action_holds(name: &str, body: &[u8], limits: &Limits) -> Option<Vec<u8>> {
    let action = Action::new(name, body.to_vec()).encode_to_vec();
    let allowed = 4 * MAX_ANSWER_BYTES + 100 * body.len();
    match within(allowed as u64, || block_on(do_action(data_set(), limits, &action))) {
        Ok(answer) => {
            assert!(answer.len() <= MAX_ANSWER_BYTES + 20 * body.len(), "{} bytes", answer.len());
            if name == "endpoints" {
                endpoints_hold(&answer);
            }
            Some(answer)
        }
        Err(status) => {
            is_refusal(&status);
            None
        }
    }
}

fn endpoints_hold(answer: &[u8]) {
    let endpoints: Vec<ByteBuf> = rmp_serde::from_slice(answer).expect("a list of endpoints");
    assert!((1..=Partitions::MAX as usize).contains(&endpoints.len()), "{} endpoints", endpoints.len());
    for endpoint in endpoints.iter().take(2).chain(endpoints.last()) {
        let endpoint = FlightEndpoint::decode(endpoint.as_slice()).expect("a FlightEndpoint");
        let scan = resolved(&endpoint.ticket.expect("a ticket").ticket);
        assert!(scan.is_airport());
        scan_holds(&scan);
    }
}
