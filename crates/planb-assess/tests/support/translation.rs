//! Whether texts are in both languages: Korean without Hangul, or the same as
//! the English, is a fault where it has letters — unless every word of it is a
//! name or a unit of the list below, or was given by the user.

use serde_json::Value as Json;

/// Words that read the same in both languages: products, standards, units, the
/// `Q` of a quarter, and the letters of triage's four rules.
const NAMES: &[&str] = &[
    "DR",
    "RTO",
    "RPO",
    "SSoT",
    "CI",
    "CD",
    "DNS",
    "GSLB",
    "OCI",
    "SBOM",
    "RBAC",
    "OIDC",
    "PAM",
    "SMS",
    "EDR",
    "MIG",
    "ALB",
    "NAT",
    "KVM",
    "KubeVirt",
    "Kata",
    "Containers",
    "gVisor",
    "PlanB",
    "Patroni",
    "PostgreSQL",
    "MySQL",
    "Group",
    "Replication",
    "Galera",
    "Debezium",
    "Kafka",
    "MirrorMaker",
    "CockroachDB",
    "YugabyteDB",
    "TiDB",
    "MongoDB",
    "Cassandra",
    "ScyllaDB",
    "GitOps",
    "Kubernetes",
    "USD",
    "KRW",
    "vCPU",
    "ms",
    "MiB",
    "GiB",
    "TiB",
    "kB",
    "MB",
    "GB",
    "Q",
    "a",
    "b",
    "c",
    "d",
];

fn has_hangul(text: &str) -> bool {
    text.chars().any(|c| matches!(c, '\u{ac00}'..='\u{d7a3}'))
}

/// The words of `text` that are neither a name nor `given` by the user.
fn words<'a>(text: &'a str, given: &[String]) -> Vec<&'a str> {
    if given.iter().any(|g| g == text) {
        return Vec::new();
    }
    text.split(|c: char| !c.is_alphanumeric())
        .map(|word| word.trim_matches(|c: char| c.is_ascii_digit()))
        .filter(|word| word.chars().any(char::is_alphabetic))
        .filter(|word| !NAMES.contains(word))
        .filter(|word| !given.iter().any(|g| is_word_of(g, word)))
        .collect()
}

fn is_word_of(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric())
        .any(|w| w.trim_matches(|c: char| c.is_ascii_digit()) == word)
}

/// What is wrong with one text; none when it is in both languages.
fn fault(en: &str, ko: &str, given: &[String]) -> Option<String> {
    let said_by_user = given
        .iter()
        .any(|g| !g.is_empty() && en.contains(g.as_str()));
    if has_hangul(en) && !said_by_user {
        return Some(format!("Korean in the English: {en}"));
    }
    if en.trim().is_empty() != ko.trim().is_empty() {
        return Some(format!("missing: {en:?} {ko:?}"));
    }
    let left = words(ko, given);
    (!has_hangul(ko) && !left.is_empty()).then(|| format!("{left:?} not translated: {en} | {ko}"))
}

/// Every fault below `json`, with its path; `given` are the user's own words.
pub fn faults(json: &Json, path: &str, given: &[String]) -> Vec<String> {
    let found = match json {
        Json::Object(map) if map.get("kind") == Some(&Json::from("code")) => {
            let [en, ko] = ["en", "ko"].map(|lang| comments(&map["content"][lang]));
            fault(&en, &ko, given)
        }
        Json::Object(map) => match (map.get("en"), map.get("ko"), map.get("same")) {
            (Some(Json::String(en)), Some(Json::String(ko)), _) => fault(en, ko, given),
            (None, None, Some(Json::String(same))) => fault(same, same, given),
            (None, None, _) => {
                let below = map.iter();
                return below
                    .flat_map(|(key, value)| faults(value, &format!("{path}.{key}"), given))
                    .collect();
            }
            _ => Some("a text in one language".to_owned()),
        },
        Json::Array(items) => {
            let below = items.iter().enumerate();
            return below
                .flat_map(|(i, item)| faults(item, &format!("{path}[{i}]"), given))
                .collect();
        }
        _ => None,
    };
    found.map(|f| format!("{path}: {f}")).into_iter().collect()
}

/// What is for people in a text for a machine: its comments.
fn comments(code: &Json) -> String {
    let lines = code.as_str().unwrap_or_default().lines();
    let comments: Vec<&str> = lines.filter(|line| line.starts_with('#')).collect();
    comments.join("\n")
}

/// Every string below `json`: the answers of an example.
pub fn strings(json: &Json) -> Vec<String> {
    match json {
        Json::String(text) => vec![text.clone()],
        Json::Array(items) => items.iter().flat_map(strings).collect(),
        Json::Object(map) => map.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn what_is_not_translated_is_found() {
    let all = |text: &str| {
        let json = serde_json::from_str(text).expect("JSON");
        faults(&json, "", &["my-portal".to_owned()]).len()
    };
    for wrong in [
        r#"{ "en": "low" }"#,
        r#"{ "ko": "낮음" }"#,
        r#"{ "en": "low", "ko": "" }"#,
        r#"{ "en": "low", "ko": "low" }"#,
        r#"{ "en": "low", "ko": "lo" }"#,
        r#"{ "en": "낮음", "ko": "낮음" }"#,
        r#"{ "a": [{ "same": "low burden" }] }"#,
        r#"{ "en": "the portal", "ko": "the portal" }"#,
        r##"{ "kind": "code", "content": { "en": "# slow\na: b", "ko": "# slow\na: b" } }"##,
    ] {
        assert_eq!(all(wrong), 1, "{wrong}");
    }
    for right in [
        r#"{ "en": "low", "ko": "낮음" }"#,
        r#"{ "en": "12 %", "ko": "12 %" }"#,
        r#"{ "same": "DNS" }"#,
        r##"{ "kind": "code", "content": { "en": "# slow\na: b", "ko": "# 느림\na: b" } }"##,
        r#"{ "en": "my-portal", "ko": "my-portal" }"#,
    ] {
        assert_eq!(all(right), 0, "{right}");
    }
}
