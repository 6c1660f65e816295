//! Whole screens at three sizes, through a terminal emulator; and that each key does something.

use super::app::AppEffect;
use super::keys::{BINDINGS, Binding, KeyPlace, Stroke};
use super::queries::Answer;
use super::testing::{Bench, NOW};
use crate::watch::event::ScreenEvent;
use crossterm::event::KeyCode;
use expect_test::expect_file;
use mcpr_store::query::ChangeRow;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use std::cell::RefCell;
use std::io::{self, Write};
use std::num::NonZeroU16;
use std::rc::Rc;

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 50)];

/// What a terminal is sent.
#[derive(Debug, Default, Clone)]
struct SentBytes(Rc<RefCell<Vec<u8>>>);

impl Write for SentBytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The screen as a terminal shows it, and what that was sent.
fn emulated(bench: &mut Bench) -> (String, String) {
    let (columns, rows) = bench.app.size;
    let frame = bench.frame();
    let sent = SentBytes::default();
    let viewport = Viewport::Fixed(Rect::new(0, 0, columns, rows));
    let backend = CrosstermBackend::new(sent.clone());
    let mut terminal =
        Terminal::with_options(backend, TerminalOptions { viewport }).expect("it writes to memory");
    terminal
        .draw(|drawn| drawn.buffer_mut().clone_from(&frame))
        .expect("it writes to memory");
    let bytes = sent.0.borrow().clone();
    let size = |number| NonZeroU16::new(number).expect("a size");
    let mut parser = vt100::Parser::new(size(rows), size(columns), 0);
    parser.process(&bytes);
    let lines = parser.screen().rows(0, columns);
    let shown: String = lines
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect();
    (shown, String::from_utf8(bytes).expect("text"))
}

fn change(ts: i64, name: &str) -> ChangeRow {
    ChangeRow {
        ts,
        proxy: "files".to_owned(),
        method: "tools/list".to_owned(),
        version: 2,
        change: "tool_added".to_owned(),
        item: Some(name.to_owned()),
        compatibility: Some("compatible"),
        security: Some("review"),
        session_id: Some(name.to_owned()),
        client_name: Some(name.to_owned()),
        announced: true,
        equivocation: false,
    }
}

/// A store with failures, a gap and a request that is hostile in every field.
fn bench(columns: u16, rows: u16) -> Bench {
    let mut bench = Bench::over(160);
    bench.resize(columns, rows);
    bench.store.add_gap();
    bench.store.add_hostile();
    bench.store.add(3);
    bench.store.add_outputs();
    bench.wait(5_000);
    let changes = vec![
        change(NOW - 60_000, "read_file"),
        change(NOW, "a\u{1b}[2Jb"),
    ];
    bench
        .app
        .handle(ScreenEvent::Answered(Answer::Changes(changes)));
    bench
}

#[test]
fn every_pane_at_three_sizes_in_a_terminal() {
    let panes = [
        ("requests", "EG"),
        ("flight", "G"),
        ("sessions", "2"),
        ("tools", "3"),
        ("output", "4"),
        ("changes", "5"),
        ("detail", "kkk<Enter>"),
        ("help", "?"),
    ];
    for (columns, rows) in SIZES {
        for (name, keys) in panes {
            let mut bench = bench(columns, rows);
            // Requests that wait stand below the rows, whatever one looks at.
            let waits = (name == "flight").then(|| [900, 901].map(|n| bench.store.add_open(n)));
            bench.wait(1_000);
            bench.keys(keys);
            let (shown, sent) = emulated(&mut bench);
            drop(waits);
            let file = format!(
                "{}/tests/data/expected/watch/{name}-{columns}x{rows}.txt",
                env!("CARGO_MANIFEST_DIR")
            );
            expect_file![file].assert_eq(&shown);
            // Nothing of what was recorded got through as what it says it is.
            for hostile in ["\x1b[2J", "\u{202e}", "\u{7}", "\u{9b}"] {
                assert!(!sent.contains(hostile), "{hostile:?} in {name}:\n{shown}");
            }
        }
    }
}

#[test]
fn a_screen_of_almost_no_size_shows_what_it_can() {
    for (columns, rows) in [(20, 5), (1, 1), (5, 2), (40, 3)] {
        for keys in ["", "2", "3", "4", "5", "<Enter>", "?", "/x"] {
            let mut bench = bench(80, 24);
            bench.keys(keys);
            bench.resize(columns, rows);
            let (shown, _) = emulated(&mut bench);
            assert_eq!(shown.lines().count(), usize::from(rows), "{keys}");
        }
    }
}

/// A screen in which the keys of a place have something to do.
fn prepared(binding: &Binding, key: Stroke) -> Bench {
    let mut bench = Bench::over(400);
    let keys = match binding.place {
        // One tool, in the middle between two of its failures.
        KeyPlace::Lists | KeyPlace::Everywhere => "EtEkk",
        KeyPlace::Tools => "3--",
        KeyPlace::Detail => "EtEkk<Enter>jj",
        KeyPlace::Help => "?",
    };
    bench.keys(keys);
    match key.0 {
        // What leads to where one is does nothing: from elsewhere it does.
        KeyCode::Char('1') => bench.keys("2"),
        KeyCode::Right => bench.keys("h"),
        KeyCode::Char('l') if !key.1 => bench.keys("h"),
        KeyCode::Char('W') => {
            bench.resize(20, 24);
            None
        }
        _ => None,
    };
    bench
}

#[test]
fn each_key_of_the_help_does_something() {
    for binding in BINDINGS {
        for &key in binding.keys {
            let mut bench = prepared(binding, key);
            let before = bench.screen();
            let effect: Option<AppEffect> = bench.press(key.0, key.1);
            let is_changed = bench.screen() != before;
            assert!(
                effect.is_some() || is_changed,
                "{} ({key:?}) does nothing:\n{before}",
                binding.shown
            );
        }
    }
}
