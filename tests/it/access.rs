//! Access to a server: TLS, tokens, Unix sockets, and the options that a server needs for clients on other machines.

use crate::program::{Ran, Serve, contents, run_in, saasgen, succeed_in, wait_until};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use tempfile::{TempDir, tempdir};

const ANN: &str = "a-token-of-ann-0123456789";
const BOB: &str = "a-token-of-bob-0123456789";
const SMALL: [&str; 2] = ["--customers", "300"];

/// A certificate authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        Self::of_key(KeyPair::generate().unwrap())
    }

    /// Makes an authority with `key`. All authorities have the same name.
    pub fn of_key(key: KeyPair) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    pub fn write(&self, path: &Path) {
        fs::write(path, self.0.pem()).unwrap();
    }

    /// Writes a certificate for this machine to `NAME.pem`, and its key to `NAME.key`.
    pub fn sign(&self, folder: &Path, name: &str) {
        let params = CertificateParams::new(["localhost".to_string(), "127.0.0.1".to_string()]).unwrap();
        self.sign_params(folder, name, params);
    }

    /// Writes a certificate with `params` to `NAME.pem`, and its key to `NAME.key`.
    pub fn sign_params(&self, folder: &Path, name: &str, params: CertificateParams) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        fs::write(folder.join(name).with_extension("pem"), certificate.pem()).unwrap();
        fs::write(folder.join(name).with_extension("key"), key.serialize_pem()).unwrap();
    }

    /// Writes the certificate of the authority itself to `NAME.pem`, and its key to `NAME.key`.
    pub fn write_identity(&self, folder: &Path, name: &str) {
        self.write(&folder.join(name).with_extension("pem"));
        fs::write(folder.join(name).with_extension("key"), self.0.key().serialize_pem()).unwrap();
    }
}

/// A folder with the credentials of servers and clients. The files of the data set are in `files`.
struct Credentials {
    folder: TempDir,
}

/// Writes `ca.pem`, certificates with keys for `server` and `client`, the list of `tokens`, and the token of `ann`.
pub fn write_credentials(folder: &Path) {
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

impl Credentials {
    fn new() -> Self {
        let credentials = Self { folder: tempdir().unwrap() };
        write_credentials(credentials.folder.path());
        credentials.run(&["generate", "--customers", "300", "--out", "files", "--quiet"]);
        credentials
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_string()
    }

    fn write_tokens(&self, text: &str) {
        write_tokens(self.folder.path(), text);
    }

    /// Runs the program in the folder. It must succeed.
    fn run(&self, args: &[&str]) -> Ran {
        succeed_in(self.folder.path(), args)
    }

    /// Starts a server. An argument that begins with `@` is a file of the folder.
    fn serve(&self, address: &str, args: &[&str]) -> Serve {
        let path = |arg: &&str| match arg.strip_prefix('@') {
            Some(name) => self.path(name),
            None => arg.to_string(),
        };
        let args: Vec<String> = SMALL.iter().chain(args).map(path).collect();
        Serve::start_at(address, &args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Pulls from `uri`. The files must be those of `generate`, byte for byte.
    fn pull(&self, uri: &str, args: &[&str]) {
        let mut all = vec!["pull", "--quiet", "--server", uri, "--out", "pulled"];
        all.extend(args);
        self.run(&all);
        assert!(contents(Path::new(&self.path("pulled"))) == contents(Path::new(&self.path("files"))));
        fs::remove_dir_all(self.path("pulled")).unwrap();
    }

    /// Pulls from `uri`. This must fail with `code` and `message`, and leave no files.
    fn fail_to_pull(&self, uri: &str, args: &[&str], code: i32, message: &str) {
        let mut all = vec!["pull", "--quiet", "--server", uri, "--out", "pulled"];
        all.extend(args);
        let ran = run_in(self.folder.path(), &all);
        assert!(ran.code == Some(code) && ran.stderr.contains(message), "{:?} {}", ran.code, ran.stderr);
        assert!(!Path::new(&self.path("pulled")).exists());
    }
}

const TLS: [&str; 4] = ["--tls-cert", "@server.pem", "--tls-key", "@server.key"];

fn with<'a>(args: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [args, more].concat()
}

#[test]
fn tls_serves_clients_that_trust_its_certificate() {
    let credentials = Credentials::new();
    let server = credentials.serve("127.0.0.1:0", &TLS);
    assert!(server.uri.starts_with("grpc+tls://127.0.0.1:"), "{}", server.uri);
    credentials.pull(&server.uri, &["--tls-ca", "ca.pem"]);
    credentials.run(&["verify", "--server", &server.uri, "--tls-ca", "ca.pem"]);
    credentials.pull(&server.uri.replace("127.0.0.1", "localhost"), &["--tls-ca", "ca.pem"]);

    Authority::new().write(Path::new(&credentials.path("other.pem")));
    credentials.fail_to_pull(&server.uri, &["--tls-ca", "other.pem"], 1, "certificate");
    let plain = server.uri.replace("grpc+tls", "grpc");
    credentials.fail_to_pull(&plain, &[], 1, &plain);
}

#[test]
fn mutual_tls_asks_clients_for_a_certificate_of_its_authority() {
    let credentials = Credentials::new();
    let server = credentials.serve("127.0.0.1:0", &with(&TLS, &["--tls-client-ca", "@ca.pem"]));
    let trusted = ["--tls-ca", "ca.pem", "--tls-cert", "client.pem", "--tls-key", "client.key"];
    credentials.pull(&server.uri, &trusted);
    credentials.fail_to_pull(&server.uri, &["--tls-ca", "ca.pem"], 1, &server.uri);
    Authority::new().sign(credentials.folder.path(), "other");
    let other = ["--tls-ca", "ca.pem", "--tls-cert", "other.pem", "--tls-key", "other.key"];
    credentials.fail_to_pull(&server.uri, &other, 1, &server.uri);
}

#[test]
fn certificates_and_tokens_are_read_again_on_sighup() {
    let credentials = Credentials::new();
    let mut server = credentials.serve("127.0.0.1:0", &with(&TLS, &["--auth-tokens", "@tokens"]));
    let uri = server.uri.clone();
    let pulls = |ca: &str, token: &str| {
        fs::write(credentials.path("token"), token).unwrap();
        let args = ["pull", "--server", &uri, "--out", "pulled", "--tls-ca", ca, "--token-file", "token"];
        run_in(credentials.folder.path(), &args).code == Some(0)
    };
    assert!(pulls("ca.pem", ANN));

    // Invalid files change nothing.
    fs::write(credentials.path("server.pem"), "no certificate").unwrap();
    credentials.write_tokens("ann:short");
    server.signal("HUP");
    server.wait_for("reload failed: the old certificates and tokens stay in use");
    assert!(pulls("ca.pem", ANN) && pulls("ca.pem", BOB));

    let other = Authority::new();
    other.write(Path::new(&credentials.path("other.pem")));
    other.sign(credentials.folder.path(), "server");
    server.signal("HUP");
    server.wait_for("reload failed: the old tokens stay in use");
    credentials.write_tokens(&format!("bob:{BOB}"));
    server.signal("HUP");
    wait_until("the new certificate", || pulls("other.pem", BOB));
    assert!(!pulls("ca.pem", BOB) && !pulls("other.pem", ANN));
    assert_eq!(server.stop("TERM"), Some(0));
}

#[test]
fn every_call_needs_a_token() {
    let credentials = Credentials::new();
    let server = credentials.serve("127.0.0.1:0", &["--auth-tokens", "@tokens"]);
    credentials.pull(&server.uri, &["--token-file", "ann"]);
    credentials.run(&["verify", "--server", &server.uri, "--token-file", "ann"]);
    credentials.fail_to_pull(&server.uri, &[], 1, "asks for a token");
    fs::write(credentials.path("wrong"), "a-token-of-nobody-0123456789").unwrap();
    credentials.fail_to_pull(&server.uri, &["--token-file", "wrong"], 1, "does not know the token");

    let with_variable = |token: &str| {
        let args = ["pull", "--server", &server.uri, "--out", "by-variable"];
        Ran::from(saasgen(&args).env("SAASGEN_TOKEN", token).current_dir(credentials.folder.path()).output().unwrap())
    };
    let ran = with_variable("a token with spaces");
    assert!(ran.code == Some(2) && ran.stderr.contains("visible ASCII") && !ran.stderr.contains("with spaces"));
    assert_eq!(with_variable(BOB).code, Some(0));
}

#[test]
fn a_token_is_not_sent_without_tls() {
    let credentials = Credentials::new();
    credentials.fail_to_pull("grpc://192.0.2.1:1", &["--token-file", "ann"], 2, "grpc+tls://");
}

#[test]
fn invalid_certificates_and_tokens_are_refused_at_the_start() {
    let credentials = Credentials::new();
    let refused = |args: &[&str], message: &str| {
        let ran = run_in(credentials.folder.path(), &with(&["serve", "--listen", "127.0.0.1:0"], args));
        assert!(ran.code == Some(2) && ran.stderr.contains(message), "{args:?}: {:?} {}", ran.code, ran.stderr);
        assert_eq!(ran.stdout, "");
    };
    fs::set_permissions(credentials.path("tokens"), Permissions::from_mode(0o604)).unwrap();
    refused(&["--auth-tokens", "tokens"], "chmod 600");
    credentials.write_tokens("ann:short");
    refused(&["--auth-tokens", "tokens"], "line 1 has a token of 5 bytes");
    refused(&["--tls-cert", "server.pem"], "--tls-key");
    refused(&["--tls-cert", "tokens", "--tls-key", "server.key"], "tokens holds no certificate");
    refused(
        &["--tls-cert", "server.pem", "--tls-key", "client.key"],
        "client.key does not belong to the certificate in",
    );
    refused(
        &["--tls-cert", "server.pem", "--tls-key", "server.key", "--tls-client-ca", "ann"],
        "ann holds no certificate",
    );
    refused(&["--tls-client-ca", "ca.pem"], "--tls-cert");
}

#[test]
fn a_file_that_is_missing_or_unusable_is_named_with_its_option() {
    let credentials = Credentials::new();
    std::os::unix::fs::symlink("target", credentials.path("link")).unwrap();
    let serve = &["serve", "--listen", "127.0.0.1:0"][..];
    let pull = &["pull", "--server", "grpc+tls://127.0.0.1:1"][..];
    let health = &["health", "grpc+tls://127.0.0.1:1"][..];
    let (server, client) = (("server.pem", "server.key"), ("client.pem", "client.key"));
    for (command, option, more) in [
        (serve, "--auth-tokens", vec![]),
        (serve, "--tls-cert", vec!["--tls-key", server.1]),
        (serve, "--tls-key", vec!["--tls-cert", server.0]),
        (serve, "--tls-client-ca", vec!["--tls-cert", server.0, "--tls-key", server.1]),
        (pull, "--token-file", vec![]),
        (pull, "--tls-ca", vec![]),
        (pull, "--tls-cert", vec!["--tls-ca", "ca.pem", "--tls-key", client.1]),
        (pull, "--tls-key", vec!["--tls-ca", "ca.pem", "--tls-cert", client.0]),
        (health, "--token-file", vec![]),
        (health, "--tls-ca", vec![]),
    ] {
        let run = |file| run_in(credentials.folder.path(), &[command, &[option, file], &more].concat());
        let missing = format!("error: {option} nowhere: No such file or directory");
        let link = format!("error: {option} link: it is a link to target, which does not exist");
        for (file, message) in [("nowhere", missing), ("link", link)] {
            let ran = run(file);
            assert!(ran.code == Some(1) && ran.stderr.starts_with(&message), "{option}: {}", ran.stderr);
        }
        let ran = run("..");
        let message = format!("error: {option}: .. is a folder");
        assert!(ran.code == Some(2) && ran.stderr.starts_with(&message), "{option}: {}", ran.stderr);
    }
}

#[test]
fn private_keys_that_tls_can_not_use_are_refused_with_the_reason() {
    let credentials = Credentials::new();
    let openssl = |args: &str| {
        let mut command = Command::new("openssl");
        let ran = command.args(args.split(' ')).current_dir(credentials.folder.path()).output().unwrap();
        assert!(ran.status.success(), "openssl {args}: {}", String::from_utf8_lossy(&ran.stderr));
    };
    openssl("pkey -in server.key -aes256 -passout pass:secret -out encrypted.key");
    openssl("genrsa -traditional -aes256 -passout pass:secret -out old.key 2048");
    openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out p521.key");
    openssl("genrsa -out short.key 1024");
    openssl("genrsa -traditional -out old-short.key 1024");
    for (key, message) in [
        ("encrypted.key", "encrypted.key is encrypted"),
        ("old.key", "old.key is encrypted"),
        ("p521.key", "p521.key is an ECDSA P-521 key"),
        ("short.key", "short.key is an RSA key that is too short"),
        ("old-short.key", "old-short.key is an RSA key that is too short"),
        ("ca.pem", "ca.pem holds no private key"),
    ] {
        let args = ["serve", "--listen", "127.0.0.1:0", "--tls-cert", "server.pem", "--tls-key", key];
        let served = run_in(credentials.folder.path(), &args);
        let args = ["pull", "--server", "grpc+tls://127.0.0.1:1", "--tls-ca", "ca.pem", "--tls-cert", "client.pem"];
        let pulled = run_in(credentials.folder.path(), &with(&args, &["--tls-key", key, "--out", "pulled"]));
        for ran in [served, pulled] {
            assert!(ran.code == Some(2) && ran.stderr.contains(message), "{key}: {:?} {}", ran.code, ran.stderr);
        }
    }
    let encrypted = ["serve", "--tls-cert", "server.pem", "--tls-key", "encrypted.key"];
    let advice = run_in(credentials.folder.path(), &encrypted).stderr;
    assert!(advice.contains("`openssl pkey -in encrypted.key -out FILE`"), "{advice}");
}

#[test]
fn an_address_in_use_is_answered_with_a_free_one() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    for (args, advice) in [
        (vec!["serve", "--listen", &taken], "--listen 127.0.0.1:0"),
        (vec!["serve", "--listen", "127.0.0.1:0", "--metrics", &taken], "--metrics 127.0.0.1:0"),
    ] {
        let ran = run_in(Path::new("."), &args);
        let parts = [&taken, "Address already in use", "another program listens there", advice];
        assert!(parts.iter().all(|part| ran.stderr.contains(part)), "{args:?}: {}", ran.stderr);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{args:?}");
    }
    let ran = run_in(Path::new("."), &["serve", "--listen", "no-such-host.invalid:0"]);
    let parts = ["no-such-host.invalid:0", "the host has no known address", "--listen 127.0.0.1:0"];
    assert!(parts.iter().all(|part| ran.stderr.contains(part)), "{}", ran.stderr);
}

#[test]
fn a_server_for_other_machines_needs_tls_and_tokens() {
    let credentials = Credentials::new();
    // 192.0.2.1 is reserved for documentation (RFC 5737), so a server that passes the check fails to listen.
    let start = |args: &[&str]| {
        let all = with(&["serve", "--customers", "300", "--listen", "192.0.2.1:8815"], args);
        run_in(credentials.folder.path(), &all)
    };
    let tls = ["--tls-cert", "server.pem", "--tls-key", "server.key"];
    for (args, message) in [
        (vec![], "--tls-cert and --tls-key, and --auth-tokens or --tls-client-ca"),
        (vec!["--auth-tokens", "tokens"], "Add --tls-cert and --tls-key"),
        (tls.to_vec(), "Add --auth-tokens or --tls-client-ca"),
    ] {
        let ran = start(&args);
        assert!(ran.code == Some(2) && ran.stderr.contains(message), "{args:?}: {}", ran.stderr);
    }
    for args in
        [vec!["--insecure"], with(&tls, &["--auth-tokens", "tokens"]), with(&tls, &["--tls-client-ca", "ca.pem"])]
    {
        let ran = start(&args);
        assert!(ran.code == Some(1) && ran.stderr.contains("listening on 192.0.2.1:8815"), "{args:?}: {}", ran.stderr);
    }
    let all_addresses = run_in(credentials.folder.path(), &["serve", "--listen", "0.0.0.0:0"]);
    assert!(all_addresses.code == Some(2) && all_addresses.stderr.contains("--insecure"), "{}", all_addresses.stderr);
}

#[test]
fn only_the_owner_can_connect_to_a_unix_socket() {
    let credentials = Credentials::new();
    let path = credentials.path("saasgen.sock");
    let uri = format!("grpc+unix://{path}");
    let server = credentials.serve(&uri, &[]);
    assert_eq!(server.uri, uri);
    let metadata = fs::symlink_metadata(&path).unwrap();
    assert!(metadata.file_type().is_socket() && metadata.permissions().mode() & 0o777 == 0o600);
    credentials.pull(&uri, &[]);
    credentials.run(&["verify", "--server", &uri]);

    let serve = |args: &[&str]| run_in(credentials.folder.path(), &with(&["serve", "--listen", &uri], args));
    let second = serve(&[]);
    assert!(second.code == Some(2) && second.stderr.contains("another server listens"), "{}", second.stderr);
    credentials.pull(&uri, &[]);
    assert_eq!(server.stop("TERM"), Some(0));
    assert!(!Path::new(&path).exists());

    // A server replaces the socket that a killed server left, but no other file.
    credentials.serve(&uri, &[]).stop("KILL");
    assert!(Path::new(&path).exists());
    let server = credentials.serve(&uri, &["--auth-tokens", "@tokens"]);
    credentials.pull(&uri, &["--token-file", "ann"]);
    credentials.fail_to_pull(&uri, &[], 1, "asks for a token");
    assert_eq!(server.stop("INT"), Some(0));
    fs::write(&path, "mine").unwrap();
    let refused = serve(&[]);
    assert!(refused.code == Some(2) && refused.stderr.contains("is not a socket"), "{}", refused.stderr);
    assert_eq!(fs::read(&path).unwrap(), b"mine");
}
