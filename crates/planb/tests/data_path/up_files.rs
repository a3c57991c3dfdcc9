//! `planb up` over servers whose files may be replaced: its snapshots are of files,
//! and what a killed control plane left is gone on with.

use crate::common::{self, Up};
use crate::desk::Desk;
use crate::files::{Replaceable, mariadb};
use serde_json::Value;

const TABLE: &[&str] = &[
    "CREATE DATABASE shop CHARACTER SET utf8mb4",
    "CREATE TABLE shop.orders (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(80))",
    "INSERT INTO shop.orders (note) SELECT CONCAT('주문 ', seq) FROM shop.seq_1_to_500",
];

/// A plan of two sites; nobody looks at their workloads.
fn plan(desk: &Desk, sites: [&Replaceable; 2]) {
    let mut text = String::new();
    for (site, (name, role)) in sites.iter().zip([("one", "primary"), ("two", "standby")]) {
        let nobody = common::free_port();
        text.push_str(&format!(
            "    - name: {name}\n      role: {role}\n      database: {{ url: \"{}\" }}\n      \
             workload: {{ observe: {{}} }}\n      health: http://127.0.0.1:{nobody}/\n      \
             origin: http://127.0.0.1:{nobody}\n",
            site.url
        ));
    }
    let plan = format!(
        "apiVersion: planb.dev/v1\nkind: Service\nmetadata: {{ name: orders }}\nspec:\n  \
         grade: 2\n  objectives: {{ rto: 15m, rpo: 5m }}\n  strategy: pilot-light\n  sites:\n{text}  \
         data:\n    vault: {{ url: \"file://{}\" }}\n    snapshotInterval: 1h\n  \
         traffic:\n    edge: {{ listen: \"127.0.0.1:{}\" }}\n  failover: {{ mode: manual }}\n",
        desk.path("vault").display(),
        common::free_port()
    );
    std::fs::write(desk.path("planb.yaml"), plan).expect("a plan");
}

/// The points of the service, newest first.
fn points(desk: &Desk) -> Vec<Value> {
    let output = desk.run(&["points", "--service", "orders", "--json"]);
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

fn protection(desk: &Desk) -> Option<Value> {
    let output = desk.run(&["status", "--json"]);
    let all: Value = serde_json::from_slice(&output.stdout).ok()?;
    Some(all.get(0)?["protection"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_are_of_files_and_go_on_after_a_kill() {
    let desk = Desk::new();
    let one = Replaceable::of(mariadb(&desk, "one", 1).await, &desk, "one");
    let two = Replaceable::of(mariadb(&desk, "two", 2).await, &desk, "two");
    one.server.run(TABLE).await;
    plan(&desk, [&one, &two]);
    let start = || Up {
        child: desk.start(&["up", "--listen", "127.0.0.1:0"], "up.log"),
    };
    let mut up = start();
    let first = desk.wait("a snapshot", "up.log", || points(&desk).into_iter().next());
    // One of rows would name its tables.
    assert_eq!(first["snapshot"]["facts"]["tables"], 0, "{first}");
    up.child.kill().expect("killed");
    up.child.wait().expect("reaped");
    one.server
        .run(&["INSERT INTO shop.orders (note) VALUES ('behind the kill')"])
        .await;

    let up = start();
    let now = desk.wait("protection", "up.log", || {
        protection(&desk).filter(|now| now["state"] == "protected" && now["rpoSecs"].is_number())
    });
    assert!(now["vaultError"].is_null(), "{now}");
    assert_eq!(up.stop(), Some(0), "{}", desk.said("up.log"));
    let there = ["--to", &two.url, "--replace"];
    let restored = desk.json(&[&["restore", "--service", "orders"], &there[..]].concat());
    assert_eq!(restored["snapshot"], first["snapshot"]["id"], "{restored}");
    let notes = two.server.count("SELECT COUNT(*) FROM shop.orders").await;
    assert_eq!(notes, 501);
}
