//! `gerbang admin make-api-key`: keys that an administrator may not give alone, those of clients
//! and those without codes among them.

use super::Failure;
use super::admin::named;
use crate::app::App;
use crate::gateway::api_keys::KeyWanted;
use crate::ledger::api_key::{Scope, Scopes};
use crate::ledger::id::Principal;
use crate::ledger::text::{Line, Username};
use crate::ledger::time::Timestamp;
use crate::limits;

#[derive(clap::Args)]
pub(super) struct Wanted {
    /// Whom it is to act for; no administrator.
    owner: String,
    /// For display.
    #[arg(long)]
    name: String,
    /// read, charge, payout or batch; may be given several times.
    #[arg(long, required = true)]
    scope: Vec<String>,
    /// When it ends, like 2027-11-18T00:00:00+07:00; never if not given.
    #[arg(long)]
    expires: Option<String>,
    /// It moves money without one-time codes.
    #[arg(long)]
    otp_exempt: bool,
}

pub(super) async fn make(app: &App, wanted: &Wanted) -> Result<String, Failure> {
    let known = "must be read, charge, payout or batch";
    let scope = |text: &String| Scope::parse(text).ok_or_else(|| named("--scope", known));
    let time = |text: &String| {
        Timestamp::parse_rfc3339(text)
            .ok_or_else(|| named("--expires", "must be a time as in RFC 3339"))
    };
    let owner = Username::parse(&wanted.owner).map_err(|error| named("owner", error))?;
    let key = KeyWanted {
        name: Line::parse(&wanted.name, limits::NAME_MAX)
            .map_err(|error| named("--name", error))?,
        scopes: wanted.scope.iter().map(scope).collect::<Result<Scopes, _>>()?,
        expires: wanted.expires.as_ref().map(time).transpose()?,
        codes_exempt: wanted.otp_exempt,
    };
    let made = app.gateway.make_key(Principal::Operator, &owner, key).await;
    let made = made.map_err(Failure::failed)?;
    let (position, key) = (made.recorded.position, made.key.expose());
    Ok(format!("made at position {position}; the key, shown only now:\n{key}"))
}
