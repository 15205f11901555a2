//! What stands between a socket and hyper: it follows the framing, keeps the deadlines, and
//! holds back a head until it is whole and accepted.
//!
//! hyper alone has no deadline for a silent client, for a slow body or for a client that does not
//! read, and lets pass what a proxy may read differently. Here, hyper never sees a byte of a head
//! that [`head::read`] refuses: in its place it gets a stand-in that no client can write, so
//! that a refusal is answered in order, as a problem, like everything else.
//! It decides nothing about requests; of HTTP/2 it looks at writes that stall, and counts the frames
//! that ask for nothing.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::chunks::Chunks;
use super::frames::Frames;
use super::head::{self, Framing, LINE_MAX, Refusal};
use super::link::{Link, stand_in};
use super::pace::Pace;
use super::server::Options;
use crate::limits::{HEAD_MAX, LINGER_BYTES_MAX};

/// A request line that is longer than this, with an empty line before it, is refused unfinished.
const LOOK_AGAIN: usize = LINE_MAX + 2;

/// What the next byte belongs to.
enum Reading {
    Head,
    Body(u64),
    Chunked(Chunks),
    /// The head was refused; what follows means nothing.
    Refused,
    /// The body was refused.
    Broken,
    /// Not HTTP/1.1, or no longer.
    Raw,
}

/// What the connection is waiting for, and so which deadline runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Head,
    Body,
    Work,
}

/// A connection under guard.
pub(super) struct Guard<T> {
    inner: T,
    link: Arc<Link>,
    options: Options,
    reading: Reading,
    /// Bytes read and not passed on, of which the first `ready` may be.
    held: BytesMut,
    ready: usize,
    /// The phase whose deadline runs, and since when.
    timed: Option<(Phase, Instant)>,
    /// Fires at or before the deadline; then it is set anew. So it is not touched per request.
    sleep: Pin<Box<Sleep>>,
    pace: Pace,
    /// Under HTTP/2.
    frames: Option<Frames>,
    lingered: usize,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Guard<T> {
    /// Guards an HTTP/1.1 connection of which `first` was already read.
    pub(super) fn http1(inner: T, first: BytesMut, link: Arc<Link>, options: Options) -> Self {
        let mut guard = Self::new(inner, Reading::Head, link, options);
        guard.held = first;
        guard.hold(&[]);
        guard
    }

    /// Passes HTTP/2 through, `first` first; watches the writes and counts frames.
    pub(super) fn http2(inner: T, first: BytesMut, link: Arc<Link>, options: Options) -> Self {
        let mut guard = Self::new(inner, Reading::Raw, link, options);
        guard.frames = Some(Frames::new());
        guard.ready = first.len();
        guard.held = first;
        guard
    }

    fn new(inner: T, reading: Reading, link: Arc<Link>, options: Options) -> Self {
        let sleep = Box::pin(sleep_until(Instant::now() + options.head_timeout));
        let pace = Pace::new(options.write_stall_timeout);
        Self {
            inner,
            link,
            options,
            reading,
            held: BytesMut::new(),
            ready: 0,
            timed: None,
            sleep,
            pace,
            frames: None,
            lingered: 0,
        }
    }

    /// Follows the framing through `bytes` and says how many hyper may have.
    fn follow(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let mut at = 0;
        while at < bytes.len() {
            match &mut self.reading {
                Reading::Head => match head::read(&bytes[at..]) {
                    Ok(None) => return Ok(at),
                    Ok(Some(head)) => {
                        at += head.len;
                        self.timed = None;
                        self.reading = match head.body {
                            Framing::Length(0) => Reading::Head,
                            Framing::Length(length) => Reading::Body(length),
                            Framing::Chunked => Reading::Chunked(Chunks::START),
                        };
                    }
                    // What stands before the refused head is still answered, by `refuse`.
                    Err(refusal) if at == 0 => return Err(refusal),
                    Err(_) => return Ok(at),
                },
                Reading::Body(left) => {
                    let rest = (bytes.len() - at) as u64;
                    let step = rest.min(*left);
                    *left -= step;
                    at += usize::try_from(step).unwrap_or(usize::MAX);
                    if *left == 0 {
                        self.reading = Reading::Head;
                    }
                }
                Reading::Chunked(chunks) => match chunks.follow(&bytes[at..]) {
                    Ok(step) => {
                        at += step;
                        if *chunks == Chunks::Done {
                            self.reading = Reading::Head;
                        }
                    }
                    Err(step) => {
                        self.reading = Reading::Broken;
                        return Ok(at + step);
                    }
                },
                Reading::Refused | Reading::Broken => return Ok(at),
                Reading::Raw => return Ok(bytes.len()),
            }
        }
        Ok(at)
    }

    /// Takes bytes that cannot be passed on at once and looks again at all that is held.
    fn hold(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
        let held = std::mem::take(&mut self.held);
        let followed = self.follow(&held);
        self.held = held;
        match followed {
            Ok(accepted) => self.ready = accepted,
            Err(refusal) => self.refuse(refusal),
        }
    }

    /// Puts a stand-in where the refused head is, for the exchange to answer.
    fn refuse(&mut self, refusal: Refusal) {
        self.held.clear();
        self.held.extend_from_slice(stand_in(refusal).as_bytes());
        self.ready = self.held.len();
        self.reading = Reading::Refused;
    }

    /// Passes on what is held and may go.
    fn pass(&mut self, buf: &mut ReadBuf<'_>) -> io::Result<()> {
        let step = self.ready.min(buf.remaining());
        count(&mut self.frames, &self.held[..step])?;
        buf.put_slice(&self.held[..step]);
        self.held.advance(step);
        self.ready -= step;
        if self.ready == 0 && !self.held.is_empty() && matches!(self.reading, Reading::Head) {
            // What is left may be a refused head, which waited for its elders to be passed on.
            self.hold(&[]);
        }
        Ok(())
    }

    /// Reads straight into `buf`; what of it may not be passed on yet is moved to `held`.
    fn read_direct(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        count(&mut self.frames, &buf.filled()[before..])?;
        match self.follow(&buf.filled()[before..]) {
            Ok(accepted) => {
                let accepted = before + accepted;
                if accepted < buf.filled().len() {
                    self.held.extend_from_slice(&buf.filled()[accepted..]);
                    buf.set_filled(accepted);
                    if accepted > before && matches!(self.reading, Reading::Head) {
                        self.hold(&[]);
                    }
                }
            }
            Err(refusal) => {
                buf.set_filled(before);
                self.refuse(refusal);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads more of a head that is held in part; false at the end of the stream.
    fn read_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut scratch = [0; 2048];
        let mut buf = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buf))?;
        let bytes = buf.filled();
        // A head is read from its start again, so only when that may change the verdict. A client
        // that sends it byte by byte would else make us work for every one of them.
        let all = self.held.len() + bytes.len();
        let after_cr = self.held.last() == Some(&b'\r');
        let line_ends = after_cr || bytes.iter().any(|byte| *byte < b' ' && *byte != b'\t');
        let too_long = self.held.len() <= LOOK_AGAIN && all > LOOK_AGAIN;
        if line_ends || too_long || all > HEAD_MAX {
            self.hold(bytes);
        } else {
            self.held.extend_from_slice(bytes);
        }
        Poll::Ready(Ok(!bytes.is_empty()))
    }

    fn phase(&self) -> Phase {
        match self.reading {
            Reading::Body(_) | Reading::Chunked(_) => Phase::Body,
            Reading::Raw | Reading::Refused | Reading::Broken => Phase::Work,
            Reading::Head if self.link.is_busy() => Phase::Work,
            Reading::Head if self.held.is_empty() => Phase::Idle,
            Reading::Head => Phase::Head,
        }
    }

    /// Called when there is nothing to read: ready if the deadline for what is missing has passed.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Phase> {
        if matches!(self.reading, Reading::Raw) {
            return Poll::Pending;
        }
        let phase = self.phase();
        let since = match self.timed {
            Some((timed, since)) if timed == phase => since,
            _ => Instant::now(),
        };
        self.timed = Some((phase, since));
        let allowed = match phase {
            Phase::Idle => self.options.idle_timeout,
            Phase::Head => self.options.head_timeout,
            Phase::Body => self.options.body_timeout,
            // No deadline of ours: only look again, should nobody call when the work is done.
            Phase::Work => Duration::MAX,
        };
        let deadline = since.checked_add(allowed);
        if deadline.is_some_and(|deadline| deadline < self.sleep.deadline()) {
            self.sleep.as_mut().reset(since + allowed);
        }
        while self.sleep.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            match deadline {
                Some(deadline) if deadline <= now => return Poll::Ready(phase),
                Some(deadline) => self.sleep.as_mut().reset(deadline),
                None => self.sleep.as_mut().reset(now + self.options.head_timeout),
            }
        }
        Poll::Pending
    }

    /// Notes what a client took, and lets a write to one that takes too little fail.
    fn wrote(
        &mut self,
        cx: &mut Context<'_>,
        write: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let Poll::Ready(Ok(bytes)) = write else { return self.watch(cx, write) };
        self.pace.took(bytes);
        if let Some(frames) = &mut self.frames {
            frames.wrote(bytes);
        }
        write
    }

    /// Lets a write, or what comes after it, fail if the client takes too little.
    fn watch<O>(&mut self, cx: &mut Context<'_>, done: Poll<io::Result<O>>) -> Poll<io::Result<O>> {
        if done.is_ready() {
            return done;
        }
        ready!(self.pace.poll_too_slow(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// After an early answer, reads on for a while: closing with bytes unread would make the
    /// system reset the connection, and the client would lose the answer.
    fn linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let rested = matches!(self.reading, Reading::Head | Reading::Raw) && self.held.is_empty();
        if rested {
            return Poll::Ready(());
        }
        if self.lingered == 0 {
            self.lingered = 1;
            self.sleep.as_mut().reset(Instant::now() + self.options.linger_timeout);
        }
        let mut scratch = [0; 4096];
        while self.lingered < LINGER_BYTES_MAX {
            let mut buf = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.inner).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                    self.lingered += buf.filled().len();
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return self.sleep.as_mut().poll(cx),
            }
        }
        Poll::Ready(())
    }
}

/// Counts frames, where they are counted.
fn count(frames: &mut Option<Frames>, bytes: &[u8]) -> io::Result<()> {
    let followed = frames.as_mut().map_or(Ok(()), |frames| frames.follow(bytes));
    followed.map_err(|_| io::ErrorKind::QuotaExceeded.into())
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guard<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.link.is_tunnel() && !matches!(this.reading, Reading::Raw) {
                this.reading = Reading::Raw;
                this.ready = this.held.len();
            }
            if this.ready > 0 {
                return Poll::Ready(this.pass(buf));
            }
            match this.reading {
                Reading::Refused => return Poll::Ready(Ok(())),
                Reading::Broken => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
                _ => {}
            }
            let before = buf.filled().len();
            let read = if this.held.is_empty() {
                this.read_direct(cx, buf).map_ok(|()| {
                    // Bytes were passed on, or the stream ended and nothing was held or refused.
                    buf.filled().len() == before && this.held.is_empty() && this.ready == 0
                })
            } else {
                this.read_held(cx).map_ok(|more| !more)
            };
            match read {
                Poll::Ready(Ok(ended)) if ended || buf.filled().len() > before => {
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => match ready!(this.poll_deadline(cx)) {
                    Phase::Head => this.refuse(Refusal::Slow),
                    Phase::Body => return Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                    Phase::Idle | Phase::Work => return Poll::Ready(Ok(())),
                },
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let write = Pin::new(&mut this.inner).poll_write(cx, bytes);
        this.wrote(cx, write)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let write = Pin::new(&mut this.inner).poll_write_vectored(cx, slices);
        this.wrote(cx, write)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flush = Pin::new(&mut this.inner).poll_flush(cx);
        if flush.is_ready() {
            this.pace.caught_up();
        }
        this.watch(cx, flush)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.lingered == 0 {
            let shutdown = Pin::new(&mut this.inner).poll_shutdown(cx);
            ready!(this.watch(cx, shutdown))?;
        }
        this.linger(cx).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;
    use tokio::io::AsyncReadExt;

    use super::*;

    /// A client that sends one piece per read and takes whatever is written.
    struct Pieces(VecDeque<Vec<u8>>);

    impl AsyncRead for Pieces {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if let Some(mut piece) = self.0.pop_front() {
                let rest = piece.split_off(piece.len().min(buf.remaining()));
                buf.put_slice(&piece);
                if !rest.is_empty() {
                    self.0.push_front(rest);
                }
            }
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Pieces {
        fn poll_write(
            self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// What comes through the guard if `bytes` come in pieces of these sizes, and whether the
    /// stream ended in order.
    fn through(bytes: &[u8], sizes: &[usize]) -> (Vec<u8>, bool) {
        let mut rest = bytes;
        let mut pieces = VecDeque::new();
        for size in sizes.iter().cycle() {
            let (piece, behind) = rest.split_at((*size).min(rest.len()));
            pieces.push_back(piece.to_vec());
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        let first = BytesMut::from(&*pieces.pop_front().unwrap_or_default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let options = Options::standard();
            let mut guard = Guard::http1(Pieces(pieces), first, Arc::default(), options);
            let mut passed = Vec::new();
            let ended = guard.read_to_end(&mut passed).await.is_ok();
            (passed, ended)
        })
    }

    const GOOD: [&str; 4] = [
        "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nab\r\n\r",
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\na\n\0\r\n0\r\n\r\n",
        "\r\nPUT /a?b=c HTTP/1.0\r\nx: y\r\ncontent-length: 1\r\n\r\nz",
    ];

    fn sizes() -> impl Strategy<Value = Vec<usize>> {
        prop::collection::vec(1..40_usize, 1..8)
    }

    proptest! {
        #[test]
        fn good_requests_pass_unchanged(
            picks in prop::collection::vec(0..GOOD.len(), 1..6),
            sizes in sizes(),
        ) {
            let bytes: String = picks.iter().map(|pick| GOOD[*pick]).collect();
            prop_assert_eq!(through(bytes.as_bytes(), &sizes), (bytes.into_bytes(), true));
        }

        #[test]
        fn a_bad_head_is_replaced_and_nothing_behind_it_passes(
            picks in prop::collection::vec(0..GOOD.len(), 0..4),
            sizes in sizes(),
        ) {
            let good: String = picks.iter().map(|pick| GOOD[*pick]).collect();
            let bytes = format!("{good}GET / HTTP/1.1\nhost: a\r\n\r\n{}", GOOD[0]);
            let expected = good + &stand_in(Refusal::Control);
            prop_assert_eq!(through(bytes.as_bytes(), &sizes), (expected.into_bytes(), true));
        }

        #[test]
        fn how_bytes_are_cut_changes_nothing(
            picks in prop::collection::vec(0..GOOD.len(), 1..4),
            place in 0..200_usize,
            byte: u8,
            sizes in sizes(),
        ) {
            let mut bytes: Vec<u8> =
                picks.iter().flat_map(|pick| GOOD[*pick].bytes()).collect();
            let place = place % bytes.len();
            bytes[place] = byte;
            prop_assert_eq!(through(&bytes, &sizes), through(&bytes, &[usize::MAX]));
        }
    }

    #[test]
    fn a_cr_alone_is_refused_although_the_next_byte_is_harmless() {
        let bytes = b"GET / HTTP/1.1\r\nhost: a\r\n\r ";
        let refused = (stand_in(Refusal::Control).into_bytes(), true);
        assert_eq!(through(bytes, &[bytes.len() - 1]), refused);
    }
}
