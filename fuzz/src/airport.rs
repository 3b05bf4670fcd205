//! Bodies of the actions that DuckDB's Airport extension calls.

use crate::{assert_refusal, check_scan, data_set, resolve_issued, with_memory_limit};
use arrow_flight::{Action, FlightDescriptor, FlightEndpoint};
use futures::executor::block_on;
use prost::Message;
use saasgen::flight::server::{Limits, do_action};
use saasgen::models::{Table, saas_v1};
use saasgen::scan::Partitions;
use serde::Serialize;
use serde_bytes::{ByteBuf, Bytes};

const ACTIONS: [&str; 6] =
    ["endpoints", "list_schemas", "catalog_version", "create_transaction", "flight_info", "column_statistics"];

/// The smallest message size limit of clients, in bytes.
const MAX_ANSWER_BYTES: usize = 4 << 20;

/// A small limit on the bytes that the server keeps of an action. Bodies are cut off within the descriptor or after it.
const SHORT_ACTION_BYTES: usize = 100;

/// The first byte selects the meaning of the rest: the body of an action, the body of an action that is cut off, or the
/// filters and column ids of `endpoints` for a table. With the last kind, mutations reach the filters although they
/// break the lengths of msgpack.
pub fn check(bytes: &[u8]) {
    let Some((&kind, rest)) = bytes.split_first() else { return };
    let kind = usize::from(kind);
    match kind.checked_sub(2 * ACTIONS.len()) {
        Some(table) => check_filters(saas_v1::TABLES[table % saas_v1::TABLES.len()], rest),
        None => {
            let action_bytes = if kind < ACTIONS.len() { Limits::default().action_bytes } else { SHORT_ACTION_BYTES };
            check_action(ACTIONS[kind % ACTIONS.len()], rest, &Limits { action_bytes, ..Limits::default() });
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

/// The first byte is a column id. The rest are filters.
fn check_filters(table: Table, bytes: &[u8]) {
    let (column_ids, filters) = bytes.split_at(bytes.len().min(1));
    let descriptor = FlightDescriptor::new_path(vec![table.name().to_string()]).encode_to_vec();
    let parameters = EndpointsParameters { json_filters: Bytes::new(filters), column_ids };
    let body = rmp_serde::to_vec_named(&EndpointsRequest { descriptor: Bytes::new(&descriptor), parameters });
    let answer = check_action("endpoints", &body.expect("the request can be encoded"), &Limits::default());
    assert!(answer.is_some(), "filters are never refused");
}

fn check_action(name: &str, body: &[u8], limits: &Limits) -> Option<Vec<u8>> {
    let action = Action::new(name, body.to_vec()).encode_to_vec();
    let max_memory_bytes = 4 * MAX_ANSWER_BYTES + 100 * body.len();
    match with_memory_limit(max_memory_bytes as u64, || block_on(do_action(data_set(), limits, &action))) {
        Ok(answer) => {
            assert!(answer.len() <= MAX_ANSWER_BYTES + 20 * body.len(), "{} bytes", answer.len());
            if name == "endpoints" {
                check_endpoints(&answer);
            }
            Some(answer)
        }
        Err(status) => {
            assert_refusal(&status);
            None
        }
    }
}

fn check_endpoints(answer: &[u8]) {
    let endpoints: Vec<ByteBuf> = rmp_serde::from_slice(answer).expect("a list of endpoints");
    assert!((1..=Partitions::MAX as usize).contains(&endpoints.len()), "{} endpoints", endpoints.len());
    for endpoint in endpoints.iter().take(2).chain(endpoints.last()) {
        let endpoint = FlightEndpoint::decode(endpoint.as_slice()).expect("a FlightEndpoint");
        let scan = resolve_issued(&endpoint.ticket.expect("a ticket").ticket);
        assert!(scan.is_airport());
        check_scan(&scan);
    }
}
