//! Every call to the storage, with every fault, in every operation: what was
//! acknowledged is never lost in silence, and no vault is left that cannot be
//! recovered.
//!
//! `cargo test -p planb-vault --test faults -- --nocapture` prints the counts.

#[path = "faults/operation.rs"]
mod operation;
#[path = "faults/prune.rs"]
mod prune;
#[path = "faults/table.rs"]
mod table;
mod world;

use operation::{Ended, Operation};
use planb_ports::ErrorKind;
use planb_testkit::{Fault, Incarnation, Link, Weather};
use table::Table;

/// Who waits for a lost answer does not wait: time does not pass by itself while
/// a thread decodes.
const IMPATIENT: Weather = Weather {
    timeout_ms: 0,
    ..Weather::CALM
};

/// Methods of the storage, and whether they write.
const METHODS: [(&str, bool); 8] = [
    ("create", true),
    ("upload", true),
    ("upload-write", true),
    ("upload-finish", true),
    ("read", false),
    ("read-chunk", false),
    ("list", false),
    ("delete", true),
];

/// Faults by their names in the table. Only what writes finds a disk full.
fn faults(writes: bool) -> Vec<(&'static str, Fault)> {
    let mut faults = vec![
        ("timeout", Fault::TimeoutBefore),
        ("lost ack", Fault::TimeoutAfter),
        ("503", Fault::Unavailable),
        ("torn", Fault::Torn),
        ("killed", Fault::CrashBefore),
        ("killed", Fault::CrashAfter),
    ];
    if writes {
        faults.push(("disk full", Fault::Fail(ErrorKind::NoSpace)));
    }
    faults
}

/// Runs `operation` once for every call it makes and every fault of it.
async fn matrix(operation: Operation) {
    let mut table = Table::new(operation.name(), operation.faults());
    let template = operation.prepare().await;
    for (method, writes) in METHODS {
        for (name, fault) in faults(writes) {
            for nth in 1.. {
                let link = Link::direct();
                link.set_weather(IMPATIENT);
                link.script(method, nth, fault.clone());
                let life = Incarnation::new();
                let stage = template.again();
                let ended = operation.run(&stage, link.of(&life), &life).await;
                if link.calls(method) < nth {
                    // The fault had no call to meet: this was the run without faults.
                    assert!(matches!(ended, Ended::Well), "{method} {nth}: {ended:?}");
                    break;
                }
                let place = format!("{method} {nth}, {fault:?}");
                // A listing that lost its newest objects is a late one.
                let name = match (method, &fault) {
                    ("list", Fault::Torn) => "stale list",
                    _ => name,
                };
                table.count(name, &ended);
                let found = operation.judge(&stage, &ended).await;
                table.found(&place, found);
            }
        }
    }
    if operation == Operation::Restore {
        // What was read badly is read again.
        table.all_went_on("torn");
    }
    table.finish();
}

#[tokio::test(start_paused = true)]
async fn backup_survives_every_fault() {
    matrix(Operation::Backup).await;
}

#[tokio::test(start_paused = true)]
async fn stream_survives_every_fault() {
    matrix(Operation::Stream).await;
}

// In real time: a dead process leaves threads that wait for input, and virtual
// time stands still while there are any.
#[tokio::test]
async fn restore_survives_every_fault() {
    matrix(Operation::Restore).await;
}

#[tokio::test(start_paused = true)]
async fn prune_survives_every_fault() {
    matrix(Operation::Prune).await;
}

#[tokio::test(start_paused = true)]
async fn folding_survives_every_fault() {
    matrix(Operation::Fold).await;
}
