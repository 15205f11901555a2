//! The framing of a chunked body, followed byte by byte across reads.
//!
//! Stricter than RFC 9112 asks: no chunk extensions and no trailers, which nothing here would
//! read and which parsers disagree about. It copies nothing; hyper decodes the same bytes.

/// Where in a chunked body the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunks {
    /// In a chunk's size, of which so many digits were read.
    Size { value: u32, digits: u8 },
    /// Before the LF that ends a size.
    SizeLf(u32),
    /// In data, of which so many bytes are left.
    Data(u32),
    /// Before the CR, then the LF, that end data.
    DataCr,
    /// See `DataCr`.
    DataLf,
    /// Before the CR, then the LF, that end the body.
    EndCr,
    /// See `EndCr`.
    EndLf,
    /// Behind the body.
    Done,
}

/// A chunk's size has at most this many digits: 256 MB, far beyond any body that is taken.
const DIGITS_MAX: u8 = 7;

impl Chunks {
    /// Before the first chunk.
    pub(super) const START: Self = Self::Size { value: 0, digits: 0 };

    /// Follows `bytes` until the body ends and says how many belong to it; an error carries how
    /// many were in order.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Result<usize, usize> {
        let mut at = 0;
        while *self != Self::Done && at < bytes.len() {
            if let Self::Data(left) = *self {
                let rest = u32::try_from(bytes.len() - at).unwrap_or(u32::MAX);
                let step = left.min(rest);
                at += step as usize;
                *self = if step == left { Self::DataCr } else { Self::Data(left - step) };
                continue;
            }
            *self = self.after(bytes[at]).ok_or(at)?;
            at += 1;
        }
        Ok(at)
    }

    /// The state after one byte of framing; `None` if the byte is out of order.
    fn after(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Size { value, digits: 1.. }, b'\r') => Some(Self::SizeLf(value)),
            (Self::Size { value, digits: digits @ 0..DIGITS_MAX }, _) => {
                let digit = char::from(byte).to_digit(16)?;
                Some(Self::Size { value: value * 16 + digit, digits: digits + 1 })
            }
            (Self::SizeLf(0), b'\n') => Some(Self::EndCr),
            (Self::SizeLf(size), b'\n') => Some(Self::Data(size)),
            (Self::DataCr, b'\r') => Some(Self::DataLf),
            (Self::DataLf, b'\n') => Some(Self::START),
            (Self::EndCr, b'\r') => Some(Self::EndLf),
            (Self::EndLf, b'\n') => Some(Self::Done),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_ends_where_it_should_however_it_is_cut() {
        let body = b"5\r\nhello\r\n00A\r\n0123456789\r\n0\r\n\r\n";
        let with_next = [&body[..], b"GET /"].concat();
        for cut in 0..=with_next.len() {
            let mut chunks = Chunks::START;
            let first = chunks.follow(&with_next[..cut]).unwrap();
            let second = chunks.follow(&with_next[first..]).unwrap();
            assert_eq!((first + second, chunks), (body.len(), Chunks::Done), "{cut}");
        }
    }

    #[test]
    fn anything_out_of_order_is_refused_where_it_stands() {
        let table: [(&[u8], usize); 13] = [
            (b"\r\n", 0),
            (b"5\nhello", 1),
            (b"5;a=b\r\n", 1),
            (b" 5\r\n", 0),
            (b"5 \r\n", 1),
            (b"0x5\r\n", 1),
            (b"-1\r\n", 0),
            (b"g\r\n", 0),
            (b"00000005\r\n", 7),
            (b"1\r\nab", 4),
            (b"1\r\na\n", 4),
            (b"0\r\nx: y\r\n\r\n", 3),
            (b"5\r\r\n", 2),
        ];
        for (bytes, at) in table {
            assert_eq!(Chunks::START.clone().follow(bytes), Err(at), "{bytes:?}");
        }
    }
}
