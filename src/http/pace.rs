//! Whether a client takes what it asked for: at least so much in so much time, and some time more.
//!
//! A client that takes a few bytes now and then makes progress and yet holds its answer, and our
//! memory, for as long as it likes. So what it takes earns it time by a rate, and no more than the
//! grace that everybody has.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::limits::WRITE_BYTES_PER_SECOND_MIN;

/// How a client keeps up with what is written to it.
pub(super) struct Pace {
    grace: Duration,
    /// While something waits to be taken.
    behind: Option<Behind>,
}

struct Behind {
    deadline: Instant,
    /// Fires at or before the deadline.
    sleep: Pin<Box<Sleep>>,
}

impl Pace {
    /// A client that has taken everything, and may be behind for `grace`.
    pub(super) const fn new(grace: Duration) -> Self {
        Self { grace, behind: None }
    }

    /// It took so many bytes.
    pub(super) fn took(&mut self, bytes: usize) {
        let Some(behind) = &mut self.behind else { return };
        let micros = (bytes as u64).saturating_mul(1_000_000) / WRITE_BYTES_PER_SECOND_MIN;
        let earned = behind.deadline + Duration::from_micros(micros);
        behind.deadline = earned.min(Instant::now() + self.grace);
    }

    /// It took everything there was.
    pub(super) fn caught_up(&mut self) {
        self.behind = None;
    }

    /// Called when it takes no more for now: ready once it has been too slow.
    pub(super) fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let grace = self.grace;
        let behind = self.behind.get_or_insert_with(|| {
            let deadline = Instant::now() + grace;
            Behind { deadline, sleep: Box::pin(sleep_until(deadline)) }
        });
        while behind.sleep.as_mut().poll(cx).is_ready() {
            if behind.deadline <= Instant::now() {
                return Poll::Ready(());
            }
            behind.sleep.as_mut().reset(behind.deadline);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use bytes::BytesMut;
    use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

    use super::*;
    use crate::http::guard::Guard;
    use crate::http::server::Options;

    /// Takes so many bytes each time a period is over.
    struct Slow {
        bytes: usize,
        period: Duration,
        next: Pin<Box<Sleep>>,
    }

    impl Slow {
        fn new(bytes: usize, period: Duration) -> Self {
            Self { bytes, period, next: Box::pin(sleep_until(Instant::now())) }
        }
    }

    impl AsyncRead for Slow {
        fn poll_read(
            self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            _buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Slow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            std::task::ready!(self.next.as_mut().poll(cx));
            let next = Instant::now() + self.period;
            self.next.as_mut().reset(next);
            Poll::Ready(Ok(bytes.len().min(self.bytes)))
        }

        fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// How a megabyte is written to a client that takes `bytes` each `seconds`.
    async fn written(bytes: usize, seconds: u64) -> io::Result<()> {
        let slow = Slow::new(bytes, Duration::from_secs(seconds));
        let link = Arc::default();
        let mut guard = Guard::http1(slow, BytesMut::new(), link, Options::standard());
        guard.write_all(&vec![b'x'; 1024 * 1024]).await
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_too_little_is_given_up() {
        let least = usize::try_from(WRITE_BYTES_PER_SECOND_MIN).unwrap();
        // (bytes, each so many seconds, whether the whole of it is written)
        let table = [
            (1, 19, false),
            (least, 2, false),
            (least, 1, true),
            (10 * least, 10, true),
            (1024 * 1024, 19, true),
            (1024 * 1024, 21, true),
            (512 * 1024, 21, false),
        ];
        for (bytes, seconds, whole) in table {
            let result = written(bytes, seconds).await;
            assert_eq!(result.is_ok(), whole, "{bytes} bytes each {seconds} s: {result:?}");
        }
    }
}
