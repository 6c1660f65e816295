//! What the elements of an array of JSON are to each other: a name and its value, the arguments of a
//! program, the cells of a table. Must not read JSON itself.

use super::keys::{self, Secrecy};
use super::members::{ArrayKind, Awaiting, Container};
use super::options::is_value_of_list;
use super::programs::{self, ProgramCall};
use super::{tables, words};
use std::ops::Range;

/// What an array has shown of its elements so far.
#[derive(Debug, Default)]
pub(super) struct Elements {
    /// How many there were.
    pub(super) count: usize,
    /// The last text, where it may name the next.
    last: Option<String>,
    /// The option that the last text is.
    option: Option<String>,
    /// The program whose arguments they are; of an object, the one that it names.
    command: ProgramCall,
    /// Secrets of some programs, whose name may still follow.
    arguments: Vec<Argument>,
    /// The names of secrets among them, should they be the head of a table.
    head: Vec<SecretColumn>,
    names: usize,
    /// The columns of the rows that stand in this one, and of this one as a row.
    below: Vec<SecretColumn>,
    own: Vec<SecretColumn>,
}

/// An argument that is a secret of some programs.
#[derive(Debug)]
struct Argument {
    before: Option<String>,
    text: String,
    /// Where it stands in the output; the end is 0 until it is known.
    place: Range<usize>,
}

/// A column of a table, and how sure its name is that the cells are secrets.
#[derive(Debug, Clone, Copy)]
struct SecretColumn {
    index: usize,
    secrecy: Secrecy,
}

/// Most arguments that are remembered until their program is named.
const MOST_ARGUMENTS: usize = 8;

/// Longest argument that is.
const LONGEST_ARGUMENT: usize = 256;

/// Most columns that are remembered.
const MOST_COLUMNS: usize = 16;

impl Elements {
    /// Those of an array that begins within these.
    pub(super) fn within(outer: &Self) -> Self {
        Self {
            command: outer.command,
            own: outer.below.clone(),
            ..Self::default()
        }
    }

    /// Those of an array that begins in an object: the rows of its table, if it has one.
    pub(super) fn of_member(object: &Self) -> Self {
        Self {
            command: object.command,
            below: object.below.clone(),
            ..Self::default()
        }
    }

    /// An array within these has ended; `is_head` says that its key names the columns of a table.
    pub(super) fn ended(&mut self, array: Self, is_head: bool, is_first: bool) {
        let is_of_names = array.names > 1 && array.names >= array.count;
        // A lone pair of a name and its value is not a head.
        if is_of_names && (is_head || is_first && array.head.iter().any(|column| column.index > 0))
        {
            self.below = array.head;
        }
        self.command = self.command.or_login(array.command);
        let room = MOST_ARGUMENTS.saturating_sub(self.arguments.len());
        self.arguments
            .extend(array.arguments.into_iter().take(room));
    }

    /// The program is named. Gives the places of arguments that are secrets of it.
    pub(super) fn program(&mut self, text: &str) -> Vec<Range<usize>> {
        self.command = ProgramCall::of(text).or_login(self.command);
        let arguments = std::mem::take(&mut self.arguments).into_iter();
        let is_secret = |argument: &Argument| {
            self.command
                .is_secret(argument.before.as_deref(), &argument.text)
        };
        arguments
            .filter(is_secret)
            .map(|argument| argument.place)
            .collect()
    }

    /// An element ends at this place of the output.
    pub(super) fn end(&mut self, written: usize) {
        if let Some(argument) = self.arguments.last_mut()
            && argument.place.end == 0
        {
            argument.place.end = written;
        }
        self.count += 1;
    }

    /// Whether a text is a secret as an argument, behind the one before it; it begins at this place of
    /// the output.
    fn is_argument(&mut self, text: &str, written: usize) -> bool {
        self.command.argument(text, self.count);
        let before = self.option.take();
        if self.command.is_secret(before.as_deref(), text) {
            return true;
        }
        let is_option = programs::is_option(text);
        if text.len() <= LONGEST_ARGUMENT {
            let is_alone = is_option && text.len() <= keys::MAX_NAME_BYTES;
            self.option = is_alone.then(|| text.to_owned());
            if (is_option && text.len() > 2 || before.is_some())
                && self.command.is_unknown()
                && self.arguments.len() < MOST_ARGUMENTS
            {
                self.arguments.push(Argument {
                    before,
                    text: text.to_owned(),
                    place: written..0,
                });
            }
        }
        false
    }

    /// Whether a text is a secret as a cell of a table.
    fn is_cell(&mut self, text: &str) -> bool {
        let index = self.count;
        let is_name = !text.is_empty() && text.len() <= keys::MAX_NAME_BYTES && self.names == index;
        if is_name && !words::looks_random(text.as_bytes()) {
            self.names += 1;
            let secrecy = keys::secrecy(text.as_bytes());
            if secrecy >= Secrecy::NoNumber && self.head.len() < MOST_COLUMNS {
                self.head.push(SecretColumn { index, secrecy });
            }
        }
        let column = self.own.iter().find(|column| column.index == index);
        column.is_some_and(|column| tables::is_secret_cell(text.as_bytes(), column.secrecy, true))
    }
}

impl Container {
    /// What was a secret names nothing.
    pub(super) fn forget(&mut self) {
        self.elements.last = None;
        self.elements.option = None;
    }

    /// Whether a text is a secret as an element of the array, after the one before it.
    pub(super) fn is_listed(&mut self, text: &str, written: usize) -> bool {
        if self.open != Awaiting::Array {
            return false;
        }
        let elements = &mut self.elements;
        let takes_turns = self.list == ArrayKind::TakesTurns;
        let before = elements.last.take();
        let is_argument = elements.is_argument(text, written);
        if elements.is_cell(text) || is_argument {
            return true;
        }
        let is_secret = before.is_some_and(|name| {
            let secrecy = keys::secrecy(name.as_bytes());
            match &*name {
                // A user without a password is not a secret.
                "-u" | "--user" => is_login(text),
                _ if takes_turns => {
                    secrecy >= Secrecy::NoNumber && !words::is_placeholder(text.as_bytes())
                }
                _ => is_value_of_list(name.as_bytes(), secrecy, text.as_bytes()),
            }
        });
        // Sentences, assignments and addresses name nothing.
        let is_name = text.len() <= keys::MAX_NAME_BYTES && !text.contains([' ', '=', ':', '/']);
        // Among raw headers a value must not pass for the next name.
        let is_in_turn = !takes_turns || elements.count.is_multiple_of(2);
        if !is_secret && is_name && is_in_turn {
            elements.last = Some(text.to_owned());
        }
        is_secret
    }
}

/// Whether a text is `user:password`, and no pair of numbers.
fn is_login(text: &str) -> bool {
    text.split_once(':').is_some_and(|(_, password)| {
        password.len() >= 3
            && !password.bytes().all(|byte| byte.is_ascii_digit())
            // Addresses have a colon as well.
            && !text.contains("//")
    })
}
