//! Badges for ways to pay: a name in plain letters on a plain ground, drawn by us. A brand's own
//! artwork is the operator's to get and to serve: the logo of a payment method may be any link.

use std::sync::LazyLock;

use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue};

use super::{Context, documents};
use crate::http::openapi::Served;
use crate::http::problem::{ApiError, Code};
use crate::http::reply::Reply;

/// A picture that loads nothing, runs nothing, and is no page of ours where it is opened as one.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");
/// Shops show it on pages of their own.
const ANYWHERE: HeaderValue = HeaderValue::from_static("cross-origin");
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// A day: it changes with the program only.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=86400");

const WALLET: &str = "#0f766e";
const CODE: &str = "#374151";
const BANK: &str = "#1e40af";
const COUNTER: &str = "#9a3412";

/// Name in the path, letters, ground: of the payment methods in `data/payment-methods.json`.
const BADGES: [(&str, &str, &str); 11] = [
    ("wallet.svg", "Dompet", WALLET),
    ("qris.svg", "QRIS", CODE),
    ("mandiri.svg", "Mandiri", BANK),
    ("bca.svg", "BCA", BANK),
    ("bni.svg", "BNI", BANK),
    ("bri.svg", "BRI", BANK),
    ("permata.svg", "Permata", BANK),
    ("indomaret.svg", "Indomaret", COUNTER),
    ("alfamart.svg", "Alfamart", COUNTER),
    ("gopay.svg", "GoPay", WALLET),
    ("shopeepay.svg", "ShopeePay", WALLET),
];

static LOGOS: LazyLock<Vec<(&str, Served)>> = LazyLock::new(|| {
    BADGES.map(|(name, letters, ground)| (name, Served::of(badge(letters, ground)))).into()
});

/// `GET /assets/methods/{name}`
pub(super) fn show(context: Context<'_>) -> Result<Reply, ApiError> {
    let wanted = context.segment(2);
    let found = LOGOS.iter().find(|(name, _)| *name == wanted);
    let (_, logo) = found.ok_or_else(|| ApiError::new(Code::NotFound))?;
    Ok(documents::serve(context, logo, "image/svg+xml")
        .header(CONTENT_SECURITY_POLICY, POLICY)
        .header(RESOURCE, ANYWHERE)
        .header(CACHE_CONTROL, CACHED))
}

fn badge(letters: &str, ground: &str) -> String {
    let size = if letters.len() > 6 { 15 } else { 20 };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"96\" height=\"48\" \
         viewBox=\"0 0 96 48\" role=\"img\" aria-label=\"{letters}\">\
         <rect width=\"96\" height=\"48\" rx=\"8\" fill=\"{ground}\"/>\
         <text x=\"48\" y=\"24\" fill=\"#fff\" font-family=\"system-ui,sans-serif\" \
         font-size=\"{size}\" font-weight=\"600\" text-anchor=\"middle\" \
         dominant-baseline=\"central\">{letters}</text></svg>\n"
    )
}
