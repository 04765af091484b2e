use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::plan::{
    Exception, Limits,
    tests::{boundless, tenant},
};

const COPY: Features = Features { copy_mode: true, ..Features::NONE };

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

/// Three plans, each better than the one before.
fn catalogue() -> Vec<Plan> {
    let limits = |pairs, accounts, messages, bytes| Limits {
        pairs_max: Some(pairs),
        telegram_accounts_max: Some(accounts),
        discord_accounts_max: Some(accounts),
        messages_per_minute: Some(messages),
        messages_per_day: Some(10 * messages),
        requests_per_minute: Some(100),
        media_bytes_max: Some(bytes),
    };
    let free = Plan { limits: limits(3, 1, 20, 1_000), features: COPY, ..boundless(1) };
    let features = Features { reports: false, ..Features::ALL };
    let pro = Plan { limits: limits(25, 5, 200, 10_000), features, ..boundless(2) };
    let elite = Plan { limits: Limits { pairs_max: Some(100), ..Limits::default() }, ..boundless(3) };
    // The order of the list says nothing.
    vec![elite, free, pro]
}

fn free() -> Tenancy {
    tenant(catalogue().remove(1))
}

fn used(pairs: u64, accounts: u64) -> Use {
    let accounts = AccountUse { linked: accounts, running: accounts };
    Use { pairs, pairs_running: pairs, telegram_accounts: accounts, discord_accounts: accounts, ..Use::default() }
}

/// The bar and the plan that lifts it; `None` when the action passes.
fn refused(tenancy: &Tenancy, used: &Use, action: Action) -> Option<(Bar, Option<String>)> {
    let refusal = check(tenancy, used, action, &catalogue()).err()?;
    Some((refusal.bar, refusal.lifted_by.map(|lift| lift.code)))
}

fn limit(limit: Limit, allowed: u64, used: u64) -> Bar {
    Bar::Limit { limit, allowed, used }
}

#[test]
fn the_limit_is_reached_and_not_passed() {
    let create = Action::CreatePair { needs: COPY };
    assert_eq!(refused(&free(), &used(2, 0), create), None);
    let refusal = refused(&free(), &used(3, 0), create);
    assert_eq!(refusal, Some((limit(Limit::Pairs, 3, 3), Some("plan2".into()))));
    let more = refused(&free(), &used(40, 0), create);
    assert_eq!(more, Some((limit(Limit::Pairs, 3, 40), Some("plan3".into()))));
    let none = refused(&free(), &used(100, 0), create);
    assert_eq!(none, Some((limit(Limit::Pairs, 3, 100), None)), "no plan allows so many");
}

#[test]
fn a_paused_pair_counts_for_creation_and_not_for_resumption() {
    let paused = Use { pairs_running: 2, ..used(3, 0) };
    assert!(refused(&free(), &paused, Action::CreatePair { needs: COPY }).is_some());
    assert_eq!(refused(&free(), &paused, Action::ResumePair { needs: COPY }), None);
    assert!(refused(&free(), &used(3, 0), Action::ResumePair { needs: COPY }).is_some());
}

#[test]
fn accounts_are_limited_by_platform() {
    let telegram = Use { discord_accounts: AccountUse::default(), ..used(0, 1) };
    for action in [Action::LinkAccount(Platform::Telegram), Action::ResumeAccount(Platform::Telegram)] {
        let refusal = refused(&free(), &telegram, action);
        assert_eq!(refusal, Some((limit(Limit::TelegramAccounts, 1, 1), Some("plan2".into()))));
    }
    assert_eq!(refused(&free(), &telegram, Action::LinkAccount(Platform::Discord)), None);
    let host = |before| Action::HostAccount { platform: Platform::Discord, before };
    assert_eq!(refused(&free(), &telegram, host(0)), None);
    assert_eq!(refused(&free(), &telegram, host(1)).unwrap().0, limit(Limit::DiscordAccounts, 1, 1));
}

#[test]
fn a_missing_feature_is_named_with_the_lowest_plan_that_has_it() {
    let chain = Features { chain_forwarding: true, ..COPY };
    for action in [
        Action::CreatePair { needs: chain },
        Action::ResumePair { needs: chain },
        Action::CarryPair { needs: chain },
        Action::ChangePair { before: COPY, after: chain },
    ] {
        let refusal = refused(&free(), &Use::default(), action);
        assert_eq!(refusal, Some((Bar::Feature(Feature::ChainForwarding), Some("plan2".into()))), "{action:?}");
    }
    let report = refused(&free(), &Use::default(), Action::Report);
    assert_eq!(report, Some((Bar::Feature(Feature::Reports), Some("plan3".into()))));
    let renamed = Action::ChangePair { before: chain, after: chain };
    assert_eq!(refused(&free(), &Use::default(), renamed), None, "what was there may stay");
}

#[test]
fn messages_are_limited_by_minute_and_day_as_their_windows_say() {
    let at = |count, later| {
        let messages = Usage::none(now()).plus(count, now());
        let action = Action::SendMessage { at: now() + TimeDelta::seconds(later) };
        refused(&free(), &Use { messages, ..Use::default() }, action).map(|(bar, _)| bar)
    };
    assert_eq!(at(19, 0), None);
    assert_eq!(at(20, 0), Some(limit(Limit::MessagesPerMinute, 20, 20)));
    assert_eq!(at(20, 60), None, "the next minute");
    assert_eq!(at(200, 60), Some(limit(Limit::MessagesPerDay, 200, 200)));
    assert_eq!(at(200, 86_400), None, "the next day");
    assert_eq!(at(-3, 0), None, "what was taken back is not used");
}

#[test]
fn a_file_may_be_as_large_as_the_plan_says() {
    assert_eq!(refused(&free(), &Use::default(), Action::SendFile { bytes: 1_000 }), None);
    let refusal = refused(&free(), &Use::default(), Action::SendFile { bytes: 10_001 });
    let bar = Bar::Excess { limit: Limit::MediaBytes, allowed: 1_000, used: 10_001 };
    assert_eq!(refusal, Some((bar, Some("plan3".into()))));
}

#[test]
fn an_exception_holds_under_every_plan() {
    let mut tenancy = free();
    tenancy.exception = Exception {
        limits: Limits { pairs_max: Some(5), ..Limits::default() },
        reports: Some(true),
        ..Exception::default()
    };
    let create = Action::CreatePair { needs: COPY };
    assert_eq!(refused(&tenancy, &used(4, 0), create), None);
    assert_eq!(refused(&tenancy, &used(5, 0), create), Some((limit(Limit::Pairs, 5, 5), None)));
    assert_eq!(refused(&tenancy, &Use::default(), Action::Report), None);
}

#[test]
fn a_refusal_reads_well() {
    let pairs = check(&free(), &used(3, 0), Action::CreatePair { needs: COPY }, &catalogue()).unwrap_err();
    assert_eq!(pairs.to_string(), "the plan allows 3 pairs, and 3 are in use; Plan 2 allows it");
    let report = check(&free(), &used(0, 0), Action::Report, &[]).unwrap_err();
    assert_eq!(report.to_string(), "the plan does not include reports");
    let file = check(&free(), &used(0, 0), Action::SendFile { bytes: 2_000 }, &[]).unwrap_err();
    assert_eq!(file.to_string(), "the plan allows 1000 bytes in a file, and this has 2000");
}

fn features() -> impl Strategy<Value = Features> {
    any::<[bool; 6]>().prop_map(
        |[copy_mode, chain_forwarding, discord_forwarding, webhook_identity, filters, reports]| Features {
            copy_mode,
            chain_forwarding,
            discord_forwarding,
            webhook_identity,
            filters,
            reports,
        },
    )
}

fn limits() -> impl Strategy<Value = Limits> {
    let some = || prop::option::of(0_u32..12);
    (some(), some(), some(), some(), some(), some()).prop_map(|(pairs, telegram, discord, minute, day, bytes)| Limits {
        pairs_max: pairs,
        telegram_accounts_max: telegram,
        discord_accounts_max: discord,
        messages_per_minute: minute,
        messages_per_day: day,
        requests_per_minute: None,
        media_bytes_max: bytes.map(u64::from),
    })
}

fn plan(position: i32) -> impl Strategy<Value = Plan> {
    (limits(), features()).prop_map(move |(limits, features)| Plan { limits, features, ..boundless(position) })
}

fn usage() -> impl Strategy<Value = Use> {
    let accounts = || (0_u64..12, 0_u64..12).prop_map(|(linked, running)| AccountUse { linked, running });
    (0_u64..12, 0_u64..12, accounts(), accounts(), 0_i64..12).prop_map(
        |(pairs, pairs_running, telegram_accounts, discord_accounts, messages)| Use {
            pairs,
            pairs_running,
            telegram_accounts,
            discord_accounts,
            messages: Usage::none(now()).plus(messages, now()),
        },
    )
}

fn platform() -> impl Strategy<Value = Platform> {
    prop::sample::select(Platform::ALL.to_vec())
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        features().prop_map(|needs| Action::CreatePair { needs }),
        features().prop_map(|needs| Action::ResumePair { needs }),
        features().prop_map(|needs| Action::CarryPair { needs }),
        (features(), features()).prop_map(|(before, after)| Action::ChangePair { before, after }),
        platform().prop_map(Action::LinkAccount),
        platform().prop_map(Action::ResumeAccount),
        (platform(), 0_u64..12).prop_map(|(platform, before)| Action::HostAccount { platform, before }),
        Just(Action::SendMessage { at: now() }),
        (0_u64..12).prop_map(|bytes| Action::SendFile { bytes }),
        Just(Action::Report),
    ]
}

/// The same with so much more of everything.
fn more(used: Use, more: u64) -> Use {
    let accounts =
        |accounts: AccountUse| AccountUse { linked: accounts.linked + more, running: accounts.running + more };
    Use {
        pairs: used.pairs + more,
        pairs_running: used.pairs_running + more,
        telegram_accounts: accounts(used.telegram_accounts),
        discord_accounts: accounts(used.discord_accounts),
        messages: used.messages.plus(i64::try_from(more).unwrap(), now()),
    }
}

/// Limits that are nowhere lower than `limits`.
fn raised(limits: Limits, by: u32) -> Limits {
    let raise = |limit: Option<u32>| limit.map(|limit| limit + by);
    Limits {
        pairs_max: raise(limits.pairs_max),
        telegram_accounts_max: raise(limits.telegram_accounts_max),
        discord_accounts_max: raise(limits.discord_accounts_max),
        messages_per_minute: raise(limits.messages_per_minute),
        messages_per_day: raise(limits.messages_per_day),
        requests_per_minute: raise(limits.requests_per_minute),
        media_bytes_max: limits.media_bytes_max.map(|limit| limit + u64::from(by)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn more_use_never_turns_a_refusal_into_a_permission(
        plan in plan(1), used in usage(), action in action(), by in 0_u64..5,
    ) {
        let terms = plan.terms(&Exception::default());
        if permits(&terms, &used, action).is_err() {
            prop_assert!(permits(&terms, &more(used, by), action).is_err());
        }
    }

    #[test]
    fn higher_limits_and_more_features_never_refuse_what_lower_ones_allow(
        plan in plan(1), used in usage(), action in action(), by in 0_u32..5, granted in features(),
    ) {
        let better = Plan { limits: raised(plan.limits, by), features: plan.features.and(granted), ..plan.clone() };
        let nothing = Exception::default();
        if permits(&plan.terms(&nothing), &used, action).is_ok() {
            prop_assert!(permits(&better.terms(&nothing), &used, action).is_ok());
            let unlimited = Plan { limits: Limits::default(), ..better };
            prop_assert!(permits(&unlimited.terms(&nothing), &used, action).is_ok());
        }
    }

    #[test]
    fn the_plan_that_is_named_is_the_lowest_that_lets_the_action_pass(
        own in plan(1), others in (plan(4), plan(2), plan(3)), exception in limits(), used in usage(), action in action(),
    ) {
        let catalogue = [own.clone(), others.0, others.1, others.2];
        let mut tenancy = tenant(own);
        tenancy.exception.limits = Limits { pairs_max: exception.pairs_max, ..Limits::default() };
        let moved = |plan: &Plan| check(&Tenancy { plan: plan.clone(), ..tenancy.clone() }, &used, action, &[]);
        let Err(refusal) = check(&tenancy, &used, action, &catalogue) else { return Ok(()) };
        let passing = catalogue.iter().filter(|plan| moved(plan).is_ok()).min_by_key(|plan| plan.position);
        prop_assert_eq!(refusal.lifted_by.map(|lift| lift.code), passing.map(|plan| plan.code.clone()));
    }

    #[test]
    fn a_message_passes_when_its_windows_are_open(plan in plan(1), used in usage()) {
        let terms = plan.terms(&Exception::default());
        let open = used.messages.opens_at(terms.limits.allowance(), now()).is_none();
        prop_assert_eq!(permits(&terms, &used, Action::SendMessage { at: now() }).is_ok(), open);
    }
}

#[test]
fn who_is_suspended_may_do_nothing_and_no_plan_lifts_it() {
    let tenancy = Tenancy { suspended: true, ..free() };
    for action in [
        Action::CreatePair { needs: Features::NONE },
        Action::ChangePair { before: Features::ALL, after: Features::NONE },
        Action::ResumePair { needs: Features::NONE },
        Action::CarryPair { needs: Features::NONE },
        Action::LinkAccount(Platform::Telegram),
        Action::ResumeAccount(Platform::Discord),
        Action::HostAccount { platform: Platform::Telegram, before: 0 },
        Action::Report,
    ] {
        let refusal = check(&tenancy, &Use::default(), action, &catalogue()).unwrap_err();
        assert_eq!(
            (refusal.bar, refusal.bar.code(), refusal.lifted_by),
            (Bar::Suspended, SUSPENDED, None),
            "{action:?}"
        );
    }
}
