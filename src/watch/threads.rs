//! The threads beside the one that draws: they listen to the keyboard and to signals. None of them touches the
//! screen.

use super::event::{EndNotifier, Events, ScreenEvent};
use crossterm::event::{self, Event as Input, KeyEventKind};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use std::io;
use std::thread;

/// Starts to listen to the keyboard; the terminal must be taken.
pub(super) fn listen_to_keys(events: Events) -> io::Result<()> {
    let listen = move || {
        let _end = EndNotifier {
            events: events.clone(),
            thread: "keyboard",
        };
        while let Ok(input) = event::read() {
            let event = match input {
                // Some terminals report keys that are let go, too.
                Input::Key(key) if key.kind != KeyEventKind::Release => ScreenEvent::Key(key),
                Input::Resize(columns, rows) => ScreenEvent::Resized(columns, rows),
                _ => continue,
            };
            if !events.send(event) {
                return;
            }
        }
        // The terminal has gone; the system's own signal may come after this.
        events.send(ScreenEvent::Signal(SIGHUP));
    };
    thread::Builder::new()
        .name("keyboard".to_owned())
        .spawn(listen)?;
    Ok(())
}

/// Starts to listen to signals.
pub(super) fn listen_to_signals(events: Events) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT])?;
    let listen = move || {
        for signal in &mut signals {
            if !events.send(ScreenEvent::Signal(signal)) {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(listen)?;
    Ok(())
}

/// Starts a worker. It shows when it ends, however it does.
pub(super) fn start(
    name: &'static str,
    events: Events,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let work = move || {
        let _end = EndNotifier {
            events,
            thread: name,
        };
        work();
    };
    thread::Builder::new().name(name.to_owned()).spawn(work)?;
    Ok(())
}
