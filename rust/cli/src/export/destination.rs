//! Where an export goes: a folder, or a prefix in an object store. Under their own names there are only whole files.

use std::{
    collections::HashSet,
    fmt,
    fs::{self, File, TryLockError},
    io::{self, Write},
    mem,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use downbeat_lake::{
    Upload,
    store::{Bucket, bucket},
};
use futures::{StreamExt, TryStreamExt};
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, path::Path as ObjectPath};
use tokio::{runtime::Handle, time::timeout};

use super::stop::Stop;
use crate::failure::{Failure, Result};

/// Bytes written to a local file at a time.
const WRITE_BYTES: usize = 1024 * 1024;

/// Bytes in a part of an upload. A store takes 10,000 parts of an object, so that this bounds a file to 156 GiB, and some
/// want them all of one size. With the parts on their way, a thread holds three of them.
const PART_BYTES: usize = 16 * 1024 * 1024;

/// Parts of an object that every store takes.
const MAX_PARTS: usize = 10_000;

/// How long a store may take for its first answer. It is tried again and again within, so a typing error in the endpoint
/// takes as long to be told.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// The same where no credentials are set: either the machine has a role, which is told at once, or waiting is no help.
const FIRST_ANSWER_OF_A_ROLE: Duration = Duration::from_secs(5);

/// How long the parts of a broken upload are worth waiting for their removal.
const ABORT: Duration = Duration::from_secs(10);

/// Where an export goes.
#[derive(Debug)]
pub(super) enum Destination {
    Folder(Folder),
    Store(Store),
}

/// A local folder, locked for as long as this lives.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Holds the lock.
    _lock: File,
    /// Made by us and still empty: goes again if it stays so.
    empty: bool,
}

/// A prefix in an object store. Two exports of the same contents may write it at once, for they write the same objects.
#[derive(Debug, Clone)]
pub(super) struct Store {
    store: Arc<dyn ObjectStore>,
    prefix: ObjectPath,
    /// As it was given.
    shown: String,
    runtime: Handle,
    stop: Stop,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.path.display().fmt(f),
            Self::Store(store) => store.shown.fmt(f),
        }
    }
}

impl Destination {
    /// A folder, which is made if need be, or `s3://bucket/prefix` or `gs://bucket/prefix`.
    pub(super) fn open(out: &Path, runtime: Handle, stop: Stop) -> Result<Self> {
        match out.to_str().filter(|out| out.contains("://")) {
            Some(url) => Store::open(url, runtime, stop).map(Self::Store),
            None => Folder::open(out).map(Self::Folder),
        }
    }

    /// The whole files that are there, by their names relative to the destination.
    pub(super) fn names(&self) -> Result<HashSet<String>> {
        match self {
            Self::Folder(folder) => {
                let mut names = HashSet::new();
                visible(&folder.path, "", &mut names).map_err(|cause| cannot_write(&folder.path, &cause))?;
                Ok(names)
            }
            Self::Store(store) => store.names(),
        }
    }

    /// Anything that is there, but for what an export leaves behind that was killed before it had begun.
    pub(super) fn other_names(&self, manifest: &str) -> Result<Option<String>> {
        match self {
            Self::Folder(folder) => {
                let unfinished = unfinished(manifest);
                let entries = fs::read_dir(&folder.path).map_err(|cause| cannot_write(&folder.path, &cause))?;
                let names = entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()));
                Ok(names.filter(|name| *name != unfinished).min())
            }
            Self::Store(store) => store.first_name(),
        }
    }

    /// A small file, if it is there.
    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        match self {
            Self::Folder(folder) => match fs::read(folder.path.join(name)) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(cause) => Err(Failure::usage(format!("cannot read {name} in {self}: {cause}"))),
            },
            Self::Store(store) => store.read(name),
        }
    }

    /// Writes the first file of an export, which no other may have written meanwhile.
    pub(super) fn begin(&mut self, name: &str, text: String) -> Result<()> {
        match self {
            Self::Folder(folder) => {
                folder.empty = false;
                NewFile::create(&folder.path, name)
                    .and_then(|mut new| {
                        new.file.write_all(text.as_bytes())?;
                        new.keep()
                    })
                    .map_err(|cause| cannot_write(&folder.path, &cause))
            }
            Self::Store(store) => store.put_new(name, text),
        }
    }

    /// A file that appears when it is whole.
    pub(super) fn create(&self, name: &str) -> io::Result<Whole> {
        let target = match self {
            Self::Folder(folder) => Target::File(NewFile::create(&folder.path, name)?),
            Self::Store(store) => Target::Object(Object {
                upload: Upload::new(Arc::clone(&store.store), store.path(name), PART_BYTES),
                store: store.clone(),
                parts: 0,
            }),
        };
        Ok(Whole { buffer: Vec::new(), target })
    }
}

impl Folder {
    fn open(path: &Path) -> Result<Self> {
        let there = path.is_dir();
        fs::create_dir_all(path).map_err(|cause| cannot_write(path, &cause))?;
        let lock = File::open(path).map_err(|cause| cannot_write(path, &cause))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::usage(format!(
                    "cannot write {}: another export is writing there; wait for it, or choose another folder",
                    path.display()
                )));
            }
            // Some network file systems have no locks.
            Err(TryLockError::Error(cause)) if cause.kind() == io::ErrorKind::Unsupported => {
                eprintln!("note: {} cannot be locked; make sure that no other export writes there", path.display());
            }
            Err(TryLockError::Error(cause)) => return Err(cannot_write(path, &cause)),
        }
        Ok(Self { path: path.to_owned(), _lock: lock, empty: !there })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.empty {
            // Nothing is lost if it stays.
            let _ = fs::remove_dir(&self.path);
        }
    }
}

fn cannot_write(out: &Path, cause: &io::Error) -> Failure {
    Failure::usage(format!("cannot write {}: {cause}; choose a folder you may write to", out.display()))
}

/// Collects the names of the files in a folder and those below it, hidden ones not.
fn visible(folder: &Path, prefix: &str, names: &mut HashSet<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            visible(&entry.path(), &format!("{name}/"), names)?;
        } else if !entry.file_name().to_string_lossy().starts_with('.') {
            names.insert(name);
        }
    }
    Ok(())
}

impl Store {
    fn open(url: &str, runtime: Handle, stop: Stop) -> Result<Self> {
        let refused = |what: &str| Failure::usage(format!("cannot write {url}: {what}"));
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let bucket = bucket(scheme, name).map_err(|cause| refused(&cause))?;
        let prefix = ObjectPath::parse(prefix.trim_matches('/')).map_err(|cause| refused(&cause.to_string()))?;
        let patience = if bucket.has_credentials { FIRST_ANSWER } else { FIRST_ANSWER_OF_A_ROLE };
        let Bucket { store, place, advice, .. } = bucket;
        let store = Self { store, prefix, shown: url.to_owned(), runtime, stop };
        store.reach(patience).map_err(|cause| refused(&format!("{cause}; looked {place}; {advice}")))?;
        Ok(store)
    }

    /// Fails if the store does not answer.
    fn reach(&self, patience: Duration) -> Result<(), String> {
        let answer = async {
            let mut names = self.list();
            tokio::select! {
                answer = timeout(patience, names.next()) => answer,
                () = self.stop.set() => Ok(None),
            }
        };
        match self.runtime.block_on(answer) {
            Ok(None | Some(Ok(_))) => Ok(()),
            Ok(Some(Err(cause))) => Err(cause.to_string()),
            Err(_) => Err(format!("no answer within {} s", patience.as_secs())),
        }
    }

    fn path(&self, name: &str) -> ObjectPath {
        match self.prefix.as_ref() {
            "" => ObjectPath::from(name),
            prefix => ObjectPath::from(format!("{prefix}/{name}")),
        }
    }

    /// Names relative to the prefix.
    fn list(&self) -> impl futures::Stream<Item = object_store::Result<String>> + Unpin {
        let prefix = Some(&self.prefix).filter(|prefix| !prefix.as_ref().is_empty());
        let shared = prefix.map_or(0, |prefix| prefix.as_ref().len() + 1);
        self.store
            .list(prefix)
            .map_ok(move |object| object.location.as_ref().get(shared..).unwrap_or_default().to_owned())
    }

    fn names(&self) -> Result<HashSet<String>> {
        self.wait(self.list().try_collect()).map_err(|cause| self.failure("list its objects", &cause))
    }

    fn first_name(&self) -> Result<Option<String>> {
        self.wait(self.list().try_next()).map_err(|cause| self.failure("list its objects", &cause))
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.path(name);
        let read = async {
            match self.store.get(&path).await {
                Ok(object) => object.bytes().await.map(|bytes| Some(bytes.to_vec())),
                Err(Error::NotFound { .. }) => Ok(None),
                Err(cause) => Err(cause),
            }
        };
        self.wait(read).map_err(|cause| self.failure(&format!("read {name}"), &cause))
    }

    fn put_new(&self, name: &str, text: String) -> Result<()> {
        let path = self.path(name);
        let put = async {
            let create = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            let answer = match self.store.put_opts(&path, text.clone().into(), create).await {
                // Told by AWS_CONDITIONAL_PUT=disabled that this store has no such thing.
                Err(Error::NotImplemented { .. }) => self.store.put(&path, text.into()).await,
                answer => answer,
            };
            match answer {
                Ok(_) => Ok(true),
                Err(Error::AlreadyExists { .. }) => Ok(false),
                Err(cause) => Err(cause),
            }
        };
        match self.wait(put) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::usage(format!(
                "cannot write {}: another export began there just now; run the command again to see which",
                self.shown
            ))),
            Err(cause) => Err(self.failure(&format!("write {name}"), &cause)),
        }
    }

    fn failure(&self, tried: &str, cause: &io::Error) -> Failure {
        Failure::work(format!("cannot {tried} in {}: {cause}", self.shown))
    }

    /// Waits for the store, or for the wish to end, which is heard first: one that came before is never missed.
    fn wait<T>(&self, answer: impl Future<Output = object_store::Result<T>>) -> io::Result<T> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.stop.set() => Err(io::Error::other("interrupted")),
                answer = answer => answer.map_err(io::Error::other),
            }
        })
    }
}

/// A file that appears under its name when it is finished; dropped before, it never does.
#[derive(Debug)]
pub(super) struct Whole {
    buffer: Vec<u8>,
    target: Target,
}

#[derive(Debug)]
enum Target {
    File(NewFile),
    Object(Object),
}

impl Write for Whole {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        match &mut self.target {
            Target::File(new) => {
                if self.buffer.len() >= WRITE_BYTES {
                    new.file.write_all(&self.buffer)?;
                    self.buffer.clear();
                }
            }
            Target::Object(upload) => {
                while self.buffer.len() >= PART_BYTES {
                    let rest = self.buffer.split_off(PART_BYTES);
                    upload.send(mem::replace(&mut self.buffer, rest))?;
                }
            }
        }
        Ok(bytes.len())
    }

    /// Does nothing: who sees the file sees all of it.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Whole {
    /// Writes what is left and gives the file its name.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let rest = mem::take(&mut self.buffer);
        match self.target {
            Target::File(mut new) => {
                new.file.write_all(&rest)?;
                new.keep()
            }
            Target::Object(mut upload) => upload.finish(rest),
        }
    }
}

/// A local file under a hidden name, in the folder that it will stand in.
#[derive(Debug)]
struct NewFile {
    file: File,
    hidden: PathBuf,
    path: PathBuf,
}

/// The hidden name of a file. One that a killed export left behind is written anew by the next, which has the same to write.
fn unfinished(name: &str) -> String {
    format!(".{name}.unfinished")
}

impl NewFile {
    fn create(folder: &Path, name: &str) -> io::Result<Self> {
        let path = folder.join(name);
        let (folder, name) = match (path.parent(), path.file_name()) {
            (Some(folder), Some(name)) => (folder, name.to_string_lossy()),
            _ => return Err(io::Error::other(format!("{} is no name of a file", path.display()))),
        };
        fs::create_dir_all(folder)?;
        let hidden = folder.join(unfinished(&name));
        Ok(Self { file: File::create(&hidden)?, hidden, path })
    }

    fn keep(self) -> io::Result<()> {
        // Else a file could survive a power cut by name but not in content.
        self.file.sync_all()?;
        fs::rename(&self.hidden, &self.path)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // Gone already when it was kept.
        let _ = fs::remove_file(&self.hidden);
    }
}

/// An object under way: sent at once if it is small, else part by part.
#[derive(Debug)]
struct Object {
    store: Store,
    upload: Upload,
    parts: usize,
}

impl Object {
    fn send(&mut self, part: Vec<u8>) -> io::Result<()> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return Err(io::Error::other(format!(
                "it is larger than {MAX_PARTS} parts of {} MiB, the most a store takes; use more partitions, or another \
                 --format",
                PART_BYTES / 1024 / 1024
            )));
        }
        self.store.wait(self.upload.put(part.into()))
    }

    fn finish(&mut self, rest: Vec<u8>) -> io::Result<()> {
        if !rest.is_empty() {
            self.send(rest)?;
        }
        self.store.wait(self.upload.finish())
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // What cannot be removed now is for the bucket's rule on unfinished uploads.
        let _ = self.store.runtime.block_on(async { timeout(ABORT, self.upload.abort()).await });
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;
    use tokio::{runtime::Runtime, sync::watch};

    use super::*;

    struct Memory {
        runtime: Runtime,
        stop: watch::Sender<bool>,
        destination: Destination,
    }

    fn memory(prefix: &str) -> Memory {
        let runtime = Runtime::new().unwrap();
        let (set, stop) = Stop::by_hand();
        let destination = Destination::Store(Store {
            store: Arc::new(InMemory::new()),
            prefix: ObjectPath::from(prefix),
            shown: format!("memory://{prefix}"),
            runtime: runtime.handle().clone(),
            stop,
        });
        Memory { runtime, stop: set, destination }
    }

    /// Two parts and a bit, no two of their bytes alike for long.
    fn large() -> Vec<u8> {
        (0..PART_BYTES as u32 * 2 / 4 + 25).flat_map(u32::to_le_bytes).collect()
    }

    #[test]
    fn an_object_of_many_parts_appears_when_it_is_whole() {
        let memory = memory("a/b");
        let mut whole = memory.destination.create("day=1/x.bin").unwrap();
        let bytes = large();
        for piece in bytes.chunks(1_234_567) {
            whole.write_all(piece).unwrap();
            assert_eq!(memory.destination.names().unwrap().len(), 0);
        }
        whole.finish().unwrap();
        assert_eq!(memory.destination.names().unwrap(), HashSet::from(["day=1/x.bin".to_owned()]));
        assert_eq!(memory.destination.read("day=1/x.bin").unwrap(), Some(bytes));
    }

    #[test]
    fn an_object_that_is_not_finished_never_appears() {
        for size in [10, large().len()] {
            let memory = memory("");
            let mut whole = memory.destination.create("x").unwrap();
            whole.write_all(&large()[..size]).unwrap();
            drop(whole);
            assert_eq!(memory.destination.other_names("x").unwrap(), None);
        }
    }

    #[test]
    fn an_interrupted_object_never_appears() {
        let memory = memory("");
        let mut whole = memory.destination.create("x").unwrap();
        whole.write_all(&large()).unwrap();
        memory.stop.send(true).unwrap();
        assert_eq!(whole.finish().unwrap_err().to_string(), "interrupted");
        memory.stop.send(false).unwrap();
        assert_eq!(memory.destination.other_names("x").unwrap(), None);
        drop(memory.runtime);
    }

    #[test]
    fn of_two_exports_that_begin_at_once_one_is_refused() {
        let mut memory = memory("p");
        memory.destination.begin("first", "1".to_owned()).unwrap();
        let refused = memory.destination.begin("first", "2".to_owned()).unwrap_err().to_string();
        assert!(refused.contains("another export began there just now"), "{refused}");
        assert_eq!(memory.destination.read("first").unwrap(), Some(b"1".to_vec()));
    }
}
