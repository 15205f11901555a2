//! `gerbang admin proposal ...`: what administrators want changed and another has to approve.

use clap::Subcommand;

use super::Failure;
use super::admin::named;
use crate::app::App;
use crate::gateway::proposals::public_id;
use crate::ledger::id::Principal;
use crate::ledger::proposal::{Proposal, TableChange};
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
            let open = gateway.proposals();
            let lines: Vec<String> = open.iter().map(|it| line(app, it)).collect();
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

/// One that waits, on a line.
fn line(app: &App, proposal: &Proposal) -> String {
    let what = match &proposal.change {
        TableChange::PartnerSet(row) => format!("set partner {} {}", row.code, row.name),
        TableChange::PartnerRemoved(bank) => format!("remove partner {bank}"),
        TableChange::RouteSet(row) => format!("set route {} {}", row.bank, row.usage.name()),
        TableChange::RouteRemoved(bank, usage) => format!("remove route {bank} {}", usage.name()),
        TableChange::ClientSet(row) => format!("set client {} {}", row.id.as_str(), row.name),
        TableChange::ClientRemoved(id) => format!("remove client {}", id.as_str()),
    };
    let user = match proposal.by {
        Principal::User(id) => app.gateway.view().user(id),
        Principal::System | Principal::Operator => None,
    };
    let by = user.as_ref().map_or("the operator", |user| user.username());
    let until = proposal.until.to_rfc3339(BOOK_OFFSET_SECONDS);
    format!("{}: {what}, by {by}, until {until}", public_id(proposal))
}
