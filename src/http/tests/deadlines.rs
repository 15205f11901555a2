//! Clients that are slow or silent, and the end of the server. Nothing here sleeps: each test waits
//! for what the server does.

use super::*;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn a_silent_client_is_closed() {
    let server = Server::start(Options { first_byte_timeout: SHORT, ..calm() }, None).await;
    assert_eq!(server.exchange(b"").await, "");
    // Half of an HTTP/2 preface is not a first request either.
    assert_eq!(server.exchange(b"PRI * HT").await, "");
}

#[tokio::test]
async fn bare_hyper_would_wait_for_a_silent_client() {
    // The control: without our deadlines the test above would wait in vain.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = hyper::service::service_fn(|_| async {
            Ok::<_, std::convert::Infallible>(hyper::Response::new(String::new()))
        });
        let io = hyper_util::rt::TokioIo::new(stream);
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
    });
    let mut stream = TcpStream::connect(address).await.unwrap();
    let closed = timeout(SHORT * 4, stream.read_to_end(&mut Vec::new())).await;
    assert!(closed.is_err());
}

#[tokio::test]
async fn half_a_head_is_answered_with_408() {
    let server = Server::start(Options { head_timeout: SHORT, ..calm() }, None).await;
    for start in ["G", "GET / HTTP/1.1\r\nHost: a\r\nX: ", "\r\n"] {
        assert_eq!(statuses(&server.exchange(start.as_bytes()).await), [408], "{start:?}");
    }
    let mut after_one = GET.to_vec();
    after_one.extend_from_slice(b"GET");
    assert_eq!(statuses(&server.exchange(&after_one).await), [200, 408]);
}

#[tokio::test]
async fn dripping_a_head_does_not_buy_time() {
    let server = Server::start(Options { head_timeout: SHORT, ..calm() }, None).await;
    let (mut read, mut write) = server.connect().await.into_split();
    let drip = tokio::spawn(async move {
        let mut beat = tokio::time::interval(SHORT / 10);
        write.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        while write.write_all(b"X").await.is_ok() {
            beat.tick().await;
        }
    });
    let mut answer = String::new();
    timeout(PATIENCE, read.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert_eq!(statuses(&answer), [408]);
    drip.abort();
}

#[tokio::test]
async fn a_slow_body_is_answered_with_408() {
    let server = Server::start(Options { body_timeout: SHORT, ..calm() }, None).await;
    for start in [
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ] {
        let answer = server.exchange(start.as_bytes()).await;
        assert_eq!(statuses(&answer), [408], "{start:?}");
        assert!(answer.contains("the body took too long"));
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_but_not_while_it_works() {
    let options = Options { idle_timeout: SHORT, head_timeout: SHORT, ..calm() };
    let server = Server::start(options, None).await;
    assert_eq!(statuses(&server.exchange(GET).await), [200]);

    let mut stream = server.connect().await;
    stream.write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    server.service.began.notified().await;
    // Twice as long as an idle connection would have lasted.
    let early = timeout(SHORT * 2, stream.read_u8()).await;
    assert!(early.is_err(), "closed or answered: {early:?}");
    server.service.go_on.notify_one();
    assert!(read_to_close(&mut stream).await.ends_with("waited"));
}

#[tokio::test]
async fn each_request_starts_the_idle_time_anew() {
    let options = Options { idle_timeout: SHORT * 3, ..calm() };
    let server = Server::start(options, None).await;
    let mut stream = server.connect().await;
    for _ in 0..6 {
        stream.write_all(GET).await.unwrap();
        read_until(&mut stream, "ok").await;
        assert!(timeout(SHORT, stream.read_u8()).await.is_err());
    }
    assert_eq!(read_to_close(&mut stream).await, "");
}

#[tokio::test]
async fn an_idle_connection_outlives_the_deadline_of_a_head() {
    let server = Server::start(Options { head_timeout: SHORT / 3, ..calm() }, None).await;
    let mut stream = server.connect().await;
    stream.write_all(GET).await.unwrap();
    read_until(&mut stream, "ok").await;
    assert!(timeout(SHORT * 2, stream.read_u8()).await.is_err());
    stream.write_all(GET).await.unwrap();
    read_until(&mut stream, "ok").await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed() {
    let options = Options { write_stall_timeout: SHORT, drain_timeout: PATIENCE * 2, ..calm() };
    let server = Server::start(options, None).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /huge HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    read_until(&mut stream, "\r\n\r\n").await;
    // Not reading, and yet done: only a cut connection lets the server finish.
    server.stop.send_replace(true);
    timeout(PATIENCE, server.task).await.expect("held up by a slow reader").unwrap();
    let mut bytes = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.unwrap();
    assert!(bytes.len() < 64 * 1024 * 1024);
}

#[tokio::test]
async fn draining_answers_what_is_in_flight_and_closes_the_rest() {
    let server = Server::calm().await;
    let mut idle = server.connect().await;
    idle.write_all(GET).await.unwrap();
    read_until(&mut idle, "ok").await;
    let mut silent = server.connect().await;
    let mut working = server.connect().await;
    working.write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    server.service.began.notified().await;

    server.stop.send_replace(true);
    assert_eq!(read_to_close(&mut idle).await, "");
    // May have been closed before it was accepted, which resets it.
    let _ = timeout(PATIENCE, silent.read_u8()).await.expect("left open");
    assert!(!server.task.is_finished());
    assert!(TcpStream::connect(server.address).await.is_err());

    server.service.go_on.notify_one();
    let answer = read_to_close(&mut working).await;
    assert!(answer.contains("connection: close") && answer.ends_with("waited"), "{answer}");
    timeout(PATIENCE, server.task).await.expect("not drained").unwrap();
}

#[tokio::test]
async fn draining_does_not_wait_for_ever() {
    let server = Server::start(Options { drain_timeout: SHORT, ..calm() }, None).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    server.service.began.notified().await;
    drop(server.stop);
    timeout(PATIENCE, server.task).await.expect("not cut").unwrap();
    assert_eq!(read_to_close(&mut stream).await, "");
}

#[tokio::test]
async fn beyond_the_cap_connections_wait_for_their_turn() {
    let server = Server::start(Options { connections_max: 1, ..calm() }, None).await;
    let mut first = server.connect().await;
    first.write_all(GET).await.unwrap();
    read_until(&mut first, "ok").await;
    let mut second = server.connect().await;
    second.write_all(GET).await.unwrap();
    assert!(timeout(SHORT, second.read_u8()).await.is_err());
    drop(first);
    read_until(&mut second, "ok").await;
}

#[tokio::test]
async fn a_client_that_has_said_all_is_still_answered() {
    let server = Server::calm().await;
    let mut stream = server.connect().await;
    stream.write_all(GET).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(statuses(&read_to_close(&mut stream).await), [200]);
}
