//! QRIS, the national QR code of Indonesia (EMVCo, merchant presented), as text: nothing here does
//! IO, reads a clock or draws a picture.
//!
//! ```text
//!  00 02 01 │ 01 02 12 │ 26 … 51 merchant accounts │ 52 … 61 who, where, how much │ 62 │ 63 04 C385
//!  format     once       tag length value, nested     each once, in any order       ours  CRC of all
//!  first                                                                                  before it
//! ```
//!
//! # Invariants
//!
//! - A [`Payload`] can always be written: whatever it holds was checked when it was made.
//! - What is written is read back as the same payload. It is written by ascending tag; what is read
//!   may come in any order between the first (00) and the last (63).
//! - A text whose checksum is wrong, or with a tag said twice, is no payload: nothing is guessed.
//! - Lengths count characters, and every character is printable ASCII.
//!
//! The layout and its samples are those that banks and acquirers use in public; the standard itself
//! was not at hand. Length bounds of tags are EMVCo's.

mod check;
mod error;
mod field;
mod payload;
mod read;
mod sum;
#[cfg(test)]
mod tests;

pub use self::error::{Error, Place};
pub use self::field::{Field, Tag};
pub use self::payload::{Account, Initiation, Merchant, Parts, Payload, Tip};
pub use self::read::parse;
pub use self::sum::{Percent, Sum};

/// CRC-16/CCITT-FALSE: polynomial 0x1021 from 0xFFFF, nothing reflected.
pub(crate) fn crc(bytes: &[u8]) -> u16 {
    let mut crc = 0xFFFF_u16;
    for byte in bytes {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
        }
    }
    crc
}
