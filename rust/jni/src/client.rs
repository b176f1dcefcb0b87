//! One connection to a world, shared by every reader of the process.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use downbeat_flight::{Client, Credentials, Secret, Token, proto::Connection};

use crate::error::Result;

/// Connections kept: more worlds than this at once is no use of one process; the oldest is dropped when its readers end.
const KEPT: usize = 16;

static CLIENTS: Mutex<VecDeque<(Connection, Client)>> = Mutex::new(VecDeque::new());

/// Connects to whatever world is served there now, and keeps the connection for [`client`].
pub(crate) fn connect(to: Connection) -> Result<Client> {
    let client = Client::connect_with(&to.uris, None, &credentials(&to))?;
    keep(to, client.clone());
    Ok(client)
}

/// A connection to `world`.
pub(crate) fn client(to: Connection, world: &str) -> Result<Client> {
    let kept = clients().iter().find(|(at, client)| *at == to && client.fingerprint() == world).cloned();
    if let Some((_, client)) = kept {
        return Ok(client);
    }
    let client = Client::connect_with(&to.uris, Some(world), &credentials(&to))?;
    keep(to, client.clone());
    Ok(client)
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

fn keep(to: Connection, client: Client) {
    let mut clients = clients();
    clients.retain(|(at, other)| *at != to || other.fingerprint() != client.fingerprint());
    clients.push_back((to, client));
    if clients.len() > KEPT {
        clients.pop_front();
    }
}

fn clients() -> std::sync::MutexGuard<'static, VecDeque<(Connection, Client)>> {
    CLIENTS.lock().unwrap_or_else(PoisonError::into_inner)
}
