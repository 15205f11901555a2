//! TLS: certificate and key from PEM files, and new ones without a restart.
//!
//! Protocols and suites are those of rustls: 1.2 and 1.3, forward secrecy and authenticated
//! ciphers only. Where roots for clients are given, a client without a certificate that leads to one
//! of them is not let in; elsewhere client certificates are not asked for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio::net::TcpStream;

/// A connection under TLS.
pub(super) type Stream = tokio_rustls::server::TlsStream<TcpStream>;

/// Why certificate and key cannot be used.
#[derive(Debug, Error)]
pub enum Error {
    /// A file cannot be read or is not PEM.
    #[error("cannot read {path}: {source}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The file of the chain holds no certificate.
    #[error("{path} holds no certificate")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The roots for clients cannot be used.
    #[error("{path} cannot be used as roots for clients: {reason}")]
    Clients {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The two do not go together, or rustls does not take one of them.
    #[error("certificate {certificate} and key {key} cannot be used: {source}")]
    Unusable {
        /// The file of the chain.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
}

/// Oldest protocol that is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oldest {
    /// TLS 1.2, for everyone.
    Tls12,
    /// TLS 1.3, as SNAP asks for.
    Tls13,
}

/// Certificate and key that can be replaced while connections go on.
#[derive(Clone)]
pub struct Reloadable(Arc<Files>);

struct Files {
    certificate: PathBuf,
    key: PathBuf,
    clients: Option<PathBuf>,
    oldest: Oldest,
    current: ArcSwap<Loaded>,
}

/// What was made of the files.
struct Loaded {
    config: Arc<ServerConfig>,
    /// When the first certificate of the chain ends, in seconds since the epoch, if it says.
    ends: Option<i64>,
}

impl Reloadable {
    /// Reads a chain, leaf first, and its key.
    pub fn load(certificate: &Path, key: &Path, oldest: Oldest) -> Result<Self, Error> {
        Self::of(certificate, key, oldest, None)
    }

    /// The same, for clients with a certificate that leads to one of the roots in `clients` only.
    pub fn load_mutual(
        certificate: &Path,
        key: &Path,
        oldest: Oldest,
        clients: &Path,
    ) -> Result<Self, Error> {
        Self::of(certificate, key, oldest, Some(clients))
    }

    fn of(
        certificate: &Path,
        key: &Path,
        oldest: Oldest,
        clients: Option<&Path>,
    ) -> Result<Self, Error> {
        let current = ArcSwap::from_pointee(read(certificate, key, oldest, clients)?);
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        let clients = clients.map(Path::to_owned);
        Ok(Self(Arc::new(Files { certificate, key, clients, oldest, current })))
    }

    /// Reads the files again, for connections from here on. If that fails, the old ones stay.
    pub fn reload(&self) -> Result<(), Error> {
        let files = &*self.0;
        let Files { certificate, key, clients, oldest, .. } = files;
        files.current.store(Arc::new(read(certificate, key, *oldest, clients.as_deref())?));
        Ok(())
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.current.load().config)
    }

    /// When the first certificate of the chain in use ends, in seconds since the epoch; none if it
    /// cannot be read.
    pub fn ends(&self) -> Option<i64> {
        self.0.current.load().ends
    }
}

fn read(
    certificate: &Path,
    key: &Path,
    oldest: Oldest,
    clients: Option<&Path>,
) -> Result<Loaded, Error> {
    let chain = certificates(certificate)?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key))?;
    let unusable = |source| Error::Unusable {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        source,
    };
    let versions = match oldest {
        Oldest::Tls12 => &[&TLS13, &TLS12][..],
        Oldest::Tls13 => &[&TLS13][..],
    };
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .map_err(unusable)?;
    let config = match clients {
        None => config.with_no_client_auth(),
        Some(clients) => config.with_client_cert_verifier(verifier(clients)?),
    };
    let ends = earliest_end(&chain);
    let mut config = config.with_single_cert(chain, private).map_err(unusable)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Loaded { config: Arc::new(config), ends })
}

/// When the first certificate of a chain ends; rustls has read the leaf by then, and takes the
/// others as they are.
fn earliest_end(chain: &[CertificateDer<'_>]) -> Option<i64> {
    let end = |certificate: &CertificateDer<'_>| {
        let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
        Some(certificate.validity().not_after.timestamp())
    };
    chain.iter().filter_map(end).min()
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(unreadable(path))?;
    if chain.is_empty() { Err(Error::NoCertificate { path: path.to_owned() }) } else { Ok(chain) }
}

fn unreadable(path: &Path) -> impl FnOnce(pem::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Pem { path, source }
}

/// What lets in clients whose certificate leads to one of the roots in `path`.
fn verifier(path: &Path) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let unusable = |reason: String| Error::Clients { path: path.to_owned(), reason };
    let mut roots = RootCertStore::empty();
    for root in certificates(path)? {
        roots.add(root).map_err(|error| unusable(error.to_string()))?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
    verifier.map_err(|error| unusable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// When certificates of these tests end: 2031-02-03.
    const ENDS: i64 = 1_927_843_200;

    fn write_pair(directory: &Path) -> (PathBuf, PathBuf) {
        let mut names = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        names.not_after = rcgen::date_time_ymd(2031, 2, 3);
        let signing_key = rcgen::KeyPair::generate().unwrap();
        let cert = names.self_signed(&signing_key).unwrap();
        let (certificate, key) = (directory.join("cert.pem"), directory.join("key.pem"));
        fs::write(&certificate, cert.pem()).unwrap();
        fs::write(&key, signing_key.serialize_pem()).unwrap();
        (certificate, key)
    }

    #[test]
    fn errors_name_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let (certificate, key) = write_pair(directory.path());
        let none = directory.path().join("none.pem");
        let message = |certificate: &Path, key: &Path| {
            Reloadable::load(certificate, key, Oldest::Tls12).err().unwrap().to_string()
        };
        assert!(message(&none, &key).contains("none.pem"));
        assert!(message(&certificate, &none).contains("none.pem"));
        assert!(message(&key, &key).contains("holds no certificate"));
        assert!(message(&certificate, &certificate).contains("cert.pem"));
    }

    #[test]
    fn a_failed_reload_keeps_what_works() {
        let directory = tempfile::tempdir().unwrap();
        let (certificate, key) = write_pair(directory.path());
        let tls = Reloadable::load(&certificate, &key, Oldest::Tls13).unwrap();
        let before = tls.config();
        fs::write(&key, "not a key").unwrap();
        assert!(tls.reload().is_err());
        assert!(Arc::ptr_eq(&before, &tls.config()));
        write_pair(directory.path());
        assert_eq!(tls.ends(), Some(ENDS));
        tls.reload().unwrap();
        assert!(!Arc::ptr_eq(&before, &tls.config()));
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (certificate, _) = write_pair(first.path());
        let (_, key) = write_pair(second.path());
        let refused = Reloadable::load(&certificate, &key, Oldest::Tls12);
        assert!(matches!(refused, Err(Error::Unusable { .. })));
    }
}
