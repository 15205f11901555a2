//! One address that wants everything.

use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use socket2::{Domain, Protocol, Socket, Type};

use super::protocols::{client_config, pair};
use super::*;
use crate::limits;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
/// Connections of one address.
const PART: usize = 3;

fn options() -> Options {
    Options { connections_per_address_max: PART, ..calm() }
}

async fn counting(options: Options, tls: Option<tls::Reloadable>) -> Server {
    let service = Echo { counts_everybody: true, ..Echo::default() };
    Server::of(service, options, tls).await
}

/// A connection from 127.0.0.`last`.
async fn from(last: u8, server: &Server) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, last], 0)).into()).unwrap();
    socket.connect(&server.address.into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    TcpStream::from_std(socket.into()).unwrap()
}

async fn is_answered(stream: &mut TcpStream) -> bool {
    if stream.write_all(GET).await.is_err() {
        return false;
    }
    let mut piece = [0; 12];
    let read = timeout(PATIENCE, stream.read_exact(&mut piece)).await.expect("left waiting");
    read.is_ok_and(|_| &piece == b"HTTP/1.1 200")
}

#[tokio::test]
async fn an_address_has_its_part_of_the_connections_and_others_theirs() {
    let server = counting(options(), None).await;
    let mut mine = Vec::new();
    for _ in 0..PART {
        let mut stream = from(2, &server).await;
        assert!(is_answered(&mut stream).await);
        mine.push(stream);
    }
    for _ in 0..3 {
        assert!(!is_answered(&mut from(2, &server).await).await, "one more than its part");
    }
    assert!(is_answered(&mut from(3, &server).await).await);

    // A place is free once its connection has ended.
    let mut left = mine.pop().unwrap();
    left.shutdown().await.unwrap();
    read_to_close(&mut left).await;
    let again = async { while !is_answered(&mut from(2, &server).await).await {} };
    timeout(PATIENCE, again).await.expect("the place is not given back");
}

#[tokio::test]
async fn who_speaks_for_many_is_not_counted() {
    let server = Server::start(options(), None).await;
    let mut streams = Vec::new();
    for _ in 0..PART * 2 {
        let mut stream = from(2, &server).await;
        assert!(is_answered(&mut stream).await);
        streams.push(stream);
    }
}

/// As many as there are turns: each says hello, and then nothing, while it holds its turn.
#[tokio::test]
async fn an_address_does_not_take_the_turns_of_all_for_handshakes() {
    let home = tempfile::tempdir().unwrap();
    let pair = pair(home.path());
    let server = counting(calm(), Some(pair.tls.clone())).await;
    let config = Arc::new(client_config(&pair.certificate, &[]));
    let name = ServerName::try_from("localhost").unwrap();
    let mut greedy = Vec::new();
    for _ in 0..limits::TLS_HANDSHAKES_MAX * 2 {
        let mut hello = Vec::new();
        let mut client = ClientConnection::new(Arc::clone(&config), name.clone()).unwrap();
        client.write_tls(&mut hello).unwrap();
        let mut stream = from(2, &server).await;
        stream.write_all(&hello).await.unwrap();
        greedy.push((stream, false));
    }
    // Those who have a turn are told the server's part of the handshake.
    let mut told = 0;
    while told < limits::TLS_HANDSHAKES_PER_ADDRESS_MAX {
        told += newly_told(&mut greedy);
        tokio::task::yield_now().await;
    }
    let connector = tokio_rustls::TlsConnector::from(config);
    let shaken = connector.connect(name, from(3, &server).await);
    timeout(PATIENCE, shaken).await.expect("no turn left").unwrap();
    // A turn that is not used ends in time: then all of them would have had one before.
    told += newly_told(&mut greedy);
    assert!(told < limits::TLS_HANDSHAKES_MAX, "{told} turns were one address's");
}

/// How many of these the server has begun to say something to; each is counted once.
fn newly_told(greedy: &mut [(TcpStream, bool)]) -> usize {
    let mut told = 0;
    for (stream, known) in greedy {
        if !*known && stream.try_read(&mut [0]).is_ok() {
            *known = true;
            told += 1;
        }
    }
    told
}
