//! Where a charge's notifications go: the merchant's URL, others beside it, or others instead.

use hyper::header::HeaderMap;

use super::refusal::Refusal;
use crate::limits::MIDTRANS_PLACES_MAX;
use crate::outbound::Url;

/// Beside the merchant's own URL.
const APPEND: &str = "x-append-notification";
/// Instead of it; if both are given only this one counts.
const OVERRIDE: &str = "x-override-notification";

/// Where notifications go.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Places {
    /// To the merchant's URL.
    #[default]
    Usual,
    /// To the merchant's URL and to these.
    Also(Vec<String>),
    /// To these.
    Instead(Vec<String>),
}

impl Places {
    /// What the headers of a request say.
    ///
    /// # Errors
    /// More than `MIDTRANS_PLACES_MAX` URLs, or what is none.
    pub fn read(headers: &HeaderMap) -> Result<Self, Refusal> {
        if let Some(urls) = urls(headers, OVERRIDE)? {
            return Ok(Self::Instead(urls));
        }
        Ok(urls(headers, APPEND)?.map_or(Self::Usual, Self::Also))
    }

    /// All of them, given the merchant's own.
    pub fn all<'a>(&'a self, usual: Option<&'a str>) -> impl Iterator<Item = &'a str> {
        let (usual, others) = match self {
            Self::Usual => (usual, &[][..]),
            Self::Also(urls) => (usual, &urls[..]),
            Self::Instead(urls) => (None, &urls[..]),
        };
        usual.into_iter().chain(others.iter().map(String::as_str))
    }
}

fn urls(headers: &HeaderMap, name: &'static str) -> Result<Option<Vec<String>>, Refusal> {
    let wrong = |what: &str| Refusal::invalid(format!("{name} {what}"));
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().map_err(|_| wrong("must be visible ASCII"))?;
    if values.next().is_some() {
        return Err(wrong("must be given once"));
    }
    let urls: Vec<&str> = text.split(',').map(str::trim).filter(|url| !url.is_empty()).collect();
    if urls.len() > MIDTRANS_PLACES_MAX {
        return Err(wrong(&format!("must name at most {MIDTRANS_PLACES_MAX} URLs")));
    }
    if let Some(error) = urls.iter().find_map(|url| Url::parse(url).err()) {
        return Err(wrong(&error.to_string()));
    }
    let urls: Vec<String> = urls.into_iter().map(ToOwned::to_owned).collect();
    Ok((!urls.is_empty()).then_some(urls))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn read(given: &[(&'static str, &'static str)]) -> Result<Places, Refusal> {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(*name, HeaderValue::from_static(value));
        }
        Places::read(&headers)
    }

    #[test]
    fn urls_are_added_or_taken_instead() {
        let (a, b) = ("https://a.example/x", "https://b.example/y");
        let two = "https://a.example/x, https://b.example/y";
        let usual = Some("https://m.example/");
        for (given, expected) in [
            (vec![], vec!["https://m.example/"]),
            (vec![(APPEND, two)], vec!["https://m.example/", a, b]),
            (vec![(OVERRIDE, two)], vec![a, b]),
            (vec![(APPEND, a), (OVERRIDE, b)], vec![b]),
            (vec![(OVERRIDE, " ")], vec!["https://m.example/"]),
        ] {
            let places = read(&given).unwrap();
            assert_eq!(places.all(usual).collect::<Vec<_>>(), expected, "{given:?}");
        }
        assert_eq!(Places::Usual.all(None).count(), 0);
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for bad in ["x", "ftp://a", "https://u:p@a/", "http://a,http://a,http://a,http://a"] {
            let refused = read(&[(APPEND, bad)]);
            assert!(matches!(refused, Err(Refusal::Invalid(_))), "{bad}");
        }
        assert!(read(&[(OVERRIDE, "https://a/"), (OVERRIDE, "https://b/")]).is_err());
    }
}
