//! The routes of a bank service.
//!
//! - `POST /api/{name}/transfer`: money to an account of the bank itself
//! - `POST /api/{name}/transferInterbank`: money to an account of another bank
//! - `POST /api/{name}/inquiry`: whose account it is
//! - `POST /api/{name}/status`: what became of a transfer
//! - `GET /health/live`: the process lives; the only one without a token

use std::sync::Arc;

use hyper::Method;
use hyper::http::request::Parts;
use serde::Serialize;

use super::config::Settings;
use super::desk::{Desk, Malformed};
use super::requests::{check_inquiry, check_status, check_transfer};
use crate::clock::Clock;
use crate::connector::http::Client;
use crate::connector::outcome::{Outcome, Reason, Standing, Transferred};
use crate::connector::snap::services::Reach;
use crate::connector::standard::{Answer, InquiryRequest, StatusRequest, TransferRequest};
use crate::http::problem::{ApiError, Code};
use crate::http::reply::Reply;
use crate::http::request::Request;
use crate::http::server::Service;
use crate::identity::secret::Secret;
use crate::identity::token::{self, InvalidToken};
use crate::limits;
use crate::outbound::Resolve;

/// Answers the gateway on behalf of one bank.
pub struct BankService {
    name: String,
    bank_code: &'static str,
    keys: Vec<Secret<Vec<u8>>>,
    desk: Arc<Desk>,
    clock: Clock,
}

#[derive(Serialize)]
struct Alive {
    status: &'static str,
}

impl BankService {
    /// A service as configured, that finds its bank with `resolve`.
    pub fn new(mut settings: Settings, resolve: Arc<dyn Resolve>, clock: Clock) -> Self {
        let tls = settings.tls.take();
        let client = Client::new(&settings.base, resolve, tls, settings.http);
        let name = std::mem::take(&mut settings.name);
        let keys = std::mem::take(&mut settings.keys);
        let bank_code = settings.dialect.bank;
        let desk = Arc::new(Desk::new(settings, client, clock.clone()));
        Self { name, bank_code, keys, desk, clock }
    }

    async fn route(&self, request: &Request) -> Result<Reply, ApiError> {
        let segments = request.segments();
        let segments = segments.as_slice();
        if segments == ["health", "live"] {
            expect(request, &Method::GET, "GET")?;
            return Ok(Reply::ok(&Alive { status: "live" }));
        }
        self.admit(request)?;
        let usage = match segments {
            ["api", name, usage] if *name == self.name => *usage,
            _ => return Err(ApiError::new(Code::NotFound)),
        };
        let answer = match usage {
            "transfer" => self.transfer(request, Reach::Intrabank).await?,
            "transferInterbank" => self.transfer(request, Reach::Interbank).await?,
            "inquiry" => self.inquire(request).await?,
            "status" => self.status(request).await?,
            _ => return Err(ApiError::new(Code::NotFound)),
        };
        Ok(Reply::ok(&answer))
    }

    /// Lets in the gateway only.
    fn admit(&self, request: &Request) -> Result<(), ApiError> {
        let token = request.bearer()?;
        let token = token.ok_or_else(|| ApiError::with_detail(Code::InvalidToken, "no token"))?;
        let now = self.clock.now();
        let mut verified = Err(InvalidToken::InvalidSignature);
        for key in &self.keys {
            verified = token::verify_partner(token, now, key.expose(), self.bank_code);
            if verified != Err(InvalidToken::InvalidSignature) {
                break;
            }
        }
        verified.map_err(|error| ApiError::with_detail(Code::InvalidToken, error.to_string()))
    }

    async fn transfer(&self, request: &Request, reach: Reach) -> Result<Answer, ApiError> {
        expect(request, &Method::POST, "POST")?;
        let asked: TransferRequest = request.json()?;
        check_transfer(&asked)?;
        let desk = Arc::clone(&self.desk);
        let outcome = detached(async move {
            let outcome = desk.transfer(reach, &asked).await;
            tell("transfer", &asked.reference, outcome.as_ref().map(of_transfer));
            outcome
        });
        Ok(of_transfer(&outcome.await?))
    }

    async fn inquire(&self, request: &Request) -> Result<Answer, ApiError> {
        expect(request, &Method::POST, "POST")?;
        let asked: InquiryRequest = request.json()?;
        check_inquiry(&asked)?;
        let desk = Arc::clone(&self.desk);
        let outcome = detached(async move {
            let outcome = desk.inquire(&asked).await;
            let told = outcome.as_ref().map(|outcome| answer(outcome, |_, _| ()));
            tell("inquiry", &asked.reference, told);
            outcome
        });
        Ok(answer(&outcome.await?, |beneficiary, answer| {
            answer.account_name = Some(beneficiary.account_name.clone());
        }))
    }

    async fn status(&self, request: &Request) -> Result<Answer, ApiError> {
        expect(request, &Method::POST, "POST")?;
        let asked: StatusRequest = request.json()?;
        check_status(&asked)?;
        let desk = Arc::clone(&self.desk);
        let standing = detached(async move {
            let standing = desk.status(&asked).await;
            tell("status", &asked.reference, standing.as_ref().map(of_standing));
            standing
        });
        Ok(of_standing(&standing.await?))
    }
}

impl Service for BankService {
    fn body_max(&self, _: &Parts) -> usize {
        limits::BANK_REQUEST_MAX
    }

    async fn call(&self, request: Request) -> Reply {
        Box::pin(self.route(&request)).await.into()
    }
}

fn expect(request: &Request, method: &Method, allow: &'static str) -> Result<(), ApiError> {
    if request.method() == method { Ok(()) } else { Err(ApiError::method_not_allowed(allow)) }
}

/// Runs on a task of its own: a gateway that goes away stops no conversation with the bank
/// half-way, so that its end is known here and logged.
async fn detached<T: Send + 'static>(
    conversation: impl Future<Output = Result<T, Malformed>> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::spawn(conversation).await {
        Ok(Ok(concluded)) => Ok(concluded),
        Ok(Err(malformed)) => Err(ApiError::with_detail(Code::InvalidRequest, malformed.message)),
        Err(_) => Err(ApiError::new(Code::Internal)),
    }
}

/// One line for each question, without what it was about.
fn tell(usage: &'static str, reference: &str, told: Result<Answer, &Malformed>) {
    let (outcome, code) = match told {
        Ok(answer) => (answer.outcome, answer.code),
        Err(malformed) => ("malformed".to_owned(), malformed.code.clone()),
    };
    tracing::info!(usage, reference, outcome, code, "the bank was asked");
}

fn of_transfer(outcome: &Outcome<Transferred>) -> Answer {
    answer(outcome, |transferred, answer| {
        answer.bank_reference = Some(transferred.bank_reference.clone());
    })
}

fn of_standing(standing: &Standing) -> Answer {
    match standing {
        Standing::Found(outcome) => of_transfer(outcome),
        Standing::NotFound(reason) => because("not_found", reason),
    }
}

fn answer<T>(outcome: &Outcome<T>, fill: impl FnOnce(&T, &mut Answer)) -> Answer {
    match outcome {
        Outcome::Succeeded(value) => {
            let mut answer = because(outcome.name(), &Reason::new("", ""));
            fill(value, &mut answer);
            answer
        }
        Outcome::Refused(reason) | Outcome::NotSent(reason) | Outcome::Unknown(reason) => {
            because(outcome.name(), reason)
        }
    }
}

fn because(outcome: &str, reason: &Reason) -> Answer {
    Answer {
        outcome: outcome.to_owned(),
        code: reason.code.clone(),
        message: reason.message.clone(),
        bank_reference: None,
        account_name: None,
    }
}
