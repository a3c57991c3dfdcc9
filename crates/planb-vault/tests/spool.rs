//! The local spool: a slow vault stops nobody, and nothing is lost by waiting.

#[path = "spool/crash.rs"]
mod crash;
#[path = "spool/fence.rs"]
mod fence;
#[path = "spool/full.rs"]
mod full;
#[path = "spool/seeds.rs"]
mod seeds;
#[path = "spool/stage.rs"]
mod stage;
#[path = "spool/waiting.rs"]
mod waiting;
mod world;
