//! A request that is ready to leave: path, headers, signature.
//!
//! What is signed is what travels: nothing may touch the body afterwards.

use serde_json::json;

use super::code::Service;
use super::dialect::Dialect;
use super::sign::{self, Message, SigningKey};
use crate::identity::secret::Secret;
use crate::ledger::time::Timestamp;

/// What a bank knows us by, from its onboarding. It cannot be printed.
pub struct Partner {
    /// `X-CLIENT-KEY`: who asks for a token.
    pub client_id: String,
    /// With which calls are signed.
    pub client_secret: Secret<String>,
    /// With which a token is asked for.
    pub key: SigningKey,
    /// `X-PARTNER-ID`.
    pub partner_id: String,
    /// `CHANNEL-ID`.
    pub channel_id: String,
    /// The account that transfers leave from.
    pub source_account: String,
}

impl Partner {
    /// Says which of the values the bank would not take.
    pub fn check(&self, dialect: &Dialect) -> Result<(), String> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        let partner_id = 1..=dialect.partner_id_max;
        let channel_id = &dialect.channel_id;
        if self.client_id.is_empty() || !visible(&self.client_id) {
            return Err("the client id must be visible ASCII".to_owned());
        }
        if self.client_secret.expose().is_empty() {
            return Err("the client secret is empty".to_owned());
        }
        if !partner_id.contains(&self.partner_id.len()) || !visible(&self.partner_id) {
            let most = dialect.partner_id_max;
            return Err(format!("the partner id must be 1 to {most} visible characters"));
        }
        if !channel_id.contains(&self.channel_id.len()) || !digits(&self.channel_id) {
            let (least, most) = channel_id.clone().into_inner();
            return Err(format!("the channel id must be {least} to {most} digits"));
        }
        if self.source_account.is_empty() || !digits(&self.source_account) {
            return Err("the source account must be digits".to_owned());
        }
        Ok(())
    }
}

/// When a call is made, and a number that no other call has: the shell's to give.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// Now.
    pub now: Timestamp,
    /// A random number.
    pub random: u64,
}

/// A body for a service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// Which service.
    pub service: Service,
    /// Its body in JSON.
    pub body: String,
}

/// A POST that is ready to leave. Its headers hold secrets: it cannot be printed.
pub struct Call {
    /// The path behind the bank's base URL.
    pub path: &'static str,
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
    /// The exact bytes that were signed.
    pub body: String,
}

/// Asks for an access token.
pub fn token(dialect: &Dialect, partner: &Partner, now: Timestamp) -> Call {
    let timestamp = dialect.timestamp(now);
    let signature = partner.key.sign(&sign::token_text(&partner.client_id, &timestamp));
    Call {
        path: dialect.path(Service::Token),
        headers: vec![
            ("Content-Type", "application/json".to_owned()),
            ("X-TIMESTAMP", timestamp),
            ("X-CLIENT-KEY", partner.client_id.clone()),
            ("X-SIGNATURE", signature),
        ],
        body: json!({"grantType": "client_credentials", "additionalInfo": {}}).to_string(),
    }
}

/// Asks a question under an access token.
pub fn signed(
    dialect: &Dialect,
    partner: &Partner,
    token: &Secret<String>,
    question: Question,
    stamp: Stamp,
) -> Call {
    let path = dialect.path(question.service);
    let timestamp = dialect.timestamp(stamp.now);
    let body = question.body.as_bytes();
    let message = Message { method: "POST", path, body, timestamp: &timestamp };
    let text = Secret::new(message.symmetric(token.expose()));
    let signature = sign::sign_symmetric(&partner.client_secret, text.expose());
    Call {
        path,
        headers: vec![
            ("Content-Type", "application/json".to_owned()),
            ("Authorization", format!("Bearer {}", token.expose())),
            ("X-TIMESTAMP", timestamp),
            ("X-SIGNATURE", signature),
            ("X-PARTNER-ID", partner.partner_id.clone()),
            ("X-EXTERNAL-ID", dialect.external_id(stamp.now, stamp.random)),
            ("CHANNEL-ID", partner.channel_id.clone()),
        ],
        body: question.body,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::dialect;
    use super::super::sign::VerifyingKey;
    use super::*;

    pub(in super::super) fn partner() -> Partner {
        let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'static> =
            aws_lc_rs::encoding::AsDer::as_der(&pair).unwrap();
        let pem = sign::to_pem("PRIVATE KEY", der.as_ref());
        Partner {
            client_id: "gerbang-client".to_owned(),
            client_secret: Secret::new("rahasia".to_owned()),
            key: SigningKey::from_pem(pem.as_bytes()).unwrap(),
            partner_id: "GERBANG".to_owned(),
            channel_id: "95051".to_owned(),
            source_account: "115471000".to_owned(),
        }
    }

    fn header<'a>(call: &'a Call, name: &str) -> &'a str {
        let found = call.headers.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str()).unwrap()
    }

    #[test]
    fn a_token_is_asked_for_with_the_key() {
        let (partner, now) = (partner(), Timestamp::from_seconds(1_792_000_000));
        let call = token(dialect::of("009").unwrap(), &partner, now);
        assert_eq!(call.path, "/snap/v1/access-token/b2b");
        assert_eq!(header(&call, "X-TIMESTAMP"), "2026-10-15T00:46:40+07:00");
        assert_eq!(header(&call, "X-CLIENT-KEY"), "gerbang-client");
        let public = VerifyingKey::from_pem(partner.key.public_pem().as_bytes()).unwrap();
        let text = "gerbang-client|2026-10-15T00:46:40+07:00";
        assert!(public.verify(text, header(&call, "X-SIGNATURE")));
    }

    #[test]
    fn a_call_carries_the_signature_of_its_own_body() {
        let (partner, token) = (partner(), Secret::new("TOKEN".to_owned()));
        let stamp = Stamp { now: Timestamp::from_seconds(1_792_000_000), random: 42 };
        for dialect in dialect::ALL {
            let question =
                Question { service: Service::TransferStatus, body: "{\"a\":\"b c\"}".to_owned() };
            let call = signed(dialect, &partner, &token, question, stamp);
            let message = Message {
                method: "POST",
                path: call.path,
                body: call.body.as_bytes(),
                timestamp: header(&call, "X-TIMESTAMP"),
            };
            let text = message.symmetric("TOKEN");
            let signature = header(&call, "X-SIGNATURE");
            assert!(sign::verify_symmetric(&partner.client_secret, &text, signature));
            assert_eq!(header(&call, "Authorization"), "Bearer TOKEN");
            assert_eq!(header(&call, "X-EXTERNAL-ID"), "1792000000000000042");
            assert_eq!(header(&call, "CHANNEL-ID"), "95051");
        }
    }

    #[test]
    fn what_a_bank_would_not_take_is_said_beforehand() {
        let (bni, mandiri) = (dialect::of("009").unwrap(), dialect::of("008").unwrap());
        assert_eq!(partner().check(bni), Ok(()));
        let said = |partner: Partner, dialect| partner.check(dialect).unwrap_err();
        assert!(said(partner(), mandiri).contains("channel id must be 1 to 4"));
        let long = Partner { partner_id: "x".repeat(17), channel_id: "1".to_owned(), ..partner() };
        assert!(said(long, mandiri).contains("partner id must be 1 to 16"));
        let letters = Partner { source_account: "12a".to_owned(), ..partner() };
        assert!(said(letters, bni).contains("source account"));
        let empty = Partner { client_secret: Secret::new(String::new()), ..partner() };
        assert!(said(empty, bni).contains("client secret"));
        let split = Partner { client_id: "a\nb".to_owned(), ..partner() };
        assert!(said(split, bni).contains("client id"));
    }
}
