//! Where tests receive one-time codes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use gerbang::connector::sender::{Message, Sender, Sending};

/// The last code and text that each user was sent.
pub(crate) type Kept = Arc<Mutex<HashMap<String, (String, String)>>>;

/// Everybody's telephone.
pub(crate) struct Phones(pub(crate) Kept);

impl Sender for Phones {
    fn channel(&self) -> &'static str {
        "phone"
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        let code = message.code.as_ref().map_or_else(String::new, |code| code.expose().clone());
        let sent = (code, message.text().expose().clone());
        self.0.lock().unwrap().insert(message.username.clone(), sent);
        Box::pin(async { Ok(()) })
    }
}
