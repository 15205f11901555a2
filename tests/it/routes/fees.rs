//! What the house keeps is the same whichever way the money comes.

use gerbang::connector::midtrans::status::Status;
use gerbang::gateway::Settings;
use gerbang::ledger::money::BasisPoints;
use serde_json::json;

use super::charges::{billed, moved, rest, tell, until};
use crate::support::{TestGateway, get, post, settings};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Wallet,
    Charge,
    Late,
}

#[tokio::test]
async fn a_bill_is_no_cheaper_by_a_charge_or_late() {
    for way in [Way::Wallet, Way::Charge, Way::Late] {
        let merchant_fee = BasisPoints::new(70).unwrap();
        let gateway = TestGateway::with(Settings { merchant_fee, ..settings() });
        let people = gateway.people().await;
        gateway.fund(&people, "ani", 1_000_000).await;
        let bill = billed(&gateway, &people).await;
        let payment = if way == Way::Wallet { "wallet" } else { "mandiri_bill" };
        let ask = post(&format!("{bill}/pay"), &json!({"payment": payment})).by(&people.ani);
        let begun = gateway.send(ask).await.expect(201);
        assert_eq!(begun["fee"], 175, "{begun}");
        let order = begun["invoice"].as_str().unwrap();
        if way == Way::Charge {
            assert!(gateway.provider.turn(order, Status::Settlement));
            tell(&gateway, gateway.provider.notification(order)).await.expect(200);
            until(&gateway, &people, &begun, "paid").await;
        }
        if way == Way::Late {
            gateway.provider.turn(order, Status::Expire);
            tell(&gateway, gateway.provider.notification(order)).await.expect(200);
            until(&gateway, &people, &begun, "expired").await;
            gateway.provider.force(order, Status::Settlement);
            tell(&gateway, gateway.provider.notification(order)).await.expect(200);
            rest(&gateway).await;
            assert_eq!(moved(&gateway), [0, 1, 1], "the rule places it");
        }
        let paid = gateway.send(get(&bill).by(&people.ani)).await.expect(200);
        assert_eq!(paid["status"], "paid", "{way:?}");
        assert_eq!(gateway.balance(&people.warung).await, 25_000 - 175, "{way:?}");
    }
}
