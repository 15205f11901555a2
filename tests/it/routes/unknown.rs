//! A batch that may or may not be durable: nobody is told anything, and the restart knows.

use futures_util::FutureExt;
use serde_json::json;

use crate::support::{funded, get, post};
use gerbang::journal::memory::Fault;

#[tokio::test]
async fn nobody_is_told_about_a_batch_that_may_be_stored() {
    for (fault, stored) in
        [(Fault::Lost, false), (Fault::Torn(40), false), (Fault::Unacknowledged, true)]
    {
        let (gateway, people) = funded().await;
        let pay = || {
            let body = json!({"to": "budi", "amount": 7, "reference": "mungkin"});
            gateway.send(post("/api/v1/payments", &body).by(&people.ani))
        };
        gateway.journal.fail_append(0, fault);
        let mut asked = Box::pin(pay());
        assert!((&mut asked).now_or_never().is_none());
        while gateway.gateway.engine().gauges().2 > 0 || !gateway.has_died() {
            tokio::task::yield_now().await;
        }
        assert!((&mut asked).now_or_never().is_none(), "{fault:?}: it was answered");
        assert_eq!(gateway.balance(&people.budi).await, 0, "and shown to nobody");
        drop(asked);
        let gateway = gateway.reopened();
        let body = json!({"to": "budi", "amount": 7, "reference": "mungkin"});
        let again = gateway.send(post("/api/v1/payments", &body).by(&people.ani)).await;
        again.expect(201);
        assert_eq!(again.header("idempotency-replayed").is_some(), stored, "{fault:?}");
        assert_eq!(gateway.balance(&people.budi).await, 7);
        gateway.send(get("/api/v1/me").by(&people.ani)).await.expect(200);
    }
}
