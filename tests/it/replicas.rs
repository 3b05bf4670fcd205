//! Endpoints that are read elsewhere than where they were asked for, and several at a time.

use crate::program::{contents, run_in, succeed_in};
use crate::support::{data_set, data_set_of};
use arrow_flight::FlightDescriptor;
use arrow_flight::flight_service_client::FlightServiceClient;
use saasgen::flight::location::Location;
use saasgen::flight::server::{Activity, Server};
use saasgen::tables::DataSet;
use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use tempfile::tempdir;
use tokio::net::TcpSocket;
use tokio::sync::oneshot;
use tonic::transport::Endpoint;

const CUSTOMERS: u64 = 60_000;

fn location(address: SocketAddr) -> Location {
    format!("grpc://{address}").parse().unwrap()
}

/// A server within the test, so that what it did can be seen.
struct Replica {
    address: SocketAddr,
    activity: Arc<Activity>,
    /// Stops it when dropped.
    _stop: oneshot::Sender<()>,
}

impl Replica {
    async fn start(replicas: Vec<Location>) -> Self {
        Self::of(data_set(42, CUSTOMERS), replicas).await
    }

    async fn of(data_set: DataSet, replicas: Vec<Location>) -> Self {
        let server = Server::bind("127.0.0.1:0", data_set).await.unwrap().with_replicas(replicas);
        let (address, activity) = (server.local_addr().unwrap(), server.activity());
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(server.serve(async {
            let _ = stopped.await;
        }));
        Self { address, activity, _stop: stop }
    }
}

/// Passes connections on to servers in turn, as a balancer does, and counts them.
struct Proxy {
    address: SocketAddr,
    taken: Arc<AtomicUsize>,
}

impl Proxy {
    fn to(server: SocketAddr) -> Self {
        Self::between(vec![server])
    }

    fn between(servers: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let taken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&taken);
        thread::spawn(move || {
            for (client, server) in listener.incoming().zip(servers.iter().cycle()) {
                let (client, server) = (client.unwrap(), TcpStream::connect(server).unwrap());
                count.fetch_add(1, Ordering::SeqCst);
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    thread::spawn(move || pass_on(from, to));
                }
            }
        });
        Self { address, taken }
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return to.shutdown(Shutdown::Write);
        }
        to.write_all(&buffer[..read])?;
    }
}

/// An address that refuses connections as long as the socket lives: bound, so that nobody else gets it, but not
/// listening.
fn nobody() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// An address where connections are taken and broken off at the first word.
fn breaking_off() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let _ = client.unwrap().read(&mut [0; 1]);
        }
    });
    address
}

/// Pulls without much patience.
async fn pull(folder: &Path, server: SocketAddr, threads: &str) -> crate::program::Ran {
    let (folder, uri, threads) = (folder.to_path_buf(), format!("grpc://{server}"), threads.to_string());
    let pull = move || {
        run_in(
            &folder,
            &[
                "pull",
                "--server",
                &uri,
                "--threads",
                &threads,
                "--quiet",
                "--out",
                "pulled",
                "--partitions",
                "8",
                "--retries",
                "1",
            ],
        )
    };
    tokio::task::spawn_blocking(pull).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_lists_the_replicas_each_beginning_with_another() {
    let replicas: Vec<Location> =
        ["grpc://a:8815", "grpc://b:8815", "grpc://c:1"].map(|uri| uri.parse().unwrap()).into();
    let server = Replica::start(replicas).await;
    let mut client = FlightServiceClient::new(
        Endpoint::from_shared(format!("http://{}", server.address)).unwrap().connect().await.unwrap(),
    );
    let info =
        client.get_flight_info(FlightDescriptor::new_cmd("usage_daily?partitions=5")).await.unwrap().into_inner();
    let listed: Vec<Vec<&str>> = info
        .endpoint
        .iter()
        .map(|endpoint| endpoint.location.iter().map(|location| location.uri.as_str()).collect())
        .collect();
    let (a, b, c) = ("grpc://a:8815", "grpc://b:8815", "grpc://c:1");
    assert_eq!(listed, [[a, b, c], [b, c, a], [c, a, b], [a, b, c], [b, c, a]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pull_reads_all_replicas_over_several_connections_and_writes_the_same_bytes() {
    let folder = tempdir().unwrap();
    let replicas = [Replica::start(Vec::new()).await, Replica::start(Vec::new()).await];
    let proxies = [Proxy::to(replicas[0].address), Proxy::to(replicas[1].address)];
    // Asked first, and no replica itself; of its replicas one is not there, and one takes calls but breaks off.
    let (_socket, gone) = nobody();
    let listed = [gone, breaking_off(), proxies[0].address, proxies[1].address];
    let front = Replica::start(listed.map(location).into()).await;
    let alone = Replica::start(Vec::new()).await;
    let ran = pull(folder.path(), alone.address, "1").await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let expected = contents(&folder.path().join("pulled"));

    let ran = pull(folder.path(), front.address, "4").await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(contents(&folder.path().join("pulled")) == expected);
    assert_eq!(front.activity.blocks(), 0, "it only says where");
    assert!(replicas.iter().all(|replica| replica.activity.blocks() > 20));
    // 32 endpoints, four at a time: connections are kept, and never more than there are readers.
    let taken = proxies.each_ref().map(|proxy| proxy.taken.load(Ordering::SeqCst));
    assert!(taken.iter().all(|taken| (1..=4).contains(taken)) && taken.iter().sum::<usize>() > 2, "{taken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_nobody_serves_is_an_error_and_nothing_is_written() {
    let folder = tempdir().unwrap();
    let (_socket, gone) = nobody();
    let front = Replica::start(vec![location(gone), location(gone)]).await;
    let ran = pull(folder.path(), front.address, "2").await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("no server answers at grpc://127.0.0.1:"), "{}", ran.stderr);
    assert!(!folder.path().join("pulled").exists());
}

/// What a balancer puts behind one address is not always alike.
#[tokio::test(flavor = "multi_thread")]
async fn data_sets_are_never_mixed() {
    let folder = tempdir().unwrap();
    let asked = Replica::start(Vec::new()).await;
    let ran = pull(folder.path(), asked.address, "1").await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let expected = contents(&folder.path().join("pulled"));
    // Another seed and size: the request names those that were described.
    let other = Replica::of(data_set(7, 50), Vec::new()).await;
    let ran = pull(folder.path(), Proxy::between(vec![asked.address, other.address]).address, "3").await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(contents(&folder.path().join("pulled")) == expected);
    assert!(other.activity.blocks() > 0, "the other one was read, too");
    // Another model is refused, and what was there stays.
    let third = Replica::of(data_set_of("plans.Pro.price = 100.0", 42, CUSTOMERS), Vec::new()).await;
    let ran = pull(folder.path(), Proxy::between(vec![asked.address, third.address]).address, "3").await;
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("fingerprint"), "{}", ran.stderr);
    assert!(contents(&folder.path().join("pulled")) == expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_many_endpoints_and_replicas_stays_under_4_mib() {
    let replicas = (0..60).map(|i| format!("grpc://replica-{i:02}.some.cluster.example.org:8815").parse().unwrap());
    let server = Replica::start(replicas.collect()).await;
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address)).unwrap();
    let mut client = FlightServiceClient::new(endpoint.connect().await.unwrap());
    for (partitions, least) in [(10_000, 1), (1_000, 15), (20, 60)] {
        let command = FlightDescriptor::new_cmd(format!("usage_daily?customers=1000000000000&partitions={partitions}"));
        // tonic takes no more than 4 MiB.
        let info = client.get_flight_info(command).await.unwrap().into_inner();
        assert_eq!(info.endpoint.len(), partitions);
        assert!(info.endpoint.iter().all(|endpoint| endpoint.location.len() >= least), "{partitions}");
        let firsts: HashSet<&str> = info.endpoint.iter().map(|endpoint| endpoint.location[0].uri.as_str()).collect();
        assert_eq!(firsts.len(), 60.min(partitions));
    }
}

#[test]
fn replicas_that_no_client_can_reach_are_refused() {
    let folder = tempdir().unwrap();
    for (uri, part) in [
        ("grpc://0.0.0.0:8815", "no address that a client can connect to"),
        ("grpc://[::]:8815", "no address that a client can connect to"),
        ("grpc://a:8815,grpc://0.0.0.0:1", "grpc://0.0.0.0:1"),
        ("a:8815", "grpc://host:port"),
        ("grpc://a", "grpc://host:port"),
        ("", "grpc://host:port"),
    ] {
        let ran = run_in(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--advertise", uri]);
        assert_eq!(ran.code, Some(2), "{uri}");
        assert!(ran.stderr.contains(part), "{uri}: {}", ran.stderr);
    }
    succeed_in(folder.path(), &["serve", "--help"]);
}
