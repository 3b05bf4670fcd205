//! The Flight surface, over localhost.

use crate::fixture::{Fixture, soon};
use crate::support::{concat, data_set, rows, scan, whole};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::{Action, Criteria, FlightDescriptor, FlightInfo, Ticket};
use futures::{StreamExt, TryStreamExt};
use prost::Message;
use saasgen::batches::{Batches, schema};
use saasgen::flight::server::Limits;
use saasgen::scan::{Scan, ScanRequest};
use saasgen::tables::Table;
use tonic::Code;

fn assert_same_rows(of_scan: Scan, read: Vec<(RecordBatch, u64)>) {
    let batches = Batches::new(of_scan.clone());
    let read = concat(&batches, read.into_iter().map(|(batch, _)| batch));
    assert_eq!(read, rows(of_scan));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_is_that_of_the_library() {
    let data_set = data_set(42, 5_000);
    let mut server = Fixture::start(data_set.clone()).await;
    for table in Table::ALL {
        let (schema_read, batches) = server.read(table.name()).await;
        assert_eq!(schema_read, *whole(&data_set, table).schema());
        assert_same_rows(Scan::whole(&data_set, table), batches);
    }
    server.stop().await;
}

/// Every key that changes what is sent, alone and together.
const REQUESTS: [&str; 12] = [
    "customers?strings=dictionary",
    "billing?compression=lz4",
    "billing?compression=zstd&strings=dictionary",
    "usage_truth?compression=zstd",
    "usage_daily?first_id=1000&last_id=3500",
    "usage_daily?customers=1000000000000&first_id=999999999990",
    "usage_daily?seed=7&columns=date,sessions",
    "support?from=2024-02-29&to=2024-02-29",
    "support?columns=priority,category&strings=dictionary&seed=0",
    "retention_curves?strings=dictionary&columns=retention_probability,plan",
    "customers?columns=customer_id",
    "customers?from=2024-01-01&to=2024-01-31&columns=region&compression=lz4",
];

#[tokio::test(flavor = "multi_thread")]
async fn keys_give_the_same_rows_and_schema_everywhere() {
    let data_set = data_set(42, 5_000);
    let mut server = Fixture::start(data_set.clone()).await;
    for text in REQUESTS {
        let of_scan = scan(&data_set, text);
        let (schema_read, batches) = server.read(text).await;
        assert_eq!(schema_read, *schema(&of_scan), "{text}");
        assert!(!batches.is_empty(), "{text}");
        assert_same_rows(of_scan, batches);
        let descriptor = FlightDescriptor::new_cmd(text);
        let of_info = server.info(descriptor.clone()).await.unwrap().try_decode_schema().unwrap();
        assert_eq!(of_info, schema_read, "{text}");
        let answer = server.client.get_schema(descriptor).await.unwrap().into_inner();
        let of_call: Schema = (&answer).try_into().unwrap();
        assert_eq!(of_call, schema_read, "{text}");
        let text_type = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
        let is_dictionary = schema_read.fields().iter().any(|field| *field.data_type() == text_type);
        assert_eq!(is_dictionary, text.contains("dictionary"), "{text}");
        assert!(schema_read.fields().iter().all(|field| !field.is_nullable()));
    }
    server.stop().await;
}

/// So many that each is sent what others had made, where that is the same.
#[tokio::test(flavor = "multi_thread")]
async fn readers_side_by_side_get_what_each_asked_for() {
    const TICKETS: [&str; 4] = [
        "usage_daily?columns=date",
        "usage_daily?columns=date&seed=7",
        "usage_daily?columns=date&compression=lz4",
        "usage_daily?columns=date&first_id=3000",
    ];
    let data_set = data_set(42, 20_000);
    let server = Fixture::start(data_set.clone()).await;
    let read = |ticket| {
        let mut client = server.client.clone();
        tokio::spawn(async move {
            let data = client.do_get(Ticket::new(ticket)).await.unwrap().into_inner().map_err(FlightError::from);
            FlightRecordBatchStream::new_from_flight_data(data).try_collect::<Vec<_>>().await.unwrap()
        })
    };
    // More than four for each thread that sends.
    let count = 4 * tokio::runtime::Handle::current().metrics().num_workers() + 8;
    let all: Vec<_> = (0..count).map(|reader| (reader, read(TICKETS[reader % TICKETS.len()]))).collect();
    let expected = TICKETS.map(|ticket| Batches::new(scan(&data_set, ticket)).iter().map(Result::unwrap).collect());
    let expected: [Vec<RecordBatch>; 4] = expected;
    for (reader, read) in all {
        assert!(read.await.unwrap() == expected[reader % TICKETS.len()], "{reader}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_ranges_give_a_schema_and_no_batch() {
    let data_set = data_set(42, 5_000);
    let mut server = Fixture::start(data_set.clone()).await;
    for text in [
        "customers?first_id=5001",
        "usage_daily?first_id=8&last_id=7",
        "usage_truth?from=2024-03-02&to=2024-03-01",
        "billing?to=2023-06-30",
        "support?first_id=9&last_id=8&strings=dictionary&compression=zstd",
    ] {
        let (schema_read, batches) = server.read(text).await;
        assert_eq!(schema_read, *schema(&scan(&data_set, text)), "{text}");
        assert!(batches.is_empty(), "{text}");
        assert_eq!(server.info(FlightDescriptor::new_cmd(text)).await.unwrap().total_records, 0, "{text}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_resumes_at_any_mark() {
    let data_set = data_set(42, 5_000);
    let mut server = Fixture::start(data_set.clone()).await;
    let (_, batches) = server.read("usage_daily").await;
    let marks: Vec<u64> = batches.iter().map(|(_, mark)| *mark).collect();
    assert_eq!(marks, [1_025, 2_049, 3_073, 4_097, 5_001]);
    for (index, mark) in marks.iter().enumerate() {
        let (_, rest) = server.read(format!("usage_daily?first_id={mark}")).await;
        assert_eq!(rest, batches[index + 1..]);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_stops_the_generator() {
    let mut server = Fixture::start(data_set(42, 1_000_000_000_000)).await;
    let mut open = server.activity.open_streams();
    let mut stream = server.stream("usage_daily").await.unwrap();
    for _ in 0..3 {
        stream.next().await.unwrap().unwrap();
    }
    assert_eq!(*open.borrow_and_update(), 1);
    drop(stream);
    soon(open.wait_for(|&open| open == 0)).await.unwrap();
    // The pool takes jobs in order: once it has answered these, whatever the stream had queued is done or dropped.
    server.read("customers?first_id=1&last_id=10").await;
    let before = server.activity.blocks();
    for _ in 0..20 {
        server.read("customers?first_id=1&last_id=10").await;
    }
    assert_eq!(server.activity.blocks(), before + 20, "blocks that nobody asked for were made");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_waits_holds_a_few_blocks() {
    let mut server = Fixture::start(data_set(42, 1_000_000_000_000)).await;
    let mut stream = server.stream("usage_daily").await.unwrap();
    stream.next().await.unwrap().unwrap();
    for _ in 0..20 {
        server.read("customers?first_id=1&last_id=10").await;
    }
    let made = server.activity.blocks() - 20;
    assert!(made <= 8, "{made} blocks were made for a reader that waits");
    stream.next().await.unwrap().unwrap();
    drop(stream);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_and_data_sets_over_a_limit_are_refused_by_its_name() {
    let limits = Limits { streams: 2, customers: 1_000_000, ..Limits::default() };
    let mut server = Fixture::with_limits(data_set(42, 100_000), limits).await;
    let mut open = server.activity.open_streams();
    let streams = [server.stream("usage_daily").await.unwrap(), server.stream("usage_truth").await.unwrap()];
    let refused = server.refusal("customers").await;
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("2 streams") && refused.message().contains("--max-streams"), "{refused}");
    // Other calls go on, and so do streams when one has ended.
    assert!(server.info(FlightDescriptor::new_cmd("customers")).await.is_ok());
    drop(streams);
    soon(open.wait_for(|&open| open == 0)).await.unwrap();
    assert_eq!(server.read("customers?last_id=10").await.1.len(), 1);

    let too_large = "customers?customers=1000001&last_id=1";
    for refused in
        [server.refusal(too_large).await, server.info(FlightDescriptor::new_cmd(too_large)).await.unwrap_err()]
    {
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert!(refused.message().contains("1000001") && refused.message().contains("--max-customers"), "{refused}");
    }
    assert_eq!(server.read("customers?customers=1000000&last_id=1").await.1.len(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_ends_streams_with_unavailable() {
    let server = Fixture::start(data_set(42, 1_000_000_000_000)).await;
    let mut client = server.client.clone();
    let mut stream = client.do_get(Ticket::new("usage_daily")).await.unwrap().into_inner();
    stream.next().await.unwrap().unwrap();
    server.stop.send(()).unwrap();
    let error = soon(async {
        loop {
            match stream.next().await.expect("the stream ends with a status") {
                Ok(_) => {}
                Err(status) => return status,
            }
        }
    })
    .await;
    assert_eq!(error.code(), Code::Unavailable, "{error}");
    assert!(error.message().contains("stopping"), "{error}");
    drop((client, server.client, server.channel));
    soon(server.served).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn list_flights_lists_the_tables() {
    let mut server = Fixture::start(data_set(42, 5_000)).await;
    let all = Table::ALL.map(Table::name).to_vec();
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
async fn endpoints_in_order_are_the_whole() {
    let data_set = data_set(42, 5_000);
    let mut server = Fixture::start(data_set.clone()).await;
    for (descriptor, endpoints) in [
        (FlightDescriptor::new_path(vec!["usage_daily".into()]), 1),
        (FlightDescriptor::new_cmd("usage_daily?partitions=7"), 7),
        (FlightDescriptor::new_cmd("usage_daily?customers=60000&columns=customer_id,date"), 3),
        (FlightDescriptor::new_cmd("retention_curves?partitions=1"), 1),
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
        let (of_scan, _) = Scan::resolve(&data_set, &request, saasgen::scan::RequestKind::Descriptor).unwrap();
        assert_same_rows(of_scan, batches);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_are_answered_alike_by_any_server_of_the_model() {
    let mut one = Fixture::start(data_set(42, 5_000)).await;
    let mut other = Fixture::start(data_set(7, 10)).await;
    let info = one.info(FlightDescriptor::new_cmd("billing?first_id=7&last_id=4000")).await.unwrap();
    let ticket = info.endpoint[0].ticket.as_ref().unwrap().ticket.clone();
    assert_eq!(other.read(ticket.clone()).await, one.read(ticket).await);

    let third = crate::support::data_set_of("plans.Pro.price = 100.0", 42, 5_000);
    let mut third = Fixture::start(third).await;
    let ticket = info.endpoint[0].ticket.as_ref().unwrap().ticket.clone();
    let refusal = third.refusal(ticket).await;
    assert_eq!(refusal.code(), Code::FailedPrecondition);
    assert!(refusal.message().contains(data_set(42, 1).model().fingerprint()), "{refusal}");
    one.stop().await;
    other.stop().await;
    third.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_name_key_value_and_what_is_allowed() {
    let mut server = Fixture::start(data_set(42, 5_000)).await;
    for (ticket, code, parts) in [
        (&b"nothing"[..], Code::NotFound, &["`nothing`", "customers, usage_daily"][..]),
        (b"", Code::NotFound, &["``"]),
        (b"customers?sed=1", Code::InvalidArgument, &["`sed`", "\"1\"", "first_id"]),
        (b"customers?seed=1&seed=1", Code::InvalidArgument, &["`seed`", "twice"]),
        (b"customers?customers=0", Code::InvalidArgument, &["`customers`", "0", "1 to 1000000000000"]),
        (b"customers?last_id=5001", Code::InvalidArgument, &["`last_id`", "5001", "5000"]),
        (b"customers?from=yesterday", Code::InvalidArgument, &["`from`", "yesterday", "2023-07-01"]),
        (b"customers?partitions=2", Code::InvalidArgument, &["`partitions`", "GetFlightInfo"]),
        (b"\x0a\xff\xff", Code::InvalidArgument, &["ScanRequest"]),
        (b"\xff\xfe", Code::InvalidArgument, &["UTF-8"]),
        (&[b'x'; 9_000], Code::InvalidArgument, &["9000 bytes"]),
        (&[b'x'; 300_000], Code::ResourceExhausted, &["300004 bytes", "65536"]),
    ] {
        let status = server.refusal(ticket).await;
        let name = String::from_utf8_lossy(&ticket[..ticket.len().min(40)]).into_owned();
        assert_eq!(status.code(), code, "{name}: {status}");
        assert!(parts.iter().all(|part| status.message().contains(part)), "{name}: {}", status.message());
    }
    for (descriptor, part) in [
        (FlightDescriptor::new_path(vec![]), "0 parts"),
        (FlightDescriptor::new_path(vec!["a".into(), "b".into()]), "2 parts"),
        (FlightDescriptor::default(), "no type"),
        (FlightDescriptor::new_cmd("billing?partitions=0"), "`partitions` is 0"),
    ] {
        let status = server.info(descriptor.clone()).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains(part), "{}", status.message());
        assert_eq!(server.client.get_schema(descriptor).await.unwrap_err().code(), Code::InvalidArgument);
    }
    // None of it hurt the server.
    assert_eq!(server.read("customers").await.1.len(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn describe_says_which_data_set_it_is() {
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
