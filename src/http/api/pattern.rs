//! Patterns of paths: what fits one, and what may be done there.

use super::routes::Route;

/// Whether the segments of a path fit a pattern, in which `{}` stands for any one of them.
pub(super) fn matches(pattern: &str, segments: &[&str]) -> bool {
    let mut given = segments.iter();
    for wanted in pattern.split('/') {
        match given.next() {
            Some(segment) if *segment == wanted || (wanted == "{}" && !segment.is_empty()) => {}
            _ => return false,
        }
    }
    given.next().is_none()
}

/// What `Allow` says for a path that has routes, but not with the method asked for.
pub(super) fn allowed(pattern: &str) -> &'static str {
    let has = |method| {
        let here = |route: &&Route| (route.method(), route.pattern()) == (method, pattern);
        Route::ALL.iter().any(|route| here(&route))
    };
    let bits = ["GET", "POST", "PUT", "DELETE"].into_iter().map(has).rev();
    let index = bits.fold(0, |index, bit| index * 2 + usize::from(bit));
    ALLOWED[index]
}

/// The value of `Allow` by what a path has: GET, POST, PUT, DELETE, from the lowest bit on.
const ALLOWED: [&str; 16] = [
    "",
    "GET, HEAD",
    "POST",
    "GET, HEAD, POST",
    "PUT",
    "GET, HEAD, PUT",
    "POST, PUT",
    "GET, HEAD, POST, PUT",
    "DELETE",
    "GET, HEAD, DELETE",
    "POST, DELETE",
    "GET, HEAD, POST, DELETE",
    "PUT, DELETE",
    "GET, HEAD, PUT, DELETE",
    "POST, PUT, DELETE",
    "GET, HEAD, POST, PUT, DELETE",
];
