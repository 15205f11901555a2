//! What leaves the house: the lines of an export, to the byte.
//!
//! `UPDATE_GOLDEN=1 cargo test --lib journal` writes the expected lines anew; read the difference.

use super::{World, every_fact};
use crate::journal::History;
use crate::journal::export::{csv, ndjson};
use crate::ledger::id::Position;

fn sample() -> History {
    let mut world = World::new();
    let history = History::new();
    world.begin(2).into_iter().for_each(|batch| history.push(batch));
    history.push(world.batch(every_fact()));
    history
}

/// Writes what is expected anew, if somebody asked for it.
fn update(file: &str, text: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/journal/tests/");
        std::fs::write(format!("{path}{file}"), text).unwrap();
    }
}

/// The order of fields within an object means nothing.
fn parsed(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn csv_has_a_line_per_posting() {
    let mut out = Vec::new();
    let lines = csv(&sample(), Position::new(8).unwrap(), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    update("export.csv", &text);
    assert_eq!(lines, 14);
    assert_eq!(text, include_str!("export.csv"));
}

#[test]
fn ndjson_has_a_line_per_record() {
    let mut out = Vec::new();
    let lines = ndjson(&sample(), Position::FIRST, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    update("export.ndjson", &text);
    assert_eq!(lines, 60);
    assert_eq!(parsed(&text), parsed(include_str!("export.ndjson")));
    assert!(!text.contains("never"), "credentials stay in the house");
}

#[test]
fn an_export_may_begin_anywhere() {
    let mut out = Vec::new();
    assert_eq!(ndjson(&sample(), Position::new(60).unwrap(), &mut out).unwrap(), 1);
    assert_eq!(ndjson(&sample(), Position::new(61).unwrap(), &mut out).unwrap(), 0);
    let text = String::from_utf8(out).unwrap();
    assert_eq!(parsed(include_str!("export.ndjson")).last(), parsed(&text).last());
}
