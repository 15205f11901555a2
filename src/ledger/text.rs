//! Texts that clients choose, checked once when made.

use std::fmt;

use crate::limits;

/// Why a text is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TextError {
    /// Fewer characters than allowed.
    #[error("is too short: at least {0} characters")]
    TooShort(usize),
    /// More bytes than allowed.
    #[error("is too long: at most {0} bytes")]
    TooLong(usize),
    /// A character outside the text's alphabet.
    #[error("has a character that is not allowed: {0}")]
    Alphabet(&'static str),
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
        pub struct $name(Box<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

text! {
    /// A user's name for signing in and for being paid; unique, lower case.
    Username
}
text! {
    /// An e-mail address, unique, lower case; form checked, existence not.
    Email
}
text! {
    /// What a caller calls its request: the idempotency key.
    Reference
}
text! {
    /// Free text for people: a display name, a note, a reason. No control characters.
    Line
}

text! {
    /// What a client application calls itself in its tokens: its key in the table of clients.
    ClientId
}

impl ClientId {
    /// 1 to 36 visible ASCII characters.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        bounded(text, 1, limits::CLIENT_ID_MAX)?;
        if !text.bytes().all(|c| c.is_ascii_graphic()) {
            return Err(TextError::Alphabet("visible ASCII without spaces"));
        }
        Ok(Self(text.into()))
    }
}

impl Username {
    /// 3 to 32 of `a-z 0-9 _ . -`, beginning with a letter or digit.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        bounded(text, limits::USERNAME_MIN, limits::USERNAME_MAX)?;
        let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"_.-".contains(&c);
        let first = text.bytes().next().is_some_and(|c| c.is_ascii_alphanumeric());
        if !first || !text.bytes().all(allowed) {
            return Err(TextError::Alphabet("a-z, 0-9, and after the first place also _ . and -"));
        }
        Ok(Self(text.into()))
    }
}

impl Email {
    /// `local@domain.tld` in ASCII without spaces; kept in lower case.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        const FORM: TextError = TextError::Alphabet("the form is name@domain");
        bounded(text, 6, limits::EMAIL_MAX)?;
        let (local, domain) = text.split_once('@').ok_or(FORM)?;
        let labels = || domain.split('.');
        let host = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
        let good = !local.is_empty()
            && local.bytes().all(|c| c.is_ascii_graphic() && !b"@\"<>(),:;[]\\".contains(&c))
            && labels().count() >= 2
            && labels().all(|label| !label.is_empty() && label.bytes().all(host));
        if good { Ok(Self(text.to_ascii_lowercase().into())) } else { Err(FORM) }
    }
}

impl Reference {
    /// 1 to 255 visible ASCII characters.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        bounded(text, 1, limits::REFERENCE_MAX)?;
        if !text.bytes().all(|c| c.is_ascii_graphic()) {
            return Err(TextError::Alphabet("visible ASCII without spaces"));
        }
        Ok(Self(text.into()))
    }
}

impl Line {
    /// At most `bytes_max` bytes without control characters; may be empty.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str, bytes_max: usize) -> Result<Self, TextError> {
        bounded(text, 0, bytes_max)?;
        if text.chars().any(is_invisible) {
            return Err(TextError::Alphabet("no control characters or direction marks"));
        }
        Ok(Self(text.into()))
    }

    /// What a line can hold of a text from outside: without control characters and direction marks,
    /// and cut to `bytes_max` bytes.
    pub fn cut(text: &str, bytes_max: usize) -> Self {
        let mut kept = String::new();
        for c in text.trim().chars().filter(|c| !is_invisible(*c)) {
            if kept.len().saturating_add(c.len_utf8()) > bytes_max {
                break;
            }
            kept.push(c);
        }
        Self(kept.into())
    }

    /// Whether a reader sees anything of it.
    pub fn is_seen(&self) -> bool {
        self.0.chars().any(|c| !c.is_whitespace() && !is_joining(c))
    }

    /// No text.
    pub fn empty() -> Self {
        Self("".into())
    }
}

/// Control characters, the marks that reorder what a reader sees, ends of lines and paragraphs, tags,
/// and what looks like nothing: two names that differ in these look alike.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{AD}'
                | '\u{34F}'
                | '\u{61C}'
                | '\u{115F}'
                | '\u{1160}'
                | '\u{17B4}'
                | '\u{17B5}'
                | '\u{180B}'..='\u{180F}'
                | '\u{200B}'
                | '\u{200E}'
                | '\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{FEFF}'
                | '\u{FFA0}'
                | '\u{FFF9}'..='\u{FFFB}'
                | '\u{E0000}'..='\u{E007F}'
        )
}

/// What joins or picks the shape of the letters beside it, and is nothing alone.
const fn is_joining(c: char) -> bool {
    matches!(
        c,
        '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}'
    )
}

fn bounded(text: &str, characters_min: usize, bytes_max: usize) -> Result<(), TextError> {
    if text.len() > bytes_max {
        return Err(TextError::TooLong(bytes_max));
    }
    if text.chars().count() < characters_min {
        return Err(TextError::TooShort(characters_min));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames() {
        for good in ["ani", "budi.santoso", "7eleven", "a_b-c"] {
            assert!(Username::parse(good).is_ok(), "{good}");
        }
        for wrong in ["", "ab", "Ani", ".ani", "a b c", "añi", "-ani", &"a".repeat(33)] {
            assert!(Username::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn emails() {
        assert_eq!(Email::parse("Ani@Contoh.ID").unwrap().as_str(), "ani@contoh.id");
        for wrong in
            ["", "ani", "ani@", "@contoh.id", "ani@contoh", "a b@c.id", "a@b..id", "a@b@c.id"]
        {
            assert!(Email::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn references_are_visible_ascii() {
        assert!(Reference::parse("FDP29771029211").is_ok());
        assert!(Reference::parse(&"x".repeat(255)).is_ok());
        for wrong in ["", "a b", "tab\t", "é", &"x".repeat(256)] {
            assert!(Reference::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn client_ids_are_short_visible_ascii() {
        assert!(ClientId::parse("1").is_ok());
        assert!(ClientId::parse(&"x".repeat(36)).is_ok());
        for wrong in ["", "a b", "tab\t", "é", &"x".repeat(37)] {
            assert!(ClientId::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lines_hold_no_control_characters() {
        assert!(Line::parse("Nasi goreng — pedas", 255).is_ok());
        assert!(Line::parse("", 255).is_ok());
        for wrong in ["a\nb", "\u{1b}[2J", "a\u{202E}b", "\0", &"é".repeat(128)] {
            assert!(Line::parse(wrong, 255).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn lines_hold_nothing_that_looks_like_nothing() {
        let hidden =
            ['\u{200B}', '\u{180E}', '\u{3164}', '\u{AD}', '\u{E0041}', '\u{200E}', '\u{200F}'];
        for hidden in hidden.into_iter().chain(['\u{61C}', '\u{2028}', '\u{2060}', '\u{2800}']) {
            for wrong in [hidden.to_string(), format!("an{hidden}i")] {
                assert!(Line::parse(&wrong, 255).is_err(), "{wrong:?}");
                assert!(!Line::cut(&wrong, 255).as_str().contains(hidden), "{wrong:?}");
            }
        }
        // What shapes letters and pictures beside it is seen with them only.
        for (text, is_seen) in [
            ("Ani", true),
            ("👩\u{200D}🍳", true),
            ("❤\u{FE0F}", true),
            ("می\u{200C}خواهم", true),
            ("", false),
            (" \u{3000}\u{200D}\u{FE0F}", false),
        ] {
            assert_eq!(Line::parse(text, 255).unwrap().is_seen(), is_seen, "{text:?}");
        }
    }
}
