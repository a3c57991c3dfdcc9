//! Contract suites: what any implementation of a port must do, as tests that
//! run against it. They panic with what was expected and what was seen.

pub mod storage;
