//! Where this process may connect when somebody else chose the address.
//!
//! A callback URL is text from outside. It is read strictly into a [`Url`], its host is resolved
//! once, every address is checked, and the connection goes to one of the addresses that were
//! checked: nothing is looked up a second time, so a name cannot mean one host to the check and
//! another to the connection.
//!
//! # Invariants
//!
//! - A host has one reading: a name of letters, digits and hyphens whose last label is no number,
//!   an IPv4 address of four plain decimal numbers, or an IPv6 address in brackets. Every other
//!   spelling of an address (`127.1`, `0x7f.1`, `2130706433`) is refused, not interpreted.
//! - Behind a [`Guard`] every address of a host is public or explicitly allowed, or the host is
//!   refused as a whole.
//!
//! It opens no connection and follows no redirect; `connector::http` does the former.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use hyper::Uri;

use crate::limits::URL_MAX;

/// A URL to connect to: `http` or `https`, no user, no fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    /// Whether it is `https`.
    pub secure: bool,
    /// The host, in its one reading.
    pub host: Host,
    /// The port; that of the scheme if none was given.
    pub port: u16,
    /// Path and query, beginning with a slash.
    pub target: String,
}

/// A host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Host {
    /// A name, in lower case.
    Name(String),
    /// An address, given as such.
    Address(IpAddr),
}

/// Why a text is no URL to connect to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotAUrl {
    /// It does not follow the grammar, or holds what may be read in two ways.
    #[error("must be a plain URL like https://example.com/path")]
    Malformed,
    /// The scheme is neither `http` nor `https`.
    #[error("must begin with https://")]
    Scheme,
    /// There is a user or a password in it.
    #[error("must hold no user and no password")]
    UserInfo,
    /// The host is neither a name nor an address as they are usually written.
    #[error("must name its host as a domain name or a plain address")]
    Host,
    /// It is longer than `URL_MAX`.
    #[error("is too long")]
    TooLong,
}

impl Url {
    /// Reads a URL.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, NotAUrl> {
        if text.len() > URL_MAX {
            return Err(NotAUrl::TooLong);
        }
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#' | b'"');
        if !text.bytes().all(plain) {
            return Err(NotAUrl::Malformed);
        }
        let (scheme, rest) = text.split_once("://").ok_or(NotAUrl::Malformed)?;
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(NotAUrl::Scheme),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.contains('@') {
            return Err(NotAUrl::UserInfo);
        }
        let (host, port) = host_and_port(authority)?;
        let port = match port {
            None if secure => 443,
            None => 80,
            Some(port) => parse_port(port).ok_or(NotAUrl::Malformed)?,
        };
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        // The second opinion is the parser that will write it into a request.
        target.parse::<Uri>().map_err(|_| NotAUrl::Malformed)?;
        Ok(Self { secure, host, port, target })
    }

    /// Reads a URL that must be `https`, as a callback's must where nothing else is configured.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse_secure(text: &str) -> Result<Self, NotAUrl> {
        Self::parse(text).and_then(|url| if url.secure { Ok(url) } else { Err(NotAUrl::Scheme) })
    }

    /// As it stands in a `Host` header: without the port if it is that of the scheme.
    pub fn authority(&self) -> String {
        let usual = if self.secure { 443 } else { 80 };
        if self.port == usual {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// Without the target, which may hold what only the receiver should know.
impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

fn host_and_port(authority: &str) -> Result<(Host, Option<&str>), NotAUrl> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, rest) = rest.split_once(']').ok_or(NotAUrl::Host)?;
        let address: Ipv6Addr = address.parse().map_err(|_| NotAUrl::Host)?;
        let port = match rest {
            "" => None,
            _ => Some(rest.strip_prefix(':').ok_or(NotAUrl::Malformed)?),
        };
        return Ok((Host::Address(IpAddr::V6(address)), port));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    Ok((parse_host(host).ok_or(NotAUrl::Host)?, port))
}

fn parse_host(text: &str) -> Option<Host> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.is_empty() || text.len() > 253 || !text.split('.').all(label) {
        return None;
    }
    // What ends in a number is an address to every reader (WHATWG URL, "ends in a number"), so it
    // must be one in the only spelling that all of them read alike.
    let last = text.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.len() >= 2 && last.as_bytes()[..2].eq_ignore_ascii_case(b"0x");
    if hexadecimal || last.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse::<Ipv4Addr>().ok().map(|address| Host::Address(IpAddr::V4(address)));
    }
    Some(Host::Name(text.to_ascii_lowercase()))
}

fn parse_port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

/// Why there is no address to connect to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unresolved {
    /// Nobody knows the name, or nobody could be asked.
    #[error("the host name was not resolved")]
    NotFound,
    /// It leads where a URL from outside may not lead.
    #[error("the address is not a public one")]
    Forbidden,
}

/// The addresses of a host, as a future.
pub type Resolving<'a> =
    Pin<Box<dyn Future<Output = Result<Vec<SocketAddr>, Unresolved>> + Send + 'a>>;

/// What turns a host into addresses: asked once for each connection.
pub trait Resolve: Send + Sync + 'static {
    /// The addresses to try, in order; at least one.
    fn resolve<'a>(&'a self, host: &'a Host, port: u16) -> Resolving<'a>;
}

/// The system's resolver: for hosts that an operator configured.
#[derive(Clone, Copy, Debug)]
pub struct System;

impl Resolve for System {
    fn resolve<'a>(&'a self, host: &'a Host, port: u16) -> Resolving<'a> {
        Box::pin(async move {
            let name = match host {
                Host::Address(address) => return Ok(vec![SocketAddr::new(*address, port)]),
                Host::Name(name) => name.as_str(),
            };
            let found: io::Result<Vec<SocketAddr>> =
                tokio::net::lookup_host((name, port)).await.map(Iterator::collect);
            found.ok().filter(|found| !found.is_empty()).ok_or(Unresolved::NotFound)
        })
    }
}

/// Addresses that are allowed though they are not public.
pub type Allowed = dyn Fn(IpAddr) -> bool + Send + Sync;

/// A resolver for hosts that somebody else chose.
#[derive(Clone)]
pub struct Guard {
    inner: Arc<dyn Resolve>,
    allowed: Arc<Allowed>,
}

impl Guard {
    /// Checks what `inner` finds: every address must be public, or `allowed` by configuration.
    pub fn new(inner: Arc<dyn Resolve>, allowed: Arc<Allowed>) -> Self {
        Self { inner, allowed }
    }
}

impl Resolve for Guard {
    fn resolve<'a>(&'a self, host: &'a Host, port: u16) -> Resolving<'a> {
        Box::pin(async move {
            let found = self.inner.resolve(host, port).await?;
            // One private address among public ones is an attempt, not an accident.
            let fit =
                |address: &SocketAddr| is_public(address.ip()) || (self.allowed)(address.ip());
            if found.iter().all(fit) { Ok(found) } else { Err(Unresolved::Forbidden) }
        })
    }
}

/// Whether an address belongs to the public internet (IANA special-purpose registries).
///
/// Forms of IPv6 that carry an IPv4 address (mapped, NAT64, 6to4, Teredo) are not: where they
/// lead is decided by a translator that we do not see.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    const SPECIAL: [([u8; 4], u32); 15] = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 0, 0, 0], 24),
        ([192, 0, 2, 0], 24),
        ([192, 88, 99, 0], 24),
        ([192, 168, 0, 0], 16),
        ([198, 18, 0, 0], 15),
        ([198, 51, 100, 0], 24),
        ([203, 0, 113, 0], 24),
        ([224, 0, 0, 0], 4),
        ([240, 0, 0, 0], 4),
    ];
    let bits = address.to_bits();
    let within = |(base, prefix): ([u8; 4], u32)| {
        bits >> (32 - prefix) == u32::from_be_bytes(base) >> (32 - prefix)
    };
    !SPECIAL.into_iter().any(within)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Within 2000::/3, the only range given out: protocol assignments (Teredo and ORCHID among
    // them), documentation, 6to4, documentation again.
    const SPECIAL: [([u16; 2], u32); 4] =
        [([0x2001, 0], 23), ([0x2001, 0xdb8], 32), ([0x2002, 0], 16), ([0x3fff, 0], 20)];
    let [first, second, ..] = address.segments();
    let bits = u32::from(first) << 16 | u32::from(second);
    let within = |([first, second], prefix): ([u16; 2], u32)| {
        let base = u32::from(first) << 16 | u32::from(second);
        bits >> (32 - prefix) == base >> (32 - prefix)
    };
    first >> 13 == 0b001 && !SPECIAL.into_iter().any(within)
}

#[cfg(test)]
mod tests;
