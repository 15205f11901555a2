//! Signing up, in and out; who somebody is.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Context, wire};
use crate::gateway::Error;
use crate::gateway::caller::{Caller, user_public_id};
use crate::gateway::identity::{Login, SignUp};
use crate::http::problem::{ApiError, Code};
use crate::http::reply::Reply;
use crate::identity::secret::Secret;
use crate::ledger::event::{Fact, Role};
use crate::ledger::text::{Email, Line};
use crate::ledger::user::User;
use crate::limits;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignUpBody {
    username: String,
    name: String,
    email: String,
    phone: Option<String>,
    password: Secret<String>,
    role: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogInBody {
    login: String,
    password: Secret<String>,
    device_token: Option<Secret<String>>,
    otp: Option<Secret<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordBody {
    password: Secret<String>,
    new_password: Secret<String>,
}

#[derive(Serialize)]
struct UserView {
    id: String,
    username: String,
    name: String,
    email: String,
    role: &'static str,
    must_change_password: bool,
    created_at: String,
}

#[derive(Serialize)]
struct AccountView {
    id: String,
    currency: String,
}

#[derive(Serialize)]
struct SignedUpView {
    user: UserView,
    account: AccountView,
    position: u64,
}

#[derive(Serialize)]
struct MeView {
    user: UserView,
    account: AccountView,
}

#[derive(Serialize)]
struct LogInView {
    token: String,
    token_type: &'static str,
    expires_at: String,
    device_token: String,
    user: UserView,
}

#[derive(Serialize)]
struct PasswordChangedView {
    #[serde(flatten)]
    login: LogInView,
    position: u64,
}

#[derive(Serialize)]
struct RecipientView {
    username: String,
    name: String,
}

/// `POST /api/v1/auth/signup`
pub(super) async fn sign_up(context: Context<'_>) -> Result<Reply, ApiError> {
    if !context.gateway.settings().signup {
        return Err(ApiError::with_detail(Code::Forbidden, "signing up is closed"));
    }
    let wanted = context.request.json::<SignUpBody>()?.try_into()?;
    let gateway = Arc::clone(context.gateway);
    // On a task of its own: a client that goes away does not leave a name half taken.
    let from = context.address();
    let recorded = detached(async move { gateway.sign_up_from(wanted, from).await }).await??;
    let Fact::UserCreated(created) = &recorded.event.fact else {
        return Err(ApiError::new(Code::Internal));
    };
    let user = context.gateway.view().user(created.user);
    let user = user.ok_or_else(|| ApiError::new(Code::Internal))?;
    let MeView { user, account } = context.me(&user);
    Ok(Reply::created(&SignedUpView { user, account, position: recorded.position.get() }))
}

/// `POST /api/v1/auth/login`: an administrator with an authenticator gives a code of it too.
pub(super) async fn log_in(context: Context<'_>) -> Result<Reply, ApiError> {
    let LogInBody { login, password, device_token, otp } = context.request.json()?;
    let code = context.code(otp)?;
    if password.expose().len() > limits::PASSWORD_MAX || login.len() > limits::EMAIL_MAX {
        return Err(ApiError::new(Code::InvalidCredentials));
    }
    let gateway = Arc::clone(context.gateway);
    let from = context.address();
    // On a task of its own: a guesser who goes away early is counted all the same.
    let log_in = async move {
        let device = device_token.as_ref().map(|token| token.expose().as_str());
        let login = gateway.log_in(&login, password, device, from).await?;
        gateway.second_factor(&login.user, code.as_ref()).await?;
        Ok::<_, Error>(login)
    };
    let login = detached(log_in).await??;
    Ok(Reply::ok(&context.login(login)))
}

/// `PUT /api/v1/auth/password`: with a token that lives on, since all others are dead.
pub(super) async fn change_password(
    context: Context<'_>,
    caller: &Caller,
) -> Result<Reply, ApiError> {
    let PasswordBody { password, new_password } = context.request.json()?;
    if password.expose().len() > limits::PASSWORD_MAX {
        return Err(ApiError::new(Code::InvalidCredentials));
    }
    let (gateway, caller) = (Arc::clone(context.gateway), caller.clone());
    let from = context.address();
    let change =
        async move { gateway.change_password(&caller, password, new_password, from).await };
    let (login, recorded) = detached(change).await??;
    let position = recorded.position.get();
    Ok(Reply::ok(&PasswordChangedView { login: context.login(login), position }))
}

/// `POST /api/v1/auth/logout`
pub(super) async fn log_out(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let recorded = context.gateway.log_out(caller).await?;
    Ok(wire::no_content(recorded.position))
}

/// `GET /api/v1/me`
pub(super) fn me(context: Context<'_>, caller: &Caller) -> Reply {
    Reply::ok(&context.me(&caller.user))
}

/// `GET /api/v1/users/{username}`
pub(super) fn look_up(context: Context<'_>, caller: &Caller) -> Result<Reply, ApiError> {
    let segments = context.request.segments();
    let username = segments.as_slice().last().copied().unwrap_or_default();
    let user = context.gateway.look_up_for(caller, username)?;
    let (username, name) = (user.username().to_owned(), user.name().to_owned());
    Ok(Reply::ok(&RecipientView { username, name }))
}

impl TryFrom<SignUpBody> for SignUp {
    type Error = ApiError;

    fn try_from(body: SignUpBody) -> Result<Self, ApiError> {
        fn field<E: ToString>(name: &'static str) -> impl Fn(E) -> ApiError {
            move |error| ApiError::field(name, error.to_string())
        }
        let role = match Role::parse(&body.role) {
            Some(role @ (Role::Buyer | Role::Merchant)) => role,
            Some(Role::Admin | Role::Client) | None => {
                return Err(ApiError::field("role", "must be buyer or merchant"));
            }
        };
        let name = Line::parse(body.name.trim(), limits::NAME_MAX).map_err(field("name"))?;
        if !name.is_seen() {
            return Err(ApiError::field("name", "must not be empty"));
        }
        if is_reserved(&body.username) {
            return Err(ApiError::field("username", "is reserved"));
        }
        Ok(Self {
            username: wire::username("username", &body.username)?,
            name,
            email: Email::parse(&body.email).map_err(field("email"))?,
            phone: body.phone.as_deref().map(phone).transpose()?,
            password: body.password,
            role,
        })
    }
}

/// Names that look like ours to whoever is paid or told by them. The operator may give them.
fn is_reserved(username: &str) -> bool {
    let name = username.to_ascii_lowercase();
    let ours = ["system", "operator", "fees", "clearing", "suspense", "root"];
    ours.contains(&name.as_str()) || name.starts_with("admin")
}

/// E.164: a plus and up to 15 digits.
fn phone(text: &str) -> Result<Line, ApiError> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let good = (7..limits::PHONE_MAX).contains(&digits.len())
        && digits.bytes().all(|digit| digit.is_ascii_digit());
    if !good {
        return Err(ApiError::field("phone", "must be digits as in E.164, like +6281234567890"));
    }
    Line::parse(text, limits::PHONE_MAX).map_err(|e| ApiError::field("phone", e.to_string()))
}

impl Context<'_> {
    fn user(&self, user: &User) -> UserView {
        UserView {
            id: user_public_id(user),
            username: user.username().to_owned(),
            name: user.name().to_owned(),
            email: user.email().to_owned(),
            role: user.role.name(),
            must_change_password: user.must_change_password,
            created_at: self.time(user.created_at),
        }
    }

    fn login(&self, login: Login) -> LogInView {
        LogInView {
            token: login.token,
            token_type: "Bearer",
            expires_at: self.time(login.expires),
            device_token: login.device,
            user: self.user(&login.user),
        }
    }

    fn me(&self, user: &User) -> MeView {
        let account = self.gateway.view().account(user.account);
        let currency = account.map_or_else(String::new, |account| account.currency.to_string());
        let id = wire::account_id(user.created_at, user.account);
        MeView { user: self.user(user), account: AccountView { id, currency } }
    }
}

/// Runs to its end whatever becomes of the client.
pub(super) async fn detached<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::spawn(work).await.map_err(|_| ApiError::new(Code::Internal))
}
