//! The API described: for programs at `/openapi.json`, for people at `/docs`.

use hyper::StatusCode;
use hyper::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, VARY};

use super::Context;
use super::routes::Route;
use crate::http::openapi::{Document, Served, document};
use crate::http::page;
use crate::http::reply::Reply;

const OPENAPI: &str = "application/vnd.oai.openapi+json";
const OPENAPI_31: HeaderValue =
    HeaderValue::from_static("application/vnd.oai.openapi+json;version=3.1");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// It changes with the program only; a tag tells soon enough.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// `GET /openapi.json`, `/docs` and what belongs to it
pub(super) fn show(route: Route, context: Context<'_>) -> Reply {
    let Document { json, page, errors, style, script, .. } = document();
    match route {
        Route::OpenApi => {
            let media_type = if prefers_openapi(context) { OPENAPI_31 } else { JSON };
            let reply = serve(context, json, "application/json").header(VARY, ACCEPT.into());
            match reply.status() {
                StatusCode::OK => reply.header(CONTENT_TYPE, media_type),
                _ => reply,
            }
        }
        Route::DocsErrors => serve(context, errors, "text/html; charset=utf-8"),
        Route::DocsStyle => serve(context, style, "text/css; charset=utf-8"),
        Route::DocsScript => serve(context, script, "text/javascript; charset=utf-8"),
        _ => serve(context, page, "text/html; charset=utf-8"),
    }
}

/// The text; 304 to whoever has it already.
pub(super) fn serve(context: Context<'_>, served: &Served, media_type: &'static str) -> Reply {
    let reply = if has(context, &served.tag) {
        page::with_headers(Reply::empty(StatusCode::NOT_MODIFIED))
    } else {
        page::reply(media_type, served.body.clone())
    };
    let tag = HeaderValue::from_str(&served.tag).expect("a quoted hash is visible ASCII");
    reply.header(CACHE_CONTROL, CACHED).header(ETAG, tag)
}

/// Whether one of the client's tags is this one (RFC 9110, 13.1.2: compared weakly).
fn has(context: Context<'_>, tag: &str) -> bool {
    let values = context.request.headers().get_all(IF_NONE_MATCH).iter();
    let tags = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let mut tags = tags.map(str::trim);
    tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

/// Whether the client asks for the document's own media type by name.
fn prefers_openapi(context: Context<'_>) -> bool {
    let values = context.request.headers().get_all(ACCEPT).iter();
    let mut types = values.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    types.any(|media| {
        media.split(';').next().is_some_and(|it| it.trim().eq_ignore_ascii_case(OPENAPI))
    })
}
