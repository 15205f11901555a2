//! A QR text as a picture: a PNG of one bit for each dot.
//!
//! The encoding of QR is `qrcodegen`'s; of PNG (ISO 15948) only the little that is needed is here:
//! the data is stored, not compressed, since a picture has a few thousand bytes.

use qrcodegen::{QrCode, QrCodeEcc};

/// Dots of a picture for one module of the code.
const SCALE: usize = 6;
/// Modules of white around it (ISO 18004).
const QUIET: usize = 4;
/// Most bytes of a stored block of deflate.
const BLOCK_BYTES: usize = 65_535;

/// The picture; `None` for a text that is too long for any.
pub(super) fn png(text: &str) -> Option<Vec<u8>> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let modules = usize::try_from(code.size()).ok()?;
    let side = (modules + 2 * QUIET) * SCALE;
    let is_dark = |x: usize, y: usize| {
        let place = |dot: usize| {
            let module = (dot / SCALE).checked_sub(QUIET)?;
            i32::try_from(module).ok()
        };
        // What lies outside of the code is white.
        place(x).zip(place(y)).is_some_and(|(x, y)| code.get_module(x, y))
    };
    let mut rows = Vec::with_capacity(side * (side / 8 + 2));
    for y in 0..side {
        // No filter.
        rows.push(0);
        rows.extend((0..side.div_ceil(8)).map(|byte| {
            (0..8).fold(0, |bits: u8, bit| bits << 1 | u8::from(!is_dark(byte * 8 + bit, y)))
        }));
    }
    let side = u32::try_from(side).ok()?.to_be_bytes();
    let mut picture = b"\x89PNG\r\n\x1a\n".to_vec();
    // One bit of grey for each dot, nothing interlaced.
    chunk(&mut picture, b"IHDR", &[&side[..], &side[..], &[1, 0, 0, 0, 0]].concat());
    chunk(&mut picture, b"IDAT", &stored(&rows));
    chunk(&mut picture, b"IEND", &[]);
    Some(picture)
}

fn chunk(picture: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    let length = u32::try_from(data.len()).expect("a picture is small");
    picture.extend(length.to_be_bytes());
    let checked = [&name[..], data].concat();
    picture.extend(&checked);
    picture.extend(crc(&checked).to_be_bytes());
}

/// As zlib has it, in blocks that are stored as they are (RFC 1950, RFC 1951).
fn stored(data: &[u8]) -> Vec<u8> {
    let mut whole = vec![0x78, 0x01];
    let mut blocks = data.chunks(BLOCK_BYTES).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).expect("a block is that small");
        whole.push(u8::from(blocks.peek().is_none()));
        whole.extend(length.to_le_bytes());
        whole.extend((!length).to_le_bytes());
        whole.extend(block);
    }
    whole.extend(adler(data).to_be_bytes());
    whole
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| match sum & 1 {
            0 => sum >> 1,
            _ => sum >> 1 ^ 0xEDB8_8320,
        })
    })
}

fn adler(bytes: &[u8]) -> u32 {
    const PRIME: u32 = 65_521;
    let (low, high) = bytes.iter().fold((1, 0), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % PRIME;
        (low, (high + low) % PRIME)
    });
    high << 16 | low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_those_of_the_standards() {
        assert_eq!(crc(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc(b"IEND"), 0xAE42_6082);
        assert_eq!(adler(b"Wikipedia"), 0x11E6_0398);
    }

    #[test]
    fn a_picture_has_every_module_and_white_around() {
        let picture = png("00020101021226").unwrap();
        let code = QrCode::encode_text("00020101021226", QrCodeEcc::Medium).unwrap();
        let side = usize::try_from(code.size()).unwrap() * SCALE + 2 * QUIET * SCALE;
        assert_eq!(picture[..8], *b"\x89PNG\r\n\x1a\n");
        assert_eq!(picture[16..20], u32::try_from(side).unwrap().to_be_bytes());
        // Head 8, IHDR 25, then length and name 8, zlib 2, a block's head 5.
        let rows = &picture[8 + 25 + 8 + 2 + 5..];
        let row_bytes = side.div_ceil(8) + 1;
        let dot = |x: usize, y: usize| rows[y * row_bytes + 1 + x / 8] >> (7 - x % 8) & 1;
        for x in 0..side {
            for y in 0..side {
                let place = |dot: usize| i32::try_from(dot / SCALE).unwrap() - 4;
                let dark = code.get_module(place(x), place(y));
                assert_eq!(dot(x, y) == 0, dark, "{x} {y}");
            }
        }
        assert_eq!(dot(0, 0), 1);
    }

    #[test]
    fn large_data_is_several_blocks() {
        let data = vec![7; BLOCK_BYTES + 1];
        let whole = stored(&data);
        assert_eq!(whole.len(), 2 + 5 + BLOCK_BYTES + 5 + 1 + 4);
        assert_eq!((whole[2], whole[2 + 5 + BLOCK_BYTES]), (0, 1));
        assert_eq!(png(&"x".repeat(5_000)), None);
    }
}
