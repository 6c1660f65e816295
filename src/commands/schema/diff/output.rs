//! The report and what is known beside it, in the format that was asked for.

use super::super::gate::Verdict;
use super::known::{KnownVersion, RecordedCall, RecordedFacts, Usage};
use super::pieces::{PieceEnd, in_pieces};
use super::sides::Compared;
use crate::render::layout::{width, wrap};
use crate::render::text::{escape, escape_but_breaks, escape_json_lines};
use crate::render::units;
use mcpr_store::query::when::Zone;
use mcpr_surface::Audience;
use mcpr_surface::location::Locator;
use mcpr_surface::report::{
    self, Bump, LocatedFindings, ReportContext, ReportFormat, Versions, render,
};
use serde::Serialize;
use std::borrow::Cow;
use std::fmt::Write as _;

/// Everything that is reported.
pub(super) struct Document<'a, 'files> {
    pub(super) compared: &'a Compared,
    pub(super) verdict: &'a Verdict,
    pub(super) audience: Audience,
    /// In which times of the traffic are shown.
    pub(super) zone: Zone,
    pub(super) known: RecordedFacts,
    pub(super) locator: &'a Locator<'files>,
}

/// The one JSON document.
#[derive(Serialize)]
struct Json<'a, 'files> {
    old: &'a str,
    new: &'a str,
    compatibility: &'static str,
    security: &'static str,
    #[serde(rename = "for")]
    audience: &'static str,
    failed: bool,
    /// Which number of the server's version has to grow.
    requires: Bump,
    server_versions: &'a Versions,
    /// Whether the version grew as much; null where there are no such versions.
    version_is_enough: Option<bool>,
    changelog: Vec<String>,
    ignored: usize,
    accepted: usize,
    findings: LocatedFindings<'a, 'files>,
    #[serde(flatten)]
    known: &'a RecordedFacts,
}

/// Takes a piece of what is written; pieces are harmless to a terminal.
pub(super) type TakePiece<'a> = dyn FnMut(&str) -> anyhow::Result<()> + 'a;

/// Writes the document as one line of JSON, as other commands print it; the format `json` is for
/// reading.
pub(super) fn write_one_line(
    document: &Document<'_, '_>,
    take: &mut TakePiece<'_>,
) -> anyhow::Result<()> {
    in_pieces(PieceEnd::Anywhere, &escape_json_lines, take, |out| {
        serde_json::to_writer(&mut *out, &json(document))?;
        out.write_all(b"\n")
    })
}

/// Writes a document piece by piece: a long report is never held as one text.
pub(super) fn write(
    document: &Document<'_, '_>,
    format: ReportFormat,
    look: TextLook,
    take: &mut TakePiece<'_>,
) -> anyhow::Result<()> {
    let (old, new) = (&document.compared.old, &document.compared.new);
    let report = &document.verdict.report;
    let zone = document.zone;
    let context = ReportContext {
        artifact: &new.name,
        locator: document.locator,
    };
    match format {
        ReportFormat::Text => {
            let plain = TextLook {
                has_colour: false,
                ..look
            };
            let (old, new) = (escape(&old.name), escape(&new.name));
            take(&plain.of(&format!("old: {old}\nnew: {new}\n\n")))?;
            // Escaped before it is coloured: the colours themselves must survive.
            let shown: &dyn Fn(&str) -> Cow<'_, str> =
                &|lines| look.of(&escape_but_breaks(lines)).into();
            in_pieces(PieceEnd::AfterLine, shown, take, |out| {
                report::write(report, context, format, out)
            })?;
            let rest = left_out(document.verdict) + &beside(&document.known, zone, "");
            take(&plain.of(&rest))
        }
        ReportFormat::Markdown => {
            let body = render(report, ReportFormat::Markdown, &new.name);
            let beside = beside(&document.known, zone, "- ");
            // A list begins after a blank line in Markdown.
            let gap = if beside.is_empty() { "" } else { "\n" };
            let left_out = left_out(document.verdict);
            // What stands beside holds names from outside, which must not become markup.
            take(&fitting(format!(
                "{}{left_out}{gap}{}",
                escape_but_breaks(&body),
                plain(&beside)
            )))
        }
        ReportFormat::Json => in_pieces(PieceEnd::Anywhere, &escape_json_lines, take, |out| {
            serde_json::to_writer_pretty(&mut *out, &json(document))?;
            out.write_all(b"\n")
        }),
        // JSON escapes differ from those of text, so that it stays JSON.
        ReportFormat::Ndjson | ReportFormat::Sarif => {
            in_pieces(PieceEnd::Anywhere, &escape_json_lines, take, |out| {
                report::write(report, context, format, out)
            })
        }
        ReportFormat::Github | ReportFormat::Junit | ReportFormat::Changelog => {
            in_pieces(PieceEnd::Anywhere, &escape_but_breaks, take, |out| {
                report::write(report, context, format, out)
            })
        }
    }
}

fn json<'a, 'files>(document: &'a Document<'_, 'files>) -> Json<'a, 'files> {
    let verdict = document.verdict;
    Json {
        old: &document.compared.old.name,
        new: &document.compared.new.name,
        compatibility: verdict.report.compatibility.as_str(),
        security: verdict.report.security.as_str(),
        audience: document.audience.as_str(),
        failed: verdict.is_failed(),
        requires: verdict.report.requires(),
        server_versions: &verdict.report.versions,
        version_is_enough: verdict.report.is_version_enough(),
        changelog: verdict.report.changelog(),
        ignored: verdict.ignored,
        accepted: verdict.accepted,
        findings: LocatedFindings::of(&verdict.report, document.locator),
        known: &document.known,
    }
}

/// The longest comment, in bytes: GitHub takes 65,536 characters.
const MAX_MARKDOWN: usize = 60_000;

/// A comment that is not refused for its length: the report itself is bounded, but escapes and what
/// traffic knows come on top.
fn fitting(text: String) -> String {
    if text.len() <= MAX_MARKDOWN {
        return text;
    }
    let words = "\n\nThe rest is left out for its length; `--format json` has it.\n";
    let most = MAX_MARKDOWN - words.len() - 32;
    let end = (0..=most).rev().find(|at| text.is_char_boundary(*at));
    let end = text[..end.unwrap_or(0)].rfind('\n').unwrap_or(0);
    let kept = &text[..end];
    // What was folded is closed again, or it would hide what follows.
    let open = kept.matches("<details>").count() > kept.matches("</details>").count();
    format!("{kept}{}{words}", if open { "\n\n</details>" } else { "" })
}

/// How text looks where a person reads it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TextLook {
    pub(super) has_colour: bool,
    /// What lines are wrapped to, where they are.
    pub(super) width: Option<usize>,
}

impl TextLook {
    /// Some lines: long ones wrapped, and all coloured by the level that they begin with.
    fn of(self, body: &str) -> String {
        let mut out = String::with_capacity(body.len() * 2);
        for line in body.lines() {
            let colour = if self.has_colour { colour_of(line) } else { "" };
            for part in self.wrapped(line) {
                out.push_str(colour);
                out.push_str(&part);
                // Reset before the line break, or a pager colours the next line too.
                out.push_str(if colour.is_empty() { "" } else { "\x1b[0m" });
                out.push('\n');
            }
        }
        out
    }

    /// A line in as many as it needs; those that follow stand further in.
    fn wrapped(self, line: &str) -> Vec<Cow<'_, str>> {
        let text = line.trim_start_matches(' ');
        let indent = line.len() - text.len();
        // So narrow a column would be one of letters.
        let room = |width: usize| {
            width
                .checked_sub(indent + HANGING)
                .filter(|room| *room > 20)
        };
        let Some(room) = self.width.filter(|most| width(line) > *most).and_then(room) else {
            return vec![line.into()];
        };
        let parts = wrap(text, room).into_iter().enumerate();
        let blanks = |at: usize| " ".repeat(indent + if at == 0 { 0 } else { HANGING });
        parts
            .map(|(at, part)| (blanks(at) + &part).into())
            .collect()
    }
}

/// How much further in the rest of a wrapped line stands.
const HANGING: usize = 2;

/// The colour of a line, by the level that it begins with; none where it says nothing of one.
fn colour_of(line: &str) -> &'static str {
    match line.trim_start().split([':', ',', ' ']).next() {
        _ if line.is_empty() => "",
        // Lines without an indent name items, whatever word they begin with.
        _ if !line.starts_with(' ') => "\x1b[1m",
        Some("breaking") => "\x1b[1;31m",
        // The level of trust stands behind that of callers: `compatible, alert: …`.
        _ if line.starts_with("  ") && line.contains(", alert: ") => "\x1b[1;31m",
        Some("dangerous" | "undecided") => "\x1b[33m",
        Some("before") => "\x1b[31m",
        Some("after") => "\x1b[32m",
        Some("witness") => "\x1b[36m",
        _ => "",
    }
}

/// What was left out of the report, so that nobody takes it for all there is.
fn left_out(verdict: &Verdict) -> String {
    match (verdict.ignored, verdict.accepted) {
        (0, 0) => String::new(),
        // Nothing left out needs no line.
        (ignored, accepted) => {
            format!("left out: {ignored} ignored, {accepted} accepted before\n")
        }
    }
}

/// What the traffic knows, a line each.
fn beside(known: &RecordedFacts, zone: Zone, mark: &str) -> String {
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
    // Called items get a line each; the others are only counted.
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
    // In Markdown the caller places the blank line.
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
        add(&format!(", after {}", call_text(call)));
    }
    if let Some(call) = &version.before {
        add(&format!(", before {}", call_text(call)));
    }
    add(if version.announced {
        "; a list_changed came first"
    } else {
        "; silent: no list_changed came first"
    });
    words
}

fn call_text(call: &RecordedCall) -> String {
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
        // The mark is two characters of ASCII, or the line is shorter than it.
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
