//! Tokens and TLS: who is let in, who is not, and what they are told. Certificates are made here.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use downbeat_flight::{Credentials, Error, Patience, Secret, Security, ServerOptions, ServerTls, Token};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};

use super::*;

/// A folder of its own, removed with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("downbeat-secure-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Signs certificates.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    certificate: PathBuf,
}

impl Authority {
    fn new(folder: &Folder, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let certificate = folder.file(&format!("{name}.pem"), &issuer.pem());
        Self { issuer, certificate }
    }

    /// Files of a certificate for a host, and of its key.
    fn sign(&self, folder: &Folder, host: &str, expired: bool) -> (PathBuf, PathBuf) {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        if expired {
            (params.not_before, params.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let name = format!("{host}-{expired}");
        (
            folder.file(&format!("{name}.pem"), &certificate.pem()),
            folder.file(&format!("{name}.key"), &key.serialize_pem()),
        )
    }
}

fn serve_with(security: Security) -> (Arc<MemoryLog>, Running) {
    let log = Arc::new(MemoryLog::new("w1", 2, ROWS));
    let options = ServerOptions { security, ..ServerOptions::default() };
    let server = Running::with("127.0.0.1:0".parse().unwrap(), Arc::clone(&log), options);
    (log, server)
}

fn token(text: &str) -> Credentials {
    Credentials { token: Some(Token::Text(Secret::new(text))), ..Credentials::default() }
}

fn tls(server: &Running) -> String {
    format!("grpc+tls://{}", server.address)
}

fn refused(uri: &str, credentials: &Credentials) -> Error {
    Client::connect_with(uri, None, credentials, Patience::default()).expect_err("must be refused")
}

#[test]
fn who_shows_a_token_of_the_server_reads() {
    let folder = Folder::new();
    let tokens = folder.file("tokens", "first\n\n  second  \n");
    let (log, server) = serve_with(Security { tokens: Some(tokens), ..Security::default() });
    for known in ["first", "second"] {
        let client = Client::connect_with(&server.uri(), None, &token(known), Patience::default()).unwrap();
        assert_eq!(all(&mut client.read(events(0, ROWS)).unwrap()).unwrap(), log.rows(0, 0..ROWS));
    }
    for unknown in ["firs", "first\tsecond", "third", ""] {
        let error = refused(&server.uri(), &token(unknown));
        assert!(matches!(error, Error::Unauthenticated(_) | Error::InvalidArgument(_)), "{unknown}: {error:?}");
    }
    let error = refused(&server.uri(), &Credentials::default());
    assert!(matches!(&error, Error::Unauthenticated(text) if text.contains("tokenFile")), "{error:?}");
}

#[test]
fn tokens_change_on_both_sides_without_a_restart() {
    let folder = Folder::new();
    let (tokens, mine) = (folder.file("tokens", "old"), folder.file("mine", "old"));
    let (_log, server) = serve_with(Security { tokens: Some(tokens.clone()), ..Security::default() });
    let credentials = Credentials { token: Some(Token::File(mine.clone())), ..Credentials::default() };
    let client = Client::connect_with(&server.uri(), None, &credentials, Patience::default()).unwrap();
    // Changes within one tick of the file system's clock show by their length.
    fs::write(&tokens, "newer").unwrap();
    let expired = client.world().expect_err("the old token has expired");
    assert!(matches!(&expired, Error::Unauthenticated(text) if text.contains("no longer")), "{expired:?}");
    fs::write(&mine, "newer").unwrap();
    client.world().unwrap();
    fs::remove_file(&mine).unwrap();
    let error = client.world().expect_err("there is no token to show");
    assert!(error.to_string().contains("mine"), "{error}");
}

#[test]
fn a_server_is_known_by_its_certificate() {
    let folder = Folder::new();
    let authority = Authority::new(&folder, "ca");
    let (certificate, key) = authority.sign(&folder, "127.0.0.1", false);
    let security = |certificate: &Path, key: &Path| Security {
        tls: Some(ServerTls { certificate: certificate.to_owned(), key: key.to_owned(), client_ca: None }),
        ..Security::default()
    };
    let (log, server) = serve_with(security(&certificate, &key));
    let trusting = Credentials { ca: Some(authority.certificate.clone()), ..Credentials::default() };
    let client = Client::connect_with(&tls(&server), None, &trusting, Patience::default()).unwrap();
    assert_eq!(all(&mut client.read(events(7, ROWS)).unwrap()).unwrap(), log.rows(0, 7..ROWS));

    let other = Credentials { ca: Some(Authority::new(&folder, "other").certificate), ..Credentials::default() };
    assert!(refused(&tls(&server), &other).to_string().contains("invalid peer certificate"));
    // Whom the system trusts has not signed it.
    refused(&tls(&server), &Credentials::default());
    let elsewhere = Credentials { server_name: Some("example.org".into()), ..trusting.clone() };
    assert!(refused(&tls(&server), &elsewhere).to_string().contains("not valid for name"));
    // Neither speaks to the other without TLS.
    refused(&server.uri(), &Credentials::default());

    let (certificate, key) = authority.sign(&folder, "127.0.0.1", true);
    let (_log, server) = serve_with(security(&certificate, &key));
    assert!(refused(&tls(&server), &trusting).to_string().contains("expired"));
}

#[test]
fn a_client_is_known_by_its_certificate_where_the_server_asks_for_one() {
    let folder = Folder::new();
    let (authority, clients) = (Authority::new(&folder, "ca"), Authority::new(&folder, "clients"));
    let (certificate, key) = authority.sign(&folder, "127.0.0.1", false);
    let client_ca = Some(clients.certificate.clone());
    let security = Security { tls: Some(ServerTls { certificate, key, client_ca }), ..Security::default() };
    let (_log, server) = serve_with(security);
    let without = Credentials { ca: Some(authority.certificate.clone()), ..Credentials::default() };
    let with = |identity| Credentials { identity: Some(identity), ..without.clone() };
    Client::connect_with(&tls(&server), None, &with(clients.sign(&folder, "reader", false)), Patience::default())
        .unwrap();
    for credentials in
        [with(authority.sign(&folder, "stranger", false)), with(clients.sign(&folder, "former", true)), without]
    {
        let error = refused(&tls(&server), &credentials);
        assert!(error.to_string().contains("does it want to see a certificate of its clients"), "{error}");
    }
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let folder = Folder::new();
    let log = || Arc::new(MemoryLog::new("w1", 2, 10));
    let empty = folder.file("empty", "\n");
    let missing = folder.0.join("missing");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    for (security, named) in [
        (Security { tokens: Some(empty.clone()), ..Security::default() }, "empty has no token"),
        (Security { tokens: Some(missing.clone()), ..Security::default() }, "missing"),
        (
            Security {
                tls: Some(ServerTls { certificate: missing.clone(), key: missing.clone(), client_ca: None }),
                ..Security::default()
            },
            "missing",
        ),
        (
            Security {
                tls: Some(ServerTls { certificate: empty.clone(), key: empty.clone(), client_ca: None }),
                ..Security::default()
            },
            "certificate",
        ),
    ] {
        let options = ServerOptions { security, ..ServerOptions::default() };
        let error = downbeat_flight::Server::bind(log(), "127.0.0.1:0".parse().unwrap(), options).unwrap_err();
        assert!(error.to_string().contains(named), "{error}");
    }
    let credentials = Credentials { ca: Some(missing), ..Credentials::default() };
    assert!(refused("grpc+tls://127.0.0.1:1", &credentials).to_string().contains("missing"));
}
