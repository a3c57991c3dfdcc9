//! How hard log is compressed: harder while it comes slowly, because then a
//! core has the time, and what is stored and sent costs money every month.

use crate::options::VaultOptions;

/// Level of zstd for log that comes slowly. Log is mostly rows before and after
/// their change; 16 is the first level that looks for the best set of matches
/// (`btultra`, zstd's own table of levels), and leaves about a tenth less of it.
const QUIET_ZSTD_LEVEL: i32 = 16;
/// Bytes of row log one core compresses at that level in a second, as
/// `zstd -b16` measured on 2026-11-27.
const QUIET_BYTES_PER_SECOND: f64 = 9_000_000.0;
/// Part of a core that it may take.
const QUIET_CORE_SHARE: f64 = 0.06;

/// The level for a segment of so many raw bytes. Segments below the size that
/// is flushed at once come at most once per interval, so the size of one says
/// what part of a core its level takes.
pub(crate) fn for_segment(raw_bytes: u64, options: &VaultOptions) -> i32 {
    let seconds = options.flush_interval.as_secs_f64() * QUIET_CORE_SHARE;
    let is_quiet =
        raw_bytes < options.flush_bytes && raw_bytes as f64 <= seconds * QUIET_BYTES_PER_SECOND;
    if is_quiet {
        options.zstd_level.max(QUIET_ZSTD_LEVEL)
    } else {
        options.zstd_level
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn options(flush_interval: Duration) -> VaultOptions {
        VaultOptions {
            flush_interval,
            zstd_level: 1,
            ..VaultOptions::default()
        }
    }

    #[test]
    fn log_that_comes_slowly_is_compressed_harder() {
        let every_second = options(Duration::from_secs(1));
        assert_eq!(for_segment(130_000, &every_second), QUIET_ZSTD_LEVEL);
        assert_eq!(for_segment(600_000, &every_second), 1);
        let often = options(Duration::from_millis(100));
        assert_eq!(for_segment(40_000, &often), QUIET_ZSTD_LEVEL);
        assert_eq!(for_segment(130_000, &often), 1, "ten times a second");
        let rarely = options(Duration::from_secs(60));
        let flushed_for_its_size = rarely.flush_bytes;
        assert_eq!(for_segment(flushed_for_its_size, &rarely), 1);
        let chosen_higher = VaultOptions {
            zstd_level: 19,
            ..options(Duration::from_secs(1))
        };
        assert_eq!(for_segment(130_000, &chosen_higher), 19);
    }
}
