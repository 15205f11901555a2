//! Tokens and keys: nothing that was not signed here passes, and nothing panics.

#![no_main]

use std::sync::LazyLock;

use gerbang::identity::keys::SigningKeys;
use gerbang::identity::{api_key, server_key, token};
use gerbang::ledger::time::Timestamp;
use libfuzzer_sys::fuzz_target;

static KEYS: LazyLock<SigningKeys> = LazyLock::new(|| SigningKeys::in_memory(1));

fuzz_target!(|text: &str| {
    let now = Timestamp::from_seconds(1_790_000_000);
    assert!(token::verify(&KEYS, text, now).is_err());
    let secret = [7; 64];
    let issuer = token::peek_issuer(text).unwrap_or_default();
    assert!(token::verify_client(text, now, &secret, &issuer).is_err());
    assert!(token::verify_partner(text, now, &secret, "009").is_err());
    let _ = (api_key::parse(text), server_key::id_of(text));
});
