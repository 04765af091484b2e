//! What the bot answers. Names that people chose stand in it as plain text, so there is nothing to escape.

use super::{MENU, Which};
use crate::{AccountStatus, PairStatus, Platform, RichText, Style};

/// Lines of a list in one answer; the others are counted.
const LINES_MAX: usize = 100;
/// Where a person is told to go, in words: the bot does not know the address of the user interface.
const WHERE: &str = "Open Causeway, choose \u{201c}Link Telegram\u{201d} and follow the link to me within 15 minutes.";

/// An account as `/status` shows it.
#[derive(Clone, Debug)]
pub struct AccountFacts {
    /// Its name on the platform; empty when it is not known yet.
    pub name: String,
    /// Where it lives.
    pub platform: Platform,
    /// Its state.
    pub status: AccountStatus,
}

/// A pair as `/status` and `/pairs` show it.
#[derive(Clone, Debug)]
pub struct PairFacts {
    /// The user's name for it.
    pub name: String,
    /// Its state.
    pub status: PairStatus,
    /// Messages that wait.
    pub open: i64,
    /// Messages given up that nobody has decided about.
    pub dead: i64,
}

/// A number with its limit.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    /// Used.
    pub used: u64,
    /// At most; `None` without a limit.
    pub limit: Option<u64>,
}

/// What `/usage` shows.
#[derive(Clone, Debug)]
pub struct Usage {
    /// The plan's name.
    pub plan: String,
    /// Messages in this minute.
    pub minute: Allowance,
    /// Messages on this UTC day.
    pub day: Allowance,
    /// Pairs.
    pub pairs: Allowance,
    /// Telegram accounts.
    pub telegram_accounts: Allowance,
    /// Discord bots.
    pub discord_accounts: Allowance,
}

/// What became of a link that was followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// This person gets the user's messages from now on.
    Made,
    /// The link had been followed before.
    Used,
    /// The link is too old.
    Expired,
    /// There was never such a link, or a newer one has taken its place.
    Unknown,
}

/// The answer to a link that was followed.
#[must_use]
pub fn linked(outcome: Followed) -> RichText {
    match outcome {
        Followed::Made => joined(&[
            bold("You are linked."),
            RichText::plain("I will tell you here what you should know of your accounts and pairs."),
            menu(),
        ]),
        Followed::Used => refused("This link was used already."),
        Followed::Expired => refused("This link has expired."),
        Followed::Unknown => refused("I do not know this link, or a newer one has taken its place."),
    }
}

fn refused(why: &str) -> RichText {
    joined(&[
        RichText::plain(format!("{why} Nothing was changed.")),
        RichText::plain(format!("{WHERE} It works once.")),
    ])
}

/// The answer to `/link`, and to whoever is not linked.
#[must_use]
pub fn link_first(is_linked: bool) -> RichText {
    if is_linked {
        return RichText::plain(format!(
            "You are linked already. To link another account instead, do the same there: {WHERE} You can end the link in \
             Causeway at any time, or by blocking me."
        ));
    }
    joined(&[
        RichText::plain("I do not know you yet."),
        RichText::plain(format!("{WHERE} Then I can tell you how your accounts and pairs are doing.")),
    ])
}

/// The answer to `/help`, and to what is no command.
#[must_use]
pub fn help(is_linked: bool) -> RichText {
    let greeting = "I am the bot of Causeway, which carries messages between Telegram and Discord.";
    match is_linked {
        true => joined(&[RichText::plain(greeting), menu()]),
        false => joined(&[RichText::plain(greeting), link_first(false), menu()]),
    }
}

fn menu() -> RichText {
    let shown = MENU.iter().filter(|(name, _)| *name != "start");
    RichText::plain(shown.map(|(name, what)| format!("/{name} \u{2013} {what}")).collect::<Vec<_>>().join("\n"))
}

/// The answer to `/status`: what is not well, and how many are.
#[must_use]
pub fn status(accounts: &[AccountFacts], pairs: &[PairFacts]) -> RichText {
    if accounts.is_empty() && pairs.is_empty() {
        return RichText::plain("You have no accounts and no pairs yet.");
    }
    let online = accounts.iter().filter(|account| account.status == AccountStatus::Online).count();
    let mut lines = vec![format!("Accounts: {online} of {} online", accounts.len())];
    let troubled = accounts.iter().filter(|account| account.status != AccountStatus::Online);
    lines.extend(listed(
        troubled.map(|account| format!("• {}: {}", account_name(account), account_state(account.status))),
    ));
    let counted = |status| pairs.iter().filter(|pair| pair.status == status).count();
    let states = [(PairStatus::Active, "active"), (PairStatus::Paused, "paused"), (PairStatus::Blocked, "blocked")];
    let states: Vec<String> = states
        .into_iter()
        .map(|(status, name)| (counted(status), name))
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    lines.push(format!("Pairs: {}", if states.is_empty() { "none".to_owned() } else { states.join(", ") }));
    let needing = pairs.iter().enumerate().filter(|(_, pair)| pair.status == PairStatus::Blocked || pair.dead > 0);
    lines.extend(listed(needing.map(|(at, pair)| format!("• {}", pair_line(at + 1, pair)))));
    let waiting: i64 = pairs.iter().map(|pair| pair.open).sum();
    lines.push(match waiting {
        0 => "No message waits.".to_owned(),
        1 => "1 message waits.".to_owned(),
        waiting => format!("{waiting} messages wait."),
    });
    RichText::plain(lines.join("\n"))
}

/// The answer to `/pairs`.
#[must_use]
pub fn pairs(pairs: &[PairFacts]) -> RichText {
    if pairs.is_empty() {
        return RichText::plain("You have no pairs yet.");
    }
    let lines = listed(pairs.iter().enumerate().map(|(at, pair)| pair_line(at + 1, pair)));
    joined(&[
        bold("Your pairs"),
        RichText::plain(lines.join("\n")),
        RichText::plain("/pause and /resume take a number, or \u{201c}all\u{201d}."),
    ])
}

/// The answer to `/pause` and `/resume`: what was done to the pairs of these names, or why nothing was. `refused` are the
/// names of pairs that the plan keeps paused, with the reason.
#[must_use]
pub fn changed(pause: bool, which: Which, done: &[String], refused: &[(String, String)], pairs: usize) -> RichText {
    let verb = if pause { "pause" } else { "resume" };
    if done.is_empty() && refused.is_empty() {
        return RichText::plain(match which {
            _ if pairs == 0 => "You have no pairs yet.".to_owned(),
            Which::Number(number) => {
                format!("You have no pair with the number {number}. /pairs shows the numbers from 1 to {pairs}.")
            }
            Which::Unnamed | Which::Unreadable | Which::All => {
                format!("Which one? Write /{verb} with a number that /pairs shows, or /{verb} all.")
            }
        });
    }
    let mut lines = Vec::new();
    match done {
        [] => {}
        [one] if pause => lines.push(format!("Paused: {}. Messages wait until you resume it.", one_line(one))),
        [one] => lines.push(format!("Resumed: {}.", one_line(one))),
        many if pause => lines.push(format!("Paused {} pairs. Messages wait until you resume them.", many.len())),
        many => lines.push(format!("Resumed {} pairs.", many.len())),
    }
    lines.extend(listed(refused.iter().map(|(name, why)| format!("• {} stays paused: {why}", one_line(name)))));
    RichText::plain(lines.join("\n"))
}

/// The answer to `/usage`.
#[must_use]
pub fn usage(usage: &Usage) -> RichText {
    let of = |it: Allowance| match it.limit {
        Some(limit) => format!("{} of {limit}", it.used),
        None => it.used.to_string(),
    };
    joined(&[
        bold(&format!("Plan: {}", usage.plan)),
        RichText::plain(format!(
            "Messages today (UTC): {}\nMessages this minute: {}\nPairs: {}\nTelegram accounts: {}\nDiscord bots: {}",
            of(usage.day),
            of(usage.minute),
            of(usage.pairs),
            of(usage.telegram_accounts),
            of(usage.discord_accounts)
        )),
    ])
}

fn pair_line(number: usize, pair: &PairFacts) -> String {
    let state = match pair.status {
        PairStatus::Active => "active",
        PairStatus::Paused => "paused",
        PairStatus::Blocked => "blocked: the destination refuses us",
    };
    let mut line = format!("{number}. {} \u{2013} {state}", one_line(&pair.name));
    if pair.open > 0 {
        line.push_str(&format!(", {} waiting", pair.open));
    }
    if pair.dead > 0 {
        line.push_str(&format!(", {} refused for good", pair.dead));
    }
    line
}

fn account_name(account: &AccountFacts) -> String {
    let platform = match account.platform {
        Platform::Telegram => "Telegram",
        Platform::Discord => "Discord",
    };
    match account.name.trim() {
        "" => platform.to_owned(),
        name => format!("{} ({platform})", one_line(name)),
    }
}

const fn account_state(status: AccountStatus) -> &'static str {
    match status {
        AccountStatus::Online => "online",
        AccountStatus::Connecting | AccountStatus::Reconnecting => "connecting",
        AccountStatus::New | AccountStatus::AwaitingCode | AccountStatus::AwaitingPassword => "not signed in",
        AccountStatus::Paused => "paused",
        AccountStatus::Limited => "limited by its platform",
        AccountStatus::Revoked => "signed out by its platform: sign in again",
        AccountStatus::Banned => "banned by its platform",
        AccountStatus::LoggedOut => "logged out",
    }
}

/// The first lines of a list, and how many there are more.
fn listed(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines = lines;
    let mut shown: Vec<String> = lines.by_ref().take(LINES_MAX).collect();
    let more = lines.count();
    if more > 0 {
        shown.push(format!("… and {more} more"));
    }
    shown
}

/// What people chose, on one line.
fn one_line(name: &str) -> String {
    name.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect()
}

fn bold(text: &str) -> RichText {
    RichText::styled(text, Style::Bold)
}

fn joined(pieces: &[RichText]) -> RichText {
    RichText::join(pieces, "\n\n")
}
