//! A boarding house for the walk-through: a landlord, two rooms, a tenant, and the ways to pay.

use serde_json::{Value, json};

use super::registrar::Registrar;
use super::{Failure, OPENING_BALANCE, PASSWORD};
use crate::clock::Clock;
use crate::ledger::time::BOOK_OFFSET_SECONDS;

/// The ways to pay, as they are shipped.
const METHODS: &str = include_str!("../../../data/payment-methods.json");
/// The landlord.
const LANDLORD: &str = "kost";
/// Who lives in the first room.
const TENANT: (&str, &str) = ("dewi", "Dewi Anggraini");

/// Makes what is not there yet. What somebody has removed since stays removed.
pub(super) async fn open(registrar: &mut Registrar<'_>) -> Result<(), Failure> {
    let (tenant, name) = TENANT;
    registrar.sign_up(LANDLORD, "Kost Melati", "merchant").await?;
    registrar.sign_up(tenant, name, "buyer").await?;
    registrar.fund(tenant, OPENING_BALANCE).await?;
    let houses = registrar.houses();
    if houses.methods.is_empty() {
        let methods: Vec<Value> = serde_json::from_str(METHODS).map_err(Failure::failed)?;
        for mut method in methods {
            let id = method["id"].as_str().unwrap_or_default().to_owned();
            // It stands in the path.
            method.as_object_mut().and_then(|row| row.remove("id"));
            let path = format!("/api/v1/admin/payment-methods/{id}");
            registrar.as_admin("PUT", &path, &method).await?;
        }
    }
    if houses.rooms.is_empty() {
        for (code, rate) in [("A1", 650_000), ("A2", 700_000)] {
            let name = format!("Kamar {code}");
            let room = json!({"issuer": LANDLORD, "code": code, "name": name, "rate": rate});
            registrar.as_admin("POST", "/api/v1/admin/rooms", &room).await?;
        }
    }
    if houses.tenants.is_empty() {
        let today = Clock::system().now().date(BOOK_OFFSET_SECONDS).to_string();
        let row = json!({"issuer": LANDLORD, "name": name, "email": format!("{tenant}@contoh.id"),
            "username": tenant, "start_date": today, "room": "A1"});
        registrar.as_admin("POST", "/api/v1/admin/tenants", &row).await?;
    }
    Ok(())
}

/// How the month's bill is found, and paid at the provider.
pub(super) fn walk_through(url: &str) -> String {
    let (tenant, _) = TENANT;
    format!(
        "Dewi lives in room A1 of {LANDLORD}. Her month's bill made itself; she pays it at a Mandiri
machine. The provider tells of it three times, and it is paid once:

  DEWI=$(curl -s {url}/api/v1/auth/login -H 'Content-Type: application/json' \\
    -d '{{\"login\":\"{tenant}\",\"password\":\"{PASSWORD}\"}}' | sed 's/.*\"token\":\"\\([^\"]*\\)\".*/\\1/')
  BILL=$(curl -s {url}/api/v1/bills -H \"Authorization: Bearer $DEWI\" | sed 's/.*\"id\":\"\\(bil_[^\"]*\\)\".*/\\1/')
  KEY=$(curl -s {url}/api/v1/bills/$BILL/pay -H \"Authorization: Bearer $DEWI\" \\
    -H 'Content-Type: application/json' -H 'Idempotency-Key: sewa-1' \\
    -d '{{\"payment\":\"mandiri_bill\"}}' | sed 's/.*\"bill_key\":\"\\([^\"]*\\)\".*/\\1/')
  for WHAT in pay notify notify; do
    curl -s $PROVIDER/simulator/$WHAT -H 'Content-Type: application/json' -d \"{{\\\"bill_key\\\":\\\"$KEY\\\"}}\"
  done
  curl -s {url}/api/v1/bills/$BILL -H \"Authorization: Bearer $DEWI\"
"
    )
}
