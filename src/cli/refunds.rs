//! `gerbang admin refund ...`: refunds through the provider that nobody can say the end of.

use clap::{Subcommand, ValueEnum};

use super::Failure;
use super::admin::named;
use crate::app::App;
use crate::gateway::charge::by_hand::{Standing, State};
use crate::gateway::payout::by_hand::Settlement;
use crate::ledger::id::Principal;
use crate::ledger::text::Line;
use crate::ledger::time::BOOK_OFFSET_SECONDS;
use crate::limits;

#[derive(Subcommand)]
pub(super) enum Refunds {
    /// Shows those that are open.
    List,
    /// Says how an unknown one ended.
    Settle {
        id: String,
        #[arg(long, value_enum)]
        outcome: Ended,
        #[arg(long)]
        reason: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Ended {
    /// The provider has given the money back.
    Succeeded,
    /// It has not, and will not.
    Failed,
}

pub(super) async fn act(app: &App, action: Refunds) -> Result<String, Failure> {
    let gateway = &app.gateway;
    match action {
        Refunds::List => {
            let open = gateway.open_refunds(&[]).map_err(Failure::failed)?;
            let lines: Vec<String> = open.iter().map(line).collect();
            Ok(if lines.is_empty() { "none".to_owned() } else { lines.join("\n") })
        }
        Refunds::Settle { id, outcome, reason } => {
            let reason = Line::parse(&reason, limits::REASON_MAX);
            let reason = reason.map_err(|error| named("--reason", error))?;
            let settlement = match outcome {
                Ended::Succeeded => Settlement::Succeeded,
                Ended::Failed => Settlement::Failed,
            };
            let settled = gateway.settle_refund(Principal::Operator, &id, settlement, reason);
            Ok(line(&settled.await.map_err(Failure::failed)?))
        }
    }
}

/// A refund on a line.
fn line(standing: &Standing) -> String {
    let (started, state) = (standing.started(), standing.state.name());
    let why = match &standing.state {
        State::Asked => String::new(),
        State::Unknown { reason } | State::Failed { reason, .. } => format!(" ({reason})"),
        State::Succeeded { note, .. } => format!(" ({note})"),
    };
    let since = standing.recorded.time.to_rfc3339(BOOK_OFFSET_SECONDS);
    let (amount, currency) = (started.amount, started.currency);
    let order = &standing.order_id;
    format!("{}: {amount} {currency} of {order}, since {since}: {state}{why}", standing.id())
}
