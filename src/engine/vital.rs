//! What must not die alone: a panic in it ends the process.

use std::pin::pin;

/// Ends the process if what it guards panics: what a half-decided account knows is lost, and
/// the journal makes a restart safe.
pub struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

/// Runs a task that nobody awaits and others depend on.
pub async fn vital<T>(task: impl Future<Output = T>) -> T {
    let mut task = pin!(task);
    // Guarded while it runs, and not when its runtime drops it.
    std::future::poll_fn(|context| {
        let _fatal = AbortOnPanic;
        task.as_mut().poll(context)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_panic_in_a_vital_task_ends_the_process() {
        const VICTIM: &str = "GERBANG_TEST_VICTIM";
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        if std::env::var_os(VICTIM).is_some() {
            let task = async { panic!("a bug") };
            runtime.block_on(async { drop(tokio::spawn(vital::<()>(task)).await) });
            return;
        }
        let name = "engine::vital::tests::a_panic_in_a_vital_task_ends_the_process";
        let mut victim = Command::new(std::env::current_exe().unwrap());
        let ended = victim.args(["--exact", name]).env(VICTIM, "1").output().unwrap();
        assert_eq!(ended.status.signal(), Some(6), "SIGABRT: {ended:?}");
        assert_eq!(runtime.block_on(vital(async { 7 })), 7);
    }
}
