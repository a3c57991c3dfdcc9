//! Contract suites: what every implementation of a port has to pass.
//!
//! Behind the feature `contract`, for the tests of implementations. A suite is
//! a list of cases; a case panics with the reason when the contract is broken.

pub mod sink;
pub mod storage;
pub mod store;
