//! The commands: what each one reads and changes.

use chrono::{DateTime, Utc};
use domain::{
    Plan, RichText, UserId,
    bot::{self as words, AccountFacts, Allowance, Command, Followed, LinkToken, PairFacts, Usage, Which},
};
use store::{
    PgConnection, StoreError,
    bot::{self, Person},
    status::PairHealth,
};

use super::receive::{Deed, Reply};

/// Carries out what a person has written, within the caller's transaction.
pub(super) async fn carry_out(
    connection: &mut PgConnection,
    bot: i64,
    person: &Person,
    command: &Command,
    now: DateTime<Utc>,
) -> Result<Reply, StoreError> {
    if let Command::Start(Some(payload)) = command {
        return Ok(Reply::of(follow_link(connection, bot, person, payload, now).await?));
    }
    let user = bot::linked_user(connection, bot, person.telegram_user_id).await?;
    match (command, user) {
        (Command::Start(_) | Command::Help | Command::Unknown, user) => Ok(Reply::of(words::help(user.is_some()))),
        (Command::Link, user) => Ok(Reply::of(words::link_first(user.is_some()))),
        (Command::Status | Command::Pairs | Command::Pause(_) | Command::Resume(_) | Command::Usage, None) => {
            Ok(Reply::of(words::link_first(false)))
        }
        (Command::Status, Some(user)) => Ok(Reply::of(status(connection, user).await?)),
        (Command::Pairs, Some(user)) => {
            let pairs = store::status::pairs(connection, user).await?;
            Ok(Reply::of(words::pairs(&pair_facts(&pairs))))
        }
        (Command::Pause(which), Some(user)) => change(connection, user, true, *which, now).await,
        (Command::Resume(which), Some(user)) => change(connection, user, false, *which, now).await,
        (Command::Usage, Some(user)) => Ok(Reply::of(usage(connection, user, now).await?)),
    }
}

async fn follow_link(
    connection: &mut PgConnection,
    bot: i64,
    person: &Person,
    payload: &str,
    now: DateTime<Utc>,
) -> Result<RichText, StoreError> {
    let outcome = match LinkToken::parse(payload) {
        Some(token) => bot::redeem(connection, bot, person, &token.hash(), now).await?,
        None => Followed::Unknown,
    };
    if outcome == Followed::Made {
        tracing::info!(bot.id = bot, "Somebody has linked the bot.");
    }
    Ok(words::linked(outcome))
}

async fn status(connection: &mut PgConnection, user: UserId) -> Result<RichText, StoreError> {
    let accounts = store::status::accounts(connection, user).await?;
    let pairs = store::status::pairs(connection, user).await?;
    let accounts: Vec<AccountFacts> = accounts
        .into_iter()
        .map(|account| AccountFacts {
            name: account.display_name.unwrap_or_default(),
            platform: account.platform,
            status: account.status,
        })
        .collect();
    Ok(words::status(&accounts, &pair_facts(&pairs)))
}

fn pair_facts(pairs: &[PairHealth]) -> Vec<PairFacts> {
    let facts = |pair: &PairHealth| PairFacts {
        name: pair.name.clone(),
        status: pair.status,
        open: pair.open,
        dead: pair.dead,
    };
    pairs.iter().map(facts).collect()
}

/// Pauses or resumes as the API does: the row first, the workflow when that is durable.
async fn change(
    connection: &mut PgConnection,
    user: UserId,
    pause: bool,
    which: Which,
    now: DateTime<Utc>,
) -> Result<Reply, StoreError> {
    let pairs = store::status::pairs(connection, user).await?;
    let mut chosen: Vec<&PairHealth> = match which {
        Which::All => pairs.iter().collect(),
        Which::Number(number) => pairs.get(number - 1).into_iter().collect(),
        Which::Unnamed if pairs.len() == 1 => pairs.iter().collect(),
        Which::Unnamed | Which::Unreadable => Vec::new(),
    };
    // In the order in which an ingest locks pairs.
    chosen.sort_by_key(|pair| pair.id);
    let (mut done, mut deeds) = (Vec::new(), Vec::new());
    for pair in chosen {
        if store::pairs::set_paused(connection, user, pair.id, pause, now).await? {
            done.push(pair.name.clone());
            deeds.push(Deed { pair: pair.id, paused: pause });
        }
    }
    Ok(Reply { text: words::changed(pause, which, &done, &[], pairs.len()), deeds })
}

async fn usage(connection: &mut PgConnection, user: UserId, now: DateTime<Utc>) -> Result<RichText, StoreError> {
    let terms = store::pace::terms(connection, &[user]).await?;
    let plan = terms.first().map(|terms| terms.plan).unwrap_or_default();
    let planned = terms.first().map(|terms| terms.plan.allowance().except(terms.exception)).unwrap_or_default();
    let counted = store::pace::usage(connection, user).await?;
    // The limits that were in force when it was counted; before anything was, those of the plan.
    let (used, limits) =
        counted.map_or((domain::plan::Usage::none(now), planned), |(used, limits)| (used.at(now), limits));
    let name = match plan {
        Plan::Free => "Free",
        Plan::Pro => "Pro",
        Plan::Elite => "Elite",
    };
    Ok(words::usage(&Usage {
        plan: name.to_owned(),
        minute: Allowance { used: used.minute_used, limit: limits.per_minute },
        day: Allowance { used: used.day_used, limit: limits.per_day },
        pairs: store::pairs::list(connection, user).await?.len(),
        accounts: store::accounts::list(connection, user).await?.len(),
    }))
}
