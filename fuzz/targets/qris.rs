//! QRIS: what was read is written as something that reads the same. The checksum is put right first,
//! or hardly anything would come behind it.

#![no_main]

use std::fmt::Write as _;

use gerbang::connector::qris;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let text = with_checksum(text);
    if let Ok(payload) = qris::parse(&text) {
        let written = payload.to_string();
        assert_eq!(qris::parse(&written).as_ref(), Ok(&payload), "{written}");
    }
});

/// `text` up to its last four characters, and the checksum of that: CRC-16/CCITT-FALSE.
fn with_checksum(text: &str) -> String {
    let end = text.char_indices().rev().nth(3).map_or(0, |(at, _)| at);
    let mut summed = text[..end].to_owned();
    let sum = summed.bytes().fold(0xFFFF_u16, |sum, byte| {
        (0..8).fold(sum ^ (u16::from(byte) << 8), |sum, _| {
            if sum & 0x8000 == 0 { sum << 1 } else { (sum << 1) ^ 0x1021 }
        })
    });
    write!(summed, "{sum:04X}").expect("a string takes every text");
    summed
}
