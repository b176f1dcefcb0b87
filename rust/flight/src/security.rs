//! Who may read, and how client and server know each other: bearer tokens and TLS. Secrets are read from files, tokens again
//! whenever their file changes; nothing here shows them.

use std::{
    fmt, fs, io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::Interceptor,
    transport::{Certificate, ClientTlsConfig, Identity, ServerTlsConfig},
};

use crate::{Error, Result};

/// How long a client may take to show that it speaks TLS.
const HANDSHAKE: Duration = Duration::from_secs(10);

const AUTHORIZATION: &str = "authorization";
const BEARER: &str = "Bearer ";

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(redacted)")
    }
}

/// A bearer token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// The token itself.
    Text(Secret),
    /// The file whose first line it is, looked at again for each call, so that a new token needs no restart.
    File(PathBuf),
}

/// What a client shows a server, and whom it trusts. By default nothing, and whom the system trusts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Shown with every call; over a network only to `grpc+tls://`.
    pub token: Option<Token>,
    /// Certificates, as PEM, that sign servers' certificates; absent: the system's.
    pub ca: Option<PathBuf>,
    /// The client's own certificate and its key, as PEM, for servers that want to see one.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The name that the server's certificate is for, if not the host of the address.
    pub server_name: Option<String>,
}

/// How a server is protected. By default not at all, so that it listens on this machine only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Security {
    /// A file with a token on each line, looked at again for each call; who shows one of them may read. Absent: everybody.
    pub tokens: Option<PathBuf>,
    /// Absent: `grpc://`, which everybody on the way can read.
    pub tls: Option<ServerTls>,
    /// Listen wherever told to, without token or TLS.
    pub insecure: bool,
}

/// A server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// Its certificate, with those between it and one that clients trust, as PEM.
    pub certificate: PathBuf,
    /// The certificate's key, as PEM.
    pub key: PathBuf,
    /// Certificates, as PEM, one of which must have signed a client's; absent: clients need none.
    pub client_ca: Option<PathBuf>,
}

impl Security {
    /// The address's scheme.
    pub(crate) const fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "grpc+tls" } else { "grpc" }
    }

    /// Refuses an address that strangers could reach, if they could read there.
    pub(crate) fn check(&self, listen: SocketAddr) -> Result<()> {
        if listen.ip().is_loopback() || self.insecure {
            return Ok(());
        }
        let missing = match (&self.tokens, &self.tls) {
            (Some(_), Some(_)) => return Ok(()),
            // Whoever has a certificate of ours is known.
            (None, Some(ServerTls { client_ca: Some(_), .. })) => return Ok(()),
            (None, _) => "without a token anyone who reaches that address could read; give --token-file and TLS",
            (Some(_), None) => "without TLS anyone on the way could read the token; give --tls-cert and --tls-key",
        };
        Err(Error::FailedPrecondition(format!(
            "refusing to listen on {listen}: {missing}, listen on 127.0.0.1 or [::1], or say --insecure"
        )))
    }

    /// Refuses an address where strangers could read health and metrics, which ask nobody for a token.
    pub(crate) fn check_metrics(&self, listen: SocketAddr) -> Result<()> {
        match listen.ip().is_loopback() || self.insecure {
            true => Ok(()),
            false => Err(Error::FailedPrecondition(format!(
                "refusing to tell metrics on {listen}: they ask nobody for a token; choose 127.0.0.1 or [::1], with a proxy \
                 in front for others, or say --insecure"
            ))),
        }
    }

    pub(crate) fn guard(&self) -> Result<Guard> {
        let tokens = self.tokens.as_deref().map(Lines::new);
        if let Some(tokens) = &tokens
            && tokens.get()?.is_empty()
        {
            return Err(Error::InvalidArgument(format!(
                "{} has no token; write one on each line",
                tokens.path.display()
            )));
        }
        Ok(Guard { tokens: tokens.map(Arc::new) })
    }

    pub(crate) fn tls_config(&self) -> Result<Option<ServerTlsConfig>> {
        let Some(tls) = &self.tls else { return Ok(None) };
        let mut config = ServerTlsConfig::new().identity(identity(&tls.certificate, &tls.key)?).timeout(HANDSHAKE);
        if let Some(ca) = &tls.client_ca {
            config = config.client_ca_root(Certificate::from_pem(pem(ca)?));
        }
        Ok(Some(config))
    }
}

impl Credentials {
    pub(crate) fn bearer(&self) -> Bearer {
        Bearer(self.token.as_ref().map(|token| match token {
            Token::Text(text) => Source::Text(text.clone()),
            Token::File(path) => Source::File(Arc::new(Lines::new(path))),
        }))
    }

    /// Refuses to show a token to whoever listens on the way.
    pub(crate) fn check(&self, uri: &str, authority: &str) -> Result<()> {
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host).trim_matches(['[', ']']);
        let near = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        match self.token.is_none() || near {
            true => Ok(()),
            false => Err(Error::InvalidArgument(format!(
                "{uri}: a token is sent over TLS only, as others could read it; use grpc+tls://{authority}"
            ))),
        }
    }

    pub(crate) fn tls_config(&self) -> Result<ClientTlsConfig> {
        let mut config = match &self.ca {
            Some(ca) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem(ca)?)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        if let Some((certificate, key)) = &self.identity {
            config = config.identity(identity(certificate, key)?);
        }
        Ok(match &self.server_name {
            Some(name) => config.domain_name(name),
            None => config,
        })
    }
}

fn identity(certificate: &Path, key: &Path) -> Result<Identity> {
    Ok(Identity::from_pem(pem(certificate)?, pem(key)?))
}

fn pem(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|cause| unreadable(path, &cause))
}

fn unreadable(path: &Path, cause: &io::Error) -> Error {
    Error::InvalidArgument(format!("cannot read {}: {cause}", path.display()))
}

/// The lines of a file that hold something, read again when the file has changed.
#[derive(Debug)]
struct Lines {
    path: PathBuf,
    read: Mutex<Option<LinesRead>>,
}

#[derive(Debug)]
struct LinesRead {
    modified: SystemTime,
    bytes: u64,
    lines: Arc<[Secret]>,
}

impl Lines {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), read: Mutex::new(None) }
    }

    fn get(&self) -> Result<Arc<[Secret]>> {
        self.read_if_changed().map_err(|cause| unreadable(&self.path, &cause))
    }

    fn read_if_changed(&self) -> io::Result<Arc<[Secret]>> {
        let found = fs::metadata(&self.path)?;
        let (modified, bytes) = (found.modified()?, found.len());
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(read) = &*read
            && (read.modified, read.bytes) == (modified, bytes)
        {
            return Ok(Arc::clone(&read.lines));
        }
        let text = fs::read_to_string(&self.path)?;
        let lines: Arc<[Secret]> =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).map(Secret::new).collect();
        *read = Some(LinesRead { modified, bytes, lines: Arc::clone(&lines) });
        Ok(lines)
    }
}

/// Lets calls through that show a token which is known.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    tokens: Option<Arc<Lines>>,
}

impl Interceptor for Guard {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let Some(tokens) = &self.tokens else { return Ok(request) };
        let shown = request.metadata().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(shown) = shown.and_then(|value| value.strip_prefix(BEARER)) else {
            return Err(Error::Unauthenticated(
                "this server wants a bearer token; give the option token or tokenFile, or set DOWNBEAT_TOKEN_FILE"
                    .into(),
            )
            .into());
        };
        let known = tokens.get().map_err(|error| Error::Internal(format!("the tokens of this server: {error}")))?;
        match known.iter().fold(false, |found, token| found | same(token.0.as_bytes(), shown.as_bytes())) {
            true => Ok(request),
            false => Err(Error::Unauthenticated(
                "the token shown is not, or no longer, one of this server's; get a new one".into(),
            )
            .into()),
        }
    }
}

/// Compares in a time that says nothing about where two texts differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// Shows a token with every call.
#[derive(Debug, Clone)]
pub(crate) struct Bearer(Option<Source>);

#[derive(Debug, Clone)]
enum Source {
    Text(Secret),
    File(Arc<Lines>),
}

impl Bearer {
    fn value(source: &Source) -> Result<MetadataValue<Ascii>> {
        let token = match source {
            Source::Text(text) => text.clone(),
            Source::File(lines) => lines.get()?.first().cloned().ok_or_else(|| {
                Error::InvalidArgument(format!("{} has no token; its first line is to be one", lines.path.display()))
            })?,
        };
        let mut value: MetadataValue<Ascii> = format!("{BEARER}{}", token.0)
            .parse()
            .map_err(|_| Error::InvalidArgument("the token has characters that none can have".into()))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(source) = &self.0 {
            request.metadata_mut().insert(AUTHORIZATION, Self::value(source)?);
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_shown_nowhere() {
        let credentials = Credentials { token: Some(Token::Text(Secret::new("hush"))), ..Credentials::default() };
        assert!(!format!("{credentials:?} {:?}", credentials.bearer()).contains("hush"));
    }

    #[test]
    fn a_token_goes_over_a_network_only_through_tls() {
        let credentials = Credentials { token: Some(Token::Text(Secret::new("hush"))), ..Credentials::default() };
        for near in ["127.0.0.1:1", "localhost:1", "[::1]:1"] {
            credentials.check("grpc://x", near).unwrap();
        }
        for far in ["10.0.0.1:1", "example.org:1", "[2001:db8::1]:1"] {
            assert!(matches!(credentials.check("grpc://x", far), Err(Error::InvalidArgument(_))), "{far}");
            Credentials::default().check("grpc://x", far).unwrap();
        }
    }

    #[test]
    fn strangers_are_kept_out_unless_somebody_insists() {
        let everywhere: SocketAddr = "0.0.0.0:8815".parse().unwrap();
        let tls = ServerTls { certificate: "c".into(), key: "k".into(), client_ca: None };
        let open = Security::default();
        let token = Security { tokens: Some("t".into()), ..open.clone() };
        let both = Security { tls: Some(tls.clone()), ..token.clone() };
        let mutual = Security { tls: Some(ServerTls { client_ca: Some("a".into()), ..tls }), ..open.clone() };
        assert!(open.check(everywhere).is_err() && token.check(everywhere).is_err());
        assert!(both.check(everywhere).is_ok() && mutual.check(everywhere).is_ok());
        assert!(Security { insecure: true, ..open.clone() }.check(everywhere).is_ok());
        assert!(open.check("127.0.0.1:0".parse().unwrap()).is_ok());
    }
}
