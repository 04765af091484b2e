//! Which pairs the sweep rouses, against a real PostgreSQL.

use chrono::TimeDelta;
use domain::{AccountStatus, Clock as _, PairId};
use store::{
    accounts::{self, Reason},
    pairs, sweep,
};

use crate::ledger::{Scene, ids, new_pair, scene};

const NONE: [PairId; 0] = [];

/// A scene with one message that has been due for half a minute, and a destination account that is online.
async fn overdue() -> Scene {
    let mut scene = scene(0).await;
    set_status(&mut scene, AccountStatus::Online).await;
    scene.ingest_ids(&[11]).await;
    scene.clock.advance(TimeDelta::seconds(30));
    scene
}

async fn set_status(scene: &mut Scene, status: AccountStatus) {
    let now = scene.clock.now();
    accounts::set_status(&mut scene.database, scene.writer, status, Reason::default(), now).await.unwrap();
}

/// What a sweep would rouse now, at most `limit` pairs.
async fn stuck(scene: &mut Scene, limit: i64) -> Vec<PairId> {
    let now = scene.clock.now();
    let (due, swept) = (now - TimeDelta::seconds(20), now - TimeDelta::minutes(5));
    sweep::stuck_pairs(&mut scene.database, now, due, swept, limit).await.unwrap()
}

async fn sweep_over(scene: &mut Scene, pair: PairId) {
    let now = scene.clock.now();
    sweep::set_swept(&mut scene.database, pair, now).await.unwrap();
}

#[tokio::test]
async fn the_sweep_finds_due_pairs_whatever_their_flag_says() {
    let mut scene = overdue().await;
    assert_eq!(stuck(&mut scene, 10).await, [scene.pair]);
    scene.clock.advance(TimeDelta::seconds(-15));
    assert_eq!(stuck(&mut scene, 10).await, NONE, "it may still be on its ordinary way");
    scene.clock.advance(TimeDelta::seconds(15));
    let now = scene.clock.now();
    pairs::set_paused(&mut scene.database, scene.user, scene.pair, true, now).await.unwrap();
    assert_eq!(stuck(&mut scene, 10).await, NONE);
}

#[tokio::test]
async fn the_sweep_leaves_out_pairs_whose_destination_is_away_or_asked_to_wait() {
    let mut scene = overdue().await;
    set_status(&mut scene, AccountStatus::Reconnecting).await;
    assert_eq!(stuck(&mut scene, 10).await, NONE);
    set_status(&mut scene, AccountStatus::Online).await;
    assert_eq!(stuck(&mut scene, 10).await, [scene.pair]);
    let until = scene.clock.now() + TimeDelta::seconds(60);
    accounts::cool_down(&mut scene.database, scene.writer, until).await.unwrap();
    assert_eq!(stuck(&mut scene, 10).await, NONE);
    scene.clock.advance(TimeDelta::seconds(60));
    assert_eq!(stuck(&mut scene, 10).await, [scene.pair]);
}

#[tokio::test]
async fn a_swept_pair_is_left_alone_until_what_was_due_is_gone_or_five_minutes_are_over() {
    let mut scene = overdue().await;
    let pair = scene.pair;
    sweep_over(&mut scene, pair).await;
    scene.clock.advance(TimeDelta::seconds(60));
    scene.ingest_ids(&[12]).await;
    scene.clock.advance(TimeDelta::seconds(30));
    assert_eq!(stuck(&mut scene, 10).await, NONE, "what was due when it was swept still waits");
    let rows = scene.claim_rows().await;
    assert_eq!(ids(&rows), [11, 12]);
    scene.settle_sent(rows[0].seq, 500).await;
    assert_eq!(stuck(&mut scene, 10).await, [pair], "what waits now is a new matter");
    sweep_over(&mut scene, pair).await;
    assert_eq!(stuck(&mut scene, 10).await, NONE);
    scene.clock.advance(TimeDelta::seconds(301));
    assert_eq!(stuck(&mut scene, 10).await, [pair]);
}

#[tokio::test]
async fn pairs_that_were_not_swept_for_longest_come_first() {
    let mut scene = scene(0).await;
    set_status(&mut scene, AccountStatus::Online).await;
    let (other, now) = (PairId::new(&scene.clock), scene.clock.now());
    let new = pairs::NewPair { destination_topic: Some(5), ..new_pair(other, scene.reader, scene.writer, 0) };
    pairs::insert(&mut scene.database, scene.user, &new, now).await.unwrap();
    scene.ingest_ids(&[11]).await;
    scene.clock.advance(TimeDelta::seconds(30));
    let first = stuck(&mut scene, 1).await;
    sweep_over(&mut scene, first[0]).await;
    let second = stuck(&mut scene, 1).await;
    assert_ne!(first, second);
    scene.clock.advance(TimeDelta::seconds(60));
    sweep_over(&mut scene, second[0]).await;
    assert_eq!(stuck(&mut scene, 1).await, NONE);
    scene.clock.advance(TimeDelta::minutes(6));
    assert_eq!(stuck(&mut scene, 2).await, [first[0], second[0]]);
}
