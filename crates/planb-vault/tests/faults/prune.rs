//! A vault that has something to prune, and what must be left of it.

use crate::world::World;
use crate::world::ordered::OrderedDatabase;
use planb_model::SiteName;
use planb_model::recovery::RetentionPolicy;
use planb_ports::progress::NoProgress;
use planb_ports::{Clock, Repository, RestoreOptions, RestoreTo, SnapshotOptions};
use planb_testkit::FakeDatabase;
use std::time::Duration;

/// One snapshot and the log behind it.
pub const POLICY: RetentionPolicy = RetentionPolicy {
    keep_last: 1,
    keep_for: Duration::ZERO,
    daily: 0,
    weekly: 0,
    monthly: 0,
    yearly: 0,
    immutable_for: Duration::ZERO,
};
/// Beyond the time parts without a manifest are left alone.
const DAYS: Duration = Duration::from_secs(3 * 24 * 3_600);
/// What the log of epoch 1 that goes was folded to, as far as pruning looks.
const FOLDED: &str = "orders/folded/0000000001/30s/0000000001-0000000002-0123456789abcdef";

/// Another snapshot behind all log, log behind that one, and something folded.
pub async fn more_snapshots(world: &World) {
    let source = OrderedDatabase::of(&world.source, &world.clock);
    let site = SiteName::new("seoul").expect("name");
    let options = SnapshotOptions::default();
    let repository = world.repository();
    let taken = repository.backup(&source, "test", &site, &options, &NoProgress);
    taken.await.expect("a backup");
    let protection = world.protect().await;
    world.put_rows("later", 2).await;
    protection.caught_up().await;
    protection.stop().await;
    world.storage.plant(FOLDED, "folded");
    world.clock.sleep(DAYS).await;
}

/// The same prune goes on; then every point that is listed can be restored, and
/// nothing is left that should have gone.
pub async fn again(world: &World) -> Result<(), String> {
    let repository = world.repository();
    let points = repository.points().await.map_err(|e| e.chain())?;
    for point in points.iter().filter(|point| point.damage.is_none()) {
        restore(world, RestoreTo::Snapshot(point.id.clone())).await?;
    }
    let pruned = repository.prune(&POLICY, false).await;
    pruned.map_err(|e| format!("pruning again: {}", e.chain()))?;
    let points = repository.points().await.map_err(|e| e.chain())?;
    match points.as_slice() {
        [point] if point.damage.is_none() => {}
        other => return Err(format!("{} points are left", other.len())),
    }
    let parts = repository.manifest(&points[0].id).await;
    let parts = parts.map_err(|e| e.chain())?.parts.len();
    let left = world.keys("orders/snapshot/").len();
    if left != parts || !world.keys("orders/folded/").is_empty() {
        return Err(format!("{left} parts are left, and folded log"));
    }
    Ok(())
}

async fn restore(world: &World, to: RestoreTo) -> Result<(), String> {
    let fresh = FakeDatabase::new("point", world.clock.clone());
    let target = OrderedDatabase::of(&fresh, &world.clock);
    let options = RestoreOptions {
        to,
        ..RestoreOptions::default()
    };
    let repository = world.repository();
    let restored = repository.restore(&target, &options, &NoProgress).await;
    restored
        .map(drop)
        .map_err(|e| format!("a point: {}", e.chain()))
}
