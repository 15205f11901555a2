//! Codes handed to a service of the operator's that knows how to reach people: by SMS, by a chat.
//!
//! One POST for each message, signed as Standard Webhooks has it, to one address from the
//! configuration. The service has to answer 2xx within the time of a send; there is no second try,
//! since a code that comes late is of no use and a person asks for another.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request};
use rustls::ClientConfig;
use serde_json::json;
use zeroize::Zeroizing;

use super::{Message, NotSent, Sender, Sending};
use crate::clock::Clock;
use crate::connector::http::{Client, Options};
use crate::connector::webhook::{self, ID_HEADER, Key, SIGNATURE_HEADER, TIMESTAMP_HEADER};
use crate::ledger::time::BOOK_OFFSET_SECONDS;
use crate::limits::SEND_TIMEOUT;
use crate::outbound::{Resolve, Url};

/// Posts each message to one address.
pub struct Webhook {
    url: Url,
    key: Key,
    resolve: Arc<dyn Resolve>,
    tls: Option<Arc<ClientConfig>>,
    clock: Clock,
}

/// One connection, one message, and no interest in what the answer says.
const OPTIONS: Options =
    Options { head: SEND_TIMEOUT, answer: SEND_TIMEOUT, idle_max: 0, ..Options::standard() };

impl Webhook {
    /// A sender to `url`, whose host `resolve` finds; `tls` for one that is `https`.
    pub const fn new(
        url: Url,
        key: Key,
        resolve: Arc<dyn Resolve>,
        tls: Option<Arc<ClientConfig>>,
        clock: Clock,
    ) -> Self {
        Self { url, key, resolve, tls, clock }
    }

    async fn post(&self, message: &Message) -> Result<(), String> {
        let request = self.request(message)?;
        let tls = self.tls.clone().filter(|_| self.url.secure);
        let client = Client::new(&self.url, Arc::clone(&self.resolve), tls, OPTIONS);
        let answer = client.send(request).await.map_err(|failure| failure.to_string())?;
        match answer.status {
            200..300 => Ok(()),
            status => Err(format!("the service answered {status}")),
        }
    }

    fn request(&self, message: &Message) -> Result<Request<Bytes>, String> {
        let now = self.clock.now();
        let text = message.text();
        // Copies of the digits in here live as long as the request.
        let body = json!({
            "type": if message.code.is_some() { "code.requested" } else { "account.notice" },
            "id": message.id,
            "to": {
                "username": message.username,
                "name": message.name,
                "email": message.email,
                "phone": message.phone,
            },
            "code": message.code.as_ref().map(|code| code.expose()),
            "operation": message.what,
            "text": text.expose(),
            "expires_at": message.expires.to_rfc3339(BOOK_OFFSET_SECONDS),
        });
        let body = Zeroizing::new(serde_json::to_vec(&body).map_err(|error| error.to_string())?);
        let signature = webhook::sign(&[&self.key], &message.id, now, &body);
        let headers = [
            (ID_HEADER, message.id.clone()),
            (TIMESTAMP_HEADER, now.seconds().to_string()),
            (SIGNATURE_HEADER, signature.map_err(|error| error.to_string())?),
        ];
        let mut request = Request::new(Bytes::copy_from_slice(&body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.target.parse().map_err(|_| "the URL has no path")?;
        for (name, value) in headers {
            let value: HeaderValue = value.try_into().map_err(|_| "not a header")?;
            request.headers_mut().insert(name, value);
        }
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(request)
    }
}

impl Sender for Webhook {
    fn channel(&self) -> &'static str {
        "message"
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(async { self.post(message).await.map_err(NotSent) })
    }
}
