//! Which way a transfer takes (EDR-3): the order in which partners may be tried, and why.
//!
//! ```text
//!  the beneficiary's bank is a partner ──▶ its TRANSFER route, no fee
//!      passed over or not sent, and the client agrees ──┐
//!  it is none, or has no such route ────────────────────┴▶ TRANSFER INTERBANK, with its fee, through
//!                                                         the smallest priority number, then the next
//! ```
//!
//! A plan is a function of the tables, the moment and what the caller knows of each partner's
//! health. It sends nothing and remembers nothing: whether the next candidate may be tried is the
//! connector's outcome to say, and only `not_sent` says yes.

use std::fmt::Write;

use super::Error;
use crate::ledger::money::Amount;
use crate::ledger::registry::{BankCode, Partner, Registry, Route, Usage};
use crate::ledger::text::Line;
use crate::ledger::time::Timestamp;

/// What is to be routed.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// The bank that has the beneficiary's account.
    pub bank: BankCode,
    /// What the beneficiary is to get.
    pub amount: Amount,
    /// The moment, for maintenance windows.
    pub at: Timestamp,
    /// Whether another bank may do it, for a fee, when the beneficiary's own cannot.
    pub fallback: bool,
    /// The most that a way may cost, zero included; any fee if there is none.
    pub fee_max: Option<u64>,
}

/// The ways a transfer may take, best first, and those it may not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Where it goes.
    pub bank: BankCode,
    /// To be tried in this order, each only if the one before was not sent.
    pub candidates: Vec<Candidate>,
    /// The partners that were considered and left out.
    pub passed_over: Vec<PassedOver>,
}

/// A way to try.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// The partner that is asked.
    pub bank: BankCode,
    /// Its name.
    pub name: Line,
    /// By which of its services.
    pub usage: Usage,
    /// Where its bank service listens.
    pub base_url: Line,
    /// The path there.
    pub local: Line,
    /// The bank's own endpoint behind it.
    pub external: Line,
    /// What it costs, on top of the amount.
    pub fee: Option<Amount>,
    /// Why it stands here, in a few words.
    pub why: &'static str,
}

/// A partner that was left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PassedOver {
    /// Which.
    pub bank: BankCode,
    /// By which of its services it was considered.
    pub usage: Usage,
    /// Why not.
    pub reason: Reason,
}

/// Why a partner is left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// An administrator switched it off.
    Disabled,
    /// It is in its daily maintenance.
    Maintenance,
    /// It does not answer at present, or was tried already.
    Unavailable,
    /// It has no such route.
    NoRoute,
    /// No bank takes interbank transfers to itself.
    OwnBank,
    /// The client does not pay for another bank.
    FallbackRefused,
    /// It costs more than was agreed to.
    TooDear,
}

impl Reason {
    /// In a few words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Disabled => "switched off by an administrator",
            Self::Maintenance => "in its daily maintenance",
            Self::Unavailable => "not available at present",
            Self::NoRoute => "has no such route",
            Self::OwnBank => "is the beneficiary's own bank",
            Self::FallbackRefused => "the client does not allow another bank",
            Self::TooDear => "costs more than was agreed to",
        }
    }

    /// Whether it ends by itself.
    pub const fn is_passing(self) -> bool {
        matches!(self, Self::Maintenance | Self::Unavailable)
    }
}

/// Why a plan has no candidate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoWay {
    /// There is no route to this bank: `route_not_found`.
    #[error("there is no route to this bank")]
    NotFound,
    /// There is one that is not open now: worth another try later.
    #[error("no route to this bank is open at present")]
    Unavailable,
}

const OWN: &str = "the beneficiary's own bank";
const BY_PRIORITY: &str = "no partner of ours, so by priority";
const FALLBACK: &str = "in place of the beneficiary's own bank, by priority";

/// The bank code in a request's field.
///
/// # Errors
/// Anything but three digits is refused by the field's name.
pub fn bank_code(field: &'static str, text: &str) -> Result<BankCode, Error> {
    BankCode::parse(text).ok_or_else(|| Error::Invalid {
        field,
        message: "must be the bank's code of three digits, like 009".to_owned(),
    })
}

/// The ways that `question` may take through the partners of `registry`, of which those are asked
/// that are `available`.
pub fn plan(
    registry: &Registry,
    question: &Question,
    available: impl Fn(BankCode) -> bool,
) -> Plan {
    let mut plan = Plan { bank: question.bank, candidates: Vec::new(), passed_over: Vec::new() };
    let closed = |partner: &Partner| match () {
        () if partner.disabled => Some(Reason::Disabled),
        () if partner.maintenance.is_some_and(|it| it.contains(question.at)) => {
            Some(Reason::Maintenance)
        }
        () if !available(partner.code) => Some(Reason::Unavailable),
        () => None,
    };
    let own = registry.partners.get(&question.bank).and_then(|partner| {
        Some((partner, registry.routes.get(&(question.bank, Usage::Transfer))?))
    });
    if let Some((partner, route)) = own {
        match closed(partner) {
            None => plan.candidates.push(Candidate::new(partner, route, None, OWN)),
            Some(reason) => plan.pass_over(partner, Usage::Transfer, reason),
        }
    }
    let why = if own.is_some() { FALLBACK } else { BY_PRIORITY };
    for partner in by_priority(registry) {
        let route = registry.routes.get(&(partner.code, Usage::Interbank));
        let refused = own.is_some() && !question.fallback;
        match route {
            _ if partner.code == question.bank => {
                if own.is_none() {
                    plan.pass_over(partner, Usage::Interbank, Reason::OwnBank);
                }
            }
            None => plan.pass_over(partner, Usage::Interbank, Reason::NoRoute),
            Some(_) if refused => {
                plan.pass_over(partner, Usage::Interbank, Reason::FallbackRefused);
            }
            Some(route) => {
                let fee = route.fee_rounded_up(question.amount);
                let too_dear = question.fee_max.is_some_and(|max| units(fee) > max);
                match closed(partner) {
                    None if too_dear => {
                        plan.pass_over(partner, Usage::Interbank, Reason::TooDear);
                    }
                    Some(reason) => plan.pass_over(partner, Usage::Interbank, reason),
                    None => plan.candidates.push(Candidate::new(partner, route, fee, why)),
                }
            }
        }
    }
    plan
}

/// What `question` costs on a usual day: nothing if the beneficiary's own bank takes it, whatever is
/// the matter with it just now, and else what the first way costs.
pub fn usual_fee(registry: &Registry, question: &Question) -> u64 {
    let plan = plan(registry, question, |_| true);
    let own = |it: &PassedOver| it.usage == Usage::Transfer && it.reason.is_passing();
    if plan.passed_over.iter().any(own) {
        return 0;
    }
    plan.candidates.first().map_or(0, |way| units(way.fee))
}

fn units(fee: Option<Amount>) -> u64 {
    fee.map_or(0, Amount::get)
}

/// All partners, the smallest priority number first; of equals, the smaller code.
fn by_priority(registry: &Registry) -> Vec<&Partner> {
    let mut partners: Vec<&Partner> = registry.partners.values().collect();
    partners.sort_by_key(|partner| (partner.priority, partner.code));
    partners
}

impl Candidate {
    fn new(partner: &Partner, route: &Route, fee: Option<Amount>, why: &'static str) -> Self {
        Self {
            bank: partner.code,
            name: partner.name.clone(),
            usage: route.usage,
            base_url: partner.base_url.clone(),
            local: route.local.clone(),
            external: route.external.clone(),
            fee,
            why,
        }
    }
}

impl Plan {
    /// The way to try first.
    ///
    /// # Errors
    /// There is none: whether for good or for now.
    pub fn first(&self) -> Result<&Candidate, NoWay> {
        let passing = self.passed_over.iter().any(|partner| partner.reason.is_passing());
        let none = if passing { NoWay::Unavailable } else { NoWay::NotFound };
        self.candidates.first().ok_or(none)
    }

    /// The plan in a few lines for people.
    pub fn explain(&self) -> String {
        let mut text = match self.first() {
            Ok(first) => format!("To bank {}: through {} {}.\n", self.bank, first.bank, first.name),
            Err(none) => format!("To bank {}: {none}.\n", self.bank),
        };
        for (place, way) in (1..).zip(&self.candidates) {
            let Candidate { bank, usage, base_url, local, .. } = way;
            let usage = usage.name();
            let fee = way.fee.map_or_else(|| "no fee".to_owned(), |fee| format!("fee {fee}"));
            let then = if place == 1 { "" } else { "if the one before was not sent: " };
            writeln!(
                text,
                "{place}. {then}{bank} {usage}, {fee}, {}: POST {base_url}{local}",
                way.why
            )
            .expect("text grows");
        }
        for PassedOver { bank, usage, reason } in &self.passed_over {
            writeln!(text, "Not through {bank} {}: {}.", usage.name(), reason.words())
                .expect("text grows");
        }
        text
    }

    fn pass_over(&mut self, partner: &Partner, usage: Usage, reason: Reason) {
        self.passed_over.push(PassedOver { bank: partner.code, usage, reason });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::money::BasisPoints;
    use crate::ledger::registry::tests::{bank, papers_rows, partner, route};
    use crate::ledger::registry::{RegistryChange, Window};

    fn question(bank_code: &str, fallback: bool) -> Question {
        let at = Timestamp::parse_rfc3339("2026-11-21T12:00:00+07:00").unwrap();
        let amount = Amount::new(2_475_000).unwrap();
        Question { bank: bank(bank_code), amount, at, fallback, fee_max: None }
    }

    /// A plan in one line: `009T 014I/6500` for the candidates, `|008I no route` for the others.
    fn short(plan: &Plan) -> String {
        let letter = |usage| if usage == Usage::Transfer { 'T' } else { 'I' };
        let candidates = plan.candidates.iter().map(|way| {
            let fee = way.fee.map_or_else(String::new, |fee| format!("/{fee}"));
            format!("{}{}{fee}", way.bank, letter(way.usage))
        });
        let others = plan
            .passed_over
            .iter()
            .map(|it| format!("-{}{}:{:?}", it.bank, letter(it.usage), it.reason));
        candidates.chain(others).collect::<Vec<_>>().join(" ")
    }

    /// The paper's tables, in which Mandiri also has an interbank route: 0.1 %.
    fn two_interbank() -> Registry {
        let mut registry = papers_rows();
        let fee_basis_points = BasisPoints::new(10).unwrap();
        let route = Route { fee_basis_points, ..route("008", Usage::Interbank) };
        registry.apply(&RegistryChange::RouteSet(route));
        registry
    }

    fn set(registry: &mut Registry, code: &str, change: impl Fn(&mut Partner)) {
        let mut partner = registry.partners[&bank(code)].clone();
        change(&mut partner);
        registry.apply(&RegistryChange::PartnerSet(partner));
    }

    #[test]
    fn nobody_pays_more_than_they_agreed_to() {
        let mut registry = two_interbank();
        let most = |code, fee_max| Question { fee_max: Some(fee_max), ..question(code, true) };
        let cases = [
            ("014", 0, "014T -009I:TooDear -008I:TooDear"),
            ("014", 2_475, "014T 008I/2475 -009I:TooDear"),
            ("014", 6_500, "014T 009I/6500 008I/2475"),
            ("002", 2_474, "-009I:TooDear -014I:NoRoute -008I:TooDear"),
        ];
        for (code, fee_max, expected) in cases {
            let plan = plan(&registry, &most(code, fee_max), |_| true);
            assert_eq!(short(&plan), expected, "{code} for at most {fee_max}");
        }
        assert_eq!(usual_fee(&registry, &question("014", true)), 0);
        assert_eq!(usual_fee(&registry, &question("002", true)), 6_500);
        // What is the matter with a bank today is not what its customers agreed to.
        let at = question("014", true).at;
        let window = Window { from: 11 * 60, until: 13 * 60 };
        set(&mut registry, "014", |partner| partner.maintenance = Some(window));
        assert_eq!(usual_fee(&registry, &Question { at, ..question("014", true) }), 0);
        set(&mut registry, "014", |partner| partner.disabled = true);
        assert_eq!(usual_fee(&registry, &question("014", true)), 6_500);
    }

    #[test]
    fn the_papers_rows() {
        let registry = papers_rows();
        let cases = [
            ("009", true, "009T -014I:NoRoute -008I:NoRoute"),
            ("014", true, "014T 009I/6500 -008I:NoRoute"),
            ("008", true, "008T 009I/6500 -014I:NoRoute"),
            ("014", false, "014T -009I:FallbackRefused -008I:NoRoute"),
            // No partner: BNI, whether the client allows another bank than its own or not.
            ("200", true, "009I/6500 -014I:NoRoute -008I:NoRoute"),
            ("200", false, "009I/6500 -014I:NoRoute -008I:NoRoute"),
        ];
        for (code, fallback, expected) in cases {
            let plan = plan(&registry, &question(code, fallback), |_| true);
            assert_eq!(short(&plan), expected, "{code} {fallback}");
        }
        let plan = plan(&registry, &question("451", true), |_| true);
        let first = plan.first().unwrap();
        let url = format!("{}{}", first.base_url, first.local);
        assert_eq!(url, "http://10.10.1.3:2002/api/bni/transferInterbank");
        assert_eq!(first.external.as_str(), "https://{{hostBNI}}/p2pl/payment/interbank");
    }

    #[test]
    fn what_is_closed_is_passed_over() {
        let cases: [(&str, bool, &[&str], &str); 9] = [
            ("014", true, &["014"], "009I/6500 008I/2475 -014T:Unavailable"),
            ("014", true, &["014", "009"], "008I/2475 -014T:Unavailable -009I:Unavailable"),
            (
                "014",
                false,
                &["014"],
                "-014T:Unavailable -009I:FallbackRefused -008I:FallbackRefused",
            ),
            ("014", true, &["009"], "014T 008I/2475 -009I:Unavailable"),
            ("009", true, &["009"], "008I/2475 -009T:Unavailable -014I:NoRoute"),
            ("200", true, &[], "009I/6500 008I/2475 -014I:NoRoute"),
            ("200", true, &["009"], "008I/2475 -009I:Unavailable -014I:NoRoute"),
            ("200", false, &["009"], "008I/2475 -009I:Unavailable -014I:NoRoute"),
            ("200", true, &["008", "009"], "-009I:Unavailable -014I:NoRoute -008I:Unavailable"),
        ];
        for (code, fallback, down, expected) in cases {
            let question = question(code, fallback);
            let plan = plan(&two_interbank(), &question, |bank| !down.contains(&bank.as_str()));
            let (mut found, mut expected): (Vec<_>, Vec<_>) = (
                short(&plan).split(' ').map(str::to_owned).collect(),
                expected.split(' ').collect(),
            );
            found.sort();
            expected.sort_unstable();
            assert_eq!(found, expected, "{code} {fallback} {down:?}");
        }
    }

    #[test]
    fn the_order_is_priority_then_code() {
        let cases = [
            ([1, 2, 3], "009I/6500 014I/1 008I/2475"),
            ([3, 2, 1], "008I/2475 014I/1 009I/6500"),
            ([7, 7, 7], "008I/2475 009I/6500 014I/1"),
            ([u16::MAX, 0, 0], "008I/2475 014I/1 009I/6500"),
        ];
        for (priorities, expected) in cases {
            let mut registry = two_interbank();
            let other = Route { fee_fixed: 1, ..route("014", Usage::Interbank) };
            registry.apply(&RegistryChange::RouteSet(other));
            for (code, priority) in ["009", "014", "008"].into_iter().zip(priorities) {
                set(&mut registry, code, |partner| partner.priority = priority);
            }
            assert_eq!(short(&plan(&registry, &question("200", true), |_| true)), expected);
        }
    }

    #[test]
    fn administrators_and_nights_close_partners() {
        let mut registry = papers_rows();
        let noon = Some(Window { from: 719, until: 721 });
        set(&mut registry, "014", |partner| partner.maintenance = noon);
        let at_noon = plan(&registry, &question("014", true), |_| true);
        assert_eq!(short(&at_noon), "009I/6500 -014T:Maintenance -008I:NoRoute");
        let mut later = question("014", true);
        later.at = later.at.plus_seconds(60);
        assert_eq!(short(&plan(&registry, &later, |_| true)), "014T 009I/6500 -008I:NoRoute");
        set(&mut registry, "014", |partner| partner.disabled = true);
        let disabled = plan(&registry, &later, |_| true);
        assert_eq!(short(&disabled), "009I/6500 -014T:Disabled -008I:NoRoute");
    }

    #[test]
    fn no_way_is_for_good_or_for_now() {
        let none = |registry: &Registry, code: &str, up: bool| {
            plan(registry, &question(code, false), |_| up).first().map(|way| way.bank).err()
        };
        let empty = Registry::default();
        assert_eq!(none(&empty, "009", true), Some(NoWay::NotFound));
        let papers = papers_rows();
        assert_eq!(none(&papers, "200", true), None);
        assert_eq!(none(&papers, "200", false), Some(NoWay::Unavailable));
        assert_eq!(none(&papers, "014", false), Some(NoWay::Unavailable));
        let mut off = papers_rows();
        set(&mut off, "009", |partner| partner.disabled = true);
        assert_eq!(none(&off, "009", true), Some(NoWay::NotFound));
        assert_eq!(none(&off, "200", true), Some(NoWay::NotFound));

        // A partner that reaches others but has no route to its own accounts.
        let mut lone = Registry::default();
        lone.apply(&RegistryChange::PartnerSet(partner("009", 1)));
        lone.apply(&RegistryChange::RouteSet(route("009", Usage::Interbank)));
        assert_eq!(none(&lone, "009", true), Some(NoWay::NotFound));
        assert_eq!(none(&lone, "200", true), None);
    }

    #[test]
    fn other_codes_than_three_digits_name_the_field() {
        assert_eq!(bank_code("beneficiaryBankCode", "009").unwrap(), bank("009"));
        for wrong in ["", "9", "BNI", "CENAIDJA", "0140397", "00 9", "009 OR 1=1", "\u{664}09"] {
            let error = bank_code("beneficiaryBankCode", wrong).unwrap_err().to_string();
            assert!(error.starts_with("beneficiaryBankCode: "), "{error}");
        }
    }

    #[test]
    fn a_plan_explains_itself() {
        let down = |bank: BankCode| bank.as_str() != "014";
        let text = plan(&two_interbank(), &question("014", true), down).explain();
        let expected = "\
To bank 014: through 009 PT Bank Negara Indonesia Tbk.
1. 009 TRANSFER INTERBANK, fee 6500, in place of the beneficiary's own bank, by priority: \
POST http://10.10.1.3:2002/api/bni/transferInterbank
2. if the one before was not sent: 008 TRANSFER INTERBANK, fee 2475, in place of the \
beneficiary's own bank, by priority: POST http://10.10.1.3:2003/api/008/transferInterbank
Not through 014 TRANSFER: not available at present.
";
        assert_eq!(text, expected);
        let text = plan(&Registry::default(), &question("014", true), down).explain();
        assert_eq!(text, "To bank 014: there is no route to this bank.\n");
    }
}
