//! `planb assess NAME --interactive` at a real terminal: typed answers, Ctrl-C,
//! the same command again, and the file that is left.

#[path = "interactive/terminal.rs"]
mod terminal;
#[path = "interactive/tmux.rs"]
mod tmux;

use planb_assess::interview::Interview;
use planb_assess::{METHODS, find};
use planb_model::Lang;
use serde_json::{Map, Value as Json};
use std::path::Path;
use std::process::{Command, Stdio};
use terminal::Terminal;

/// Code of a command that was interrupted (docs/reference/exit-codes.md).
const INTERRUPTED: Option<i32> = Some(130);
const DONE: Option<i32> = Some(0);

fn kept(folder: &Path, file: &str) -> String {
    std::fs::read_to_string(folder.join(file)).expect("kept")
}

/// The result of `planb assess NAME -f FILE`, without a terminal.
fn assessed(folder: &Path, name: &str, file: &str) -> Json {
    let output = Command::new(env!("CARGO_BIN_EXE_planb"))
        .current_dir(folder)
        .args(["assess", name, "-f", file, "--format", "json"])
        .stdin(Stdio::null())
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), DONE, "{said}");
    result(&output.stdout)
}

/// A result without the day it was written on.
fn result(json: &[u8]) -> Json {
    let mut json: Json = serde_json::from_slice(json).expect("JSON");
    if let Some(map) = json.as_object_mut() {
        map.remove("date");
    }
    json
}

#[test]
fn a_diagnosis_is_interrupted_resumed_and_finished() {
    let folder = tempfile::tempdir().expect("a folder");
    let command = [
        "assess",
        "self-diagnosis",
        "--interactive",
        "--format",
        "json",
        "-o",
        "typed.json",
    ];
    let mut first = Terminal::start(folder.path(), "en", &command);
    first.answer("[1/14]", "portal");
    first.answer("[2/14]", "y");
    first.answer("[3/14]", "perhaps");
    first.wait_for("neither yes nor no");
    first.answer("[3/14]", "no");
    first.wait_for("[4/14]");
    first.interrupt();
    let (code, shown) = first.end();
    assert_eq!(code, INTERRUPTED, "{shown}");
    assert!(
        shown.contains("answers so far are in self-diagnosis.yaml"),
        "{shown}"
    );
    let file = kept(folder.path(), "self-diagnosis.yaml");
    for line in ["system: portal\n", "maintenanceCost: yes", "slowAtPeaks:\n"] {
        assert!(file.contains(line), "{line}: {file}");
    }
    assert!(!folder.path().join("typed.json").exists());

    let mut again = Terminal::start(folder.path(), "en", &command);
    for number in 4..=11 {
        let said = if number < 10 { "yes" } else { "no" };
        again.answer(&format!("[{number}/14]"), said);
    }
    for number in 12..=14 {
        again.answer(&format!("[{number}/14]"), "");
    }
    let (code, shown) = again.end();
    assert_eq!(code, DONE, "{shown}");
    for answered in ["[1/14]", "[2/14]", "[3/14]"] {
        assert!(!shown.contains(answered), "asked again: {shown}");
    }
    let typed = std::fs::read(folder.path().join("typed.json")).expect("a result");
    let typed = result(&typed);
    assert_eq!(typed["outcome"]["yes"], 7, "{typed}");
    assert_eq!(
        typed,
        assessed(folder.path(), "self-diagnosis", "self-diagnosis.yaml")
    );
}

/// Answers the rest of a row: `isolation` and what is decided by it.
fn rest_of_row(terminal: &mut Terminal, row: usize, isolation: &str) {
    terminal.answer(&format!("workloads[{row}].isolation"), isolation);
    for field in ROW_AFTER_ISOLATION {
        terminal.answer(&format!("workloads[{row}].{field}"), "");
    }
}

/// Fields of a workload behind `isolation` (rules/triage.yaml).
const ROW_AFTER_ISOLATION: [&str; 7] = [
    "overheadTolerable",
    "reviewAcceptsKubevirt",
    "kernelModule",
    "driver",
    "realTimeOs",
    "windowsBound",
    "osBound",
];

#[test]
fn a_table_is_typed_in_hangul_and_goes_on_in_its_row_and_at_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let command = ["assess", "triage", "--interactive", "--format", "json"];
    let mut first = Terminal::start(folder.path(), "ko", &command);
    first.answer("exitRatio", "80%");
    first.answer("exitBy", "2028-12");
    first.answer("workloads[0].name", "급여 계산");
    first.answer("workloads[0].owner", "재무팀");
    first.wait_for("workloads[0].extremeLatency");
    first.interrupt();
    let (code, shown) = first.end();
    assert_eq!(code, INTERRUPTED, "{shown}");
    assert!(shown.contains("지금까지의 답변은 triage.yaml에"), "{shown}");
    assert!(kept(folder.path(), "triage.yaml").contains("name: 급여 계산"));

    // In the middle of a row; then between two rows.
    let mut second = Terminal::start(folder.path(), "ko", &command);
    second.answer("workloads[0].extremeLatency", "아니오");
    rest_of_row(&mut second, 0, "sandbox");
    second.wait_for("workloads[1].name");
    second.wait_for("Enter: 더 없음");
    second.interrupt();
    let (code, shown) = second.end();
    assert_eq!(code, INTERRUPTED, "{shown}");
    assert!(!shown.contains("workloads[0].owner"), "{shown}");

    let mut third = Terminal::start(folder.path(), "ko", &command);
    // What may be left out and was is asked for once more in the last row only.
    for field in ROW_AFTER_ISOLATION {
        third.answer(&format!("workloads[0].{field}"), "");
    }
    third.answer("workloads[1].name", "민원 포털");
    third.answer("workloads[1].owner", "");
    third.answer("workloads[1].extremeLatency", "예");
    rest_of_row(&mut third, 1, "");
    third.answer("workloads[2].name", "");
    let (code, shown) = third.end();
    assert_eq!(code, DONE, "{shown}");
    let file = kept(folder.path(), "triage.yaml");
    assert!(file.contains("name: 민원 포털"), "{file}");
    let json = assessed(folder.path(), "triage", "triage.yaml");
    let names: Vec<&str> = json["outcome"]["workloads"]
        .as_array()
        .expect("workloads")
        .iter()
        .filter_map(|w| w["name"].as_str())
        .collect();
    assert_eq!(names, ["급여 계산", "민원 포털"], "{json}");
    // What the terminal showed at its end is the same result.
    let begin = shown.find("{\r\n").expect("JSON");
    assert_eq!(result(shown[begin..].as_bytes()), json);
}

/// The first question of `name`, and an answer its data file has as an example.
fn first_answer(name: &str, lang: Lang) -> (String, String) {
    let method = find(name).expect("a method");
    let sheet = method.sheet(method.data).expect("reads");
    let prompt = Interview::new(&sheet, Map::new(), lang)
        .prompt()
        .expect("a question");
    assert!(!prompt.example.is_empty(), "{name}: {}", prompt.field);
    (prompt.field, prompt.example)
}

#[test]
fn every_method_keeps_its_first_answer_when_it_is_interrupted() {
    let folder = tempfile::tempdir().expect("a folder");
    for (lang, tag) in [(Lang::En, "en"), (Lang::Ko, "ko")] {
        for method in METHODS {
            let name = method.name;
            let (field, example) = first_answer(name, lang);
            let file = format!("{name}-{tag}.yaml");
            let command = ["assess", name, "--interactive", "-f", &file];
            let mut terminal = Terminal::start(folder.path(), tag, &command);
            terminal.wait_for("[1/");
            terminal.answer(&field, &example);
            terminal.wait_for("[2/");
            terminal.interrupt();
            let (code, shown) = terminal.end();
            assert_eq!(code, INTERRUPTED, "{name}: {shown}");
            let mut again = Terminal::start(folder.path(), tag, &command);
            again.wait_for("[2/");
            again.interrupt();
            let (code, shown) = again.end();
            assert_eq!(code, INTERRUPTED, "{name}: {shown}");
            assert!(!shown.contains("[1/"), "{name}: asked again: {shown}");
        }
    }
}

#[test]
fn ctrl_c_at_the_first_question_is_an_interruption_and_leaves_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let command = ["assess", "gpu", "--interactive"];
    let mut terminal = Terminal::start(folder.path(), "en", &command);
    terminal.wait_for("[1/");
    terminal.interrupt();
    let (code, shown) = terminal.end();
    assert_eq!(code, INTERRUPTED, "{shown}");
    assert!(!folder.path().join("gpu.yaml").exists());
}
