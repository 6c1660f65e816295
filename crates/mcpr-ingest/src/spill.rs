//! What a recorder could not store before it had to end: a file beside the store, from which the next
//! recorder takes it exactly once. A batch there keeps the number of its writer, by which a store knows
//! what it holds already; the file goes only when all of it is committed.

use super::queue::gap_of;
use super::unix_ms;
use mcpr_model::{Batch, Event, Gap, Text};
use mcpr_store::files::place::{directory_of, real_path};
use mcpr_store::{StoreError, Writer};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Most bytes of one file; beyond that there is only a gap.
const MAX_FILE_BYTES: u64 = 64 << 20;
/// Most bytes of all files beside a store; beyond that a file holds only a gap.
const MAX_ALL_BYTES: u64 = 256 << 20;
/// Most files beside a store; beyond that nothing more is written.
const MAX_FILES: usize = 1000;
/// After this time an unfinished file is nobody's any more.
const ABANDONED: Duration = Duration::from_hours(1);
/// The layout of a file.
const VERSION: u32 = 1;
/// What stands between a store's name and the rest of a file's.
const MARK: &str = ".spill-";
/// How the name of a file ends that is not finished.
const UNFINISHED: &str = ".tmp";

/// The first line of a file.
#[derive(Debug, Serialize, Deserialize)]
struct SpillHead {
    spill: u32,
    /// Whose rows they are.
    source: Text,
    /// How many events follow.
    events: u64,
    from_ts: i64,
    to_ts: i64,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spilled {
    /// The file.
    pub path: PathBuf,
    /// Events in it, other than gaps.
    pub events: u64,
    /// Events that it reports as lost: those that did not fit, and those lost before.
    pub dropped: u64,
}

/// Writes batches of one writer, in order, into a file beside the store, as far as there is time.
/// Does nothing for nothing.
pub(crate) fn write(
    store: Option<&Path>,
    batches: &[Arc<Batch>],
    has_time: &dyn Fn() -> bool,
) -> io::Result<Option<Spilled>> {
    let store = store.ok_or_else(|| io::Error::other("the store is not a file"))?;
    let store = &real_path(store).map_err(io::Error::other)?;
    let limit = |all: u64| MAX_FILE_BYTES.min(MAX_ALL_BYTES.saturating_sub(all));
    let mut all = 0;
    let files = files(store)?;
    if files.len() >= MAX_FILES {
        let message = "too many events of earlier ends wait beside the store";
        return Err(io::Error::other(message));
    }
    for path in &files {
        all += fs::symlink_metadata(path).map_or(0, |metadata| metadata.len());
    }
    write_within(store, batches, limit(all), has_time)
}

fn write_within(
    store: &Path,
    batches: &[Arc<Batch>],
    limit: u64,
    has_time: &dyn Fn() -> bool,
) -> io::Result<Option<Spilled>> {
    let Some(last) = batches.last() else {
        return Ok(None);
    };
    let head = head_of(batches);
    let path = new_path(store);
    let unfinished = with_suffix(&path, UNFINISHED);
    let file = OpenOptions::new()
        .write(true)
        // Nobody else can have put a file or a link in this place.
        .create_new(true)
        // Rows are as private here as in the store.
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(&unfinished)?;
    let mut out = BufWriter::new(file);
    serde_json::to_writer(&mut out, &head)?;
    let written = write_fitting(&mut out, batches, limit, has_time)?;
    let (kept, rest) = batches.split_at(written);
    let kept_events = kept.iter().flat_map(|batch| &batch.events);
    let mut dropped: u64 = kept_events.map(Event::lost).sum();
    let events = rest.iter().flat_map(|it| &it.events);
    if let Some(gap) = gap_of(&source_of(rest), events, last.now) {
        dropped += gap.count;
        // It has the writer's next number, so that the store takes it once as well.
        let announced = Batch {
            writer: last.writer,
            number: last.number + 1,
            now: last.now,
            events: vec![Event::Gap(gap)],
            sources: Vec::new(),
        };
        out.write_all(b"\n")?;
        serde_json::to_writer(&mut out, &announced)?;
    }
    out.write_all(b"\n")?;
    // On disk before it gets its name: what has one is whole.
    out.into_inner()
        .map_err(io::IntoInnerError::into_error)?
        .sync_all()?;
    fs::rename(&unfinished, &path)?;
    // The name has to outlive a power cut as well.
    File::open(directory_of(store))?.sync_all()?;
    Ok(Some(Spilled {
        path,
        events: head.events.saturating_sub(dropped),
        dropped,
    }))
}

/// Writes batches as lines, as far as they fit and there is time; says how many those are. What comes
/// after one that is left out would stand before its gap, so that nothing follows it.
fn write_fitting(
    out: &mut dyn Write,
    batches: &[Arc<Batch>],
    limit: u64,
    has_time: &dyn Fn() -> bool,
) -> io::Result<usize> {
    let mut bytes = 0;
    for (written, batch) in batches.iter().enumerate() {
        if bytes >= limit || !has_time() {
            return Ok(written);
        }
        let line = serde_json::to_vec(&**batch)?;
        bytes += line.len() as u64 + 1;
        if bytes > limit {
            return Ok(written);
        }
        out.write_all(b"\n")?;
        out.write_all(&line)?;
    }
    Ok(batches.len())
}

fn source_of(batches: &[Arc<Batch>]) -> Text {
    let mut sources = batches.iter().flat_map(|batch| &batch.sources);
    sources
        .next()
        .map_or_else(Text::default, |it| it.name.clone())
}

fn head_of(batches: &[Arc<Batch>]) -> SpillHead {
    let events = batches.iter().flat_map(|batch| &batch.events);
    let now = batches.last().map_or(0, |batch| batch.now);
    let source = source_of(batches);
    let gap = gap_of(&source, events, now);
    SpillHead {
        spill: VERSION,
        events: gap.as_ref().map_or(0, |gap| gap.count),
        from_ts: gap.as_ref().map_or(now, |gap| gap.from_ts),
        to_ts: gap.as_ref().map_or(now, |gap| gap.to_ts),
        source,
    }
}

/// Deliveries of a recorder that never had its store, as batches of a writer of their own.
#[cfg(feature = "tap")]
pub(crate) fn batches(deliveries: impl Iterator<Item = super::Delivery>) -> Vec<Arc<Batch>> {
    let thresholds = super::Config::new(std::path::Path::new("")).thresholds();
    let mut unsaved = super::unsaved::Unsaved::new(thresholds, super::recorder::writer_id());
    unsaved.fill(deliveries)
}

/// Takes what earlier recorders left into a store. What cannot be taken now stays for the next time.
///
/// # Errors
/// When the store fails; what was taken before that is committed.
pub(super) fn take_in(path: &Path, store: &mut dyn Writer) -> Result<(), StoreError> {
    let path = &real_path(path)?;
    // What cannot be listed or removed now is left for the next time.
    for file in files(path).unwrap_or_default() {
        if is_unfinished(&file) {
            let _ = remove_abandoned(&file);
        } else if let Ok(Some(reader)) = open(&file, path)
            && take_file(&file, reader, store)?
        {
            // Whoever took it at the same time has removed it: both have committed it once.
            let _ = fs::remove_file(&file);
        }
    }
    Ok(())
}

/// The head of a file, and whether its first line was damaged, so that it only stands in for what was there; `None`
/// where the file is not to be taken.
fn head_in(file: &Path, line: Option<io::Result<Vec<u8>>>) -> Option<(SpillHead, bool)> {
    let line = line.and_then(Result::ok).unwrap_or_default();
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(&line) {
        // Else written by a later version, or by somebody else.
        let head: Option<SpillHead> = serde_json::from_value(value).ok();
        return head
            .filter(|head| head.spill == VERSION)
            .map(|head| (head, false));
    }
    // Nobody else gives a file such a name. What still can be read of it is taken.
    let ts = written_at(file)?;
    let head = SpillHead {
        spill: VERSION,
        source: Text::from(file.file_name()?.to_string_lossy()),
        events: 0,
        from_ts: ts,
        to_ts: ts,
    };
    Some((head, true))
}

/// When a file of such a name was written; `None` where it is not a name that [`new_path`] makes.
fn written_at(file: &Path) -> Option<i64> {
    let name = file.file_name()?.to_str()?;
    let (_, rest) = name.rsplit_once(MARK)?;
    let (time, random) = rest.split_once('-')?;
    let is_random = random.len() == 16 && random.bytes().all(|it| it.is_ascii_hexdigit());
    let is_time = time.len() == 13 && time.bytes().all(|it| it.is_ascii_digit());
    time.parse().ok().filter(|_| is_random && is_time)
}

/// Takes one file in; says whether all of it is stored.
fn take_file(
    file: &Path,
    reader: BufReader<File>,
    store: &mut dyn Writer,
) -> Result<bool, StoreError> {
    let mut lines = reader.split(b'\n');
    let Some((head, is_damaged)) = head_in(file, lines.next()) else {
        return Ok(false);
    };
    let mut missing = head.events;
    let mut last = None;
    for line in lines {
        let batch = line
            .ok()
            .and_then(|line| serde_json::from_slice(&line).ok());
        let Some(batch): Option<Batch> = batch else {
            // What stands behind damage is not read, and is counted as missing.
            break;
        };
        // A batch that is there already changes nothing: the store knows it by writer and number.
        store.append(&batch)?;
        let counted = gap_of(&head.source, &batch.events, batch.now);
        missing = missing.saturating_sub(counted.map_or(0, |gap| gap.count));
        last = Some(batch);
    }
    // How many events there were is not known: at least one is missing.
    missing = missing.max(u64::from(is_damaged));
    if missing > 0 {
        // Where not one batch can be read, the file's own head names the gap's batch, so that this too is
        // stored once however often the file is taken.
        let of_head = || {
            let (from, to) = (head.from_ts, head.to_ts);
            (
                Gap::key_of_content(&head.source, head.events, from, to),
                0,
                head.to_ts,
            )
        };
        let (writer, number, now) = last.map_or_else(of_head, |last: Batch| {
            (last.writer, last.number.saturating_add(1), last.now)
        });
        // The rest of the file is damaged.
        store.append(&Batch {
            writer,
            number,
            now,
            events: vec![Event::Gap(Gap {
                source: head.source,
                count: missing,
                from_ts: head.from_ts,
                to_ts: head.to_ts,
                key: None,
            })],
            sources: Vec::new(),
        })?;
    }
    Ok(true)
}

/// Opens a file that only we, or whoever has the store, can have written.
fn open(file: &Path, store: &Path) -> io::Result<Option<BufReader<File>>> {
    // A pipe in this place must not hold up its opening.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(file)?;
    let metadata = opened.metadata()?;
    let us = rustix::process::geteuid().as_raw();
    let owner = fs::metadata(store).map_or(us, |store| store.uid());
    let is_sound = metadata.is_file()
        && (metadata.uid() == us || metadata.uid() == owner)
        && metadata.mode() & 0o022 == 0
        // With a second name it may be any file of ours that somebody has linked here.
        && metadata.nlink() == 1
        // The first line and the gap come on top of the limit.
        && metadata.len() <= 2 * MAX_FILE_BYTES;
    Ok(is_sound.then(|| BufReader::new(opened)))
}

fn remove_abandoned(file: &Path) -> io::Result<()> {
    let age = |metadata: Metadata| metadata.modified()?.elapsed().map_err(io::Error::other);
    if fs::symlink_metadata(file).and_then(age)? > ABANDONED {
        fs::remove_file(file)?;
    }
    Ok(())
}

/// The files beside a store, the oldest first.
fn files(store: &Path) -> io::Result<Vec<PathBuf>> {
    let beginning = beginning_of(store);
    let mut files = Vec::new();
    for entry in fs::read_dir(directory_of(store))? {
        let entry = entry?;
        let name = entry.file_name();
        if name
            .as_encoded_bytes()
            .starts_with(beginning.as_encoded_bytes())
        {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

fn is_unfinished(file: &Path) -> bool {
    file.as_os_str()
        .as_encoded_bytes()
        .ends_with(UNFINISHED.as_bytes())
}

fn beginning_of(store: &Path) -> OsString {
    let mut name = store.file_name().unwrap_or_default().to_owned();
    name.push(MARK);
    name
}

/// A name that nobody can know before; those of later files sort behind it.
fn new_path(store: &Path) -> PathBuf {
    let now = unix_ms(SystemTime::now());
    let random = RandomState::new().hash_one((std::process::id(), now));
    let mut name = beginning_of(store);
    // Thirteen digits sort by time until the year 2286.
    name.push(format!("{now:013}-{random:016x}"));
    directory_of(store).join(name)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests;
