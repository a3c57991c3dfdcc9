//! Acting: durable runbooks and the reconcilers that keep protection up.
//!
//! Layer 3. Everything goes through ports: there is no vendor, no clock, no
//! randomness and no environment here. Two ways of acting, never mixed:
//! *runbooks* (`runner`, `actions`) move a service under a new epoch, step by
//! step through a journal; *reconcilers* (`reconcile`) compare what is with what
//! should be, again and again, and may be dropped at any moment.

mod actions;
pub mod crash;
pub mod error;
mod journal;
pub mod ports;
mod reconcile;
mod runner;
pub mod service;
mod shared;
pub mod signal;
mod time;

pub use crash::{CrashPoint, CrashPoints, NoCrash, Side};
pub use error::EngineError;
pub use ports::{ObserverPorts, ServicePorts, SitePorts};
pub use service::{Approval, Service};
