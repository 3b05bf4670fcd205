//! Endpoints list replicas, and `pull` reads them from several replicas at the same time.

use crate::program::{Ran, contents, run_in, succeed_in};
use crate::support::{data_set, data_set_of};
use arrow_flight::FlightDescriptor;
use arrow_flight::flight_service_client::FlightServiceClient;
use saasgen::flight::location::Location;
use saasgen::flight::server::{Activity, Server};
use saasgen::models::DataSet;
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

/// A server in the process of the test, which can look at its activity.
struct Replica {
    address: SocketAddr,
    activity: Arc<Activity>,
    /// Stops the server when dropped.
    _stop: oneshot::Sender<()>,
}

impl Replica {
    async fn start(replicas: Vec<Location>) -> Self {
        Self::start_with(data_set(42, CUSTOMERS), replicas).await
    }

    async fn start_with(data_set: DataSet, replicas: Vec<Location>) -> Self {
        let server = Server::bind("127.0.0.1:0", data_set).await.unwrap().with_replicas(replicas);
        let (address, activity) = (server.local_addr().unwrap(), server.activity());
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(server.serve(async {
            let _ = stopped.await;
        }));
        Self { address, activity, _stop: stop }
    }
}

/// A TCP load balancer: directs each connection to the next of its servers, and counts the connections.
struct Balancer {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
}

impl Balancer {
    fn start(servers: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
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
        Self { address, accepted }
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

/// Returns an address that refuses connections, and the socket that reserves it: bound, but not listening.
fn refusing_address() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// Returns an address that accepts connections and closes each after its first byte.
fn closing_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let _ = client.unwrap().read(&mut [0; 1]);
        }
    });
    address
}

/// Pulls with a single retry.
async fn pull(folder: &Path, server: SocketAddr, threads: &str) -> Ran {
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
async fn every_endpoint_lists_all_replicas_and_starts_with_another() {
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
    let balancers = [Balancer::start(vec![replicas[0].address]), Balancer::start(vec![replicas[1].address])];
    // The pull connects to `front`, which is no replica itself. It lists one address that refuses connections, one that
    // closes them, and two replicas.
    let (_socket, refusing) = refusing_address();
    let listed = [refusing, closing_address(), balancers[0].address, balancers[1].address];
    let front = Replica::start(listed.map(location).into()).await;
    let single = Replica::start(Vec::new()).await;
    let ran = pull(folder.path(), single.address, "1").await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let expected = contents(&folder.path().join("pulled"));

    let ran = pull(folder.path(), front.address, "4").await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(contents(&folder.path().join("pulled")) == expected);
    assert_eq!(front.activity.blocks(), 0, "no endpoint lists it");
    assert!(replicas.iter().all(|replica| replica.activity.blocks() > 20));
    // Four readers read 32 endpoints: connections are reused, and there are never more of them than readers.
    let accepted = balancers.each_ref().map(|balancer| balancer.accepted.load(Ordering::SeqCst));
    assert!(accepted.iter().all(|count| (1..=4).contains(count)) && accepted.iter().sum::<usize>() > 2, "{accepted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_without_a_server_is_an_error_and_nothing_is_written() {
    let folder = tempdir().unwrap();
    let (_socket, refusing) = refusing_address();
    let front = Replica::start(vec![location(refusing), location(refusing)]).await;
    let ran = pull(folder.path(), front.address, "2").await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("no server listens at grpc://127.0.0.1:"), "{}", ran.stderr);
    assert!(!folder.path().join("pulled").exists());
}

/// A balancer can direct the connections of one pull to different servers.
#[tokio::test(flavor = "multi_thread")]
async fn data_sets_are_never_mixed() {
    let folder = tempdir().unwrap();
    let first = Replica::start(Vec::new()).await;
    let ran = pull(folder.path(), first.address, "1").await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let expected = contents(&folder.path().join("pulled"));
    // The other server has another seed and size by default, but requests name those of the first.
    let other = Replica::start_with(data_set(7, 50), Vec::new()).await;
    let ran = pull(folder.path(), Balancer::start(vec![first.address, other.address]).address, "3").await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(contents(&folder.path().join("pulled")) == expected);
    assert!(other.activity.blocks() > 0, "the other server was not read");
    // A server of another model refuses the requests, and the folder stays as it was.
    let third = Replica::start_with(data_set_of("plans.Pro.price = 100.0", 42, CUSTOMERS), Vec::new()).await;
    let ran = pull(folder.path(), Balancer::start(vec![first.address, third.address]).address, "3").await;
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
        // The call fails if the answer has more than 4 MiB, tonic's limit.
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
        ("grpc://0.0.0.0:8815", "clients can't connect to this address"),
        ("grpc://[::]:8815", "clients can't connect to this address"),
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
