//! Everything that is tested through the public interface, in one binary: each more is a link step.
#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
#![expect(clippy::print_stdout, reason = "a test that cannot run here says so")]

/// What is acknowledged is on the disk. Needs root to mount; says so otherwise.
mod power_cut;
