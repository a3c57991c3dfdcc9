//! A CSV file as the list of a method (RFC 4180, and what Excel writes: `;` or
//! tabs between the cells). Headings are field names or their questions' words
//! in either language.

use crate::sheet::{List, Sheet};
use planb_model::Text;
use planb_model::plan::Problems;
use planb_model::plan::tree::{Entry, Node, Spot, Value};

/// Begins a line about the separator, before the headings.
const SEPARATOR_SAID: &str = "sep=";

/// One cell and its place.
struct Cell {
    text: String,
    spot: Spot,
}

/// The answers a CSV file holds; `None` when it cannot be read.
pub(super) fn read(text: &str, sheet: &Sheet, problems: &mut Problems) -> Option<Node> {
    let Some((question, list)) = sheet.csv_list() else {
        refuse(
            problems,
            Spot::START,
            Text::new(
                "this assessment has no list to read from CSV",
                "이 평가는 CSV로 읽을 목록이 없습니다",
            ),
            Text::new("write the answers as YAML", "답변을 YAML로 적으세요"),
        );
        return None;
    };
    // Spreadsheets write the empty rows of their grid: `,,,`.
    let is_filled = |record: &Vec<Cell>| record.iter().any(|c| !c.text.trim().is_empty());
    let mut records = records(text, problems)?
        .into_iter()
        .filter(is_filled)
        .peekable();
    records.next_if(|first| first[0].text.starts_with(SEPARATOR_SAID));
    let head = records.next().unwrap_or_default();
    let fields: Vec<(String, Spot)> = head
        .iter()
        .map(|cell| (field(cell, list), cell.spot))
        .collect();
    let mut rows = Vec::new();
    for record in records {
        let spot = record.first().map_or(Spot::START, |c| c.spot);
        if record.len() > fields.len() {
            refuse(
                problems,
                record[fields.len()].spot,
                Text::new(
                    "more cells than there are headings",
                    "제목보다 칸이 많습니다",
                ),
                Text::new(
                    "put cells with commas in quotes",
                    "쉼표가 든 칸은 따옴표로 묶으세요",
                ),
            );
            return None;
        }
        let entries = fields.iter().zip(record).map(|((key, _), cell)| Entry {
            key: key.clone(),
            key_spot: cell.spot,
            node: leaf(cell.spot, Value::Text(cell.text)),
        });
        rows.push(leaf(Spot { len: 0, ..spot }, Value::Map(entries.collect())));
    }
    if !names_are_known(&fields, list, problems) {
        return None;
    }
    let entry = Entry {
        key: question.id.clone(),
        key_spot: Spot::START,
        node: leaf(Spot::START, Value::List(rows)),
    };
    Some(leaf(Spot::START, Value::Map(vec![entry])))
}

/// Wrong headings are told once, not on every line.
fn names_are_known(fields: &[(String, Spot)], list: &List, problems: &mut Problems) -> bool {
    let known: Vec<&str> = list.fields.iter().map(|f| f.id.as_str()).collect();
    let mut fine = true;
    for (index, (name, spot)) in fields.iter().enumerate() {
        let twice = fields[..index].iter().any(|(other, _)| other == name);
        if known.contains(&name.as_str()) && !twice {
            continue;
        }
        fine = false;
        let all = known.join("`, `");
        refuse(
            problems,
            *spot,
            if twice {
                Text::new("this heading is there twice", "같은 제목이 두 번 있습니다")
            } else {
                Text::new("a heading that is no field", "항목 이름이 아닌 제목입니다")
            },
            Text::new(
                format!("headings are `{all}`"),
                format!("쓸 수 있는 제목: `{all}`"),
            ),
        );
    }
    fine
}

fn field(cell: &Cell, list: &List) -> String {
    let text = cell.text.trim();
    let known = list.fields.iter().find(|f| {
        f.id.eq_ignore_ascii_case(text) || f.ask.en.eq_ignore_ascii_case(text) || f.ask.ko == text
    });
    known.map_or_else(|| text.to_owned(), |f| f.id.clone())
}

fn leaf(spot: Spot, value: Value) -> Node {
    Node {
        spot,
        defined: spot,
        value,
    }
}

fn refuse(problems: &mut Problems, spot: Spot, message: Text, hint: Text) {
    problems.add("PB-ANSWERS-CSV", spot, "", message, hint);
}

/// Reads all records of the text.
fn records(text: &str, problems: &mut Problems) -> Option<Vec<Vec<Cell>>> {
    let separator = separator(text);
    let mut reader = Reader::default();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if reader.quoted && chars.peek() == Some(&'"') => {
                chars.next();
                reader.column += 1;
                reader.push('"');
            }
            '"' if reader.quoted => reader.quoted = false,
            '"' if reader.cell.is_empty() => reader.quoted = true,
            '\r' if !reader.quoted && chars.peek() == Some(&'\n') => {}
            c if reader.quoted => reader.push(c),
            c if c == separator => reader.end_cell(),
            '\n' => reader.end_record(),
            c => reader.push(c),
        }
        reader.step(c);
    }
    if reader.quoted {
        refuse(
            problems,
            reader.began,
            Text::new(
                "a quote that is never closed",
                "닫히지 않은 따옴표가 있습니다",
            ),
            Text::new(
                "close it, or write two quotes for one inside a cell",
                "따옴표를 닫거나, 칸 안의 따옴표는 두 번 적으세요",
            ),
        );
        return None;
    }
    if !reader.cell.is_empty() || !reader.record.is_empty() {
        reader.end_record();
    }
    Some(reader.records)
}

/// What stands between cells: what a first line `sep=;` says, which Excel reads
/// and some programs write, or what the first line has most of.
fn separator(text: &str) -> char {
    let first = text.lines().find(|line| !line.is_empty());
    let first = first.unwrap_or_default();
    let said = first.strip_prefix(SEPARATOR_SAID);
    said.and_then(|rest| rest.chars().next())
        .unwrap_or_else(|| {
            [',', ';', '\t']
                .into_iter()
                .rev()
                .max_by_key(|s| first.matches(*s).count())
                .unwrap_or(',')
        })
}

struct Reader {
    records: Vec<Vec<Cell>>,
    record: Vec<Cell>,
    cell: String,
    quoted: bool,
    /// Where the cell began.
    began: Spot,
    line: usize,
    column: usize,
    offset: usize,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            record: Vec::new(),
            cell: String::new(),
            quoted: false,
            began: Spot::START,
            line: 1,
            column: 1,
            offset: 0,
        }
    }
}

impl Reader {
    fn push(&mut self, c: char) {
        self.cell.push(c);
    }

    fn end_cell(&mut self) {
        let text = std::mem::take(&mut self.cell);
        let len = self.offset.saturating_sub(self.began.offset);
        self.record.push(Cell {
            text,
            spot: Spot { len, ..self.began },
        });
        self.began = Spot {
            line: self.line,
            column: self.column + 1,
            offset: self.offset + 1,
            len: 0,
        };
    }

    fn end_record(&mut self) {
        self.end_cell();
        self.began.line = self.line + 1;
        self.began.column = 1;
        self.records.push(std::mem::take(&mut self.record));
    }

    /// Counts the character that was taken.
    fn step(&mut self, c: char) {
        self.offset += 1;
        self.column += 1;
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<Vec<String>> {
        records(text, &mut Problems::default())
            .unwrap()
            .into_iter()
            .map(|r| r.into_iter().map(|c| c.text).collect())
            .collect()
    }

    #[test]
    fn quotes_line_ends_and_separators() {
        assert_eq!(
            cells("a,\"b, \"\"c\"\"\"\r\n\"two\nlines\",x\n"),
            [["a", "b, \"c\""], ["two\nlines", "x"]]
        );
        assert_eq!(cells("a;b\n1,5;2"), [["a", "b"], ["1,5", "2"]]);
        assert_eq!(cells("sep=;\na,b;c")[1], ["a,b", "c"]);
        assert!(records("a,\"b", &mut Problems::default()).is_none());
    }

    #[test]
    fn rows_of_a_grid_that_hold_nothing_are_no_entries() {
        let method = crate::find("triage").unwrap();
        let sheet = Sheet::read(method.data).unwrap();
        let count = |text: &str| {
            let mut problems = Problems::default();
            let node = read(text, &sheet, &mut problems).unwrap();
            assert!(problems.finish(text, "i.csv").is_none());
            node.to_json()["workloads"].as_array().unwrap().len()
        };
        assert_eq!(count("name,owner\na,b\n"), 1);
        assert_eq!(count("\n,\nname,owner\n\n, \na,b\n,\n\n"), 1);
        assert_eq!(count("sep=;\r\nname;owner\r\na;b\r\n;\r\n"), 1);
    }

    #[test]
    fn cells_know_their_place() {
        let all = records("a,b\nxx,\"y\ny\",z\n", &mut Problems::default()).unwrap();
        let spots: Vec<_> = all[1]
            .iter()
            .map(|c| (c.spot.line, c.spot.column))
            .collect();
        assert_eq!(spots, [(2, 1), (2, 4), (3, 4)]);
    }
}
