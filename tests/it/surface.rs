//! What Flight has besides reading: actions, handshake, polling, and what is not here.

use crate::fixture::Fixture;
use crate::support::{data_set, data_set_of, scan};
use arrow_flight::{
    Action, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, Criteria, Empty, FlightData,
    FlightDescriptor, FlightInfo, HandshakeRequest, Ticket,
};
use futures::TryStreamExt;
use http::uri::PathAndQuery;
use prost::Message;
use saasgen::batches::schema;
use saasgen::tables::Table;
use tonic::client::Grpc;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

/// The body of the one result of an action.
async fn act(server: &mut Fixture, name: &str, body: Vec<u8>) -> Result<Vec<u8>, Status> {
    let answer = server.client.do_action(Action::new(name, body)).await?;
    let results: Vec<arrow_flight::Result> = answer.into_inner().try_collect().await?;
    assert_eq!(results.len(), 1);
    Ok(results[0].body.to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn polling_is_complete_at_once() {
    let mut server = Fixture::start(data_set(42, 5_000)).await;
    let descriptor = FlightDescriptor::new_cmd("usage_daily?partitions=3&columns=date");
    let poll = server.client.poll_flight_info(descriptor.clone()).await.unwrap().into_inner();
    assert_eq!(poll.info, Some(server.info(descriptor).await.unwrap()));
    assert_eq!((poll.flight_descriptor, poll.progress), (None, Some(1.0)));
    let refused = server.client.poll_flight_info(FlightDescriptor::new_cmd("nothing")).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_is_done_at_once_and_tickets_stay_good() {
    let mut server = Fixture::start(data_set(42, 5_000)).await;
    let info = server.info(FlightDescriptor::new_cmd("billing")).await.unwrap();
    let ticket = info.endpoint[0].ticket.clone().unwrap().ticket;
    let request = CancelFlightInfoRequest { info: Some(info) };
    let answer = act(&mut server, "CancelFlightInfo", request.encode_to_vec()).await.unwrap();
    let answer = CancelFlightInfoResult::decode(answer.as_slice()).unwrap();
    assert_eq!(answer.status(), CancelStatus::Cancelled);
    assert_eq!(server.read(ticket).await, server.read("billing").await);
    for (body, part) in [(Vec::new(), "no `info`"), (vec![0xff], "as a CancelFlightInfoRequest")] {
        let refused = act(&mut server, "CancelFlightInfo", body).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains(part), "{refused}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_is_accepted_and_gives_a_bearer() {
    let mut server = Fixture::start(data_set(42, 10)).await;
    let offered = [3, 4].map(|protocol_version| HandshakeRequest { protocol_version, payload: "any".into() });
    let answer = server.client.handshake(futures::stream::iter(offered)).await.unwrap();
    assert_eq!(answer.metadata().get("authorization").unwrap(), "Bearer anybody");
    let answers: Vec<_> = answer.into_inner().try_collect().await.unwrap();
    assert_eq!(answers.iter().map(|answer| answer.protocol_version).collect::<Vec<_>>(), [3, 4]);
    let answer = server.client.handshake(futures::stream::iter([])).await.unwrap();
    assert!(answer.metadata().get("authorization").is_some());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_are_listed_and_others_refused_with_their_names() {
    let mut server = Fixture::start(data_set(42, 10)).await;
    let actions: Vec<_> = server.client.list_actions(Empty {}).await.unwrap().into_inner().try_collect().await.unwrap();
    let names: Vec<&str> = actions.iter().map(|action| action.r#type.as_str()).collect();
    let airport =
        ["endpoints", "list_schemas", "catalog_version", "create_transaction", "flight_info", "column_statistics"];
    assert_eq!(names, [&["Describe", "CancelFlightInfo"][..], &airport].concat());
    assert!(actions.iter().all(|action| action.description.len() > 20));
    let refused = act(&mut server, "Drop", Vec::new()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    assert!(names.iter().all(|name| refused.message().contains(name)), "{refused}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_generated_data_set_can_not_do_is_said() {
    let mut server = Fixture::start(data_set(42, 10)).await;
    let data = || futures::stream::iter([FlightData::default()]);
    // What ADBC's `execute` sends: a CommandStatementQuery in a google.protobuf.Any.
    let name = b"type.googleapis.com/arrow.flight.protocol.sql.CommandStatementQuery";
    let query = [&[0x0A, name.len() as u8][..], name, &[0x12, 4, 0x0A, 2, 0xff, 0xfe]].concat();
    let client = &mut server.client;
    for (refused, part) in [
        (client.do_put(data()).await.err(), "generated, not stored"),
        (client.do_exchange(data()).await.err(), "DoGet"),
        (client.get_flight_info(FlightDescriptor::new_cmd(query.clone())).await.err(), "does not support SQL"),
        (client.do_get(Ticket::new(query)).await.err(), "`customers`"),
    ] {
        let refused = refused.expect("refused");
        assert_eq!(refused.code(), Code::Unimplemented);
        assert!(refused.message().contains(part), "{refused}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_flight_does_not_have_is_named() {
    let server = Fixture::start(data_set(42, 10)).await;
    let mut client = Grpc::new(server.channel.clone());
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/arrow.flight.protocol.FlightService/RenewEverything");
    let answer: Result<tonic::Response<Empty>, Status> =
        client.unary(tonic::Request::new(Empty {}), path, ProstCodec::default()).await;
    let refused = answer.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    assert!(refused.message().contains("RenewEverything"), "{refused}");
    drop(client);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_near_each_other_in_rows() {
    let mut server = Fixture::start(data_set(42, 20_000)).await;
    for table in ["usage_daily", "billing", "support", "customers"] {
        let info = server.info(FlightDescriptor::new_cmd(format!("{table}?partitions=8"))).await.unwrap();
        let mut rows = Vec::new();
        for endpoint in info.endpoint {
            let (_, batches) = server.read(endpoint.ticket.unwrap().ticket).await;
            rows.push(batches.iter().map(|(batch, _)| batch.num_rows()).sum::<usize>());
        }
        let (least, most) = (rows.iter().min().unwrap(), rows.iter().max().unwrap());
        assert!(rows.len() == 8 && (*most as f64) < *least as f64 * 1.1, "{table}: {rows:?}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn listed_flights_have_one_endpoint_with_the_whole_table() {
    let mut server = Fixture::start(data_set(42, 60_000)).await;
    let flights = server.client.list_flights(Criteria::default()).await.unwrap().into_inner();
    for info in flights.try_collect::<Vec<FlightInfo>>().await.unwrap() {
        let path = &info.flight_descriptor.as_ref().unwrap().path;
        assert_eq!(info.endpoint.len(), 1, "{path:?}");
        if path[0] != "usage_truth" {
            let ticket = info.endpoint[0].ticket.clone().unwrap().ticket;
            assert_eq!(server.read(ticket).await, server.read(path[0].clone()).await, "{path:?}");
        }
    }
    server.stop().await;
}

/// Every key that may change the schema, or what is sent before the rows, with each of its kinds of values.
fn key_combinations() -> Vec<String> {
    let mut all = Vec::new();
    for table in Table::ALL {
        let columns = table.columns();
        let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
        let reversed = names.iter().rev().copied().collect::<Vec<_>>().join(",");
        let some_columns = ["".to_string(), format!("&columns={}", names[0]), format!("&columns={reversed}")];
        let ids: &[&str] =
            if table.has_customers() { &["", "&first_id=7&last_id=7", "&first_id=9&last_id=8"] } else { &[""] };
        let dates: &[&str] = if table.date_column().is_some() {
            &["", "&from=2024-03-01&to=2024-03-02", "&to=2023-06-30"]
        } else {
            &[""]
        };
        for columns in &some_columns {
            for ids in ids {
                for dates in dates {
                    for strings in ["", "&strings=utf8", "&strings=dictionary"] {
                        for compression in ["", "&compression=none", "&compression=lz4", "&compression=zstd"] {
                            for data_set in ["", "&customers=12&seed=9"] {
                                all.push(format!(
                                    "{}?{columns}{ids}{dates}{strings}{compression}{data_set}",
                                    table.name()
                                ));
                            }
                        }
                    }
                }
            }
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_is_the_same_wherever_it_is_told() {
    let data_set = data_set(42, 20);
    let mut server = Fixture::start(data_set.clone()).await;
    let combinations = key_combinations();
    assert!(combinations.len() > 3_000);
    for text in combinations {
        let descriptor = FlightDescriptor::new_cmd(text.clone());
        let info = server.info(descriptor.clone()).await.unwrap();
        let expected = schema(&scan(&data_set, &text));
        assert_eq!(info.clone().try_decode_schema().unwrap(), *expected, "{text}");
        let answer = server.client.get_schema(descriptor).await.unwrap().into_inner();
        // Byte for byte, as ADBC and Spark compare.
        assert_eq!(answer.schema, info.schema, "{text}");
        for endpoint in info.endpoint {
            assert_eq!(server.read(endpoint.ticket.unwrap().ticket).await.0, *expected, "{text}");
        }
        assert_eq!(server.read(text.clone()).await.0, *expected, "{text}");
    }
    server.stop().await;
}

/// Models whose rows are as many, or as long, as can be.
const HEAVY: [&str; 3] = [
    "",
    "retention.decay_days = 100000.0\nlogs.loss_min = 0.0\nlogs.loss_max = 0.0\nplans.Free.active_share = 1.0\n\
     plans.Basic.active_share = 1.0\nplans.Pro.active_share = 1.0\nplans.Enterprise.active_share = 1.0",
    "support.tickets_per_month = 20.0\nbilling.interval_days = 4\nbilling.jitter_days = 1",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_message_is_longer_than_2_mib() {
    for overlay in HEAVY {
        let mut server = Fixture::start(data_set_of(overlay, 42, 70_000)).await;
        let mut longest = 0;
        for table in Table::ALL.map(Table::name) {
            for keys in ["", "&strings=dictionary", "&compression=lz4", "&compression=zstd"] {
                let ticket = Ticket::new(
                    format!("{table}?last_id=20000{keys}")
                        .replace("retention_curves?last_id=20000", "retention_curves?"),
                );
                let mut stream = server.client.do_get(ticket).await.unwrap().into_inner();
                while let Some(data) = stream.try_next().await.unwrap() {
                    assert!(data.encoded_len() <= 2 << 20, "{table}{keys}: {}", data.encoded_len());
                    longest = longest.max(data.encoded_len());
                }
            }
        }
        assert!(longest > 600_000, "{longest}: batches of a few kB say nothing of the limit");
        server.stop().await;
    }
}
