//! Random bytes and references from the operating system's generator.
//!
//! Not for simulation: what must be the same in two runs is given as an argument instead.

/// Crockford's base 32: no letter that is mistaken for a digit when read out.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const REFERENCE_CHARS: usize = 26;

/// `N` bytes fit for keys, salts and token ids.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness no token or key is safe to make, and Linux never fails once it has booted.
    getrandom::fill(&mut bytes).expect("the operating system provides randomness");
    bytes
}

/// A reference nobody else has: 128 random bits as 26 characters of base 32.
pub fn reference() -> String {
    text_of(u128::from_be_bytes(random_bytes()))
}

/// 128 bits as 26 characters of base 32.
pub fn text_of(bits: u128) -> String {
    (0..REFERENCE_CHARS)
        .rev()
        .map(|place| {
            let digit = usize::try_from((bits >> (5 * place)) & 31).expect("five bits");
            char::from(ALPHABET[digit])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn references_use_every_bit() {
        assert_eq!(text_of(0), "0".repeat(26));
        assert_eq!(text_of(1), format!("{}1", "0".repeat(25)));
        assert_eq!(text_of(u128::MAX), format!("7{}", "Z".repeat(25)));
    }

    #[test]
    fn references_and_bytes_differ() {
        let references: HashSet<String> = (0..1_000).map(|_| reference()).collect();
        assert_eq!(references.len(), 1_000);
        assert_ne!(random_bytes::<32>(), random_bytes::<32>());
    }
}
