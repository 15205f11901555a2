//! Clients are told how their transfers end, by signed messages over a real socket.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use gerbang::connector::webhook::{self, Headers, Key};
use gerbang::gateway::Error;
use gerbang::gateway::caller::Caller;
use gerbang::gateway::client::Application;
use gerbang::gateway::payout::callbacks::{Callbacks, Settings, purpose};
use gerbang::gateway::payout::public_id;
use gerbang::gateway::transfer::Transfer;
use gerbang::identity::secret::Secret;
use gerbang::identity::vault::Vault;
use gerbang::journal::Recorded;
use gerbang::ledger::event::Fact;
use gerbang::ledger::id::Principal;
use gerbang::ledger::registry::{BankCode, Callback, Client, RegistryChange};
use gerbang::ledger::text::{ClientId, Line, Reference};
use gerbang::outbound;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::world;
use crate::document::judge_message;
use crate::support::{START, TestGateway, funded};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Callbacks to this machine, without TLS.
pub(crate) fn at_home(vault: Arc<Vault>) -> Callbacks {
    let settings = Settings { http: true, private: vec!["127.0.0.0/8".parse().unwrap()] };
    Callbacks::new(vault, settings, Arc::new(outbound::System))
}

/// Takes messages on a socket, and answers with these statuses in turn, then 204.
struct Receiver {
    address: SocketAddr,
    messages: Arc<Mutex<Vec<String>>>,
    came: Arc<Notify>,
}

impl Receiver {
    async fn start(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (messages, came) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
        let (kept, noted) = (Arc::clone(&messages), Arc::clone(&came));
        tokio::spawn(async move {
            let mut statuses = statuses.iter();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut message = String::new();
                while !is_whole(&message) {
                    let mut bytes = [0; 4096];
                    let count = stream.read(&mut bytes).await.unwrap();
                    message.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
                }
                kept.lock().unwrap().push(message);
                let status = statuses.next().unwrap_or(&204);
                let answer = format!("HTTP/1.1 {status} \r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
                noted.notify_one();
            }
        });
        Self { address, messages, came }
    }
}

fn is_whole(message: &str) -> bool {
    let Some((head, body)) = message.split_once("\r\n\r\n") else { return false };
    header(head, "content-length").parse::<usize>().unwrap() <= body.len()
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines
        .filter(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .next_back()
        .unwrap()
}

/// A gateway with the paper's banks and a client with a callback, and its administrator.
async fn gateway(receiver: &Receiver) -> (TestGateway, Application, Caller) {
    let (test, people) = funded().await;
    let user = test.gateway.look_up("kasir").unwrap();
    let url = format!("http://{}/ended?of=transfers", receiver.address);
    let id = ClientId::parse("1").unwrap();
    let secret = test.vault.seal(&purpose(&id), &Secret::new(SECRET.to_owned()));
    let callback = Callback { url: Line::parse(&url, 255).unwrap(), secret };
    let client = Client { callback: Some(callback), ..world::client(user.id) };
    for change in world::registry() {
        let change = match change {
            RegistryChange::ClientSet(_) => RegistryChange::ClientSet(client.clone()),
            other => other,
        };
        test.gateway.change_registry(Principal::Operator, change).await.unwrap();
    }
    test.fund(&people, "kasir", 5_000_000).await;
    let admin = test.gateway.authenticate(&people.admin).unwrap();
    (test, Application { client: client.into(), account: user.account }, admin)
}

async fn transfer(test: &TestGateway, application: &Application, reference: &str) -> String {
    let transfer = Transfer {
        transaction: Reference::parse(reference).unwrap(),
        sender: Line::parse("0847652590", 34).unwrap(),
        bank: BankCode::parse("009").unwrap(),
        number: Line::parse("0115471119", 34).unwrap(),
        amount: crate::world::amount(2_475_000),
        remark: Line::empty(),
    };
    let most = std::time::Duration::from_secs(30);
    let begun = test.gateway.transfer(application, transfer, most).await.unwrap();
    assert_eq!(begun.standing.state.name(), "succeeded");
    public_id(&begun.standing.recorded)
}

/// Waits until so many tries are written down.
async fn tries(
    test: &TestGateway,
    admin: &Caller,
    id: &str,
    count: usize,
) -> Vec<(Option<u16>, bool)> {
    loop {
        let log = test.gateway.callback_log(admin, id).unwrap();
        if log.len() >= count {
            return log.into_iter().map(told).collect();
        }
        tokio::task::yield_now().await;
    }
}

fn told(recorded: Recorded) -> (Option<u16>, bool) {
    match recorded.event.fact {
        Fact::CallbackTried(tried) => (tried.status, tried.done),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_end_is_told_once_and_signed() {
    let receiver = Receiver::start(&[]).await;
    let (test, application, admin) = gateway(&receiver).await;
    let id = transfer(&test, &application, "FDP29771029211").await;
    receiver.came.notified().await;
    assert_eq!(tries(&test, &admin, &id, 1).await, [(Some(204), true)]);
    let message = receiver.messages.lock().unwrap()[0].clone();
    let (head, body) = message.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /ended?of=transfers HTTP/1.1\r\n"), "{head}");
    let headers = Headers {
        id: header(head, "webhook-id"),
        timestamp: header(head, "webhook-timestamp"),
        signatures: header(head, "webhook-signature"),
    };
    assert_eq!(headers.id, id.replace("out_", "msg_"));
    let key = Key::parse(SECRET).unwrap();
    webhook::verify(&[&key], headers, body.as_bytes(), START).unwrap();
    let told: serde_json::Value = serde_json::from_str(body).unwrap();
    judge_message(&told);
    assert_eq!(told["type"], "transfer.succeeded");
    assert_eq!(told["data"]["transactionId"], "FDP29771029211");
    assert_eq!(told["data"]["beneficiaryAccountName"], "ERRY JULIO");
    assert_eq!(told["data"]["amount"], "2475000");
    assert_eq!(receiver.messages.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_not_heard_is_in_the_log_and_is_told_again_by_hand() {
    let receiver = Receiver::start(&[500]).await;
    let (test, application, admin) = gateway(&receiver).await;
    let id = transfer(&test, &application, "FDP1").await;
    assert_eq!(tries(&test, &admin, &id, 1).await, [(Some(500), false)]);
    let why = Line::parse("asked for on the phone", 64).unwrap();
    let log = test.gateway.redeliver(&admin, &id, why).await.unwrap();
    let log: Vec<_> = log.into_iter().map(told).collect();
    assert_eq!(log, [(Some(500), false), (Some(204), true)]);
    let messages = receiver.messages.lock().unwrap().clone();
    let ids: Vec<_> = messages.iter().map(|message| header(message, "webhook-id")).collect();
    assert_eq!(ids[0], ids[1], "the same end has the same id");
    let other = test.gateway.callback_log(&admin, "out_01J00000000000000000000000");
    assert!(matches!(other, Err(Error::NotFound)));
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_asked_no_more() {
    let receiver = Receiver::start(&[410]).await;
    let (test, application, admin) = gateway(&receiver).await;
    let id = transfer(&test, &application, "FDP2").await;
    assert_eq!(tries(&test, &admin, &id, 1).await, [(Some(410), true)]);
}
