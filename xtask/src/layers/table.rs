//! The one place that says which crate is in which layer.

/// Where a crate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// In the product, at a layer.
    Layer(u8),
    /// Only for tests, at a layer. The product never depends on it.
    TestOnly(u8),
    /// A tool of the project, outside the layers: it depends on none of our
    /// crates and none depends on it.
    Tool,
}

/// One crate and its place.
#[derive(Debug)]
pub struct Room {
    pub name: &'static str,
    pub kind: Kind,
    /// What lives there, for ARCHITECTURE.md.
    pub what: &'static str,
}

const fn room(name: &'static str, kind: Kind, what: &'static str) -> Room {
    Room { name, kind, what }
}

/// Every crate of the workspace.
pub const ROOMS: &[Room] = &[
    room(
        "planb-model",
        Kind::Layer(0),
        "identifiers, plan file, runbooks, journal entries, vault documents: parsed once, then trusted",
    ),
    room(
        "planb-decide",
        Kind::Layer(1),
        "pure decisions: health, planning, checking, folding a journal",
    ),
    room(
        "planb-assess",
        Kind::Layer(1),
        "assessment methods: rules as data, answers as files, reports that explain themselves",
    ),
    room(
        "planb-audit",
        Kind::Layer(1),
        "the audit log: a Merkle tree of what the store recorded, with signed checkpoints",
    ),
    room(
        "planb-ports",
        Kind::Layer(2),
        "what PlanB needs of the world, one trait per file, and the error they share",
    ),
    room(
        "planb-engine",
        Kind::Layer(3),
        "durable runbooks and the reconcilers",
    ),
    room(
        "planb-vault",
        Kind::Layer(3),
        "the backup repository: snapshots, log chains, restore",
    ),
    room(
        "planb-edge",
        Kind::Layer(3),
        "the embedded L7 edge and its maintenance page",
    ),
    room(
        "planb-connector-mysql",
        Kind::Layer(4),
        "MySQL and MariaDB as source and target",
    ),
    room(
        "planb-connector-postgres",
        Kind::Layer(4),
        "PostgreSQL as source and target",
    ),
    room(
        "planb-connector-sqlite",
        Kind::Layer(4),
        "SQLite as source and target",
    ),
    room(
        "planb-connector-object-store",
        Kind::Layer(4),
        "vault storage: local disk, Azure Blob, S3, GCS",
    ),
    room(
        "planb-connector-process",
        Kind::Layer(4),
        "workloads started and stopped by command",
    ),
    room(
        "planb-connector-probe",
        Kind::Layer(4),
        "HTTP, TCP and SQL probes",
    ),
    room(
        "planb-connector-system",
        Kind::Layer(4),
        "clock, randomness and disk of this machine",
    ),
    room(
        "planb-store-sqlite",
        Kind::Layer(4),
        "durable state: epochs and journals in SQLite",
    ),
    room(
        "planb-launch",
        Kind::Layer(4),
        "starts real database and object storage servers for the demo and for tests",
    ),
    room(
        "planb-server",
        Kind::Layer(5),
        "wiring, HTTP API, status page, the report of a measured run",
    ),
    room(
        "planb",
        Kind::Layer(5),
        "the command: one file per verb, and the demo",
    ),
    room(
        "planb-testkit",
        Kind::TestOnly(4),
        "fakes of the ports, with faults to switch on",
    ),
    room(
        "planb-sim",
        Kind::TestOnly(5),
        "the seeded simulator of the whole world",
    ),
    room("xtask", Kind::Tool, "these tasks"),
];

/// Dependencies that go sideways on purpose: from, to, reason.
pub const EXCEPTIONS: &[(&str, &str, &str)] = &[(
    "planb",
    "planb-server",
    "the command is the only program there is: `planb up` runs the server in its own process",
)];

/// Adapters (layer 4) depend on nothing above this: they hold no decisions and
/// meet the acting crates only through ports.
pub const ADAPTERS_SEE_UP_TO: u8 = 2;

/// Crates of others that lower layers must not have, up to and including the layer named.
pub const WALLS: &[(u8, &[&str], &str)] = &[
    (
        1,
        &["tokio", "async-trait", "futures", "rand"],
        "model and decisions are plain functions: no async, no randomness",
    ),
    (
        3,
        &[
            "mysql_async",
            "mysql_common",
            "nix",
            "object_store",
            "postgres-protocol",
            "reqwest",
            "rusqlite",
        ],
        "vendors and the operating system are behind ports, in layer 4",
    ),
];

/// The table as ARCHITECTURE.md shows it.
pub fn markdown() -> String {
    let mut text = String::from("| layer | crate | what lives there |\n|---|---|---|\n");
    for room in ROOMS {
        let layer = match room.kind {
            Kind::Layer(n) => n.to_string(),
            Kind::TestOnly(n) => format!("{n}, tests only"),
            Kind::Tool => "tool".to_owned(),
        };
        text.push_str(&format!("| {layer} | `{}` | {} |\n", room.name, room.what));
    }
    text.push_str("\nSideways on purpose:\n\n");
    for (from, to, reason) in EXCEPTIONS {
        text.push_str(&format!("- `{from}` → `{to}`: {reason}.\n"));
    }
    text
}
