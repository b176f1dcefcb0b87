//! One connection to a world, shared by every reader of the process.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use downbeat_flight::Client;

use crate::error::Result;

/// Connections kept: more worlds than this at once is no use of one process; the oldest is dropped when its readers end.
const KEPT: usize = 16;

static CLIENTS: Mutex<VecDeque<(String, Client)>> = Mutex::new(VecDeque::new());

/// Connects to whatever world is served at `uris` now, and keeps the connection for [`client`].
pub(crate) fn connect(uris: &str) -> Result<Client> {
    let client = Client::connect(uris, None)?;
    keep(uris, client.clone());
    Ok(client)
}

/// A connection to `world` at `uris`.
pub(crate) fn client(uris: &str, world: &str) -> Result<Client> {
    let kept = clients().iter().find(|(at, client)| at == uris && client.fingerprint() == world).cloned();
    if let Some((_, client)) = kept {
        return Ok(client);
    }
    let client = Client::connect(uris, Some(world))?;
    keep(uris, client.clone());
    Ok(client)
}

fn keep(uris: &str, client: Client) {
    let mut clients = clients();
    clients.retain(|(at, other)| at != uris || other.fingerprint() != client.fingerprint());
    clients.push_back((uris.to_owned(), client));
    if clients.len() > KEPT {
        clients.pop_front();
    }
}

fn clients() -> std::sync::MutexGuard<'static, VecDeque<(String, Client)>> {
    CLIENTS.lock().unwrap_or_else(PoisonError::into_inner)
}
