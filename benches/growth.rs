//! One store that grows: what a row costs in time and space when there are many.

use super::{Args, as_f64, generate, record, remove_store, store_bytes};
use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

/// Lines of one piece of the stream, which is recorded and removed again.
const PIECE: usize = 1_000_000;

/// Records until the store has each of these sizes in turn, in millions of rows, and prints what it
/// took from one to the next.
pub(crate) fn measure(sizes: &[usize], args: &Args, dir: &Path) -> Result<()> {
    ensure!(
        sizes.is_sorted() && sizes.first().is_some_and(|first| *first > 0),
        "sizes of a growing store come in ascending order"
    );
    println!("| rows, millions | rows/s since the size before | bytes per row | peak memory, MB |");
    println!("|---:|---:|---:|---:|");
    let store = dir.join("growing.db");
    let mut generator = generate::Generator::new(args.seed);
    let (mut pieces, mut wall, mut peak_bytes, mut since) = (0, Duration::ZERO, 0, 0);
    while pieces < sizes[sizes.len() - 1] {
        let piece = dir.join(format!("piece-{pieces}.log"));
        let mut out = BufWriter::new(File::create(&piece).context("create a piece")?);
        generator.write_lines(PIECE, &mut out)?;
        out.flush()?;
        out.get_ref().sync_all().context("write a piece to disk")?;
        drop(out);
        let run = record(&args.program, &store, &piece)?;
        std::fs::remove_file(&piece).context("remove a piece")?;
        pieces += 1;
        wall += run.wall;
        peak_bytes = run.peak_bytes.max(peak_bytes);
        if !sizes.contains(&pieces) {
            continue;
        }
        let stored = super::bare::count(&store)?;
        ensure!(
            stored == pieces * PIECE,
            "{stored} rows of {}",
            pieces * PIECE
        );
        let rate = as_f64(((pieces - since) * PIECE) as u64) / wall.as_secs_f64();
        let bytes = as_f64(store_bytes(&store)?) / as_f64(stored as u64);
        let peak = super::megabytes(peak_bytes);
        println!("| {pieces} | {rate:.0} | {bytes:.1} | {peak:.1} |");
        (wall, since) = (Duration::ZERO, pieces);
    }
    remove_store(&store)
}
