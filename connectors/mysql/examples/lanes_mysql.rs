//! Measures the apply of row changes over one connection and over several, on
//! the same log into the same copy, on MySQL.
//!
//! ```sh
//! cargo run --release -p planb-connector-mysql --example lanes_mysql -- 300000 3
//! ```
//!
//! The first number is how many rows are changed, over eight tables, the second
//! how often each way is measured, in turn. Prints one line of JSON for each
//! number of connections.

/// What is measured.
const ENGINE: planb_model::recovery::Engine = planb_model::recovery::Engine::Mysql;

#[path = "lanes/measure.rs"]
mod measure;
#[expect(
    dead_code,
    unused_macros,
    unused_imports,
    reason = "shared with the contract tests"
)]
#[path = "../tests/contract/support.rs"]
mod support;

#[tokio::main]
async fn main() {
    measure::run().await;
}
