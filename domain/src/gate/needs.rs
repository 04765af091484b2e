//! Which features a pair uses.

use crate::{
    account::Platform,
    pair::{CopyMode, Endpoint},
    plan::Features,
    rules::{AuthorFilter, Bots, MediaFilter, OriginFilter, PairOptions},
};

/// The two ends of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// Read.
    pub source: Endpoint,
    /// Written to.
    pub destination: Endpoint,
}

/// What a pair uses, as far as it can be told without the tenant's other pairs: see [`joins_a_chain`] for chains.
#[must_use]
pub fn needs(way: Way, mode: CopyMode, options: &PairOptions) -> Features {
    Features {
        copy_mode: mode == CopyMode::Copy,
        discord_forwarding: [way.source, way.destination].iter().any(|end| end.platform == Platform::Discord),
        webhook_identity: options.webhook_identity,
        filters: filters(options),
        ..Features::NONE
    }
}

/// True when some messages are left out for what they are, say, or were written by. Active hours, and how old a message
/// may be after a gap, are no filters: they say when, not what.
fn filters(options: &PairOptions) -> bool {
    let PairOptions { allow, deny, media, authors, bots, origin, replies_only, duplicates, .. } = options;
    !allow.is_empty()
        || !deny.is_empty()
        || *media != MediaFilter::default()
        || *authors != AuthorFilter::default()
        || *bots != Bots::default()
        || *origin != OriginFilter::default()
        || *replies_only
        || duplicates.is_some()
}

/// True when `way` reads what one of `others` writes. Two pairs that are each other's way back are no chain: what one
/// has written, the other does not carry.
#[must_use]
pub fn joins_a_chain(way: Way, others: impl IntoIterator<Item = Way>) -> bool {
    let is_way_back = |other: Way| meet(other.source, way.destination) && meet(other.destination, way.source);
    others.into_iter().any(|other| meet(other.destination, way.source) && !is_way_back(other))
}

/// True when something in one of the two places can be in the other. A private conversation on Telegram has the other
/// person's id, so that it is the same one only for the same account.
fn meet(one: Endpoint, two: Endpoint) -> bool {
    let private = one.platform == Platform::Telegram && one.chat.get() > 0;
    one.place().overlaps(&two.place()) && (!private || one.account == two.account)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        chat::ChatId,
        clock::SystemClock,
        ids::AccountId,
        rules::{Duplicates, Words},
    };

    fn end(platform: Platform, chat: i64) -> Endpoint {
        Endpoint { account: AccountId::new(&SystemClock), platform, chat: ChatId::new(chat), topic: None }
    }

    fn way(source: Endpoint, destination: Endpoint) -> Way {
        Way { source, destination }
    }

    #[test]
    fn a_pair_uses_what_its_ends_mode_and_options_say() {
        let (telegram, discord) = (end(Platform::Telegram, -1), end(Platform::Discord, 2));
        let plain = PairOptions::default();
        let nothing = needs(way(telegram, end(Platform::Telegram, -3)), CopyMode::Forward, &plain);
        assert_eq!(nothing, Features::NONE);
        let copied = needs(way(discord, telegram), CopyMode::Copy, &plain);
        assert_eq!(copied, Features { copy_mode: true, discord_forwarding: true, ..Features::NONE });
        let named = PairOptions { webhook_identity: true, ..plain.clone() };
        assert!(needs(way(telegram, discord), CopyMode::Copy, &named).webhook_identity);
        let filtered = [
            PairOptions { deny: Words { words: vec!["spam".into()], ..Words::default() }, ..plain.clone() },
            PairOptions { replies_only: true, ..plain.clone() },
            PairOptions { duplicates: Some(Duplicates::default()), ..plain.clone() },
        ];
        assert!(filtered.iter().all(|options| needs(way(telegram, discord), CopyMode::Copy, options).filters));
        let looks = PairOptions { header: Some("news".into()), strip_links: true, ..plain };
        assert!(!needs(way(telegram, discord), CopyMode::Copy, &looks).filters);
    }

    #[test]
    fn a_pair_that_reads_what_another_writes_is_a_chain_and_a_way_back_is_none() {
        let (a, b, c) = (end(Platform::Telegram, -1), end(Platform::Discord, 2), end(Platform::Telegram, -3));
        let (first, on, back) = (way(a, b), way(b, c), way(b, a));
        assert!(joins_a_chain(on, [first]));
        assert!(!joins_a_chain(first, [on]), "the first of a chain reads what people write");
        assert!(!joins_a_chain(back, [first]) && !joins_a_chain(first, [back]));
        assert!(joins_a_chain(on, [back, first]));
        assert!(!joins_a_chain(first, []));
    }

    #[test]
    fn topics_are_places_and_a_private_conversation_belongs_to_its_account() {
        let (a, b) = (end(Platform::Telegram, -1), end(Platform::Telegram, -2));
        let topic = |topic| Endpoint { topic: Some(topic), ..b };
        assert!(!joins_a_chain(way(topic(5), a), [way(end(Platform::Discord, 9), topic(7))]));
        assert!(joins_a_chain(way(topic(5), a), [way(end(Platform::Discord, 9), b)]));
        let (mine, theirs) = (end(Platform::Telegram, 7), end(Platform::Telegram, 7));
        assert!(!joins_a_chain(way(mine, a), [way(b, theirs)]));
        assert!(joins_a_chain(way(mine, a), [way(b, mine)]));
    }
}
