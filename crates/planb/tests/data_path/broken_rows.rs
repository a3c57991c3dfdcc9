//! Rows that break the rules a server does not hold them to at all times: keys
//! that lead nowhere and JSON that is none, on real servers. Found by the drill,
//! told in both languages, and the point is not clean.

use crate::desk::{Desk, errors};
use crate::mariadb;
use crate::postgres::run;
use crate::postgres_home::Home;
use mysql_async::prelude::Queryable;
use planb_launch::mysql::{Mysql, MysqlOptions};
use planb_launch::postgres::{Postgres, PostgresOptions};

/// A snapshot, drilled.
fn drilled(desk: &Desk, database: &str) -> String {
    let backup = desk.json(&["backup", "--database", database]);
    let drills = desk.json(&["verify"]);
    assert_eq!(drills[0]["findings"]["passed"], true, "{drills}");
    backup["snapshot"].as_str().expect("an id").to_owned()
}

/// The newest snapshot is not clean, for these reasons; the one before is chosen.
fn not_clean(desk: &Desk, to: &str, good: &str, reasons: &[(&str, &str)]) {
    let points = desk.json(&["points"]);
    assert_eq!(points[0]["isClean"], false, "{points}");
    for (lang, korean) in [("en", false), ("ko", true)] {
        let output = desk.run(&[
            "restore",
            "--to",
            to,
            "--clean",
            "--dry-run",
            "--lang",
            lang,
        ]);
        let said = errors(&output);
        assert!(output.status.success(), "{said}");
        for (in_english, in_korean) in reasons {
            let reason = if korean { in_korean } else { in_english };
            assert!(said.contains(reason), "{reason}: {said}");
        }
    }
    let plan = desk.json(&["restore", "--to", to, "--clean", "--dry-run"]);
    assert_eq!(plan["plan"]["snapshot"], good, "{plan}");
}

const KEYS: (&str, &str) = (
    "rows whose foreign keys lead nowhere is 2",
    "외래 키가 가리키는 행이 없는 행 수 2",
);

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_json_on_mariadb() {
    let desk = Desk::new();
    let source = mariadb::server(&desk, "source", 1).await;
    let mut conn = mariadb::connect(&source).await;
    for sql in [
        "CREATE DATABASE shop CHARACTER SET utf8mb4",
        "CREATE TABLE shop.users (id INT PRIMARY KEY)",
        "CREATE TABLE shop.orders (id INT PRIMARY KEY, data JSON,
             user INT REFERENCES shop.users (id))",
        "INSERT INTO shop.users VALUES (1), (2)",
        "INSERT INTO shop.orders VALUES (1, '{\"a\": 1}', 1), (2, NULL, 2), (3, '[]', NULL)",
    ] {
        conn.query_drop(sql).await.expect("a statement");
    }
    let database = mariadb::url(&source);
    let good = drilled(&desk, &database);
    for sql in [
        "SET foreign_key_checks=0, check_constraint_checks=0",
        "INSERT INTO shop.orders VALUES (4, '{\"a\"', 9), (5, 'none', 8), (6, '{}', 1)",
    ] {
        conn.query_drop(sql).await.expect("a statement");
    }
    drilled(&desk, &database);
    let target = mariadb::server(&desk, "target", 2).await;
    let json = ("values that are no JSON is 2", "JSON이 아닌 값의 수 2");
    let to = mariadb::url(&target);
    not_clean(&desk, &to, &good, &[KEYS, json]);

    // Asked for, they come back as they were, and are told.
    let said = errors(&desk.run(&["restore", "--to", &to, "--lang", "ko"]));
    let told = "shop.orders: 2개 행이 외래 키 orders_ibfk_1에 어긋납니다";
    assert!(said.contains(told), "{said}");
    let restored = desk.json(&["restore", "--to", &to, "--replace"]);
    let broken = serde_json::json!([{"table": "shop.orders", "key": "orders_ibfk_1", "rows": 2}]);
    assert_eq!(restored["brokenKeys"], broken);
    // Where they are not looked at, that is not told as none.
    for verify in ["counts", "off"] {
        let again = ["restore", "--to", &to, "--replace", "--verify", verify];
        assert_eq!(desk.json(&again)["brokenKeys"], serde_json::Value::Null);
    }
    let again = ["restore", "--to", &to, "--replace", "--verify", "off"];
    let said = errors(&desk.run(&again));
    assert!(said.contains("foreign keys were not looked at"), "{said}");
    let mut copy = mariadb::connect(&target).await;
    for of in [&mut conn, &mut copy] {
        let sql = "SELECT GROUP_CONCAT(id, ':', IFNULL(user, '-'), IFNULL(data, '-') ORDER BY id) \
                   FROM shop.orders";
        let rows: Option<String> = of.query_first(sql).await.expect("asked");
        let rows = rows.expect("rows");
        assert_eq!(rows, "1:1{\"a\": 1},2:2-,3:-[],4:9{\"a\",5:8none,6:1{}");
    }
    let refused = copy.query_drop("INSERT INTO shop.orders VALUES (7, NULL, 9)");
    let refused = refused.await.expect_err("the key holds").to_string();
    assert!(refused.contains("foreign key"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_on_postgres() {
    let desk = Desk::new();
    let options = PostgresOptions::new(desk.path("source"));
    let source = Postgres::start(options).await.expect("a server");
    run(
        &source,
        "postgres",
        "CREATE TABLE users (id int PRIMARY KEY);
         CREATE TABLE orders (id int PRIMARY KEY, u int REFERENCES users);
         CREATE TABLE later (id int PRIMARY KEY, u int);
         INSERT INTO users VALUES (1), (2);
         INSERT INTO orders VALUES (1, 1), (2, 2), (3, NULL);
         INSERT INTO later VALUES (1, 77);
         ALTER TABLE later ADD FOREIGN KEY (u) REFERENCES users NOT VALID",
    );
    let port = source.port();
    let database = format!("postgresql://postgres@127.0.0.1:{port}/postgres");
    // One row broke the rule before it was one: that is usual here.
    let good = drilled(&desk, &database);
    assert_eq!(desk.json(&["points"])[0]["isClean"], true);
    run(
        &source,
        "postgres",
        "SET session_replication_role = replica;
         INSERT INTO orders VALUES (4, 9), (5, 8), (6, 1);
         INSERT INTO later VALUES (2, 78)",
    );
    drilled(&desk, &database);
    let home = Home::new(&desk, "target", &source);
    let to = home.url();
    let table = |table: &str, text: (&str, &str)| {
        let name = format!("postgres.public.{table}: ");
        (name.clone() + text.0, name + text.1)
    };
    let usual = ("usually 0.000 to 1.000", "평소 0.000~1.000");
    let orders = table("orders", KEYS);
    let reasons = [(&*orders.0, &*orders.1), usual];
    not_clean(&desk, &to, &good, &reasons);
}

/// By rows, into an empty server: the keys that cannot be added are `NOT VALID`
/// there, and what is said of them is said of those of the partitions.
#[tokio::test(flavor = "multi_thread")]
async fn keys_on_postgres_by_rows() {
    let desk = Desk::new();
    let mut servers = Vec::new();
    for name in ["source", "target"] {
        let options = PostgresOptions::new(desk.path(name));
        servers.push(Postgres::start(options).await.expect("a server"));
    }
    let (source, target) = (&servers[0], &servers[1]);
    run(source, "postgres", "CREATE DATABASE shop");
    run(
        source,
        "shop",
        "CREATE TABLE users (id int PRIMARY KEY);
         CREATE TABLE orders (id int PRIMARY KEY, u int REFERENCES users);
         CREATE TABLE days (u int REFERENCES users, day int) PARTITION BY RANGE (day);
         CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM (0) TO (10);
         COMMENT ON CONSTRAINT days_u_fkey ON days IS 'who';
         INSERT INTO users VALUES (1); INSERT INTO orders VALUES (1, 1);
         SET session_replication_role = replica;
         INSERT INTO orders VALUES (2, 9); INSERT INTO days VALUES (7, 1), (1, 2)",
    );
    let url = |server: &Postgres| {
        let port = server.port();
        format!("postgresql://postgres@127.0.0.1:{port}/shop?method=logical")
    };
    desk.json(&["backup", "--database", &url(source)]);
    let restored = desk.json(&["restore", "--to", &url(target)]);
    let broken = serde_json::json!([
        {"table": "shop.public.days_1", "key": "days_u_fkey", "rows": 1},
        {"table": "shop.public.orders", "key": "orders_u_fkey", "rows": 1},
    ]);
    assert_eq!(restored["brokenKeys"], broken, "{restored}");
    let rows = "SELECT string_agg(id || ':' || u, ' ' ORDER BY id) FROM orders";
    assert_eq!(run(target, "shop", rows), "1:1 2:9");
    let comment =
        "SELECT obj_description(oid) FROM pg_constraint WHERE conrelid = 'days_1'::regclass";
    assert_eq!(run(target, "shop", comment), "who");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_on_mysql() {
    let desk = Desk::new();
    let mut servers = Vec::new();
    for (name, id) in [("source", 1), ("target", 2)] {
        let options = MysqlOptions::new(desk.path(name), id);
        servers.push(Mysql::start(options).await.expect("a server"));
    }
    let url = |server: &Mysql| format!("mysql://root@127.0.0.1:{}/shop", server.port());
    let connect = async |server: &Mysql| {
        let root = format!("mysql://root@127.0.0.1:{}", server.port());
        mysql_async::Conn::from_url(&root)
            .await
            .expect("a connection")
    };
    let mut conn = connect(&servers[0]).await;
    for sql in [
        "CREATE DATABASE shop",
        "CREATE TABLE shop.users (id INT PRIMARY KEY)",
        "CREATE TABLE shop.orders (id INT PRIMARY KEY, user INT, FOREIGN KEY (user) REFERENCES shop.users (id))",
        "INSERT INTO shop.users VALUES (1)",
        "SET foreign_key_checks=0",
        "INSERT INTO shop.orders VALUES (1, 1), (2, 9), (3, 8), (4, NULL)",
    ] {
        conn.query_drop(sql).await.expect("a statement");
    }
    desk.json(&["backup", "--database", &url(&servers[0])]);
    let restored = desk.json(&["restore", "--to", &url(&servers[1])]);
    let broken = serde_json::json!([{"table": "shop.orders", "key": "orders_ibfk_1", "rows": 2}]);
    assert_eq!(restored["brokenKeys"], broken, "{restored}");
    let mut copy = connect(&servers[1]).await;
    let sql = "SELECT GROUP_CONCAT(id, ':', IFNULL(user, '-') ORDER BY id) FROM shop.orders";
    let rows: Option<String> = copy.query_first(sql).await.expect("asked");
    assert_eq!(rows.as_deref(), Some("1:1,2:9,3:8,4:-"));
    let refused = copy
        .query_drop("INSERT INTO shop.orders VALUES (7, 9)")
        .await;
    let refused = refused.expect_err("the key holds").to_string();
    assert!(refused.contains("foreign key"), "{refused}");
}
