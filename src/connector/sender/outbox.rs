//! The queue before a sender: bounded, served a few at a time, and never waited for.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use super::{Message, Sender};
use crate::limits::{SEND_TIMEOUT, SENDING_MAX, SENDS_WAITING_MAX};
use crate::telemetry::Metrics;

/// Where messages are put for a sender.
pub struct Outbox {
    channel: &'static str,
    queue: mpsc::Sender<Message>,
    metrics: Arc<Metrics>,
}

/// Room for one message.
pub struct Place<'a>(mpsc::Permit<'a, Message>);

impl Outbox {
    /// A queue before `sender`, served on the present runtime until the outbox is dropped.
    pub fn start(sender: Arc<dyn Sender>, metrics: Arc<Metrics>) -> Self {
        let (queue, messages) = mpsc::channel(SENDS_WAITING_MAX);
        let channel = sender.channel();
        tokio::spawn(serve(sender, messages, Arc::clone(&metrics)));
        Self { channel, queue, metrics }
    }

    /// What the sender is called.
    pub const fn channel(&self) -> &'static str {
        self.channel
    }

    /// Room for one message, if there is any: taken before the code is recorded, so that no code
    /// is recorded that has no way out.
    pub fn place(&self) -> Option<Place<'_>> {
        let place = self.queue.try_reserve().ok().map(Place);
        if place.is_none() {
            self.metrics.code("no_room");
        }
        place
    }
}

impl Place<'_> {
    /// Puts a message there.
    pub fn put(self, message: Message) {
        self.0.send(message);
    }
}

async fn serve(
    sender: Arc<dyn Sender>,
    mut messages: mpsc::Receiver<Message>,
    metrics: Arc<Metrics>,
) {
    let turns = Arc::new(Semaphore::new(SENDING_MAX));
    loop {
        let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { return };
        let Some(message) = messages.recv().await else { return };
        let (sender, metrics) = (Arc::clone(&sender), Arc::clone(&metrics));
        tokio::spawn(async move {
            let _turn = turn;
            let sent = tokio::time::timeout(SEND_TIMEOUT, sender.send(&message)).await;
            let error = match sent {
                Ok(Ok(())) => return metrics.code("sent"),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "it took too long".to_owned(),
            };
            metrics.code("not_sent");
            tracing::warn!(code = message.id, channel = sender.channel(), error, "not sent");
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::connector::sender::{NotSent, Sending};
    use crate::identity::secret::Secret;
    use crate::ledger::time::Timestamp;

    fn message(id: usize) -> Message {
        Message {
            id: format!("otp_{id}"),
            username: "ani".to_owned(),
            name: "Ani".to_owned(),
            email: "ani@contoh.id".to_owned(),
            phone: None,
            what: "pay Rp1 to warung (Warung)".to_owned(),
            expires: Timestamp::EPOCH,
            code: Some(Secret::new("123456".to_owned())),
        }
    }

    /// Never done with the first message of each turn; takes note of how many are under way.
    struct Stuck(Arc<AtomicUsize>);

    impl Sender for Stuck {
        fn channel(&self) -> &'static str {
            "stuck"
        }

        fn send<'a>(&'a self, _: &'a Message) -> Sending<'a> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Box::pin(std::future::pending())
        }
    }

    /// Keeps the ids it was given; refuses every other one.
    struct Kept(Arc<Mutex<Vec<String>>>);

    impl Sender for Kept {
        fn channel(&self) -> &'static str {
            "kept"
        }

        fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
            let mut kept = self.0.lock().expect("nobody panics");
            kept.push(message.id.clone());
            let good = kept.len().is_multiple_of(2);
            let refused = || NotSent("no such mailbox".to_owned());
            Box::pin(async move { good.then_some(()).ok_or_else(refused) })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_hangs_fills_a_bounded_queue_and_is_given_up() {
        let begun = Arc::new(AtomicUsize::new(0));
        let metrics = Metrics::new();
        let outbox = Outbox::start(Arc::new(Stuck(Arc::clone(&begun))), Arc::clone(&metrics));
        let mut put = 0;
        while let Some(place) = outbox.place() {
            place.put(message(put));
            put += 1;
            assert!(put <= SENDS_WAITING_MAX, "it is bounded");
        }
        assert_eq!(put, SENDS_WAITING_MAX);
        tokio::time::sleep(SEND_TIMEOUT / 2).await;
        assert_eq!(begun.load(Ordering::Relaxed), SENDING_MAX);
        assert!(outbox.place().is_some(), "those under way left room");
        tokio::time::sleep(SEND_TIMEOUT).await;
        assert_eq!(begun.load(Ordering::Relaxed), 2 * SENDING_MAX);
        let text = String::from_utf8(metrics.render()).unwrap();
        assert!(text.contains("gerbang_codes_total{event=\"no_room\"} 1"), "{text}");
        assert!(text.contains(&format!("{{event=\"not_sent\"}} {SENDING_MAX}")), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_is_counted_and_the_next_goes_out() {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let metrics = Metrics::new();
        let outbox = Outbox::start(Arc::new(Kept(Arc::clone(&kept))), Arc::clone(&metrics));
        for id in 0..4 {
            outbox.place().expect("there is room").put(message(id));
        }
        tokio::time::sleep(SEND_TIMEOUT).await;
        assert_eq!(kept.lock().unwrap().len(), 4);
        let text = String::from_utf8(metrics.render()).unwrap();
        assert!(text.contains("{event=\"sent\"} 2") && text.contains("{event=\"not_sent\"} 2"));
    }

    #[test]
    fn a_message_shows_what_it_is_for() {
        let text = message(1).text();
        let text = text.expose();
        assert!(text.contains("123456") && text.contains("pay Rp1 to warung (Warung)"), "{text}");
        let what = "an authenticator app was removed".to_owned();
        let text = Message { code: None, what, ..message(1) }.text();
        assert!(text.expose().contains("an authenticator app was removed. If it was not you"));
    }
}
