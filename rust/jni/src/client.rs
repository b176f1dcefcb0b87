//! Connections, each shared by every reader of the process that goes to the same place with the same credentials.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use downbeat_flight::{Client, Credentials, Patience, Query, QueryClient, Secret, Token, proto, proto::Connection};

use crate::error::{Error, Result};

/// Connections kept: more worlds or servers than this at once is no use of one process; the one that was used longest ago is
/// dropped, and closed when its readers end.
const KEPT: usize = 16;

static WORLDS: Pool<Client> = Pool::new();
static SERVERS: Pool<QueryClient> = Pool::new();

/// Connects to whatever world is served there now, and keeps the connection for [`client`].
pub(crate) fn connect(to: Connection) -> Result<Client> {
    let client = Client::connect_with(&to.uris, None, &credentials(&to), patience(&to))?;
    WORLDS.keep(to, client.clone(), |other| other.fingerprint() == client.fingerprint());
    Ok(client)
}

/// A connection to `world`.
pub(crate) fn client(to: Connection, world: &str) -> Result<Client> {
    let of_world = |client: &Client| client.fingerprint() == world;
    if let Some(client) = WORLDS.get(&to, of_world) {
        return Ok(client);
    }
    let client = Client::connect_with(&to.uris, Some(world), &credentials(&to), patience(&to))?;
    WORLDS.keep(to, client.clone(), of_world);
    Ok(client)
}

/// A way to any Flight server.
pub(crate) fn server(to: Connection) -> Result<QueryClient> {
    if let Some(client) = SERVERS.get(&to, |_| true) {
        return Ok(client);
    }
    let client = QueryClient::new(&to.uris, credentials(&to), patience(&to))?;
    SERVERS.keep(to, client.clone(), |_| true);
    Ok(client)
}

/// What to ask such a server for.
pub(crate) fn query(query: proto::Query) -> Result<Query> {
    use proto::query::Of;
    match query.of {
        Some(Of::Path(path)) => Ok(Query::Path(path.parts)),
        Some(Of::Command(command)) => Ok(Query::Command(command)),
        Some(Of::Sql(statement)) => Ok(Query::Sql(statement)),
        None => Err(Error::Call("a query needs a path, a command or a statement".into())),
    }
}

/// The clients that were used last, the latest at the end.
struct Pool<T>(Mutex<VecDeque<(Connection, T)>>);

impl<T: Clone> Pool<T> {
    const fn new() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }

    fn get(&self, to: &Connection, wanted: impl Fn(&T) -> bool) -> Option<T> {
        let mut clients = self.lock();
        let index = clients.iter().position(|(at, client)| at == to && wanted(client))?;
        let found = clients.remove(index)?;
        let client = found.1.clone();
        clients.push_back(found);
        Some(client)
    }

    /// Keeps a client in the place of those `like` it.
    fn keep(&self, to: Connection, client: T, like: impl Fn(&T) -> bool) {
        let mut clients = self.lock();
        clients.retain(|(at, other)| *at != to || !like(other));
        clients.push_back((to, client));
        if clients.len() > KEPT {
            clients.pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Connection, T)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn patience(to: &Connection) -> Patience {
    let usual = Patience::default();
    Patience {
        timeout: to.timeout_ms.map_or(usual.timeout, Duration::from_millis),
        retries: to.retries.unwrap_or(usual.retries),
        pause: to.retry_interval_ms.map_or(usual.pause, Duration::from_millis),
    }
}

fn credentials(to: &Connection) -> Credentials {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let token = given(&to.token).map(|token| Token::Text(Secret::new(token)));
    Credentials {
        token: token.or_else(|| given(&to.token_file).map(|file| Token::File(file.into()))),
        ca: given(&to.tls_ca).map(Into::into),
        identity: given(&to.tls_certificate).zip(given(&to.tls_key)).map(|(own, key)| (own.into(), key.into())),
        server_name: given(&to.tls_server_name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(uris: &str) -> Connection {
        Connection { uris: uris.into(), ..Default::default() }
    }

    #[test]
    fn the_client_that_was_used_longest_ago_is_dropped() {
        let pool = Pool::new();
        for number in 0..KEPT {
            pool.keep(to(&number.to_string()), number, |_| true);
        }
        assert_eq!(pool.get(&to("0"), |_| true), Some(0));
        pool.keep(to("one more"), KEPT, |_| true);
        assert_eq!(pool.get(&to("1"), |_| true), None);
        for number in (0..KEPT).filter(|&number| number != 1) {
            assert_eq!(pool.get(&to(&number.to_string()), |_| true), Some(number));
        }
    }

    #[test]
    fn a_client_takes_the_place_of_those_like_it_with_the_same_credentials() {
        let pool = Pool::new();
        let other = Connection { token: "other".into(), ..to("here") };
        pool.keep(to("here"), ("w1", 1), |_| true);
        pool.keep(other.clone(), ("w1", 2), |_| true);
        pool.keep(to("here"), ("w2", 3), |(world, _)| *world == "w2");
        pool.keep(to("here"), ("w1", 4), |(world, _)| *world == "w1");
        assert_eq!(pool.get(&to("here"), |(world, _)| *world == "w1"), Some(("w1", 4)));
        assert_eq!(pool.get(&to("here"), |(world, _)| *world == "w2"), Some(("w2", 3)));
        assert_eq!(pool.get(&other, |_| true), Some(("w1", 2)));
    }
}
