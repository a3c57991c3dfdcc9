//! The order of the predicates for one workload.

use super::{Class, Isolation, Rules, Workload};
use serde::Serialize;

/// What becomes of one workload, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Its name.
    pub name: String,
    /// What becomes of it.
    pub class: Class,
    /// How it runs then; empty while undecided.
    pub runtime: &'static str,
    /// The rule that decided: `a` to `d`; `?` while undecided.
    pub rule: &'static str,
    /// Every predicate that holds, whether or not it decided.
    pub fired: Vec<String>,
    /// Unanswered questions that decide.
    pub needs: Vec<String>,
}

/// Decides for one workload:
///
/// - (a) extreme latency or IOPS: keep;
/// - (b) isolation demanded: Kata or gVisor when the overhead is tolerable and
///   nothing ties it to a kernel; else KubeVirt when the review accepts it; else keep;
/// - (c) tied to a kernel, driver or OS: KubeVirt;
/// - (d) else modernise.
pub fn judge(rules: &Rules, workload: &Workload) -> Verdict {
    let verdict = |class, runtime, rule| Verdict {
        name: workload.name.clone(),
        class,
        runtime,
        rule,
        fired: fired(rules, workload),
        needs: Vec::new(),
    };
    let undecided = |needs: Vec<String>| Verdict {
        needs,
        ..verdict(Class::Undecided, "", "?")
    };
    match workload.extreme_latency {
        Some(true) => return verdict(Class::Keep, "vm", "a"),
        Some(false) => {}
        None => return undecided(vec!["extremeLatency".to_owned()]),
    }
    let Some(isolation) = workload.isolation else {
        return undecided(vec!["isolation".to_owned()]);
    };
    if isolation != Isolation::None {
        return isolated(rules, workload, isolation, &verdict, &undecided);
    }
    match tied(rules, workload) {
        Ok(true) => verdict(Class::Kubevirt, "kubevirt", "c"),
        Ok(false) => verdict(Class::Modernise, "runc", "d"),
        Err(needs) => undecided(needs),
    }
}

/// Rule (b).
fn isolated(
    rules: &Rules,
    workload: &Workload,
    isolation: Isolation,
    verdict: &dyn Fn(Class, &'static str, &'static str) -> Verdict,
    undecided: &dyn Fn(Vec<String>) -> Verdict,
) -> Verdict {
    // A no to either one settles it, whatever the other would be.
    let container = match (workload.overhead_tolerable, tied(rules, workload)) {
        (Some(false), _) | (_, Ok(true)) => false,
        (Some(true), Ok(false)) => true,
        (None, Ok(false)) => return undecided(vec!["overheadTolerable".to_owned()]),
        (Some(true), Err(needs)) => return undecided(needs),
        (None, Err(mut needs)) => {
            needs.insert(0, "overheadTolerable".to_owned());
            return undecided(needs);
        }
    };
    match (container, isolation, workload.review_accepts_kubevirt) {
        (true, Isolation::Hypervisor, _) => verdict(Class::Modernise, "kata", "b"),
        (true, ..) => verdict(Class::Modernise, "gvisor", "b"),
        (false, _, Some(true)) => verdict(Class::Kubevirt, "kubevirt", "b"),
        (false, _, Some(false)) => verdict(Class::Keep, "vm", "b"),
        (false, _, None) => undecided(vec!["reviewAcceptsKubevirt".to_owned()]),
    }
}

/// Whether anything ties it to a kernel, driver or OS; the questions that would
/// tell, when that is not known.
fn tied(rules: &Rules, workload: &Workload) -> Result<bool, Vec<String>> {
    let answer = |id: &String| workload.predicates.get(id).copied();
    if rules
        .kernel_predicates
        .iter()
        .any(|id| answer(id) == Some(true))
    {
        return Ok(true);
    }
    let open = rules
        .kernel_predicates
        .iter()
        .filter(|id| answer(id).is_none());
    let open: Vec<String> = open.cloned().collect();
    if open.is_empty() {
        Ok(false)
    } else {
        Err(open)
    }
}

fn fired(rules: &Rules, workload: &Workload) -> Vec<String> {
    let mut out = Vec::new();
    if workload.extreme_latency == Some(true) {
        out.push("extremeLatency".to_owned());
    }
    if workload.isolation.is_some_and(|i| i != Isolation::None) {
        out.push("isolation".to_owned());
    }
    let holds = |id: &&String| workload.predicates.get(*id) == Some(&true);
    out.extend(rules.kernel_predicates.iter().filter(holds).cloned());
    out
}
