//! Who is let in, and who is not: TLS, tokens, Unix sockets, and servers that others could reach.

use crate::program::{Ran, Serve, contents, run_in, saasgen, succeed_in, wait_until};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use tempfile::{TempDir, tempdir};

const ANN: &str = "a-token-of-ann-0123456789";
const BOB: &str = "a-token-of-bob-0123456789";
const SMALL: [&str; 2] = ["--customers", "300"];

/// An authority that signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn write(&self, path: &Path) {
        fs::write(path, self.0.pem()).unwrap();
    }

    /// Writes a certificate for this machine, and its key, to `NAME.pem` and `NAME.key`.
    fn sign(&self, folder: &Path, name: &str) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_string(), "127.0.0.1".to_string()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        fs::write(folder.join(name).with_extension("pem"), certificate.pem()).unwrap();
        fs::write(folder.join(name).with_extension("key"), key.serialize_pem()).unwrap();
    }
}

/// A folder with what servers and clients need; the files of the data set are in `files`.
struct Given {
    folder: TempDir,
}

/// Writes `ca.pem`, certificates with keys for a server and a client, `tokens` and the token of `ann`.
pub fn write_access(folder: &Path) {
    let ca = Authority::new();
    ca.write(&folder.join("ca.pem"));
    ca.sign(folder, "server");
    ca.sign(folder, "client");
    write_tokens(folder, &format!("# people\nann:{ANN}\nbob:{BOB}\n"));
    fs::write(folder.join("ann"), format!("{ANN}\n")).unwrap();
}

fn write_tokens(folder: &Path, text: &str) {
    fs::write(folder.join("tokens"), text).unwrap();
    fs::set_permissions(folder.join("tokens"), Permissions::from_mode(0o600)).unwrap();
}

impl Given {
    fn new() -> Self {
        let given = Self { folder: tempdir().unwrap() };
        write_access(given.folder.path());
        given.run(&["generate", "--customers", "300", "--out", "files", "--quiet"]);
        given
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_string()
    }

    fn write_tokens(&self, text: &str) {
        write_tokens(self.folder.path(), text);
    }

    fn run(&self, args: &[&str]) -> Ran {
        succeed_in(self.folder.path(), args)
    }

    fn serve(&self, address: &str, args: &[&str]) -> Serve {
        let path = |arg: &&str| match arg.strip_prefix('@') {
            Some(name) => self.path(name),
            None => arg.to_string(),
        };
        let args: Vec<String> = SMALL.iter().chain(args).map(path).collect();
        Serve::start_at(address, &args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Pulls from `uri`, which must give the files byte for byte.
    fn pull(&self, uri: &str, args: &[&str]) {
        let mut all = vec!["pull", "--quiet", "--server", uri, "--out", "pulled"];
        all.extend(args);
        self.run(&all);
        assert!(contents(Path::new(&self.path("pulled"))) == contents(Path::new(&self.path("files"))));
        fs::remove_dir_all(self.path("pulled")).unwrap();
    }

    /// Pulls from `uri`, which must fail, say why, and leave nothing.
    fn fail_to_pull(&self, uri: &str, args: &[&str], code: i32, why: &str) {
        let mut all = vec!["pull", "--quiet", "--server", uri, "--out", "pulled"];
        all.extend(args);
        let ran = run_in(self.folder.path(), &all);
        assert!(ran.code == Some(code) && ran.stderr.contains(why), "{:?} {}", ran.code, ran.stderr);
        assert!(!Path::new(&self.path("pulled")).exists());
    }
}

const TLS: [&str; 4] = ["--tls-cert", "@server.pem", "--tls-key", "@server.key"];

fn with<'a>(begin: &[&'a str], end: &[&'a str]) -> Vec<&'a str> {
    [begin, end].concat()
}

#[test]
fn tls_serves_those_who_trust_it() {
    let given = Given::new();
    let server = given.serve("127.0.0.1:0", &TLS);
    assert!(server.uri.starts_with("grpc+tls://127.0.0.1:"), "{}", server.uri);
    given.pull(&server.uri, &["--tls-ca", "ca.pem"]);
    given.run(&["verify", "--server", &server.uri, "--tls-ca", "ca.pem"]);
    given.pull(&server.uri.replace("127.0.0.1", "localhost"), &["--tls-ca", "ca.pem"]);

    Authority::new().write(Path::new(&given.path("other.pem")));
    given.fail_to_pull(&server.uri, &["--tls-ca", "other.pem"], 1, "certificate");
    let plain = server.uri.replace("grpc+tls", "grpc");
    given.fail_to_pull(&plain, &[], 1, &plain);
}

#[test]
fn mutual_tls_asks_for_a_certificate_of_its_authority() {
    let given = Given::new();
    let server = given.serve("127.0.0.1:0", &with(&TLS, &["--tls-client-ca", "@ca.pem"]));
    let trusted = ["--tls-ca", "ca.pem", "--tls-cert", "client.pem", "--tls-key", "client.key"];
    given.pull(&server.uri, &trusted);
    given.fail_to_pull(&server.uri, &["--tls-ca", "ca.pem"], 1, &server.uri);
    Authority::new().sign(given.folder.path(), "other");
    let other = ["--tls-ca", "ca.pem", "--tls-cert", "other.pem", "--tls-key", "other.key"];
    given.fail_to_pull(&server.uri, &other, 1, &server.uri);
}

#[test]
fn certificates_and_tokens_are_read_again_on_sighup() {
    let given = Given::new();
    let server = given.serve("127.0.0.1:0", &with(&TLS, &["--auth-tokens", "@tokens"]));
    let pulls = |ca: &str, token: &str| {
        fs::write(given.path("token"), token).unwrap();
        let args = ["pull", "--server", &server.uri, "--out", "pulled", "--tls-ca", ca, "--token-file", "token"];
        run_in(given.folder.path(), &args).code == Some(0)
    };
    assert!(pulls("ca.pem", ANN));

    // What can't be used changes nothing.
    fs::write(given.path("server.pem"), "no certificate").unwrap();
    given.write_tokens("ann:short");
    server.signal("HUP");
    assert!(pulls("ca.pem", ANN) && pulls("ca.pem", BOB));

    let other = Authority::new();
    other.write(Path::new(&given.path("other.pem")));
    other.sign(given.folder.path(), "server");
    given.write_tokens(&format!("bob:{BOB}"));
    server.signal("HUP");
    wait_until("the new certificate", || pulls("other.pem", BOB));
    assert!(!pulls("ca.pem", BOB) && !pulls("other.pem", ANN));
    assert_eq!(server.stop("TERM"), Some(0));
}

#[test]
fn tokens_are_asked_for_with_every_call() {
    let given = Given::new();
    let server = given.serve("127.0.0.1:0", &["--auth-tokens", "@tokens"]);
    given.pull(&server.uri, &["--token-file", "ann"]);
    given.run(&["verify", "--server", &server.uri, "--token-file", "ann"]);
    given.fail_to_pull(&server.uri, &[], 1, "with a token only");
    fs::write(given.path("wrong"), "a-token-of-nobody-0123456789").unwrap();
    given.fail_to_pull(&server.uri, &["--token-file", "wrong"], 1, "none of those that this server knows");

    let with_variable = |token: &str| {
        let args = ["pull", "--server", &server.uri, "--out", "by-variable"];
        Ran::from(saasgen(&args).env("SAASGEN_TOKEN", token).current_dir(given.folder.path()).output().unwrap())
    };
    let ran = with_variable("a token with spaces");
    assert!(ran.code == Some(2) && ran.stderr.contains("visible ASCII") && !ran.stderr.contains("with spaces"));
    assert_eq!(with_variable(BOB).code, Some(0));
}

#[test]
fn a_token_is_not_sent_where_it_could_be_read() {
    let given = Given::new();
    given.fail_to_pull("grpc://192.0.2.1:1", &["--token-file", "ann"], 2, "grpc+tls://");
}

#[test]
fn files_that_let_nobody_or_everybody_in_are_refused() {
    let given = Given::new();
    let refused = |args: &[&str], why: &str| {
        let ran = run_in(given.folder.path(), &with(&["serve", "--listen", "127.0.0.1:0"], args));
        assert!(ran.code == Some(2) && ran.stderr.contains(why), "{args:?}: {:?} {}", ran.code, ran.stderr);
        assert_eq!(ran.stdout, "");
    };
    fs::set_permissions(given.path("tokens"), Permissions::from_mode(0o604)).unwrap();
    refused(&["--auth-tokens", "tokens"], "chmod 600");
    given.write_tokens("ann:short");
    refused(&["--auth-tokens", "tokens"], "line 1 has a token of 5 bytes");
    refused(&["--tls-cert", "server.pem"], "--tls-key");
    refused(&["--tls-cert", "tokens", "--tls-key", "server.key"], "tokens holds no certificate");
    refused(&["--tls-cert", "server.pem", "--tls-key", "client.key"], "can't be used with the key");
    refused(
        &["--tls-cert", "server.pem", "--tls-key", "server.key", "--tls-client-ca", "ann"],
        "ann holds no certificate",
    );
    refused(&["--tls-client-ca", "ca.pem"], "--tls-cert");
    let missing = run_in(given.folder.path(), &["serve", "--listen", "127.0.0.1:0", "--auth-tokens", "nowhere"]);
    assert!(missing.code == Some(1) && missing.stderr.contains("nowhere"), "{}", missing.stderr);
}

#[test]
fn beyond_this_machine_tls_and_tokens_are_needed() {
    let given = Given::new();
    // 192.0.2.1 is nobody's (RFC 5737): where the check lets it pass, listening fails.
    let start = |args: &[&str]| {
        let all = with(&["serve", "--customers", "300", "--listen", "192.0.2.1:8815"], args);
        run_in(given.folder.path(), &all)
    };
    let tls = ["--tls-cert", "server.pem", "--tls-key", "server.key"];
    for (args, lack) in [
        (vec![], "--tls-cert and --tls-key, and --auth-tokens or --tls-client-ca"),
        (vec!["--auth-tokens", "tokens"], "Add --tls-cert and --tls-key"),
        (tls.to_vec(), "Add --auth-tokens or --tls-client-ca"),
    ] {
        let ran = start(&args);
        assert!(ran.code == Some(2) && ran.stderr.contains(lack), "{args:?}: {}", ran.stderr);
    }
    for args in
        [vec!["--insecure"], with(&tls, &["--auth-tokens", "tokens"]), with(&tls, &["--tls-client-ca", "ca.pem"])]
    {
        let ran = start(&args);
        assert!(ran.code == Some(1) && ran.stderr.contains("listening on 192.0.2.1:8815"), "{args:?}: {}", ran.stderr);
    }
    let every = run_in(given.folder.path(), &["serve", "--listen", "0.0.0.0:0"]);
    assert!(every.code == Some(2) && every.stderr.contains("--insecure"), "{}", every.stderr);
}

#[test]
fn a_unix_socket_is_its_owners_alone() {
    let given = Given::new();
    let path = given.path("saasgen.sock");
    let uri = format!("grpc+unix://{path}");
    let server = given.serve(&uri, &[]);
    assert_eq!(server.uri, uri);
    let there = fs::symlink_metadata(&path).unwrap();
    assert!(there.file_type().is_socket() && there.permissions().mode() & 0o777 == 0o600);
    given.pull(&uri, &[]);
    given.run(&["verify", "--server", &uri]);

    let serve = |args: &[&str]| run_in(given.folder.path(), &with(&["serve", "--listen", &uri], args));
    let second = serve(&[]);
    assert!(second.code == Some(2) && second.stderr.contains("another server listens"), "{}", second.stderr);
    given.pull(&uri, &[]);
    assert_eq!(server.stop("TERM"), Some(0));
    assert!(!Path::new(&path).exists());

    // What a killed server leaves is replaced; what is no socket is not.
    given.serve(&uri, &[]).stop("KILL");
    assert!(Path::new(&path).exists());
    let server = given.serve(&uri, &["--auth-tokens", "@tokens"]);
    given.pull(&uri, &["--token-file", "ann"]);
    given.fail_to_pull(&uri, &[], 1, "with a token only");
    assert_eq!(server.stop("INT"), Some(0));
    fs::write(&path, "mine").unwrap();
    let over = serve(&[]);
    assert!(over.code == Some(2) && over.stderr.contains("no socket"), "{}", over.stderr);
    assert_eq!(fs::read(&path).unwrap(), b"mine");
}
