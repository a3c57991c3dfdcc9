//! Ransomware and honest work over simulated days, one point an hour. The
//! measures are taken from generated content, not made up.

use super::*;
use planb_model::recovery::ObjectHash;

const ROWS: usize = 1_000;
const HOURS: usize = 48;

/// A table whose rows can be written over, and what is measured of it.
struct Table {
    rows: Vec<String>,
}

impl Table {
    fn new() -> Self {
        let row = |n| {
            format!(
                "order {n} of customer {} in Seoul, paid, {} won",
                n % 97,
                n * 31
            )
        };
        Self {
            rows: (0..ROWS).map(row).collect(),
        }
    }

    /// Rewrites a row with what looks like ciphertext in Base64.
    fn encrypt(&mut self, index: usize) {
        let noise = ObjectHash::of(self.rows[index].as_bytes()).0;
        let bytes = noise.as_bytes().chunks(2).map(|pair| {
            let byte = u8::from_str_radix(std::str::from_utf8(pair).expect("hex"), 16);
            char::from(b'!' + byte.expect("a byte") % 90)
        });
        self.rows[index] = bytes.collect();
    }

    fn entropy(&self) -> f64 {
        let mut counts = [0u64; 256];
        let mut total = 0u64;
        for byte in self.rows.iter().flat_map(|row| row.bytes()) {
            counts[usize::from(byte)] += 1;
            total += 1;
        }
        counts
            .iter()
            .filter(|count| **count > 0)
            .map(|count| *count as f64 / total as f64)
            .map(|share| -share * share.log2())
            .sum()
    }
}

fn at(hour: usize) -> Timestamp {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
    start + jiff::SignedDuration::from_hours(hour as i64)
}

fn point(hour: usize, table: &Table, updates: f64) -> Point {
    let measured = |signal, value| Measured {
        signal,
        table: Some("orders".into()),
        value: OrderedValue::new(value),
    };
    Point {
        id: format!("h{hour:02}"),
        at: at(hour),
        drilled: Some(true),
        damage: None,
        immutable: Some(true),
        rows: [
            ("orders".to_owned(), table.rows.len() as u64),
            ("users".to_owned(), 500),
        ]
        .into(),
        dropped: Vec::new(),
        measures: vec![
            measured(Signal::Entropy, table.entropy()),
            measured(Signal::Updates, updates),
        ],
        failed_checks: Vec::new(),
    }
}

/// Two days; `hour` says what happens in each before its point is taken.
fn run(mut happens: impl FnMut(usize, &mut Table, &mut Point)) -> Choice {
    let mut table = Table::new();
    let points: Vec<Point> = (0..HOURS)
        .map(|hour| {
            // Honest work: a row an hour is written again.
            table.rows[hour] = format!("order {hour} of customer 5 in Busan, shipped");
            let mut point = point(hour, &table, 10.0 + (hour % 3) as f64);
            happens(hour, &mut table, &mut point);
            let fresh = self::point(hour, &table, 0.0);
            point.measures[0] = fresh.measures[0].clone();
            point
        })
        .collect();
    choose(&points, &Policy::default())
}

fn chosen(choice: &Choice) -> &str {
    choice.chosen.as_ref().map_or("none", |judged| &judged.id)
}

#[test]
fn rows_rewritten_as_ciphertext_are_noticed_at_once() {
    let choice = run(|hour, table, _| {
        if hour >= 40 {
            let from = (hour - 40) * 125;
            (from..(from + 125).min(ROWS)).for_each(|row| table.encrypt(row));
        }
    });
    assert_eq!(chosen(&choice), "h39", "{:?}", choice.rejected);
    assert_eq!(choice.rejected.len(), 8);
    assert!(
        choice
            .rejected
            .iter()
            .all(|j| j.rejected.iter().any(Reason::is_about_content))
    );
}

#[test]
fn a_slow_drip_is_found_back_to_its_beginning() {
    // Three rows of a thousand an hour: no point stands out from its neighbours.
    let choice = run(|hour, table, _| {
        if hour >= 20 {
            let from = 100 + (hour - 20) * 3;
            (from..from + 3).for_each(|row| table.encrypt(row));
        }
    });
    let chosen = choice.chosen.as_ref().expect("a point");
    assert!(
        chosen.at >= at(17) && chosen.at <= at(21),
        "{} {:?}",
        chosen.id,
        choice.rejected.last()
    );
    let drift = |r: &Reason| matches!(r, Reason::Drifts { .. });
    assert!(choice.rejected[0].rejected.iter().any(drift));
}

#[test]
fn dropped_and_emptied_tables_are_noticed() {
    let dropped = run(|hour, _, point| {
        if hour >= 30 {
            point.rows.remove("users");
        }
    });
    assert_eq!(chosen(&dropped), "h29");
    assert_eq!(
        dropped.rejected[0].rejected,
        [Reason::TableGone("users".into())]
    );
    let emptied = run(|hour, _, point| {
        if hour >= 30 {
            point.rows.insert("users".into(), 3);
        }
    });
    assert_eq!(chosen(&emptied), "h29");
}

#[test]
fn a_month_end_batch_is_said_and_not_rejected() {
    let choice = run(|hour, table, point| {
        if hour >= 44 {
            for (n, row) in table.rows.iter_mut().enumerate().take(900) {
                *row = format!(
                    "order {n} of customer {} in Seoul, settled, {} won",
                    n % 97,
                    n * 31
                );
            }
            point.measures[1].value = OrderedValue::new(5_000.0);
        }
    });
    assert_eq!(chosen(&choice), "h47", "{:?}", choice.rejected);
    let noted = &choice.chosen.as_ref().expect("a point").noted;
    assert!(matches!(noted[..], [Reason::OutOfBand { .. }]), "{noted:?}");
    let quiet = run(|_, _, _| {});
    assert!(choice.confidence < quiet.confidence && quiet.confidence <= CONFIDENCE_MAX);
}

#[test]
fn facts_reject_whatever_the_content_is() {
    type Change = fn(&mut Point);
    let tests: [(Change, Reason); 4] = [
        (|p| p.drilled = None, Reason::NotDrilled),
        (|p| p.drilled = Some(false), Reason::DrillFailed),
        (|p| p.immutable = Some(false), Reason::NotImmutable),
        (|p| p.damage = Some("x".into()), Reason::Damaged("x".into())),
    ];
    for (change, reason) in tests {
        let choice = run(|hour, _, point| {
            if hour == HOURS - 1 {
                change(point);
            }
        });
        assert_eq!(chosen(&choice), "h46", "{reason:?}");
        assert_eq!(choice.rejected[0].rejected, [reason]);
    }
}

#[test]
fn nothing_is_chosen_when_everything_is_rejected_or_nothing_is_there() {
    assert_eq!(choose(&[], &Policy::default()).chosen, None);
    let choice = run(|_, _, point| point.drilled = None);
    assert_eq!((chosen(&choice), choice.confidence), ("none", 0.0));
    assert_eq!(choice.rejected.len(), HOURS);
}

#[test]
fn one_more_broken_row_than_ever_before_rejects() {
    let with = |hour: usize, broken: f64| {
        let mut point = point(hour, &Table::new(), 10.0);
        point.measures.push(Measured {
            signal: Signal::Orphans,
            table: Some("orders".into()),
            value: OrderedValue::new(broken),
        });
        point
    };
    // Two that were always there are nobody's attack, and need no band.
    let policy = Policy::default();
    let choice = choose(&[with(0, 2.0), with(1, 2.0)], &policy);
    assert_eq!(chosen(&choice), "h01");
    let choice = choose(&[with(0, 2.0), with(1, 3.0)], &policy);
    assert_eq!(chosen(&choice), "h00");
    let choice = choose(&[with(0, 3.0)], &policy);
    assert_eq!(chosen(&choice), "h00", "nothing to compare with: only said");
    assert_eq!(choice.chosen.expect("a point").noted.len(), 1);
}

/// Points a day apart: of files unless `rows`, with these bits of entropy each.
fn by_entropy(values: &[f64], rows: &[usize]) -> Vec<Judged> {
    let measure = |index: usize, value: &f64| {
        let mut point = point(index, &Table::new(), 1.0);
        point.measures = vec![Measured {
            signal: Signal::Entropy,
            table: (!rows.contains(&index)).then(|| FILES.to_owned()),
            value: OrderedValue::new(*value),
        }];
        point
    };
    let points: Vec<_> = values
        .iter()
        .enumerate()
        .map(|(i, v)| measure(i, v))
        .collect();
    judge_all(&points, &Policy::default())
}

fn rejected(judged: &[Judged]) -> Vec<usize> {
    let bad = |(index, j): (usize, &Judged)| (!j.rejected.is_empty()).then_some(index);
    judged.iter().enumerate().filter_map(bad).collect()
}

/// As a real MariaDB wrote them beside a growing table.
const OF_FILES: [f64; 8] = [5.99, 5.917, 5.98, 5.95, 5.96, 5.638, 5.91, 6.1];

#[test]
fn pages_that_are_filled_later_are_no_attack_on_files() {
    let judged = by_entropy(&OF_FILES, &[]);
    assert_eq!(rejected(&judged), [0; 0], "{judged:?}");
    // The same of rows would be.
    assert!(!rejected(&by_entropy(&OF_FILES, &[0, 1, 2, 3, 4, 5, 6, 7])).is_empty());
}

#[test]
fn files_full_of_ciphertext_are_rejected_and_said_to_be_files() {
    let mut values = OF_FILES.to_vec();
    values.extend([7.2, 7.3]);
    let judged = by_entropy(&values, &[]);
    assert_eq!(rejected(&judged), [8, 9], "{judged:?}");
    let said = judged[8].rejected[0].text();
    assert!(said.en.starts_with("files: ") && said.ko.starts_with("파일: "));
}

#[test]
fn another_method_of_taking_snapshots_is_no_attack() {
    let values = [4.5, 4.51, 4.5, 4.52, 4.5, 4.51, 6.0, 6.0, 6.0];
    let judged = by_entropy(&values, &[0, 1, 2, 3, 4, 5]);
    assert_eq!(rejected(&judged), [0; 0], "{judged:?}");
}
