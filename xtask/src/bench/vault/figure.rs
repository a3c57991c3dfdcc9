//! One line of the table: two numbers, their ratio, and what was promised.

/// How a figure is judged.
#[derive(Debug, Clone, Copy)]
pub enum Gate {
    /// The peer's number over PlanB's is at least this; and what is aimed at.
    Times(f64, f64),
    /// PlanB's number over the peer's is at least this.
    Ratio(f64, f64),
    /// PlanB's number itself is at most this, in its unit.
    AtMost(f64, f64),
}

/// A measured figure, or why there is none.
#[derive(Debug)]
pub struct Figure {
    pub against: &'static str,
    pub metric: &'static str,
    pub unit: &'static str,
    pub gate: Gate,
    pub measured: Result<Measured, String>,
}

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// The peer's number; NaN where there is no peer.
    pub peer: f64,
    pub planb: f64,
}

impl Gate {
    fn value(self, measured: Measured) -> f64 {
        match self {
            Gate::Times(..) => measured.peer / measured.planb,
            Gate::Ratio(..) => measured.planb / measured.peer,
            Gate::AtMost(..) => measured.planb,
        }
    }

    fn words(self) -> (String, String) {
        match self {
            Gate::Times(gate, aim) => (format!("≥ {gate}×"), format!("{aim}×")),
            Gate::Ratio(gate, aim) => (format!("≥ {gate}"), format!("{aim}")),
            Gate::AtMost(gate, aim) => (format!("≤ {gate}"), format!("≤ {aim}")),
        }
    }

    fn verdict(self, value: f64) -> &'static str {
        let (met, aimed) = match self {
            Gate::Times(gate, aim) | Gate::Ratio(gate, aim) => (value >= gate, value >= aim),
            Gate::AtMost(gate, aim) => (value <= gate, value <= aim),
        };
        match (met, aimed) {
            (true, true) => "aim met",
            (true, false) => "gate met",
            _ => "MISSED",
        }
    }
}

/// The table as Markdown.
pub fn table(figures: &[Figure]) -> String {
    let mut text = String::from(
        "| against | metric | peer | PlanB | result | gate | aim | |\n\
         |---|---|---:|---:|---:|---:|---:|---|\n",
    );
    let mut missing: Vec<(String, &str)> = Vec::new();
    for figure in figures {
        let (gate, aim) = figure.gate.words();
        let (against, metric, unit) = (figure.against, figure.metric, figure.unit);
        let cells = match &figure.measured {
            Ok(measured) => {
                let value = figure.gate.value(*measured);
                let sign = if matches!(figure.gate, Gate::Times(..)) {
                    "×"
                } else {
                    ""
                };
                let (peer, planb) = (number(measured.peer), number(measured.planb));
                let verdict = figure.gate.verdict(value);
                format!(
                    "{peer} | {planb} | {}{sign} | {gate} | {aim} | {verdict}",
                    number(value)
                )
            }
            Err(why) => {
                let row = format!("{against}, {metric}");
                match missing.iter_mut().find(|(_, known)| *known == why) {
                    Some((rows, _)) => *rows += &format!("; {row}"),
                    None => missing.push((row, why)),
                }
                format!("| | | {gate} | {aim} | not measured")
            }
        };
        text.push_str(&format!("| {against} | {metric}, {unit} | {cells} |\n"));
    }
    if !missing.is_empty() {
        text.push_str("\nNot measured:\n\n");
        for (rows, why) in missing {
            text.push_str(&format!("- {rows}: {why}\n"));
        }
    }
    text
}

fn number(value: f64) -> String {
    match value.abs() {
        v if v.is_nan() => String::new(),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(gate: Gate, peer: f64, planb: f64) -> String {
        table(&[Figure {
            against: "a",
            metric: "m",
            unit: "s",
            gate,
            measured: Ok(Measured { peer, planb }),
        }])
    }

    #[test]
    fn gates_are_judged_in_their_own_direction() {
        assert!(
            line(Gate::Times(5.0, 8.0), 10.0, 2.0).contains("| 5.00× | ≥ 5× | 8× | gate met |")
        );
        assert!(line(Gate::Times(5.0, 8.0), 9.9, 2.0).contains("MISSED"));
        assert!(line(Gate::Ratio(0.95, 0.98), 100.0, 99.0).contains("aim met"));
        assert!(line(Gate::Ratio(0.95, 0.98), 100.0, 90.0).contains("MISSED"));
        assert!(line(Gate::AtMost(256.0, 128.0), f64::NAN, 200.0).contains("| gate met |"));
        assert!(line(Gate::AtMost(256.0, 128.0), f64::NAN, 300.0).contains("MISSED"));
    }

    #[test]
    fn what_was_not_measured_says_why_and_is_never_met() {
        let text = table(&[Figure {
            against: "a",
            metric: "m",
            unit: "s",
            gate: Gate::Times(1.0, 1.0),
            measured: Err("no such verb".into()),
        }]);
        assert!(text.contains("| not measured |") && text.contains("- a, m: no such verb"));
        assert!(!text.contains("met |"));
    }
}
