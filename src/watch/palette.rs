//! Colours by what they mean, for dark and for light terminals. None of them says anything that no sign or word
//! beside it says too.

use super::json_lines::Tone;
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
pub(super) enum Palette {
    /// None: signs, bold and reverse are left.
    Colourless,
    Dark,
    Light,
}

impl Palette {
    /// The palette for a terminal, by what `COLORFGBG` says of its background where it is set: the last
    /// number is the background, of which 7 and from 9 on are light ones.
    pub(super) fn of(uses_colour: bool, colorfgbg: Option<&str>) -> Self {
        if !uses_colour {
            return Self::Colourless;
        }
        let background = colorfgbg.and_then(|value| value.rsplit(';').next()?.parse::<u8>().ok());
        match background {
            Some(7 | 9..=15) => Self::Light,
            _ => Self::Dark,
        }
    }

    /// How a meaning looks.
    pub(super) fn style(self, meaning: Meaning) -> Style {
        let plain = Style::new();
        let coloured = |dark: Color, light: Color| match self {
            Self::Colourless => plain,
            Self::Dark => plain.fg(dark),
            Self::Light => plain.fg(light),
        };
        match meaning {
            Meaning::Plain => plain,
            // Not dark grey, which some themes have for their background.
            Meaning::Dim => plain.add_modifier(Modifier::DIM),
            Meaning::Heading => plain.add_modifier(Modifier::BOLD),
            Meaning::Failed => coloured(Color::LightRed, Color::Red),
            // Yellow cannot be read on white.
            Meaning::Slow => coloured(Color::Yellow, Color::Indexed(130)),
            Meaning::Live => coloured(Color::Cyan, Color::Indexed(30)),
            Meaning::Good => coloured(Color::Green, Color::Indexed(28)),
            Meaning::Found => plain.add_modifier(Modifier::REVERSED | Modifier::BOLD),
        }
    }

    /// How a piece of JSON looks.
    pub(super) fn json(self, tone: Tone) -> Style {
        let plain = Style::new();
        let coloured = |dark: Color, light: Color| match self {
            Self::Colourless => plain,
            Self::Dark => plain.fg(dark),
            Self::Light => plain.fg(light),
        };
        match tone {
            Tone::Mark | Tone::Colon | Tone::Plain => plain,
            Tone::Key => coloured(Color::Cyan, Color::Blue),
            Tone::Text => coloured(Color::Green, Color::Indexed(28)),
            Tone::Number => coloured(Color::Magenta, Color::Magenta),
            Tone::Word => coloured(Color::Yellow, Color::Indexed(130)),
        }
    }

    /// A colour that one name always has, so that what belongs together is seen.
    pub(super) fn of_name(self, name: &str) -> Style {
        const DARK: [Color; 6] = [
            Color::Cyan,
            Color::Magenta,
            Color::Blue,
            Color::Green,
            Color::LightMagenta,
            Color::LightBlue,
        ];
        const LIGHT: [u8; 6] = [30, 90, 25, 28, 55, 61];
        // Any spread will do; that of FNV-1a needs no table.
        let hash = name.bytes().fold(2_166_136_261_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(16_777_619)
        });
        let at = hash as usize % DARK.len();
        match self {
            Self::Colourless => Style::new(),
            Self::Dark => Style::new().fg(DARK[at]),
            Self::Light => Style::new().fg(Color::Indexed(LIGHT[at])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_background_decides_and_colour_can_be_refused() {
        let cases = [
            (false, Some("0;15"), Palette::Colourless),
            (true, None, Palette::Dark),
            (true, Some("15;0"), Palette::Dark),
            (true, Some("0;15"), Palette::Light),
            (true, Some("0;default;7"), Palette::Light),
            (true, Some("nonsense"), Palette::Dark),
        ];
        for (uses_colour, value, expected) in cases {
            assert_eq!(Palette::of(uses_colour, value), expected, "{value:?}");
        }
    }
}
