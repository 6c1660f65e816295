//! `mcpr store stats`: what the store holds, how large it is, how far its sources were read.

use super::outlook::{GrowthForecast, outlook};
use super::sequences::Sequences;
use crate::commands::StoreArgs;
use crate::commands::args::{AnswerArgs, note_question};
use crate::commands::keep_args::{KeepArgs, kept_words};
use crate::commands::left_out::counted as number_of;
use crate::commands::values::RowLimit;
use crate::console::Console;
use crate::exit::Exit;
use crate::render::text::{escape, escape_json};
use crate::render::units::{self, bytes, grouped, time};
use mcpr_connect::connect;
use mcpr_model::time::rfc3339;
use mcpr_model::{BadLine, Checkpoint, Counts, SourceFormat};
use mcpr_store::query::SourceRow;
use mcpr_store::query::when::Zone;
use mcpr_store::{Overview, Sizes, fold};
use mcpr_tail::identity_of;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::fmt::Write as _;
use std::path::Path;

/// What `mcpr store stats` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    keep: KeepArgs,
    /// Print one JSON document
    #[arg(short, long)]
    json: bool,
    /// Show times in UTC instead of local time
    #[arg(long)]
    utc: bool,
    /// Show the N sources that were read last and the N files of which most is to be read, or `all` [default: 10;
    /// all with --json]
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<RowLimit>,
    #[command(flatten)]
    answer: AnswerArgs,
}

/// Most sources and most files that are listed in text by default.
const SHOWN: usize = 10;

/// Most bad lines that are reported of in text, and most characters of each.
const BAD_LINES_SHOWN: usize = 5;
const EXCERPT_CHARS: usize = 60;

/// Everything that is reported.
struct Stats {
    path: String,
    sizes: Sizes,
    overview: Overview,
    sources: Vec<SourceRow>,
    files: Vec<(Checkpoint, Option<u64>)>,
    sequences: Sequences,
    /// Newest first.
    bad_lines: Vec<BadLine>,
    outlook: GrowthForecast,
}

pub(super) fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    args.answer.apply(!args.json, console);
    let url = args.store.read_url(console)?;
    let zone = if args.utc { Zone::Utc } else { Zone::Local };
    note_question(&url, None, None, zone, console)?;
    let store = connect(&url)?;
    let reader = store.reader()?;
    let sizes = store.sizes()?;
    let mut files = fold::file_checkpoints(reader.as_ref())?;
    let mut sources = fold::sources(reader.as_ref())?;
    let sequences = Sequences::taken_from(&mut files, &mut sources);
    // A program gets all of them: a store keeps a bounded number.
    let bad_lines = if args.json {
        usize::MAX
    } else {
        BAD_LINES_SHOWN
    };
    let overview = reader.overview()?;
    let files = files.iter().map(|known| (known.clone(), behind(known)));
    let mut stats = Stats {
        outlook: outlook(
            args.keep.keep(&args.store),
            reader.as_ref(),
            &overview,
            sizes.store_bytes,
        )?,
        bad_lines: (reader.bad_lines(bad_lines)?.into_iter().map(|row| row.line)).collect(),
        path: url.to_string(),
        sizes,
        overview,
        sources,
        sequences,
        files: files.collect(),
    };
    let left_out = stats.cut_to(match args.limit {
        Some(limit) => limit.rows(),
        None if args.json => None,
        None => Some(SHOWN),
    });
    let text = if args.json {
        format!("{}\n", escape_json(&document(&stats).to_string()))
    } else {
        report(&stats, zone)
    };
    console.print(&text)?;
    if let Some(left_out) = left_out.filter(|_| !args.json) {
        console.note(&format!("{left_out} not shown; -n all shows each"));
    }
    Ok(Exit::Done)
}

impl Stats {
    /// Keeps so many sources, those read last, and so many files, those of which most is to be read; says how many
    /// are left out.
    fn cut_to(&mut self, most: Option<usize>) -> Option<String> {
        let most = most?;
        let (sources, files) = (self.sources.len(), self.files.len());
        if sources.max(files) <= most {
            return None;
        }
        // Where all are shown they stay in the order of their names.
        if sources > most {
            self.sources.sort_by_key(|source| Reverse(source.last_at));
            self.sources.truncate(most);
        }
        if files > most {
            self.files.sort_by_key(|(_, behind)| Reverse(*behind));
            self.files.truncate(most);
        }
        let beyond = [
            (sources.saturating_sub(most), "source", "sources"),
            (files.saturating_sub(most), "file", "files"),
        ];
        let beyond = beyond.into_iter().filter(|(count, ..)| *count > 0);
        let named = beyond.map(|(count, one, many)| number_of(count, one, many));
        let are = if sources.saturating_sub(most) + files.saturating_sub(most) == 1 {
            "is"
        } else {
            "are"
        };
        Some(format!("{} {are}", named.collect::<Vec<_>>().join(" and ")))
    }
}

/// Bytes of a file that were not read, where it still is at its path.
fn behind(known: &Checkpoint) -> Option<u64> {
    let metadata = Path::new(known.path.as_str()).metadata().ok()?;
    // After a rotation another file is at the path, whose length says nothing of this one.
    (identity_of(&metadata) == known.identity).then(|| metadata.len().saturating_sub(known.offset))
}

fn document(stats: &Stats) -> Value {
    let Overview { counts, span, .. } = stats.overview;
    let overview = &stats.overview;
    let sources: Vec<Value> = stats
        .sources
        .iter()
        .map(|row| {
            let mut source = counted(&row.counts);
            source["name"] = json!(row.name);
            source["last_at"] = json!(row.last_at);
            source["last"] = json!(rfc3339(row.last_at));
            source
        })
        .collect();
    let files: Vec<Value> = stats
        .files
        .iter()
        .map(|(known, behind)| {
            json!({
                "path": known.path.as_str(), "offset_bytes": known.offset, "behind_bytes": behind,
            })
        })
        .collect();
    let bad_lines: Vec<Value> = stats.bad_lines.iter().map(bad_line).collect();
    json!({
        "path": stats.path, "file_bytes": stats.sizes.store_bytes, "wal_bytes": stats.sizes.log_bytes,
        "requests": overview.requests, "sessions": overview.sessions, "gaps": overview.gaps,
        "dropped": overview.dropped, "bad_lines": counts.bad,
        "bad_lines_kept": overview.bad_lines_kept, "duplicates": overview.duplicates,
        "conflicts": overview.conflicts, "undecided": overview.undecided, "redacted": counts.redacted,
        "payloads": overview.payloads, "payload_bytes": overview.payload_bytes, "last_seq": overview.last_seq,
        "oldest": span.map(|(oldest, _)| oldest), "newest": span.map(|(_, newest)| newest),
        "oldest_time": span.map(|(oldest, _)| rfc3339(oldest)),
        "newest_time": span.map(|(_, newest)| rfc3339(newest)),
        "keep_ms": stats.outlook.keep.requests_ms, "keep_payloads_ms": stats.outlook.keep.payloads_ms,
        "max_bytes": stats.outlook.keep.max_bytes, "growth_bytes_per_day": stats.outlook.growth,
        "limit_reached_at": stats.outlook.reached_at,
        "limit_reached": stats.outlook.reached_at.map(rfc3339),
        "sources": sources, "files": files, "stores": stats.sequences.stores_as_json(),
        "targets": stats.sequences.targets_as_json(overview.last_seq), "kept_bad_lines": bad_lines,
    })
}

fn bad_line(line: &BadLine) -> Value {
    json!({
        "ts": line.ts, "time": rfc3339(line.ts), "source": line.source.as_str(),
        "offset_bytes": line.offset, "reason": line.reason,
        "excerpt": String::from_utf8_lossy(&line.excerpt),
    })
}

fn counted(counts: &Counts) -> Value {
    json!({
        "lines": counts.lines, "events": counts.events, "text": counts.text, "bad": counts.bad,
        "unknown": counts.unknown, "filtered": counts.filtered, "dropped": counts.dropped,
        "nul_bytes": counts.nul_bytes, "redacted": counts.redacted,
        "formats": counts.formats.iter().map(SourceFormat::as_str).collect::<Vec<_>>(),
        "sampled": counts.sampled,
    })
}

fn report(stats: &Stats, zone: Zone) -> String {
    let mut text = String::new();
    for (name, value) in facts(stats, zone) {
        writeln!(text, "{name:<11} {value}").expect("a string takes any text");
    }
    push_sources(&stats.sources, zone, &mut text);
    push_files(&stats.files, &mut text);
    text.push_str(&stats.sequences.as_text(stats.overview.last_seq));
    push_bad_lines(&stats.bad_lines, zone, &mut text);
    text
}

/// What is known of the store as a whole: the name of each line and its value.
fn facts(stats: &Stats, zone: Zone) -> Vec<(&'static str, String)> {
    let overview = &stats.overview;
    let size = |size: u64| bytes(i64::try_from(size).unwrap_or(i64::MAX));
    let mut room = size(stats.sizes.store_bytes);
    // A server keeps its log for all its databases together.
    if stats.sizes.log_bytes > 0 {
        room = format!("{room} and {} of log", size(stats.sizes.log_bytes));
    }
    let mut facts = vec![
        ("store", escape(&stats.path).to_string()),
        ("size", room),
        ("requests", grouped(overview.requests)),
        ("sessions", grouped(overview.sessions)),
    ];
    if let Some((oldest, newest)) = overview.span {
        facts.push(("oldest", time(oldest, zone)));
        facts.push(("newest", time(newest, zone)));
    }
    facts.extend(looking_ahead(&stats.outlook, zone));
    let dropped = grouped(overview.dropped);
    let kept = grouped(overview.bad_lines_kept);
    if overview.undecided > 0 {
        let undecided = grouped(overview.undecided);
        let what = "calls without a session id that two channels may both have reported";
        facts.push(("undecided", format!("{undecided} ({what})")));
    }
    facts.extend([
        (
            "gaps",
            format!("{} ({dropped} events dropped)", grouped(overview.gaps)),
        ),
        (
            "bad lines",
            format!("{} ({kept} kept)", grouped(overview.counts.bad)),
        ),
        ("duplicates", grouped(overview.duplicates)),
        ("conflicts", grouped(overview.conflicts)),
        ("redacted", grouped(overview.counts.redacted)),
        (
            "payloads",
            format!(
                "{} ({})",
                grouped(overview.payloads),
                size(overview.payload_bytes)
            ),
        ),
    ]);
    facts
}

/// What is kept, how fast the store grows, and when it is as large as it may be.
fn looking_ahead(outlook: &GrowthForecast, zone: Zone) -> Vec<(&'static str, String)> {
    let size = |size: u64| bytes(i64::try_from(size).unwrap_or(i64::MAX));
    let keep = outlook.keep;
    let mut facts = vec![("keeps", kept_words(keep))];
    if let Some(growth) = outlook.growth {
        let end = match (outlook.reached_at, keep.max_bytes) {
            (Some(at), _) => format!("the limit is reached on {}", time(at, zone)),
            (None, Some(_)) => "the limit is not reached at this rate".to_owned(),
            (None, None) => "there is no limit".to_owned(),
        };
        // A small size is a bare number elsewhere, and here would count anything.
        let growth = if growth < 1024 {
            units::of(growth, "byte", "bytes")
        } else {
            size(growth)
        };
        facts.push(("grows", format!("{growth} a day by its last 7 days; {end}")));
    }
    facts
}

fn push_sources(sources: &[SourceRow], zone: Zone, text: &mut String) {
    for row in sources {
        let SourceRow {
            name,
            counts,
            last_at,
        } = row;
        let lines = units::of(counts.lines, "line", "lines");
        let events = units::of(counts.events, "event", "events");
        let last = time(*last_at, zone);
        let name = escape(name);
        writeln!(
            text,
            "source      {name}: {lines}, {events}, last at {last}"
        )
        .expect("a string takes any text");
        let formats: Vec<_> = counts.formats.iter().map(SourceFormat::as_str).collect();
        if !formats.is_empty() {
            writeln!(text, "            in {}", formats.join(", "))
                .expect("a string takes any text");
        }
        if let Some(sample) = counts.sample_in_words() {
            writeln!(text, "            {sample}: counts are lower bounds")
                .expect("a string takes any text");
        }
    }
}

fn push_bad_lines(lines: &[BadLine], zone: Zone, text: &mut String) {
    for line in lines {
        let met = time(line.ts, zone);
        let (source, reason) = (escape(&line.source), escape(&line.reason));
        let excerpt = String::from_utf8_lossy(&line.excerpt);
        let mut head: String = excerpt.chars().take(EXCERPT_CHARS).collect();
        if head.len() < excerpt.len() {
            head.push('…');
        }
        let (offset, head) = (grouped(line.offset), escape(&head));
        writeln!(
            text,
            "bad line    {met} {source}, byte {offset}: {reason}: {head}"
        )
        .expect("a string takes any text");
    }
}

fn push_files(files: &[(Checkpoint, Option<u64>)], text: &mut String) {
    let size = |size: u64| bytes(i64::try_from(size).unwrap_or(i64::MAX));
    for (known, behind) in files {
        let behind = match behind {
            Some(0) => "read to its end".to_owned(),
            Some(left) => format!("{} behind", size(*left)),
            None => "gone from its path".to_owned(),
        };
        let path = escape(&known.path);
        writeln!(
            text,
            "file        {path}: {} read, {behind}",
            size(known.offset)
        )
        .expect("a string takes any text");
    }
}
