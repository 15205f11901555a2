//! What a person sees: lines on standard output, progress and complaints on standard error.

use std::io::Write;

use indicatif::{ProgressBar, ProgressStyle};

use crate::journal::store::Progress;

/// A line on standard output. A reader that has gone away is no reason to stop.
pub(super) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// A complaint on standard error.
pub(super) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "gerbang: {line}");
}

/// A bar for long work. It shows only on a terminal and clears itself.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// A bar behind `what`.
    pub(super) fn new(what: &'static str) -> Self {
        let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {eta}")
            .expect("the template is valid");
        Self(ProgressBar::new(0).with_style(style).with_message(what))
    }

    /// How far the work is.
    pub(super) fn show(&self, progress: Progress) {
        self.0.set_length(progress.total);
        self.0.set_position(progress.done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
