//! Certificates, both ways: whom we believe, and who we say we are (rows 19, 20 and 28).

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gerbang::connector::http::{Cause, Client, Failure, Options};
use gerbang::connector::tls::{Identity, Oldest, Settings, load};
use gerbang::http::reply::Reply;
use gerbang::http::request::Request;
use gerbang::http::server::{self, Service};
use gerbang::http::tls::{self as server_tls, Reloadable};
use gerbang::outbound::{Host, Resolve, Resolving, Url};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::version::TLS12;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::wire::{PATIENCE, answer, listener, read_request};

/// The name in the bank's certificate.
const BANK: &str = "bank.example";

/// An authority of our own, and the files it has issued.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: TempDir,
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("roots.pem"), issuer.pem()).unwrap();
        Self { issuer, directory }
    }

    pub(super) fn roots(&self) -> PathBuf {
        self.directory.path().join("roots.pem")
    }

    /// Issues a certificate for `name` that ends in `year`.
    pub(super) fn issue(&self, name: &str, year: i32) -> Identity {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 1, 1);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let path = |kind: &str| self.directory.path().join(format!("{name}-{year}.{kind}.pem"));
        let identity = Identity { certificate: path("certificate"), key: path("key") };
        fs::write(&identity.certificate, certificate.pem()).unwrap();
        fs::write(&identity.key, key.serialize_pem()).unwrap();
        identity
    }
}

/// Every name is the server under test.
struct Here(SocketAddr);

impl Resolve for Here {
    fn resolve<'a>(&'a self, _: &'a Host, _: u16) -> Resolving<'a> {
        Box::pin(async move { Ok(vec![self.0]) })
    }
}

struct Fine;

impl Service for Fine {
    fn body_max(&self, _: &hyper::http::request::Parts) -> usize {
        1000
    }

    async fn call(&self, _: Request) -> Reply {
        Reply::no_content()
    }
}

/// A server of ours with such a certificate, until the sender is dropped.
async fn start(
    identity: &Identity,
    oldest: server_tls::Oldest,
    clients: Option<&Path>,
) -> (SocketAddr, watch::Sender<bool>) {
    let Identity { certificate, key } = identity;
    let tls = match clients {
        None => Reloadable::load(certificate, key, oldest),
        Some(clients) => Reloadable::load_mutual(certificate, key, oldest, clients),
    };
    let (listener, address) = listener().await;
    let (stop, stopped) = watch::channel(false);
    let options = server::Options::standard();
    tokio::spawn(server::serve(listener, Some(tls.unwrap()), Arc::new(Fine), stopped, options));
    (address, stop)
}

/// What one request to `https://{name}` at `address` ends as.
async fn ask(address: SocketAddr, name: &str, settings: &Settings) -> Result<u16, Failure> {
    let url = Url::parse(&format!("https://{name}")).unwrap();
    let tls = Some(load(settings).unwrap());
    let client = Client::new(&url, Arc::new(Here(address)), tls, Options::standard());
    let request = hyper::Request::post("/").body(Bytes::from_static(b"{}")).unwrap();
    let sent = timeout(PATIENCE, client.send(request)).await.expect("it hangs");
    sent.map(|answer| answer.status)
}

fn believing(authority: &Authority) -> Settings {
    Settings { oldest: Oldest::Tls12, roots: Some(authority.roots()), client: None }
}

#[track_caller]
fn assert_no_tls(sent: Result<u16, Failure>, why: &str) {
    match sent {
        Err(Failure::NothingSent(Cause::Tls(text))) => assert!(text.contains(why), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn only_the_right_certificate_of_the_right_authority_is_believed() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let (address, _stop) = start(&ours.issue(BANK, 4000), server_tls::Oldest::Tls12, None).await;
    assert_eq!(ask(address, BANK, &believing(&ours)).await, Ok(204));
    assert_no_tls(ask(address, BANK, &believing(&other)).await, "UnknownIssuer");
    assert_no_tls(ask(address, "bank.evil.example", &believing(&ours)).await, "not valid for name");
    assert_no_tls(ask(address, "127.0.0.1", &believing(&ours)).await, "not valid for name");
    let system = Settings { roots: None, ..believing(&ours) };
    assert_no_tls(ask(address, BANK, &system).await, "UnknownIssuer");

    let (address, _stop) = start(&ours.issue(BANK, 2020), server_tls::Oldest::Tls12, None).await;
    assert_no_tls(ask(address, BANK, &believing(&ours)).await, "expired");
}

#[tokio::test]
async fn a_bank_of_tls_12_is_refused_where_13_is_asked_for() {
    let ours = Authority::new("ours");
    let Identity { certificate, key } = ours.issue(BANK, 4000);
    let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(mut stream) = acceptor.accept(stream).await
                && read_request(&mut stream).await.is_ok()
            {
                let answer = answer("204 No Content", "text/plain", "");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    });
    let strict = Settings { oldest: Oldest::Tls13, ..believing(&ours) };
    assert_no_tls(ask(address, BANK, &strict).await, "");
    assert_eq!(ask(address, BANK, &believing(&ours)).await, Ok(204));

    let (address, _stop) = start(&ours.issue(BANK, 4000), server_tls::Oldest::Tls13, None).await;
    assert_eq!(ask(address, BANK, &strict).await, Ok(204));
}

#[tokio::test]
async fn a_server_that_wants_a_certificate_lets_nobody_else_in() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    for oldest in [server_tls::Oldest::Tls12, server_tls::Oldest::Tls13] {
        let (address, _stop) = start(&ours.issue(BANK, 4000), oldest, Some(&ours.roots())).await;
        let with = |client| Settings { client, ..believing(&ours) };
        let right = with(Some(ours.issue("gateway.example", 4000)));
        assert_eq!(ask(address, BANK, &right).await, Ok(204));
        for (client, why) in [
            (None, "CertificateRequired"),
            (Some(other.issue("gateway.example", 4000)), "UnknownCA"),
            (Some(ours.issue("gateway.example", 2020)), "CertificateExpired"),
        ] {
            assert_no_tls(ask(address, BANK, &with(client)).await, why);
        }
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_the_hello_was_sent_nothing() {
    let ours = Authority::new("ours");
    let (listener, address) = listener().await;
    let url = Url::parse("https://bank.example").unwrap();
    let options = Options { tls: Duration::from_millis(100), ..Options::standard() };
    let tls = Some(load(&believing(&ours)).unwrap());
    let client = Client::new(&url, Arc::new(Here(address)), tls, options);
    let request = hyper::Request::post("/").body(Bytes::from_static(b"{}")).unwrap();
    let (sent, accepted) = tokio::join!(client.send(request), listener.accept());
    assert_eq!(sent.map(|answer| answer.status), Err(Failure::NothingSent(Cause::TlsTimeout)));
    drop(accepted);
}
