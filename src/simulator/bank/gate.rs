//! The door of a simulated bank: tokens, signatures, timestamps, and external ids that are new.

use std::collections::HashSet;

use hyper::header::HeaderName;
use jiff::civil::Date;
use serde_json::json;

use super::Options;
use super::answer::Answer;
use crate::connector::snap::code::Service;
use crate::connector::snap::fields::{Fields, Names};
use crate::connector::snap::sign::{self, Message};
use crate::http::request::Request;
use crate::identity::secret::Secret;
use crate::ledger::time::{BOOK_OFFSET_SECONDS, Timestamp};
use crate::limits;

/// What the door remembers.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// External ids of one day in Jakarta.
    seen: (Date, HashSet<String>),
    /// Tokens that ended before their time.
    revoked: HashSet<String>,
    /// Tokens given out since the start.
    given: u64,
}

impl Gate {
    /// Remembers an external id that was used before a restart.
    pub(super) fn remember(&mut self, external_id: &str, at: Timestamp) {
        self.is_new(external_id, at);
    }

    /// Gives a token to a client that signs for it.
    pub(super) fn token(&mut self, options: &Options, request: &Request, now: Timestamp) -> Answer {
        self.grant(options, request, now).unwrap_or_else(|answer| answer)
    }

    fn grant(
        &mut self,
        options: &Options,
        request: &Request,
        now: Timestamp,
    ) -> Result<Answer, Answer> {
        let service = Service::Token;
        let timestamp = header(request, service, "X-TIMESTAMP")?;
        let client = header(request, service, "X-CLIENT-KEY")?;
        let signature = header(request, service, "X-SIGNATURE")?;
        check_time(service, timestamp, now)?;
        if client != options.client_id {
            return Err(Answer::unauthorized(service, "Unknown client"));
        }
        if !options.client_key.verify(&sign::token_text(client, timestamp), signature) {
            return Err(Answer::unauthorized(service, "Signature"));
        }
        let fields = Fields::parse(request.body(), Names::Exact)
            .ok_or_else(|| Answer::case(service, (400, "00"), "Bad Request"))?;
        match fields.text("grantType") {
            None => return Err(Answer::missing(service, "grantType")),
            Some("client_credentials") => {}
            Some(_) => return Err(Answer::malformed(service, "grantType")),
        }
        self.given += 1;
        let expires = now.plus_seconds(limits::SNAP_TOKEN_SECONDS).seconds();
        let claim = format!("{expires}.{}.{}", now.micros(), self.given);
        let token = format!("{claim}.{}", sign::sign_symmetric(&token_key(options), &claim));
        let granted = json!({
            "accessToken": token,
            "tokenType": "Bearer",
            "expiresIn": limits::SNAP_TOKEN_SECONDS.to_string(),
        });
        Ok(Answer::done(options.dialect, service, granted))
    }

    /// Ends a token before its time.
    pub(super) fn revoke(&mut self, token: &str) {
        self.revoked.insert(token.to_owned());
    }

    /// Lets a signed request in and returns its external id; else what it is answered.
    pub(super) fn admit(
        &mut self,
        options: &Options,
        service: Service,
        request: &Request,
        now: Timestamp,
    ) -> Result<String, Answer> {
        let timestamp = header(request, service, "X-TIMESTAMP")?;
        let signature = header(request, service, "X-SIGNATURE")?;
        let partner_id = header(request, service, "X-PARTNER-ID")?;
        let external_id = header(request, service, "X-EXTERNAL-ID")?;
        let channel_id = header(request, service, "CHANNEL-ID")?;
        let token = match request.bearer() {
            Ok(Some(token)) => token,
            Ok(None) => return Err(Answer::missing(service, "Authorization")),
            Err(_) => return Err(Answer::malformed(service, "Authorization")),
        };
        if !self.is_living(options, token, now) {
            return Err(Answer::case(service, (401, "01"), "Invalid Token (B2B)"));
        }
        check_time(service, timestamp, now)?;
        let path = request.uri().path_and_query().map_or("", |path| path.as_str());
        let message =
            Message { method: request.method().as_str(), path, body: request.body(), timestamp };
        let text = message.symmetric(token);
        if !sign::verify_symmetric(&options.client_secret, &text, signature) {
            return Err(Answer::unauthorized(service, "Signature"));
        }
        if partner_id != options.partner_id {
            return Err(Answer::unauthorized(service, "Unknown client"));
        }
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !options.dialect.channel_id.contains(&channel_id.len()) || !digits(channel_id) {
            return Err(Answer::malformed(service, "CHANNEL-ID"));
        }
        if external_id.len() > options.dialect.external_id_max || !digits(external_id) {
            return Err(Answer::malformed(service, "X-EXTERNAL-ID"));
        }
        if !self.is_new(external_id, now) {
            return Err(Answer::case(service, (409, "00"), "Conflict"));
        }
        Ok(external_id.to_owned())
    }

    /// Tokens need no memory: they carry their end and a signature. A restart ends none.
    fn is_living(&self, options: &Options, token: &str, now: Timestamp) -> bool {
        let Some((claim, signature)) = token.rsplit_once('.') else { return false };
        let expires = claim.split('.').next().and_then(|text| text.parse().ok());
        sign::verify_symmetric(&token_key(options), claim, signature)
            && expires.is_some_and(|expires: i64| now.seconds() < expires)
            && !self.revoked.contains(token)
    }

    fn is_new(&mut self, external_id: &str, now: Timestamp) -> bool {
        let today = now.date(BOOK_OFFSET_SECONDS);
        if self.seen.0 != today {
            self.seen = (today, HashSet::new());
        }
        self.seen.1.insert(external_id.to_owned())
    }
}

fn token_key(options: &Options) -> Secret<String> {
    Secret::new(format!("{}:{}", options.seed, options.client_secret.expose()))
}

fn header<'a>(request: &'a Request, service: Service, name: &str) -> Result<&'a str, Answer> {
    let header = HeaderName::from_bytes(name.as_bytes()).expect("names of headers are literals");
    match request.header(&header) {
        Ok(Some(text)) if !text.trim().is_empty() => Ok(text.trim()),
        Ok(_) => Err(Answer::missing(service, name)),
        Err(_) => Err(Answer::malformed(service, name)),
    }
}

fn check_time(service: Service, timestamp: &str, now: Timestamp) -> Result<(), Answer> {
    let told = Timestamp::parse_rfc3339(timestamp);
    let told = told.ok_or_else(|| Answer::malformed(service, "X-TIMESTAMP"))?;
    let apart = now.micros_since(told).unsigned_abs() / 1_000_000;
    if apart > limits::SNAP_TIMESTAMP_WINDOW_SECONDS {
        return Err(Answer::unauthorized(service, "Timestamp"));
    }
    Ok(())
}
