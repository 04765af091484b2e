//! Commands as they are written, and answers as they are read.

use super::*;
use crate::{
    AccountStatus, FixedClock, NotificationId, PairStatus, Platform, RichText, Style, notification::Content,
    text::telegram::TEXT_UTF16_MAX,
};

#[test]
fn commands_are_read_as_people_write_them() {
    let check = |text: &str, expected: Command| assert_eq!(Command::parse(text, "causeway_bot"), expected, "{text}");
    check("/start", Command::Start(None));
    check("/start  abc-_1 ", Command::Start(Some("abc-_1".into())));
    check("/STATUS", Command::Status);
    check(" /help@Causeway_Bot", Command::Help);
    check("/help@another_bot", Command::Unknown);
    check("/link", Command::Link);
    check("/pairs now", Command::Pairs);
    check("/usage", Command::Usage);
    check("/pause", Command::Pause(Which::Unnamed));
    check("/pause 2", Command::Pause(Which::Number(2)));
    check("/pause #2.", Command::Pause(Which::Number(2)));
    check("/resume ALL", Command::Resume(Which::All));
    for wrong in ["0", "-1", "two", "99999999999999999999999"] {
        check(&format!("/resume {wrong}"), Command::Resume(Which::Unreadable));
    }
    for unknown in ["", "hello", "status", "/", "/nothing", "/@causeway_bot"] {
        check(unknown, Command::Unknown);
    }
}

#[test]
fn the_menu_has_every_command_and_is_one_that_telegram_takes() {
    for (name, what) in MENU {
        assert_ne!(Command::parse(&format!("/{name}"), "bot"), Command::Unknown, "{name}");
        assert!(name.chars().all(|c| c.is_ascii_lowercase()) && name.len() <= 32);
        assert!((1..=256).contains(&what.chars().count()));
    }
}

#[test]
fn a_token_fits_into_a_link_and_is_not_shown() {
    let token = LinkToken::new([0xff; LINK_TOKEN_BYTES]);
    let url = token.url("causeway_bot");
    let payload = url.strip_prefix("https://t.me/causeway_bot?start=").unwrap();
    assert_eq!(payload.len(), 32);
    assert_eq!(LinkToken::parse(payload).unwrap().hash(), token.hash());
    assert_ne!(LinkToken::new([1; LINK_TOKEN_BYTES]).hash(), token.hash());
    assert_eq!(format!("{token:?}"), "LinkToken(..)");
    for wrong in ["", "a b", "a=", &"x".repeat(65)] {
        assert_eq!(LinkToken::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn keys_belong_to_one_part_of_one_message() {
    let at = |nanos: i64| NotificationId::new(&FixedClock::at(chrono::DateTime::from_timestamp_nanos(nanos)));
    let (one, other) = (at(0), at(1_000_000_000));
    let keys = [
        notification_key(one, 0),
        notification_key(one, 1),
        notification_key(other, 0),
        answer_key(1, 2, 0),
        answer_key(1, 2, 1),
        answer_key(2, 1, 0),
    ];
    for (at, key) in keys.iter().enumerate() {
        assert_ne!(*key, 0);
        assert!(!keys[at + 1..].contains(key));
    }
    assert_eq!(notification_key(one, 1), keys[1]);
}

fn pair(name: &str, status: PairStatus, open: i64, dead: i64) -> PairFacts {
    PairFacts { name: name.into(), status, open, dead }
}

#[test]
fn the_status_names_what_is_not_well() {
    let account = |name: &str, platform, status| AccountFacts { name: name.into(), platform, status };
    let accounts = [
        account("Ada", Platform::Telegram, AccountStatus::Online),
        account("courier\nboy", Platform::Discord, AccountStatus::Revoked),
        account("", Platform::Telegram, AccountStatus::AwaitingCode),
    ];
    let pairs = [
        pair("news", PairStatus::Active, 3, 0),
        pair("*jokes*", PairStatus::Blocked, 1, 0),
        pair("rest", PairStatus::Paused, 0, 2),
    ];
    assert_eq!(
        status(&accounts, &pairs).text,
        "Accounts: 1 of 3 online\n• courier boy (Discord): signed out by its platform: sign in again\n\
         • Telegram: not signed in\nPairs: 1 active, 1 paused, 1 blocked\n\
         • 2. *jokes* \u{2013} blocked: the destination refuses us, 1 waiting\n\
         • 3. rest \u{2013} paused, 2 refused for good\n4 messages wait."
    );
    assert_eq!(status(&accounts[..1], &pairs[..0]).text, "Accounts: 1 of 1 online\nPairs: none\nNo message waits.");
    assert_eq!(status(&[], &[]).text, "You have no accounts and no pairs yet.");
}

#[test]
fn pairs_are_numbered_and_long_lists_are_counted() {
    let many: Vec<PairFacts> = (1..=103).map(|n| pair(&format!("p{n}"), PairStatus::Active, 0, 0)).collect();
    let text = super::pairs(&many).text;
    assert!(text.contains("\n1. p1 \u{2013} active\n2. p2 "), "{text}");
    assert!(text.contains("100. p100 \u{2013} active\n… and 3 more"), "{text}");
    assert_eq!(super::pairs(&[]).text, "You have no pairs yet.");
}

#[test]
fn a_change_says_what_it_did_or_asks() {
    let say = |pause, which, done: &[&str], pairs| {
        let done: Vec<String> = done.iter().map(|name| (*name).to_owned()).collect();
        changed(pause, which, &done, &[], pairs).text
    };
    assert_eq!(say(true, Which::Number(2), &["news"], 3), "Paused: news. Messages wait until you resume it.");
    assert_eq!(say(false, Which::All, &["a", "b"], 2), "Resumed 2 pairs.");
    assert!(say(true, Which::Number(9), &[], 3).contains("no pair with the number 9"));
    assert!(say(false, Which::Unnamed, &[], 3).starts_with("Which one? Write /resume"));
    assert_eq!(say(true, Which::All, &[], 0), "You have no pairs yet.");
    let kept = [("news".to_owned(), "your plan allows 2 pairs".to_owned())];
    assert_eq!(changed(false, Which::All, &[], &kept, 1).text, "• news stays paused: your plan allows 2 pairs");
}

#[test]
fn usage_is_shown_against_its_limits() {
    let shown = usage(&Usage {
        plan: "Free".into(),
        minute: Allowance { used: 3, limit: Some(20) },
        day: Allowance { used: 999, limit: None },
        pairs: Allowance { used: 2, limit: Some(3) },
        telegram_accounts: Allowance { used: 1, limit: Some(1) },
        discord_accounts: Allowance { used: 0, limit: None },
    });
    assert_eq!(
        shown.text,
        "Plan: Free\n\nMessages today (UTC): 999\nMessages this minute: 3 of 20\nPairs: 2 of 3\n\
         Telegram accounts: 1 of 1\nDiscord bots: 0"
    );
    assert_eq!(shown.spans[0].style, Style::Bold);
}

#[test]
fn a_notice_keeps_its_parts_and_needs_no_escaping() {
    let content = Content::new("Your <pair> *stopped*")
        .paragraph("It says:\n_nothing_")
        .list(["one", "two"])
        .code("123456")
        .button("Open", "https://causeway.example/pairs")
        .note("You get this because.");
    let text = notice(&content);
    assert_eq!(
        text.text,
        "Your <pair> *stopped*\n\nIt says:\n_nothing_\n\n• one\n• two\n\n123456\n\nOpen\n\nYou get this because."
    );
    let styles: Vec<&Style> = text.spans.iter().map(|span| &span.style).collect();
    let link = Style::Link { url: "https://causeway.example/pairs".into() };
    assert_eq!(styles, [&Style::Bold, &Style::Code, &link, &Style::Italic]);
    assert_eq!(parts(&text), [text]);
}

#[test]
fn a_long_text_is_split_and_a_very_long_one_is_cut() {
    let whole = parts(&RichText::plain("word ".repeat(1_500)));
    assert_eq!(whole.len(), 2);
    assert!(whole.iter().all(|part| part.utf16_len() <= TEXT_UTF16_MAX));
    let cut = parts(&RichText::plain("word ".repeat(20_000)));
    assert_eq!(cut.len(), PARTS_MAX);
    assert_eq!(cut[PARTS_MAX - 1].text, "… and more than fits here.");
    assert_eq!(parts(&RichText::default()).len(), 1);
}
