//! The report and what is known beside it, in the format that was asked for.

use super::Args;
use super::gate::Verdict;
use super::known::{Call, Known, KnownVersion, Usage};
use super::sides::Compared;
use crate::query::when::Zone;
use crate::render::text::{escape, escape_but_breaks, escape_json};
use crate::render::units;
use crate::schema::Finding;
use crate::schema::report::{ReportFormat, render};
use serde::Serialize;
use std::fmt::Write as _;

/// Everything that is told.
pub(super) struct Document<'a> {
    pub(super) compared: &'a Compared,
    pub(super) verdict: &'a Verdict,
    pub(super) known: Known,
}

/// The one JSON document.
#[derive(Serialize)]
struct Json<'a> {
    old: &'a str,
    new: &'a str,
    compatibility: &'static str,
    security: &'static str,
    failed: bool,
    ignored: usize,
    accepted: usize,
    findings: &'a [Finding],
    #[serde(flatten)]
    known: &'a Known,
}

/// The text of a document, harmless to a terminal.
pub(super) fn rendered(document: &Document<'_>, args: &Args, colour: bool) -> String {
    let (old, new) = (&document.compared.old, &document.compared.new);
    let report = &document.verdict.report;
    let zone = args.zone();
    if args.json {
        return escape_json(&json(document, |json| serde_json::to_string(json))).into_owned()
            + "\n";
    }
    match args.format {
        ReportFormat::Text => {
            let heading = format!("old: {}\nnew: {}\n\n", escape(&old.name), escape(&new.name));
            let body = render(report, ReportFormat::Text, &new.name);
            let body = escape_but_breaks(&body);
            let body = if colour {
                coloured(&body)
            } else {
                body.into_owned()
            };
            heading + &body + &left_out(document.verdict) + &beside(&document.known, zone, "")
        }
        ReportFormat::Markdown => {
            let body = render(report, ReportFormat::Markdown, &new.name);
            let beside = beside(&document.known, zone, "- ");
            let gap = if beside.is_empty() { "" } else { "\n" };
            let left_out = left_out(document.verdict);
            format!(
                "{}{left_out}{gap}{}",
                escape_but_breaks(&body),
                plain(&beside)
            )
        }
        ReportFormat::Json => {
            by_line(&json(document, |json| serde_json::to_string_pretty(json))) + "\n"
        }
        ReportFormat::Ndjson | ReportFormat::Sarif => {
            by_line(&render(report, args.format, &new.name)) + "\n"
        }
        ReportFormat::Github | ReportFormat::Junit => {
            escape_but_breaks(&render(report, args.format, &new.name)).into_owned()
        }
    }
}

fn json(document: &Document<'_>, write: fn(&Json<'_>) -> serde_json::Result<String>) -> String {
    let verdict = document.verdict;
    let json = Json {
        old: &document.compared.old.name,
        new: &document.compared.new.name,
        compatibility: verdict.report.compatibility.as_str(),
        security: verdict.report.security.as_str(),
        failed: !verdict.failing.is_empty(),
        ignored: verdict.ignored,
        accepted: verdict.accepted,
        findings: &verdict.report.findings,
        known: &document.known,
    };
    write(&json).expect("findings hold nothing that JSON cannot say")
}

/// JSON over several lines, each made harmless; without the last line break.
fn by_line(json: &str) -> String {
    let lines: Vec<_> = json.lines().map(escape_json).collect();
    lines.join("\n")
}

/// Colours what is told by the level that a line begins with.
fn coloured(body: &str) -> String {
    let mut out = String::with_capacity(body.len() * 2);
    for line in body.split_inclusive('\n') {
        let text = line.trim_end_matches('\n');
        let start = match text.trim_start().split([':', ',', ' ']).next() {
            _ if !text.starts_with(' ') => "\x1b[1m",
            Some("breaking") => "\x1b[1;31m",
            _ if text.starts_with("  ") && text.contains(", alert: ") => "\x1b[1;31m",
            Some("dangerous" | "undecided") => "\x1b[33m",
            Some("before") => "\x1b[31m",
            Some("after") => "\x1b[32m",
            Some("witness") => "\x1b[36m",
            _ => "",
        };
        if start.is_empty() || text.is_empty() {
            out.push_str(line);
        } else {
            out.push_str(start);
            out.push_str(text);
            out.push_str("\x1b[0m");
            out.push_str(&line[text.len()..]);
        }
    }
    out
}

/// What was left out of the report, so that nobody takes it for all there is.
fn left_out(verdict: &Verdict) -> String {
    match (verdict.ignored, verdict.accepted) {
        (0, 0) => String::new(),
        (ignored, accepted) => {
            format!("left out: {ignored} ignored, {accepted} accepted before\n")
        }
    }
}

/// What the traffic knows, a line each.
fn beside(known: &Known, zone: Zone, mark: &str) -> String {
    let mut out = String::new();
    for version in &known.versions {
        let words = first_seen(version, zone);
        writeln!(out, "{mark}{words}").expect("a string takes every write");
        if version.equivocation {
            writeln!(
                out,
                "{mark}equivocation: {} version {} was shown before, and another one to another \
                 client in between",
                version.method, version.version
            )
            .expect("a string takes every write");
        }
    }
    let since = known.since.map(|since| units::time(since, zone));
    let since = since.as_deref().unwrap_or_default();
    let (called, idle): (Vec<_>, Vec<_>) = known.usage.iter().partition(|usage| usage.calls > 0);
    for usage in called {
        writeln!(out, "{mark}{}", calls(usage, since)).expect("a string takes every write");
    }
    match idle.as_slice() {
        [] => {}
        [one] => {
            writeln!(
                out,
                "{mark}{} {}: no calls since {since}",
                one.kind,
                escape(&one.item)
            )
            .expect("a string takes every write");
        }
        more => writeln!(
            out,
            "{mark}no calls since {since} of {} items that changed",
            more.len()
        )
        .expect("a string takes every write"),
    }
    if out.is_empty() || !mark.is_empty() {
        return out;
    }
    format!("\n{out}")
}

fn first_seen(version: &KnownVersion, zone: Zone) -> String {
    let mut words = format!(
        "{} version {}: first seen {}",
        version.method,
        version.version,
        units::time(version.first_seen_at, zone)
    );
    let mut add = |text: &str| words.push_str(text);
    if let Some(session) = &version.session_id {
        add(&format!(" in session {}", escape(session)));
    }
    if let Some(client) = &version.client_name {
        add(&format!(" of {}", escape(client)));
    }
    if let Some(call) = &version.after {
        add(&format!(", after {}", told(call)));
    }
    if let Some(call) = &version.before {
        add(&format!(", before {}", told(call)));
    }
    add(if version.announced {
        "; a list_changed came first"
    } else {
        "; silent: no list_changed came first"
    });
    words
}

fn told(call: &Call) -> String {
    let target = call.target.as_deref().map(escape);
    let target = target.map_or_else(String::new, |target| format!(" {target}"));
    format!("{}{target} (seq {})", escape(&call.method), call.seq)
}

fn calls(usage: &Usage, since: &str) -> String {
    let (kind, item) = (usage.kind, escape(&usage.item));
    let calls = units::grouped(usage.calls);
    let mut words = format!("{kind} {item}: {calls} calls since {since}");
    if usage.errors > 0 {
        let errors = units::grouped(usage.errors);
        write!(words, ", {errors} of them errors").expect("a string takes every write");
    }
    let clients: Vec<String> = usage
        .clients
        .iter()
        .map(|caller| {
            let name = caller.client_name.as_deref().unwrap_or("unknown clients");
            format!("{} {}", escape(name), units::grouped(caller.calls))
        })
        .collect();
    if !clients.is_empty() {
        write!(words, "; {}", clients.join(", ")).expect("a string takes every write");
    }
    if let Some(replay) = &usage.replay {
        let (refused, kept) = (units::grouped(replay.refused), units::grouped(replay.calls));
        write!(
            words,
            "; the new schema refuses {refused} of {kept} kept calls"
        )
        .expect("a string takes every write");
    }
    if let Some(seq) = usage.replay.as_ref().and_then(|replay| replay.example) {
        write!(words, " (`mcpr show {seq}`)").expect("a string takes every write");
    }
    words
}

/// Text that holds no markup beyond the marks at the beginning of its lines.
fn plain(lines: &str) -> String {
    let mut out = String::with_capacity(lines.len());
    for line in lines.split_inclusive('\n') {
        let (mark, text) = line.split_at(line.len().min(2));
        out.push_str(mark);
        for c in text.chars() {
            if "\\`*_{}[]()<>#+!|~@&".contains(c) {
                out.push('\\');
            }
            out.push(c);
        }
    }
    out
}
