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

/// Parts that are sent at a time: while one waits for the store's answer, another is sent. Who writes faster waits.
const MOST_PARTS: usize = 2;

/// A file that nobody sees before [`finish`](Self::finish) has succeeded. Where it fails, or is not wanted, [`abort`](Self::abort) tells
/// the store to forget the parts. All of it is called within a Tokio runtime, which sends.
pub struct Upload {
    store: Arc<dyn ObjectStore>,
    path: Path,
    /// Bytes of each part but the last.
    part_size: usize,
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
    /// A file of a store, which is sent in parts of so many bytes; all but the last have as many, for some stores want that.
    pub fn new(store: Arc<dyn ObjectStore>, path: Path, part_size: usize) -> Self {
        Self { store, path, part_size, part: Vec::new(), part_bytes: 0, parts: None, held: Held::default() }
    }

    /// Where one sees what it holds.
    pub(crate) fn held(&self) -> Held {
        self.held.clone()
    }

    /// Takes what comes next. Waits while enough is on its way.
    ///
    /// # Errors
    /// The store's, of this part or of one before it.
    pub async fn put(&mut self, mut bytes: Bytes) -> object_store::Result<()> {
        self.held.0.fetch_add(bytes.len(), Relaxed);
        while self.part_bytes + bytes.len() >= self.part_size {
            let rest = bytes.split_off(self.part_size - self.part_bytes);
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

    /// Sends what is left, and has the file there.
    ///
    /// # Errors
    /// The store's.
    pub async fn finish(&mut self) -> object_store::Result<()> {
        if self.parts.is_some() && self.part_bytes > 0 {
            self.send().await?;
        }
        match &mut self.parts {
            None => {
                self.store.put(&self.path, PutPayload::from_iter(self.part.drain(..))).await?;
            }
            Some(parts) => {
                while !parts.sending.is_empty() {
                    sent(&mut parts.sending).await?;
                }
                parts.upload.complete().await?;
            }
        }
        self.parts = None;
        self.held.0.store(0, Relaxed);
        Ok(())
    }

    /// Forgets all of it, here and in the store. A file that is finished stays.
    ///
    /// # Errors
    /// The store's; what is left there is for its own rule on unfinished uploads.
    pub async fn abort(&mut self) -> object_store::Result<()> {
        let parts = self.parts.take();
        self.part.clear();
        self.part_bytes = 0;
        let aborted = match parts {
            None => Ok(()),
            Some(mut parts) => {
                parts.sending.shutdown().await;
                parts.upload.abort().await
            }
        };
        self.held.0.store(0, Relaxed);
        aborted
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

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;
    use object_store::memory::InMemory;

    use super::*;

    fn upload(store: &Arc<InMemory>) -> Upload {
        Upload::new(Arc::clone(store) as Arc<dyn ObjectStore>, Path::from("file"), 8)
    }

    #[tokio::test]
    async fn a_file_is_what_was_put_whatever_its_pieces() {
        for sizes in [vec![], vec![3], vec![8], vec![3, 5, 1], vec![30, 0, 2], vec![7, 9, 16]] {
            let store = Arc::new(InMemory::new());
            let mut upload = upload(&store);
            let mut all = Vec::new();
            for (number, size) in sizes.iter().enumerate() {
                let piece = vec![number as u8; *size];
                all.extend(&piece);
                upload.put(piece.into()).await.unwrap();
                assert!(store.head(&Path::from("file")).await.is_err(), "there before it is finished");
            }
            upload.finish().await.unwrap();
            assert_eq!(upload.held().bytes(), 0);
            assert_eq!(store.get(&Path::from("file")).await.unwrap().bytes().await.unwrap(), all, "{sizes:?}");
        }
    }

    #[tokio::test]
    async fn what_is_aborted_is_nowhere() {
        let store = Arc::new(InMemory::new());
        let mut upload = upload(&store);
        upload.put(vec![1; 100].into()).await.unwrap();
        assert!(upload.held().bytes() > 0);
        upload.abort().await.unwrap();
        assert_eq!(upload.held().bytes(), 0);
        assert!(store.list(None).try_collect::<Vec<_>>().await.unwrap().is_empty());
    }
}
