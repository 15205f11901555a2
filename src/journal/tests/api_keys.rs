//! Keys of applications in the journal: their bytes, their lines in an export, their way through a
//! checkpoint.

use super::World;
use crate::journal::Batch;
use crate::journal::History;
use crate::journal::checkpoint::Checkpoint;
use crate::journal::export::ndjson;
use crate::journal::sidefile::Mark;
use crate::ledger::api_key::{KeyId, Scope};
use crate::ledger::event::Fact;
use crate::ledger::id::{Principal, UserId};
use crate::ledger::registry::tests::api_key;
use crate::ledger::registry::{RegistryChange, RegistryChanged};
use crate::ledger::time::Timestamp;

const EVERY_CHANGE: &str = "9506d373e5e184c9ebd6f1e7bddd8489faee5ef805974f6552b9f718446b1e8e";

fn every_change() -> Vec<Fact> {
    let used = Timestamp::from_seconds(1_790_003_600);
    let mut full = api_key(2, 1);
    full.scopes = Scope::ALL.into_iter().collect();
    full.codes_exempt = true;
    full.expires = Some(Timestamp::from_seconds(1_900_000_000));
    let changes = [
        RegistryChange::ApiKeySet(Box::new(api_key(1, 0))),
        RegistryChange::ApiKeySet(Box::new(full)),
        RegistryChange::ApiKeyUsed(KeyId([2; 8]), used),
        RegistryChange::ApiKeyRemoved(KeyId([1; 8])),
        RegistryChange::ApiKeyUsed(KeyId([1; 8]), used),
    ];
    let by = Principal::User(UserId(0));
    changes.map(|change| Fact::RegistryChanged(Box::new(RegistryChanged { by, change }))).into()
}

fn sample() -> (World, Vec<Batch>) {
    let mut world = World::new();
    let mut batches = world.begin(2);
    batches.push(world.batch(every_change()));
    (world, batches)
}

#[test]
fn every_change_has_the_bytes_it_always_had() {
    let (_, batches) = sample();
    let batch = batches.last().unwrap();
    assert_eq!(batch.hash().to_string(), EVERY_CHANGE);
    let facts: Vec<Fact> = batch.records().map(|record| record.unwrap().event.fact).collect();
    assert_eq!(facts, every_change());
}

#[test]
fn an_export_shows_all_but_the_hash() {
    let (_, batches) = sample();
    let first = batches.last().unwrap().first();
    let history = History::new();
    batches.into_iter().for_each(|batch| history.push(batch));
    let mut out = Vec::new();
    assert_eq!(ndjson(&history, first, &mut out).unwrap(), 5);
    let text = String::from_utf8(out).unwrap();
    let has = |part: &str| assert!(text.contains(part), "{part}: {text}");
    has("\"change\":\"api_key_set\"");
    has("\"id\":\"0202020202020202\"");
    has("\"scopes\":[\"read\",\"charge\",\"payout\",\"batch\"]");
    has("\"change\":\"api_key_used\"");
    has("\"change\":\"api_key_removed\"");
    let fields =
        ["id", "owner", "name", "scopes", "codes_exempt", "created", "expires", "last_used"];
    let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let row = line.pointer("/row").or_else(|| line.pointer("/fact/row")).unwrap();
    let mut shown: Vec<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
    shown.sort_unstable();
    let mut fields = fields.to_vec();
    fields.sort_unstable();
    assert_eq!(shown, fields);
}

#[test]
fn a_checkpoint_holds_those_that_are_left_with_their_last_use() {
    let directory = tempfile::tempdir().unwrap();
    let (world, _) = sample();
    let used = Some(Timestamp::from_seconds(1_790_003_600));
    let left: Vec<_> = world.book.registry.api_keys.values().map(|key| key.last_used).collect();
    assert_eq!(left, [used]);
    let mark = Mark { position: world.book.position.unwrap(), hash: world.hash };
    let checkpoint = Checkpoint { mark, time: world.time, book: world.book };
    checkpoint.write(directory.path()).unwrap();
    assert_eq!(Checkpoint::newest(directory.path()).unwrap(), Some(checkpoint));
}
