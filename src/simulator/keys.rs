//! Key pairs for tests and the demo. A real partner makes its own and gives away the public half.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};

use crate::connector::snap::sign::{SigningKey, to_pem};
use crate::identity::secret::Secret;

/// Both halves of an RSA key of 2048 bits, in PEM.
pub struct Keys {
    /// `PRIVATE KEY`, PKCS#8.
    pub private: Secret<String>,
    /// `PUBLIC KEY`.
    pub public: String,
}

impl Keys {
    /// A new pair, from the operating system's randomness.
    ///
    /// # Panics
    ///
    /// Without randomness, as everything that makes keys.
    pub fn generate() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("keys can be made");
        let der: Pkcs8V1Der<'static> = pair.as_der().expect("a key that was made can be written");
        let private = to_pem("PRIVATE KEY", der.as_ref());
        let key = SigningKey::from_pem(private.as_bytes()).expect("what was written can be read");
        Self { private: Secret::new(private), public: key.public_pem() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::snap::sign::VerifyingKey;

    #[test]
    fn the_halves_belong_together() {
        let keys = Keys::generate();
        let signing = SigningKey::from_pem(keys.private.expose().as_bytes()).unwrap();
        let verifying = VerifyingKey::from_pem(keys.public.as_bytes()).unwrap();
        assert!(verifying.verify("a", &signing.sign("a")));
    }
}
