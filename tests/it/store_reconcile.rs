//! Which pairs the scheduled reconciliation takes first, and which reconciliations are kept.

use chrono::TimeDelta;
use domain::{Clock as _, PairId};
use store::reconcile;

use crate::ledger::{Scene, scene};

impl Scene {
    /// A reconciliation that found nothing.
    async fn reconciled(&mut self, pair: PairId) {
        let wanted = (pair, false);
        let begun = reconcile::begin(&mut self.database, self.user, wanted, &self.clock).await.unwrap().unwrap();
        reconcile::finish(&mut self.database, begun.id, None, self.clock.now()).await.unwrap();
    }

    /// Two pairs, of those that have had no reconciliation for half a day.
    async fn due(&mut self) -> Vec<PairId> {
        let before = self.clock.now() - TimeDelta::hours(12);
        let begun = reconcile::begin_due(&mut self.database, &self.clock, before, 2).await.unwrap();
        begun.into_iter().map(|begun| begun.pair).collect()
    }

    async fn prune(&mut self, limit: i64) -> u64 {
        let before = self.clock.now() - TimeDelta::days(30);
        reconcile::prune(&mut self.database, before, limit).await.unwrap()
    }
}

#[tokio::test]
async fn pairs_that_were_never_reconciled_come_first_then_the_oldest() {
    let mut scene = scene(0).await;
    let (first, second, third) = (scene.pair, scene.another_pair(78).await, scene.another_pair(79).await);
    assert!(scene.due().await.is_empty(), "they are too young");
    for pair in [second, first] {
        scene.reconciled(pair).await;
        scene.clock.advance(TimeDelta::hours(1));
    }
    scene.clock.advance(TimeDelta::days(1));
    assert_eq!(scene.due().await, [third, second]);
    assert_eq!(scene.due().await, [first]);
    scene.clock.advance(TimeDelta::days(1));
    assert!(scene.due().await.is_empty(), "what runs is not begun again");
}

#[tokio::test]
async fn old_reconciliations_are_forgotten_but_the_newest_of_each_pair() {
    let mut scene = scene(0).await;
    let (first, second) = (scene.pair, scene.another_pair(78).await);
    scene.reconciled(second).await;
    for _ in 0..3 {
        scene.reconciled(first).await;
        scene.clock.advance(TimeDelta::days(1));
    }
    assert_eq!(scene.prune(10).await, 0, "they are too young");
    scene.clock.advance(TimeDelta::days(30));
    assert_eq!((scene.prune(1).await, scene.prune(10).await, scene.prune(10).await), (1, 1, 0));
    scene.reconciled(first).await;
    assert_eq!(scene.prune(10).await, 1, "it is not the newest any more");
    for pair in [first, second] {
        let left = reconcile::list(&mut scene.database, scene.user, pair, 10).await.unwrap();
        assert_eq!(left.len(), 1);
    }
}
