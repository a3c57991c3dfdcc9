//! Why a point is not taken, in words.

use super::{FILES, Measured, OrderedValue, Signal};
use jiff::Timestamp;
use planb_model::Text;
use serde::Serialize;

/// What speaks against a point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Reason {
    /// Nobody has restored it yet.
    NotDrilled,
    /// A drill found it not to be restorable.
    DrillFailed,
    /// Objects are missing or changed, or its log does not go on.
    Damaged(String),
    /// The store lets it be changed or deleted, or nobody knows.
    NotImmutable,
    /// A check of its content failed.
    CheckFailed(String),
    /// A table of the points before is not there.
    TableGone(String),
    /// A table lost almost all of its rows.
    TableEmptied {
        /// The table.
        table: String,
        /// Rows before.
        had: u64,
        /// Rows now.
        left: u64,
    },
    /// A measure is not what it usually is.
    OutOfBand {
        /// What was measured.
        measured: Measured,
        /// Lowest usual value.
        low: OrderedValue,
        /// Highest usual value.
        high: OrderedValue,
    },
    /// A measure creeps away from what it was.
    #[serde(rename_all = "camelCase")]
    Drifts {
        /// What.
        signal: Signal,
        /// Of which table; `None` for all.
        table: Option<String>,
        /// When it began.
        since: Timestamp,
        /// Before that.
        before: OrderedValue,
        /// When it was noticed.
        now: OrderedValue,
    },
}

impl Reason {
    /// Whether it speaks of the content, so that later points must not learn
    /// from this one.
    pub fn is_about_content(&self) -> bool {
        !matches!(
            self,
            Reason::NotDrilled | Reason::NotImmutable | Reason::DrillFailed | Reason::Damaged(_)
        )
    }

    /// For people.
    pub fn text(&self) -> Text {
        match self {
            Reason::NotDrilled => Text::new("never drilled", "훈련으로 복원해 본 적이 없음"),
            Reason::DrillFailed => Text::new("its drill failed", "복원 훈련에 실패함"),
            Reason::Damaged(what) => {
                Text::new(format!("damaged: {what}"), format!("손상됨: {what}"))
            }
            Reason::NotImmutable => Text::new(
                "not known to be immutable in the store",
                "저장소에서 변경 불가 상태인지 확인되지 않음",
            ),
            Reason::CheckFailed(check) => Text::new(
                format!("a check failed: {check}"),
                format!("검사 실패: {check}"),
            ),
            Reason::TableGone(table) => Text::new(
                format!("table {table} is gone"),
                format!("테이블 {table}이(가) 사라짐"),
            ),
            Reason::TableEmptied { table, had, left } => Text::new(
                format!("table {table} has {left} rows left of {had}"),
                format!("테이블 {table}의 행이 {had}개에서 {left}개로 줄어듦"),
            ),
            Reason::OutOfBand {
                measured,
                low,
                high,
            } => out_of_band(measured, low.get(), high.get()),
            Reason::Drifts {
                signal,
                table,
                since,
                before,
                now,
            } => drifts(*signal, table.as_deref(), *since, before.get(), now.get()),
        }
    }
}

fn out_of_band(measured: &Measured, low: f64, high: f64) -> Text {
    let (en, ko) = named(measured.signal, measured.table.as_deref());
    let value = measured.value.get();
    Text::new(
        format!("{en} is {value:.3}, usually {low:.3} to {high:.3}"),
        format!("{ko} {value:.3}, 평소 {low:.3}~{high:.3}"),
    )
}

fn drifts(signal: Signal, table: Option<&str>, since: Timestamp, before: f64, now: f64) -> Text {
    let (en, ko) = named(signal, table);
    Text::new(
        format!("{en} creeps up since {since}: from {before:.3} to {now:.3}"),
        format!("{ko} {since}부터 서서히 증가: {before:.3} -> {now:.3}"),
    )
}

fn named(signal: Signal, table: Option<&str>) -> (String, String) {
    let (en, ko) = match signal {
        Signal::Compressed => ("compressed share", "압축 후 비율"),
        Signal::Entropy => ("entropy (bits per byte)", "엔트로피(바이트당 비트)"),
        Signal::NotText => ("share that is no text", "텍스트가 아닌 비율"),
        Signal::Updates => ("rows updated per second", "초당 변경 행 수"),
        Signal::Deletes => ("rows deleted per second", "초당 삭제 행 수"),
        Signal::Inserts => ("rows inserted per second", "초당 추가 행 수"),
        Signal::Orphans => (
            "rows whose foreign keys lead nowhere",
            "외래 키가 가리키는 행이 없는 행 수",
        ),
        Signal::NotUtf8 => ("values that are no UTF-8", "UTF-8이 아닌 값의 수"),
        Signal::NotJson => ("values that are no JSON", "JSON이 아닌 값의 수"),
    };
    match table {
        None => (en.to_owned(), ko.to_owned()),
        Some(FILES) => (format!("files: {en}"), format!("파일: {ko}")),
        Some(table) => (format!("{table}: {en}"), format!("{table}: {ko}")),
    }
}
