//! `gerbang admin proposal ...`: what administrators want changed and another has to approve.

use clap::Subcommand;

use super::Failure;
use super::admin::named;
use crate::app::App;
use crate::gateway::proposals::public_id;
use crate::ledger::api_key::Scope;
use crate::ledger::id::{Principal, UserId};
use crate::ledger::proposal::{Proposal, TableChange};
use crate::ledger::registry::Registry;
use crate::ledger::text::Line;
use crate::ledger::time::BOOK_OFFSET_SECONDS;
use crate::limits;

#[derive(Subcommand)]
pub(super) enum Proposals {
    /// Shows those that wait.
    List,
    /// Approves one, as the second person.
    Approve { id: String },
    /// Ends one.
    Refuse {
        id: String,
        #[arg(long)]
        reason: String,
    },
}

pub(super) async fn act(app: &App, action: Proposals) -> Result<String, Failure> {
    let (gateway, by) = (&app.gateway, Principal::Operator);
    match action {
        Proposals::List => {
            let (open, registry) = (gateway.proposals(), gateway.view().registry());
            let name = |user| who(app, Principal::User(user));
            let lines = open.iter().map(|it| line(&registry, &who(app, it.by), &name, it));
            let lines: Vec<String> = lines.collect();
            Ok(if lines.is_empty() { "none".to_owned() } else { lines.join("\n") })
        }
        Proposals::Approve { id } => {
            let approved = gateway.approve_proposal(by, &id).await.map_err(Failure::failed)?;
            Ok(format!("changed at position {}", approved.1.position))
        }
        Proposals::Refuse { id, reason } => {
            let reason = Line::parse(&reason, limits::REASON_MAX);
            let reason = reason.map_err(|error| named("--reason", error))?;
            let refused = gateway.refuse_proposal(by, &id, reason).await;
            Ok(format!("refused at position {}", refused.map_err(Failure::failed)?.1.position))
        }
    }
}

fn who(app: &App, by: Principal) -> String {
    let user = match by {
        Principal::User(id) => app.gateway.view().user(id),
        Principal::System | Principal::Operator => None,
    };
    user.map_or_else(|| "the operator".to_owned(), |user| user.username().to_owned())
}

/// One that waits, on a line, with what becomes of keys and secrets.
fn line(
    registry: &Registry,
    by: &str,
    name_of: &dyn Fn(UserId) -> String,
    proposal: &Proposal,
) -> String {
    let what = match &proposal.change {
        TableChange::PartnerSet(row) => format!("set partner {} {}", row.code, row.name),
        TableChange::PartnerRemoved(bank) => format!("remove partner {bank}"),
        TableChange::RouteSet(row) => format!("set route {} {}", row.bank, row.usage.name()),
        TableChange::RouteRemoved(bank, usage) => format!("remove route {bank} {}", usage.name()),
        TableChange::ClientSet(row) => format!("set client {} {}", row.id.as_str(), row.name),
        TableChange::ClientRemoved(id) => format!("remove client {}", id.as_str()),
        TableChange::ApiKeySet(row) => {
            let scopes: Vec<&str> = row.scopes.iter().map(Scope::name).collect();
            format!("make a key for {} to {}", name_of(row.owner), scopes.join(", "))
        }
        TableChange::MerchantSet(row) => {
            let (rate, fixed) = (row.fee_basis_points.get(), row.fee_fixed);
            let user = name_of(row.user);
            format!("set merchant {user}, fee {rate} basis points and {fixed}")
        }
        TableChange::RoleSet(user, role) => format!("make {} a {}", name_of(*user), role.name()),
    };
    let changes = match proposal.change.changes(registry) {
        words if words.is_empty() => String::new(),
        words => format!(" (changes {})", words.join(", ")),
    };
    let until = proposal.until.to_rfc3339(BOOK_OFFSET_SECONDS);
    format!("{}: {what}{changes}, by {by}, until {until}", public_id(proposal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::id::Position;
    use crate::ledger::proposal::ProposalId;
    use crate::ledger::registry::SealedKey;
    use crate::ledger::registry::tests::{papers_rows, partner};
    use crate::ledger::time::Timestamp;

    #[test]
    fn a_line_says_that_a_key_changes() {
        let registry = papers_rows();
        let mut row = partner("009", 7);
        let at = Timestamp::from_seconds(1_790_000_000);
        let said = |row| {
            let change = TableChange::PartnerSet(row);
            let id = ProposalId(Position::new(1).unwrap());
            let proposal = Proposal { id, by: Principal::System, at, until: at, change };
            line(&registry, "ani", &|user| user.0.to_string(), &proposal)
        };
        let before = registry.partners.values().find(|it| it.code == row.code).unwrap();
        row.keys = before.keys.clone();
        let name = &row.name;
        assert!(said(row.clone()).contains(&format!(": set partner 009 {name}, by ani, until ")));
        row.keys.previous = Some(SealedKey([9].into()));
        let said = said(row);
        assert!(said.contains(" (changes previous_key), by ani, until "), "{said}");
    }
}
