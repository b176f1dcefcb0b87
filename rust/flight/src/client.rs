//! The client: blocking to its caller, asynchronous inside, tied to one world and to none of its replicas.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow_flight::{Action, FlightDescriptor};
use futures::TryStreamExt;
use prost::Message;
use tokio_util::sync::CancellationToken;

use crate::{
    BatchReader, Credentials, Error, OFFSETS_ACTION, PartitionOffsets, Patience, Read, Result, WORLD_ACTION,
    WorldReply, proto,
    replicas::{Replica, Replicas, runtime},
};

/// The largest message taken: far above what our server sends, for servers that batch otherwise.
const MESSAGE_BYTES: usize = 64 * 1024 * 1024;

/// A connection to one world, by way of any of its replicas. Cheap to clone; calls block and may come from any thread
/// that does not run asynchronous code.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
    cancel: CancellationToken,
}

/// What clients and the readers they opened have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) replicas: Replicas,
    /// The fingerprint of the world.
    pub(crate) world: String,
}

impl Client {
    /// Connects without credentials and with the usual patience; see [`connect_with`](Self::connect_with).
    ///
    /// # Errors
    /// As there.
    pub fn connect(uris: &str, world: Option<&str>) -> Result<Self> {
        Self::connect_with(uris, world, &Credentials::default(), Patience::default())
    }

    /// A client of `world`, or where none is given, of that of the first of `uris` (`grpc://host:port` or
    /// `grpc+tls://host:port`, several separated by commas) that answers. Who knows the world asks nobody before the first
    /// call.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a malformed address or a file of `credentials` that cannot be read; where no world is
    /// given, [`Error::Unavailable`] if no replica answers, [`Error::Unauthenticated`] if one does not know the token.
    pub fn connect_with(
        uris: &str,
        world: Option<&str>,
        credentials: &Credentials,
        patience: Patience,
    ) -> Result<Self> {
        let replicas = Replicas::new(uris, credentials, patience, MESSAGE_BYTES)?;
        let world = match world {
            Some(world) => world.to_owned(),
            None => runtime()?.block_on(first_world(&replicas))?,
        };
        Ok(Self { shared: Arc::new(Shared { replicas, world }), cancel: CancellationToken::new() })
    }

    /// The same client, over the same connection, whose calls and readings fail with [`Error::Cancelled`] soon after `cancel`
    /// is cancelled, from any thread.
    pub fn until(self, cancel: CancellationToken) -> Self {
        Self { cancel, ..self }
    }

    /// The fingerprint of the world the client is tied to.
    pub fn fingerprint(&self) -> &str {
        &self.shared.world
    }

    /// The world: its fingerprint, configuration, streams, and time.
    ///
    /// # Errors
    /// Those of the server, and [`Error::Unavailable`] if none can be reached for as long as the client's [`Patience`].
    pub fn world(&self) -> Result<WorldReply> {
        let reply = self.shared.replicas.call(&self.cancel, told_world)?;
        match reply.world == self.shared.world {
            true => Ok(reply),
            false => Err(Error::FailedPrecondition(format!(
                "the server changed from world {} to world {}; use a server with the old seed and configuration, or \
                 connect anew",
                self.shared.world, reply.world
            ))),
        }
    }

    /// The first and last rows held of each partition of a stream, and the first that arrived at or after `at_us`
    /// (microseconds since 1970 UTC).
    ///
    /// # Errors
    /// As [`Self::world`]; [`Error::InvalidArgument`] for a stream that does not exist.
    pub fn offsets(&self, stream: &str, at_us: Option<i64>) -> Result<Vec<PartitionOffsets>> {
        self.offsets_of(proto::OffsetsRequest { stream: stream.to_owned(), at_us, ..Default::default() })
    }

    /// The same with all that can be asked, of the client's world.
    ///
    /// # Errors
    /// As [`Self::offsets`].
    pub fn offsets_of(&self, mut request: proto::OffsetsRequest) -> Result<Vec<PartitionOffsets>> {
        request.world.clone_from(&self.shared.world);
        let body = request.encode_to_vec();
        let ask = async |replica: &Replica| action(replica, OFFSETS_ACTION, body.clone()).await;
        let reply: proto::OffsetsReply = self.shared.replicas.call(&self.cancel, ask)?;
        Ok(reply.partitions)
    }

    /// The schema of a stream, or of some of its columns in the given order.
    ///
    /// # Errors
    /// As [`Self::world`]; [`Error::InvalidArgument`] for a stream or column that does not exist.
    pub fn schema(&self, stream: &str, columns: &[String]) -> Result<SchemaRef> {
        let range = proto::ReadRange {
            stream: stream.to_owned(),
            columns: columns.to_vec(),
            world: self.shared.world.clone(),
            ..Default::default()
        };
        let descriptor = FlightDescriptor::new_cmd(range.encode_to_vec());
        let ask = async |replica: &Replica| replica.schema(descriptor.clone()).await;
        self.shared.replicas.call(&self.cancel, ask).map(Arc::new)
    }

    /// Starts to read rows in the background, two batches ahead at most.
    ///
    /// # Errors
    /// [`Error::Internal`] if no thread can be started; all others come from [`BatchReader::next`].
    pub fn read(&self, read: Read) -> Result<BatchReader> {
        BatchReader::of_range(Arc::clone(&self.shared), read, self.cancel.clone())
    }
}

/// The world of the first replica that answers, which is asked first from now on.
async fn first_world(replicas: &Replicas) -> Result<String> {
    let mut failures = Vec::new();
    for (index, replica) in replicas.servers().iter().enumerate() {
        match told_world(replica).await {
            Ok(reply) => {
                replicas.prefer(index);
                return Ok(reply.world);
            }
            Err(error) if error.is_transient() => failures.push(error.to_string()),
            Err(error) => return Err(error),
        }
    }
    Err(Error::Unavailable(failures.join("; ")))
}

async fn told_world(replica: &Replica) -> Result<WorldReply> {
    action(replica, WORLD_ACTION, Vec::new()).await
}

async fn action<T: Message + Default>(replica: &Replica, name: &str, body: Vec<u8>) -> Result<T> {
    let (uri, mut client) = (replica.uri(), replica.client());
    let results: Vec<_> = replica
        .answer(async { client.do_action(Action::new(name, body)).await?.into_inner().try_collect().await })
        .await?;
    let [result] = results.as_slice() else {
        return Err(Error::Internal(format!("{uri}: action {name} gave {} results instead of one", results.len())));
    };
    T::decode(result.body.as_ref())
        .map_err(|cause| Error::Internal(format!("{uri}: the result of action {name} cannot be read: {cause}")))
}
