//! `portfolio`: many services against their targets, and the order in which
//! they move (DR 10.2.1), with the figures for the board (V 12.2.2).

mod cycles;
mod kpi;
mod progress;
mod tell;
mod waves;

use crate::answers::Complaint;
use crate::method::{Assess, Inputs};
use crate::report::Report;
use crate::sheet::Sheet;
use jiff::civil::Date;
use planb_model::Text;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

pub use kpi::Kpi;
pub use progress::{Exit, Progress};

/// The method.
pub struct Portfolio;

/// Its rules.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rules {
    /// In the order in which they move; the first one is of the new systems.
    groups: Vec<Group>,
    drill_days_max: i32,
    core_rto_seconds_max: f64,
    benchmarks: kpi::Benchmarks,
}

/// Services that move at the same time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    id: String,
    label: Text,
    categories: Vec<String>,
}

/// The answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answers {
    #[serde(default)]
    as_of: Option<Date>,
    #[serde(default)]
    wave_max: Option<usize>,
    #[serde(default)]
    exit_ratio: Option<f64>,
    #[serde(default)]
    exit_by: Option<Date>,
    #[serde(default)]
    kpi: kpi::Figures,
    services: Vec<Service>,
}

/// One service. Times are in seconds.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Service {
    name: String,
    #[serde(default)]
    owner: String,
    grade: u8,
    category: String,
    #[serde(default)]
    new: bool,
    state: State,
    #[serde(default)]
    was_bridge: bool,
    rto_target: Option<f64>,
    rpo_target: Option<f64>,
    rto_measured: Option<f64>,
    rpo_measured: Option<f64>,
    drilled_on: Option<Date>,
    #[serde(default)]
    depends_on: String,
    #[serde(default)]
    blocker: String,
}

/// How far a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Not begun.
    #[default]
    Waiting,
    /// Moving.
    Moving,
    /// A VM on Kubernetes, for a while.
    Bridge,
    /// Moved.
    Moved,
    /// It stays a VM.
    Keep,
}

/// What comes out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    counts: BTreeMap<Progress, usize>,
    moved: usize,
    exit: Exit,
    waves: Vec<waves::Wave>,
    /// Services that wait for each other, each circle once.
    cycles: Vec<Vec<String>>,
    kpis: Vec<Kpi>,
    services: Vec<Judged>,
}

/// One service, judged.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Judged {
    name: String,
    group: String,
    progress: Progress,
    /// Its aims, or its lack of one, against the guideline.
    core_target_missing: bool,
    /// When it moves, from 1; `None` when it does not, or a circle holds it.
    wave: Option<usize>,
    /// Whether it moves at all.
    moves: bool,
    /// What it waits for beyond its group: the dependency that moves last.
    held_by: Option<String>,
}

impl State {
    /// Whether it still has to move.
    fn moves(self) -> bool {
        matches!(self, State::Waiting | State::Moving | State::Bridge)
    }
}

impl Service {
    /// The names it depends on, each once.
    fn needs(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        let parts = self.depends_on.split([';', ',', '|']).map(str::trim);
        for part in parts.filter(|p| !p.is_empty()) {
            if !names.contains(&part) {
                names.push(part);
            }
        }
        names
    }
}

impl Rules {
    /// The position of the group `service` moves with.
    fn group(&self, service: &Service) -> usize {
        if service.new {
            return 0;
        }
        let of = |g: &Group| g.categories.contains(&service.category);
        self.groups
            .iter()
            .position(of)
            .unwrap_or(self.groups.len().saturating_sub(1))
    }
}

impl Assess for Portfolio {
    const NAME: &'static str = "portfolio";
    const SHEET: &'static str = include_str!("../../rules/portfolio.yaml");
    type Rules = Rules;
    type Answers = Answers;
    type Outcome = Outcome;

    fn check(_rules: &Rules, answers: &Answers) -> Vec<Complaint> {
        let names: HashMap<&str, usize> = index(&answers.services);
        let all: Vec<&str> = names.keys().copied().collect();
        let mut out = Vec::new();
        for (at, service) in answers.services.iter().enumerate() {
            for name in service.needs().iter().filter(|n| !names.contains_key(*n)) {
                out.push(unknown(at, name, &all));
            }
            out.extend(odd(at, service, answers.as_of));
        }
        out
    }

    fn evaluate(rules: &Rules, answers: &Answers, _inputs: &Inputs) -> Outcome {
        let plan = waves::plan(rules, answers);
        let judged = |(at, service): (usize, &Service)| Judged {
            name: service.name.clone(),
            group: rules.groups[rules.group(service)].id.clone(),
            progress: progress::of(rules, answers.as_of, service),
            core_target_missing: progress::core_target_missing(rules, service),
            wave: plan.wave[at],
            moves: service.state.moves(),
            held_by: plan.held_by[at].map(|by| answers.services[by].name.clone()),
        };
        let services: Vec<Judged> = answers.services.iter().enumerate().map(judged).collect();
        let mut counts = BTreeMap::new();
        for service in &services {
            *counts.entry(service.progress).or_insert(0) += 1;
        }
        let exit = progress::exit(answers);
        let moved = answers.services.iter();
        Outcome {
            counts,
            moved: moved.filter(|s| s.state == State::Moved).count(),
            kpis: kpi::of(rules, &answers.kpi, &exit),
            exit,
            waves: plan.waves,
            cycles: plan.cycles,
            services,
        }
    }

    fn report(sheet: &Sheet, rules: &Rules, answers: &Answers, outcome: &Outcome) -> Report {
        tell::report(sheet, rules, answers, outcome)
    }
}

/// Positions by name.
fn index(services: &[Service]) -> HashMap<&str, usize> {
    let services = services.iter().enumerate();
    services.map(|(at, s)| (s.name.as_str(), at)).collect()
}

/// A dependency that is in no line. Near names are looked for only while there
/// are few, since every name is compared with every other.
fn unknown(at: usize, name: &str, all: &[&str]) -> Complaint {
    const COMPARED_MAX: usize = 1_000;
    let near = (all.len() <= COMPARED_MAX)
        .then(|| planb_model::plan::nearest(name, all))
        .flatten();
    let hint = match near {
        Some(near) => Text::new(
            format!("did you mean `{near}`?"),
            format!("`{near}`을(를) 적으려던 것인가요?"),
        ),
        None => Text::new(
            "add the service to the inventory, or take the name out",
            "서비스를 목록에 추가하거나 이름을 지우세요",
        ),
    };
    Complaint {
        field: format!("services[{at}].dependsOn"),
        message: Text::new(
            format!("there is no service `{name}`"),
            format!("`{name}` 서비스가 목록에 없습니다"),
        ),
        hint,
    }
}

/// What cannot be.
fn odd(at: usize, service: &Service, as_of: Option<Date>) -> Vec<Complaint> {
    let complaint = |field: &str, message, hint| Complaint {
        field: format!("services[{at}].{field}"),
        message,
        hint,
    };
    let mut out = Vec::new();
    if matches!((service.drilled_on, as_of), (Some(drill), Some(today)) if drill > today) {
        out.push(complaint(
            "drilledOn",
            Text::new(
                "a drill after the day of the inventory",
                "기준일보다 나중의 훈련입니다",
            ),
            Text::new(
                "correct this day, or `asOf`",
                "훈련일이나 `asOf`를 고치세요",
            ),
        ));
    }
    if service.was_bridge && service.state == State::Waiting {
        out.push(complaint(
            "wasBridge",
            Text::new(
                "not begun, and yet it was on KubeVirt",
                "미착수인데 KubeVirt를 거쳤다고 되어 있습니다",
            ),
            Text::new(
                "correct `state` or `wasBridge`",
                "`state`나 `wasBridge`를 고치세요",
            ),
        ));
    }
    out
}
