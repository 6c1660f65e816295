//! What is reported when a list is empty: where it was looked, for what, and what to try.

mod loosened;

use super::args::View;
use super::callers::CalledArgs;
use crate::console::Console;
use crate::nearest::did_you_mean;
use crate::render::units;
use mcpr_model::time::{DAY_MS, HOUR_MS, rfc3339};
use mcpr_store::Reader;
use mcpr_store::query::{Cursor, Filter, NameKind, Pattern, SessionFilter};

/// What an empty list was asked for.
pub(super) struct Sought<'a> {
    /// What the list is of, in the plural.
    pub(super) what: &'a str,
    /// The conditions in words.
    pub(super) conditions: Vec<String>,
    /// The names and globs among them, but those of proxies.
    pub(super) names: Vec<SoughtName>,
    /// Whether a text was searched for that a payload may have, and payloads were not all searched.
    pub(super) leaves_out_bodies: bool,
    /// The same for the store.
    pub(super) asked: SoughtRows<'a>,
}

/// What the store was asked for.
#[derive(Clone, Copy)]
pub(super) enum SoughtRows<'a> {
    /// Requests that have ended.
    Requests(SoughtRequests<'a>),
    Sessions(SoughtSessions<'a>),
    InFlight,
}

/// Sessions that were looked for, or their clients.
#[derive(Clone, Copy)]
pub(super) struct SoughtSessions<'a> {
    pub(super) filter: &'a SessionFilter,
    pub(super) called: &'a CalledArgs,
}

/// Requests that were looked for.
#[derive(Clone, Copy)]
pub(super) struct SoughtRequests<'a> {
    pub(super) filter: &'a Filter,
    /// Only what is stored after this, and the flag that says so.
    pub(super) after: Option<(Cursor, &'static str)>,
}

/// A name or a glob, as it was typed.
pub(super) struct SoughtName {
    pub(super) kind: NameKind,
    pub(super) text: String,
}

impl SoughtName {
    /// Each of what was typed after one flag.
    pub(super) fn each(kind: NameKind, typed: &[String]) -> impl Iterator<Item = Self> {
        let texts = typed.iter().flat_map(|list| Pattern::split(list));
        texts.map(move |text| Self {
            kind,
            text: text.to_owned(),
        })
    }

    /// Each of what was typed after the flags that most commands have.
    pub(super) fn of_flags(
        proxies: &[String],
        tools: &[String],
        methods: &[String],
        clients: &[String],
    ) -> Vec<Self> {
        let proxies = Self::each(NameKind::Proxy, proxies);
        let tools = Self::each(NameKind::Tool, tools);
        let methods = Self::each(NameKind::Method, methods);
        let clients = Self::each(NameKind::Client, clients);
        proxies.chain(tools).chain(methods).chain(clients).collect()
    }
}

/// Most names that one is compared with which is not among them.
const MAX_NAMES: usize = 10_000;

/// Reports each name that was asked for and never recorded; whether there is one.
pub(super) fn say_unknown_names(
    names: &[SoughtName],
    reader: &dyn Reader,
    console: &mut Console,
) -> anyhow::Result<bool> {
    let lines = unknown_names(names, reader)?;
    for line in &lines {
        console.hint(line);
    }
    Ok(!lines.is_empty())
}

/// A line for each name that was asked for and never recorded, with the one that was probably meant.
fn unknown_names<'a>(
    names: impl IntoIterator<Item = &'a SoughtName>,
    reader: &dyn Reader,
) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    for name in names {
        let text = &name.text;
        // A glob may be about names to come.
        let is_name = Pattern::new(text).is_ok_and(|pattern| pattern.as_name().is_some());
        if !is_name || is_recorded(name, reader)? {
            continue;
        }
        let what = match name.kind {
            NameKind::Proxy => "proxy",
            NameKind::Method => "method",
            NameKind::Tool => "tool",
            NameKind::Client => "client",
        };
        let all = reader.names(name.kind, "", MAX_NAMES)?;
        // A name of another kind: its own flag shows it.
        if let Some((kind, flag)) = other_kind(name, reader)? {
            lines.push(format!("`{text}` is a {kind}: {flag} {text}"));
            continue;
        }
        // A few are worth a list; of many, one that is alike or none.
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let remedy = match did_you_mean(text, &all) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if all.is_empty() => continue,
            None if all.len() <= MAX_LISTED => format!("there is {}", all.join(", ")),
            None => format!("there are {} others", all.len()),
        };
        lines.push(format!("no {what} `{text}` was recorded; {remedy}"));
    }
    Ok(lines)
}

/// What a name is where it is recorded as something else, and the flag that takes it.
fn other_kind(
    name: &SoughtName,
    reader: &dyn Reader,
) -> anyhow::Result<Option<(&'static str, &'static str)>> {
    for (kind, word, flag) in [
        (NameKind::Tool, "tool", "--tool"),
        (NameKind::Method, "method", "--method"),
        (NameKind::Proxy, "proxy", "--proxy"),
    ] {
        let text = name.text.clone();
        // Where proxies are asked for there may be no other flag; where clients are, no --tool.
        let is_taken = match name.kind {
            NameKind::Tool | NameKind::Method => kind != name.kind,
            NameKind::Client => kind == NameKind::Proxy,
            NameKind::Proxy => false,
        };
        if is_taken && is_recorded(&SoughtName { kind, text }, reader)? {
            return Ok(Some((word, flag)));
        }
    }
    Ok(None)
}

/// Most names that are listed where none of them is alike.
const MAX_LISTED: usize = 5;

fn is_recorded(name: &SoughtName, reader: &dyn Reader) -> anyhow::Result<bool> {
    let text = &name.text;
    if name.kind == NameKind::Client {
        // Clients are looked for in any case.
        let all = reader.names(name.kind, "", MAX_NAMES)?;
        let text = text.to_lowercase();
        let is_there = all.iter().any(|one| one.to_lowercase() == text);
        // Of more than were looked at nobody can say that one is missing.
        return Ok(is_there || all.len() >= MAX_NAMES);
    }
    // The first name that begins with it is the name itself, if it is there.
    let first = reader.names(name.kind, text, 1)?;
    Ok(first.first() == Some(text))
}

/// Reports on standard error why a list may be empty. To a program only what it cannot know: that a
/// window it did not ask for hides everything there is.
pub(super) fn explain(
    sought: &Sought<'_>,
    view: &View,
    reader: &dyn Reader,
    console: &mut Console,
) -> anyhow::Result<()> {
    let Sought {
        what, conditions, ..
    } = sought;
    let note = |console: &mut Console| {
        console.note(&format!("no {what} found in {}", view.url));
        if !conditions.is_empty() {
            console.note(&format!("looked for: {}", conditions.join(", ")));
        }
    };
    if view.is_table() && !console.is_quiet() {
        let proxies = SoughtName::each(NameKind::Proxy, &view.proxies_typed);
        let proxies: Vec<SoughtName> = proxies.collect();
        let unknown = unknown_names(sought.names.iter().chain(&proxies), reader)?;
        // Then no flag would bring more: the hint about the window would lead astray.
        if !unknown.is_empty() {
            note(console);
            for line in unknown {
                console.hint(&line);
            }
            return Ok(());
        }
    }
    let span = reader.span()?;
    // To people something is reported that is worth another question to the store.
    let has_more_to_show =
        view.is_table() && !console.is_quiet() && view.default_window_ms.is_some();
    let before_window = match sought.asked {
        SoughtRows::Requests(asked) if has_more_to_show => asked.newest_at_any_time(reader)?,
        SoughtRows::Sessions(asked) if has_more_to_show => asked.newest_at_any_time(reader)?,
        _ => span.map(|(_, newest)| newest),
    };
    if let (Some(window), Some(newest)) = (view.default_window_ms, before_window)
        && view.since.is_some_and(|since| newest < since)
    {
        note(console);
        let at = units::time(newest, view.zone);
        let ago = units::ago(view.now_ms.saturating_sub(newest));
        let flag = since_flag(view, newest);
        let back = units::age(window);
        console.hint(&format!(
            "without --since only the last {back} are searched, and the newest request is of {at} \
             ({ago}): {flag} shows it"
        ));
        return Ok(());
    }
    if !view.is_table() || console.is_quiet() {
        return Ok(());
    }
    note(console);
    let newest = span.map(|(_, newest)| newest);
    console.hint(&what_helps(sought, newest, view, reader)?);
    Ok(())
}

/// What a person may try, where the newest request of all is of a time.
fn what_helps(
    sought: &Sought<'_>,
    newest: Option<i64>,
    view: &View,
    reader: &dyn Reader,
) -> anyhow::Result<String> {
    let Some(newest) = newest else {
        // Its row, and its session where it says none, come with its answer.
        if !reader.open_requests(&Filter::default())?.is_empty() {
            let waits = "no request has ended yet: `mcpr logs --pending` shows what is in flight";
            return Ok(waits.to_owned());
        }
        let none = "no request is stored yet: `mcpr record FILE` or `mcpr tap install` brings some";
        return Ok(none.to_owned());
    };
    if sought.leaves_out_bodies && reader.payload_span()?.is_some() {
        return Ok("--in payloads searches arguments and answers too".to_owned());
    }
    match sought.asked {
        SoughtRows::Requests(asked) => loosened::hint(asked, sought.what, newest, view, reader),
        SoughtRows::Sessions(asked) => loosened::hint_of_sessions(asked, newest, view, reader),
        SoughtRows::InFlight => {
            Ok("taps, and streams that show requests before their answers, report them".to_owned())
        }
    }
}

/// The flag whose window holds a time; a window with an end of its own needs a fixed beginning.
fn since_flag(view: &View, ts: i64) -> String {
    let ago = view.now_ms.saturating_sub(ts);
    // A time to come lies in no window that is counted back from now.
    if view.until.is_some() || ago < 0 {
        return format!(
            "--since {}",
            rfc3339(ts).unwrap_or_else(|| format!("@{ts}"))
        );
    }
    if ago < 2 * DAY_MS {
        format!("--since {}h", ago / HOUR_MS + 1)
    } else {
        format!("--since {}d", ago / DAY_MS + 1)
    }
}
