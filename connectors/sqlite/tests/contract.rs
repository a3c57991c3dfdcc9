//! The database port over real SQLite files, which somebody else writes.

#[path = "contract/bench.rs"]
mod bench;
#[path = "contract/by_hand.rs"]
mod by_hand;
#[path = "contract/fencing.rs"]
mod fencing;
#[path = "contract/long.rs"]
mod long;
#[path = "contract/periodic.rs"]
mod periodic;
#[path = "contract/restoring.rs"]
mod restoring;
#[path = "contract/shipping.rs"]
mod shipping;
