//! Every text of the page is in both languages: English and Korean come in
//! pairs, the Korean has Hangul, and what stands outside of a pair is a name, a
//! unit or something the run itself said.

use super::sample;
use crate::report::render;
use planb_model::drill::DrillResult;
use planb_model::{Lang, drill::TimelineEntry};

/// Words that read the same in both languages.
const NAMES: &[&str] = &["PlanB", "RTO", "RPO", "UTC", "MiB", "KiB", "B", "HTTP", "s"];

/// Texts of `html` in their order, with the language of the element they are in.
fn texts(html: &str) -> Vec<(Option<Lang>, String)> {
    let mut open: Vec<(&str, Option<Lang>)> = Vec::new();
    let mut found = Vec::new();
    for part in html.split('<').skip(1) {
        let (tag, text) = part.split_once('>').expect("a tag ends");
        let name = tag.split([' ', '/']).find(|n| !n.is_empty());
        let name = name.expect("a name");
        let lang = open.last().and_then(|(_, lang)| *lang);
        if tag.starts_with('/') {
            open.pop();
        } else if !tag.ends_with('/') && !matches!(name, "!doctype" | "meta") {
            let said = |tag: &str, of: &str| tag.contains(&format!(" lang=\"{of}\""));
            let own = match name {
                "html" => None,
                _ if said(tag, "en") => Some(Lang::En),
                _ if said(tag, "ko") => Some(Lang::Ko),
                _ => lang,
            };
            open.push((name, own));
        }
        let lang = open.last().and_then(|(_, lang)| *lang);
        let silent = open.iter().any(|(n, _)| *n == "style");
        if !silent && text.chars().any(char::is_alphabetic) {
            found.push((lang, text.to_owned()));
        }
    }
    found
}

fn has_hangul(text: &str) -> bool {
    text.chars().any(|c| matches!(c, '\u{ac00}'..='\u{d7a3}'))
}

/// What is wrong with `texts`; `given` are words of the run.
fn faults(texts: &[(Option<Lang>, String)], given: &str) -> Vec<String> {
    let known = |word: &str| {
        NAMES.contains(&word)
            || given
                .split(|c: char| !c.is_alphanumeric())
                .any(|g| g == word)
    };
    let foreign = |text: &str| {
        let words = text.split(|c: char| !c.is_alphanumeric());
        words.filter(|word| !known(word)).any(|word| {
            let letters = word.trim_matches(|c: char| c.is_ascii_digit());
            !letters.is_empty() && !known(letters)
        })
    };
    let mut wrong = Vec::new();
    for (index, (lang, text)) in texts.iter().enumerate() {
        let next = texts.get(index + 1).map(|(lang, _)| *lang);
        let before = index.checked_sub(1).and_then(|at| texts.get(at));
        let fault = match lang {
            Some(Lang::En) if has_hangul(text) => Some("Korean in the English"),
            Some(Lang::En) if foreign(text) && next != Some(Some(Lang::Ko)) => Some("no Korean"),
            Some(Lang::Ko) if !has_hangul(text) && foreign(text) => Some("not translated"),
            Some(Lang::Ko) if foreign(text) && before.is_none_or(|b| b.0 != Some(Lang::En)) => {
                Some("no English")
            }
            None if foreign(text) => Some("in one language"),
            _ => None,
        };
        wrong.extend(fault.map(|fault| format!("{fault}: {text}")));
    }
    wrong
}

/// Everything the run itself said.
fn said(run: &DrillResult) -> String {
    let setup = serde_json::to_string(&run.setup).expect("JSON");
    let said = |entry: &TimelineEntry| format!(" {} {}", entry.id, entry.detail);
    let timeline: String = run.timeline.iter().map(said).collect();
    setup + &timeline
}

#[test]
fn every_text_of_a_run_is_in_both_languages() {
    let good = sample::run();
    let mut lost = sample::run();
    (lost.recovered, lost.lost, lost.rpo_seconds) = (1840, 3, 0.2);
    lost.failback.lost = 2;
    let mut slow = sample::run();
    slow.rto_seconds = 1e4;
    let mut unproven = sample::run();
    unproven.verified = false;
    let mut empty = sample::run();
    empty.timeline.clear();
    empty.probe.clear();
    (empty.acknowledged, empty.recovered) = (0, 0);
    for run in [good, lost, slow, unproven, empty] {
        let texts = texts(&render(&run));
        assert!(texts.len() > 60, "{}", texts.len());
        let found = faults(&texts, &said(&run));
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}

#[test]
fn what_is_not_translated_is_found() {
    let page = render(&sample::run());
    let run = said(&sample::run());
    for (from, to) in [
        ("시간은 어디에 쓰였나", "Where the time went"),
        ("Where the time went", "시간은 어디에 쓰였나"),
        (
            "<span class=\"ko\" lang=\"ko\">시간은 어디에 쓰였나</span>",
            "",
        ),
        ("<section>", "<section>Untranslated"),
        ("<title>감지</title>", "<title>Detect</title>"),
    ] {
        let changed = page.replacen(from, to, 1);
        assert_ne!(changed, page);
        assert_eq!(faults(&texts(&changed), &run).len(), 1, "{to}");
    }
}
