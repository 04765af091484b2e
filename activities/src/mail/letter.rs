//! A notification as a mail.

use domain::{
    media_link::Links,
    notification::{Footer, Topic, Unsubscribe},
};
use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{HeaderName, HeaderValue},
    },
};
use store::notifications::Claimed;

/// A machine wrote it: nobody's vacation answers it (RFC 3834).
const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");
/// Where to turn such mails off, and that one POST does it (RFC 8058).
const LIST_UNSUBSCRIBE: HeaderName = HeaderName::new_from_ascii_str("List-Unsubscribe");
const LIST_UNSUBSCRIBE_POST: HeaderName = HeaderName::new_from_ascii_str("List-Unsubscribe-Post");

/// The mail to `address`, the same for every attempt: what it is known by, and its date, come from the notification.
/// `None` when mail cannot be sent to such an address.
pub(super) fn compose(mail: &Claimed, address: &str, from: &Mailbox, links: Option<&Links>) -> Option<Message> {
    let to: Address = address.parse().ok()?;
    // Other letters want SMTPUTF8 on the whole way, which hardly anybody has.
    if !address.is_ascii() {
        return None;
    }
    let unsubscribe = unsubscribe_url(mail, links);
    let letter = mail.content.letter(Footer { kind: mail.kind, unsubscribe: unsubscribe.as_deref() });
    let mut message = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(letter.subject)
        .date(mail.first_attempt_at.into())
        .message_id(Some(format!("<{}@{}>", mail.id, from.email.domain())))
        .raw_header(HeaderValue::new(AUTO_SUBMITTED, "auto-generated".to_owned()));
    if let Some(url) = unsubscribe {
        message = message
            .raw_header(HeaderValue::new(LIST_UNSUBSCRIBE, format!("<{url}>")))
            .raw_header(HeaderValue::new(LIST_UNSUBSCRIBE_POST, "List-Unsubscribe=One-Click".to_owned()));
    }
    let parts = MultiPart::alternative()
        .boundary(mail.id.to_string())
        .singlepart(SinglePart::plain(letter.text))
        .singlepart(SinglePart::html(letter.html));
    message.multipart(parts).ok()
}

/// Where the reader turns such mails off, when they can and this installation has addresses.
fn unsubscribe_url(mail: &Claimed, links: Option<&Links>) -> Option<String> {
    let what = Unsubscribe { user: mail.user?, topic: Topic::of(mail.kind, mail.promotional)? };
    Some(links?.unsubscriber().url(what, mail.first_attempt_at))
}
