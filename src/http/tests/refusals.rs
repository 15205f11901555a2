//! Requests that must be refused, byte for byte, and what must not be.

use super::*;

const HOST: &str = "Host: a\r\n";

/// Requests that are refused by themselves, and how. A bar stands for CR LF.
const REFUSED: &[(&str, u16)] = &[
    // Two lengths, or none that is clear.
    ("POST /echo HTTP/1.1|Host: a|Content-Length: 4|Transfer-Encoding: chunked||0||", 400),
    ("POST /echo HTTP/1.1|Host: a|Transfer-Encoding: chunked|Content-Length: 4||0||", 400),
    ("POST /echo HTTP/1.1|Host: a|Content-Length: 2|Content-Length: 2||ab", 400),
    ("POST /echo HTTP/1.1|Host: a|Content-Length: 2|Content-Length: 3||abc", 400),
    ("POST /echo HTTP/1.1|Host: a|Content-Length: 2, 2||ab", 400),
    ("POST /echo HTTP/1.1|Host: a|Content-Length: +2||ab", 400),
    ("POST /echo HTTP/1.1|Host: a|Content-Length: -2||ab", 400),
    ("POST /echo HTTP/1.1|Host: a|Content-Length: 0x2||ab", 400),
    ("POST /echo HTTP/1.1|Host: a|Content-Length: 2 2||ab", 400),
    ("POST /echo HTTP/1.1|Host: a|Content-Length:||", 400),
    ("POST /echo HTTP/1.1|Host: a|Content-Length: 99999999999999999999||", 400),
    ("POST /echo HTTP/1.1|Host: a|Content-Length : 2||ab", 400),
    ("POST /echo HTTP/1.1|Host: a|Transfer-Encoding: identity||", 400),
    ("POST /echo HTTP/1.1|Host: a|Transfer-Encoding: gzip, chunked||0||", 400),
    ("POST /echo HTTP/1.1|Host: a|Transfer-Encoding: \x0bchunked||0||", 400),
    ("POST /echo HTTP/1.1|Host: a|Transfer-Encoding: chunked|Transfer-Encoding: x||", 400),
    ("POST /echo HTTP/1.0|Host: a|Transfer-Encoding: chunked||0||", 400),
    // Lines that end in other ways.
    ("GET / HTTP/1.1\nHost: a\n\n", 400),
    ("GET / HTTP/1.1|Host: a\n|", 400),
    ("GET / HTTP/1.1|Host: a|\n", 400),
    ("GET / HTTP/1.1|Host: a\rX: b||", 400),
    ("GET / HTTP/1.1|Host: a|X: a| b||", 400),
    ("GET / HTTP/1.1|Host: a|X: a|\tTransfer-Encoding: chunked||", 400),
    ("GET / HTTP/1.1|Host: a|X: a\0b||", 400),
    ("GET / HTTP/1.1| Host: a||", 400),
    // Hosts.
    ("GET / HTTP/1.1|X: y||", 400),
    ("GET / HTTP/1.1|Host: a|Host: a||", 400),
    ("GET / HTTP/1.1|Host: a|Host: b||", 400),
    ("GET / HTTP/1.1|Host: ||", 400),
    ("GET / HTTP/1.1|Host: a, b||", 400),
    ("GET / HTTP/1.1|Host: a@b||", 400),
    ("GET http://b/ HTTP/1.1|Host: a||", 400),
    ("GET http://a/ HTTP/1.1||", 400),
    ("GET http://x@a/ HTTP/1.1|Host: x@a||", 400),
    // Methods and request lines.
    ("TRACE / HTTP/1.1|Host: a||", 405),
    ("CONNECT a:443 HTTP/1.1|Host: a:443||", 405),
    ("get / HTTP/1.1|Host: a||", 501),
    ("BREW / HTTP/1.1|Host: a||", 501),
    ("GET  / HTTP/1.1|Host: a||", 400),
    ("GET / HTTP/1.1 |Host: a||", 400),
    ("GET / HTTP/9.9|Host: a||", 400),
    ("GET /a b HTTP/1.1|Host: a||", 400),
    ("GET /{a HTTP/1.1|Host: a||", 400),
    ("GET /#a HTTP/1.1|Host: a||", 400),
    ("\x16\x03\x01\x02\x00\x01\x00\x01", 400),
    // Chunked bodies out of order.
    ("POST /echo HTTP/1.1|Host: a|Transfer-Encoding: chunked||2\nab|0||", 400),
    ("POST /echo HTTP/1.1|Host: a|Transfer-Encoding: chunked||2;a=b|ab|0||", 400),
    ("POST /echo HTTP/1.1|Host: a|Transfer-Encoding: chunked||0x2|ab|0||", 400),
    ("POST /echo HTTP/1.1|Host: a|Transfer-Encoding: chunked||2|abc|0||", 400),
    ("POST /echo HTTP/1.1|Host: a|Transfer-Encoding: chunked||zz|", 400),
    ("POST /echo HTTP/1.1|Host: a|Transfer-Encoding: chunked||fffffffffffffffff|", 400),
    ("POST /echo HTTP/1.1|Host: a|Transfer-Encoding: chunked||0|X: y||", 400),
];

/// Requests, and the statuses that come back before the server closes.
fn table() -> Vec<(String, Vec<u16>)> {
    let alone = |(text, status): &(&str, u16)| (text.replace('|', "\r\n"), vec![*status]);
    let mut table: Vec<_> = REFUSED.iter().map(alone).collect();
    // What comes before a refused request is answered first; what comes behind it never is.
    let good = format!("GET / HTTP/1.1\r\n{HOST}\r\n");
    let bad = format!("GET / HTTP/1.1\n{HOST}\r\n");
    table.push((format!("{good}{good}{bad}{good}"), vec![200, 200, 400]));
    let body = format!("POST /echo HTTP/1.1\r\n{HOST}Content-Length: 2\r\n\r\nab");
    table.push((format!("{body}{bad}"), vec![200, 400]));
    // Bounds.
    let long = "a".repeat(9_000);
    table.push((format!("GET /{long} HTTP/1.1\r\n{HOST}\r\n"), vec![414]));
    table.push((format!("GET / HTTP/1.1\r\n{HOST}X: {long}{long}\r\n\r\n"), vec![431]));
    table.push((format!("GET / HTTP/1.1\r\n{HOST}{}\r\n", "X: y\r\n".repeat(65)), vec![431]));
    let sized = format!("POST /echo HTTP/1.1\r\n{HOST}Content-Length: {}\r\n\r\n", ECHO_MAX + 1);
    table.push((sized, vec![413]));
    let chunks = "1f4\r\n".to_owned() + &"a".repeat(500) + "\r\n";
    let chunked = format!("POST /echo HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n");
    table.push((format!("{chunked}{}", chunks.repeat(3)), vec![413]));
    table
}

#[tokio::test]
async fn what_two_parsers_could_read_differently_is_refused_and_closed() {
    let server = Server::calm().await;
    for (request, expected) in table() {
        let answer = server.exchange(request.as_bytes()).await;
        let shown = &request[..request.len().min(120)];
        assert_eq!(statuses(&answer), expected, "{shown:?} -> {answer}");
        assert!(answer.contains("content-type: application/problem+json\r\n"), "{shown:?}");
        assert!(answer.contains("x-request-id: "), "{shown:?}");
        assert!(answer.contains("connection: close\r\n"), "{shown:?}");
    }
}

#[tokio::test]
async fn refusals_do_not_depend_on_how_the_bytes_arrive() {
    let server = Server::calm().await;
    for (request, expected) in table().into_iter().filter(|(request, _)| request.len() < 400) {
        let mut stream = server.connect().await;
        stream.set_nodelay(true).unwrap();
        for byte in request.as_bytes() {
            // The server may have answered and closed before the end.
            if stream.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        let answer = read_to_close(&mut stream).await;
        assert_eq!(statuses(&answer), expected, "{request:?} -> {answer}");
    }
}

#[tokio::test]
async fn what_is_in_order_is_answered() {
    let server = Server::calm().await;
    let last = "GET /id/last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let table = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nhOST:a:80\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nHost: A\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n",
    ];
    for request in table {
        let answer = server.exchange(format!("{request}{last}").as_bytes()).await;
        assert_eq!(statuses(&answer), [200, 200], "{request:?} -> {answer}");
        assert!(answer.ends_with("last"), "{answer}");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::calm().await;
    let mut requests = String::new();
    for id in 0..1_000 {
        requests += &format!("GET /id/{id} HTTP/1.1\r\nHost: a\r\nX-Request-Id: r{id}\r\n\r\n");
    }
    requests += "GET /id/end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let (mut read, mut write) = server.connect().await.into_split();
    let writing = tokio::spawn(async move {
        write.write_all(requests.as_bytes()).await.unwrap();
        write
    });
    let mut answers = String::new();
    timeout(PATIENCE, read.read_to_string(&mut answers)).await.unwrap().unwrap();
    writing.await.unwrap();
    let bodies: Vec<&str> =
        answers.split("\r\n\r\n").skip(1).map(|rest| rest.split("HTTP/").next().unwrap()).collect();
    let expected: Vec<String> =
        (0..1_000).map(|id| id.to_string()).chain(["end".to_owned()]).collect();
    assert_eq!(bodies, expected);
    assert!(answers.contains("x-request-id: r7\r\n"));
}

#[tokio::test]
async fn a_handler_that_panics_fails_its_request_only() {
    let server = Server::calm().await;
    let answer = server
        .exchange(b"GET /panic HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert_eq!(statuses(&answer), [500, 200]);
    assert!(answer.contains("\"code\":\"internal\""));
    assert!(!answer.contains("told to") && !answer.contains("src/"));
}

#[tokio::test]
async fn errors_of_a_body_reach_the_client_and_the_connection_goes_on() {
    let server = Server::calm().await;
    let post = |kind: &str, body: &str| {
        let length = body.len();
        format!(
            "POST /json HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    };
    let requests = post("application/json", r#"{"name":"a","x":1}"#)
        + &post("text/plain", "{}")
        + &post("application/json", r#"{"name":"budi"}"#)
        + "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\nGET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = server.exchange(requests.as_bytes()).await;
    assert_eq!(statuses(&answer), [400, 415, 200, 400, 404]);
    let said = r#""errors":[{"field":"x","message":"is not a known field; known are name"}]"#;
    assert!(answer.contains(said));
    assert!(answer.contains("\"budi\""));
}

#[tokio::test]
async fn bodies_in_part_have_room_together_and_whole_ones_need_none() {
    let server = Server::start(Options { bodies_kib_max: 1, ..calm() }, None).await;
    let part = "POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc";
    let whole =
        "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc";
    let chunked =
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    let mut first = server.connect().await;
    first.write_all(part.as_bytes()).await.unwrap();
    // Whoever comes later finds the room taken, once the first piece of the first is read.
    let refused = loop {
        let mut other = server.connect().await;
        other.write_all(chunked.as_bytes()).await.unwrap();
        if let Ok(answer) = timeout(SHORT, read_to_close(&mut other)).await {
            break answer;
        }
    };
    assert_eq!(statuses(&refused), [503]);
    assert!(refused.contains("\"busy\"") && refused.contains("retry-after: 1"), "{refused}");
    assert_eq!(statuses(&server.exchange(whole.as_bytes()).await), [200]);

    first.write_all(b"defghi").await.unwrap();
    server.service.began.notified().await;
    let rest = "0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = server.exchange(format!("{chunked}{rest}").as_bytes()).await;
    assert_eq!(statuses(&answer), [200, 200]);
}

#[tokio::test]
async fn a_refused_body_does_not_cost_the_client_the_answer() {
    let server = Server::calm().await;
    let mut stream = server.connect().await;
    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(statuses(&read_until(&mut stream, "\r\n\r\n").await), [413]);
    // Without lingering, the first of these would be answered with a reset.
    for _ in 0..100 {
        stream.write_all(&[b'a'; 10_000]).await.unwrap();
    }
    assert!(read_to_close(&mut stream).await.contains("payload_too_large"));
}

#[tokio::test]
async fn a_bad_head_behind_a_good_one_is_refused_at_once() {
    let server = Server::calm().await;
    let mut stream = server.connect().await;
    let good = format!("GET / HTTP/1.1\r\n{HOST}\r\n");
    stream.write_all(good.as_bytes()).await.unwrap();
    read_until(&mut stream, "ok").await;
    // Both in one read, and not in the first, which takes another way.
    stream.write_all(format!("{good}BAD\n").as_bytes()).await.unwrap();
    assert_eq!(statuses(&read_to_close(&mut stream).await), [200, 400]);
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_to_go_on_or_not() {
    let server = Server::calm().await;
    let ask = |length: usize| {
        let end = "Expect: 100-continue\r\nConnection: close\r\n\r\n";
        format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n{end}")
    };
    let mut stream = server.connect().await;
    stream.write_all(ask(2).as_bytes()).await.unwrap();
    assert_eq!(statuses(&read_until(&mut stream, "\r\n\r\n").await), [100]);
    stream.write_all(b"ab").await.unwrap();
    assert_eq!(statuses(&read_to_close(&mut stream).await), [200]);
    let refused = server.exchange(ask(ECHO_MAX + 1).as_bytes()).await;
    assert_eq!(statuses(&refused), [413]);
}
