//! The client of one host: what was sent for certain, deadlines, kept connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use gerbang::clock::Clock;
use gerbang::connector::bank::Bank;
use gerbang::connector::bank_client::{BankClient, Settings};
use gerbang::connector::http::{Answer, Cause, Client, Failure, Options};
use gerbang::connector::outcome::Outcome;
use gerbang::connector::standard::InquiryRequest;
use gerbang::connector::{breaker, bulkhead};
use gerbang::identity::secret::Secret;
use gerbang::outbound::{Guard, Host, Resolve, Resolving, System, Unresolved, Url};
use hyper::Request;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::wire::{PATIENCE, answer, listener, nowhere, read_request, serve, settle};
use crate::support::START;

/// Stands in headers and bodies, and must not stand in errors.
const CANARY: &str = "kenari-4711";
/// Short enough to wait for.
const SHORT: Duration = Duration::from_millis(100);

fn client(address: SocketAddr, options: Options) -> Client {
    let url = Url::parse(&format!("http://{address}")).unwrap();
    Client::new(&url, Arc::new(System), None, options)
}

fn request() -> Request<Bytes> {
    let request = Request::post("/x").header("authorization", CANARY);
    request.body(Bytes::from(format!("{{\"pin\":\"{CANARY}\"}}"))).unwrap()
}

async fn send(client: &Client) -> Result<Answer, Failure> {
    let sent = timeout(PATIENCE, client.send(request())).await.expect("it hangs");
    if let Err(failure) = &sent {
        let text = format!("{failure:?} {failure}");
        assert!(!text.contains(CANARY), "{text}");
    }
    sent
}

async fn failure(client: &Client) -> Failure {
    send(client).await.map(|answer| answer.status).unwrap_err()
}

/// Takes one connection, reads its request, and does something with the connection.
async fn once<F: Future<Output = ()> + Send>(
    listener: TcpListener,
    then: impl FnOnce(tokio::net::TcpStream) -> F + Send + 'static,
) {
    let (mut stream, _) = listener.accept().await.unwrap();
    read_request(&mut stream).await.unwrap();
    then(stream).await;
}

/// Whether a further connection waits to be accepted.
fn has_another(listener: TcpListener) -> bool {
    listener.into_std().unwrap().accept().is_ok()
}

/// A resolver that never answers, or at once that there is nobody.
struct Lost {
    answers: bool,
}

impl Resolve for Lost {
    fn resolve<'a>(&'a self, _: &'a Host, _: u16) -> Resolving<'a> {
        Box::pin(async move {
            if !self.answers {
                std::future::pending::<()>().await;
            }
            Err(Unresolved::NotFound)
        })
    }
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_sent() {
    let refused = failure(&client(nowhere().await, Options::standard())).await;
    let cause = Cause::Connect(std::io::ErrorKind::ConnectionRefused);
    assert_eq!(refused, Failure::NothingSent(cause));
    assert!(matches!(refused.into_outcome::<()>(), Outcome::NotSent(_)));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_leads_nowhere_or_takes_too_long_was_sent_nothing() {
    let url = Url::parse("http://bank.example/").unwrap();
    let with = |answers| Client::new(&url, Arc::new(Lost { answers }), None, Options::standard());
    let unresolved = Failure::NothingSent(Cause::Unresolved(Unresolved::NotFound));
    assert_eq!(failure(&with(true)).await, unresolved);
    assert_eq!(failure(&with(false)).await, Failure::NothingSent(Cause::ConnectTimeout));
}

#[tokio::test]
async fn one_connection_serves_request_after_request() {
    let (server, address) = listener().await;
    let server = serve(server, answer("200 OK", "text/plain", "baik"), 1);
    let client = client(address, Options::standard());
    for _ in 0..3 {
        let answer = send(&client).await.unwrap();
        assert_eq!((answer.status, &answer.body[..]), (200, &b"baik"[..]));
        assert_eq!(client.idle(), 1);
    }
    drop(client);
    let requests = server.await.unwrap();
    assert_eq!(requests.len(), 3);
    let first = String::from_utf8(requests[0].clone()).unwrap();
    assert!(first.starts_with("POST /x HTTP/1.1\r\n"), "{first}");
    assert!(first.contains(&format!("host: {address}\r\n")), "{first}");
}

#[tokio::test]
async fn few_connections_are_kept_and_none_for_long() {
    let (server, address) = listener().await;
    let accepting = tokio::spawn(async move {
        let mut connections = Vec::new();
        for _ in 0..4 {
            let (mut stream, _) = server.accept().await.unwrap();
            read_request(&mut stream).await.unwrap();
            connections.push(stream);
        }
        for stream in &mut connections {
            stream.write_all(answer("200 OK", "text/plain", "").as_bytes()).await.unwrap();
        }
        (server, connections)
    });
    let kept = client(address, Options { idle_max: 2, ..Options::standard() });
    let four = tokio::join!(send(&kept), send(&kept), send(&kept), send(&kept));
    assert!(four.0.is_ok() && four.1.is_ok() && four.2.is_ok() && four.3.is_ok());
    assert_eq!(kept.idle(), 2);
    let (server, _connections) = accepting.await.unwrap();

    let _server = serve(server, answer("200 OK", "text/plain", ""), 2);
    let brief = client(address, Options { idle: Duration::ZERO, ..Options::standard() });
    for _ in 0..2 {
        assert!(send(&brief).await.is_ok(), "a connection that was kept too long is not used");
    }
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_gives_the_request_back() {
    let (server, address) = listener().await;
    let server = tokio::spawn(async move {
        for _ in 0..2 {
            let (mut stream, _) = server.accept().await.unwrap();
            read_request(&mut stream).await.unwrap();
            stream.write_all(answer("200 OK", "text/plain", "").as_bytes()).await.unwrap();
        }
    });
    let client = client(address, Options::standard());
    assert!(send(&client).await.is_ok());
    settle().await;
    assert!(send(&client).await.is_ok(), "on a connection of its own");
    server.await.unwrap();
}

#[tokio::test]
async fn a_request_that_is_lost_on_a_kept_connection_is_not_sent_again() {
    let (server, address) = listener().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = server.accept().await.unwrap();
        read_request(&mut stream).await.unwrap();
        stream.write_all(answer("200 OK", "text/plain", "").as_bytes()).await.unwrap();
        let second = read_request(&mut stream).await.unwrap();
        drop(stream);
        (server, second)
    });
    let client = client(address, Options::standard());
    assert!(send(&client).await.is_ok());
    let lost = failure(&client).await;
    assert_eq!(lost, Failure::PossiblySent(Cause::BrokenOff));
    assert!(matches!(lost.into_outcome::<()>(), Outcome::Unknown(_)));
    let (server, second) = server.await.unwrap();
    assert!(second.starts_with(b"POST /x"));
    settle().await;
    assert!(!has_another(server), "it was sent again");
}

#[tokio::test]
async fn silence_was_possibly_sent() {
    let (server, address) = listener().await;
    let serving = tokio::spawn(once(server, async |stream| {
        std::future::pending::<()>().await;
        drop(stream);
    }));
    let silent = client(address, Options { head: SHORT, ..Options::standard() });
    assert_eq!(failure(&silent).await, Failure::PossiblySent(Cause::HeadTimeout));
    serving.abort();

    let (server, address) = listener().await;
    let serving = tokio::spawn(once(server, async |mut stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345").await.unwrap();
        std::future::pending::<()>().await;
        drop(stream);
    }));
    let halting = client(address, Options { answer: SHORT, ..Options::standard() });
    assert_eq!(failure(&halting).await, Failure::PossiblySent(Cause::AnswerTimeout));
    serving.abort();
}

#[tokio::test]
async fn answers_that_are_none_were_possibly_sent() {
    let large = answer("200 OK", "text/plain", CANARY);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{CANARY}\r\n0\r\n\r\n",
        CANARY.len()
    );
    let long_head = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "a".repeat(64 * 1024));
    let table = [
        (large, Cause::TooLarge),
        (chunked, Cause::TooLarge),
        (format!("{CANARY}\r\n\r\n"), Cause::NotHttp),
        (format!("HTTP/1.1 200 OK\r\n{CANARY}\0\r\n\r\n"), Cause::NotHttp),
        (long_head, Cause::NotHttp),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n123".to_owned(), Cause::BrokenOff),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n".to_owned(), Cause::BrokenOff),
        (String::new(), Cause::BrokenOff),
    ];
    for (bytes, cause) in table {
        let (server, address) = listener().await;
        let sent = bytes.clone();
        let serving = tokio::spawn(once(server, async move |mut stream| {
            // The client may have seen enough before the end.
            let _ = stream.write_all(sent.as_bytes()).await;
        }));
        let client = client(address, Options { body_max: 4, ..Options::standard() });
        assert_eq!(failure(&client).await, Failure::PossiblySent(cause), "{bytes:?}");
        serving.await.unwrap();
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let (elsewhere, target) = listener().await;
    let (server, address) = listener().await;
    let redirect = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{target}/\r\nContent-Length: 0\r\n\r\n"
    );
    let _server = serve(server, redirect, 1);
    let answer = send(&client(address, Options::standard())).await.unwrap();
    assert_eq!(answer.status, 307);
    settle().await;
    assert!(!has_another(elsewhere));
}

/// Leads to a server here, and counts how often it was asked.
struct Counting(SocketAddr, AtomicUsize);

impl Resolve for Counting {
    fn resolve<'a>(&'a self, _: &'a Host, _: u16) -> Resolving<'a> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { Ok(vec![self.0]) })
    }
}

#[tokio::test]
async fn behind_a_guard_the_connection_goes_where_the_check_was() {
    let (server, address) = listener().await;
    let guarded = |url: &str, allowed: bool| {
        let names = Arc::new(Counting(address, AtomicUsize::new(0)));
        let inner: Arc<dyn Resolve> = Arc::clone(&names) as Arc<dyn Resolve>;
        let guard = Guard::new(inner, Arc::new(move |_| allowed));
        let url = Url::parse(url).unwrap();
        (Client::new(&url, Arc::new(guard), None, Options::standard()), names)
    };
    let forbidden = Failure::NothingSent(Cause::Unresolved(Unresolved::Forbidden));
    let (client, names) = guarded("http://toko.example/", false);
    assert_eq!(failure(&client).await, forbidden);
    assert_eq!(names.1.load(Ordering::Relaxed), 1);
    settle().await;

    let (client, names) = guarded("http://toko.example/", true);
    let server = serve(server, answer("204 No Content", "text/plain", ""), 1);
    for _ in 0..2 {
        assert_eq!(send(&client).await.map(|answer| answer.status), Ok(204));
    }
    assert_eq!(names.1.load(Ordering::Relaxed), 1, "looked up once for one connection");
    drop(client);
    assert_eq!(server.await.unwrap().len(), 2, "and nothing came from the client before");
}

fn bank(address: SocketAddr, clock: &Clock) -> Arc<BankClient> {
    let settings = Settings {
        base: Url::parse(&format!("http://{address}")).unwrap(),
        bank_code: "009".to_owned(),
        key: Secret::new(b"kunci-mitra-yang-cukup-panjang-012345".to_vec()),
        tls: None,
        http: Options::standard(),
        bulkhead: bulkhead::Options { in_flight_max: 1, waiting_max: 0, wait: SHORT },
        breaker: breaker::Options { failures: 2, ..breaker::Options::standard() },
    };
    let system = Arc::new(System);
    Arc::new(BankClient::new(settings, "/api/bni/transfer", system, clock.clone()).unwrap())
}

async fn inquire(bank: &dyn Bank) -> (&'static str, String) {
    let request = InquiryRequest {
        reference: "Q1".to_owned(),
        beneficiary_bank_code: "014".to_owned(),
        beneficiary_account_number: "8888010001".to_owned(),
    };
    let outcome = timeout(PATIENCE, bank.inquire(&request)).await.expect("it hangs");
    let name = outcome.name();
    match outcome {
        Outcome::Succeeded(beneficiary) => (name, beneficiary.account_name),
        Outcome::Refused(why) | Outcome::NotSent(why) | Outcome::Unknown(why) => (name, why.code),
    }
}

#[tokio::test]
async fn a_slow_bank_slows_nobody_else() {
    let clock = Clock::manual(START);
    let (slow_server, slow_address) = listener().await;
    let (server, address) = listener().await;
    let name =
        answer("200 OK", "application/json", r#"{"outcome":"succeeded","accountName":"Ani"}"#);
    let _server = serve(server, name, 1);
    let (slow, quick) = (bank(slow_address, &clock), bank(address, &clock));
    let hanging = tokio::spawn({
        let slow = Arc::clone(&slow);
        async move { inquire(&*slow).await }
    });
    // Its request has arrived, and gets no answer.
    let (mut stream, _) = slow_server.accept().await.unwrap();
    read_request(&mut stream).await.unwrap();
    assert_eq!(inquire(&*slow).await, ("not_sent", "too_many".to_owned()));
    assert_eq!(inquire(&*quick).await, ("succeeded", "Ani".to_owned()));
    drop(stream);
    assert_eq!(hanging.await.unwrap(), ("unknown", "broken_off".to_owned()));
}

#[tokio::test]
async fn a_bank_that_is_down_is_left_alone_for_a_while() {
    let clock = Clock::manual(START);
    let (server, address) = listener().await;
    drop(server);
    let bank = bank(address, &clock);
    for _ in 0..2 {
        assert!(bank.is_available(clock.now()));
        assert_eq!(inquire(&*bank).await, ("not_sent", "no_connection".to_owned()));
    }
    assert!(!bank.is_available(clock.now()));
    assert_eq!(inquire(&*bank).await, ("not_sent", "bank_unavailable".to_owned()));

    // Another route to the same bank knows it too.
    let other = bank.at("/api/bni/transferInterbank").unwrap();
    assert_eq!(inquire(&other).await, ("not_sent", "bank_unavailable".to_owned()));

    clock.set(START.plus_seconds(15));
    let server = TcpListener::bind(address).await.unwrap();
    let name =
        answer("200 OK", "application/json", r#"{"outcome":"succeeded","accountName":"Ani"}"#);
    let _server = serve(server, name, 1);
    for _ in 0..5 {
        assert_eq!(inquire(&*bank).await, ("succeeded", "Ani".to_owned()));
    }
}
