//! The palette of tables as the screen's library takes it, and what only a screen has. Which colours there are
//! is decided in `render::palette`.

use super::json_lines::Tone;
use crate::render::palette::{self, Ink};
use ratatui::style::{Color, Modifier, Style};

/// What a text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Plain,
    /// Of second rank.
    Dim,
    /// A heading.
    Heading,
    /// What failed.
    Failed,
    /// What was slow, and what is missing.
    Slow,
    /// What goes on.
    Live,
    /// What is active or good.
    Good,
    /// What a search found.
    Found,
}

/// Which colours there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Palette(palette::Palette);

impl Palette {
    /// The palette for a terminal, see [`palette::Palette::of`].
    pub(super) fn of(uses_colour: bool, colorfgbg: Option<&str>) -> Self {
        Self(palette::Palette::of(uses_colour, colorfgbg))
    }

    /// How a meaning looks.
    pub(super) fn style(self, meaning: Meaning) -> Style {
        let meaning = match meaning {
            Meaning::Plain => palette::Meaning::Plain,
            Meaning::Dim => palette::Meaning::Dim,
            Meaning::Heading => palette::Meaning::Heading,
            Meaning::Failed => palette::Meaning::Failed,
            Meaning::Slow => palette::Meaning::Slow,
            Meaning::Live => palette::Meaning::Live,
            Meaning::Good => palette::Meaning::Good,
            Meaning::Found => {
                return Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD);
            }
        };
        styled(self.0.ink(meaning))
    }

    /// How a piece of JSON looks.
    pub(super) fn json(self, tone: Tone) -> Style {
        let coloured = |dark: Color, light: Color| match self.0 {
            palette::Palette::Colourless => Style::new(),
            palette::Palette::Dark => Style::new().fg(dark),
            palette::Palette::Light => Style::new().fg(light),
        };
        match tone {
            Tone::Mark | Tone::Colon | Tone::Plain => Style::new(),
            Tone::Key => coloured(Color::Cyan, Color::Blue),
            Tone::Text => coloured(Color::Green, Color::Indexed(28)),
            Tone::Number => coloured(Color::Magenta, Color::Magenta),
            Tone::Word => coloured(Color::Yellow, Color::Indexed(130)),
        }
    }

    /// A colour that one name always has, so that what belongs together is seen.
    pub(super) fn of_name(self, name: &str) -> Style {
        styled(self.0.of_name(name))
    }
}

fn styled(ink: Ink) -> Style {
    let mut style = Style::new();
    if let Some(colour) = ink.colour {
        style = style.fg(Color::Indexed(colour));
    }
    if ink.is_dim {
        style = style.add_modifier(Modifier::DIM);
    }
    if ink.is_bold {
        style = style.add_modifier(Modifier::BOLD);
    }
    style
}
