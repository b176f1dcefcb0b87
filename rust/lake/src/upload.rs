//! A file on its way to a store: sent in parts while it is written, there as a whole in the end or not at all.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use futures::future::BoxFuture;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, path::Path};
use parquet::{arrow::async_writer::AsyncFileWriter, errors::ParquetError};
use tokio::task::JoinSet;

/// Bytes of each part but the last.
const PART_BYTES: usize = 8 << 20;

/// Parts that are sent at a time; who writes faster waits.
const MOST_PARTS: usize = 2;

/// A file that nobody sees before [`finish`](Self::finish) has succeeded. Where it fails, or is not wanted, [`abort`](Self::abort) tells
/// the store to forget the parts.
pub(crate) struct Upload {
    store: Arc<dyn ObjectStore>,
    path: Path,
    /// What comes next, in the pieces it came in.
    part: Vec<Bytes>,
    part_bytes: usize,
    parts: Option<Parts>,
    held: Held,
}

/// Bytes that an upload holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held(Arc<AtomicUsize>);

/// Those that are on their way or there.
struct Parts {
    upload: Box<dyn MultipartUpload>,
    sending: JoinSet<object_store::Result<()>>,
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Held {
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Relaxed)
    }
}

impl Upload {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, path: Path) -> Self {
        Self { store, path, part: Vec::new(), part_bytes: 0, parts: None, held: Held::default() }
    }

    pub(crate) fn held(&self) -> Held {
        self.held.clone()
    }

    async fn put(&mut self, mut bytes: Bytes) -> object_store::Result<()> {
        self.held.0.fetch_add(bytes.len(), Relaxed);
        while self.part_bytes + bytes.len() >= PART_BYTES {
            let rest = bytes.split_off(PART_BYTES - self.part_bytes);
            self.take(bytes);
            bytes = rest;
            self.send().await?;
        }
        if !bytes.is_empty() {
            self.take(bytes);
        }
        Ok(())
    }

    fn take(&mut self, bytes: Bytes) {
        self.part_bytes += bytes.len();
        self.part.push(bytes);
    }

    /// Has the next part sent while more is written.
    async fn send(&mut self) -> object_store::Result<()> {
        let parts = match &mut self.parts {
            Some(parts) => parts,
            none => {
                let upload = self.store.put_multipart(&self.path).await?;
                none.insert(Parts { upload, sending: JoinSet::new() })
            }
        };
        while parts.sending.len() >= MOST_PARTS {
            sent(&mut parts.sending).await?;
        }
        let bytes = std::mem::take(&mut self.part_bytes);
        let sending = parts.upload.put_part(PutPayload::from_iter(self.part.drain(..)));
        let held = self.held.clone();
        parts.sending.spawn(async move {
            let sent = sending.await;
            held.0.fetch_sub(bytes, Relaxed);
            sent
        });
        Ok(())
    }

    async fn finish(&mut self) -> object_store::Result<()> {
        if self.parts.is_none() {
            self.store.put(&self.path, PutPayload::from_iter(self.part.drain(..))).await?;
        } else {
            if self.part_bytes > 0 {
                self.send().await?;
            }
            if let Some(parts) = &mut self.parts {
                while !parts.sending.is_empty() {
                    sent(&mut parts.sending).await?;
                }
                parts.upload.complete().await?;
            }
            self.parts = None;
        }
        self.held.0.store(0, Relaxed);
        Ok(())
    }

    /// Forgets all of it, here and in the store.
    pub(crate) async fn abort(&mut self) -> object_store::Result<()> {
        self.part.clear();
        match self.parts.take() {
            None => Ok(()),
            Some(mut parts) => {
                parts.sending.shutdown().await;
                parts.upload.abort().await
            }
        }
    }
}

/// Waits for one of some parts.
async fn sent(sending: &mut JoinSet<object_store::Result<()>>) -> object_store::Result<()> {
    match sending.join_next().await {
        None => Ok(()),
        Some(Ok(sent)) => sent,
        Some(Err(cause)) => Err(cause.into()),
    }
}

impl AsyncFileWriter for Upload {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), ParquetError>> {
        Box::pin(async move { Ok(self.put(bytes).await?) })
    }

    fn complete(&mut self) -> BoxFuture<'_, Result<(), ParquetError>> {
        Box::pin(async move { Ok(self.finish().await?) })
    }
}
