//! TLS towards banks and bank services: whom we believe, and who we say we are.
//!
//! The server's name is always checked, against the system's roots or a root file of our own; there
//! is no way to switch that off. Protocols are 1.2 and 1.3 as rustls has them, or 1.3 alone where
//! SNAP asks for it. A client certificate is given where the other side wants one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

/// What an operator decides about it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether TLS 1.2 is refused.
    pub oldest: Oldest,
    /// The only roots that are believed, PEM; the system's if none are given.
    pub roots: Option<PathBuf>,
    /// Our own certificate.
    pub client: Option<Identity>,
}

/// Oldest protocol that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oldest {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// A certificate to show, and its key, both PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why there is no TLS.
#[derive(Debug, Error)]
pub enum Error {
    /// A file cannot be read or is not PEM.
    #[error("cannot read {}: {source}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// No root certificate was found.
    #[error("{}: no root certificate", place.display())]
    NoRoots {
        /// Where they were looked for.
        place: PathBuf,
    },
    /// rustls does not take one of them.
    #[error("{}: {source}", place.display())]
    Unusable {
        /// The file.
        place: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
}

impl Error {
    /// The file that cannot be used.
    pub fn place(&self) -> &Path {
        match self {
            Self::Pem { path, .. } => path,
            Self::NoRoots { place } | Self::Unusable { place, .. } => place,
        }
    }
}

/// Reads the files and gives what connections are made with.
///
/// # Errors
/// Which file cannot be used, and why.
pub fn load(settings: &Settings) -> Result<Arc<ClientConfig>, Error> {
    let versions = match settings.oldest {
        Oldest::Tls12 => &[&TLS13, &TLS12][..],
        Oldest::Tls13 => &[&TLS13][..],
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .expect("the provider has suites for both versions")
        .with_root_certificates(roots(settings.roots.as_deref())?);
    let mut config = match &settings.client {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let key =
                PrivateKeyDer::from_pem_file(&identity.key).map_err(unreadable(&identity.key))?;
            let chain = certificates(&identity.certificate)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|source| Error::Unusable { place: identity.certificate.clone(), source })?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn roots(path: Option<&Path>) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    let Some(path) = path else {
        // One that cannot be read is not believed, which is all there is to do about it.
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return if store.is_empty() {
            Err(Error::NoRoots { place: "the system's store".into() })
        } else {
            Ok(store)
        };
    };
    for certificate in certificates(path)? {
        store
            .add(certificate)
            .map_err(|source| Error::Unusable { place: path.to_owned(), source })?;
    }
    if store.is_empty() { Err(Error::NoRoots { place: path.to_owned() }) } else { Ok(store) }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(unreadable(path))
}

fn unreadable(path: &Path) -> impl FnOnce(pem::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Pem { path, source }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn plain() -> Settings {
        Settings { oldest: Oldest::Tls12, roots: None, client: None }
    }

    #[test]
    fn mistakes_name_their_file() {
        let directory = tempfile::tempdir().unwrap();
        let pair = rcgen::generate_simple_self_signed(["bank.example".to_owned()]).unwrap();
        let (good, key) = (directory.path().join("good.pem"), directory.path().join("key.pem"));
        fs::write(&good, pair.cert.pem()).unwrap();
        fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
        let empty = directory.path().join("empty.pem");
        fs::write(&empty, "").unwrap();
        let missing = directory.path().join("missing.pem");

        let with_roots = |roots: &Path| Settings { roots: Some(roots.to_owned()), ..plain() };
        let with_key = |certificate: &Path, key: &Path| Settings {
            roots: Some(good.clone()),
            client: Some(Identity { certificate: certificate.to_owned(), key: key.to_owned() }),
            ..plain()
        };
        assert!(load(&with_roots(&good)).is_ok());
        assert!(load(&with_key(&good, &key)).is_ok());
        let table = [
            (with_roots(&missing), "missing.pem"),
            (with_roots(&empty), "empty.pem"),
            (with_key(&good, &missing), "missing.pem"),
            (with_key(&missing, &key), "missing.pem"),
            (with_key(&empty, &key), "empty.pem"),
            (with_key(&good, &good), "good.pem"),
        ];
        for (settings, name) in table {
            let error = load(&settings).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
