//! One-time codes on their way: what a mail server and a service are told.

use std::net::SocketAddr;
use std::sync::Arc;

use gerbang::clock::Clock;
use gerbang::connector::sender::smtp::{self, Smtp, Tls};
use gerbang::connector::sender::webhook::Webhook;
use gerbang::connector::sender::{Message, Sender};
use gerbang::connector::tls::Identity;
use gerbang::connector::webhook::{self, Headers, Key};
use gerbang::identity::secret::Secret;
use gerbang::outbound::{Guard, Resolve, System, Url};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::tls::Authority;
use crate::support::START;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn message() -> Message {
    Message {
        id: "otp_01".to_owned(),
        username: "ani".to_owned(),
        name: "Ani \"A\" <x@y.id>,\r\nBcc: x@y.id\r\n\r\nÅ".to_owned(),
        email: "ani@contoh.id".to_owned(),
        phone: Some("+628123456789".to_owned()),
        what: "pay Rp1.500.000 to warung (Warung Bu Sri)\r\n.\r\nQUIT".to_owned(),
        expires: START,
        code: Some(Secret::new("123456".to_owned())),
    }
}

/// What a mail server says no to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum No {
    Nothing,
    Recipients,
    /// Mails, each of which it repeats.
    Mails,
    /// Anything before TLS.
    Plain,
}

/// A mail server for one connection: everything it was told, and what of it was mail.
async fn serve_mail(listener: TcpListener, no: No) -> (String, String) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mail.contoh.id\r\n").await.unwrap();
    talk(&mut stream, no).await
}

/// What a mail server hears and says, until it is left.
async fn talk(stream: &mut (impl AsyncBufRead + AsyncWrite + Unpin), no: No) -> (String, String) {
    let (mut told, mut mail, mut in_data) = (String::new(), String::new(), false);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return (told, mail);
        }
        let line = line.trim_end_matches("\r\n");
        told.extend([line, "\n"]);
        let answer = match line.get(..4).unwrap_or(line) {
            "." if in_data => {
                in_data = false;
                let text = mail.replace("=\n", "").replace('\n', " ");
                if no == No::Mails { format!("554 spam: {text}") } else { "250 taken".to_owned() }
            }
            _ if in_data => {
                mail.extend([line, "\n"]);
                continue;
            }
            "RCPT" if no == No::Recipients => "550 nobody".to_owned(),
            "DATA" => {
                in_data = true;
                "354 go on".to_owned()
            }
            "QUIT" => "221 bye".to_owned(),
            "EHLO" if no == No::Plain => "250-mail.contoh.id\r\n250 STARTTLS".to_owned(),
            "EHLO" => "250-mail.contoh.id\r\n250 AUTH PLAIN".to_owned(),
            "STAR" if no == No::Plain => "220 go on".to_owned(),
            _ => "250 ok".to_owned(),
        };
        // Whoever was refused may be gone.
        let gone = stream.write_all(format!("{answer}\r\n").as_bytes()).await.is_err();
        if gone || line == "QUIT" || line == "STARTTLS" {
            return (told, mail);
        }
    }
}

/// The same with TLS: at once, or when it is asked for.
async fn serve_secretly(listener: TcpListener, identity: Identity, tls: Tls) -> (String, String) {
    let chain = vec![CertificateDer::from_pem_file(identity.certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_file(identity.key).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (mut stream, _) = listener.accept().await.unwrap();
    if tls == Tls::StartTls {
        stream.write_all(b"220 mail.contoh.id\r\n").await.unwrap();
        let (told, _) = talk(&mut BufReader::new(&mut stream), No::Plain).await;
        assert!(told.ends_with("STARTTLS\n"), "nothing is said in the open: {told}");
    }
    let Ok(stream) = acceptor.accept(stream).await else { return Default::default() };
    let mut stream = BufReader::new(stream);
    if tls == Tls::Implicit {
        // Whoever does not believe the certificate may be gone.
        drop(stream.write_all(b"220 mail.contoh.id\r\n").await);
    }
    talk(&mut stream, No::Nothing).await
}

fn smtp_to(address: SocketAddr, tls: Tls) -> Smtp {
    Smtp::new(smtp::Settings {
        host: address.ip().to_string(),
        port: address.port(),
        tls,
        from: "Gerbang <kode@contoh.id>".to_owned(),
        login: None,
        roots: None,
    })
    .unwrap()
}

#[tokio::test]
async fn a_mail_goes_out_over_tls_to_a_server_whose_authority_is_believed_and_to_no_other() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    for tls in [Tls::StartTls, Tls::Implicit] {
        for (name, roots, sent) in [
            ("localhost", Some(&ours), true),
            ("localhost", Some(&other), false),
            ("localhost", None, false),
            ("mail.contoh.id", Some(&ours), false),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let sender = Smtp::new(smtp::Settings {
                host: "localhost".to_owned(),
                port: listener.local_addr().unwrap().port(),
                tls,
                from: "kode@contoh.id".to_owned(),
                login: Some(("gerbang".to_owned(), Secret::new("sandi".to_owned()))),
                roots: roots.map(|roots| std::fs::read(roots.roots()).unwrap()),
            });
            let sender = sender.unwrap();
            let server = tokio::spawn(serve_secretly(listener, ours.issue(name, 4000), tls));
            let result = sender.send(&message()).await;
            drop(sender);
            let (told, mail) = server.await.unwrap();
            assert_eq!(result.is_ok(), sent, "{tls:?} {name}: {result:?}");
            assert_eq!(mail.contains("123456"), sent, "{tls:?} {name}: {told}");
        }
    }
}

#[tokio::test]
async fn a_mail_shows_what_the_code_is_for_and_no_name_breaks_out_of_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sender = smtp_to(listener.local_addr().unwrap(), Tls::None);
    let server = tokio::spawn(serve_mail(listener, No::Nothing));
    assert_eq!(sender.channel(), "email");
    sender.send(&message()).await.unwrap();
    drop(sender);
    let (told, mail) = server.await.unwrap();
    assert_eq!(told.matches("RCPT").count(), 1, "{told}");
    for said in ["MAIL FROM:<kode@contoh.id>", "RCPT TO:<ani@contoh.id>"] {
        assert!(told.contains(said), "{said}: {told}");
    }
    let (head, body) = mail.split_once("\n\n").unwrap();
    let lines = head.lines().filter(|line| !line.starts_with(' '));
    let mut names: Vec<&str> = lines.map(|line| line.split_once(':').unwrap().0).collect();
    names.sort_unstable();
    let kind = ["Content-Transfer-Encoding", "Content-Type", "Date", "From", "MIME-Version"];
    assert_eq!(names, [&kind[..], &["Subject", "To"]].concat(), "{head}");
    assert!(!head.contains("123456"), "{head}");
    // Long lines are folded. What looks like the end of a mail is not one.
    let body = body.replace("=\n", "");
    for part in ["123456", "Rp1.500.000", "\n..\n", "QUIT", "do not use it"] {
        assert!(body.contains(part), "{part}: {body}");
    }
}

#[tokio::test]
async fn a_server_that_refuses_or_has_no_tls_gets_no_code_and_no_answer_is_repeated() {
    let cases = [
        (No::Recipients, Tls::None, "the mail server answered 550"),
        (No::Mails, Tls::None, "the mail server answered 554"),
        (No::Nothing, Tls::StartTls, "the mail server does not offer what is needed"),
        (No::Nothing, Tls::Implicit, "no connection to the mail server"),
    ];
    for (no, tls, why) in cases {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sender = smtp_to(listener.local_addr().unwrap(), tls);
        let server = tokio::spawn(serve_mail(listener, no));
        let error = sender.send(&message()).await.unwrap_err();
        assert_eq!(error.to_string(), why, "{no:?} {tls:?}");
        drop(sender);
        let (told, _) = server.await.unwrap();
        assert_eq!(told.contains("123456"), no == No::Mails, "{told}");
    }
}

async fn serve_once(listener: TcpListener, status: u16) -> (String, String) {
    let (mut stream, _): (TcpStream, _) = listener.accept().await.unwrap();
    let (mut told, mut bytes) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut bytes).await.unwrap();
        told.extend_from_slice(&bytes[..count]);
        let text = String::from_utf8(told.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() < length.parse().unwrap() {
            continue;
        }
        let answer = format!("HTTP/1.1 {status} \r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
        return (head.to_owned(), body.to_owned());
    }
}

fn to_service(address: SocketAddr, resolve: Arc<dyn Resolve>) -> Webhook {
    let url = Url::parse(&format!("http://{address}/kode?x=1")).unwrap();
    Webhook::new(url, Key::parse(SECRET).unwrap(), resolve, None, Clock::manual(START))
}

#[tokio::test]
async fn a_service_is_told_in_a_signed_message() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sender = to_service(listener.local_addr().unwrap(), Arc::new(System));
    let server = tokio::spawn(serve_once(listener, 204));
    sender.send(&message()).await.unwrap();
    let (head, body) = server.await.unwrap();
    assert!(head.starts_with("POST /kode?x=1 HTTP/1.1"), "{head}");
    let header = |name: &str| {
        let start = format!("{name}: ");
        head.lines().find_map(|line| line.strip_prefix(start.as_str())).unwrap()
    };
    let headers = Headers {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signatures: header("webhook-signature"),
    };
    let key = Key::parse(SECRET).unwrap();
    webhook::verify(&[&key], headers, body.as_bytes(), START).unwrap();
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["code"], &body["id"]), (&"123456".into(), &"otp_01".into()));
    assert_eq!(body["to"]["phone"], "+628123456789");
    assert_eq!(body["operation"], message().what);
}

#[tokio::test]
async fn a_service_that_fails_and_one_on_a_private_address_are_no_success() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve_once(listener, 500));
    let failed = to_service(address, Arc::new(System)).send(&message()).await;
    assert!(failed.unwrap_err().to_string().contains("500"));
    server.await.unwrap();
    let guard = Guard::new(Arc::new(System), Arc::new(|_| false));
    assert!(to_service(address, Arc::new(guard)).send(&message()).await.is_err());
}
