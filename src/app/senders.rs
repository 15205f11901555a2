//! The sender of one-time codes that the configuration names.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use super::Error;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::connector::sender::Sender;
use crate::connector::sender::console::Console;
use crate::connector::sender::smtp::{self, Smtp};
use crate::connector::sender::webhook::Webhook;
use crate::connector::{tls, webhook};
use crate::identity::private_file;
use crate::identity::secret::Secret;
use crate::outbound::{self, Guard, Url};

/// What sends one-time codes, if anything is to.
///
/// # Errors
/// A file that is missing or exposed, or settings that make no sense.
pub(super) fn sender(config: &Config, clock: &Clock) -> Result<Option<Arc<dyn Sender>>, Error> {
    Ok(Some(match &config.codes.sender {
        config::Sender::None => return Ok(None),
        config::Sender::Console => Arc::new(Console),
        config::Sender::Smtp(it) => Arc::new(by_mail(it)?),
        config::Sender::Webhook(it) => Arc::new(to_service(config, it, clock)?),
    }))
}

fn by_mail(it: &config::Smtp) -> Result<Smtp, Error> {
    let login = match &it.login {
        Some((user, file)) => Some((user.clone(), secret("codes.smtp_password_file", file)?)),
        None => None,
    };
    let (host, from) = (it.host.clone(), it.from.clone());
    let roots = it.roots.as_ref().map(std::fs::read).transpose();
    let roots = roots.map_err(|error| wrong("codes.smtp_root_certificates", error))?;
    let settings = smtp::Settings { host, port: it.port, tls: it.tls, from, login, roots };
    Smtp::new(settings).map_err(|error| wrong("codes.smtp", error))
}

fn to_service(config: &Config, it: &config::Webhook, clock: &Clock) -> Result<Webhook, Error> {
    let parse = if config.callbacks.http { Url::parse } else { Url::parse_secure };
    let url = parse(&it.url).map_err(|error| wrong("codes.webhook_url", error))?;
    let key = webhook::Key::parse(secret("codes.webhook_secret_file", &it.secret_file)?.expose());
    let key = key.map_err(|error| wrong("codes.webhook_secret_file", error))?;
    let private = config.callbacks.private.clone();
    let allowed = move |address: IpAddr| private.iter().any(|range| range.contains(address));
    let resolve = Arc::new(Guard::new(Arc::new(outbound::System), Arc::new(allowed)));
    let settings = tls::Settings { oldest: tls::Oldest::Tls12, roots: None, client: None };
    let tls = url.secure.then(|| tls::load(&settings)).transpose();
    let tls = tls.map_err(|error| wrong("codes.webhook_url", error))?;
    Ok(Webhook::new(url, key, resolve, tls, clock.clone()))
}

/// What is in a file for its owner only, without the end of its line.
fn secret(key: &'static str, path: &Path) -> Result<Secret<String>, Error> {
    let missing = || wrong(key, format!("{} is missing", path.display()));
    let bytes = private_file::read(path).map_err(|error| wrong(key, error))?.ok_or_else(missing)?;
    let text = std::str::from_utf8(&bytes);
    let text = text.map_err(|_| wrong(key, format!("{} is not text", path.display())))?;
    Ok(Secret::new(text.trim_end().to_owned()))
}

fn wrong(key: &'static str, message: impl ToString) -> Error {
    Error::Sender { key, message: message.to_string() }
}
