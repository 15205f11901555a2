//! What a merchant gave with an order and hears again: kept as JSON in the charge's entry.

use serde_json::{Map, Value, json};

use crate::connector::midtrans::charge::{CUSTOM_FIELDS, Echo};
use crate::connector::midtrans::method::{Acquirer, Method};
use crate::gateway::Error;
use crate::gateway::charge::method;
use crate::ledger::charge::ChargeStarted;
use crate::ledger::id::Position;
use crate::ledger::text::Line;
use crate::limits;

/// What is kept with an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Details {
    /// The merchant's name for it.
    pub order_id: String,
    /// How it is told that it is paid, also where a wallet here pays it.
    pub method: Method,
    /// What the merchant wants to hear again.
    pub echo: Echo,
    /// Where it is told.
    pub places: Places,
    /// The page that it began with, if it did.
    pub page: Option<Page>,
    /// The page on which it was picked, or which it is again: where the first of that page began.
    pub of_page: Option<Position>,
    /// The `Idempotency-Key` of the request that began it.
    pub request_key: Option<String>,
    /// What of its method's own fields the provider is to be told: [`WISHES`].
    pub wishes: Map<String, Value>,
}

/// Fields of methods that a merchant may choose and the provider may follow: a number of its own, and
/// what the payer reads.
pub const WISHES: [&str; 19] = [
    "va_number",
    "free_text",
    "bca",
    "permata",
    "bill_key",
    "bill_info1",
    "bill_info2",
    "bill_info3",
    "bill_info4",
    "bill_info5",
    "bill_info6",
    "bill_info7",
    "bill_info8",
    "message",
    "alfamart_free_text_1",
    "alfamart_free_text_2",
    "alfamart_free_text_3",
    "enable_callback",
    "callback_url",
];

/// The longest `of_page`, in bytes of JSON.
const OF_PAGE_BYTES: usize = r#","of_page":18446744073709551615"#.len();

/// Where one order is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Places {
    /// Whether at the merchant's own URL.
    pub usual: bool,
    /// Where else.
    pub others: Vec<String>,
}

/// What a payer may pick on a page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// Names as in `enabled_payments`, and the ways they stand for.
    pub methods: Vec<(String, Method)>,
    /// Where the payer goes on.
    pub finish: Option<String>,
}

impl Places {
    /// All of them, given the merchant's own.
    pub fn all<'a>(&'a self, usual: &'a str) -> impl Iterator<Item = &'a str> {
        let usual = Some(usual).filter(|url| self.usual && !url.is_empty());
        usual.into_iter().chain(self.others.iter().map(String::as_str))
    }
}

impl Details {
    /// As they are kept.
    ///
    /// # Errors
    /// [`Error::Invalid`] if they are too long.
    pub fn write(&self) -> Result<Line, Error> {
        let mut kept = json!({
            "order_id": self.order_id,
            "method": method::name(self.method),
            "usual": self.places.usual,
            "places": self.places.others,
        });
        self.echo.write(&mut kept);
        if let Some(page) = &self.page {
            let picks = page.methods.iter().map(|(name, of)| json!([name, method::name(*of)]));
            kept["page"] = json!({"methods": picks.collect::<Value>(), "finish": page.finish});
        }
        if let Some(page) = self.of_page {
            kept["of_page"] = page.get().into();
        }
        if let Some(key) = &self.request_key {
            kept["request_key"] = json!(key);
        }
        if !self.wishes.is_empty() {
            kept["wishes"] = self.wishes.clone().into();
        }
        // What is left as it is by JSON, and is no text of the ledger.
        let text: String = kept.to_string().chars().map(plain).collect();
        // A page keeps room for what it has besides if it has to be opened again.
        let is_first = self.page.is_some() && self.of_page.is_none();
        let room = if is_first { OF_PAGE_BYTES } else { 0 };
        Line::parse(&text, limits::ORDER_DETAILS_MAX - room)
            .map_err(|_| Error::invalid("metadata", "is too long with all fields of its own"))
    }

    /// Of a charge.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is no order of a merchant.
    pub fn of(started: &ChargeStarted) -> Result<Self, Error> {
        Self::read(started.details.as_str()).ok_or(Error::NotFound)
    }

    fn read(text: &str) -> Option<Self> {
        let kept: Map<String, Value> = serde_json::from_str(text).ok()?;
        let words = |name: &str| Some(kept.get(name)?.as_str()?.to_owned());
        let others = kept.get("places")?.as_array()?.iter();
        let others = others.map(|url| Some(url.as_str()?.to_owned())).collect::<Option<_>>()?;
        let page = match kept.get("page") {
            None => None,
            Some(page) => Some(Page::read(page)?),
        };
        Some(Self {
            order_id: words("order_id")?,
            method: method::parse(&words("method")?)?,
            echo: Echo {
                custom: CUSTOM_FIELDS.map(words),
                metadata: kept.get("metadata").and_then(Value::as_object).cloned(),
            },
            places: Places { usual: kept.get("usual")?.as_bool()?, others },
            page,
            of_page: match kept.get("of_page") {
                None => None,
                Some(page) => Some(Position::new(page.as_u64()?)?),
            },
            request_key: words("request_key"),
            wishes: kept.get("wishes").and_then(Value::as_object).cloned().unwrap_or_default(),
        })
    }
}

/// What of a method's fields is kept and passed on.
pub fn wishes(options: &Map<String, Value>) -> Map<String, Value> {
    let known = options.iter().filter(|(name, _)| WISHES.contains(&name.as_str()));
    known.map(|(name, value)| (name.clone(), value.clone())).collect()
}

impl Page {
    fn read(kept: &Value) -> Option<Self> {
        let pick = |pick: &Value| {
            let name = pick.get(0)?.as_str()?.to_owned();
            Some((name, method::parse(pick.get(1)?.as_str()?)?))
        };
        let methods = kept.get("methods")?.as_array()?.iter().map(pick).collect::<Option<_>>()?;
        let finish = kept.get("finish").and_then(Value::as_str).map(ToOwned::to_owned);
        Some(Self { methods, finish })
    }
}

/// How an order is told of that begins on a page, until something else was picked there.
pub const ON_PAGE: Method = Method::Qris(Acquirer::Gopay);

fn plain(letter: char) -> char {
    if letter.is_control() { ' ' } else { letter }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::midtrans::method::Bank;

    #[test]
    fn what_was_written_is_read() {
        let page = Page {
            methods: vec![("bca_va".to_owned(), Method::BankTransfer(Bank::Bca))],
            finish: Some("https://shop.example/".to_owned()),
        };
        let mut details = Details {
            order_id: "order-1".to_owned(),
            method: ON_PAGE,
            echo: Echo { custom: [Some("a\"b".to_owned()), None, None], metadata: None },
            places: Places { usual: false, others: vec!["https://a.example/".to_owned()] },
            page: Some(page),
            of_page: Position::new(u64::MAX),
            request_key: Some("kunci".to_owned()),
            wishes: wishes(&Map::from_iter([
                ("va_number".to_owned(), "12345678".into()),
                ("bank".to_owned(), "bca".into()),
            ])),
        };
        assert_eq!(details.wishes.len(), 1, "the bank is the method's");
        let kept = details.write().unwrap();
        assert_eq!(Details::read(kept.as_str()), Some(details.clone()));
        let object = json!({"a": {"b": [1, "\u{7f}"]}});
        (details.page, details.echo.metadata) = (None, object.as_object().cloned());
        assert!(Details::read(details.write().unwrap().as_str()).is_some());
        details.echo.custom[2] = Some("x".repeat(limits::ORDER_DETAILS_MAX));
        assert!(matches!(details.write(), Err(Error::Invalid { field: "metadata", .. })));
        for bad in ["", "{}", "[]", "{\"order_id\":\"a\"}"] {
            assert_eq!(Details::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_page_that_fits_fits_when_it_is_opened_again() {
        let mut page = Details {
            order_id: String::new(),
            method: ON_PAGE,
            echo: Echo::default(),
            places: Places { usual: true, others: Vec::new() },
            page: Some(Page { methods: Vec::new(), finish: None }),
            of_page: None,
            request_key: None,
            wishes: Map::new(),
        };
        let fits = |page: &Details| page.write().is_ok();
        while fits(&page) {
            page.order_id.push('x');
        }
        let again = Details { of_page: Position::new(u64::MAX), ..page.clone() };
        assert!(!fits(&page) && !fits(&again), "one more than fits");
        page.order_id.pop();
        assert!(fits(&page) && fits(&Details { order_id: page.order_id.clone(), ..again }));
    }

    #[test]
    fn places_are_added_or_taken_instead() {
        let others = vec!["https://a.example/".to_owned()];
        let instead = Places { usual: false, others: others.clone() };
        assert_eq!(instead.all("https://m.example/").count(), 1);
        let also = Places { usual: true, others };
        assert_eq!(also.all("https://m.example/").count(), 2);
        assert_eq!(also.all("").count(), 1);
    }
}
