//! Codes by e-mail, through the operator's mail server.
//!
//! TLS is not optional, except to this machine: a mail server that offers none is refused before
//! anything is said to it. Each message has a connection of its own; they are few.
//!
//! What a server answers is not repeated: it may quote the message that it refuses. The timeout here
//! is that of the connection; the whole is timed by the outbox.

use std::net::IpAddr;

use lettre::message::{Mailbox, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::{self, client};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message as Mail, Tokio1Executor};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::{Message, NotSent, Sender, Sending};
use crate::identity::secret::Secret;
use crate::limits::SEND_TIMEOUT;

/// The same for everybody: what it is for stands in the text, where nobody looks over a shoulder.
const SUBJECT: &str = "Your one-time code";

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// How TLS begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tls {
    /// At once, as on port 465.
    Implicit,
    /// After `STARTTLS`, as on port 587.
    StartTls,
    /// Not at all: to this machine only.
    None,
}

/// Where a mail server is, and what it wants.
pub struct Settings {
    /// Its name, which its certificate has to bear.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How TLS begins.
    pub tls: Tls,
    /// The address that messages come from, perhaps with a name.
    pub from: String,
    /// What it is logged in with.
    pub login: Option<(String, Secret<String>)>,
    /// PEM: whose certificates are believed, in place of the system's.
    pub roots: Option<Vec<u8>>,
}

/// Sends each message as an e-mail.
pub struct Smtp {
    transport: Transport,
    from: Mailbox,
}

impl Smtp {
    /// A sender through this server. It is not asked yet.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let Settings { host, port, tls, from, login, roots } = settings;
        let tls = match tls {
            Tls::Implicit => client::Tls::Wrapper(trust(&host, roots.as_deref())?),
            Tls::StartTls => client::Tls::Required(trust(&host, roots.as_deref())?),
            Tls::None if is_this_machine(&host) => client::Tls::None,
            Tls::None => return Err(format!("{host} is not this machine: it needs TLS")),
        };
        // What is dangerous about it is that it has no TLS of its own.
        let builder = Transport::builder_dangerous(&host).tls(tls);
        let mut builder = builder.port(port).timeout(Some(SEND_TIMEOUT));
        if let Some((user, password)) = login {
            builder = builder.credentials(Credentials::new(user, password.expose().clone()));
        }
        let from = from.parse().map_err(|_| format!("{from:?} is no address"))?;
        Ok(Self { transport: builder.build(), from })
    }

    async fn mail(&self, message: &Message) -> Result<(), String> {
        let address = message.email.parse().map_err(|_| "the user's address is none".to_owned())?;
        // A copy of the digits in here lives as long as the mail.
        let mail = Mail::builder()
            .from(self.from.clone())
            // Without the name, which its owner chose: no header holds a word of anybody's.
            .to(Mailbox::new(None, address))
            .subject(SUBJECT)
            .singlepart(SinglePart::plain(message.text().expose().clone()))
            .map_err(|error| error.to_string())?;
        self.transport.send(mail).await.map(drop).map_err(|error| said(&error))
    }
}

/// Whose word is taken for it that a server is `host`.
fn trust(host: &str, roots: Option<&[u8]>) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(pem) = roots {
        builder = builder.certificate_store(CertificateStore::None);
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let found = found.map_err(|error| format!("the root certificates: {error}"))?;
        if found.is_empty() {
            return Err("the root certificates: there are none".to_owned());
        }
        for root in found {
            let root = Certificate::from_der(root.to_vec()).map_err(|error| error.to_string())?;
            builder = builder.add_root_certificate(root);
        }
    }
    builder.build().map_err(|error| error.to_string())
}

/// What went wrong, without a word of the server's.
fn said(error: &smtp::Error) -> String {
    match error.status() {
        Some(code) => format!("the mail server answered {code}"),
        None if error.is_timeout() => "the mail server took too long".to_owned(),
        None if error.is_tls() => "no TLS with the mail server".to_owned(),
        None if error.is_client() => "the mail server does not offer what is needed".to_owned(),
        None if error.is_response() => "the mail server does not speak SMTP".to_owned(),
        None => "no connection to the mail server".to_owned(),
    }
}

/// Whether what is said to `host` leaves this machine.
fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Sender for Smtp {
    fn channel(&self) -> &'static str {
        "email"
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(async { self.mail(message).await.map_err(NotSent) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_tls_to_this_machine_only() {
        let new = |host: &str, tls, from: &str| {
            let (host, from) = (host.to_owned(), from.to_owned());
            let settings = Settings { host, port: 25, tls, from, login: None, roots: None };
            Smtp::new(settings).map(drop)
        };
        for host in ["localhost", "127.0.0.1", "::1"] {
            assert_eq!(new(host, Tls::None, "kode@contoh.id"), Ok(()), "{host}");
        }
        for host in ["mail.contoh.id", "10.0.0.1", "localhost.contoh.id"] {
            assert!(new(host, Tls::None, "kode@contoh.id").is_err(), "{host}");
            assert_eq!(new(host, Tls::StartTls, "Gerbang <kode@contoh.id>"), Ok(()), "{host}");
            assert_eq!(new(host, Tls::Implicit, "kode@contoh.id"), Ok(()), "{host}");
        }
        assert!(new("localhost", Tls::None, "nobody").is_err());
    }

    #[test]
    fn roots_that_are_none_end_the_start() {
        for pem in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n"] {
            assert!(trust("mail.contoh.id", Some(pem.as_bytes())).is_err(), "{pem}");
        }
    }
}
