//! `images`: the board's agenda of seven, the four variables, a replication
//! pattern per group of images, and the room a gateway in a DMZ needs (DR 3, 7).

mod tell;

use crate::answers::Complaint;
use crate::method::{Assess, Inputs};
use crate::report::Report;
use crate::sheet::Sheet;
use planb_model::Text;
use serde::{Deserialize, Serialize};

/// Seconds of a day, the unit of build rates.
const DAY_SECS: f64 = 86_400.0;

/// The method.
pub struct Images;

/// Its rules.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    agenda: Vec<AgendaRule>,
    patterns: Vec<PatternRule>,
}

/// One item of the agenda.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgendaRule {
    id: String,
    area: Text,
    /// What is to be decided.
    line: Text,
    #[serde(default)]
    most_important: bool,
}

/// One pattern and its price.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatternRule {
    id: Pattern,
    label: Text,
    truth: Text,
    line: Text,
    conflict: Conflicts,
    fits: Text,
    burden: Level,
}

/// Whether two sites can disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Conflicts {
    /// They cannot.
    None,
    /// They can: a policy is needed.
    Policy,
}

/// How much work it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
}

/// How images get to the other site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Pattern {
    /// The truth sends.
    Push,
    /// The other site fetches.
    Pull,
    /// Both send.
    TwoWay,
    /// Fetched when asked for, and kept for a while.
    Cache,
}

/// The answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answers {
    agenda: Vec<Decision>,
    #[serde(default)]
    period: Option<String>,
    #[serde(default)]
    trigger: Option<String>,
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    conflict: Option<String>,
    /// In seconds.
    #[serde(default)]
    outage_sla: Option<f64>,
    images: Vec<Group>,
}

/// What the board decided about one item.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    item: String,
    decision: String,
}

/// Images that travel alike.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Group {
    name: String,
    built_at: BuiltAt,
    network: Network,
    #[serde(default)]
    line_unstable: Option<bool>,
    #[serde(default)]
    line_dear: Option<bool>,
    per_day: f64,
    /// In MiB.
    mean_size: f64,
}

/// Where images are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BuiltAt {
    /// At one site.
    One,
    /// At both.
    Both,
}

/// How the sites may talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// Directly.
    Direct,
    /// Through a gateway in a DMZ only.
    Separated,
}

/// What comes out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Items of the agenda without a decision.
    open: Vec<String>,
    /// Variables without a value.
    open_variables: Vec<&'static str>,
    groups: Vec<Route>,
    /// Room of the gateway in MiB; absent when nothing goes through one, or the
    /// outage to be bridged is not known.
    gateway_mib: Option<f64>,
}

/// How one group travels.
#[derive(Debug, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    name: String,
    pattern: Pattern,
    /// Through a gateway registry: push to it, pull from it.
    through_gateway: bool,
    /// Beside the pattern, never alone: a cache for every day, and a pull of the
    /// core images every period.
    with_cache: bool,
    /// Two sites can disagree and no policy is decided.
    conflict_open: bool,
}

impl Assess for Images {
    const NAME: &'static str = "images";
    const SHEET: &'static str = include_str!("../../rules/images.yaml");
    type Rules = Rules;
    type Answers = Answers;
    type Outcome = Outcome;

    fn check(_rules: &Rules, answers: &Answers) -> Vec<Complaint> {
        let through = answers
            .images
            .iter()
            .any(|g| g.network == Network::Separated);
        if through && answers.outage_sla.is_none() {
            return vec![Complaint {
                field: "outageSla".to_owned(),
                message: Text::new(
                    "a gateway in the DMZ has no size without it",
                    "이 값이 없으면 DMZ 게이트웨이 용량을 계산할 수 없습니다",
                ),
                hint: Text::new(
                    "write the longest outage of the line that must be bridged, such as 24h",
                    "견뎌야 할 최장 회선 단절 시간을 적으세요. 예: 24h",
                ),
            }];
        }
        Vec::new()
    }

    fn evaluate(rules: &Rules, answers: &Answers, _inputs: &Inputs) -> Outcome {
        let decided = |rule: &&AgendaRule| !answers.agenda.iter().any(|d| d.item == rule.id);
        let open = rules.agenda.iter().filter(decided).map(|r| r.id.clone());
        let variables = [
            ("period", answers.period.is_none()),
            ("trigger", answers.trigger.is_none()),
            ("scope", answers.scope.is_none()),
            ("conflict", answers.conflict.is_none()),
        ];
        let groups: Vec<Route> = answers.images.iter().map(|g| route(answers, g)).collect();
        Outcome {
            open: open.collect(),
            open_variables: variables
                .iter()
                .filter(|(_, open)| *open)
                .map(|(n, _)| *n)
                .collect(),
            groups,
            gateway_mib: gateway(answers),
        }
    }

    fn report(_: &Sheet, rules: &Rules, answers: &Answers, outcome: &Outcome) -> Report {
        tell::report(rules, answers, outcome)
    }
}

/// Both sites build: two-way. Separated networks: push to the gateway and pull
/// from it, whichever way. A line that breaks: the other site fetches when it
/// can. Else the truth sends at each build.
fn route(answers: &Answers, group: &Group) -> Route {
    let separated = group.network == Network::Separated;
    let pattern = match group.built_at {
        BuiltAt::Both => Pattern::TwoWay,
        BuiltAt::One if separated || group.line_unstable == Some(true) => Pattern::Pull,
        BuiltAt::One => Pattern::Push,
    };
    Route {
        name: group.name.clone(),
        pattern,
        through_gateway: separated,
        with_cache: group.line_dear == Some(true),
        conflict_open: pattern == Pattern::TwoWay && answers.conflict.is_none(),
    }
}

/// Outage × new images per time × mean size, of everything that goes through.
fn gateway(answers: &Answers) -> Option<f64> {
    let through = answers
        .images
        .iter()
        .filter(|g| g.network == Network::Separated);
    let per_day: f64 = through.map(|g| g.per_day * g.mean_size).sum();
    let days = answers.outage_sla? / DAY_SECS;
    (per_day > 0.0).then_some(days * per_day)
}
