//! The second opinion: messages as the specification's own library reads them.
//!
//! `tests/standard_webhooks.sh` fetches it and says where. Without it this test says that it could
//! not run.

use std::io::Write;
use std::process::{Command, Stdio};

use gerbang::clock::Clock;
use serde_json::json;

use super::{Receiver, hook, pay};
use crate::not_run::not_run;
use crate::support::{funded, post};

/// Reads a message from its input and verifies it under each secret.
const SCRIPT: &str = "
import json, sys
from standardwebhooks.webhooks import Webhook
message = json.load(sys.stdin)
for secret in message['secrets']:
    told = Webhook(secret).verify(message['body'], message['headers'])
    assert told['type'] == 'payment.received', told
try:
    Webhook(message['secrets'][0]).verify(message['body'] + ' ', message['headers'])
except Exception:
    print('verified')
";

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the script that fetches the library says where")]
async fn the_official_library_verifies_both_signatures() {
    let Ok(python) = std::env::var("STANDARD_WEBHOOKS_PYTHON") else {
        not_run("no STANDARD_WEBHOOKS_PYTHON; run tests/standard_webhooks.sh");
        return;
    };
    let receiver = Receiver::start(&[]).await;
    let (gateway, people) = funded().await;
    // The library goes by the machine's clock.
    gateway.clock.set(Clock::system().now());
    let warung = gateway.log_in("warung").await;
    let ani = gateway.log_in("ani").await;
    let people = crate::support::People { ani, ..people };
    let hook = hook(&gateway, &warung, &receiver.url(), &[]).await;
    let path = format!("/api/v1/webhooks/{}/rotate-secret", hook.id);
    let rotated = gateway.send(post(&path, &json!({})).by(&warung)).await.expect(200);
    pay(&gateway, &people, 25_000).await;
    let came = receiver.messages(1).await.remove(0);
    let header = |name: &str| came.header(name).to_owned();
    let message = json!({
        "body": came.body(),
        "secrets": [hook.secret, rotated["secret"]],
        "headers": {
            "webhook-id": header("webhook-id"),
            "webhook-timestamp": header("webhook-timestamp"),
            "webhook-signature": header("webhook-signature"),
        },
    });
    let mut child = Command::new(python)
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(message.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "verified");
}
