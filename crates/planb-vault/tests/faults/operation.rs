//! What is run under a fault, and what is looked at afterwards.

use crate::prune;
use crate::world::ordered::OrderedDatabase;
use crate::world::{ONE, Protection, SECOND, World};
use planb_model::SiteName;
use planb_ports::progress::NoProgress;
use planb_ports::repository::ProtectEvent;
use planb_ports::{Clock, Database, PortError, Repository, RestoreOptions};
use planb_testkit::{FakeDatabase, Incarnation, Link};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Rows before an operation begins; their values do not fit into one chunk.
const ROWS: usize = 40;
const LOOK: Duration = Duration::from_millis(10);
/// Far beyond every pause of the vault, in virtual time.
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// The first snapshot.
    Backup,
    /// Log after a snapshot.
    Stream,
    /// Into an empty database.
    Restore,
    /// What a rule does not keep goes.
    Prune,
    /// Log is shipped and folded.
    Fold,
}

/// How an operation ended.
#[derive(Debug)]
pub enum Ended {
    /// It did its work, perhaps by trying again.
    Well,
    /// It failed with this.
    SaidWhy(PortError),
    /// Its process is dead.
    Died,
}

/// What is wrong afterwards.
#[derive(Debug, Default)]
pub struct Found {
    /// Acknowledged and not recoverable, without a word.
    pub lost: Option<String>,
    /// No good restore even after going on without faults.
    pub unrecoverable: Option<String>,
}

/// A world, and what the operation acknowledged in it.
pub struct Stage {
    pub world: World,
    acknowledged: std::sync::Mutex<BTreeMap<String, String>>,
}

impl Stage {
    /// The same vault, source and rows, with nothing in common.
    pub fn again(&self) -> Stage {
        let world = World {
            clock: self.world.clock.clone(),
            storage: self.world.storage.fork(),
            source: self.world.source.fork(),
            target: FakeDatabase::new("busan", self.world.clock.clone()),
            options: self.world.options.clone(),
        };
        let acknowledged = self.acknowledged.lock().expect("not poisoned").clone();
        Stage {
            world,
            acknowledged: acknowledged.into(),
        }
    }
}

impl Operation {
    pub fn name(self) -> &'static str {
        match self {
            Operation::Backup => "backup",
            Operation::Stream => "stream",
            Operation::Restore => "restore",
            Operation::Prune => "prune",
            Operation::Fold => "fold",
        }
    }

    /// Kinds of faults it can meet: what does not write finds no disk full.
    pub fn faults(self) -> usize {
        match self {
            Operation::Restore => 6,
            _ => 7,
        }
    }

    /// The world before the operation.
    pub async fn prepare(self) -> Stage {
        let mut world = World::new();
        if self == Operation::Fold {
            // Few calls in the time one object is folded from.
            world.options.flush_interval = Duration::from_secs(5);
            world.options.canary_interval = Duration::from_secs(7);
        }
        for row in 0..ROWS {
            // Not compressible, so that stored objects have several chunks.
            let value = noise(row);
            world.source.put(&format!("row-{row}"), &value).expect("ok");
        }
        if self != Operation::Backup {
            let protection = world.protect().await;
            world.put_rows("logged", 3).await;
            protection.caught_up().await;
            protection.stop().await;
        }
        if self == Operation::Prune {
            prune::more_snapshots(&world).await;
        }
        let acknowledged = match self {
            Operation::Backup => BTreeMap::new(),
            _ => world.source.rows(),
        };
        Stage {
            world,
            acknowledged: acknowledged.into(),
        }
    }

    /// Runs it in one life, whose storage is behind `link`.
    pub async fn run(self, stage: &Stage, link: Link, life: &Incarnation) -> Ended {
        let dead = async {
            while !life.is_dead() {
                stage.world.clock.sleep(LOOK).await;
            }
        };
        tokio::select! {
            () = dead => Ended::Died,
            ended = self.live(stage, link, life) => ended,
        }
    }

    async fn live(self, stage: &Stage, link: Link, life: &Incarnation) -> Ended {
        let world = &stage.world;
        let repository = world.repository_of(link, life);
        if self == Operation::Restore {
            let options = RestoreOptions::default();
            let restored = repository
                .restore(&world.target, &options, &NoProgress)
                .await;
            return match restored {
                Ok(_) => Ended::Well,
                Err(error) => Ended::SaidWhy(error),
            };
        }
        if self == Operation::Prune {
            return match repository.prune(&prune::POLICY, false).await {
                Ok(_) => Ended::Well,
                Err(error) => Ended::SaidWhy(error),
            };
        }
        let site = SiteName::new("seoul").expect("name");
        if let Err(error) = repository.claim_epoch(ONE, "test", &site).await {
            return Ended::SaidWhy(error);
        }
        let mut source = OrderedDatabase::of(&world.source, &world.clock);
        source.folds = self == Operation::Fold;
        let protection = Protection::start(repository, self.source(source), &world.clock);
        let mut running = Abandon(Some(protection));
        if matches!(self, Operation::Stream | Operation::Fold) {
            stage.world.put_rows("new", 3).await;
        }
        self.watch(stage, &mut running).await
    }

    /// The fake itself where nothing is folded: it takes no later snapshots.
    fn source(self, ordered: OrderedDatabase) -> Arc<dyn Database> {
        match self {
            Operation::Fold => Arc::new(ordered),
            _ => Arc::new(ordered.inner),
        }
    }

    /// Until everything there was is acknowledged, or it ended.
    async fn watch(self, stage: &Stage, running: &mut Abandon) -> Ended {
        let world = &stage.world;
        let (now, rows) = (world.clock.now(), world.source.rows());
        let deadline = world.clock.monotonic() + PATIENCE;
        let acknowledged = |protection: &Protection| {
            let folded = self != Operation::Fold || !world.keys("orders/folded/").is_empty();
            folded
                && protection
                    .newest_canary()
                    .is_some_and(|c| c.written_at > now)
                || self == Operation::Backup && protection.count(is_snapshot) > 0
        };
        while !running.0.as_ref().is_some_and(&acknowledged) {
            if let Some(ended) = running.0.take_if(|protection| protection.is_finished()) {
                let ended = ended.ended().await;
                return Ended::SaidWhy(ended.expect_err("nobody stopped it"));
            }
            assert!(world.clock.monotonic() < deadline, "it hangs");
            world.clock.sleep(LOOK).await;
        }
        *stage.acknowledged.lock().expect("not poisoned") = rows;
        Ended::Well
    }

    /// Looks at what the operation left behind, by new processes without faults.
    pub async fn judge(self, stage: &Stage, ended: &Ended) -> Found {
        let world = &stage.world;
        let mut found = Found::default();
        if let (Operation::Restore, Ended::Well) = (self, ended)
            && world.target.rows() != world.source.rows()
        {
            found.lost = Some("a restore that went well has other rows".into());
        }
        if self != Operation::Restore {
            found.lost = self.loss(stage).await;
        }
        found.unrecoverable = self.go_on(stage).await.err();
        found
    }

    /// What was acknowledged and is not there, in a restore right away.
    async fn loss(self, stage: &Stage) -> Option<String> {
        let world = &stage.world;
        let acknowledged = stage.acknowledged.lock().expect("not poisoned").clone();
        let fresh = FakeDatabase::new("fresh", world.clock.clone());
        let options = RestoreOptions::default();
        let repository = world.repository();
        // Takes folded log where there is some.
        let mut ordered = OrderedDatabase::of(&fresh, &world.clock);
        ordered.folds = true;
        let restored = repository.restore(&ordered, &options, &NoProgress);
        match restored.await {
            Err(_) if acknowledged.is_empty() => None,
            Err(error) => Some(format!("no restore: {}", error.chain())),
            Ok(_) => {
                let (there, ever) = (fresh.rows(), world.source.rows());
                let missing = acknowledged.iter().find(|(k, v)| there.get(*k) != Some(v));
                let invented = there.iter().find(|(k, v)| ever.get(*k) != Some(v));
                missing
                    .map(|(row, _)| format!("acknowledged {row} is not there"))
                    .or(invented.map(|(row, _)| format!("{row} was never written so")))
            }
        }
    }

    /// Goes on as an operator would: the same again, without faults.
    async fn go_on(self, stage: &Stage) -> Result<(), String> {
        let world = &stage.world;
        if self == Operation::Prune {
            prune::again(world).await?;
        } else if self != Operation::Restore {
            world.claim(ONE).await;
            let again = world.protect_through(Link::direct());
            world.source.put("after", "it").expect("writable");
            again.caught_up().await;
            again.stop().await;
            world.clock.sleep(SECOND).await;
        }
        let restored = world.restore().await;
        restored.map_err(|e| format!("afterwards: {}", e.chain()))?;
        if world.target.rows() != world.source.rows() {
            return Err("afterwards: other rows".into());
        }
        Ok(())
    }
}

fn is_snapshot(event: &ProtectEvent) -> bool {
    matches!(event, ProtectEvent::SnapshotDone { .. })
}

/// A text that does not compress, another one for every row.
fn noise(row: usize) -> String {
    let mut state = row as u64 + 1;
    let mut text = String::new();
    for _ in 0..16 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        text += &format!("{:08x}", state >> 32);
    }
    text
}

/// The process is gone at the end of its life, also when that is cut short.
struct Abandon(Option<Protection>);

impl Drop for Abandon {
    fn drop(&mut self) {
        if let Some(protection) = self.0.take() {
            protection.abandon();
        }
    }
}
