//! A `data:` block for planb.yaml that keeps a recovery point objective.

use planb_model::Text;

/// Parts of the objective that log may wait before it is shipped, and that may
/// lie between two canaries: what is left is for the way and for retries.
const PARTS: f64 = 10.0;
/// Shipping more seldom than this saves nothing.
const FLUSH_MS_MAX: f64 = 30_000.0;
/// Shipping more often than this only makes small objects.
const FLUSH_MS_MIN: f64 = 100.0;
/// Canaries are no closer than planb.yaml allows, and no rarer than useful.
const CANARY_MS: (f64, f64) = (100.0, 10_000.0);

/// The block, with its comment in both languages; `rpo` in seconds.
pub fn data_block(service: &str, rpo: f64, vault: &str) -> Text {
    let share = rpo * 1_000.0 / PARTS;
    let flush = millis(share.clamp(FLUSH_MS_MIN, FLUSH_MS_MAX));
    let canary = millis(share.clamp(CANARY_MS.0, CANARY_MS.1));
    // The name stands in a comment: a line end in it would end the comment.
    let service = service.replace(char::is_control, " ");
    let note = if rpo > 0.0 {
        Text::same("")
    } else {
        Text::new(
            " (an RPO of 0 is kept by the database's own replication)",
            "(RPO 0은 데이터베이스 자체 복제가 지킵니다)",
        )
    };
    let data = format!(
        "data:\n  \
           vault: {{ url: \"{vault}\" }}\n  \
           flush: {{ interval: {flush} }}\n  \
           snapshotInterval: 24h\n  \
           canaryInterval: {canary}\n"
    );
    let [en, ko] = [note.en, note.ko].map(|note| format!("# {service}{note}\n{data}"));
    Text::new(en, ko)
}

/// The shortest way to write it that planb.yaml reads.
fn millis(value: f64) -> String {
    let whole = value.round() as u64;
    if whole.is_multiple_of(1_000) {
        format!("{}s", whole / 1_000)
    } else {
        format!("{whole}ms")
    }
}
