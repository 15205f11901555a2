//! Changes that wait for another administrator: of the tables, of keys for others, and of roles.

use serde::{Deserialize, Serialize};

use super::api_keys::KeyView;
use super::merchants::MerchantView;
use super::payouts::reason_of;
use super::routes::Route;
use super::tables::{ClientView, PartnerView, RouteRow};
use super::wire::ListView;
use super::{Context, notices};
use crate::gateway::caller::Caller;
use crate::gateway::proposals::public_id;
use crate::http::problem::ApiError;
use crate::http::reply::Reply;
use crate::journal::Recorded;
use crate::ledger::event::{Fact, Role};
use crate::ledger::id::Principal;
use crate::ledger::proposal::{Proposal, TableChange};
use crate::ledger::registry::{RegistryChange, Usage};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefuseBody {
    reason: String,
}

/// A proposal: what is to change, from what to what.
#[derive(Serialize)]
struct ProposalView {
    id: String,
    status: &'static str,
    proposed_by: String,
    proposed_at: String,
    expires_at: String,
    table: &'static str,
    key: String,
    /// As it is at present; nothing if it is new.
    before: Option<RowView>,
    /// As it is to be; nothing if it is to be removed.
    row: Option<RowView>,
    /// Keys, secrets and the callback that the change makes others, or drops.
    changes: Vec<&'static str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum RowView {
    Partner(PartnerView),
    Route(RouteRow),
    Client(ClientView),
    ApiKey(KeyView),
    Merchant(MerchantView),
    Role(RoleView),
}

/// What a user may do.
#[derive(Serialize)]
struct RoleView {
    role: &'static str,
}

/// A proposal and the entry that changed it, with the secrets that were made for it.
#[derive(Serialize)]
struct WrittenView {
    #[serde(flatten)]
    proposal: ProposalView,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<String>,
    position: u64,
}

/// What was made for a proposal and is shown this once.
#[derive(Default)]
pub(super) struct Shown<'a> {
    /// The key token of a partner or client.
    pub(super) key_token: Option<&'a str>,
    /// The secret of a callback.
    pub(super) secret: Option<&'a str>,
    /// The key of an application.
    pub(super) api_key: Option<&'a str>,
}

/// The routes about proposals.
pub(super) async fn dispatch(
    route: Route,
    context: Context<'_>,
    caller: &Caller,
) -> Result<Reply, ApiError> {
    match route {
        Route::ApproveProposal => approve(context, caller).await,
        Route::RefuseProposal => refuse(context, caller).await,
        _ => list(context),
    }
}

/// `GET /api/v1/admin/proposals`: oldest first.
fn list(context: Context<'_>) -> Result<Reply, ApiError> {
    let _ = context.request.query()?.only(&[])?;
    let open = context.gateway.proposals();
    let data: Vec<_> = open.iter().map(|it| context.proposal(it, "proposed")).collect();
    Ok(Reply::ok(&ListView { data, next_cursor: None }))
}

/// `POST /api/v1/admin/proposals/{id}/approve`
async fn approve(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let before = context.gateway.proposals();
    let shown = before.iter().find(|it| public_id(it) == context.segment(4));
    // As it was before the change, which is over by the time of the answer.
    let shown = shown.map(|it| context.proposal(it, "approved"));
    let by = caller.principal();
    let (proposal, recorded) = context.gateway.approve_proposal(by, context.segment(4)).await?;
    let proposal = shown.unwrap_or_else(|| context.proposal(&proposal, "approved"));
    Ok(written(proposal, &recorded))
}

/// `POST /api/v1/admin/proposals/{id}/refuse`
async fn refuse(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let RefuseBody { reason } = context.request.json()?;
    let (by, reason) = (caller.principal(), reason_of(&reason)?);
    let refused = context.gateway.refuse_proposal(by, context.segment(4), reason).await?;
    Ok(written(context.proposal(&refused.0, "refused"), &refused.1))
}

fn written(proposal: ProposalView, recorded: &Recorded) -> Reply {
    let position = recorded.position.get();
    Reply::ok(&WrittenView { proposal, key_token: None, secret: None, api_key: None, position })
}

impl Context<'_> {
    /// The answer to a change that became a proposal, with the secrets that were made for it; `None`
    /// if it was made at once.
    pub(super) fn proposed(&self, recorded: &Recorded, shown: &Shown<'_>) -> Option<Reply> {
        let Fact::RegistryChanged(changed) = &recorded.event.fact else {
            return None;
        };
        let RegistryChange::Proposed(proposal) = &changed.change else { return None };
        Some(Reply::accepted(&WrittenView {
            proposal: self.proposal(proposal, "proposed"),
            key_token: shown.key_token.map(str::to_owned),
            secret: shown.secret.map(str::to_owned),
            api_key: shown.api_key.map(str::to_owned),
            position: recorded.position.get(),
        }))
    }

    fn proposal(&self, proposal: &Proposal, status: &'static str) -> ProposalView {
        let registry = self.gateway.view().registry();
        let partner = |code| registry.partners.get(code).map(PartnerView::of).map(RowView::Partner);
        let route =
            |bank, usage| registry.routes.get(&(bank, usage)).map(RouteRow::of).map(RowView::Route);
        let client = |id| registry.clients.get(id).map(|it| RowView::Client(self.client(it)));
        let name = |bank, usage: Usage| format!("{bank} {}", usage.name());
        let (table, key, before, row) = match &proposal.change {
            TableChange::PartnerSet(it) => {
                let row = RowView::Partner(PartnerView::of(it));
                ("partner", it.code.to_string(), partner(&it.code), Some(row))
            }
            TableChange::PartnerRemoved(bank) => ("partner", bank.to_string(), partner(bank), None),
            TableChange::RouteSet(it) => {
                let row = RowView::Route(RouteRow::of(it));
                ("route", name(it.bank, it.usage), route(it.bank, it.usage), Some(row))
            }
            TableChange::RouteRemoved(bank, usage) => {
                ("route", name(*bank, *usage), route(*bank, *usage), None)
            }
            TableChange::ClientSet(it) => {
                let row = RowView::Client(self.client(it));
                ("client", it.id.as_str().to_owned(), client(&it.id), Some(row))
            }
            TableChange::ClientRemoved(id) => ("client", id.as_str().to_owned(), client(id), None),
            TableChange::ApiKeySet(it) => {
                ("api_key", it.id.to_string(), None, Some(RowView::ApiKey(self.key_view(it))))
            }
            TableChange::MerchantSet(it) => {
                let before = registry.merchants.get(&it.user);
                let before = before.map(|row| RowView::Merchant(self.merchant(row)));
                let row = RowView::Merchant(self.merchant(it));
                (
                    "merchant",
                    notices::who(self.gateway, Principal::User(it.user)),
                    before,
                    Some(row),
                )
            }
            TableChange::RoleSet(user, role) => {
                let before = self.gateway.view().user(*user).map(|user| user.role);
                let view = |role: Role| RowView::Role(RoleView { role: role.name() });
                let name = notices::who(self.gateway, Principal::User(*user));
                ("role", name, before.map(view), Some(view(*role)))
            }
        };
        let Proposal { by, at, until, .. } = proposal;
        ProposalView {
            id: public_id(proposal),
            status,
            proposed_by: notices::who(self.gateway, *by),
            proposed_at: self.time(*at),
            expires_at: self.time(*until),
            table,
            key,
            before,
            row,
            changes: proposal.change.changes(&registry),
        }
    }
}
