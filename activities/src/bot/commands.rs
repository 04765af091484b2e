//! The commands: what each one reads and changes.

use chrono::{DateTime, Utc};
use domain::{
    PairId, PairStatus, Platform, RichText, UserId,
    bot::{self as words, AccountFacts, Allowance, Command, Followed, LinkToken, PairFacts, Usage, Which},
    gate::{self, Action, Refusal},
    pace::Mode,
    plan::{Features, Limit},
};
use store::{
    PgConnection, StoreError,
    bot::{self, Person},
    status::PairHealth,
};

use super::receive::{Deed, Reply};

/// Carries out what a person has written, within the caller's transaction. `mode` says whose limits `/usage` shows.
pub(super) async fn carry_out(
    connection: &mut PgConnection,
    bot: i64,
    person: &Person,
    command: &Command,
    mode: Mode,
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
        (Command::Usage, Some(user)) => Ok(Reply::of(usage(connection, user, mode, now).await?)),
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

/// Pauses or resumes as the API does: the row first, the workflow when that is durable. What the plan has no room for
/// stays paused; the room that a pause leaves is given to what the plan has paused.
async fn change(
    connection: &mut PgConnection,
    user: UserId,
    pause: bool,
    which: Which,
    now: DateTime<Utc>,
) -> Result<Reply, StoreError> {
    store::plans::lock_user(connection, user).await?;
    let pairs = store::status::pairs(connection, user).await?;
    let mut chosen: Vec<&PairHealth> = match which {
        Which::All => pairs.iter().collect(),
        Which::Number(number) => pairs.get(number - 1).into_iter().collect(),
        Which::Unnamed if pairs.len() == 1 => pairs.iter().collect(),
        Which::Unnamed | Which::Unreadable => Vec::new(),
    };
    // In the order in which an ingest locks pairs.
    chosen.sort_by_key(|pair| pair.id);
    let (mut done, mut refused, mut deeds) = (Vec::new(), Vec::new(), Vec::new());
    for pair in chosen {
        if !pause && let Some(refusal) = refusal(connection, user, pair.id, now).await? {
            refused.push((pair.name.clone(), refusal.to_string()));
        } else if store::pairs::set_paused(connection, user, pair.id, pause, now).await? {
            done.push(pair.name.clone());
            deeds.push(Deed::Pair { pair: pair.id, paused: pause });
        }
    }
    if pause && !done.is_empty() {
        let applied = store::plans::give_room(connection, user, now).await?;
        deeds.extend(applied.pairs_paused.into_iter().map(|pair| Deed::Pair { pair, paused: true }));
        deeds.extend(applied.pairs_resumed.into_iter().map(|pair| Deed::Pair { pair, paused: false }));
        deeds.extend(applied.accounts_resumed.into_iter().map(Deed::Account));
    }
    Ok(Reply { text: words::changed(pause, which, &done, &refused, pairs.len()), deeds })
}

/// Why the plan lets the pair not be resumed; `None` when it does. The tenant is locked.
async fn refusal(
    connection: &mut PgConnection,
    user: UserId,
    pair: PairId,
    now: DateTime<Utc>,
) -> Result<Option<Refusal>, StoreError> {
    let Some(pair) = store::pairs::find(connection, user, pair).await? else { return Ok(None) };
    let Some(tenancy) = store::plans::tenancy(connection, user).await? else { return Ok(None) };
    if pair.status != PairStatus::Paused {
        return Ok(None);
    }
    let chain = store::plans::chain(connection, user, pair.way()).await?;
    // Options that cannot be read are not carried either.
    let needs = gate::needs(pair.way(), pair.mode, &pair.options().unwrap_or_default());
    let needs = Features { chain_forwarding: chain.follows, ..needs };
    let used = store::plans::used(connection, user, now).await?;
    let mut offers = store::plans::catalogue(connection).await?;
    offers.retain(|plan| plan.is_public);
    Ok(gate::check(&tenancy, &used, Action::ResumePair { needs }, &offers).err())
}

async fn usage(
    connection: &mut PgConnection,
    user: UserId,
    mode: Mode,
    now: DateTime<Utc>,
) -> Result<RichText, StoreError> {
    let Some(tenancy) = store::plans::tenancy(connection, user).await? else { return Ok(words::link_first(false)) };
    let (used, limits) = (store::plans::used(connection, user, now).await?, tenancy.sending_terms(mode).limits);
    let counted = |count: i64| u64::try_from(count).unwrap_or(0);
    let of = |used, limit| Allowance { used, limit: limits.get(limit) };
    Ok(words::usage(&Usage {
        plan: tenancy.plan.name,
        minute: of(counted(used.messages.minute_used), Limit::MessagesPerMinute),
        day: of(counted(used.messages.day_used), Limit::MessagesPerDay),
        pairs: of(used.pairs, Limit::Pairs),
        telegram_accounts: of(used.telegram_accounts.linked, Limit::accounts(Platform::Telegram)),
        discord_accounts: of(used.discord_accounts.linked, Limit::accounts(Platform::Discord)),
    }))
}
