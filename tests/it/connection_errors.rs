//! Each kind of failed connection has its own message, which says what to do.

use crate::access::{Authority, write_credentials};
use crate::program::{Ran, Serve, saasgen};
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519, date_time_ymd};
use socket2::SockRef;
use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use std::{future, thread};
use tempfile::{TempDir, tempdir};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tower_service::Service;

/// A folder with credentials, where `pull` runs.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempdir().unwrap();
        write_credentials(folder.path());
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Starts a TLS server with the certificate `NAME.pem`.
    fn serve(&self, name: &str, more: &[&str]) -> Serve {
        let mut command = saasgen(&["serve", "--listen", "127.0.0.1:0", "--customers", "10", "--tls-cert"]);
        command.arg(format!("{name}.pem")).args(["--tls-key", &format!("{name}.key")]).args(more);
        command.current_dir(self.path());
        Serve::of(command)
    }

    /// Runs `pull`, which must fail. The message must have all `parts`, and no part of the libraries' own messages.
    fn fail(&self, uri: &str, args: &[&str], parts: &[&str]) -> Ran {
        self.fail_of(&["pull", "--quiet", "--out", "pulled", "--server"], uri, args, parts)
    }

    /// Like [`fail`](Self::fail), for another subcommand, whose last argument is the URI.
    fn fail_of(&self, subcommand: &[&str], uri: &str, args: &[&str], parts: &[&str]) -> Ran {
        let mut command = saasgen(subcommand);
        command.arg(uri);
        let ran: Ran =
            command.args(args).env("SSL_CERT_FILE", "other.pem").current_dir(self.path()).output().unwrap().into();
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{uri} {args:?}: {}", ran.stderr);
        assert!(parts.iter().all(|part| ran.stderr.contains(part)), "{uri} {args:?}, {parts:?}: {}", ran.stderr);
        for jargon in
            ["transport error", "(Unknown)", "OtherError", "UNIX", "error:  ", "InvalidContentType", "compression"]
        {
            assert!(!ran.stderr.contains(jargon), "{jargon}: {}", ran.stderr);
        }
        ran
    }
}

/// Answers every connection to the returned address with `answer`, once a client has sent something.
fn answer_all(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let _ = client.read(&mut [0; 1_000]).unwrap();
            client.write_all(answer).unwrap();
            // Without this, a client can lose the answer: what it sends later resets the connection.
            thread::spawn(move || while let Ok(1..) = client.read(&mut [0; 1_000]) {});
        }
    });
    address.to_string()
}

#[test]
fn without_a_server_the_message_says_where_none_listens() {
    let folder = Folder::new();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let uri = format!("grpc://{address}");
    folder.fail(&uri, &[], &["no server listens at", &uri, "start one with `saasgen serve`", "or name another server"]);
    folder.fail(&format!("grpc+tls://{address}"), &["--tls-ca", "ca.pem"], &["no server listens at"]);
    folder.fail("grpc://no-such-host.invalid:8815", &[], &["the host \"no-such-host.invalid\"", "can't be found"]);
    let socket = format!("grpc+unix://{}/socket", folder.path().display());
    folder.fail(&socket, &[], &["no server listens at", "does not exist", "saasgen serve --listen grpc+unix://"]);
    drop(std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap());
    folder.fail(&socket, &[], &["no server listens at", "any more"]);
}

/// A server that accepts connections and does not answer the TLS handshake.
#[test]
fn a_silent_server_is_waited_for_no_longer_than_the_stall_timeout() {
    let folder = Folder::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("grpc+tls://{}", listener.local_addr().unwrap());
    let start = Instant::now();
    folder.fail(
        &uri,
        &["--tls-ca", "ca.pem", "--stall-timeout", "1"],
        &["nothing answers at", "within 1 s", "firewall"],
    );
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn with_and_without_tls_the_message_names_the_other_scheme() {
    let folder = Folder::new();
    let plain = Serve::start(&["--customers", "10"]);
    let tls = folder.serve("server", &[]);
    folder.fail(&plain.uri.replace("grpc:", "grpc+tls:"), &["--tls-ca", "ca.pem"], &["TLS", "use grpc:// instead"]);
    folder.fail(&tls.uri.replace("grpc+tls:", "grpc:"), &[], &["TLS", "use grpc+tls:// instead"]);
}

/// Accepts connections to the returned address and resets them, with or without reading first.
fn reset_all(reads: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
            if reads {
                let _ = client.read(&mut [0; 10]);
            }
        }
    });
    address.to_string()
}

/// A server that resets a connection can do so before, while and after the client writes.
#[test]
fn a_reset_has_the_same_message_at_any_moment() {
    let folder = Folder::new();
    let tls = folder.serve("server", &[]);
    let plain = tls.uri.replace("grpc+tls:", "grpc:");
    let closed = ["closed the connection before it answered", "use grpc+tls:// instead of grpc://"];
    let resets = [false, true].map(|reads| format!("grpc://{}", reset_all(reads)));
    for _ in 0..40 {
        folder.fail_of(&["health"], &plain, &[], &["asks for TLS: use grpc+tls:// instead of grpc://"]);
        for uri in &resets {
            folder.fail_of(&["health"], uri, &[], &closed);
            folder.fail(uri, &["--retries", "0"], &closed);
        }
    }
}

#[test]
fn a_certificate_that_is_refused_is_named_with_the_reason() {
    let folder = Folder::new();
    let ca = Authority::new();
    ca.write(&folder.path().join("ca.pem"));
    Authority::new().write(&folder.path().join("other.pem"));
    let trusting = ["--tls-ca", "ca.pem"];
    let names = ["127.0.0.1".to_string()];

    ca.sign(folder.path(), "server");
    let server = folder.serve("server", &[]);
    let unknown = ["does not trust", &server.uri, "--tls-ca"];
    folder.fail(&server.uri, &[], &unknown);
    folder.fail(&server.uri, &["--tls-ca", "other.pem"], &unknown);
    // It has the name of the server's authority, but another kind of key.
    Authority::of_key(KeyPair::generate_for(&PKCS_ED25519).unwrap()).write(&folder.path().join("edwards.pem"));
    folder.fail(&server.uri, &["--tls-ca", "edwards.pem"], &unknown);

    let params = CertificateParams::new(["a.example".to_string(), "192.0.2.1".to_string()]).unwrap();
    ca.sign_params(folder.path(), "named", params);
    let server = folder.serve("named", &[]);
    folder.fail(&server.uri, &trusting, &["is not for the host \"127.0.0.1\", but for a.example, 192.0.2.1"]);

    let mut params = CertificateParams::new(names.clone()).unwrap();
    params.not_after = date_time_ymd(2024, 3, 1);
    ca.sign_params(folder.path(), "expired", params);
    let mut server = folder.serve("expired", &[]);
    folder.fail(&server.uri, &trusting, &["expired on 2024-03-01 00:00 UTC"]);
    let warning = "expired.pem expired on 2024-03-01 00:00 UTC: clients refuse it";
    assert!(server.wait_for("WARN").contains(warning), "the server warns at its start");
    server.signal("HUP");
    assert!(server.wait_for("WARN").contains(warning), "the server warns when it reads the file again");

    let mut params = CertificateParams::new(names.clone()).unwrap();
    params.not_before = date_time_ymd(4000, 3, 1);
    params.not_after = date_time_ymd(4001, 3, 1);
    ca.sign_params(folder.path(), "future", params);
    let server = folder.serve("future", &[]);
    folder.fail(&server.uri, &trusting, &["is valid only from 4000-03-01 00:00 UTC on", "clock"]);

    let authority = Authority::new();
    authority.write_identity(folder.path(), "authority");
    let server = folder.serve("authority", &[]);
    let parts = ["certificate of an authority, not of a server", "CA:FALSE"];
    folder.fail(&server.uri, &["--tls-ca", "authority.pem"], &parts);
}

#[test]
fn a_server_that_asks_for_credentials_names_the_options() {
    let folder = Folder::new();
    let mutual = folder.serve("server", &["--tls-client-ca", "ca.pem"]);
    let trusting = ["--tls-ca", "ca.pem"];
    folder.fail(&mutual.uri, &trusting, &["asks for a certificate of this client", "--tls-cert and --tls-key"]);
    Authority::new().sign(folder.path(), "stranger");
    let stranger = ["--tls-ca", "ca.pem", "--tls-cert", "stranger.pem", "--tls-key", "stranger.key"];
    folder.fail(&mutual.uri, &stranger, &["refuses the certificate of this client", "--tls-cert"]);

    let tokens = folder.serve("server", &["--auth-tokens", "tokens"]);
    folder.fail(&tokens.uri, &trusting, &["asks for a token", "--token-file", "SAASGEN_TOKEN"]);
}

#[test]
fn another_program_is_called_that() {
    let folder = Folder::new();
    let web = answer_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    folder.fail(&format!("grpc://{web}"), &[], &["is no gRPC server but an HTTP/1 server", "check the port"]);
    let other = answer_all(b"SSH-2.0-OpenSSH_9.9\r\n");
    folder.fail(&format!("grpc://{other}"), &[], &["is no gRPC server but another program"]);
}

/// A proxy whose server is gone.
#[derive(Clone)]
struct BadGateway;

impl NamedService for BadGateway {
    const NAME: &'static str = "arrow.flight.protocol.FlightService";
}

impl Service<http::Request<Body>> for BadGateway {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<Body>) -> Self::Future {
        let page = http_body_util::Full::from("<html>502 Bad Gateway</html>");
        let answer = http::Response::builder().status(502).header("content-type", "text/html").body(Body::new(page));
        future::ready(Ok(answer.unwrap()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_a_proxy_is_no_message_of_grpc() {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let uri = format!("grpc://{}", incoming.local_addr().unwrap());
    tokio::spawn(Server::builder().add_service(BadGateway).serve_with_incoming(incoming));
    let fail = move || {
        let parts = ["is no gRPC server", "the HTTP status 502 Bad Gateway", "proxy", "after 2 tries"];
        Folder::new().fail(&uri, &["--retries", "1"], &parts);
    };
    tokio::task::spawn_blocking(fail).await.unwrap();
}

/// With --retries, a pull waits for a server that does not listen yet.
#[test]
fn a_pull_with_retries_waits_for_its_server() {
    let folder = Folder::new();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let uri = format!("grpc://{address}");
    folder.fail(&uri, &["--retries", "2"], &["gave up after 3 tries", "no server listens at"]);

    let mut command = saasgen(&["pull", "--quiet", "--retries", "100", "--out", "pulled", "--server", &uri]);
    let pull = command.current_dir(folder.path()).stderr(Stdio::piped()).spawn().unwrap();
    let server = Serve::start_at(&address.to_string(), &["--customers", "10"]);
    let ran: Ran = pull.wait_with_output().unwrap().into();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(server.stop("TERM"), Some(0));
}
