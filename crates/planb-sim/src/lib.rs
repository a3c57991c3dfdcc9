//! The whole world in one thread, under a seed.
//!
//! Layer 5, tests only. The real engine and the real decisions run over the
//! fakes of `planb-testkit` in virtual time. A seed decides everything that is
//! left to chance: when machines, networks and the control plane itself fail,
//! which messages are lost or come late, how wrong the clock is, what operators
//! do. While it runs, and at its end, [`watch`] holds what happened against the
//! safety rules. The same seed gives the same run, event by event.
//!
//! Deliberately absent: any decision. The simulator does to the engine what the
//! world does, and looks.

pub mod client;
pub mod control;
pub mod dice;
pub mod faults;
pub mod operator;
pub mod plan;
pub mod run;
pub mod scenario;
pub mod sweep;
pub mod watch;
pub mod world;

pub use run::{Broken, Options, Report, Stats, run};
pub use sweep::sweep;
