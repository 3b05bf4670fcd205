//! Stopping a server: draining open streams, the drain timeout, signals, and notifications to systemd.

use crate::access::write_credentials;
use crate::fixture::{Fixture, soon};
use crate::program::{Serve, ended, saasgen, send_signal, wait_until};
use crate::support::{concat, data_set, rows};
use crate::terminal::Terminal;
use arrow_flight::decode::DecodedPayload;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::{FlightData, FlightDescriptor, Ticket};
use futures::{StreamExt, TryStreamExt};
use saasgen::batches::Batches;
use saasgen::flight::server::Server;
use saasgen::models::saas_v1;
use saasgen::scan::Scan;
use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::tempdir;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// Far longer than a test takes, so no stream ends by this timeout.
const AN_HOUR: Duration = Duration::from_secs(3_600);

const FLIGHT: &str = "arrow.flight.protocol.FlightService";

async fn connect(uri: &str) -> Channel {
    Endpoint::from_shared(uri.replace("grpc://", "http://")).unwrap().connect().await.unwrap()
}

async fn refusal(channel: Channel) -> tonic::Status {
    FlightServiceClient::new(channel).do_get(Ticket::new("customers")).await.expect_err("the stream is refused")
}

/// Opens a stream of 10^12 customers, and reads its first message.
async fn open_endless_stream(channel: Channel) -> Streaming<FlightData> {
    let ticket = Ticket::new("usage_daily?customers=1000000000000");
    let mut stream = FlightServiceClient::new(channel).do_get(ticket).await.unwrap().into_inner();
    stream.next().await.unwrap().unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_server_completes_open_streams_and_refuses_new_ones() {
    let data_set = data_set(42, 60_000);
    let server = Server::bind("127.0.0.1:0", data_set.clone()).await.unwrap().with_drain_timeout(AN_HOUR);
    let uri = format!("http://{}", server.local_addr().unwrap());
    let mut server = Fixture::of(server).await;
    let services = ["", FLIGHT].map(|service| HealthCheckRequest { service: service.into() });
    let mut health = HealthClient::new(server.channel.clone());
    let mut watch = health.watch(services[1].clone()).await.unwrap().into_inner();
    let mut status = async || watch.try_next().await.unwrap().map(|answer| answer.status());
    assert_eq!(status().await, Some(ServingStatus::Serving));
    let mut stream = server.stream("usage_daily").await.unwrap();
    let mut read = vec![stream.try_next().await.unwrap().unwrap()];
    assert_eq!(*server.activity.open_streams().borrow(), 1);

    server.stop.send(()).unwrap();
    assert_eq!(soon(status()).await, Some(ServingStatus::NotServing));
    // The server still accepts connections, so load balancers can check its health.
    let other = connect(&uri).await;
    for service in services {
        let answer = HealthClient::new(other.clone()).check(service).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::NotServing);
    }
    for channel in [server.channel.clone(), other.clone()] {
        let refused = refusal(channel).await;
        assert_eq!(refused.code(), Code::Unavailable);
        assert!(refused.message().contains("the server is stopping"), "{refused}");
    }
    let descriptor = FlightDescriptor::new_cmd("customers");
    assert!(FlightServiceClient::new(other.clone()).get_flight_info(descriptor).await.is_ok());
    assert!(!server.served.is_finished());

    read.extend(stream.try_collect::<Vec<_>>().await.unwrap());
    let batches = read.into_iter().filter_map(|data| match data.payload {
        DecodedPayload::RecordBatch(batch) => Some(batch),
        _ => None,
    });
    let whole = Scan::whole(&data_set, saas_v1::USAGE_DAILY);
    assert_eq!(concat(&Batches::new(whole.clone()), batches), rows(whole));
    // No stream is open now. Idle connections and watches of health do not delay the end.
    assert_eq!(soon(status()).await, None);
    soon(server.served).await.unwrap().unwrap();
    let metrics = server.activity.to_open_metrics().unwrap();
    for line in [
        "saasgen_streams_total{table=\"usage_daily\",outcome=\"complete\"} 1",
        "saasgen_refusals_total{cause=\"stopping\"} 2",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_drain_timeout_ends_open_streams_with_unavailable() {
    let server = Server::bind("127.0.0.1:0", data_set(42, 1_000)).await.unwrap();
    let server = Fixture::of(server.with_drain_timeout(Duration::from_millis(100))).await;
    let stream = open_endless_stream(server.channel.clone()).await;
    server.stop.send(()).unwrap();
    let error = soon(stream.try_for_each(async |_| Ok(()))).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable, "{error}");
    drop((server.client, server.channel));
    soon(server.served).await.unwrap().unwrap();
    let metrics = server.activity.to_open_metrics().unwrap();
    assert!(metrics.contains("saasgen_streams_total{table=\"usage_daily\",outcome=\"stopped\"} 1\n"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_server_at_once() {
    for (first, second) in [("TERM", "TERM"), ("INT", "INT"), ("TERM", "INT")] {
        let mut server = Serve::start(&["--drain-timeout", "3600"]);
        let channel = connect(&server.uri).await;
        let _stream = open_endless_stream(channel.clone()).await;
        server.signal(first);
        assert!(server.wait_for("stopping").contains("streams=1"));
        assert_eq!(refusal(channel).await.code(), Code::Unavailable);
        // Signals shortly after the first one repeat it.
        while server.is_running() {
            server.signal(second);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let ran = soon(tokio::task::spawn_blocking(move || server.ended())).await.unwrap();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stderr.contains("second signal to stop: running streams are cut off streams=1"), "{}", ran.stderr);
        assert!(ran.stderr.contains("outcome=stopped"), "{}", ran.stderr);
    }
}

/// `timeout` sends SIGTERM to the server, and at once again to its group.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_signal_cuts_no_stream() {
    let mut server = Serve::start(&["--drain-timeout", "3600"]);
    let channel = connect(&server.uri).await;
    let stream = open_endless_stream(channel.clone()).await;
    server.signal("TERM");
    server.signal("TERM");
    assert!(server.wait_for("stopping").contains("streams=1"));
    assert_eq!(refusal(channel).await.code(), Code::Unavailable);
    drop(stream);
    let ran = soon(tokio::task::spawn_blocking(move || server.ended())).await.unwrap();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("outcome=cancelled") && !ran.stderr.contains("second signal"), "{}", ran.stderr);
}

/// Without a terminal, SIGHUP stops a server that has nothing to reload.
#[test]
fn sighup_stops_a_server_without_files_to_reload() {
    let server = Serve::start(&["--customers", "10"]);
    server.signal("HUP");
    let ran = server.ended_soon();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("stopping"), "{}", ran.stderr);
}

/// With `nohup`, a server serves until another signal stops it, with files to reload and without.
#[test]
fn a_server_that_is_started_to_ignore_sighup_survives_it() {
    let folder = tempdir().unwrap();
    write_credentials(folder.path());
    for (more, log) in [(&[][..], None), (&["--auth-tokens", "tokens"][..], Some("reloaded"))] {
        let mut shell = Command::new("bash");
        let script = "trap '' HUP; exec \"$0\" serve --listen 127.0.0.1:0 --customers 10 \"$@\"";
        shell.args(["-c", script, env!("CARGO_BIN_EXE_saasgen")]).args(more);
        shell.current_dir(folder.path()).stdin(Stdio::null()).env_remove("RUST_LOG");
        let mut server = Serve::of(shell);
        server.signal("HUP");
        log.map(|log| server.wait_for(log));
        // The server answers after the signal.
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let code = runtime.block_on(async { refusal_of_nothing(connect(&server.uri).await).await });
        assert_ne!(code, Code::Unavailable);
        server.signal("TERM");
        let ran = server.ended_soon();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(ran.stderr.matches("stopping").count(), 1, "{}", ran.stderr);
    }
}

async fn refusal_of_nothing(channel: Channel) -> Code {
    let nothing = FlightServiceClient::new(channel).do_get(Ticket::new("nothing")).await;
    nothing.expect_err("there is no such table").code()
}

#[test]
fn a_server_stops_when_its_terminal_is_closed() {
    let folder = tempdir().unwrap();
    write_credentials(folder.path());
    for more in [&[][..], &["--auth-tokens", "tokens"][..]] {
        let terminal = Terminal::new(80);
        let mut command = terminal.saasgen(&["serve", "--listen", "127.0.0.1:0", "--customers", "10"]);
        command.args(more).current_dir(folder.path());
        let server = Serve::of(command);
        drop(terminal);
        let ran = server.ended_soon();
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stderr.contains("stopping"), "{}", ran.stderr);
    }
}

/// The test listens at the socket of systemd.
#[test]
fn systemd_is_notified_of_start_reload_and_stop() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let notification = || {
        let mut buffer = [0; 4_096];
        let length = socket.recv(&mut buffer).expect("a notification");
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };
    let mut command = saasgen(&["serve", "--listen", "127.0.0.1:0", "--customers", "10", "--drain-timeout", "7"]);
    command.env("NOTIFY_SOCKET", &path);
    let server = Serve::of(command);
    assert_eq!(notification(), format!("READY=1\nSTATUS=serving at {}\n", server.uri));
    for _ in 0..2 {
        server.signal("HUP");
        let reloading = notification();
        let time = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect(&reloading);
        assert!(time.trim_end().parse::<u64>().unwrap() > 0);
        assert_eq!(notification(), "READY=1\n");
    }
    server.signal("TERM");
    let stopping = notification();
    assert!(stopping.starts_with("STOPPING=1\nEXTEND_TIMEOUT_USEC=22000000\n"), "{stopping}");
    let ran = server.ended();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    // A server that can't notify systemd serves anyway.
    drop(socket);
    let mut command = saasgen(&["serve", "--listen", "127.0.0.1:0", "--customers", "10"]);
    command.env("NOTIFY_SOCKET", &path);
    let mut server = Serve::of(command);
    assert!(server.wait_for("could not notify systemd").contains("WARN"));
    assert_eq!(server.stop("TERM"), Some(0));
}

/// A reader that is alive but does not read blocks the server when it prints its address.
#[test]
fn a_server_that_can_not_print_its_address_stops() {
    for signal in ["TERM", "INT"] {
        let (reader, mut stdout) = UnixStream::pair().unwrap();
        stdout.set_nonblocking(true).unwrap();
        while stdout.write(&[0; 1_000]).is_ok() {}
        while stdout.write(&[0]).is_ok() {}
        stdout.set_nonblocking(false).unwrap();
        let mut command = saasgen(&["serve", "--listen", "127.0.0.1:0", "--customers", "10"]);
        let child = command.stdout(OwnedFd::from(stdout)).stderr(Stdio::piped()).spawn().unwrap();
        let status = format!("/proc/{}/status", child.id());
        let handles_term = || {
            let status = fs::read_to_string(&status).unwrap();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
            u64::from_str_radix(caught.trim(), 16).unwrap() & (1 << (libc::SIGTERM - 1)) != 0
        };
        wait_until("the handlers of signals", handles_term);
        send_signal(&child, signal);
        let ran = ended(child);
        assert_eq!(ran.code, Some(0), "{signal}: {}", ran.stderr);
        drop(reader);
    }
}
