//! `DuckDB`'s `read_json` into a table, beside the recorder on the same file; left out where Python or
//! `DuckDB` is missing.

use anyhow::{Context, Result, bail, ensure};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// What the script ends with when `DuckDB` is not installed.
const NOT_INSTALLED: i32 = 77;

/// One run of it.
pub(crate) struct Read {
    pub(crate) wall: Duration,
    pub(crate) version: String,
}

/// Reads a stream into a new database, and counts what came.
pub(crate) fn read(
    python: &Path,
    stream: &Path,
    lines: usize,
    database: &Path,
) -> Result<Option<Read>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/duckdb_ingest.py");
    let ran = Command::new(python)
        .args([&script, stream, database])
        .output();
    let Ok(ran) = ran else {
        return Ok(None);
    };
    if ran.status.code() == Some(NOT_INSTALLED) {
        return Ok(None);
    }
    if !ran.status.success() {
        bail!("DuckDB: {}", String::from_utf8_lossy(&ran.stderr));
    }
    let text = String::from_utf8(ran.stdout).context("what the script prints")?;
    let [seconds, rows, version] = text.split_whitespace().collect::<Vec<_>>()[..] else {
        bail!("DuckDB's script prints {text:?}");
    };
    ensure!(
        rows.parse() == Ok(lines),
        "DuckDB has {rows} rows of {lines}"
    );
    Ok(Some(Read {
        wall: Duration::from_secs_f64(seconds.parse().context("seconds")?),
        version: version.to_owned(),
    }))
}
