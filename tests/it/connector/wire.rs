//! A server that answers with given bytes and says what it received, and a proxy in front of it
//! that cuts the connection at a given byte.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Far longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A listener on loopback, and its address.
pub(crate) async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An address of loopback where nobody listens.
pub(crate) async fn nowhere() -> SocketAddr {
    listener().await.1
}

/// Where the head and the body of the first message in `bytes` end, if they have come.
pub(crate) fn whole(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).unwrap().to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let end = head + length.map_or(0, |length| length.trim().parse().unwrap());
    (bytes.len() >= end).then_some(end)
}

/// Lets the runtime notice what has happened to sockets: it looks at all of them when it has to
/// wait for one.
pub(crate) async fn settle() {
    let (listener, address) = listener().await;
    let (mine, theirs) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (mut mine, mut theirs) = (mine.unwrap(), theirs.unwrap().0);
    mine.write_all(b"x").await.unwrap();
    assert_eq!(theirs.read_u8().await.unwrap(), b'x');
}

/// Reads one request; what has come of it if the other side stops before its end.
pub(crate) async fn read_request(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Vec<u8>, Vec<u8>> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        if whole(&bytes).is_some() {
            return Ok(bytes);
        }
        match timeout(PATIENCE, stream.read(&mut piece)).await.expect("never came") {
            Ok(0) | Err(_) => return Err(bytes),
            Ok(read) => bytes.extend_from_slice(&piece[..read]),
        }
    }
}

/// An answer of these parts.
pub(crate) fn answer(status: &str, content_type: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// Accepts connections one by one and answers each whole request with `answer`. It ends when the
/// `connections`-th connection has, and gives the whole requests that came.
pub(crate) fn serve(
    listener: TcpListener,
    answer: String,
    connections: usize,
) -> JoinHandle<Vec<Vec<u8>>> {
    tokio::spawn(async move {
        let mut requests = Vec::new();
        for _ in 0..connections {
            let (mut stream, _) = listener.accept().await.unwrap();
            while let Ok(request) = read_request(&mut stream).await {
                requests.push(request);
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    break;
                }
            }
        }
        requests
    })
}

/// Where and how a connection is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    /// Bytes of the request that get through.
    pub(crate) request: usize,
    /// Bytes of the answer that get through.
    pub(crate) answer: usize,
    /// Whether it ends with a reset, or in order.
    pub(crate) reset: bool,
}

/// Forwards one connection to `server`, and cuts both sides once one direction has come to its
/// byte. Nothing beyond that byte is passed on.
pub(crate) fn cutting_proxy(listener: TcpListener, server: SocketAddr, cut: Cut) -> JoinHandle<()> {
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        carry(client, server, cut).await;
    })
}

/// Forwards connection after connection, and cuts each as `plan` says when it comes.
pub(crate) fn cutting_proxies(listener: TcpListener, server: SocketAddr, plan: Arc<Mutex<Cut>>) {
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let cut = *plan.lock().unwrap();
            carry(client, server, cut).await;
        }
    });
}

async fn carry(mut client: TcpStream, server: SocketAddr, cut: Cut) {
    let mut server = TcpStream::connect(server).await.unwrap();
    let (mut client_out, mut client_in) = client.split();
    let (mut server_out, mut server_in) = server.split();
    tokio::select! {
        () = forward(&mut client_out, &mut server_in, cut.request) => {}
        () = forward(&mut server_out, &mut client_in, cut.answer) => {}
    }
    if cut.reset {
        for stream in [&client, &server] {
            let linger = Some(Duration::ZERO);
            socket2::SockRef::from(stream).set_linger(linger).unwrap();
        }
    }
}

/// Passes on `bytes` bytes and returns, or returns when the source ends. Where none may pass it
/// waits for the first, which is lost.
async fn forward(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    bytes: usize,
) {
    let (mut left, mut piece) = (bytes, [0; 4096]);
    if bytes == 0 {
        let _ = from.read(&mut piece).await;
    }
    while left > 0 {
        let room = piece.len().min(left);
        match from.read(&mut piece[..room]).await {
            Ok(0) | Err(_) => return,
            Ok(read) => {
                if to.write_all(&piece[..read]).await.is_err() {
                    return;
                }
                left -= read;
            }
        }
    }
}
