//! The report as Markdown, for an issue or a chat. Must not let what was recorded be read as markup.

use crate::data::{FailedCall, KeptBody, OpenCall, ToolFigures, TrafficReport, TrafficWindow};
use crate::visible::{in_block, in_line};
use mcpr_model::time::rfc3339;
use std::fmt::{self, Write};

/// Most lines of each list.
const MAX_LINES: usize = 50;

/// A report as Markdown.
#[must_use]
pub fn markdown(report: &TrafficReport) -> String {
    let mut text = String::new();
    // A String takes every write.
    let _ = write_report(&mut text, report);
    text
}

fn write_report(out: &mut String, report: &TrafficReport) -> fmt::Result {
    writeln!(out, "# MCP traffic\n")?;
    for window in &report.windows {
        writeln!(out, "## {}\n", escaped(&window.name))?;
        for condition in &window.conditions {
            writeln!(out, "- {}", escaped(condition))?;
        }
        figures(out, window)?;
        tools(out, window)?;
        open_calls(out, window, report.made_at)?;
        servers(out, window)?;
        failures(out, window)?;
        changes(out, window)?;
        unknown(out, window)?;
    }
    writeln!(
        out,
        "Made by {} at {}. All times are in UTC.",
        escaped(&report.by),
        at(report.made_at)
    )
}

fn figures(out: &mut String, window: &TrafficWindow) -> fmt::Result {
    let total = &window.total;
    writeln!(
        out,
        "\n| calls | errors | never answered | p50 | p95 | max | sessions |"
    )?;
    writeln!(out, "|--:|--:|--:|--:|--:|--:|--:|")?;
    writeln!(
        out,
        "| {} | {} | {} | {} | {} | {} | {} |\n",
        total.calls,
        total.errors,
        total.timeouts,
        duration(total.p50),
        duration(total.p95),
        duration(total.max),
        total.sessions
    )
}

fn tools(out: &mut String, window: &TrafficWindow) -> fmt::Result {
    if window.tools.is_empty() {
        return Ok(());
    }
    writeln!(out, "### Tools and methods\n")?;
    writeln!(
        out,
        "| tool or method | proxy | calls | errors | p50 | p95 | max | time spent |"
    )?;
    writeln!(out, "|---|---|--:|--:|--:|--:|--:|--:|")?;
    let row = |out: &mut String, tool: &ToolFigures| {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            escaped(tool.target.as_deref().unwrap_or(&tool.method)),
            escaped(&tool.proxy),
            tool.calls,
            tool.errors,
            duration(tool.p50),
            duration(tool.p95),
            duration(tool.max),
            duration(Some(tool.time_us))
        )
    };
    for tool in window.tools.iter().take(MAX_LINES) {
        row(out, tool)?;
    }
    let left = window.tools.len().saturating_sub(MAX_LINES) + window.tools_left;
    left_out(out, left)
}

fn open_calls(out: &mut String, window: &TrafficWindow, made_at: i64) -> fmt::Result {
    if window.open.is_empty() {
        return Ok(());
    }
    writeln!(out, "### In flight when this was made\n")?;
    for call in window.open.iter().take(MAX_LINES) {
        let what = escaped(call.target.as_deref().unwrap_or(&call.method));
        let proxy = escaped(&call.proxy);
        writeln!(
            out,
            "- {} **{what}** ({proxy}): {}",
            at(call.ts),
            waiting(call, made_at)
        )?;
        kept_body(out, "asked", call.params.as_ref())?;
    }
    let left = window.open.len().saturating_sub(MAX_LINES) + window.open_left;
    left_out(out, left)
}

/// How a call without an answer stands.
fn waiting(call: &OpenCall, made_at: i64) -> String {
    if !call.awaited {
        return "its recorder is gone: how it ended is unknown".to_owned();
    }
    let waited_ms = made_at.saturating_sub(call.ts).max(0);
    let waited = duration(Some(waited_ms.saturating_mul(1000)));
    format!("in flight for {waited}, no answer yet")
}

/// A body below the line that it belongs to, where it is kept.
fn kept_body(out: &mut String, name: &str, body: Option<&KeptBody>) -> fmt::Result {
    let Some(body) = body else { return Ok(()) };
    let (end, text) = (if body.cut { " …" } else { "" }, &body.text);
    if text.contains('\n') {
        return block(out, name, &format!("{text}{end}"));
    }
    writeln!(out, "  {name}: {}{end}", code(text))
}

/// A text of several lines below the item of a list, between more backticks than it holds in a row.
fn block(out: &mut String, name: &str, text: &str) -> fmt::Result {
    let text = in_block(&text.replace("\r\n", "\n"));
    let fence = "`".repeat(longest_ticks(&text).max(2) + 1);
    writeln!(out, "  {name}:\n  {fence}")?;
    text.lines()
        .try_for_each(|line| writeln!(out, "  {line}"))?;
    writeln!(out, "  {fence}")
}

fn longest_ticks(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

fn servers(out: &mut String, window: &TrafficWindow) -> fmt::Result {
    if window.servers.is_empty() {
        return Ok(());
    }
    writeln!(out, "### Servers that failed\n")?;
    for server in window.servers.iter().take(MAX_LINES) {
        let (at, proxy) = (at(server.ts), escaped(&server.proxy));
        writeln!(out, "- {at} **{proxy}**: {}", escaped(&server.how))?;
        if let Some(stderr) = &server.stderr {
            let begin = if stderr.cut { "… " } else { "" };
            block(out, "stderr", &format!("{begin}{}", stderr.text))?;
        }
    }
    let left = window.servers.len().saturating_sub(MAX_LINES) + window.servers_left;
    left_out(out, left)
}

fn failures(out: &mut String, window: &TrafficWindow) -> fmt::Result {
    if window.total.errors == 0 {
        return Ok(());
    }
    writeln!(out, "### Failures, newest first\n")?;
    for failure in window.failures.iter().take(MAX_LINES) {
        one_failure(out, failure)?;
    }
    let shown = window.failures.len().min(MAX_LINES);
    let left = usize::try_from(window.total.errors).unwrap_or(usize::MAX);
    left_out(out, left.saturating_sub(shown))
}

fn one_failure(out: &mut String, failure: &FailedCall) -> fmt::Result {
    let what = failure.target.as_deref().unwrap_or(&failure.method);
    let kind = [failure.kind, failure.code.as_deref()];
    let mut reason = kind.into_iter().flatten().collect::<Vec<_>>().join(" ");
    if !reason.is_empty() {
        reason.push_str(": ");
    }
    reason.push_str(match (&failure.message, failure.status) {
        (Some(message), _) => message,
        (None, "timeout") => "never answered",
        (None, _) => "no message",
    });
    writeln!(
        out,
        "- {} **{}** ({}, {}): {}",
        at(failure.ts),
        escaped(what),
        escaped(&failure.proxy),
        duration(failure.latency),
        escaped(&reason)
    )?;
    kept_body(out, "asked", failure.params.as_ref())?;
    kept_body(out, "answered", failure.answer.as_ref())
}

fn changes(out: &mut String, window: &TrafficWindow) -> fmt::Result {
    writeln!(out, "### What the servers changed\n")?;
    // Without a line a reader takes it that nothing changed, also where nobody knows.
    if window.changes.is_empty() {
        return writeln!(out, "{}\n", escaped(&window.unchanged));
    }
    let from = window.changes.len().saturating_sub(MAX_LINES);
    for change in &window.changes[from..] {
        writeln!(
            out,
            "- {} {} {} version {}: {}{}, {}{}",
            at(change.ts),
            escaped(&change.proxy),
            escaped(&change.method),
            change.version,
            escaped(&change.change.replace('_', " ")),
            change
                .item
                .as_deref()
                .map(|item| format!(" {}", escaped(item)))
                .unwrap_or_default(),
            change.compatibility.unwrap_or("first seen"),
            change
                .security
                .filter(|level| *level != "none")
                .map(|level| format!(", {level}"))
                .unwrap_or_default()
        )?;
    }
    left_out(out, from + window.changes_left)
}

fn unknown(out: &mut String, window: &TrafficWindow) -> fmt::Result {
    if window.gaps.is_empty() && window.unknown.is_empty() {
        return Ok(());
    }
    writeln!(out, "### Gaps, and what is not known\n")?;
    for gap in window.gaps.iter().rev().take(MAX_LINES) {
        writeln!(
            out,
            "- {} events are missing between {} and {}, of {}",
            gap.count,
            at(gap.from),
            at(gap.to),
            escaped(&gap.source)
        )?;
    }
    for text in &window.unknown {
        writeln!(out, "- {}", escaped(text))?;
    }
    left_out(out, window.gaps.len().saturating_sub(MAX_LINES))
}

fn left_out(out: &mut String, count: usize) -> fmt::Result {
    if count > 0 {
        writeln!(out, "\n{count} more were left out.")?;
    }
    writeln!(out)
}

fn at(ms: i64) -> String {
    rfc3339(ms).unwrap_or_else(|| ms.to_string())
}

/// A duration in the unit that a person would choose.
fn duration(us: Option<i64>) -> String {
    match us {
        None => "–".to_owned(),
        Some(us @ ..1_000) => format!("{us} µs"),
        Some(us @ ..1_000_000) => format!("{} ms", tenths(us, 1_000)),
        Some(us @ ..60_000_000) => format!("{} s", tenths(us, 1_000_000)),
        Some(us @ ..3_600_000_000) => format!("{} min", tenths(us, 60_000_000)),
        Some(us) => format!("{} h", tenths(us, 3_600_000_000)),
    }
}

fn tenths(us: i64, unit: i64) -> String {
    let tenths = us / (unit / 10);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// A text that Markdown shows as it is, on one line.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in in_line(text).chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '&' => safe.push_str("&amp;"),
            // `@name` would call somebody, `#1` link an issue.
            '@' => safe.push_str("&#64;"),
            '#' => safe.push_str("&#35;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' => {
                safe.push('\\');
                safe.push(c);
            }
            c => safe.push(c),
        }
    }
    // An address would become a link.
    safe.replace("://", ":&#47;&#47;")
}

/// A text as code on one line, between more backticks than it holds in a row.
fn code(text: &str) -> String {
    let line = in_line(text);
    let fence = "`".repeat(longest_ticks(&line) + 1);
    format!("{fence} {line} {fence}")
}
