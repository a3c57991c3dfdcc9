//! `planb assess` as people run it: files, exit codes, bad input.

#[path = "assess/as_saved.rs"]
mod as_saved;
#[path = "assess/printing.rs"]
mod printing;
/// Left out by `cargo xtask test` where there is no browser.
#[path = "assess/with_browser.rs"]
mod with_browser;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn planb(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_planb"))
        .current_dir(folder)
        .env("PLANB_LANG", "en")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Writes the example of `method` into `folder` and gives it back.
fn example(folder: &Path, method: &str) -> String {
    let output = planb(folder, &["assess", "init", method]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    std::fs::write(folder.join(format!("{method}.yaml")), &text).expect("written");
    text
}

#[test]
fn every_listed_method_has_an_example_that_works() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = planb(folder.path(), &["assess", "list", "--json"]);
    let methods: serde_json::Value = serde_json::from_slice(&list.stdout).expect("JSON");
    let methods = methods.as_array().expect("a list");
    assert!(methods.len() >= 5);
    for method in methods {
        let name = method["name"].as_str().expect("a name");
        example(folder.path(), name);
        let output = planb(folder.path(), &["assess", name, "--format", "json"]);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", stderr(&output));
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(json["method"], name);
    }
}

#[test]
fn missing_answers_are_listed_with_where_to_find_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = example(folder.path(), "self-diagnosis");
    let text = text.replace("tooComplex: yes", "tooComplex:");
    std::fs::write(folder.path().join("self-diagnosis.yaml"), text).expect("written");
    let output = planb(folder.path(), &["assess", "self-diagnosis"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(4), "{said}");
    for needle in [
        "tooComplex",
        "where to find it: Static analysis",
        "PB-ANSWERS-MISSING",
    ] {
        assert!(said.contains(needle), "{needle}: {said}");
    }
    assert!(output.stdout.is_empty());
}

#[test]
fn a_file_with_errors_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = example(folder.path(), "cost").replace("monthly: 73", "monthly: $73");
    std::fs::write(folder.path().join("cost.yaml"), text).expect("written");
    let output = planb(
        folder.path(),
        &["assess", "cost", "--format", "html", "-o", "r.html"],
    );
    assert_eq!(output.status.code(), Some(3));
    let said = stderr(&output);
    assert!(
        said.contains("cost.yaml:") && said.contains("primary[0].monthly"),
        "{said}"
    );
    assert!(!folder.path().join("r.html").exists());
    let none = planb(folder.path(), &["assess", "triage"]);
    assert_eq!(none.status.code(), Some(3));
    assert!(
        stderr(&none).contains("planb assess init triage"),
        "{}",
        stderr(&none)
    );
    let unknown = planb(folder.path(), &["assess", "triag"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(stderr(&unknown).contains("triage"));
}

#[test]
fn a_gigabyte_is_refused_after_its_first_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("inventory.csv");
    // A sparse file: a gigabyte to read, nothing on the disk.
    let file = std::fs::File::create(&path).expect("made");
    file.set_len(1 << 30).expect("grown");
    let start = std::time::Instant::now();
    let output = planb(folder.path(), &["assess", "triage", "-f", "inventory.csv"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        stderr(&output).contains("larger than"),
        "{}",
        stderr(&output)
    );
    // Reading all of it takes longer than this, even from a fast disk.
    let took = start.elapsed();
    assert!(took < std::time::Duration::from_secs(5), "{took:?}");
}

#[test]
fn impossible_numbers_and_names_are_refused_at_their_line_and_field() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = example(folder.path(), "cost");
    let cases = [
        ("monthly: 73", "monthly: -5", "primary[0].monthly"),
        ("monthly: 73", "monthly: NaN", "primary[0].monthly"),
        ("monthly: 73", "monthly: .nan", "primary[0].monthly"),
        ("monthly: 73", "monthly: .inf", "primary[0].monthly"),
        ("monthly: 73", "monthly: 1e308", "primary[0].monthly"),
        ("monthly: 73", "monthly: 73 EUR", "primary[0].monthly"),
        (
            "utilisationNow: 20%",
            "utilisationNow: 150%",
            "sizing.utilisationNow",
        ),
        (
            "utilisationNow: 20%",
            "utilisationNow: -1%",
            "sizing.utilisationNow",
        ),
        (
            "utilisationNow: 20%",
            "utilisationNow: 20h",
            "sizing.utilisationNow",
        ),
        ("name: ALB", "name: EKS", "primary[3].name"),
    ];
    for (good, bad, field) in cases {
        let before = text.find(good).unwrap_or_else(|| panic!("no {good}"));
        let line = text[..before].matches('\n').count() + 1;
        let answers = text.replacen(good, bad, 1);
        std::fs::write(folder.path().join("cost.yaml"), answers).expect("written");
        for verb in ["assess", "report"] {
            let output = planb(folder.path(), &[verb, "cost", "--format", "json"]);
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(3), "{verb} {bad}: {said}");
            assert!(said.contains(field), "{verb} {bad}: {said}");
            let place = format!("cost.yaml:{line}:");
            assert!(said.contains(&place), "{verb} {bad}: {place} in {said}");
            assert!(output.stdout.is_empty(), "{verb} {bad}");
        }
    }
}

#[test]
fn times_without_a_unit_or_backwards_are_refused_at_their_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = example(folder.path(), "recovery-path");
    for bad in [
        "rto: 4",
        "rto: -4h",
        "rto: 4 parsecs",
        "rto: NaN",
        "rto: 1e308h",
    ] {
        let before = text.find("rto: 4h").expect("there");
        let line = text[..before].matches('\n').count() + 1;
        let answers = text.replacen("rto: 4h", bad, 1);
        std::fs::write(folder.path().join("recovery-path.yaml"), answers).expect("written");
        let output = planb(folder.path(), &["assess", "recovery-path"]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{bad}: {said}");
        assert!(
            said.contains(&format!("recovery-path.yaml:{line}:")),
            "{bad}: {said}"
        );
        assert!(said.contains("(rto)"), "{bad}: {said}");
    }
}

#[test]
fn an_inventory_with_a_name_twice_is_refused_at_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let csv = "name,owner\nportal,a\nbatch,b\nportal,c\n";
    std::fs::write(folder.path().join("i.csv"), csv).expect("written");
    let output = planb(folder.path(), &["assess", "triage", "-f", "i.csv"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("i.csv:4:") && said.contains("workloads[2].name"),
        "{said}"
    );
}

/// Whatever a spreadsheet would run; a leading tab or carriage return is taken
/// off with the other blanks, and does not hide the formula behind it.
#[test]
fn every_beginning_of_a_formula_is_escaped() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, cell) in [
        ("=1+1", "'=1+1"),
        ("+1+1", "'+1+1"),
        ("-1+1", "'-1+1"),
        ("@1+1", "'@1+1"),
        ("\\t=1+1", "'=1+1"),
        ("\\r=1+1", "'=1+1"),
        ("\\t1+1", "1+1"),
    ] {
        let row = format!("    - {{ name: \"{name}\" }}\n");
        let yaml = format!("assess: triage\nanswers:\n  workloads:\n{row}");
        std::fs::write(folder.path().join("triage.yaml"), yaml).expect("written");
        let output = planb(folder.path(), &["assess", "triage", "--format", "csv"]);
        let text = stdout(&output);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let begins = format!("{cell},");
        let found = text.lines().any(|line| line.starts_with(&begins));
        assert!(found, "{name}: no line begins with {begins} in {text:?}");
    }
}

#[test]
fn the_cost_report_of_the_customers_design_has_its_figures() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = planb(folder.path(), &["report", "cost", "--example"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for figure in ["$463", "$5", "$204", "$0.28"] {
        assert!(stdout(&output).contains(figure), "{}", stdout(&output));
    }
}

#[test]
fn formulas_of_an_inventory_do_not_reach_a_spreadsheet() {
    let folder = tempfile::tempdir().expect("a folder");
    let csv = "name,owner\n=HYPERLINK(0),@SUM(A1)\n+1+cmd,-2+3\n";
    std::fs::write(folder.path().join("i.csv"), csv).expect("written");
    let output = planb(
        folder.path(),
        &["assess", "triage", "-f", "i.csv", "--format", "csv"],
    );
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for cell in ["'=HYPERLINK(0)", "'@SUM(A1)", "'+1+cmd", "'-2+3"] {
        assert!(text.contains(cell), "{cell}: {text}");
    }
    for line in text.lines().skip(1) {
        for cell in line.split(',') {
            assert!(!cell.starts_with(['=', '+', '-', '@']), "{line}");
        }
    }
}

#[test]
fn rules_of_ones_own_are_used_and_broken_ones_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    example(folder.path(), "self-diagnosis");
    let rules = stdout(&planb(
        folder.path(),
        &["assess", "rules", "self-diagnosis"],
    ));
    let stricter = rules.replace("yesToConsider: 6", "yesToConsider: 7");
    assert_ne!(rules, stricter);
    std::fs::write(folder.path().join("own.yaml"), stricter).expect("written");
    let run = |rules: &[&str]| {
        let mut arguments = vec!["assess", "self-diagnosis", "--format", "json"];
        arguments.extend(rules);
        planb(folder.path(), &arguments)
    };
    let considered = |output: &Output| -> serde_json::Value {
        serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON")["outcome"]["consider"].clone()
    };
    assert_eq!(considered(&run(&[])), true);
    assert_eq!(considered(&run(&["--rules", "own.yaml"])), false);
    std::fs::write(folder.path().join("own.yaml"), "title: 1").expect("written");
    assert_eq!(run(&["--rules", "own.yaml"]).status.code(), Some(3));
}

/// Runs the interactive mode with `typed` at the keyboard.
fn interview(folder: &Path, typed: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_planb"))
        .current_dir(folder)
        .env("PLANB_LANG", "en")
        .args(["assess", "self-diagnosis", "--interactive"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    let mut keyboard = child.stdin.take().expect("piped");
    keyboard.write_all(typed.as_bytes()).expect("typed");
    drop(keyboard);
    child.wait_with_output().expect("ends")
}

#[test]
fn an_interview_is_kept_after_every_answer_and_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    // The name, two answers, one that is none, help, and away.
    let left = interview(folder.path(), "portal\ny\nno\nperhaps\n?\nq\n");
    assert_eq!(left.status.code(), Some(130));
    assert!(
        stderr(&left).contains("neither yes nor no"),
        "{}",
        stderr(&left)
    );
    let kept = std::fs::read_to_string(folder.path().join("self-diagnosis.yaml")).expect("kept");
    for line in [
        "system: portal",
        "maintenanceCost: yes",
        "stoppedToRecover: no",
        "slowAtPeaks:\n",
    ] {
        assert!(kept.contains(line), "{line}: {kept}");
    }
    let end = interview(folder.path(), "y\ny\ny\ny\ny\ny\nno\nno\n\n\n\n");
    assert!(
        stderr(&end).contains("[4/14] Have users complained"),
        "{}",
        stderr(&end)
    );
    assert_eq!(end.status.code(), Some(0), "{}", stderr(&end));
    assert!(
        stdout(&end).contains("7 of 10 answers are yes"),
        "{}",
        stdout(&end)
    );
}

const VM: &str =
    "apiVersion: kubevirt.io/v1\nkind: VirtualMachine\nmetadata:\n  name: old\nspec: {}\n";

#[test]
fn manifests_are_read_as_evidence_and_links_are_not_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    example(folder.path(), "authenticity");
    let inside = folder.path().join("k8s/base");
    std::fs::create_dir_all(&inside).expect("made");
    std::fs::write(folder.path().join("outside.yaml"), VM).expect("written");
    std::os::unix::fs::symlink("../../outside.yaml", inside.join("link.yaml")).expect("linked");
    std::os::unix::fs::symlink("..", inside.join("loop")).expect("linked");
    std::fs::write(inside.join("notes.txt"), "no: [manifest").expect("written");
    std::fs::write(
        inside.join("app.yml"),
        "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c }\n",
    )
    .expect("written");
    let run = || {
        planb(
            folder.path(),
            &[
                "assess",
                "authenticity",
                "--manifests",
                "k8s",
                "--format",
                "json",
            ],
        )
    };
    let json = |output: &Output| -> serde_json::Value {
        assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let plain = json(&run());
    assert_eq!(plain["outcome"]["verdict"], "not-proven");
    assert_eq!(plain["outcome"]["linksSkipped"], 2);
    std::fs::write(inside.join("vm.json"), VM).expect("written");
    let found = json(&run());
    assert_eq!(found["outcome"]["verdict"], "virtualisation");
    let place = &found["outcome"]["evidence"][0]["place"];
    assert_eq!(
        place,
        &serde_json::json!({ "file": "base/vm.json", "document": 1, "line": 1 })
    );
}

#[test]
fn manifests_that_cannot_be_read_are_named_with_file_and_line() {
    let folder = tempfile::tempdir().expect("a folder");
    example(folder.path(), "authenticity");
    let k8s = folder.path().join("k8s");
    std::fs::create_dir(&k8s).expect("made");
    let run = || {
        planb(
            folder.path(),
            &["assess", "authenticity", "--manifests", "k8s"],
        )
    };
    let refused = |needles: &[&str]| {
        let output = run();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(output.stdout.is_empty());
        for needle in needles.iter().chain(&["PB-ASSESS-MANIFESTS"]) {
            assert!(said.contains(needle), "{needle}: {said}");
        }
    };
    refused(&["holds no .yaml"]);
    std::fs::write(k8s.join("a.yaml"), "a: 1\nb: [\n").expect("written");
    std::fs::write(k8s.join("t.yaml"), "x: {{ .Values.y }}\nz: {{ a | b }}\n").expect("written");
    refused(&["a.yaml:", "t.yaml:", "helm template", "2 of its files"]);
    std::fs::remove_file(k8s.join("t.yaml")).expect("removed");
    // Sparse: large to read, nothing on the disk.
    let file = std::fs::File::create(k8s.join("a.yaml")).expect("made");
    file.set_len(5 << 20).expect("grown");
    refused(&["larger than"]);
    std::fs::remove_dir_all(&k8s).expect("removed");
    refused(&["cannot read it"]);
}

#[test]
fn the_board_gets_its_page_and_the_portfolio_its_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    example(folder.path(), "decisions");
    let page = planb(
        folder.path(),
        &["--lang", "ko", "assess", "decisions", "--format", "html"],
    );
    assert_eq!(page.status.code(), Some(0), "{}", stderr(&page));
    for needle in [
        "의사결정 매트릭스",
        "다음 회의 안건",
        "신규 시스템 → 분석 → 세션 → 트랜잭션",
    ] {
        // A page does not break before an arrow.
        let page = stdout(&page).replace("&nbsp;", " ");
        assert!(page.contains(needle), "{needle}");
    }
    let csv = "name,grade,category,state,dependsOn,rtoTarget\n\
               a,1,log,waiting,nowhere,1h\na,7,log,waiting,,1h\nb,2,log,waiting,,5 parsecs\n";
    std::fs::write(folder.path().join("p.csv"), csv).expect("written");
    let output = planb(folder.path(), &["assess", "portfolio", "-f", "p.csv"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    for needle in [
        "p.csv:3:1 (services[1].name)",
        "p.csv:3:3 (services[1].grade)",
        "p.csv:4:18 (services[2].rtoTarget)",
    ] {
        assert!(said.contains(needle), "{needle}: {said}");
    }
}
