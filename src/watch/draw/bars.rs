//! The lines above and below what one looks at: which lists there are, what they go by, what one can do.

use super::table::set;
use crate::render::layout::{cut, width};
use crate::render::text::escape;
use crate::render::units::grouped;
use crate::watch::app::{App, Pane};
use crate::watch::palette::{Meaning, Palette};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

/// The lists, and whether more is coming.
pub(super) fn top(app: &App, palette: Palette, buffer: &mut Buffer) {
    let area = buffer.area;
    let names = |with_all: bool| {
        let mut spans = Vec::new();
        for (at, pane) in app.panes.iter().enumerate() {
            let number = at + 1;
            let is_here = *pane == app.pane;
            if is_here {
                let style = Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED);
                spans.push(Span::styled(format!("[{number} {}]", pane.name()), style));
            } else if with_all {
                spans.push(Span::raw(format!(" {number} {} ", pane.name())));
            } else {
                spans.push(Span::raw(format!(" {number} ")));
            }
        }
        Line::from(spans)
    };
    let room = usize::from(area.width);
    let (state, meaning) = state(app);
    let all = names(true);
    let line = if all.width() <= room {
        all
    } else {
        names(false)
    };
    let left = room.saturating_sub(line.width() + 1);
    set(buffer, area, 0, 0, &line);
    if width(&state) <= left {
        let state = Span::styled(state.clone(), palette.style(meaning));
        set(buffer, area, 0, room - state.width(), &Line::from(state));
    }
}

/// Whether more is coming.
pub(super) fn state(app: &App) -> (String, Meaning) {
    let behind = app.head.map_or(0, |head| app.requests.behind(head.cursor));
    let newer = match behind {
        0 => String::new(),
        newer => format!(", {} newer", grouped(newer)),
    };
    if app.trouble.is_some() {
        ("! waiting for the store".to_owned(), Meaning::Slow)
    } else if app.head.is_none() {
        ("opening the store".to_owned(), Meaning::Dim)
    } else if app.requests.seeks() {
        ("looking for a failure …".to_owned(), Meaning::Slow)
    } else if app.paused_at.is_some() {
        (format!("‖ paused{newer}"), Meaning::Slow)
    } else if app.pane == Pane::Requests && !app.requests.follows {
        (format!("↑ looking back{newer}"), Meaning::Dim)
    } else {
        ("● live".to_owned(), Meaning::Good)
    }
}

/// What is left out, and how far a look came.
pub(super) fn filters(app: &App, palette: Palette, buffer: &mut Buffer) {
    let area = buffer.area;
    let mut spans = vec![Span::styled("only ", palette.style(Meaning::Dim))];
    for (name, value) in app.filters() {
        spans.push(Span::styled(
            format!("{name} "),
            palette.style(Meaning::Dim),
        ));
        let value = cut(&escape(&value), 40).into_owned();
        spans.push(Span::styled(value, palette.style(Meaning::Live)));
        spans.push(Span::raw("  "));
    }
    if app.pane == Pane::Requests && app.requests.is_looking() {
        let percent = app.requests.looked_at_percent();
        spans.push(Span::styled(
            format!("looking: {percent} %"),
            palette.style(Meaning::Slow),
        ));
    } else {
        spans.push(Span::styled("x clears", palette.style(Meaning::Dim)));
    }
    set(buffer, area, 1, 0, &Line::from(spans));
}

/// What is typed, the message, or what one can do.
pub(super) fn bottom(app: &App, palette: Palette, buffer: &mut Buffer) {
    let area = buffer.area;
    let row = usize::from(area.height) - 1;
    let line = Rect {
        y: area.y + area.height - 1,
        height: 1,
        ..area
    };
    // It covers what a small screen has there.
    for x in line.left()..line.right() {
        if let Some(cell) = buffer.cell_mut((x, line.y)) {
            cell.reset();
        }
    }
    let room = usize::from(area.width);
    if let Some(prompt) = &app.prompt {
        let typed = format!("{}{}", prompt.label(), escape(&prompt.text));
        let mut spans = vec![Span::raw(tail(&typed, room.saturating_sub(1)))];
        // The place where one types: the terminal's own cursor is hidden.
        spans.push(Span::styled(
            " ",
            Style::new().add_modifier(Modifier::REVERSED),
        ));
        return set(buffer, area, row, 0, &Line::from(spans));
    }
    if let Some(notice) = &app.notice {
        let notice = cut(&escape(notice), room).into_owned();
        let notice = Span::styled(notice, palette.style(Meaning::Live));
        return set(buffer, area, row, 0, &Line::from(notice));
    }
    let mut used = 0;
    let mut spans = Vec::new();
    for (key, does) in hints(app) {
        let wide = width(key) + 1 + width(does) + 2;
        if used + wide > room + 2 {
            break;
        }
        used += wide;
        spans.push(Span::styled(key, palette.style(Meaning::Heading)));
        spans.push(Span::styled(
            format!(" {does}  "),
            palette.style(Meaning::Dim),
        ));
    }
    set(buffer, area, row, 0, &Line::from(spans));
}

/// The keys that help most here; as many as have room are shown.
fn hints(app: &App) -> Vec<(&'static str, &'static str)> {
    let mut hints = vec![("?", "help")];
    if app.help.is_some() {
        return vec![("q", "back"), ("j k", "move")];
    }
    if app.detail.is_some() {
        hints.extend([
            ("q", "back"),
            ("Tab", "other side"),
            ("Enter", "fold"),
            ("/", "search"),
            ("c", "copy"),
            ("w", "write"),
            ("e E", "failures"),
            ("J K", "next, previous"),
        ]);
        return hints;
    }
    hints.extend([("q", "quit"), ("/", "filter")]);
    match app.pane {
        Pane::Requests => hints.extend([
            ("Enter", "open"),
            ("e E", "failures"),
            ("t", "tool"),
            ("s", "session"),
            ("p", "pause"),
            ("G", "newest"),
        ]),
        Pane::Sessions => hints.extend([("Enter", "requests"), ("e E", "errors"), ("p", "pause")]),
        Pane::Tools => hints.extend([
            ("Enter", "requests"),
            ("+ -", "window"),
            ("< >", "sort"),
            ("r", "reverse"),
            ("e E", "errors"),
        ]),
        Pane::Output => hints.extend([
            ("Enter", "requests"),
            ("e E", "errors"),
            ("p", "pause"),
            ("G", "newest"),
        ]),
        Pane::Changes => hints.extend([("e E", "breaking"), ("p", "pause")]),
    }
    hints
}

/// The end of a text, where one types.
fn tail(text: &str, room: usize) -> String {
    let mut from = 0;
    while width(&text[from..]) > room {
        from += text[from..].chars().next().map_or(1, char::len_utf8);
    }
    text[from..].to_owned()
}

/// The heading of a screen that is not a list.
pub(super) fn heading(text: &str, app: &App, palette: Palette, buffer: &mut Buffer) {
    let area = buffer.area;
    let room = usize::from(area.width);
    let text = cut(text, room).into_owned();
    let style = Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED);
    let used = width(&text);
    set(buffer, area, 0, 0, &Line::from(Span::styled(text, style)));
    let (state, meaning) = state(app);
    if used + 2 + width(&state) <= room {
        let at = room - width(&state);
        set(
            buffer,
            area,
            0,
            at,
            &Line::from(Span::styled(state, palette.style(meaning))),
        );
    }
}
