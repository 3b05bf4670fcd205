//! DoGet over localhost: the rows of tickets, refusals, and when the server generates.

use crate::fixture::{Fixture, assert_same_rows, soon};
use crate::support::{data_set, data_set_of, data_set_with, scan, whole};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::{FlightDescriptor, Ticket};
use futures::{StreamExt, TryStreamExt};
use prost::Message;
use saasgen::batches::{Batches, schema};
use saasgen::flight::server::{Limits, Server};
use saasgen::models::{Table, saas_v1, saas_v2};
use saasgen::scan::Scan;
use std::time::Duration;
use tonic::Code;
use tonic::transport::Endpoint;

#[tokio::test(flavor = "multi_thread")]
async fn every_table_has_the_rows_of_the_library() {
    for tables in [&saas_v1::TABLES[..], &saas_v2::TABLES] {
        let data_set = data_set_with(tables[0], 42, 5_000);
        let mut server = Fixture::start(data_set.clone()).await;
        for &table in tables {
            let (schema_read, batches) = server.read(table.name()).await;
            assert_eq!(schema_read, *whole(&data_set, table).schema());
            assert_same_rows(Scan::whole(&data_set, table), batches, table.name());
        }
        server.stop().await;
    }
}

/// Tickets with every key that changes the rows, the schema or the encoding, alone and together.
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
async fn tickets_with_keys_give_the_rows_of_the_library_and_the_schema_of_every_call() {
    let data_set = data_set(42, 5_000);
    let mut server = Fixture::start(data_set.clone()).await;
    for text in REQUESTS {
        let of_scan = scan(&data_set, text);
        let (schema_read, batches) = server.read(text).await;
        assert_eq!(schema_read, *schema(&of_scan), "{text}");
        assert!(!batches.is_empty(), "{text}");
        assert_same_rows(of_scan, batches, text);
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

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_readers_get_the_rows_of_their_own_tickets() {
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
    // More than four readers for each thread of the runtime.
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
async fn an_empty_range_gives_a_schema_and_no_batch() {
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

/// The streams that [`finish_queued_blocks`] reads, of one block each.
const SMALL_READS: u64 = 20;

/// Waits until the blocks that were queued before are generated or dropped. It reads some small streams, because the
/// generator takes blocks in order.
async fn finish_queued_blocks(server: &mut Fixture) {
    for _ in 0..SMALL_READS {
        server.read("customers?first_id=1&last_id=10").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_a_stream_stops_the_generator() {
    let mut server = Fixture::start(data_set(42, 1_000_000_000_000)).await;
    let mut open = server.activity.open_streams();
    let mut stream = server.stream("usage_daily").await.unwrap();
    for _ in 0..3 {
        stream.next().await.unwrap().unwrap();
    }
    assert_eq!(*open.borrow_and_update(), 1);
    drop(stream);
    soon(open.wait_for(|&open| open == 0)).await.unwrap();
    finish_queued_blocks(&mut server).await;
    let before = server.activity.blocks();
    finish_queued_blocks(&mut server).await;
    assert_eq!(server.activity.blocks(), before + SMALL_READS, "blocks were generated for the cancelled stream");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unread_stream_stops_the_generator_after_a_few_blocks() {
    /// Blocks that the server holds for one stream: it sends one, another waits, and it generates a third.
    const READ_AHEAD: u64 = 3;
    /// The client's buffer for the stream. A block has about as many bytes.
    const WINDOW_BYTES: u32 = 1 << 20;
    /// The window holds one block, and the server's HTTP/2 buffers hold another.
    const IN_TRANSPORT: u64 = 2;

    let server = Server::bind("127.0.0.1:0", data_set(42, 1_000_000_000_000)).await.unwrap();
    let endpoint = Endpoint::from_shared(format!("http://{}", server.local_addr().unwrap())).unwrap();
    let server = Fixture::of(server).await;
    let channel = endpoint.initial_stream_window_size(WINDOW_BYTES).connect().await.unwrap();
    let ticket = Ticket::new("usage_daily");
    let mut stream = FlightServiceClient::new(channel).do_get(ticket).await.unwrap().into_inner();
    let generated = soon(async {
        let mut before = 0;
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let generated = server.activity.blocks();
            if generated > 0 && generated == before {
                return generated;
            }
            before = generated;
        }
    })
    .await;
    assert!(generated <= READ_AHEAD + IN_TRANSPORT, "{generated} blocks were generated for an unread stream");
    // Reading starts the generator again.
    soon(async {
        while server.activity.blocks() == generated {
            stream.next().await.unwrap().unwrap();
        }
    })
    .await;
    drop(stream);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_refusal_over_a_limit_names_its_option() {
    let limits = Limits { streams: 2, customers: 1_000_000, ..Limits::default() };
    let mut server = Fixture::with_limits(data_set(42, 100_000), limits).await;
    let mut open = server.activity.open_streams();
    let streams = [server.stream("usage_daily").await.unwrap(), server.stream("usage_truth").await.unwrap()];
    let refused = server.refusal("customers").await;
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("2 streams") && refused.message().contains("--max-streams"), "{refused}");
    // The server still answers other calls, and accepts streams again once one has ended.
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
async fn stopping_the_server_ends_streams_with_unavailable() {
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
async fn a_ticket_gives_the_same_rows_on_every_server_of_the_same_model() {
    let mut one = Fixture::start(data_set(42, 5_000)).await;
    let mut other = Fixture::start(data_set(7, 10)).await;
    let info = one.info(FlightDescriptor::new_cmd("billing?first_id=7&last_id=4000")).await.unwrap();
    let ticket = info.endpoint[0].ticket.as_ref().unwrap().ticket.clone();
    assert_eq!(other.read(ticket.clone()).await, one.read(ticket).await);

    let mut of_other_model = Fixture::start(data_set_of("plans.Pro.price = 100.0", 42, 5_000)).await;
    let ticket = info.endpoint[0].ticket.as_ref().unwrap().ticket.clone();
    let refusal = of_other_model.refusal(ticket).await;
    assert_eq!(refusal.code(), Code::FailedPrecondition);
    assert!(refusal.message().contains(data_set(42, 1).model().fingerprint()), "{refusal}");
    one.stop().await;
    other.stop().await;
    of_other_model.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_name_the_key_the_value_and_the_allowed_values() {
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
    // The server still answers.
    assert_eq!(server.read("customers").await.1.len(), 1);
    server.stop().await;
}

/// The default model, and models with as many or as long rows as possible.
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
        for table in saas_v1::TABLES.map(Table::name) {
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
        assert!(longest > 600_000, "the longest message has only {longest} bytes, far from the limit");
        server.stop().await;
    }
}
