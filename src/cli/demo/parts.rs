//! The demo's parts: processes of their own, each started again when it ends.
//!
//! A part has a thread that starts it, hears where it listens, and waits for its end. From its
//! second start on it listens where it did before, so that nobody has to be told. One that dies
//! stops no other.
//!
//! Its standard input is a pipe that closes when the demo is gone, however it went; with it the
//! part ends. It has a process group of its own, so that Ctrl-C reaches the demo alone and the
//! parts are there until its last transfer is answered.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::Failure;

/// Before a part is started again, at first.
const PAUSE: Duration = Duration::from_millis(100);
/// The same, at last.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// A part that ran so long begins again with the first pause.
const CALM: Duration = Duration::from_secs(30);
/// How long a part may take to listen; making keys takes most of it.
const START_MAX: Duration = Duration::from_secs(30);
/// How long a part may take to end once it is asked to.
const END_MAX: Duration = Duration::from_secs(15);

/// How a part is started that is to listen at an address.
type Make = Box<dyn Fn(SocketAddr) -> Result<Command, Failure> + Send>;

/// Every part that was started. Dropped, all of them end.
#[derive(Default)]
pub(super) struct Parts(Vec<(Arc<Part>, JoinHandle<()>)>);

/// A part on its way up.
pub(super) struct Starting {
    name: &'static str,
    ready: oneshot::Receiver<Ready>,
}

/// A part that listens.
#[derive(Clone, Copy)]
pub(super) struct Ready {
    pub(super) address: SocketAddr,
    pub(super) process: u32,
}

struct Part {
    name: &'static str,
    bank: String,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_stopping: bool,
    has_ended: bool,
    child: Option<Child>,
}

impl Parts {
    /// Starts a part of a bank, and again whenever it ends.
    pub(super) fn start(
        &mut self,
        name: &'static str,
        bank: &str,
        make: Make,
    ) -> Result<Starting, Failure> {
        let (sender, ready) = oneshot::channel();
        let (state, changed) = (Mutex::default(), Condvar::new());
        let part = Arc::new(Part { name, bank: bank.to_owned(), state, changed });
        let kept = Arc::clone(&part);
        let keep = move || kept.keep(&make, sender);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(keep);
        self.0.push((part, thread.map_err(Failure::failed)?));
        Ok(Starting { name, ready })
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        for (part, _) in &self.0 {
            part.ask_to_end();
        }
        for (part, thread) in self.0.drain(..) {
            part.end_by_force();
            let _ = thread.join();
        }
    }
}

impl Starting {
    /// Waits until it listens.
    pub(super) async fn ready(self) -> Result<Ready, Failure> {
        match timeout(START_MAX, self.ready).await {
            Ok(Ok(ready)) => Ok(ready),
            Ok(Err(_)) | Err(_) => {
                Err(Failure::failed(format!("a {} of the demo does not start", self.name)))
            }
        }
    }
}

impl Part {
    fn keep(&self, make: &Make, ready: oneshot::Sender<Ready>) {
        let mut ready = Some(ready);
        let mut address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut pause = PAUSE;
        loop {
            let began = Instant::now();
            let end = self.run(make, &mut address, &mut ready);
            let mut state = self.state();
            if !state.is_stopping {
                let Self { name, bank, .. } = self;
                tracing::warn!(part = name, bank, end, "a part has ended and is started again");
                pause = if began.elapsed() >= CALM { PAUSE } else { pause };
                let waited = self.changed.wait_timeout_while(state, pause, |s| !s.is_stopping);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                pause = (pause * 2).min(PAUSE_MAX);
            }
            if state.is_stopping {
                state.has_ended = true;
                self.changed.notify_all();
                return;
            }
        }
    }

    /// Runs it once, to its end; says how it ended.
    fn run(
        &self,
        make: &Make,
        address: &mut SocketAddr,
        ready: &mut Option<oneshot::Sender<Ready>>,
    ) -> String {
        let mut command = match make(*address) {
            Ok(command) => command,
            Err(Failure::Failed(text) | Failure::Usage(text)) => return text,
        };
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let (process, output) = match self.spawn(&mut command) {
            Ok(Some(spawned)) => spawned,
            Ok(None) => return String::new(),
            Err(error) => return format!("cannot be started: {error}"),
        };
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let Some(told) = address_in(&line) {
                *address = told;
                if let Some(ready) = ready.take() {
                    // Whoever waited may have given up.
                    let _ = ready.send(Ready { address: told, process });
                }
            }
        }
        // Its output ends with it.
        let child = self.state().child.take();
        match child.map(|mut child| child.wait()) {
            Some(Ok(status)) => status.to_string(),
            Some(Err(error)) => error.to_string(),
            None => String::new(),
        }
    }

    /// `None` if it is not to run any more.
    fn spawn(&self, command: &mut Command) -> std::io::Result<Option<(u32, ChildStdout)>> {
        let mut state = self.state();
        if state.is_stopping {
            return Ok(None);
        }
        let mut child = command.spawn()?;
        let (process, output) = (child.id(), child.stdout.take());
        state.child = Some(child);
        Ok(output.map(|output| (process, output)))
    }

    fn ask_to_end(&self) {
        let mut state = self.state();
        state.is_stopping = true;
        if let Some(child) = &mut state.child {
            drop(child.stdin.take());
        }
        self.changed.notify_all();
    }

    /// Waits until it has ended, and kills it if it does not.
    fn end_by_force(&self) {
        let state = self.state();
        let waited = self.changed.wait_timeout_while(state, END_MAX, |state| !state.has_ended);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        if !state.has_ended
            && let Some(child) = &mut state.child
        {
            // An error means that it has just ended.
            let _ = child.kill();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a part says that it listens.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once(" is ready on http://")?;
    rest.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_ready_part_says_where() {
        let at = |line| address_in(line).map(|address| address.port());
        assert_eq!(at("gerbang bank 014 is ready on http://127.0.0.1:81"), Some(81));
        assert_eq!(at("gerbang bank-service is ready on http://127.0.0.1:82/api/bni"), Some(82));
        assert_eq!(at("gerbang is not ready"), None);
    }

    #[test]
    fn what_ends_is_started_again_until_the_parts_are_dropped() {
        let (sender, starts) = std::sync::mpsc::channel();
        let make: Make = Box::new(move |_| {
            sender.send(()).map_err(Failure::failed)?;
            let mut command = Command::new("sh");
            command.args(["-c", "echo gerbang is ready on http://127.0.0.1:5; exit 3"]);
            Ok(command)
        });
        let mut parts = Parts::default();
        let starting = parts.start("part", "009", make).ok().unwrap();
        let ready = starting.ready.blocking_recv().unwrap();
        assert_eq!(ready.address.port(), 5);
        for _ in 0..3 {
            starts.recv().unwrap();
        }
        drop(parts);
        assert!(starts.iter().count() < 3, "whoever starts it is gone");
    }

    #[test]
    fn a_part_ends_when_its_input_does() {
        let make: Make = Box::new(|_| {
            let mut command = Command::new("sh");
            command.args(["-c", "echo gerbang is ready on http://127.0.0.1:5; cat"]);
            Ok(command)
        });
        let mut parts = Parts::default();
        let starting = parts.start("part", "009", make).ok().unwrap();
        starting.ready.blocking_recv().unwrap();
        // Ends only if `cat` does: well before it would be killed.
        drop(parts);
    }
}
