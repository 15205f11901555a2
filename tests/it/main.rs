//! The one integration-test binary: what holds across modules.
//!
//! Tests of one file stand beside it in `src`; here stands what needs the ledger, the engine and a
//! journal together, or what judges them by a second opinion.
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is a failed test")]
#![expect(clippy::print_stdout, reason = "a test that cannot run here says so")]

/// Concurrent clients on real threads, judged afterwards by the order of positions.
mod bank;
/// The judge: a journal and what clients saw, against a model.
mod check;
/// No package with a known hole.
mod dependencies;
/// The store on a real file system: power cut, disk full. Needs root; says so otherwise.
mod disk;
/// The second opinion: the rules once more, in signed integers and maps.
mod model;
/// Numbers from a seed.
mod random;
/// The rules as tables: commands and what becomes of them.
mod scripts;
/// Random commands, crashes and faults from a seed.
mod simulation;
/// A small world to test in: accounts, users, policies, and a first batch.
mod world;
