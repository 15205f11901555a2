//! Requests that go out, over real sockets: what may be concluded when they go wrong.

/// A connection cut at every byte.
mod cuts;
/// The client of one host: what was sent for certain, deadlines, kept connections.
mod http;
/// The same on the way to the provider.
mod midtrans_cuts;
/// One-time codes on their way: what a mail server and a service are told.
mod senders;
/// Certificates: whom we believe, and who we say we are.
mod tls;
/// A proxy that cuts, and a server that says what it received.
pub(crate) mod wire;
