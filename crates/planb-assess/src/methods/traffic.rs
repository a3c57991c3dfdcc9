//! `traffic`: three axes, tolerated delay, session need and skills, choose the
//! layer traffic is divided at (DR 2.2.2).
//!
//! The document's table gives a load balancer medium session consistency, while
//! its text sends "strong sessions with load-balancer skills" there, too. So a
//! load balancer serves strong sessions only on the condition that sessions are
//! kept outside the application; otherwise it is a gap, and said.

mod tell;

use crate::method::{Assess, Inputs};
use crate::report::Report;
use crate::sheet::Sheet;
use planb_model::Text;
use serde::{Deserialize, Serialize};

/// The method.
pub struct Traffic;

/// Its rules: the layers, from the lowest to the highest.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    layers: Vec<LayerRule>,
}

/// What a layer can do.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LayerRule {
    id: Layer,
    label: Text,
    /// The shortest switch delay that can be promised, in seconds.
    delay_seconds_min: f64,
    delay: Text,
    session: Session,
    burden: Text,
    mind: Text,
}

/// Where traffic is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Layer {
    /// By answers to names.
    Dns,
    /// By a load balancer before both sites.
    LoadBalancer,
    /// By a service mesh over both clusters.
    Mesh,
}

/// How well a session stays at one site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Session {
    /// It may change sites at any time.
    Weak,
    /// It stays until a site is lost.
    Medium,
    /// It survives the loss of a site.
    Strong,
}

/// The answers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    workloads: Vec<Workload>,
}

/// One workload.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Workload {
    name: String,
    /// In seconds.
    tolerated_delay: f64,
    session: Session,
    #[serde(default)]
    external_sessions: Option<bool>,
    #[serde(default)]
    progressive: Option<bool>,
    skill: Layer,
}

/// What comes out.
#[derive(Debug, Serialize)]
pub struct Outcome {
    workloads: Vec<Choice>,
}

/// The layers of one workload.
#[derive(Debug, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Choice {
    name: String,
    /// The highest layer it needs.
    layer: Layer,
    /// All layers, as they stack.
    stack: Vec<Layer>,
    /// What asked for that layer.
    because: Vec<Axis>,
    /// What has to be there before.
    conditions: Vec<Condition>,
}

/// What asks for a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Axis {
    /// The tolerated switch delay.
    Delay,
    /// The session consistency.
    Session,
    /// Gradual rollout.
    Progressive,
}

/// What has to be there before a layer serves a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Condition {
    /// Sessions kept outside the application; they are not, or it is not known.
    ExternalSessions,
    /// A team that can run the layer.
    Skill,
}

impl Assess for Traffic {
    const NAME: &'static str = "traffic";
    const SHEET: &'static str = include_str!("../../rules/traffic.yaml");
    type Rules = Rules;
    type Answers = Answers;
    type Outcome = Outcome;

    fn evaluate(rules: &Rules, answers: &Answers, _inputs: &Inputs) -> Outcome {
        let choose = |workload: &Workload| choose(rules, workload);
        Outcome {
            workloads: answers.workloads.iter().map(choose).collect(),
        }
    }

    fn report(_: &Sheet, rules: &Rules, answers: &Answers, outcome: &Outcome) -> Report {
        tell::report(rules, answers, outcome)
    }
}

fn choose(rules: &Rules, workload: &Workload) -> Choice {
    // Layers are sorted: the first that is good enough is the lowest.
    let lowest = |enough: &dyn Fn(&LayerRule) -> bool| -> Layer {
        let found = rules.layers.iter().find(|layer| enough(layer));
        found.map_or(Layer::Mesh, |layer| layer.id)
    };
    let delay = lowest(&|layer| layer.delay_seconds_min <= workload.tolerated_delay);
    let mut session = lowest(&|layer| layer.session >= workload.session);
    let progressive = if workload.progressive == Some(true) {
        Layer::Mesh
    } else {
        Layer::Dns
    };
    let mut conditions = Vec::new();
    // A team of load balancers serves strong sessions as well, when a lost site
    // does not take them along.
    let by_session_alone = session == Layer::Mesh && delay.max(progressive) < Layer::Mesh;
    if by_session_alone && workload.skill < Layer::Mesh {
        session = Layer::LoadBalancer;
        if workload.external_sessions != Some(true) {
            conditions.push(Condition::ExternalSessions);
        }
    }
    let layer = delay.max(session).max(progressive);
    if workload.skill < layer {
        conditions.push(Condition::Skill);
    }
    let axes = [
        (Axis::Delay, delay),
        (Axis::Session, session),
        (Axis::Progressive, progressive),
    ];
    let asks =
        |(axis, asked): &(Axis, Layer)| (*asked == layer && layer > Layer::Dns).then_some(*axis);
    Choice {
        name: workload.name.clone(),
        layer,
        stack: [Layer::Dns, Layer::LoadBalancer, Layer::Mesh]
            .into_iter()
            .filter(|l| *l <= layer)
            .collect(),
        because: axes.iter().filter_map(asks).collect(),
        conditions,
    }
}
