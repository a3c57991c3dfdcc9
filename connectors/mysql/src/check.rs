//! Looks at everything protection or restore would need.
use crate::client::Client;
use planb_model::finding::Finding;
use planb_ports::Clock;
use planb_ports::database::DatabaseRole;
pub(crate) async fn run(_client: &Client, _clock: &dyn Clock, _role: DatabaseRole) -> Vec<Finding> {
    Vec::new()
}
