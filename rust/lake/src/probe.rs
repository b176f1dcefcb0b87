//! Asks a store what it can do, by doing it: see [`probe`].

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{
    Error::{AlreadyExists, NotFound, NotImplemented, PermissionDenied, Precondition, Unauthenticated},
    ObjectStore, ObjectStoreExt, PutMode, UpdateVersion,
    path::Path,
};
use tokio::sync::Barrier;
use uuid::Uuid;

use crate::{Error, Result, Upload, error::told, store};

/// Writers that want the same name at the same moment, and how often they do.
const RACERS: usize = 16;
const RACES: usize = 20;

/// More objects than a store tells of in one answer.
const OBJECTS: usize = 1_005;

/// Requests under way at a time.
const AT_A_TIME: usize = 16;

/// Bytes of a part: the smallest that S3 takes.
const PART: usize = 5 << 20;

/// Further apart, and signed requests and times of files begin to be doubted.
const CLOCKS_APART: i64 = 60;

/// Something that a lake asks of its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// To put an object only where none is: exactly one of many that try at once.
    PutIfAbsent,
    /// To replace an object only while it is the one last seen.
    PutIfSame,
    /// To take an object in parts, show it only when it is complete, and forget it when told to.
    Multipart,
    /// To list more objects than fit one answer.
    Listing,
    /// To list from a name on.
    StartAfter,
    /// To read a part of an object.
    RangeRead,
    /// To hold an empty object whose name ends in a slash, as Hadoop marks folders.
    FolderMarker,
    /// To agree with this machine about the time.
    Clock,
    /// To remove many objects at once.
    Delete,
}

impl Ability {
    /// All of them, in the order in which they are tried.
    pub const ALL: [Self; 9] = [
        Self::PutIfAbsent,
        Self::PutIfSame,
        Self::Multipart,
        Self::Listing,
        Self::StartAfter,
        Self::RangeRead,
        Self::FolderMarker,
        Self::Clock,
        Self::Delete,
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::PutIfAbsent => "put if absent",
            Self::PutIfSame => "put if unchanged",
            Self::Multipart => "upload in parts",
            Self::Listing => "list many objects",
            Self::StartAfter => "list from a name on",
            Self::RangeRead => "read a range",
            Self::FolderMarker => "markers of folders",
            Self::Clock => "clock",
            Self::Delete => "delete",
        }
    }

    /// Whether there can be no lake without it.
    pub fn is_needed(self) -> bool {
        matches!(self, Self::Multipart | Self::Listing | Self::RangeRead)
    }

    /// What follows for a lake in a store that lacks it.
    pub fn without(self) -> &'static str {
        match self {
            Self::PutIfAbsent => {
                "two writers would undo each other's commits: the ingest and the jobs that look after tables refuse to write \
                 here"
            }
            Self::PutIfSame => {
                "an ingest that was asleep for long is not told that another has taken the lake: start one only"
            }
            Self::Multipart => "files of more than a few megabytes cannot be written: this store cannot hold a lake",
            Self::Listing => "tables of more than a thousand commits cannot be read: this store cannot hold a lake",
            Self::StartAfter => "logs are listed from their beginning: the more commits, the slower tables open",
            Self::RangeRead => "readers cannot pick columns from files: this store cannot hold a lake",
            Self::FolderMarker => "Spark cannot make folders there: keep checkpoints on a disk",
            Self::Clock => {
                "vacuum may keep files too long or not long enough, and a store may refuse requests: set the clock"
            }
            Self::Delete => "vacuum and expiry cannot free room: give these credentials the right to delete",
        }
    }
}

/// What came of trying one [`Ability`].
#[derive(Debug)]
pub struct Finding {
    /// What was tried.
    pub ability: Ability,
    /// What was seen: as it should be, otherwise, or nothing because such a store does not have it.
    pub seen: Result<String, Lacking>,
}

/// Why a store lacks an ability.
#[derive(Debug)]
pub enum Lacking {
    /// It is nothing that such a store has, or needs.
    NotOfIts(&'static str),
    /// It did something else.
    Failed(String),
}

impl From<object_store::Error> for Lacking {
    fn from(cause: object_store::Error) -> Self {
        Self::Failed(told(&cause))
    }
}

type Seen = Result<String, Lacking>;

fn failed(what: impl Into<String>) -> Seen {
    Err(Lacking::Failed(what.into()))
}

/// Tries all that a lake at `uri` would ask of its store, in a folder of the lake that is gone afterwards, and tells of each ability as
/// soon as it was tried. A folder of this machine is a store too.
///
/// # Errors
/// [`Error::Location`] and [`Error::Store`] if nothing can be read or written there at all.
pub fn probe(uri: &str, mut tell: impl FnMut(Finding)) -> Result<()> {
    let (url, store) = store::open(uri)?;
    let at = |path: &str| -> Result<Path> {
        Path::from_url_path(path).map_err(|cause| Error::Location { uri: uri.to_owned(), reason: cause.to_string() })
    };
    let root = at(&format!("{}_downbeat/probe-{}", url.path(), Uuid::new_v4()))?;
    let probe = Probe { store, root, in_folder: url.scheme() == "file" };
    store::runtime().block_on(async {
        probe.reach(uri).await?;
        for ability in Ability::ALL {
            let seen = match ability {
                Ability::PutIfAbsent => probe.put_if_absent().await,
                Ability::PutIfSame => probe.put_if_same().await,
                Ability::Multipart => probe.multipart().await,
                Ability::Listing => probe.listing().await,
                Ability::StartAfter => probe.start_after().await,
                Ability::RangeRead => probe.range_read().await,
                Ability::FolderMarker => probe.folder_marker(&url).await,
                Ability::Clock => probe.clock().await,
                Ability::Delete => probe.delete().await,
            };
            tell(Finding { ability, seen });
        }
        Ok(())
    })
}

struct Probe {
    store: Arc<dyn ObjectStore>,
    root: Path,
    in_folder: bool,
}

impl Probe {
    fn path(&self, name: impl AsRef<str>) -> Path {
        name.as_ref().split('/').fold(self.root.clone(), Path::join)
    }

    /// Reads and writes something.
    async fn reach(&self, uri: &str) -> Result<()> {
        let refused = |tried| {
            move |cause: object_store::Error| {
                let reason = match &cause {
                    PermissionDenied { .. } | Unauthenticated { .. } => "these credentials may not do this",
                    // Some stores say so of a key that they do not know.
                    NotFound { .. } => "there is no such bucket, or nobody with this key",
                    _ => "the store does not answer as one",
                };
                Error::Store { tried, place: uri.to_owned(), cause: format!("{reason} ({})", told(&cause)) }
            }
        };
        self.store.put(&self.path("hello"), "hello".into()).await.map_err(refused("write to"))?;
        self.store.get(&self.path("hello")).await.map_err(refused("read"))?;
        Ok(())
    }

    async fn put_if_absent(&self) -> Seen {
        for race in 0..RACES {
            let path = self.path(format!("races/{race}"));
            let start = Arc::new(Barrier::new(RACERS));
            let racers = (0..RACERS).map(|racer| {
                let (store, path, start) = (Arc::clone(&self.store), path.clone(), Arc::clone(&start));
                tokio::spawn(async move {
                    start.wait().await;
                    let put = store.put_opts(&path, content(racer).into(), PutMode::Create.into()).await;
                    (racer, put.map(|_| ()))
                })
            });
            let mut winners = Vec::new();
            for ran in futures::future::join_all(racers).await {
                match ran {
                    Ok((racer, Ok(()))) => winners.push(racer),
                    Ok((_, Err(AlreadyExists { .. } | Precondition { .. }))) => {}
                    Ok((_, Err(cause))) => return Err(cause.into()),
                    Err(panicked) => return failed(panicked.to_string()),
                }
            }
            let held = self.store.get(&path).await?.bytes().await?;
            match winners[..] {
                [winner] if held == content(winner) => {}
                [_] => return failed("the one that was told it had put the object had not"),
                _ => {
                    return failed(format!(
                        "{} of {RACERS} were told that they had put the same object",
                        winners.len()
                    ));
                }
            }
        }
        Ok(format!("{RACES} times one of {RACERS} that tried at once"))
    }

    async fn put_if_same(&self) -> Seen {
        let path = self.path("replaced");
        let seen = self.store.put(&path, "one".into()).await?;
        self.store.put(&path, "two".into()).await?;
        let seen = UpdateVersion { e_tag: seen.e_tag, version: seen.version };
        match self.store.put_opts(&path, "three".into(), PutMode::Update(seen).into()).await {
            Err(Precondition { .. }) => Ok("refused for an object that had been replaced".to_owned()),
            Err(NotImplemented { .. }) if self.in_folder => Err(Lacking::NotOfIts("folders have no such thing")),
            Err(cause) => Err(cause.into()),
            Ok(_) => failed("an object was replaced that was not the one seen"),
        }
    }

    async fn multipart(&self) -> Seen {
        let parts = [content(PART), content(PART), content(PART / 5)];
        let path = self.path("parts/whole");
        let mut upload = Upload::new(Arc::clone(&self.store), path.clone(), PART);
        for part in &parts {
            upload.put(part.clone()).await?;
        }
        upload.finish().await?;
        if self.store.get(&path).await?.bytes().await? != parts.concat() {
            return failed("what was read is not what was written");
        }
        let path = self.path("parts/aborted");
        let mut upload = Upload::new(Arc::clone(&self.store), path.clone(), PART);
        upload.put(content(2 * PART)).await?;
        upload.abort().await?;
        match self.store.head(&path).await {
            Err(NotFound { .. }) => Ok("whole when complete, nothing when aborted".to_owned()),
            Err(cause) => Err(cause.into()),
            Ok(_) => failed("an upload that was aborted left an object"),
        }
    }

    /// Puts what the next checks list.
    async fn listing(&self) -> Seen {
        let puts = (0..OBJECTS).map(|number| async move {
            self.store.put(&self.path(numbered(number)), Bytes::new().into()).await.map(|_| ())
        });
        stream::iter(puts).buffer_unordered(AT_A_TIME).try_collect::<()>().await?;
        let listed = self.list(self.store.list(Some(&self.path("many")))).await?;
        match listed == (0..OBJECTS).map(|number| self.path(numbered(number))).collect::<Vec<_>>() {
            true => Ok(format!("{OBJECTS} of {OBJECTS}")),
            false => failed(format!("{} of {OBJECTS}, or others", listed.len())),
        }
    }

    async fn start_after(&self) -> Seen {
        let after = self.path(numbered(OBJECTS - 6));
        let listed = self.list(self.store.list_with_offset(Some(&self.path("many")), &after)).await?;
        match listed == (OBJECTS - 5..OBJECTS).map(|number| self.path(numbered(number))).collect::<Vec<_>>() {
            true => Ok("the last 5 of them".to_owned()),
            false => failed(format!("{} where 5 should be", listed.len())),
        }
    }

    async fn list(
        &self,
        listing: stream::BoxStream<'_, object_store::Result<object_store::ObjectMeta>>,
    ) -> Result<Vec<Path>, Lacking> {
        let mut listed: Vec<Path> = listing.map_ok(|object| object.location).try_collect().await?;
        if self.in_folder {
            listed.sort();
        }
        Ok(listed)
    }

    async fn range_read(&self) -> Seen {
        let read = self.store.get_range(&self.path("hello"), 1..4).await?;
        match read == "ell" {
            true => Ok("3 bytes of 5".to_owned()),
            false => failed(format!("{} bytes where 3 should be", read.len())),
        }
    }

    async fn folder_marker(&self, url: &url::Url) -> Seen {
        if url.scheme() != "s3" {
            return Err(Lacking::NotOfIts("only S3 stores are asked for them"));
        }
        let bucket = url.host_str().unwrap_or_default();
        let marker = store::s3_folder(bucket, &self.path("folder")).map_err(Lacking::Failed)?;
        // The marker is at the folder's own address, so its path in it is empty.
        let here = Path::default();
        marker.put(&here, Bytes::new().into()).await?;
        let size = marker.head(&here).await?.size;
        marker.delete(&here).await?;
        match size {
            0 => Ok("kept, found and removed".to_owned()),
            _ => failed("a marker came back with content"),
        }
    }

    async fn clock(&self) -> Seen {
        let path = self.path("now");
        let before = now();
        self.store.put(&path, "now".into()).await?;
        let after = now();
        let stored = self.store.head(&path).await?.last_modified.timestamp();
        match (before - stored).max(stored - after).max(0) {
            apart @ 0..=CLOCKS_APART => Ok(match apart {
                0 | 1 => "as here".to_owned(),
                _ => format!("{apart} s apart from here"),
            }),
            apart => failed(format!("{apart} s apart from here")),
        }
    }

    /// Removes what was put.
    async fn delete(&self) -> Seen {
        let put: Vec<Path> = self.store.list(Some(&self.root)).map_ok(|object| object.location).try_collect().await?;
        let put_count = put.len();
        let removed = self.store.delete_stream(stream::iter(put).map(Ok).boxed());
        removed.try_for_each(|_| async { Ok(()) }).await?;
        if self.in_folder {
            self.remove_folders();
        }
        match self.store.list(Some(&self.root)).try_next().await? {
            None => Ok(format!("{put_count} objects")),
            Some(left) => failed(format!("{} is still there", left.location)),
        }
    }

    /// The empty ones that are left of files, up to the lake's own.
    fn remove_folders(&self) {
        let probe = std::path::Path::new("/").join(self.root.as_ref());
        for folder in ["races", "parts", "many", "."] {
            // What is not empty is not ours.
            let _ = std::fs::remove_dir(probe.join(folder));
        }
        for above in probe.ancestors().take(3) {
            let _ = std::fs::remove_dir(above);
        }
    }
}

fn numbered(number: usize) -> String {
    format!("many/{number:06}")
}

/// So many bytes, other ones for each number.
fn content(number: usize) -> Bytes {
    (0..=number).map(|byte| (byte ^ number) as u8).collect()
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
