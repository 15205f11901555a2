//! Carries notices to merchants, again and again where they do not arrive.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, LOCATION, USER_AGENT};
use hyper::http;
use rustls::ClientConfig;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::notices::Notice;
use crate::connector::http::{Client, Options};
use crate::connector::midtrans::delivery::{self, Next, Said};
use crate::connector::midtrans::notification;
use crate::limits;
use crate::outbound::{System, Url};
use crate::simulator::faults::mix;

/// Carries notices; clones carry together.
#[derive(Clone)]
pub(super) struct Courier {
    tls: Option<Arc<ClientConfig>>,
    seed: u64,
    places: Arc<Semaphore>,
}

impl Courier {
    /// A courier that knows `https` if there is `tls`.
    pub(super) fn new(tls: Option<Arc<ClientConfig>>, seed: u64) -> Self {
        let places = Arc::new(Semaphore::new(limits::SIMULATED_NOTIFICATIONS_MAX));
        Self { tls, seed, places }
    }

    /// Takes a notice on its way. One too many is dropped, as if it had got lost.
    pub(super) fn take(&self, notice: Notice) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            tracing::warn!("too many notifications are on their way: one is dropped");
            return;
        };
        let courier = self.clone();
        tokio::spawn(async move {
            courier.carry(&notice).await;
            drop(place);
        });
    }

    async fn carry(&self, notice: &Notice) {
        sleep(notice.after).await;
        let mut tries = 0;
        loop {
            tries += 1;
            let random = mix(self.seed ^ mix(notice.number) ^ u64::from(tries));
            match self.try_once(notice, tries, random).await {
                Next::Again(pause) => sleep(pause).await,
                Next::Done => return,
                Next::Failed | Next::Follow => {
                    tracing::warn!(number = notice.number, tries, "a notification is given up");
                    return;
                }
            }
        }
    }

    /// One try, as many places on as the answers say.
    async fn try_once(&self, notice: &Notice, tries: u32, random: u64) -> Next {
        let mut url = notice.url.clone();
        let mut hops = 0;
        loop {
            let (said, moved) = self.post(&url, &notice.body).await;
            match delivery::after(said, tries, hops, random) {
                Next::Follow => match moved {
                    Some(place) => url = place,
                    None => return Next::Failed,
                },
                next => return next,
            }
            hops += 1;
        }
    }

    /// What the receiver says, and where it says to go.
    async fn post(&self, url: &str, body: &Bytes) -> (Said, Option<String>) {
        let nothing = (Said::Nothing, None);
        let Ok(url) = Url::parse(url) else { return nothing };
        if url.secure && self.tls.is_none() {
            return nothing;
        }
        let client = Client::new(&url, Arc::new(System), self.tls.clone(), Options::standard());
        let request = http::Request::post(url.target.as_str())
            .header(USER_AGENT, notification::USER_AGENT)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .body(body.clone());
        let Ok(request) = request else { return nothing };
        match timeout(delivery::TIMEOUT, client.send(request)).await {
            Ok(Ok(answer)) => {
                let moved = answer.headers.get(LOCATION).and_then(|place| place.to_str().ok());
                (Said::Status(answer.status), moved.map(ToOwned::to_owned))
            }
            Ok(Err(_)) | Err(_) => nothing,
        }
    }
}
