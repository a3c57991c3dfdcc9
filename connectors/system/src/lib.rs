//! This machine: its clock, its randomness and its disk.
//!
//! Layer 4. The only place where wall clock, random numbers and small files
//! come from outside tests; everything below asks for the ports.

mod clock;
mod disk;
mod error;
mod random;

pub use clock::SystemClock;
pub use disk::{FILE_BYTES_MAX, SystemDisk};
pub use random::SystemRandom;
