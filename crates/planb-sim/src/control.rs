//! Lives and deaths of the control plane's process.

use crate::world::World;
use planb_engine::Service;
use planb_ports::Clock;
use planb_testkit::Incarnation;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How often a dead process is noticed, in milliseconds.
const NOTICE_MS: u64 = 50;
/// Longest time for a stop in good order, in milliseconds; then it is killed.
const STOP_MS_MAX: u64 = 20_000;

/// How long a replaced process goes on before it notices, in milliseconds.
const ZOMBIE_MS: u64 = 3_000;

/// One life of the process.
#[derive(Clone)]
pub struct Life {
    /// Its crash gate.
    pub incarnation: Incarnation,
    /// The engine in it.
    pub service: Arc<Service>,
    stop: CancellationToken,
    task: Rc<JoinHandle<()>>,
}

/// The control plane's process; one life at a time, but for a replaced one.
pub struct Control {
    world: Rc<World>,
    life: RefCell<Option<Life>>,
    lives: Cell<u64>,
    /// Faults that keep it from running; it starts when the last one ends.
    held: Cell<u32>,
}

impl Control {
    /// A control plane that does not run yet.
    pub fn new(world: Rc<World>) -> Self {
        Self {
            world,
            life: RefCell::new(None),
            lives: Cell::new(0),
            held: Cell::new(0),
        }
    }

    /// Starts the process, when it does not run and nothing holds it.
    pub fn start(&self) {
        let runs = self.service().is_some_and(|l| !l.task.is_finished());
        if self.held.get() > 0 || runs {
            return;
        }
        self.lives.set(self.lives.get() + 1);
        self.world
            .trace
            .record("control", &format!("life {} starts", self.lives.get()));
        let incarnation = Incarnation::new();
        let service = Service::new(self.world.ports(&incarnation, self.lives.get()));
        let stop = CancellationToken::new();
        let (running, stopping) = (service.clone(), stop.clone());
        let trace = self.world.trace.clone();
        let task = tokio::spawn(async move {
            let result = running.run(stopping).await;
            trace.record("control", &format!("the engine ended: {result:?}"));
        });
        *self.life.borrow_mut() = Some(Life {
            incarnation,
            service,
            stop,
            task: Rc::new(task),
        });
    }

    /// The engine, while its process lives.
    pub fn service(&self) -> Option<Life> {
        let life = self.life.borrow();
        life.clone().filter(|l| !l.incarnation.is_dead())
    }

    /// Number of lives so far.
    pub fn lives(&self) -> u64 {
        self.lives.get()
    }

    /// Kills the process; another one starts after `down`.
    pub async fn crash(&self, down: Duration) {
        self.kill();
        self.hold(down).await;
    }

    /// Freezes the process for `lasts`. When it is `replaced`, another one starts
    /// at once, and the frozen one goes on for a moment before it is killed.
    pub async fn freeze(&self, lasts: Duration, replaced: bool) {
        let Some(life) = self.service() else {
            return;
        };
        self.world.trace.record("control", "freezes");
        life.incarnation.freeze();
        if replaced {
            *self.life.borrow_mut() = None;
            self.start();
        }
        self.world.clock.sleep(lasts).await;
        self.world.trace.record("control", "thaws");
        life.incarnation.thaw();
        if replaced {
            let moment = Duration::from_millis(ZOMBIE_MS);
            self.world.clock.sleep(moment).await;
            self.world.trace.record("control", "the replaced one dies");
            life.incarnation.crash();
            life.task.abort();
        }
    }

    /// Stops the process in good order; another one starts after `down`.
    pub async fn stop(&self, world: &World, down: Duration) {
        let Some(life) = self.service() else {
            return self.hold(down).await;
        };
        world.trace.record("control", "stops in good order");
        life.stop.cancel();
        let give_up_at = world.clock.monotonic() + Duration::from_millis(STOP_MS_MAX);
        while !life.task.is_finished() && world.clock.monotonic() < give_up_at {
            world.clock.sleep(Duration::from_millis(NOTICE_MS)).await;
        }
        if !life.task.is_finished() {
            world.trace.record("control", "did not stop in time");
        }
        life.incarnation.crash();
        life.task.abort();
        self.hold(down).await;
    }

    /// Waits until a scripted crash has killed the process, for as long as one
    /// may take, and starts another one after `down`.
    pub async fn restart_once_dead(&self, world: &World, down: Duration) {
        let give_up_at = world.clock.monotonic() + Duration::from_millis(STOP_MS_MAX);
        while self.service().is_some() && world.clock.monotonic() < give_up_at {
            world.clock.sleep(Duration::from_millis(NOTICE_MS)).await;
        }
        self.crash(down).await;
    }

    fn kill(&self) {
        if let Some(life) = self.service() {
            self.world.trace.record("control", "dies");
            life.incarnation.crash();
        }
        // Dropped like the memory of a dead process.
        if let Some(life) = self.life.borrow_mut().take() {
            life.task.abort();
        }
    }

    async fn hold(&self, down: Duration) {
        self.held.set(self.held.get() + 1);
        self.world.clock.sleep(down).await;
        self.held.set(self.held.get() - 1);
        self.start();
    }
}
