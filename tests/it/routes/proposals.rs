//! Four eyes: what one administrator wants changed, another approves.

use serde_json::{Value, json};

use crate::edr::edr_with;
use crate::support::{Answer, Ask, People, TestGateway, ask, get, post, put, settings};
use gerbang::ledger::event::Role;
use gerbang::ledger::id::Principal;
use gerbang::limits;

const PROPOSALS: &str = "/api/v1/admin/proposals";

/// A gateway where nobody changes the tables alone.
pub(super) async fn strict() -> (TestGateway, People) {
    edr_with(gerbang::gateway::Settings { tables_alone: false, ..settings() }).await
}

pub(super) async fn send(gateway: &TestGateway, ask: Ask, by: &str) -> Answer {
    gateway.send(ask.by(by)).await
}

fn moved(priority: u16) -> Value {
    json!({"name": "BNI", "priority": priority, "base_url": "http://bni:1"})
}

pub(super) fn decide(id: &str, decision: &str) -> Ask {
    let path = format!("{PROPOSALS}/{id}/{decision}");
    match decision {
        "approve" => ask("POST", &path),
        _ => post(&path, &json!({"reason": "salah"})),
    }
}

async fn waiting(gateway: &TestGateway, people: &People) -> Vec<Value> {
    let list = send(gateway, get(PROPOSALS), &people.second).await.expect(200);
    list["data"].as_array().unwrap().clone()
}

/// The id of what an answer says waits.
pub(super) fn id_of(answer: &Value) -> String {
    assert_eq!(answer["status"], "proposed", "{answer}");
    answer["id"].as_str().unwrap().to_owned()
}

async fn priority(gateway: &TestGateway, people: &People) -> Value {
    let list = send(gateway, get("/api/v1/admin/partners"), &people.admin).await.expect(200);
    let rows = list["data"].as_array().unwrap();
    rows.iter().find(|row| row["code"] == "009").unwrap()["priority"].clone()
}

#[tokio::test]
async fn a_change_takes_effect_once_another_approves_it() {
    let (gateway, people) = strict().await;
    let change = put("/api/v1/admin/partners/009", &moved(9));
    let proposed = send(&gateway, change, &people.admin).await.expect(202);
    let id = id_of(&proposed);
    assert_eq!((&proposed["table"], &proposed["key"]), (&json!("partner"), &json!("009")));
    assert_eq!(
        (&proposed["before"]["priority"], &proposed["row"]["priority"]),
        (&json!(1), &json!(9))
    );
    assert_eq!(proposed["proposed_by"], "admin");
    assert_eq!(priority(&gateway, &people).await, 1, "it waits");
    assert_eq!(waiting(&gateway, &people).await.len(), 1);
    let own = send(&gateway, decide(&id, "approve"), &people.admin).await;
    own.refused(403, "forbidden");
    assert_eq!(priority(&gateway, &people).await, 1);
    let approved = send(&gateway, decide(&id, "approve"), &people.second).await.expect(200);
    assert_eq!(
        (&approved["status"], &approved["before"]["priority"]),
        (&json!("approved"), &json!(1))
    );
    assert_eq!(priority(&gateway, &people).await, 9);
    assert_eq!(waiting(&gateway, &people).await.len(), 0);
    for decision in ["approve", "refuse"] {
        let again = send(&gateway, decide(&id, decision), &people.second).await;
        again.refused(404, "not_found");
    }
}

#[tokio::test]
async fn what_is_refused_or_too_late_never_takes_effect() {
    let (gateway, people) = strict().await;
    let propose = |priority| put("/api/v1/admin/partners/009", &moved(priority));
    let first = id_of(&send(&gateway, propose(7), &people.admin).await.expect(202));
    let second = id_of(&send(&gateway, propose(8), &people.second).await.expect(202));
    let bare = ask("POST", &format!("{PROPOSALS}/{first}/refuse"));
    assert_eq!(send(&gateway, bare, &people.second).await.status, 415);
    let refused = send(&gateway, decide(&first, "refuse"), &people.admin).await.expect(200);
    assert_eq!(refused["status"], "refused", "one may take back one's own");
    gateway.at(limits::PROPOSAL_SECONDS - 1);
    let people = People { admin: gateway.log_in("admin").await, ..people };
    let people = People { second: gateway.log_in("wakil").await, ..people };
    assert_eq!(waiting(&gateway, &people).await.len(), 1);
    gateway.at(limits::PROPOSAL_SECONDS);
    assert_eq!(waiting(&gateway, &people).await.len(), 0);
    let late = send(&gateway, decide(&second, "approve"), &people.admin).await;
    late.refused(409, "conflict");
    assert_eq!(priority(&gateway, &people).await, 1);
}

#[tokio::test]
async fn a_row_that_changed_meanwhile_ends_what_was_proposed_for_it() {
    let (gateway, people) = strict().await;
    let propose = |priority| put("/api/v1/admin/partners/009", &moved(priority));
    let first = id_of(&send(&gateway, propose(7), &people.admin).await.expect(202));
    let second = id_of(&send(&gateway, propose(8), &people.admin).await.expect(202));
    send(&gateway, decide(&second, "approve"), &people.second).await.expect(200);
    let stale = send(&gateway, decide(&first, "approve"), &people.second).await;
    stale.refused(404, "not_found");
    assert_eq!(priority(&gateway, &people).await, 8);
}

#[tokio::test]
async fn whoever_proposed_it_is_still_an_administrator() {
    let (gateway, people) = strict().await;
    let change = put("/api/v1/admin/partners/009", &moved(9));
    let id = id_of(&send(&gateway, change, &people.admin).await.expect(202));
    let admin = gateway.gateway.look_up("admin").unwrap();
    gateway.gateway.set_role(Principal::Operator, &admin, Role::Buyer).await.unwrap();
    let approved = send(&gateway, decide(&id, "approve"), &people.second).await;
    approved.refused(403, "forbidden");
    assert_eq!(priority(&gateway, &People { admin: people.second.clone(), ..people }).await, 1);
}

/// Every change of the tables: what is asked, the table it is about, and what it does to keys and
/// secrets.
fn every_change() -> Vec<(Ask, &'static str, &'static [&'static str])> {
    let client = |path: &str| format!("/api/v1/admin/clients/iki-modal{path}");
    let route = json!({"bank": "014", "usage": "TRANSFER INTERBANK", "local": "/api/bca/interbank",
        "external": "https://bca", "fee_fixed": 7_500});
    let partner =
        json!({"code": "022", "name": "CIMB", "priority": 4, "base_url": "http://cimb:1"});
    let row = json!({"name": "IKI", "account_number": "1", "account_name": "IKI",
        "allow": ["127.0.0.1"]});
    let new = json!({"id": "baru", "name": "Baru", "account_number": "1", "account_name": "BARU",
        "allow": ["10.0.0.0/8"]});
    vec![
        (post("/api/v1/admin/partners", &partner), "partner", &["key"]),
        (put("/api/v1/admin/partners/022", &moved(5)), "partner", &[]),
        (ask("POST", "/api/v1/admin/partners/009/rotate-key"), "partner", &["key", "previous_key"]),
        (ask("DELETE", "/api/v1/admin/partners/009/previous-key"), "partner", &["previous_key"]),
        (ask("DELETE", "/api/v1/admin/partners/022"), "partner", &[]),
        (post("/api/v1/admin/routes", &route), "route", &[]),
        (ask("DELETE", "/api/v1/admin/routes/014/TRANSFER"), "route", &[]),
        (post("/api/v1/admin/clients", &new), "client", &["key"]),
        (put(&client(""), &row), "client", &[]),
        (ask("POST", &client("/rotate-key")), "client", &["key", "previous_key"]),
        (ask("DELETE", &client("/previous-key")), "client", &["previous_key"]),
        (
            put(&client("/callback"), &json!({"url": "http://127.0.0.1:1/ended"})),
            "client",
            &["callback", "callback_secret"],
        ),
        (ask("DELETE", &client("/callback")), "client", &["callback", "callback_secret"]),
        (ask("DELETE", &client("")), "client", &[]),
    ]
}

#[tokio::test]
async fn every_change_of_the_tables_waits_also_over_a_restart() {
    let (mut gateway, mut people) = strict().await;
    let tables = |gateway: &TestGateway| {
        let registry = gateway.gateway.view().registry();
        (registry.partners.clone(), registry.routes.clone(), registry.clients.clone())
    };
    for (number, (ask, table, changes)) in every_change().into_iter().enumerate() {
        let before = tables(&gateway);
        let proposed = send(&gateway, ask, &people.admin).await.expect(202);
        assert_eq!(proposed["table"], table, "{proposed}");
        assert_eq!(proposed["changes"], json!(changes), "{proposed}");
        assert_eq!(waiting(&gateway, &people).await[0]["changes"], json!(changes));
        assert!(tables(&gateway) == before, "{proposed}");
        let id = id_of(&proposed);
        if number == 0 {
            assert!(proposed["key_token"].as_str().unwrap().starts_with("gkt_"));
            gateway = gateway.reopened();
            people.admin = gateway.log_in("admin").await;
            people.second = gateway.log_in("wakil").await;
            assert_eq!(waiting(&gateway, &people).await[0]["id"], id.as_str());
        }
        if proposed["row"]["callback"].is_string() {
            assert_eq!(proposed["row"]["callback"], "http://127.0.0.1:1/ended");
        }
        let approved = send(&gateway, decide(&id, "approve"), &people.second).await.expect(200);
        assert_eq!(approved["changes"], json!(changes), "{approved}");
        assert!(tables(&gateway) != before, "{proposed}");
    }
}

#[tokio::test]
async fn the_journal_says_who_wanted_it_and_who_agreed() {
    use gerbang::ledger::event::Fact;
    use gerbang::ledger::registry::RegistryChange;
    let (gateway, people) = strict().await;
    let change = put("/api/v1/admin/partners/009", &moved(9));
    let id = id_of(&send(&gateway, change, &people.admin).await.expect(202));
    send(&gateway, decide(&id, "approve"), &people.second).await.expect(200);
    let user = |name| Principal::User(gateway.gateway.look_up(name).unwrap().id);
    let batches = gateway.journal.batches().unwrap();
    let records = batches.iter().flat_map(|batch| batch.records().map(Result::unwrap));
    let said: Vec<_> = records
        .filter_map(|recorded| match recorded.event.fact {
            Fact::RegistryChanged(it) => match it.change {
                RegistryChange::Proposed(_) => Some(("proposed", it.by)),
                RegistryChange::Approved(_) => Some(("approved", it.by)),
                _ => None,
            },
            _ => None,
        })
        .collect();
    assert_eq!(said, [("proposed", user("admin")), ("approved", user("wakil"))]);
}

#[tokio::test]
async fn what_would_lead_around_another_administrator_is_the_operators() {
    use gerbang::gateway::api_keys::KeyWanted;
    use gerbang::ledger::api_key::{Scope, Scopes};
    use gerbang::ledger::text::{Line, Username};
    let (gateway, people) = strict().await;
    let before = gateway.position();
    let role = |role: &str| post("/api/v1/admin/users/ani/role", &json!({"role": role}));
    let key = |owner: &str, exempt: bool| {
        let body = json!({"owner": owner, "name": "kasir", "scopes": ["batch"],
            "otp_exempt": exempt});
        post("/api/v1/admin/api-keys", &body)
    };
    for (ask, command) in [
        (role("client"), "gerbang admin set-role"),
        (key("kasir", false), "gerbang admin make-api-key"),
        (key("kasir", true), "gerbang admin make-api-key"),
        (key("ani", true), "gerbang admin make-api-key"),
    ] {
        let answer = send(&gateway, ask, &people.admin).await;
        let refused = answer.refused(403, "forbidden");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains("operator") && detail.contains(command), "{detail}");
    }
    assert_eq!(gateway.position(), before);
    // What gives no power over money is an administrator's.
    let look = json!({"owner": "ani", "name": "laporan", "scopes": ["read"]});
    send(&gateway, post("/api/v1/admin/api-keys", &look), &people.admin).await.expect(201);
    send(&gateway, role("buyer"), &people.admin).await.expect(200);
    let wanted = |codes_exempt| KeyWanted {
        name: Line::parse("kasir", 100).unwrap(),
        scopes: [Scope::Batch].into_iter().collect::<Scopes>(),
        expires: None,
        codes_exempt,
    };
    for (owner, codes_exempt) in [("kasir", false), ("ani", true)] {
        let owner = Username::parse(owner).unwrap();
        let made = gateway.gateway.make_key(Principal::Operator, &owner, wanted(codes_exempt));
        assert_eq!(made.await.unwrap().row.codes_exempt, codes_exempt, "{owner}");
    }
    let ani = gateway.gateway.look_up("ani").unwrap();
    gateway.gateway.set_role(Principal::Operator, &ani, Role::Client).await.unwrap();
    assert_eq!(gateway.gateway.look_up("ani").unwrap().role, Role::Client);
}
