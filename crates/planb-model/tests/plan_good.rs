//! Plans that are read: the templates, defaults, several services, reviews.

use expect_test::expect;
use planb_model::plan::{
    CommandLine, DatabaseAddress, EdgeSettings, ServicePlan, Workload, parse, review, template,
};
use planb_model::{Lang, SecretRef};
use proptest::prelude::*;
use std::time::Duration;

const GOOD: &str = include_str!("good-plan.yaml");

#[track_caller]
fn plans(text: &str) -> Vec<ServicePlan> {
    parse(text, "planb.yaml").unwrap_or_else(|e| panic!("{}", e.render(Lang::En)))
}

/// The lines of a template without their comments.
fn data(text: &str) -> Vec<String> {
    let lines = text
        .lines()
        .map(|l| l.split('#').next().unwrap_or_default().trim_end());
    lines.filter(|l| !l.is_empty()).map(str::to_owned).collect()
}

#[test]
fn both_templates_are_plans_and_say_the_same() {
    assert_eq!(plans(template(Lang::En)), plans(template(Lang::Ko)));
    assert_eq!(data(template(Lang::En)), data(template(Lang::Ko)));
}

#[test]
fn what_is_commented_out_in_the_templates_is_right_too() {
    for lang in [Lang::En, Lang::Ko] {
        let text = template(lang)
            .replace("# databases: [orders, audit]", "databases: [orders]")
            .replace("# env: {", "env: {");
        // The alternatives take the place of what stands above them.
        let observed = text.replacen("        start:\n          command: [/srv/orders/orders, --listen, \"10.0.11.10:8080\"]\n          directory: /srv/orders\n", "", 1);
        let mut lines: Vec<String> = observed.lines().map(str::to_owned).collect();
        let from = lines.iter().position(|l| l.contains("# observe:")).unwrap();
        let first: Vec<usize> = (0..from)
            .filter(|i| {
                ["log: /var/log/orders.log", "stopGrace: 10s", "env: { LOG"]
                    .iter()
                    .any(|t| lines[*i].contains(t))
            })
            .collect();
        for i in first {
            lines[i].clear();
        }
        for line in &mut lines[from..from + 5] {
            *line = line.replacen("# ", "", 1);
        }
        let plan = plans(&lines.join("\n")).remove(0);
        assert!(
            matches!(
                plan.primary.workload,
                Workload::Observed { fence: Some(_), .. }
            ),
            "{lang:?}"
        );
    }
}

#[test]
fn what_is_left_out_has_the_documented_defaults() {
    let plan = plans(GOOD).remove(0);
    assert_eq!(plan.data.flush_interval, Duration::from_secs(1));
    assert_eq!(plan.data.flush_bytes, 1 << 20);
    assert_eq!(plan.health.interval, Duration::from_secs(1));
    assert_eq!((plan.health.failures, plan.health.recoveries), (5, 3));
    assert_eq!(
        (plan.health.shed_quorum, plan.health.promote_quorum),
        (3, 4)
    );
    assert_eq!(plan.health.observers.len(), 5);
    let explicit = GOOD.replace("  traffic:", "  strategy: pilot-light\n  failover: { mode: approve }\n  health: { interval: 1s, timeout: 800ms, failures: 5, recoveries: 3, shedQuorum: 3, promoteQuorum: 4 }\n  traffic:");
    assert_eq!(plans(&explicit), [plan]);
}

#[test]
fn a_plan_is_read_as_it_is_written() {
    let plan = plans(GOOD).remove(0);
    expect![[r#"
        Server {
            engine: Mariadb,
            host: "10.0.31.10",
            port: 3306,
            user: "planb",
            password: Some(
                Env(
                    "SEOUL_DB_PASSWORD",
                ),
            ),
            databases: [
                "orders",
            ],
            tls_ca: None,
            postgresql: None,
            files: None,
        }
    "#]]
    .assert_debug_eq(&plan.primary.database);
    let Workload::Managed {
        start,
        stop: None,
        stop_grace,
    } = &plan.primary.workload
    else {
        panic!("{:?}", plan.primary.workload);
    };
    let expected = CommandLine {
        argv: ["./orders", "--listen", "127.0.0.1:8081"]
            .map(str::to_owned)
            .into(),
        directory: None,
        env: [("LEVEL".to_owned(), "info".to_owned())].into(),
        log: None,
        timeout: Duration::from_secs(60),
    };
    assert_eq!((start, *stop_grace), (&expected, Duration::from_secs(10)));
    let key = &plan.data.vault.secret_options["azure_storage_account_key"];
    assert_eq!(key, &SecretRef::Env("KEY".to_owned()));
}

#[test]
fn sqlite_and_a_remote_edge() {
    let text = GOOD
        .replace("mariadb://planb@10.0.31.10/orders", "sqlite:/srv/a.db")
        .replace("mariadb://planb@10.1.31.10/orders", "sqlite:/srv/b.db")
        .replace("        password: { env: SEOUL_DB_PASSWORD }\n", "")
        .replace("        password: { file: /etc/planb/busan }\n", "")
        .replace(
            "listen: \"127.0.0.1:8080\"",
            "admin: http://a:1, token: { env: T }, public: https://b",
        );
    let plan = plans(&text).remove(0);
    assert_eq!(
        plan.standby.database,
        DatabaseAddress::Sqlite {
            path: "/srv/b.db".into()
        }
    );
    assert!(matches!(
        plan.traffic.edge,
        EdgeSettings::Remote { token: Some(_), .. }
    ));
}

#[test]
fn several_services_aliases_and_odd_text() {
    let second = GOOD
        .replace("name: orders", "name: billing")
        .replace("\"127.0.0.1:8080\"", "\"127.0.0.1:8082\"");
    assert_eq!(plans(&format!("{GOOD}---\n{second}")).len(), 2);
    assert_eq!(
        plans(&format!("\u{feff}{}", GOOD.replace('\n', "\r\n"))),
        plans(GOOD)
    );
    let aliased = GOOD
        .replace(
            "password: { env: SEOUL_DB_PASSWORD }",
            "password: &p { env: SEOUL_DB_PASSWORD }",
        )
        .replace("password: { file: /etc/planb/busan }", "password: *p");
    assert_eq!(plans(&aliased).len(), 1);
    let any_port = GOOD.replace("127.0.0.1:8080\" }", "127.0.0.1:0\" }");
    let other = any_port.replace("name: orders", "name: billing");
    assert_eq!(plans(&format!("{any_port}---\n{other}")).len(), 2);
}

#[test]
fn retention_is_read_and_its_bounds_are_checked() {
    let with = |text: &str| GOOD.replace("vault: {", &format!("{text}\n    vault: {{"));
    let none = plans(GOOD).remove(0).data.retention;
    assert_eq!(none, None, "nothing is deleted unless it is said");
    let some = with("retention: { keepLast: 5, keepFor: 14d, monthly: 12, immutableFor: 7d }");
    let policy = plans(&some).remove(0).data.retention.expect("there");
    assert_eq!((policy.keep_last, policy.monthly, policy.daily), (5, 12, 0));
    assert_eq!(policy.keep_for.as_secs(), 14 * 86_400);
    assert_eq!(policy.immutable_for.as_secs(), 7 * 86_400);
    for bad in [
        "keepLast: 0",
        "keepFor: 1m",
        "immutableFor: 5000d",
        "keepfor: 1d",
    ] {
        let text = with(&format!("retention: {{ {bad} }}"));
        assert!(parse(&text, "planb.yaml").is_err(), "{bad}");
    }
}

#[test]
fn users_are_stored_where_they_can_be_sealed_only() {
    let with = |text: &str| GOOD.replace("vault: {", &format!("{text}\n    vault: {{"));
    assert!(!plans(GOOD).remove(0).data.users, "not unless it is said");
    let open = parse(&with("users: true"), "planb.yaml");
    let problems = format!("{:?}", open.expect_err("not encrypted"));
    assert!(problems.contains("spec.data.users"), "{problems}");
    let key = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    let sealed = with("users: true").replace(
        "vault: { ",
        &format!("vault: {{ encryption: {{ recipients: [{key}], identity: {{ env: ID }} }}, "),
    );
    assert!(plans(&sealed).remove(0).data.users);
}

#[test]
fn the_signing_key_is_a_reference_and_the_trusted_keys_are_public() {
    let vault = plans(GOOD).remove(0).data.vault;
    assert_eq!((vault.signing_key, vault.trusted_signers), (None, vec![]));
    let key = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
    let signed = GOOD.replace(
        "vault: { ",
        &format!("vault: {{ signing: {{ key: {{ file: /k.pem }}, trusted: [\"{key}\"] }}, "),
    );
    let vault = plans(&signed).remove(0).data.vault;
    assert_eq!(vault.signing_key, Some(SecretRef::File("/k.pem".into())));
    assert_eq!(vault.trusted_signers, [key]);
    let codes = review(&plans(&signed)[0]).into_iter().map(|f| f.code);
    assert!(
        !codes
            .into_iter()
            .any(|code| code == "PB-PLAN-REVIEW-SIGNATURE")
    );
}

#[test]
fn risky_plans_are_read_and_reviewed() {
    let text = GOOD
        .replace("  traffic:", "  failover: { mode: automatic }\n  health: { shedQuorum: 1, promoteQuorum: 2 }\n  traffic:")
        .replace("vault: {", "snapshotInterval: 8d\n    vault: {");
    let codes: Vec<String> = review(&plans(&text)[0])
        .into_iter()
        .map(|f| f.code)
        .collect();
    expect![[r#"
        [
            "PB-PLAN-REVIEW-ENCRYPTION",
            "PB-PLAN-REVIEW-SIGNATURE",
            "PB-PLAN-REVIEW-SNAPSHOT",
            "PB-PLAN-REVIEW-QUORUM",
            "PB-PLAN-REVIEW-CANARY",
            "PB-PLAN-REVIEW-TLS",
            "PB-PLAN-REVIEW-TLS",
            "PB-PLAN-REVIEW-FENCE",
        ]
    "#]]
    .assert_debug_eq(&codes);
}

/// What a slip of the keyboard or a bad merge does to a file.
fn mutate(text: &str, at: usize, len: usize, put: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = at % chars.len();
    let end = (at + len).min(chars.len());
    chars[..at]
        .iter()
        .chain(put.chars().collect::<Vec<_>>().iter())
        .chain(&chars[end..])
        .collect()
}

/// Parses, renders, and looks at what must hold for every text.
fn holds(text: &str) -> Result<(), TestCaseError> {
    if let Err(errors) = parse(text, "planb.yaml") {
        prop_assert!(!errors.errors.is_empty());
        for error in &errors.errors {
            prop_assert!(error.code != "PB-PLAN-SHAPE", "{text}");
            prop_assert!(
                !error.hint.en.is_empty() && !error.hint.ko.is_empty(),
                "{error:?}"
            );
        }
        prop_assert!(!errors.render(Lang::En).is_empty() && !errors.render(Lang::Ko).is_empty());
    }
    Ok(())
}

/// Found by the test below: it was told to be a bug of PlanB.
#[test]
fn a_secret_whose_place_is_not_written_is_told() {
    for place in ["env", "file"] {
        let text = GOOD.replacen("{ file: /etc/planb/busan }", &format!("{{ {place}: }}"), 1);
        assert_ne!(text, GOOD);
        let errors = parse(&text, "planb.yaml").expect_err("no place");
        let codes: Vec<_> = errors.errors.iter().map(|e| e.code).collect();
        assert_eq!(codes, ["PB-PLAN-TYPE"]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in "[a-z0-9:\\-{}\\[\\],&*#!|>'\"%@` \n\t가-힣]{0,200}") {
        holds(&text)?;
    }

    #[test]
    fn no_mutated_template_panics(at: usize, len in 0usize..30, put in "[a-z0-9:\\-{}\\[\\],&*#|>'\" \n\t가]{0,8}", twice: usize) {
        let once = mutate(template(Lang::Ko), at, len, &put);
        holds(&once)?;
        holds(&mutate(&once, twice, 1, &put))?;
        holds(&mutate(GOOD, twice, len, &put))?;
    }
}

#[test]
fn files_are_for_plans_whose_sites_all_say_how_they_are_replaced() {
    let files = "?data-dir=/var/lib/mysql&stop=systemctl+stop+db&start=systemctl+start+db";
    let with = |text: &str, host: &str| {
        let url = format!("mariadb://planb@{host}/orders");
        text.replacen(&url, &format!("{url}{files}"), 1)
    };
    let one = with(GOOD, "10.1.31.10");
    let both = with(&one, "10.0.31.10");
    assert!(!plans(GOOD)[0].takes_files());
    assert!(!plans(&one)[0].takes_files(), "not the way back");
    assert!(plans(&both)[0].takes_files());
}
