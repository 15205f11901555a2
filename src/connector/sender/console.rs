//! Codes on standard error, for a demo: whoever runs it is every user.

use std::io::Write;

use super::{Message, NotSent, Sender, Sending};

/// Writes each message as one line on standard error.
pub struct Console;

impl Sender for Console {
    fn channel(&self) -> &'static str {
        "console"
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(async move {
            let line = format!("to {}: {}\n", message.username, message.text().expose());
            // Off the runtime, since standard error may be a full pipe that nobody reads.
            let written = tokio::task::spawn_blocking(move || {
                std::io::stderr().lock().write_all(line.as_bytes())
            });
            match written.await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(NotSent(error.to_string())),
                Err(_) => Err(NotSent("standard error is gone".to_owned())),
            }
        })
    }
}
