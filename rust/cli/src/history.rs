//! A world's history: counted once, on all cores and with its progress shown, and kept in a file, so that the next start of
//! the same world is immediate.

use std::{
    env, fs,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, Instant},
};

use downbeat_simulator::World;
use indicatif::{ProgressBar, ProgressStyle};

/// Counting that took less is not worth a file.
const WORTH_KEEPING: Duration = Duration::from_millis(500);

/// Between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Counts the rows before `until_us` (microseconds since 1970 UTC), as far as no earlier start has kept their counts.
///
/// The file is `downbeat/<fingerprint>.index` in the user's cache folder (`$XDG_CACHE_HOME`, or `~/.cache`). One that is broken is
/// made anew, and where none can be written the counts are good for this start only; both are said.
pub(crate) fn count(world: &World, until_us: i64) {
    let file = cache_folder().map(|folder| folder.join(format!("downbeat/{}.index", world.fingerprint())));
    if let Some(file) = &file {
        restore(world, file);
    }
    let began = Instant::now();
    counted(world, until_us);
    if let Some(file) = file.filter(|_| began.elapsed() >= WORTH_KEEPING)
        && let Err(cause) = keep(world, &file)
    {
        eprintln!("cannot keep the counts of the history in {}: {cause}; the next start counts again", file.display());
    }
}

fn cache_folder() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))
}

fn restore(world: &World, file: &Path) {
    let index = match fs::read(file) {
        Ok(index) => index,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return,
        Err(cause) => {
            eprintln!("cannot read the counts of the history in {}: {cause}; they are made anew", file.display());
            return;
        }
    };
    if let Err(error) = world.restore_index(&index) {
        eprintln!("{}: {error}; it is made anew", file.display());
    }
}

/// Counts with a bar on a terminal, and a line now and then elsewhere.
fn counted(world: &World, until_us: i64) {
    let bar = ProgressBar::new(1000);
    if let Ok(style) = ProgressStyle::with_template("counting the history  {bar:30} {percent:>3}%  {eta} left") {
        bar.set_style(style);
    }
    let line = Mutex::new(Instant::now());
    world.count(until_us, &|share| {
        bar.set_position((share * 1000.0) as u64);
        // Another thread with the lock is printing the very line.
        if !io::stderr().is_terminal()
            && let Ok(mut line) = line.try_lock()
            && line.elapsed() >= LINE_EVERY
        {
            *line = Instant::now();
            eprintln!("counting the history: {:.0} %", share * 100.0);
        }
    });
    bar.finish_and_clear();
}

/// Writes the file beside its place first, so that it is whole or not there.
fn keep(world: &World, file: &Path) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let partial = file.with_extension(format!("{}.partial", std::process::id()));
    fs::write(&partial, world.index()).and_then(|()| fs::rename(&partial, file)).inspect_err(|_| {
        // What is half written is of no use; that it cannot be removed either changes nothing.
        let _ = fs::remove_file(&partial);
    })
}

#[cfg(test)]
mod tests {
    use downbeat_simulator::WorldConfig;

    use super::*;

    fn world() -> World {
        World::new(WorldConfig { listeners: 300, tracks: 1000, ..WorldConfig::default() }).unwrap()
    }

    #[test]
    fn a_kept_index_gives_the_same_offsets_and_a_broken_one_is_made_anew() {
        let folder = env::temp_dir().join(format!("downbeat-history-{}", std::process::id()));
        let file = folder.join("a/world.index");
        let counted = world();
        let day = |days: i64| counted.config().start_us() + days * 86_400_000_000;
        counted.count(day(9), &|_| {});
        keep(&counted, &file).unwrap();
        assert_eq!(fs::read_dir(folder.join("a")).unwrap().count(), 1);
        let restored = world();
        restore(&restored, &file);
        assert_eq!(restored.index(), counted.index());
        for days in [3, 9, 12] {
            assert_eq!(restored.offset_at(1, day(days)).unwrap(), counted.offset_at(1, day(days)).unwrap());
        }
        let mut broken = fs::read(&file).unwrap();
        broken[40] ^= 1;
        fs::write(&file, broken).unwrap();
        let untouched = world();
        restore(&untouched, &file);
        assert_eq!(untouched.index(), world().index());
        assert_eq!(untouched.offset_at(1, day(9)).unwrap(), counted.offset_at(1, day(9)).unwrap());
        fs::remove_dir_all(folder).unwrap();
    }
}
