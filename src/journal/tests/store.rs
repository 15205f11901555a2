//! Opening a store: what is adopted, what is cut, what is refused, and that nothing is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::{World, every_fact, payment};
use crate::journal::checkpoint::Checkpoint;
use crate::journal::memory::{Fault, MemoryJournal};
use crate::journal::sealer::Sealer;
use crate::journal::sidefile::Mark;
use crate::journal::store::{Opened, open};
use crate::journal::verify::verify;
use crate::journal::{Batch, BatchBuilder, Error, Flaw, Journal, sled};
use crate::ledger::event::{Event, Fact, Role};
use crate::ledger::id::Position;
use crate::ledger::time::Timestamp;

/// The fingerprints that a position was told with.
type References = BTreeMap<Position, BTreeSet<u64>>;

fn open_quietly(directory: &Path) -> Result<(Opened, References), Error> {
    let mut references = References::new();
    let now = Timestamp::from_seconds(1_790_000_001);
    let opened = open(directory, now, &mut |_| {}, &mut |fingerprint, position| {
        assert!(references.entry(position).or_default().insert(fingerprint), "told once");
    })?;
    Ok((opened, references))
}

fn refusal(directory: &Path) -> String {
    match open_quietly(directory) {
        Ok(_) => "opened".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn append(opened: &mut Opened, batch: &Batch) {
    opened.journal.append(batch).unwrap();
    opened.history.push(batch.clone());
}

/// A store whose log holds five batches, the last two of several chunks each.
fn store(directory: &Path) -> (World, Vec<Batch>) {
    let (mut opened, _) = open_quietly(directory).unwrap();
    let mut world = World::new();
    let mut batches = world.begin(2);
    batches.push(world.batch((0..80).map(|number| payment(number, 2))));
    batches.push(world.batch((80..160).map(|number| payment(number, 2))));
    for batch in &batches[1..] {
        append(&mut opened, batch);
    }
    assert_eq!(opened.history.batch_at(Position::FIRST).unwrap().unwrap().hash(), {
        batches[0].hash()
    });
    (world, batches)
}

/// Seals what is over `bytes`, with a trim if the crash comes after it.
fn seal(opened: Opened, bytes: usize, trim: bool) -> Option<Position> {
    let Opened { mut journal, history, site, .. } = opened;
    let sealer = Sealer::start(site, history, bytes).unwrap();
    sealer.look();
    let watched = sealer.watch();
    sealer.stop();
    let sealed = watched.sealed_through();
    if let (true, Some(sealed)) = (trim, sealed) {
        journal.trim_all(sealed).unwrap();
    }
    sealed
}

#[test]
fn an_empty_directory_becomes_a_store() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data").join("store");
    let (opened, references) = open_quietly(&data).unwrap();
    assert!(opened.report.created && references.is_empty());
    assert_eq!(opened.book.position, Some(Position::FIRST));
    assert!(matches!(open_quietly(&data), Err(Error::InUse { .. })));
    let hash = opened.last_hash;
    drop(opened);
    let (opened, _) = open_quietly(&data).unwrap();
    assert!(!opened.report.created);
    assert_eq!((opened.last_hash, opened.report.replayed), (hash, 1));
}

#[test]
fn what_was_appended_is_there_again() {
    let directory = tempfile::tempdir().unwrap();
    let (world, _) = store(directory.path());
    let (opened, references) = open_quietly(directory.path()).unwrap();
    assert_eq!(opened.book, world.book);
    assert_eq!((opened.last_hash, opened.last_time), (world.hash, world.time));
    assert_eq!(references.len(), 2 + 160);
    assert_eq!(opened.report.replayed, 167);
    assert_eq!(opened.report.torn, None);
}

#[test]
fn a_store_half_created_is_adopted() {
    let directory = tempfile::tempdir().unwrap();
    drop(open_quietly(directory.path()).unwrap());
    fs::remove_file(directory.path().join("store")).unwrap();
    let (opened, _) = open_quietly(directory.path()).unwrap();
    assert!(opened.report.created);
    assert_eq!(opened.book.position, Some(Position::FIRST));
    drop(opened);
    // Nothing but an empty log: the crash came before genesis.
    fs::remove_file(directory.path().join("store")).unwrap();
    sled::damage(&directory.path().join("log"), |chunks| chunks.clear());
    assert!(open_quietly(directory.path()).unwrap().0.report.created);
}

#[test]
fn a_log_without_its_side_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    store(directory.path());
    fs::remove_file(directory.path().join("store")).unwrap();
    assert!(refusal(directory.path()).contains("no side file"), "{}", refusal(directory.path()));
}

#[test]
fn a_store_that_came_back_empty_or_older_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (_, batches) = store(directory.path());
    drop(open_quietly(directory.path()).unwrap());
    let log = directory.path().join("log");
    sled::damage(&log, |chunks| {
        chunks.retain(|key, _| key[..8] < batches[4].first().get().to_be_bytes()[..]);
    });
    assert!(refusal(directory.path()).contains("an older copy"), "{}", refusal(directory.path()));
    sled::damage(&log, |chunks| chunks.clear());
    assert!(refusal(directory.path()).contains("log is empty"), "{}", refusal(directory.path()));
    fs::remove_dir_all(&log).unwrap();
    assert!(refusal(directory.path()).contains("log is gone"), "{}", refusal(directory.path()));
}

/// Every chunk in turn: gone, altered, or in the place of its neighbour.
#[test]
fn only_a_torn_end_is_cut() {
    let directory = tempfile::tempdir().unwrap();
    let (world, batches) = store(directory.path());
    let log = directory.path().join("log");
    let mut whole = BTreeMap::new();
    sled::damage(&log, |chunks| whole = chunks.clone());
    assert!(whole.len() >= 9, "{} chunks", whole.len());
    let keys: Vec<Vec<u8>> = whole.keys().cloned().collect();
    for (index, key) in keys.iter().enumerate() {
        let neighbour = &whole[&keys[(index + 1) % keys.len()]];
        let mut altered = whole[key].clone();
        *altered.last_mut().unwrap() ^= 1;
        for chunk in [None, Some(altered), Some(neighbour.clone())] {
            let position = u64::from_be_bytes(*key.first_chunk().unwrap());
            sled::damage(&log, |chunks| {
                chunks.clone_from(&whole);
                match &chunk {
                    None => chunks.remove(key),
                    Some(chunk) => chunks.insert(key.clone(), chunk.clone()),
                };
            });
            let is_last = position == batches[4].first().get();
            match open_quietly(directory.path()) {
                Ok((opened, _)) => {
                    assert!(is_last, "{position} was opened");
                    let torn = opened.report.torn.clone().unwrap();
                    assert_eq!(torn.position.get(), position);
                    assert_eq!(opened.last_hash, batches[3].hash());
                    drop(opened);
                    // What was cut must not be taken for a loss; the test puts it back.
                    rewind_side_file(directory.path(), &batches[3]);
                }
                Err(error) => {
                    assert!(!is_last, "{error}");
                    let text = error.to_string();
                    let named = text.contains(&format!("position {position}:"));
                    assert!(named, "{position}: {text}");
                }
            }
        }
    }
    sled::damage(&log, |chunks| *chunks = whole);
    assert_eq!(open_quietly(directory.path()).unwrap().0.last_hash, world.hash);
}

fn rewind_side_file(directory: &Path, last: &Batch) {
    let mut side = crate::journal::sidefile::SideFile::read(directory).unwrap().unwrap();
    side.durable = Mark { position: last.last(), hash: last.hash() };
    side.write().unwrap();
}

#[test]
fn a_torn_batch_that_was_durable_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    store(directory.path());
    drop(open_quietly(directory.path()).unwrap());
    let log = directory.path().join("log");
    sled::damage(&log, |chunks| drop(chunks.pop_last()));
    assert!(refusal(directory.path()).contains("an older copy"), "{}", refusal(directory.path()));
}

#[test]
fn history_moves_into_segments_and_stays_whole() {
    let directory = tempfile::tempdir().unwrap();
    let (mut world, batches) = store(directory.path());
    for trim in [true, false] {
        let (opened, before) = open_quietly(directory.path()).unwrap();
        let sealed = seal(opened, 100, trim);
        assert!(sealed >= Some(batches[3].last()));
        let (mut opened, references) = open_quietly(directory.path()).unwrap();
        assert_eq!(opened.book, world.book);
        assert_eq!(references, before);
        for batch in &batches {
            let stored = opened.history.batch_at(batch.last()).unwrap().unwrap();
            assert_eq!(stored.bytes(), batch.bytes());
        }
        for number in 0..2 {
            let number = number + if trim { 1_000 } else { 2_000 };
            append(&mut opened, &world.batch([payment(number, 2)]));
        }
    }
    let report = verify(directory.path(), &mut |_| {}).unwrap();
    assert_eq!((report.records, report.postings), (171, 166));
    assert_eq!((report.references, report.users, report.accounts), (166, 2, 4));
    assert_eq!(report.hash, world.hash);
    assert!(report.segments >= 2, "{report:?}");
}

#[test]
fn copies_in_segment_and_log_must_agree() {
    let directory = tempfile::tempdir().unwrap();
    store(directory.path());
    let (opened, _) = open_quietly(directory.path()).unwrap();
    seal(opened, 100, false);
    let genesis_twice = {
        let mut world = World::new();
        world.time = Timestamp::EPOCH;
        world.begin(2)
    };
    let other = tempfile::tempdir().unwrap();
    let (mut journal, _) = sled::SledJournal::open(
        &other.path().join("log"),
        Arc::new(crate::journal::lock::Lock::acquire(other.path()).unwrap()),
    )
    .unwrap();
    journal.append(&genesis_twice[0]).unwrap();
    drop(journal);
    let mut chunk = BTreeMap::new();
    sled::damage(&other.path().join("log"), |chunks| chunk = chunks.clone());
    sled::damage(&directory.path().join("log"), |chunks| *chunks = chunk);
    let refused = refusal(directory.path());
    assert!(refused.contains("position 1:") && refused.contains("differ"), "{refused}");
}

#[test]
fn missing_segments_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    store(directory.path());
    seal(open_quietly(directory.path()).unwrap().0, 100, true);
    let history = directory.path().join("history");
    let mut segments: Vec<_> = fs::read_dir(&history).unwrap().map(|e| e.unwrap().path()).collect();
    segments.sort();
    for segment in &segments {
        let kept = fs::read(segment).unwrap();
        fs::remove_file(segment).unwrap();
        let refused = refusal(directory.path());
        assert!(refused.contains("is gone") || refused.contains("nothing is stored"), "{refused}");
        assert!(verify(directory.path(), &mut |_| {}).is_err());
        fs::write(segment, kept).unwrap();
    }
    verify(directory.path(), &mut |_| {}).unwrap();
}

#[test]
fn a_checkpoint_changes_only_the_time_a_start_takes() {
    let directory = tempfile::tempdir().unwrap();
    let (mut world, _) = store(directory.path());
    let (mut opened, _) = open_quietly(directory.path()).unwrap();
    let facts = every_fact_later(&mut world);
    append(&mut opened, &facts);
    let position = world.book.position.unwrap();
    let mark = Mark { position, hash: world.hash };
    let checkpoint = Checkpoint { mark, time: world.time, book: world.book.clone() };
    let next = world.batch([payment(5_001, 2)]);
    append(&mut opened, &next);
    let Opened { site, history, journal, .. } = opened;
    let sealer = Sealer::start(site, history, usize::MAX).unwrap();
    assert!(sealer.checkpoint(checkpoint.clone()));
    sealer.stop();
    drop(journal);

    let (with, references) = open_quietly(directory.path()).unwrap();
    assert_eq!(with.report.checkpoint, Some(position));
    assert_eq!((with.report.replayed, &with.book), (1, &world.book));
    drop(with);
    assert_eq!(verify(directory.path(), &mut |_| {}).unwrap().checkpoint, Some(position));
    let path = directory.path().join(format!("checkpoint-{:020}", position.get()));
    fs::remove_file(&path).unwrap();
    let (without, again) = open_quietly(directory.path()).unwrap();
    assert_eq!((without.report.checkpoint, &without.book), (None, &world.book));
    assert_eq!(references, again);
    drop(without);

    // One that tells another story is found by whoever proves the store.
    let mut book = checkpoint.book.clone();
    Arc::make_mut(book.users.get_mut(0).unwrap()).role = Role::Client;
    Checkpoint { book, ..checkpoint }.write(directory.path()).unwrap();
    let error = verify(directory.path(), &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("the checkpoint is not the book"), "{error}");
    // And one from behind the end proves that the end is missing.
    let mark = Mark { position: position.plus(9), hash: world.hash };
    Checkpoint { mark, ..checkpoint }.write(directory.path()).unwrap();
    assert!(refusal(directory.path()).contains("behind the end"));
}

/// Facts of every kind that does not name a position.
fn every_fact_later(world: &mut World) -> Batch {
    let pays_a_bill = |fact: &Fact| match fact {
        Fact::ChargeStarted(started) => started.purpose.bill().is_some(),
        _ => false,
    };
    let facts = every_fact();
    world.batch(facts.into_iter().filter(|fact| fact.subject().is_none() && !pays_a_bill(fact)))
}

#[test]
fn entries_that_do_not_follow_from_those_before_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let (world, _) = store(directory.path());
    let (mut opened, _) = open_quietly(directory.path()).unwrap();
    let position = world.book.next();
    let event = Event { at: world.time, fact: payment(7_000, 2) };
    let mut links = world.book.clone().apply(position, &event);
    links[0].balance_after = links[0].balance_after.plus(super::amount(1));
    let mut builder = BatchBuilder::new(position, world.time, world.hash);
    builder.push(&event, &links);
    opened.journal.append(&builder.finish()).unwrap();
    drop(opened);
    for error in [
        open_quietly(directory.path()).map(|_| ()).unwrap_err(),
        verify(directory.path(), &mut |_| {}).unwrap_err(),
    ] {
        let expected =
            matches!(&error, Error::Broken { position: at, flaw: Flaw::Links } if *at == position);
        assert!(expected, "{error}");
    }
}

#[test]
fn a_reference_used_twice_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let (mut world, _) = store(directory.path());
    let (mut opened, _) = open_quietly(directory.path()).unwrap();
    let again = world.batch([payment(0, 2)]);
    append(&mut opened, &again);
    drop(opened);
    let error = verify(directory.path(), &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("position 168:") && error.contains("reference"), "{error}");
}

/// Whatever the crash left is a prefix of what was appended, in the log and in memory alike.
#[test]
fn a_journal_cut_anywhere_is_a_prefix() {
    let directory = tempfile::tempdir().unwrap();
    let (_, batches) = store(directory.path());
    let log = directory.path().join("log");
    for kept in (1..batches.len()).rev() {
        let next = batches[kept].first().get().to_be_bytes();
        sled::damage(&log, |chunks| chunks.retain(|key, _| key[..8] < next[..]));
        rewind_side_file(directory.path(), &batches[0]);
        let (opened, references) = open_quietly(directory.path()).unwrap();
        assert_eq!((opened.last_hash, &opened.report.torn), (batches[kept - 1].hash(), &None));

        let mut memory = MemoryJournal::new();
        batches[..kept].iter().for_each(|batch| memory.append(batch).unwrap());
        memory.fail_append(0, Fault::Torn(100));
        memory.append(&batches[kept]).unwrap_err();
        let mut again = References::new();
        let mut tell =
            |fingerprint, position| assert!(again.entry(position).or_default().insert(fingerprint));
        let restarted = memory.restart(Timestamp::EPOCH, &mut tell).unwrap();
        assert_eq!((restarted.book, restarted.last_hash), (opened.book, opened.last_hash));
        assert_eq!(again, references);
    }
}

/// A disk that refuses a segment costs space, nothing else.
#[test]
fn what_cannot_be_sealed_stays_in_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let (world, _) = store(directory.path());
    let (Opened { history, site, journal, .. }, _) = open_quietly(directory.path()).unwrap();
    let segments = directory.path().join("history");
    fs::remove_dir(&segments).unwrap();
    fs::write(&segments, "in the way").unwrap();
    let sealer = Sealer::start(site, history.clone(), 100).unwrap();
    while sealer.trouble().is_none() {
        std::thread::yield_now();
    }
    assert_eq!(sealer.sealed_through(), None);
    assert!(history.record(world.book.position.unwrap()).unwrap().is_some());
    sealer.stop();
    drop(journal);
    fs::remove_file(&segments).unwrap();
    let (opened, _) = open_quietly(directory.path()).unwrap();
    assert_eq!(opened.book, world.book);
    assert!(seal(opened, 100, true).is_some());
}

/// The crash came after the segment was durable and before the side file knew of it.
#[test]
fn a_segment_that_nobody_was_told_of_is_adopted() {
    let directory = tempfile::tempdir().unwrap();
    let (world, _) = store(directory.path());
    let (opened, before) = open_quietly(directory.path()).unwrap();
    let mut side = crate::journal::sidefile::SideFile::read(directory.path()).unwrap().unwrap();
    let sealed = seal(opened, 100, false);
    side.write().unwrap();
    let unfinished = directory.path().join("history").join("00000000000000000099.tmp");
    fs::write(&unfinished, "half a segment").unwrap();
    let (opened, references) = open_quietly(directory.path()).unwrap();
    assert!(!unfinished.exists());
    assert_eq!((opened.book, references), (world.book, before));
    assert_eq!(opened.site.side.sealed.map(|mark| mark.position), sealed);
}

/// A flipped byte in a sealed block: the position is named, and nothing is served from it.
#[test]
fn rot_in_sealed_history_is_named() {
    let directory = tempfile::tempdir().unwrap();
    store(directory.path());
    seal(open_quietly(directory.path()).unwrap().0, 100, true);
    let segments = fs::read_dir(directory.path().join("history")).unwrap();
    for path in segments.map(|entry| entry.unwrap().path()) {
        let whole = fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        flipped[100] ^= 1;
        fs::write(&path, flipped).unwrap();
        let first: u64 = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        let error = verify(directory.path(), &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains(&format!("position {first}:")), "{error}");
        assert_eq!(refusal(directory.path()), error);
        fs::write(&path, whole).unwrap();
    }
    verify(directory.path(), &mut |_| {}).unwrap();
}
