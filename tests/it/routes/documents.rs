//! The document and its pages: what is served, with which headers, and that they need nobody else.

use crate::support::{Answer, TestGateway, get};

const PAGES: [(&str, &str); 5] = [
    ("/openapi.json", "application/json"),
    ("/docs", "text/html; charset=utf-8"),
    ("/docs/errors", "text/html; charset=utf-8"),
    ("/docs/style.css", "text/css; charset=utf-8"),
    ("/docs/script.js", "text/javascript; charset=utf-8"),
];

/// All headers but the tag, one in a line.
fn headers(answer: &Answer) -> String {
    let mut lines: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| *name != "etag")
        .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()))
        .collect();
    lines.sort();
    lines.concat()
}

#[tokio::test]
async fn pages_have_the_headers_of_pages() {
    let gateway = TestGateway::new();
    for (path, media_type) in PAGES {
        let answer = gateway.send(get(path)).await;
        assert_eq!(answer.status, 200);
        let vary = if path == "/openapi.json" { "vary: accept\n" } else { "" };
        let expected = format!(
            "cache-control: public, max-age=300\n\
             content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; \
             img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; \
             frame-ancestors 'none'\n\
             content-type: {media_type}\n\
             cross-origin-opener-policy: same-origin\n\
             cross-origin-resource-policy: same-origin\n\
             referrer-policy: no-referrer\n\
             {vary}x-content-type-options: nosniff\n"
        );
        assert_eq!(headers(&answer), expected, "{path}");
    }
}

#[tokio::test]
async fn whoever_has_it_already_is_not_sent_it_again() {
    let gateway = TestGateway::new();
    for (path, _) in PAGES {
        let first = gateway.send(get(path)).await;
        let tag = first.header("etag").unwrap();
        assert!(tag.len() > 16 && tag.starts_with('"') && tag.ends_with('"'), "{tag}");
        for known in [tag, "*", &format!("\"other\", W/{tag}")] {
            let again = gateway.send(get(path).header("if-none-match", known)).await;
            assert_eq!((again.status, again.text.as_str()), (304, ""), "{path} {known}");
            assert_eq!(again.header("etag"), Some(tag));
            assert_eq!(again.header("content-type"), None);
        }
        let other = gateway.send(get(path).header("if-none-match", "\"other\"")).await;
        assert_eq!((other.status, &other.text), (200, &first.text));
    }
}

#[tokio::test]
async fn the_documents_own_media_type_is_for_those_who_name_it() {
    let gateway = TestGateway::new();
    let own = "application/vnd.oai.openapi+json;version=3.1";
    for (accept, media_type) in [
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("text/html, application/*;q=0.8", "application/json"),
        ("application/vnd.oai.openapi+json", own),
        ("application/json;q=0.5, application/vnd.oai.openapi+json;version=3.1", own),
    ] {
        let answer = gateway.send(get("/openapi.json").header("accept", accept)).await;
        assert_eq!(answer.header("content-type"), Some(media_type), "{accept}");
        assert_eq!(answer.json()["openapi"], "3.1.0");
    }
}

#[tokio::test]
async fn pages_load_nothing_from_elsewhere_and_run_nothing_inline() {
    let gateway = TestGateway::new();
    for path in ["/docs", "/docs/errors"] {
        let page = gateway.send(get(path)).await.text;
        for attribute in ["src=\"", "href=\""] {
            for (at, _) in page.match_indices(attribute) {
                let target = page[at + attribute.len()..].split('"').next().unwrap();
                let own = target.starts_with("data:image/svg+xml,")
                    || target.starts_with('#')
                    || (target.starts_with('/') && !target.starts_with("//"));
                assert!(own, "{path}: {target}");
            }
        }
        for inline in ["<script>", "<style", " style=", " onclick=", "javascript:"] {
            assert!(!page.contains(inline), "{path}: {inline}");
        }
        assert_eq!(page.matches("<script").count(), 1);
    }
    for (path, foreign) in [("/docs/style.css", "url("), ("/docs/script.js", "http")] {
        assert!(!gateway.send(get(path)).await.text.contains(foreign), "{path}");
    }
}

#[tokio::test]
async fn every_operation_and_field_can_be_read_without_scripts() {
    use gerbang::http::api::routes::Route;
    let gateway = TestGateway::new();
    let page = gateway.send(get("/docs")).await.text;
    for route in Route::ALL.iter().copied() {
        assert!(page.contains(&format!("<article id=\"{}\"", route.name())), "{route:?}");
        assert!(page.contains(&format!("<a href=\"#{}\"", route.name())), "{route:?}");
    }
    for field in ["sender_bank_code", "beneficiaryAccountNumber", "maintenance", "base_url"] {
        assert!(page.contains(&format!("<code class=\"name\">{field}</code>")), "{field}");
    }
    for tag in ["article", "details", "ul", "li", "section", "figure", "p", "code", "span"] {
        let opened =
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

#[tokio::test]
async fn every_logo_of_a_payment_method_is_a_picture_that_can_do_nothing() {
    let gateway = TestGateway::new();
    let shipped = include_str!("../../../data/payment-methods.json");
    let methods: Vec<serde_json::Value> = serde_json::from_str(shipped).unwrap();
    assert!(methods.len() > 10);
    for method in methods {
        let path = method["logo"].as_str().unwrap();
        let answer = gateway.send(get(path)).await;
        let tag = answer.header("etag").unwrap().to_owned();
        let expected = "cache-control: public, max-age=86400\n\
             content-security-policy: default-src 'none'; sandbox\n\
             content-type: image/svg+xml\n\
             cross-origin-opener-policy: same-origin\n\
             cross-origin-resource-policy: cross-origin\n\
             referrer-policy: no-referrer\n\
             x-content-type-options: nosniff\n";
        assert_eq!((answer.status, headers(&answer).as_str()), (200, expected), "{path}");
        assert!(answer.text.starts_with("<svg xmlns=") && answer.text.ends_with("</svg>\n"));
        for word in ["<script", "href", "url(", "onload", "<image", "<style"] {
            assert!(!answer.text.contains(word), "{path}: {word}");
        }
        let again = gateway.send(get(path).header("if-none-match", &tag)).await;
        assert_eq!((again.status, again.text.as_str()), (304, ""));
    }
    for none in ["/assets/methods/emas.svg", "/assets/methods/wallet"] {
        gateway.send(get(none)).await.refused(404, "not_found");
    }
}
