//! Whether the process lives, whether it serves, and what it counts.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;

use super::Context;
use crate::http::problem::{ApiError, Code};
use crate::http::reply::Reply;

#[derive(Serialize)]
struct StatusView {
    status: &'static str,
}

/// `GET /health/live`
pub(super) fn live() -> Reply {
    Reply::ok(&StatusView { status: "live" })
}

/// `GET /health/ready`: recovery is done and no stop has begun.
pub(super) fn ready(context: Context<'_>) -> Reply {
    if context.api.ready.load(Ordering::Relaxed) {
        Reply::ok(&StatusView { status: "ready" })
    } else {
        ApiError::with_detail(Code::Unavailable, "shutting down").into()
    }
}

/// `GET /metrics`
pub(super) fn metrics(context: Context<'_>) -> Reply {
    let metrics = &context.api.metrics;
    let (actors, mailbox, queue) = context.gateway.engine().gauges();
    let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    metrics.actors.set(gauge(actors));
    metrics.mailbox_depth.set(gauge(mailbox));
    metrics.queue_depth.set(gauge(queue));
    let failures = context.gateway.screening_failures();
    metrics.screening_failures.set(i64::try_from(failures).unwrap_or(i64::MAX));
    let (late, overdue) = context.gateway.late_open();
    metrics.late_open.set(gauge(late));
    metrics.late_overdue.set(gauge(overdue));
    let oddities = context.gateway.charges().oddities();
    metrics.charge_oddities.set(i64::try_from(oddities).unwrap_or(i64::MAX));
    let questions = context.gateway.charges().questions();
    metrics.charge_questions.set(i64::try_from(questions).unwrap_or(i64::MAX));
    let position = context.gateway.view().position().get();
    metrics.position.set(i64::try_from(position).unwrap_or(i64::MAX));
    Reply::bytes(StatusCode::OK, Bytes::from(metrics.render()))
        .header(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4"))
}
