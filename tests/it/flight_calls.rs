//! The Flight calls other than DoGet: flights, schemas, actions, handshake, polling, and calls that are refused.

use crate::fixture::{Fixture, assert_same_rows};
use crate::support::{data_set, scan};
use arrow_flight::{
    Action, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, Criteria, Empty, FlightData,
    FlightDescriptor, FlightInfo, HandshakeRequest, Ticket,
};
use futures::TryStreamExt;
use http::uri::PathAndQuery;
use prost::Message;
use saasgen::batches::schema;
use saasgen::models::{Table, saas_v1};
use saasgen::scan::{RequestKind, Scan, ScanRequest};
use tonic::client::Grpc;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

/// Returns the body of the one result of an action.
async fn act(server: &mut Fixture, name: &str, body: Vec<u8>) -> Result<Vec<u8>, Status> {
    let answer = server.client.do_action(Action::new(name, body)).await?;
    let results: Vec<arrow_flight::Result> = answer.into_inner().try_collect().await?;
    assert_eq!(results.len(), 1);
    Ok(results[0].body.to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn list_flights_lists_the_tables() {
    let mut server = Fixture::start(data_set(42, 5_000)).await;
    let all = saas_v1::TABLES.map(Table::name).to_vec();
    for (criteria, tables) in [
        ("", all.clone()),
        ("NULL", all),
        ("usage", vec!["usage_daily", "usage_truth"]),
        ("billing", vec!["billing"]),
        ("nothing", vec![]),
    ] {
        let expression = Criteria { expression: criteria.into() };
        let flights: Vec<FlightInfo> =
            server.client.list_flights(expression).await.unwrap().into_inner().try_collect().await.unwrap();
        let paths: Vec<String> =
            flights.iter().map(|info| info.flight_descriptor.as_ref().unwrap().path.join("/")).collect();
        assert_eq!(paths, tables, "{criteria}");
        for info in flights {
            let expected = match info.flight_descriptor.as_ref().unwrap().path[0].as_str() {
                "customers" => 5_000,
                "retention_curves" => 2_200,
                _ => -1,
            };
            assert_eq!(info.total_records, expected);
            assert!(info.try_decode_schema().unwrap().fields().len() >= 3);
        }
    }
    let status = server.client.list_flights(Criteria { expression: vec![0xff].into() }).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_in_order_give_the_whole_table() {
    let data_set = data_set(42, 5_000);
    let mut server = Fixture::start(data_set.clone()).await;
    for (descriptor, endpoints) in [
        (FlightDescriptor::new_path(vec!["usage_daily".into()]), 1),
        (FlightDescriptor::new_cmd("usage_daily?partitions=7"), 7),
        (FlightDescriptor::new_cmd("usage_daily?customers=60000&columns=customer_id,date"), 3),
        (FlightDescriptor::new_cmd("billing?customers=5&partitions=10"), 5),
        (FlightDescriptor::new_cmd("billing?first_id=8&last_id=7&partitions=10"), 1),
        (FlightDescriptor::new_cmd("retention_curves?partitions=8"), 1),
        (FlightDescriptor::new_cmd(ScanRequest { table: "support".into(), ..Default::default() }.encode_to_vec()), 1),
    ] {
        let info = server.info(descriptor.clone()).await.unwrap();
        assert_eq!(info.flight_descriptor.as_ref(), Some(&descriptor));
        assert!(info.ordered);
        assert_eq!(info.total_bytes, -1);
        assert_eq!(info.endpoint.len(), endpoints);
        let mut batches = Vec::new();
        for endpoint in info.endpoint {
            assert!(endpoint.location.is_empty());
            batches.extend(server.read(endpoint.ticket.unwrap().ticket).await.1);
        }
        let request = if descriptor.path.is_empty() {
            ScanRequest::from_bytes(&descriptor.cmd).unwrap()
        } else {
            ScanRequest::from_text(&descriptor.path[0]).unwrap()
        };
        let (of_scan, _) = Scan::resolve(&data_set, &request, RequestKind::Descriptor).unwrap();
        assert_same_rows(of_scan, batches, &descriptor.to_string());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn describe_returns_the_identity_of_the_data_set() {
    let data_set = data_set(42, 5_000);
    let mut server = Fixture::start(data_set.clone()).await;
    let answers: Vec<_> =
        server.client.do_action(Action::new("Describe", "")).await.unwrap().into_inner().try_collect().await.unwrap();
    let described: serde_json::Value = serde_json::from_slice(&answers[0].body).unwrap();
    assert_eq!(described["fingerprint"], data_set.model().fingerprint());
    assert_eq!(described["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&described["seed"], &described["customers"]), (&42.into(), &5_000.into()));
    assert_eq!(described["parameters"]["plans"]["Pro"]["price"], 99.0);
    assert_eq!(described["parameters"]["window"]["start"], "2023-07-01");
    server.stop().await;
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
async fn cancelling_a_flight_info_succeeds_and_its_tickets_stay_valid() {
    let mut server = Fixture::start(data_set(42, 5_000)).await;
    let info = server.info(FlightDescriptor::new_cmd("billing")).await.unwrap();
    let ticket = info.endpoint[0].ticket.clone().unwrap().ticket;
    let request = CancelFlightInfoRequest { info: Some(info) };
    let answer = act(&mut server, "CancelFlightInfo", request.encode_to_vec()).await.unwrap();
    let answer = CancelFlightInfoResult::decode(answer.as_slice()).unwrap();
    assert_eq!(answer.status(), CancelStatus::Cancelled);
    assert_eq!(server.read(ticket).await, server.read("billing").await);
    for (body, part) in [(Vec::new(), "no `info`"), (vec![0xff], "can't be decoded as a CancelFlightInfoRequest")] {
        let refused = act(&mut server, "CancelFlightInfo", body).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains(part), "{refused}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_returns_a_bearer_token() {
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
async fn actions_are_listed_and_an_unknown_one_is_refused_with_the_list() {
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
async fn writing_exchanging_and_sql_are_refused_with_a_reason() {
    let mut server = Fixture::start(data_set(42, 10)).await;
    let data = || futures::stream::iter([FlightData::default()]);
    // ADBC's `execute` sends a CommandStatementQuery in a google.protobuf.Any.
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
async fn an_unknown_call_is_refused_by_its_name() {
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
async fn partitions_have_about_the_same_number_of_rows() {
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
async fn each_listed_flight_has_one_endpoint_with_the_whole_table() {
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

/// Returns commands with every combination of the keys that may change the schema or the dictionaries.
fn key_combinations() -> Vec<String> {
    let mut all = Vec::new();
    for table in saas_v1::TABLES {
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
async fn every_call_returns_the_same_schema() {
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
        // ADBC and Spark compare schemas byte for byte.
        assert_eq!(answer.schema, info.schema, "{text}");
        for endpoint in info.endpoint {
            assert_eq!(server.read(endpoint.ticket.unwrap().ticket).await.0, *expected, "{text}");
        }
        assert_eq!(server.read(text.clone()).await.0, *expected, "{text}");
    }
    server.stop().await;
}
