//! Counts what an HTTP/2 client sends that asks for nothing: pings, settings, windows, priorities.
//!
//! Each such frame is work for the library, and the library bounds how many there are only by what
//! a connection can carry. Here they have a budget, which grows with time, with requests and with
//! what is written back, since answers are what windows are opened for. Resets, continuations and
//! empty pieces of bodies are not counted here: the library ends connections with too many of them.

use tokio::time::Instant;

use crate::limits::{
    H2_CONTROL_BURST, H2_CONTROL_BYTES, H2_CONTROL_PER_REQUEST, H2_CONTROL_PER_SECOND,
    H2_WRITTEN_PER_CONTROL,
};

/// The client's preface: it stands before the first frame.
const PREFACE_BYTES: usize = 24;
/// Length, type, flags and stream.
const HEAD_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const CONTINUATION: u8 = 9;

/// The frames of one connection, followed from its first byte.
pub(super) struct Frames {
    /// Bytes until the next head.
    skip: usize,
    head: [u8; HEAD_BYTES],
    /// How much of the head has come.
    known: usize,
    /// Frames that may still come.
    left: u64,
    /// When time was counted last.
    since: Instant,
    /// Bytes written that are not counted yet.
    written: u64,
}

/// More came than may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TooMany;

impl Frames {
    /// Before the preface.
    pub(super) fn new() -> Self {
        Self {
            skip: PREFACE_BYTES,
            head: [0; HEAD_BYTES],
            known: 0,
            left: H2_CONTROL_BURST,
            since: Instant::now(),
            written: 0,
        }
    }

    /// Follows bytes as they came.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) -> Result<(), TooMany> {
        while !bytes.is_empty() {
            let step = self.skip.min(bytes.len());
            self.skip -= step;
            bytes = &bytes[step..];
            let step = (HEAD_BYTES - self.known).min(bytes.len());
            self.head[self.known..self.known + step].copy_from_slice(&bytes[..step]);
            self.known += step;
            bytes = &bytes[step..];
            if self.known == HEAD_BYTES {
                self.known = 0;
                self.count()?;
            }
        }
        Ok(())
    }

    /// Notes that so much was written back.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.written = self.written.saturating_add(bytes as u64);
    }

    fn count(&mut self) -> Result<(), TooMany> {
        let [a, b, c, kind, ..] = self.head;
        let length = u32::from_be_bytes([0, a, b, c]);
        self.skip = usize::try_from(length).unwrap_or(usize::MAX);
        match kind {
            HEADERS => {
                self.earn(H2_CONTROL_PER_REQUEST);
                Ok(())
            }
            DATA | RST_STREAM | CONTINUATION => Ok(()),
            _ => self.spend(1 + u64::from(length) / H2_CONTROL_BYTES),
        }
    }

    fn spend(&mut self, cost: u64) -> Result<(), TooMany> {
        if self.left < cost {
            let now = Instant::now();
            let micros = u64::try_from((now - self.since).as_micros()).unwrap_or(u64::MAX);
            let by_time = micros.saturating_mul(H2_CONTROL_PER_SECOND) / 1_000_000;
            if by_time > 0 {
                self.since = now;
            }
            let by_writing = std::mem::take(&mut self.written) / H2_WRITTEN_PER_CONTROL;
            self.earn(by_time.saturating_add(by_writing));
        }
        self.left = self.left.checked_sub(cost).ok_or(TooMany)?;
        Ok(())
    }

    fn earn(&mut self, frames: u64) {
        self.left = self.left.saturating_add(frames).min(H2_CONTROL_BURST);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const PING: u8 = 6;
    const WINDOW_UPDATE: u8 = 8;

    fn frame(kind: u8, length: usize) -> Vec<u8> {
        let [_, a, b, c] = u32::try_from(length).unwrap().to_be_bytes();
        [&[a, b, c, kind, 0, 0, 0, 0, 1][..], &vec![0xff; length]].concat()
    }

    fn begun() -> Frames {
        let mut frames = Frames::new();
        frames.follow(&[b'x'; PREFACE_BYTES]).unwrap();
        frames
    }

    /// How many frames pass before one is too many.
    fn passed(frames: &mut Frames, frame: &[u8]) -> u64 {
        let passed = (0..1_000_000).take_while(|_| frames.follow(frame).is_ok()).count();
        // What follows a refused head was not followed.
        frames.skip = 0;
        passed as u64
    }

    #[tokio::test(start_paused = true)]
    async fn what_asks_for_nothing_has_a_budget() {
        for kind in [2, 4, PING, 7, WINDOW_UPDATE, 0x42] {
            let mut frames = begun();
            assert_eq!(passed(&mut frames, &frame(kind, 8)), H2_CONTROL_BURST, "{kind}");
            tokio::time::sleep(Duration::from_secs(2)).await;
            assert_eq!(passed(&mut frames, &frame(kind, 8)), 2 * H2_CONTROL_PER_SECOND);
            frames.follow(&frame(HEADERS, 20)).unwrap();
            assert_eq!(passed(&mut frames, &frame(kind, 8)), H2_CONTROL_PER_REQUEST);
            frames.wrote(10 * usize::try_from(H2_WRITTEN_PER_CONTROL).unwrap());
            assert_eq!(passed(&mut frames, &frame(kind, 8)), 10);
        }
        let large = frame(0x42, 16 * 1024);
        assert!(passed(&mut begun(), &large) < H2_CONTROL_BURST / 10, "bytes count too");
    }

    #[tokio::test(start_paused = true)]
    async fn an_honest_client_never_notices() {
        let mut frames = begun();
        for _ in 0..10_000 {
            let request = [frame(HEADERS, 100), frame(DATA, 300), frame(WINDOW_UPDATE, 4)];
            frames.follow(&request.concat()).unwrap();
        }
        // One that opens both windows for each small piece of a large answer.
        for _ in 0..10_000 {
            frames.wrote(4 * 1024);
            frames.follow(&[frame(WINDOW_UPDATE, 4), frame(WINDOW_UPDATE, 4)].concat()).unwrap();
        }
        for _ in 0..10_000 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            frames.follow(&frame(PING, 8)).unwrap();
        }
    }

    proptest! {
        #[test]
        fn how_bytes_are_cut_changes_nothing(
            kinds in prop::collection::vec((0..10_u8, 0..40_usize), 1..40),
            cuts in prop::collection::vec(1..30_usize, 1..8),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let _entered = runtime.enter();
            let bytes: Vec<u8> =
                kinds.iter().flat_map(|(kind, length)| frame(*kind, *length)).collect();
            let (mut whole, mut cut) = (begun(), begun());
            whole.follow(&bytes).unwrap();
            let mut rest = &bytes[..];
            for size in cuts.iter().cycle() {
                let (piece, behind) = rest.split_at((*size).min(rest.len()));
                cut.follow(piece).unwrap();
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!((whole.left, whole.skip), (cut.left, cut.skip));
        }
    }
}
