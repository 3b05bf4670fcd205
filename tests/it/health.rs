//! `saasgen health`, which probes run.

use crate::access::write_credentials;
use crate::program::{Ran, Serve, run_in};
use std::net::TcpListener;
use tempfile::{TempDir, tempdir};

fn credentials() -> TempDir {
    let folder = tempdir().unwrap();
    write_credentials(folder.path());
    folder
}

/// Starts a server with TLS. Arguments that begin with `@` are files of `folder`.
fn serve(folder: &TempDir, args: &[&str]) -> Serve {
    let path = |arg: &&str| match arg.strip_prefix('@') {
        Some(name) => folder.path().join(name).to_str().unwrap().to_string(),
        None => arg.to_string(),
    };
    let tls = ["--customers", "10", "--tls-cert", "@server.pem", "--tls-key", "@server.key"];
    let args: Vec<String> = tls.iter().chain(args).map(path).collect();
    Serve::start(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

fn health(folder: &TempDir, args: &[&str]) -> Ran {
    run_in(folder.path(), &[&["health"], args].concat())
}

#[test]
fn health_works_through_tls_and_needs_no_token() {
    let folder = credentials();
    let server = serve(&folder, &["--auth-tokens", "@tokens"]);
    let ran = health(&folder, &[&server.uri, "--tls-ca", "ca.pem"]);
    assert_eq!((ran.code, ran.stdout), (Some(0), format!("{} is serving\n", server.uri)), "{}", ran.stderr);
    assert_eq!(health(&folder, &[&server.uri, "--tls-ca", "ca.pem", "--token-file", "ann"]).code, Some(0));
    let ran = health(&folder, &[&server.uri, "--tls-ca", "client.pem"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "another authority signed the certificate");
    assert!(ran.stderr.contains(&server.uri), "{}", ran.stderr);
}

#[test]
fn health_works_through_mutual_tls() {
    let folder = credentials();
    let server = serve(&folder, &["--tls-client-ca", "@ca.pem"]);
    let own = ["--tls-ca", "ca.pem", "--tls-cert", "client.pem", "--tls-key", "client.key"];
    assert_eq!(health(&folder, &[&[server.uri.as_str()][..], &own].concat()).code, Some(0));
    assert_eq!(health(&folder, &[&server.uri, "--tls-ca", "ca.pem"]).code, Some(1));
}

#[test]
fn health_works_over_a_unix_socket() {
    let folder = tempdir().unwrap();
    let uri = format!("grpc+unix://{}/socket", folder.path().display());
    let server = Serve::start_at(&uri, &["--customers", "10"]);
    assert_eq!(health(&folder, &[&uri]).code, Some(0));
    assert_eq!(server.stop("TERM"), Some(0));
}

#[test]
fn a_file_in_the_place_of_a_unix_socket_is_named() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    drop(std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap());
    for (name, message) in [
        ("file", "file, which is a plain file, not a socket"),
        ("folder", "folder, which is a folder, not a socket"),
        ("socket", "socket any more"),
    ] {
        let ran = health(&folder, &[&format!("grpc+unix://{}/{name}", folder.path().display())]);
        assert!(ran.code == Some(1) && ran.stderr.contains(message), "{}", ran.stderr);
    }
}

#[test]
fn a_server_that_is_gone_or_silent_is_not_healthy() {
    let folder = tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("grpc://{}", listener.local_addr().unwrap());
    // The system accepts the connection, and nobody answers.
    let ran = health(&folder, &[&uri, "--timeout", "1"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains(&uri) && ran.stderr.contains("within 1 s"), "{}", ran.stderr);
    drop(listener);
    let ran = health(&folder, &[&uri]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert!(ran.stderr.contains(&uri), "{}", ran.stderr);
    assert_eq!(health(&folder, &[&uri, "--timeout", "0"]).code, Some(2));
}
