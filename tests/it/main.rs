//! The one integration-test binary: what holds across modules.
//!
//! Tests of one file stand beside it in `src`. Here stands what needs several rooms together, what
//! judges them by a second opinion, and the gateway from outside: its routes, its walls, its process
//! and its shape. Every [`support::TestGateway`] checks the books when it is dropped, so every test
//! of a route is a test of the invariants too.
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is a failed test")]
#![expect(clippy::print_stdout, reason = "a failing test says how to run it again")]

/// Requests to a gateway in process, and what their answers hold.
mod ask;
/// Concurrent clients on real threads, judged afterwards by the order of positions.
mod bank;
/// A bank service, in front of a bank that says what it is told to.
mod bank_service;
/// Charges from the request to the provider's books and back.
mod charges;
/// The judge: a journal and what clients saw, against a model.
mod check;
/// A small HTTP client over a socket.
mod client;
/// Requests that go out: what may be concluded when they go wrong.
mod connector;
/// No package with a known hole.
mod dependencies;
/// The store on a real file system: power cut, disk full. Needs root; says so otherwise.
mod disk;
/// The OpenAPI document, against which every answer is held.
mod document;
mod edr;
/// Merchants of the gateway: their rows, their API, what they are told.
mod merchants;
/// The merchant API and the simulated provider, which are the same code.
mod midtrans;
/// The second opinion: the rules once more, in signed integers and maps.
mod model;
/// What could not run here, said where it is seen.
mod not_run;
/// Payouts: what was promised against what banks did.
mod payouts;
mod phones;
/// The real binary, killed and stopped.
mod process;
/// Numbers from a seed.
mod random;
/// Partners, routes and clients through the whole gateway.
mod registry;
/// Every route, in process.
mod routes;
/// The rules as tables: commands and what becomes of them.
mod scripts;
/// Who may do what, tokens, secrets.
mod security;
/// The walls between the rooms, and sizes.
mod shape;
/// A simulated bank over HTTP: what it turns away, its faults, and connections cut at every byte.
mod simulated_bank;
/// Random commands, crashes and faults from a seed.
mod simulation;
/// A gateway in process that checks its books when dropped.
mod support;
/// Users are told of what happens, at addresses they registered.
mod webhooks;
/// A small world to test in: accounts, users, policies, and a first batch.
mod world;
