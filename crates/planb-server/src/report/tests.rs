//! The report holds with good data, with odd data and with hostile data.

mod sample;
mod translation;

use super::render;
use super::verdict::{self, Verdict};
use planb_model::drill::{DrillResult, ProbeSample, TimelineEntry};

fn run(change: impl FnOnce(&mut DrillResult)) -> DrillResult {
    let mut result = sample::run();
    change(&mut result);
    result
}

/// Every opened element is closed, in order; a small reader is enough, because
/// text and attributes cannot hold a `<`.
#[track_caller]
fn is_well_formed(html: &str) {
    let mut open: Vec<&str> = Vec::new();
    let (before, rest) = html.split_once("<style>").expect("a style sheet");
    let (_, after) = rest.split_once("</style>").expect("its end");
    let markup = [before, after].concat();
    for tag in markup.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("a tag ends");
        let name = tag
            .split([' ', '/'])
            .find(|n| !n.is_empty())
            .expect("a name");
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "in {tag}");
        } else if !tag.ends_with('/') && !matches!(name, "!doctype" | "meta") {
            open.push(name);
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

#[test]
fn a_good_run_shows_its_figures_in_both_languages() {
    let html = render(&sample::run());
    is_well_formed(&html);
    for text in [
        "every objective was met",
        "모든 목표를 달성했습니다",
        "7.42",
        "1,843",
        "objective: at most 10.00 s",
        "목표: 10.00초 이내",
        "Fence the old site",
        "이전 사이트 펜싱",
        "good answer from busan",
        "점검 페이지",
        "seoul: SIGKILL",
        "rowsCompared 12,408 · segments 38",
        "chains [1,2]",
    ] {
        assert!(html.contains(text), "no {text}");
    }
    let (en, ko) = (
        html.matches("class=\"en\"").count(),
        html.matches("class=\"ko\"").count(),
    );
    assert_eq!(en, ko, "a text in one language");
    assert_eq!(html.matches("<svg").count(), 4);
}

#[test]
fn lanes_stand_in_order_of_time() {
    let html = render(&run(|r| r.timeline.reverse()));
    let (_, failover) = html
        .split_once("Failover, step by step")
        .expect("the chart");
    let place = |text| failover.find(text).expect(text);
    assert!(place("Site killed") < place("Declared lost"));
    assert!(place("Declared lost") < place("Restore the data"));
    assert!(place("Restore the data") < place("Service is back"));
}

#[test]
fn it_needs_nothing_from_anywhere() {
    let html = render(&sample::run()).to_lowercase();
    for outside in [
        "http://", "https://", "//cdn", "<script", "<link", "<img", "@import", "url(",
    ] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert!(html.contains("default-src 'none'"));
}

#[test]
fn the_verdict_is_worked_out_and_not_believed() {
    let kept = |c: fn(&mut DrillResult)| verdict::of(&run(c));
    assert_eq!(kept(|_| ()), Verdict::Kept);
    assert_eq!(kept(|r| r.verified = false), Verdict::Unproven);
    assert_eq!(kept(|r| r.recovered -= 1), Verdict::Unproven);
    assert_eq!(
        kept(|r| (r.acknowledged, r.recovered) = (0, 0)),
        Verdict::Unproven
    );
    assert_eq!(
        kept(|r| (r.recovered, r.lost) = (u64::MAX, 1)),
        Verdict::Unproven
    );
    assert_eq!(kept(|r| r.rto_seconds = 10.1), Verdict::Missed);
    assert_eq!(kept(|r| r.rto_seconds = f64::NAN), Verdict::Missed);
    assert_eq!(kept(|r| r.rpo_seconds = 1.1), Verdict::Missed);
    assert_eq!(kept(|r| r.failback.lost = 1), Verdict::Missed);
}

#[test]
fn an_unverified_run_is_red_however_good_it_looks() {
    let html = render(&run(|r| r.verified = false));
    assert!(html.contains("class=\"banner bad\""));
    assert!(html.contains("these figures prove nothing"));
    assert!(html.contains("근거로 쓸 수 없습니다"));
    assert!(!html.contains("every order compared") && !html.contains("nothing lost"));
}

#[test]
fn lost_orders_are_said() {
    let html = render(&run(|r| {
        (r.recovered, r.lost, r.rpo_seconds) = (1840, 3, 0.2);
        r.failback.lost = 2;
    }));
    for text in [
        "3 were lost",
        "3건이 손실",
        "The failback lost 2 orders",
        "2건 손실",
    ] {
        assert!(html.contains(text), "no {text}");
    }
}

#[test]
fn odd_numbers_still_make_a_whole_page() {
    for odd in [
        0.0,
        -5.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e300,
        f64::MIN,
    ] {
        let html = render(&run(|r| {
            r.rto_seconds = odd;
            r.rpo_seconds = odd;
            r.phases.detect_seconds = odd;
            r.phases.traffic_seconds = odd;
            r.setup.objective_rto_seconds = odd;
            r.timeline[2].at_seconds = odd;
            r.timeline[4].until_seconds = Some(odd);
            r.probe[3].at_seconds = odd;
        }));
        is_well_formed(&html);
        for broken in ["NaN", "inf", "width=\"-", "e30"] {
            assert!(!html.contains(broken), "{odd}: {broken}");
        }
    }
}

#[test]
fn an_empty_run_says_that_there_is_nothing() {
    let html = render(&run(|r| {
        r.timeline.clear();
        r.probe.clear();
        (r.acknowledged, r.recovered) = (0, 0);
    }));
    is_well_formed(&html);
    assert!(html.contains("The probe recorded nothing."));
    assert_eq!(html.matches("Nothing was recorded.").count(), 2);
    assert!(html.contains("there was nothing to compare"));
}

#[test]
fn markup_in_names_stays_text() {
    let evil = "</title></style><script>alert(1)</script>\"' onload=x \u{202e}<b>";
    let html = render(&run(|r| {
        for text in [
            &mut r.setup.service,
            &mut r.setup.from,
            &mut r.setup.to,
            &mut r.setup.machine,
            &mut r.setup.version,
            &mut r.timeline[3].id,
        ] {
            *text = evil.to_owned();
        }
        r.timeline[4].detail = evil.to_owned();
        r.probe[0].site = Some(evil.to_owned());
    }));
    is_well_formed(&html);
    assert!(!html.contains("<script") && !html.contains("<b>") && !html.contains('\u{202e}'));
    assert!(html.contains("&lt;script&gt;"));
}

#[test]
fn a_huge_run_stays_a_small_file() {
    let html = render(&run(|r| {
        let entry = TimelineEntry {
            id: "x".repeat(5000),
            detail: "긴 설명 ".repeat(20),
            ..r.timeline[5].clone()
        };
        r.timeline = vec![entry; 2000];
        r.probe = (0..200_000)
            .map(|n| ProbeSample {
                at_seconds: f64::from(n) / 10.0,
                status: 200,
                site: Some("seoul".to_owned()),
            })
            .collect();
    }));
    is_well_formed(&html);
    assert!(html.len() < 2_000_000, "{} bytes", html.len());
    assert!(html.contains("and 1,940 more") && html.contains("and 1,500 more"));
}
