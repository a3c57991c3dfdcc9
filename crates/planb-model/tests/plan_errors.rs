//! What bad plans say, in both languages: one file per case in `bad-plans`,
//! rewritten by `UPDATE_EXPECT=1 cargo test`.

#![expect(clippy::unwrap_used, reason = "tests")]

use expect_test::expect_file;
use planb_model::Lang;
use planb_model::plan::parse;

const GOOD: &str = include_str!("good-plan.yaml");
/// Stands for every secret in these plans; it must never be shown.
const SECRET: &str = "hunter2";

/// Checks what the good plan says after `edits`.
#[track_caller]
fn edited(name: &str, edits: &[(&str, &str)]) {
    let mut text = GOOD.to_owned();
    for (from, to) in edits {
        assert!(text.contains(from), "{name}: nothing to edit: {from}");
        text = text.replacen(from, to, 1);
    }
    whole(name, &text);
}

/// Checks what `text` says.
#[track_caller]
fn whole(name: &str, text: &str) {
    let errors = parse(text, "planb.yaml").unwrap_err();
    let shown = format!("{}\n{}", errors.render(Lang::En), errors.render(Lang::Ko));
    let json = serde_json::to_string(&errors).unwrap();
    for output in [&shown, &json, &format!("{errors:?}"), &errors.to_string()] {
        assert!(!output.contains(SECRET), "{name} shows a secret: {output}");
    }
    assert!(!shown.contains("PB-PLAN-SHAPE"), "{name}: {shown}");
    expect_file![format!("bad-plans/{name}.txt")].assert_eq(&shown);
}

#[test]
fn the_good_plan_is_good() {
    let plans = parse(GOOD, "planb.yaml").unwrap_or_else(|e| panic!("{}", e.render(Lang::En)));
    assert_eq!(plans.len(), 1);
}

#[test]
fn text_that_is_no_plan() {
    whole("empty", "");
    whole("only-comments", "# nothing\n---\n");
    whole("a-list", "- a\n- b\n");
    whole("a-text", "hello\n");
    whole("tab", "apiVersion: planb.dev/v1\nspec:\n\tgrade: 2\n");
    whole("open-bracket", "spec: [1,\nkind: Service\n");
    whole("open-quote", "kind: 'Service\n");
    whole("two-colons", "kind: a: b\n");
    whole("unknown-alias", "kind: *service\n");
    whole("merge-key", "a: &a { x: 1 }\nb:\n  <<: *a\n");
    whole("complex-key", "? [a]\n: b\n");
    whole(
        "other-kind",
        "apiVersion: v1\nkind: Deployment\nmetadata: { name: x }\nspec: {}\n",
    );
    whole("crlf", "apiVersion: planb.dev/v1\r\nkind: 3\r\n");
    whole("byte-order-mark", "\u{feff}kind: 3\n");
}

#[test]
fn files_that_are_too_much() {
    whole("too-large", &"# x\n".repeat(300_000));
    whole("too-many-documents", &"a: 1\n---\n".repeat(65));
    whole(
        "too-deep",
        &format!("a: {}{}", "[".repeat(60), "]".repeat(60)),
    );
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..9 {
        let before = format!("*a{}, ", i - 1).repeat(8);
        bomb.push_str(&format!("a{i}: &a{i} [{before}]\n"));
    }
    whole("alias-bomb", &bomb);
    let many: String = (0..80).map(|i| format!("field{i}: 1\n")).collect();
    whole("many-problems", &many);
}

#[test]
fn fields() {
    edited(
        "unknown-field",
        &[("      health: http://10.0", "      helth: http://10.0")],
    );
    edited(
        "unknown-field-far",
        &[("  grade: 2", "  grade: 2\n  colour: blue")],
    );
    edited(
        "snake-case",
        &[("vault:", "snapshot_interval: 1h\n    vault:")],
    );
    edited(
        "missing-fields",
        &[
            ("  objectives: { rto: 15m, rpo: 5m }\n", ""),
            ("  grade: 2\n", ""),
        ],
    );
    edited("missing-in-flow", &[("rto: 15m, ", "")]);
    edited(
        "duplicate-field",
        &[("  grade: 2", "  grade: 2\n  grade: 3")],
    );
    edited(
        "korean-field",
        &[("  grade: 2", "  grade: 2\n  등급: 일반")],
    );
    edited("three-sites", &[("  data:", "    - {}\n  data:")]);
}

#[test]
fn values() {
    edited("number-for-duration", &[("rto: 15m", "rto: 15")]);
    edited(
        "bad-duration",
        &[("rto: 15m", "rto: 15 minutes"), ("rpo: 5m", "rpo: 1.5h")],
    );
    edited(
        "bad-size",
        &[("vault:", "flush: { size: 1 megabyte }\n    vault:")],
    );
    edited(
        "no-truth-value",
        &[("vault:", "verification: { enabled: \"yes\" }\n    vault:")],
    );
    edited("bad-grade", &[("grade: 2", "grade: 5")]);
    edited("text-for-grade", &[("grade: 2", "grade: two")]);
    edited("bad-role", &[("role: standby", "role: stand-by")]);
    edited(
        "bad-strategy",
        &[("  grade: 2", "  grade: 2\n  strategy: active-active")],
    );
    edited("bad-name", &[("name: orders", "name: Orders_1")]);
    edited(
        "number-for-text",
        &[("--listen, \"127.0.0.1:8081\"", "--port, 8081")],
    );
    edited(
        "map-for-list",
        &[(
            "command: [./orders, --listen, \"127.0.0.1:8081\"]",
            "command: ./orders",
        )],
    );
    edited(
        "null-for-map",
        &[(
            "traffic: { edge: { listen: \"127.0.0.1:8080\" } }",
            "traffic:",
        )],
    );
}

#[test]
fn addresses() {
    edited(
        "bad-database-url",
        &[(
            "mariadb://planb@10.0.31.10/orders",
            "postgres://planb@10.0.31.10/orders",
        )],
    );
    edited(
        "bad-health-url",
        &[("http://10.0.11.10:8080/healthz", "10.0.11.10:8080/healthz")],
    );
    edited(
        "origin-with-path",
        &[(
            "origin: http://10.0.11.10:8080",
            "origin: http://10.0.11.10:8080/app",
        )],
    );
    edited(
        "bad-listen",
        &[("listen: \"127.0.0.1:8080\"", "listen: 8080")],
    );
    edited("bad-vault", &[("az://backups/planb", "backups/planb")]);
    edited(
        "bad-recipient",
        &[(
            "az://backups/planb\"",
            "az://backups/planb\", encryption: { recipients: [age1xyz], identity: { env: ID } }",
        )],
    );
    edited(
        "no-identity",
        &[(
            "az://backups/planb\"",
            "az://backups/planb\", encryption: { recipients: [] }",
        )],
    );
    edited(
        "bad-signer",
        &[(
            "az://backups/planb\"",
            "az://backups/planb\", signing: { key: { env: SIGNING }, trusted: [MCowBQ] }",
        )],
    );
    edited(
        "no-trusted-signer",
        &[(
            "az://backups/planb\"",
            "az://backups/planb\", signing: { key: { env: SIGNING }, trusted: [] }",
        )],
    );
    edited(
        "no-signing-key",
        &[("az://backups/planb\"", "az://backups/planb\", signing: {}")],
    );
    edited(
        "bad-probe",
        &[(
            "  traffic:",
            "  health: { observers: [ { name: o1, probes: [ping] } ] }\n  traffic:",
        )],
    );
    edited("bad-variable", &[("LEVEL: info", "LOG-LEVEL: info")]);
    edited(
        "long-line",
        &[(
            "LEVEL: info",
            &format!("LEVEL: \"{}\", wrong-name: x", "long ".repeat(60)),
        )],
    );
}

#[test]
fn secrets_are_refused_and_never_shown() {
    edited("inline-password", &[("{ env: SEOUL_DB_PASSWORD }", SECRET)]);
    edited(
        "inline-password-block",
        &[(
            "{ env: SEOUL_DB_PASSWORD }",
            &format!("|\n          {SECRET}\n          {SECRET}"),
        )],
    );
    edited(
        "misspelt-password",
        &[(
            "password: { env: SEOUL_DB_PASSWORD }",
            &format!("pasword: {SECRET}"),
        )],
    );
    edited(
        "password-in-url",
        &[("planb@10.0.31.10", &format!("planb:{SECRET}@10.0.31.10"))],
    );
    edited(
        "password-in-health-url",
        &[(
            "http://10.0.11.10:8080/healthz",
            &format!("http://u:{SECRET}@10.0.11.10/"),
        )],
    );
    edited(
        "signature-in-vault",
        &[(
            "az://backups/planb",
            &format!("az://backups/planb?sv=1&sig={SECRET}"),
        )],
    );
    edited(
        "secret-as-variable-name",
        &[("env: SEOUL_DB_PASSWORD", &format!("env: \"{SECRET}!\""))],
    );
    edited(
        "secret-by-two-ways",
        &[("env: SEOUL_DB_PASSWORD", "env: A, file: /b")],
    );
    edited("secret-by-no-way", &[("{ env: SEOUL_DB_PASSWORD }", "{}")]);
    edited(
        "secret-in-env",
        &[("LEVEL: info", &format!("DB_PASSWORD: {SECRET}"))],
    );
}

#[test]
fn secrets_in_disguise_are_refused_and_never_shown() {
    edited(
        "secret-in-options",
        &[(
            "secretOptions: { azure_storage_account_key: { env: KEY } }",
            &format!("options: {{ azure_storage_account_key: {SECRET} }}"),
        )],
    );
    edited("secret-in-secret-options", &[("{ env: KEY }", SECRET)]);
    edited(
        "secret-in-arguments",
        &[("--listen", &format!("--db-password={SECRET}"))],
    );
    edited(
        "private-key-as-recipient",
        &[(
            "az://backups/planb\"",
            &format!(
                "az://backups/planb\", encryption: {{ recipients: [AGE-SECRET-KEY-1{SECRET}], identity: {{ env: ID }} }}"
            ),
        )],
    );
    edited(
        "private-key-as-signer",
        &[(
            "az://backups/planb\"",
            &format!(
                "az://backups/planb\", signing: {{ key: {{ env: ID }}, trusted: [MC4CAQAwBQYDK2VwBCIEI{SECRET}] }}"
            ),
        )],
    );
    edited(
        "signing-key-written-out",
        &[(
            "az://backups/planb\"",
            &format!(
                "az://backups/planb\", signing: {{ key: MC4CAQAwBQYDK2VwBCIEI{SECRET}, trusted: [a] }}"
            ),
        )],
    );
    edited(
        "secret-on-the-line-of-another-error",
        &[(
            "start: {",
            &format!("start: {{ password: {SECRET}, timeout: 3,"),
        )],
    );
    edited(
        "secret-through-an-alias",
        &[
            (
                "metadata: { name: orders }",
                &format!("metadata: {{ name: orders, note: &note {SECRET} }}"),
            ),
            ("{ env: SEOUL_DB_PASSWORD }", "*note"),
        ],
    );
    whole(
        "secret-in-broken-yaml",
        &format!("database:\n  password: {SECRET}: x\n"),
    );
    whole(
        "secret-in-broken-flow",
        &format!("database: {{ password: {SECRET}, url: [\n"),
    );
}

#[test]
fn sites_that_do_not_fit() {
    edited("two-primaries", &[("role: standby", "role: primary")]);
    edited(
        "same-site-twice",
        &[
            ("name: busan", "name: seoul"),
            ("planb@10.1.31.10", "planb@10.0.31.10"),
            (
                "http://10.1.11.10:8080/healthz",
                "http://10.0.11.10:8080/healthz",
            ),
            (
                "origin: http://10.1.11.10:8080",
                "origin: http://10.0.11.10:8080",
            ),
        ],
    );
    edited(
        "two-engines",
        &[("mariadb://planb@10.1", "mysql://planb@10.1")],
    );
    edited(
        "different-databases",
        &[("10.1.31.10/orders", "10.1.31.10/order")],
    );
    edited("no-database-named", &[("10.1.31.10/orders", "10.1.31.10")]);
    edited(
        "sqlite-with-password",
        &[
            ("mariadb://planb@10.0.31.10/orders", "sqlite:/srv/a.db"),
            ("mariadb://planb@10.1.31.10/orders", "sqlite:/srv/b.db"),
        ],
    );
    edited(
        "start-and-observe",
        &[("observe: {}", "observe: {}, start: { command: [./orders] }")],
    );
    edited(
        "neither-start-nor-observe",
        &[("observe: {}", "stopGrace: 5s")],
    );
    edited(
        "stop-beside-observe",
        &[("observe: {}", "observe: {}, stop: { command: [x] }")],
    );
    edited(
        "empty-command",
        &[("[./orders, --listen, \"127.0.0.1:8081\"]", "[\"\"]")],
    );
}

#[test]
fn parts_that_do_not_fit() {
    edited(
        "quorum-too-large",
        &[(
            "  traffic:",
            "  health: { observers: [ { name: o1 }, { name: o2 } ] }\n  traffic:",
        )],
    );
    edited(
        "shed-after-promote",
        &[(
            "  traffic:",
            "  health: { shedQuorum: 5, promoteQuorum: 4 }\n  traffic:",
        )],
    );
    edited(
        "timeout-too-long",
        &[("  traffic:", "  health: { timeout: 1s }\n  traffic:")],
    );
    edited(
        "same-observer-twice",
        &[(
            "  traffic:",
            "  health: { shedQuorum: 1, promoteQuorum: 2, observers: [ { name: o1 }, { name: o1, probes: [http, http] } ] }\n  traffic:",
        )],
    );
    edited("rto-shorter-than-detection", &[("rto: 15m", "rto: 5s")]);
    edited("rpo-shorter-than-flush", &[("rpo: 5m", "rpo: 500ms")]);
    edited(
        "out-of-range",
        &[
            (
                "vault:",
                "flush: { interval: 2h, size: 1B }\n    canaryInterval: 1ms\n    vault:",
            ),
            ("edge: {", "retryAfter: 1500ms, edge: {"),
        ],
    );
    edited(
        "edge-twice",
        &[(
            "listen: \"127.0.0.1:8080\"",
            "listen: \"127.0.0.1:8080\", admin: http://a, public: http://b",
        )],
    );
    edited(
        "edge-half",
        &[("listen: \"127.0.0.1:8080\"", "admin: http://a")],
    );
    edited(
        "option-twice",
        &[
            (
                "secretOptions",
                "options: { azure_storage_account_name: a }, secretOptions",
            ),
            ("azure_storage_account_key", "azure_storage_account_name"),
        ],
    );
    whole("same-name-twice", &format!("{GOOD}---\n{GOOD}"));
    let broken = GOOD
        .replace("grade: 2", "grade: 9")
        .replace("name: orders", "name: other");
    let second = GOOD.replace("role: standby", "role: primary");
    whole("two-documents", &format!("{broken}---\n{second}"));
}
