//! Times in requests.

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};

/// Reads a time as RFC 3339 spells it. Orders have microseconds: a finer bound is rounded up, which
/// selects the same orders. So does a bound moved into the years that every database can compare.
pub(crate) fn read(text: &str) -> Result<DateTime<Utc>, String> {
    let read = DateTime::parse_from_rfc3339(text).map_err(|_| {
        "must be a time as in RFC 3339, such as 2026-11-22T12:00:00Z (a + is written %2B)"
            .to_owned()
    })?;
    let exact = read.to_utc();
    let cut = exact.trunc_subsecs(6);
    let micros = if cut < exact {
        cut.checked_add_signed(TimeDelta::microseconds(1)).unwrap_or(cut)
    } else {
        cut
    };
    let bound = |seconds| DateTime::from_timestamp(seconds, 0).unwrap_or(micros);
    // 1970-01-01T00:00:00Z and 9999-12-31T00:00:00Z.
    Ok(micros.clamp(bound(0), bound(253_402_214_400)))
}
