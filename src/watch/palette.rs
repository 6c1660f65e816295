//! The palette of tables as the screen's library takes it, and what only a screen has. Which colours there are
//! is decided in `render::palette`.

use super::json_lines::Tone;
pub(super) use crate::render::palette::Meaning;
use crate::render::palette::{self, Ink};
use ratatui::style::{Color, Modifier, Style};

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
        styled(self.0.ink(meaning))
    }

    /// How that looks which a search found.
    pub(super) fn found() -> Style {
        // On a screen alone: what is printed is searched by the pager.
        Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD)
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
