//! A wrapper for what must never be printed, compared byte by byte or left in memory.
//!
//! It deliberately has no `Debug`, `Display`, `PartialEq` or `Serialize`, so a type that derives
//! them cannot hold a secret by accident. It cannot help with copies made before wrapping.

use serde::{Deserialize, Deserializer};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A secret; overwritten with zeros when dropped.
///
/// ```compile_fail,E0277
/// println!("{:?}", gerbang::identity::secret::Secret::new([0u8; 32]));
/// ```
/// ```compile_fail,E0277
/// println!("{}", gerbang::identity::secret::Secret::new(String::new()));
/// ```
/// ```compile_fail,E0369
/// use gerbang::identity::secret::Secret;
/// let _ = Secret::new([0u8; 32]) == Secret::new([0u8; 32]);
/// ```
/// ```compile_fail,E0277
/// let _ = serde_json::to_string(&gerbang::identity::secret::Secret::new([0u8; 32]));
/// ```
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes charge of `value`.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The secret itself, for the call that needs it; not to be kept.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize + AsRef<[u8]>> Secret<T> {
    /// Whether `given` is the secret, in a time that depends on its length only.
    pub fn matches(&self, given: &[u8]) -> bool {
        self.0.as_ref().ct_eq(given).into()
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A request's body may be read into a secret; nothing writes one out.
impl<'de, T: Zeroize + Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    /// Fails to compile, as ambiguous, once the type has the trait: both impls would then apply.
    macro_rules! assert_lacks {
        ($type:ty: $($bound:tt)+) => {{
            trait Ambiguous<Marker> {
                fn check() {}
            }
            impl<T: ?Sized> Ambiguous<()> for T {}
            impl<T: ?Sized + $($bound)+> Ambiguous<u8> for T {}
            <$type as Ambiguous<_>>::check();
        }};
    }

    #[test]
    fn lacks_what_would_leak_it() {
        assert_lacks!(Secret<[u8; 32]>: std::fmt::Debug);
        assert_lacks!(Secret<String>: std::fmt::Display);
        assert_lacks!(Secret<[u8; 32]>: PartialEq);
        assert_lacks!(Secret<String>: serde::Serialize);
        assert_lacks!(Secret<[u8; 32]>: Clone);
    }

    #[test]
    fn matches_only_the_whole_secret() {
        let secret = Secret::new(b"0123456789abcdef".to_vec());
        assert!(secret.matches(b"0123456789abcdef"));
        for wrong in [&b"0123456789abcdeF"[..], b"0123456789abcde", b"0123456789abcdef0", b""] {
            assert!(!secret.matches(wrong));
        }
    }

    #[test]
    fn wiped_when_dropped() {
        struct Probe(Rc<Cell<bool>>);
        impl Zeroize for Probe {
            fn zeroize(&mut self) {
                self.0.set(true);
            }
        }
        let wiped = Rc::new(Cell::new(false));
        drop(Secret::new(Probe(Rc::clone(&wiped))));
        assert!(wiped.get());
    }

    #[test]
    fn read_from_a_body() {
        let secret: Secret<String> = serde_json::from_str("\"rahasia\"").unwrap();
        assert_eq!(secret.expose(), "rahasia");
    }
}
