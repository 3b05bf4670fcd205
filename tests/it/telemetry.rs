//! The log and the metrics of a server.

use crate::access::write_credentials;
use crate::program::{Ran, Serve, run_in, saasgen, wait_until};
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::{FlightDescriptor, Ticket};
use futures::TryStreamExt;
use prost::Message;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use tempfile::tempdir;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

/// The length of the gRPC prefix of a message.
const PREFIX_BYTES: u64 = 5;

async fn connect(server: &Serve) -> FlightServiceClient<Channel> {
    let endpoint = Endpoint::from_shared(server.uri.replace("grpc://", "http://")).unwrap();
    FlightServiceClient::new(endpoint.connect().await.unwrap())
}

/// Reads a stream to its end, and returns the bytes of its gRPC messages.
async fn read(client: &mut FlightServiceClient<Channel>, ticket: &str) -> u64 {
    let stream = client.do_get(Ticket::new(ticket.to_string())).await.unwrap().into_inner();
    let messages: Vec<_> = stream.try_collect().await.unwrap();
    messages.iter().map(|message| PREFIX_BYTES + message.encoded_len() as u64).sum()
}

/// Reads two messages of a stream of 10^12 customers, and cancels it.
async fn cancel_a_stream(client: &mut FlightServiceClient<Channel>) {
    let ticket = Ticket::new("billing?customers=1000000000000");
    let mut stream = client.do_get(ticket).await.unwrap().into_inner();
    for _ in 0..2 {
        stream.try_next().await.unwrap().unwrap();
    }
}

/// Returns the code with which the server refuses a ticket.
async fn refusal(client: &mut FlightServiceClient<Channel>, ticket: &str) -> Code {
    client.do_get(Ticket::new(ticket.to_string())).await.expect_err("the ticket is refused").code()
}

/// Returns the lines of a JSON log with this message.
fn events(ran: &Ran, message: &str) -> Vec<Value> {
    let lines = ran.stderr.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
    lines.filter(|line| line["message"] == message).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_json_log_has_one_line_for_each_stream() {
    let mut server = Serve::start(&["--customers", "5000", "--log", "json"]);
    let mut client = connect(&server).await;
    let bytes = read(&mut client, "customers?first_id=7&last_id=2006&columns=region,customer_id&seed=3").await;
    read(&mut client, "retention_curves").await;
    cancel_a_stream(&mut client).await;
    server.wait_for("cancelled");
    server.signal("TERM");
    drop(client);
    let ran = server.ended();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""), "stdout has only the address");
    let [complete, curves, cancelled] = <[Value; 3]>::try_from(events(&ran, "stream ended")).unwrap();
    let expected = json!({
        "level": "INFO", "who": "-", "table": "customers", "customers": 5_000, "seed": 3, "first_id": 7,
        "last_id": 2_006, "from": "2023-07-01", "to": "2024-12-31", "columns": "region,customer_id", "rows": 2_000,
        "bytes": bytes, "outcome": "complete",
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&complete[key], value, "{key} in {complete}");
    }
    assert!(complete["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{complete}");
    let [seconds, to_first_batch] = ["seconds", "first_batch_seconds"].map(|key| complete[key].as_f64().unwrap());
    assert!(0.0 < to_first_batch && to_first_batch <= seconds, "{complete}");
    assert_eq!((&curves["rows"], &curves["columns"]), (&json!(2_200), &json!("all")));
    assert_eq!((&cancelled["table"], &cancelled["outcome"]), (&json!("billing"), &json!("cancelled")));
    assert!(cancelled["rows"].as_u64().unwrap() > 1_000, "{cancelled}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_escapes_and_shortens_text_of_clients() {
    let with_control_characters = "nothing\n2026-01-01 INFO stream ended\u{1b}[31m\r";
    let long = format!("customers?from={}", "x".repeat(400));
    for format in ["text", "json"] {
        let server = Serve::start(&["--customers", "10", "--log", format]);
        let mut client = connect(&server).await;
        assert_eq!(refusal(&mut client, with_control_characters).await, Code::NotFound);
        assert_eq!(refusal(&mut client, &long).await, Code::InvalidArgument);
        server.signal("TERM");
        drop(client);
        let ran = server.ended();
        let lines: Vec<&str> = ran.stderr.lines().collect();
        assert_eq!(lines.len(), 5, "start, two refusals, stopping, stopped: {}", ran.stderr);
        assert!(!ran.stderr.contains(['\u{1b}', '\r']), "{}", ran.stderr);
        assert!(lines[1].contains("call refused") && lines[1].contains("unknown_table"), "{}", lines[1]);
        assert!(lines[1].contains("nothing\\n2026"), "{}", lines[1]);
        assert!(lines[2].contains("xx…") && !lines[2].contains(&"x".repeat(301)), "{}", lines[2]);
    }
}

#[test]
fn an_option_or_a_variable_sets_the_log_level() {
    let log = |level: &[&str], variable: &str| {
        let mut command = saasgen(&["serve", "--listen", "127.0.0.1:0", "--customers", "10"]);
        command.args(level).env("RUST_LOG", variable);
        let server = Serve::of(command);
        server.signal("TERM");
        server.ended().stderr
    };
    assert!(log(&[], "").contains("serving at grpc://"));
    assert_eq!(log(&[], "warn"), "");
    assert_eq!(log(&[], "h2=info"), "");
    assert!(log(&["--log-level", "info"], "warn").contains("serving at grpc://"));
    assert_eq!(log(&["--log-level", "warn"], "info"), "");
    let ran: Ran =
        saasgen(&["serve", "--listen", "127.0.0.1:0"]).env("RUST_LOG", "saasgen=loud").output().unwrap().into();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.contains("RUST_LOG is \"saasgen=loud\"") && ran.stderr.contains("warn,saasgen=debug"));
}

/// Sends an HTTP request: its method and path, and headers on the lines below. Returns the head and the body of the answer.
fn http(address: &str, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let (line, headers) = request.split_once('\n').unwrap_or((request, ""));
    write!(stream, "{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_string(), body.to_string())
}

/// Reads the address of the metrics in the log.
fn metrics_address(server: &mut Serve) -> String {
    let line = server.wait_for("metrics at");
    let (_, rest) = line.split_once("metrics at http://").unwrap();
    rest.trim_end().strip_suffix("/metrics").unwrap().to_string()
}

/// Reads the metrics. Returns their values by name and labels.
fn samples(address: &str) -> HashMap<String, f64> {
    let (head, body) = http(address, "GET /metrics");
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("application/openmetrics-text"), "{head}");
    assert!(body.ends_with("# EOF\n"), "{body}");
    let lines = body.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').unwrap());
    lines.map(|(name, value)| (name.to_string(), value.parse().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_streams_rows_bytes_and_refusals() {
    let mut server = Serve::start(&[
        "--customers",
        "5000",
        "--metrics",
        "127.0.0.1:0",
        "--max-streams",
        "1",
        "--max-customers",
        "1000000000000",
    ]);
    let address = metrics_address(&mut server);
    let before = samples(&address);
    assert_eq!(before["saasgen_rows_total{table=\"billing\"}"], 0.0, "all metrics exist from the start");

    let mut client = connect(&server).await;
    let bytes = read(&mut client, "customers").await + read(&mut client, "customers?first_id=1001").await;
    cancel_a_stream(&mut client).await;
    server.wait_for("cancelled");
    let open = client.do_get(Ticket::new("usage_truth?customers=1000000000000")).await.unwrap().into_inner();
    for (ticket, code) in [
        ("customers", Code::ResourceExhausted),
        ("nothing", Code::NotFound),
        ("customers?sed=1", Code::InvalidArgument),
    ] {
        assert_eq!(refusal(&mut client, ticket).await, code);
    }
    assert!(client.get_flight_info(FlightDescriptor::default()).await.is_err());
    let now = samples(&address);
    for (name, value) in [
        (concat!("saasgen_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0),
        ("saasgen_streams_open", 1.0),
        ("saasgen_streams_total{table=\"customers\",outcome=\"complete\"}", 2.0),
        ("saasgen_streams_total{table=\"billing\",outcome=\"cancelled\"}", 1.0),
        ("saasgen_streams_total{table=\"usage_truth\",outcome=\"cancelled\"}", 0.0),
        ("saasgen_rows_total{table=\"customers\"}", 9_000.0),
        ("saasgen_bytes_total{table=\"customers\"}", bytes as f64),
        ("saasgen_refusals_total{cause=\"streams\"}", 1.0),
        ("saasgen_refusals_total{cause=\"unknown_table\"}", 1.0),
        ("saasgen_refusals_total{cause=\"misuse\"}", 2.0),
        ("saasgen_refusals_total{cause=\"too_large\"}", 0.0),
    ] {
        assert_eq!(now[name], value, "{name}");
    }
    assert!(now["saasgen_first_batch_seconds_count"] >= 3.0 && now["saasgen_first_batch_seconds_sum"] > 0.0);
    assert!(now["saasgen_generator_seconds_total"] > before["saasgen_generator_seconds_total"]);
    assert!(now.contains_key("saasgen_generator_queue_depth"));
    assert_eq!(before["saasgen_blocks_held"], 0.0);
    assert!(now["saasgen_blocks_held"] > 0.0, "the blocks of `open`");
    let names = |samples: &HashMap<String, f64>| {
        let mut names: Vec<String> = samples.keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(names(&now), names(&before), "no client adds a label");
    drop(open);

    assert!(http(&address, "GET /").0.starts_with("HTTP/1.1 404 "));
    assert!(http(&address, "POST /metrics").0.starts_with("HTTP/1.1 405 "));
    server.signal("TERM");
    drop(client);
    let ran = server.ended();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
}

/// A server whose metrics other machines could reach. The address is every one of this machine, for a short time.
fn serve_metrics_everywhere(args: &[&str]) -> (Serve, String) {
    let mut server = Serve::start(&[&["--customers", "10", "--metrics", "0.0.0.0:0"], args].concat());
    let address = metrics_address(&mut server).replace("0.0.0.0", "127.0.0.1");
    (server, address)
}

#[test]
fn metrics_for_other_machines_need_insecure_or_the_tokens_of_the_server() {
    let (server, address) = serve_metrics_everywhere(&["--insecure"]);
    assert!(samples(&address).contains_key("saasgen_streams_open"));
    assert_eq!(server.stop("TERM"), Some(0));

    let folder = tempdir().unwrap();
    write_credentials(folder.path());
    let tokens = folder.path().join("tokens");
    let (mut server, address) = serve_metrics_everywhere(&["--insecure", "--auth-tokens", tokens.to_str().unwrap()]);
    let with = |header: &str| http(&address, &format!("GET /metrics\n{header}\r\n"));
    let (head, body) = http(&address, "GET /metrics");
    assert!(head.starts_with("HTTP/1.1 401 ") && head.contains("www-authenticate: Bearer, Basic"), "{head}");
    assert!(body.contains("asks for a token"), "{body}");
    assert!(server.wait_for("call refused").contains("unauthenticated"));
    assert!(with("Authorization: Bearer a-token-of-nobody-0123456789").0.starts_with("HTTP/1.1 401 "));
    let token = fs::read_to_string(folder.path().join("ann")).unwrap();
    let (head, body) = with(&format!("Authorization: Bearer {}", token.trim()));
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(body.contains("saasgen_refusals_total{cause=\"unauthenticated\"} 2\n"), "{body}");
    // Probes have no token.
    wait_until("health", || http(&address, "GET /healthz").0.starts_with("HTTP/1.1 200 "));
    assert_eq!(server.stop("TERM"), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_whether_the_server_takes_new_streams() {
    let mut server = Serve::start(&["--customers", "10", "--metrics", "127.0.0.1:0"]);
    let address = metrics_address(&mut server);
    server.wait_for("serving at");
    let folder = tempdir().unwrap();
    let health = || {
        let (head, body) = http(&address, "GET /healthz");
        let ran = run_in(folder.path(), &["health", &server.uri]);
        (head[9..12].to_string(), body, ran.code, ran.stdout + &ran.stderr)
    };
    // The server answers a moment after it has printed its address.
    wait_until("health", || health().0 == "200");
    let (status, body, code, printed) = health();
    assert_eq!((status.as_str(), body.as_str(), code), ("200", "SERVING\n", Some(0)));
    assert_eq!(printed, format!("{} is serving\n", server.uri));
    assert!(http(&address, "POST /healthz").0.starts_with("HTTP/1.1 405 "));

    let mut client = connect(&server).await;
    let open = client.do_get(Ticket::new("billing?customers=1000000000000")).await.unwrap().into_inner();
    server.signal("TERM");
    wait_until("health", || health().0 == "503");
    let (_, body, _, _) = health();
    assert_eq!(body, "NOT_SERVING\n");
    drop(open);
    drop(client);
    assert_eq!(server.ended().code, Some(0));
}

#[test]
fn a_metrics_address_in_use_is_an_error_that_names_it() {
    let folder = tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = run_in(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--metrics", &address]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert!(ran.stderr.contains(&address) && ran.stderr.contains("metrics"), "{}", ran.stderr);
}
