//! What is left beside a store, and what the next recorder makes of it.

use super::*;
use mcpr_model::{Counts, SessionState, SessionUpdate, SourceProgress};
use mcpr_store::memory::MemoryStore;
use mcpr_store::query::{SessionFilter, SessionPage};
use std::os::unix::fs::{PermissionsExt, symlink};

fn session(id: &str) -> Event {
    Event::Session(SessionUpdate {
        session_id: id.into(),
        proxy: Some("p".into()),
        ts: 5,
        started_at: None,
        last_seen_at: None,
        state: SessionState::Active,
        client_name: None,
        client_version: None,
        conversation: None,
    })
}

fn batch(number: i64, sessions: &[&str]) -> Arc<Batch> {
    Arc::new(Batch {
        writer: 7,
        number,
        now: 9,
        events: sessions.iter().map(|id| session(id)).collect(),
        sources: vec![SourceProgress {
            name: "tap p".into(),
            checkpoint: None,
            counts: Counts::default(),
        }],
    })
}

/// The sessions of a store, and how many events its gaps stand for.
fn held(store: &MemoryStore) -> (Vec<String>, u64) {
    let reader = store.reader();
    let every = SessionFilter {
        with_empty: true,
        ..SessionFilter::default()
    };
    let sessions = reader
        .sessions(&every, &SessionPage::oldest(100))
        .expect("it can be read");
    let mut ids: Vec<String> = sessions.iter().map(|row| row.session_id.clone()).collect();
    ids.sort();
    let overview = reader.overview().expect("it can be read");
    (ids, overview.dropped)
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn store(&self) -> PathBuf {
        self.0.path().join("s.db")
    }

    fn files(&self) -> Vec<PathBuf> {
        files(&self.store()).expect("it can be read")
    }
}

#[test]
fn what_was_left_is_taken_once_however_often_it_is_tried() {
    let (place, mut store) = (Place::new(), MemoryStore::default());
    let batches = [batch(3, &["a", "b"]), batch(4, &["c"])];
    let spilled = write(Some(&place.store()), &batches, &|| true)
        .expect("written")
        .expect("something");
    assert_eq!((spilled.events, spilled.dropped), (3, 0));
    let mode = fs::metadata(&spilled.path)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = fs::read(&spilled.path).expect("it can be read");
    // One of them was committed when it was given up.
    store.append(&batches[0]).expect("it is taken");
    take_in(&place.store(), &mut store).expect("it is taken");
    assert_eq!(place.files(), Vec::<PathBuf>::new());
    let expected = (vec!["a".to_owned(), "b".into(), "c".into()], 0);
    assert_eq!(held(&store), expected);
    // As though the machine had gone down before the file went.
    fs::write(&spilled.path, again).expect("written");
    fs::set_permissions(&spilled.path, fs::Permissions::from_mode(0o600)).expect("ours");
    take_in(&place.store(), &mut store).expect("it is taken");
    assert_eq!(held(&store), expected);
    assert_eq!(
        write(Some(&place.store()), &[], &|| true).expect("no error"),
        None
    );
}

#[test]
fn what_does_not_fit_is_announced_as_a_gap() {
    let (place, mut store) = (Place::new(), MemoryStore::default());
    let batches = [batch(1, &["a"]), batch(2, &["b", "c"]), batch(3, &["d"])];
    let line = serde_json::to_vec(&*batches[0]).expect("JSON").len() as u64;
    let spilled = write_within(&place.store(), &batches, line + 1, &|| true);
    let spilled = spilled.expect("written").expect("something");
    assert_eq!((spilled.events, spilled.dropped), (1, 3));
    take_in(&place.store(), &mut store).expect("it is taken");
    assert_eq!(held(&store), (vec!["a".to_owned()], 3));
}

#[test]
fn what_there_is_no_time_to_write_is_announced_as_a_gap() {
    let (place, mut store) = (Place::new(), MemoryStore::default());
    let batches = [batch(1, &["a"]), batch(2, &["b", "c"]), batch(3, &["d"])];
    let asked = std::cell::Cell::new(0);
    let has_time_for_one = || asked.replace(asked.get() + 1) < 1;
    let spilled = write(Some(&place.store()), &batches, &has_time_for_one);
    let spilled = spilled.expect("written").expect("something");
    assert_eq!((spilled.events, spilled.dropped), (1, 3));
    take_in(&place.store(), &mut store).expect("it is taken");
    assert_eq!(held(&store), (vec!["a".to_owned()], 3));
}

#[test]
fn a_gap_among_what_is_left_is_no_event_that_waits() {
    let place = Place::new();
    let mut batch = (*batch(1, &["a"])).clone();
    batch.events.push(Event::Gap(Gap {
        source: "tap p".into(),
        count: 6000,
        from_ts: 1,
        to_ts: 2,
        key: None,
    }));
    let spilled = write(Some(&place.store()), &[Arc::new(batch)], &|| true);
    let spilled = spilled.expect("written").expect("something");
    assert_eq!((spilled.events, spilled.dropped), (1, 6000));
}

#[test]
fn a_damaged_end_is_announced_as_a_gap() {
    let (place, mut store) = (Place::new(), MemoryStore::default());
    let batches = [batch(1, &["a"]), batch(2, &["b", "c"])];
    let spilled = write(Some(&place.store()), &batches, &|| true)
        .expect("written")
        .expect("something");
    let bytes = fs::read(&spilled.path).expect("it can be read");
    let file = OpenOptions::new()
        .write(true)
        .open(&spilled.path)
        .expect("ours");
    file.set_len(bytes.len() as u64 - 20).expect("cut");
    take_in(&place.store(), &mut store).expect("it is taken");
    assert_eq!(held(&store), (vec!["a".to_owned()], 2));
    assert_eq!(place.files(), Vec::<PathBuf>::new());
}

#[test]
fn a_file_of_which_only_the_head_can_be_read_is_a_gap_once() {
    let (place, mut store) = (Place::new(), MemoryStore::default());
    let spilled = write(Some(&place.store()), &[batch(1, &["a", "b"])], &|| true)
        .expect("written")
        .expect("something");
    let text = fs::read_to_string(&spilled.path).expect("it can be read");
    let head = text.lines().next().expect("a head").to_owned() + "\n{\"writer\":";
    for _ in 0..2 {
        fs::write(&spilled.path, &head).expect("cut, and there again as after a kill");
        fs::set_permissions(&spilled.path, fs::Permissions::from_mode(0o600)).expect("ours");
        take_in(&place.store(), &mut store).expect("it is taken");
    }
    assert_eq!(held(&store), (Vec::<String>::new(), 2));
    assert_eq!(place.files(), Vec::<PathBuf>::new());
}

#[test]
fn a_damaged_head_loses_nothing_in_silence() {
    let (place, mut store) = (Place::new(), MemoryStore::default());
    let batches = [batch(1, &["a"]), batch(2, &["b"])];
    let spilled = write(Some(&place.store()), &batches, &|| true)
        .expect("written")
        .expect("something");
    let mut bytes = fs::read(&spilled.path).expect("it can be read");
    bytes[..40].fill(0);
    for _ in 0..2 {
        fs::write(&spilled.path, &bytes).expect("damaged, and there again as after a kill");
        fs::set_permissions(&spilled.path, fs::Permissions::from_mode(0o600)).expect("ours");
        take_in(&place.store(), &mut store).expect("it is taken");
    }
    assert_eq!(held(&store), (vec!["a".to_owned(), "b".to_owned()], 1));
    assert_eq!(place.files(), Vec::<PathBuf>::new());
    // Of this one nothing can be read.
    fs::write(&spilled.path, "\0".repeat(3000)).expect("damaged");
    fs::set_permissions(&spilled.path, fs::Permissions::from_mode(0o600)).expect("ours");
    take_in(&place.store(), &mut store).expect("it is taken");
    assert_eq!(held(&store).1, 2);
    assert_eq!(place.files(), Vec::<PathBuf>::new());
    // This is not a name of ours.
    let other = place.0.path().join("s.db.spill-notes");
    fs::write(&other, "mine").expect("written");
    take_in(&place.store(), &mut store).expect("nothing fails");
    assert!(other.exists());
}

#[test]
fn what_was_left_under_a_link_to_the_store_is_found_under_its_name() {
    let (place, mut store) = (Place::new(), MemoryStore::default());
    fs::write(place.store(), "").expect("a file");
    let elsewhere = tempfile::tempdir().expect("a directory");
    let link = elsewhere.path().join("link.db");
    symlink(place.store(), &link).expect("linked");
    write(Some(&link), &[batch(1, &["a"])], &|| true).expect("written");
    take_in(&place.store(), &mut store).expect("it is taken");
    write(Some(&place.store()), &[batch(2, &["b"])], &|| true).expect("written");
    take_in(&link, &mut store).expect("it is taken");
    assert_eq!(held(&store), (vec!["a".to_owned(), "b".to_owned()], 0));
}

#[test]
fn what_others_may_have_written_is_left_alone() {
    let (place, mut store) = (Place::new(), MemoryStore::default());
    let write = || {
        write(Some(&place.store()), &[batch(1, &["a"])], &|| true)
            .expect("written")
            .expect("some")
    };
    let path = write().path;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("ours");
    let linked = write().path;
    let elsewhere = place.0.path().join("elsewhere");
    fs::rename(&linked, &elsewhere).expect("moved");
    symlink(&elsewhere, &linked).expect("linked");
    let of_a_later_version = write().path;
    fs::write(&of_a_later_version, "{\"spill\":2}\nwhatever\n").expect("written");
    take_in(&place.store(), &mut store).expect("nothing fails");
    assert_eq!(held(&store), (vec![], 0));
    assert_eq!(place.files().len(), 3);
}

#[test]
fn there_is_an_end_to_what_is_left() {
    let place = Place::new();
    for number in 0..MAX_FILES {
        let mut name = beginning_of(&place.store());
        name.push(number.to_string());
        fs::write(place.0.path().join(name), "").expect("written");
    }
    assert!(write(Some(&place.store()), &[batch(1, &["a"])], &|| true).is_err());
}

#[test]
fn a_recorder_that_runs_takes_in_what_is_left_beside_its_store() {
    let place = Place::new();
    let recorder = crate::Recorder::open(crate::Config::new(place.store())).expect("a store");
    let spilled = write(Some(&place.store()), &[batch(1, &["left"])], &|| true);
    spilled.expect("written").expect("something");
    let end = std::time::Instant::now() + Duration::from_mins(1);
    // It never has an idle moment: whatever it has committed, there is more.
    let mut sessions = 0_u64;
    while !place.files().is_empty() {
        assert!(std::time::Instant::now() < end, "it is left for good");
        if recorder.summary().batches >= sessions {
            recorder.record(session(&sessions.to_string()));
            sessions += 1;
        }
        std::thread::yield_now();
    }
    recorder.shutdown().expect("all is stored");
    let store = mcpr_connect::connect(&place.store().into()).expect("a store");
    let reader = store.reader().expect("a reader");
    let every = SessionFilter {
        with_empty: true,
        prefix: Some("left".to_owned()),
        ..SessionFilter::default()
    };
    let taken = reader.sessions(&every, &SessionPage::oldest(100));
    assert_eq!(taken.expect("it can be read").len(), 1);
}
