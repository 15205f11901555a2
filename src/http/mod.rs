//! The HTTP edge: sockets in, requests out, answers back.
//!
//! ```text
//!  TcpListener           one connection                               one request
//!  server ──accept──▶ connection ──▶ [tls] ──▶ guard ──▶ hyper ──▶ exchange ──▶ Service::call
//!   cap, rest,         which           deadlines,  │                 host, framing,     │
//!   drain              protocol        strict head │                 body, panics       │
//!                                      and framing ▼                                    ▼
//!                                      head, chunks                  request ──▶ Result<Reply, ApiError>
//!                                      (the grammar)                 json, amount       problem
//! ```
//!
//! It knows nothing of payments: no routes, no identity, no limits per user.
//! Those belong to whoever implements [`server::Service`].

// A listener.
pub mod server;
pub mod tls;

// A connection.
mod chunks;
mod connection;
mod crowd;
mod frames;
mod guard;
mod head;
mod link;
mod pace;

// A request and its answer.
pub mod amount;
pub mod api;
mod exchange;
pub mod json;
pub mod merchant;
pub mod midtrans;
pub mod openapi;
pub mod page;
pub mod problem;
pub mod proxy;
pub mod reply;
pub mod request;
pub mod websocket;

/// The grammar of heads, for `fuzz/` to hold against hyper's.
#[cfg(fuzzing)]
pub mod fuzzing {
    /// How long a head is that passes, and the length of its body; `None` for one in chunks.
    pub fn head(bytes: &[u8]) -> Option<(usize, Option<u64>)> {
        let head = super::head::read(bytes).ok()??;
        let length = match head.body {
            super::head::Framing::Length(length) => Some(length),
            super::head::Framing::Chunked => None,
        };
        Some((head.len, length))
    }
}

#[cfg(test)]
mod tests;
