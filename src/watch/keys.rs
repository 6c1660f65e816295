//! Which key does what: one table, from which keys are read, `?` is shown and `docs/watch.md` is checked.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyCommand {
    Quit,
    Interrupt,
    Suspend,
    Redraw,
    Help,
    /// Closes what is open.
    Back,
    /// The pane with this number, from 0.
    Pane(usize),
    NextPane,
    PreviousPane,
    Down,
    Up,
    PageDown,
    PageUp,
    First,
    Last,
    InFlight,
    Open,
    Filter,
    NextFailure,
    PreviousFailure,
    Pause,
    OnlyTool,
    OnlySession,
    Clear,
    Longer,
    Shorter,
    SortRight,
    SortLeft,
    Reverse,
    OtherSide,
    Fold,
    FoldIn,
    Unfold,
    FoldAll,
    Wrap,
    NextMatch,
    PreviousMatch,
    Copy,
    Write,
    Report,
    NextRow,
    PreviousRow,
}

/// Where a key means what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyPlace {
    /// Everywhere but where one types.
    Everywhere,
    /// In the lists.
    Lists,
    /// In the list of tools, beside what holds in all lists.
    Tools,
    /// In an opened request.
    Detail,
    /// In the help.
    Help,
}

/// One key, or several that mean the same.
#[derive(Debug)]
pub(super) struct Binding {
    pub(super) place: KeyPlace,
    pub(super) keys: &'static [Stroke],
    /// How it is written.
    pub(super) shown: &'static str,
    /// What it does, in words; empty where another line says it.
    pub(super) does: &'static str,
    pub(super) command: KeyCommand,
}

/// A key, and whether Ctrl is held.
pub(super) type Stroke = (KeyCode, bool);

const fn plain(c: char) -> Stroke {
    (KeyCode::Char(c), false)
}

const fn control(c: char) -> Stroke {
    (KeyCode::Char(c), true)
}

const fn named(code: KeyCode) -> Stroke {
    (code, false)
}

macro_rules! bindings {
    ($($place:ident [$($key:expr),+] $shown:literal $command:expr, $does:literal;)+) => {
        &[$(Binding {
            place: KeyPlace::$place,
            keys: &[$($key),+],
            shown: $shown,
            does: $does,
            command: $command,
        }),+]
    };
}

use KeyCommand as C;

/// Every key.
pub(super) const BINDINGS: &[Binding] = bindings! {
    Lists [plain('q')] "q" C::Quit, "quit";
    Everywhere [plain('?')] "?" C::Help, "show or leave this help";
    Everywhere [control('c')] "Ctrl-C" C::Interrupt, "quit, from anywhere";
    Everywhere [control('z')] "Ctrl-Z" C::Suspend, "suspend; `fg` comes back";
    Everywhere [control('l')] "Ctrl-L" C::Redraw, "draw the screen anew";
    Lists [named(KeyCode::Tab)] "Tab" C::NextPane, "next list; Shift-Tab: the one before";
    Lists [named(KeyCode::BackTab)] "Shift-Tab" C::PreviousPane, "";
    Lists [plain('1')] "1" C::Pane(0), "requests";
    Lists [plain('2')] "2" C::Pane(1), "sessions";
    Lists [plain('3')] "3" C::Pane(2), "tools";
    Lists [plain('4')] "4" C::Pane(3), "what servers write: standard error";
    Lists [plain('5')] "5" C::Pane(4), "schema changes";
    Everywhere [plain('j'), named(KeyCode::Down)] "j ↓" C::Down, "down";
    Everywhere [plain('k'), named(KeyCode::Up)] "k ↑" C::Up, "up";
    Everywhere [plain(' '), control('f'), control('d'), named(KeyCode::PageDown)]
        "Space PgDn" C::PageDown, "a page down";
    Everywhere [plain('b'), control('b'), control('u'), named(KeyCode::PageUp)]
        "b PgUp" C::PageUp, "a page up";
    Everywhere [plain('g'), named(KeyCode::Home)] "g Home" C::First, "to the first row";
    Everywhere [plain('G'), named(KeyCode::End)] "G End" C::Last,
        "to the last row; requests follow again";
    Lists [plain('i')] "i" C::InFlight, "to what is in flight, above the rows";
    Lists [named(KeyCode::Enter)] "Enter" C::Open,
        "open a request; of another row, its requests";
    Lists [plain('/')] "/" C::Filter,
        "filter as you type: every field, arguments and answers too";
    Everywhere [plain('e')] "e" C::NextFailure, "next failure";
    Everywhere [plain('E')] "E" C::PreviousFailure, "previous failure";
    Everywhere [plain('p')] "p" C::Pause, "pause, and go on";
    Everywhere [plain('t')] "t" C::OnlyTool, "only the requests of this tool (or method)";
    Everywhere [plain('s')] "s" C::OnlySession, "only the requests of this session";
    Lists [plain('x')] "x" C::Clear, "clear every filter";
    Everywhere [plain('o')] "o" C::Report,
        "open a report (HTML) of these requests; its path is shown";
    Tools [plain('+'), plain('=')] "+" C::Longer, "longer window";
    Tools [plain('-')] "-" C::Shorter, "shorter window";
    Tools [plain('>'), plain('.')] ">" C::SortRight, "sort by the next column";
    Tools [plain('<'), plain(',')] "<" C::SortLeft, "sort by the column before";
    Tools [plain('r')] "r" C::Reverse, "turn the order round";
    Detail [plain('q'), named(KeyCode::Esc)] "q Esc" C::Back, "back to the list";
    Detail [named(KeyCode::Tab), named(KeyCode::BackTab)] "Tab" C::OtherSide,
        "request or answer: which one keys are about";
    Detail [named(KeyCode::Enter)] "Enter" C::Fold, "fold or unfold";
    Detail [named(KeyCode::Left), plain('h')] "← h" C::FoldIn, "fold, or go out to what it stands in";
    Detail [named(KeyCode::Right), plain('l')] "→ l" C::Unfold, "unfold";
    Detail [plain('z')] "z" C::FoldAll, "fold or unfold everything";
    Detail [plain('W')] "W" C::Wrap, "wrap long lines, or cut them";
    Detail [plain('/')] "/" C::Filter, "search";
    Detail [plain('n')] "n" C::NextMatch, "next match";
    Detail [plain('N')] "N" C::PreviousMatch, "previous match";
    Detail [plain('c')] "c" C::Copy, "copy the JSON to the terminal's clipboard (OSC 52)";
    Detail [plain('w')] "w" C::Write, "write the request with its answer to a file";
    Detail [plain('J')] "J" C::NextRow, "open the next request";
    Detail [plain('K')] "K" C::PreviousRow, "open the one before";
    Help [plain('q'), named(KeyCode::Esc)] "q Esc" C::Back, "leave the help";
};

/// What a key means in some places, of which the first that knows it counts.
pub(super) fn command(key: KeyEvent, places: &[KeyPlace]) -> Option<KeyCommand> {
    let with_control = key.modifiers.contains(KeyModifiers::CONTROL);
    let stroke = (key.code, with_control);
    let of_place = |place: &KeyPlace| {
        let mut here = BINDINGS.iter().filter(|binding| binding.place == *place);
        here.find(|binding| binding.keys.contains(&stroke))
    };
    places
        .iter()
        .find_map(of_place)
        .map(|binding| binding.command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_has_two_meanings_in_one_place() {
        let mut seen = Vec::new();
        for binding in BINDINGS {
            for key in binding.keys {
                let here = (binding.place, *key);
                assert!(!seen.contains(&here), "{here:?}");
                seen.push(here);
            }
        }
    }

    #[test]
    fn a_place_of_its_own_goes_first() {
        let key = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE);
        let lists = [KeyPlace::Tools, KeyPlace::Lists, KeyPlace::Everywhere];
        assert_eq!(command(key('-'), &lists), Some(KeyCommand::Shorter));
        assert_eq!(command(key('e'), &lists), Some(KeyCommand::NextFailure));
        assert_eq!(command(key('y'), &lists), None);
        let detail = [KeyPlace::Detail, KeyPlace::Everywhere];
        assert_eq!(command(key('q'), &detail), Some(KeyCommand::Back));
    }
}
