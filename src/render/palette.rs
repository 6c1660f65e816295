//! Colours by what they mean, for dark and for light terminals: the one palette of tables and of the live
//! screen. None of them says anything that no sign or word beside it says too.

/// What a text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing in particular.
    Plain,
    /// Of second rank: times, arguments.
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
}

/// How a text is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ink {
    /// One of the 256 colours of terminals; `None` is the terminal's own.
    pub colour: Option<u8>,
    /// Fainter than the rest.
    pub is_dim: bool,
    /// Stronger than the rest.
    pub is_bold: bool,
}

impl Ink {
    fn of_colour(colour: u8) -> Self {
        Self {
            colour: Some(colour),
            ..Self::default()
        }
    }
}

/// Which colours there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Palette {
    /// None: no escape byte at all.
    #[default]
    Colourless,
    /// For light text on a dark ground.
    Dark,
    /// For dark text on a light ground.
    Light,
}

impl Palette {
    /// The palette for a terminal, by what `COLORFGBG` says of its background where it is set: the last
    /// number is the background, of which 7 and from 9 on are light ones.
    #[must_use]
    pub fn of(uses_colour: bool, colorfgbg: Option<&str>) -> Self {
        if !uses_colour {
            return Self::Colourless;
        }
        let background = colorfgbg.and_then(|value| value.rsplit(';').next()?.parse::<u8>().ok());
        // A terminal that says nothing is more often a dark one.
        match background {
            Some(7 | 9..=15) => Self::Light,
            _ => Self::Dark,
        }
    }

    /// How a meaning looks. Without colours it may be bold or dim still: who must not write any escape
    /// byte asks [`Palette::has_colour`] first.
    #[must_use]
    pub fn ink(self, meaning: Meaning) -> Ink {
        match meaning {
            Meaning::Plain => Ink::default(),
            // Not dark grey, which some themes have for their background.
            Meaning::Dim => Ink {
                is_dim: true,
                ..Ink::default()
            },
            Meaning::Heading => Ink {
                is_bold: true,
                ..Ink::default()
            },
            // Bright on dark, dark on light.
            Meaning::Failed => self.choose(9, 1),
            // Yellow cannot be read on white: brown there.
            Meaning::Slow => self.choose(3, 130),
            // Cyan and green that a light ground does not swallow.
            Meaning::Live => self.choose(6, 30),
            Meaning::Good => self.choose(2, 28),
        }
    }

    /// A colour that one name always has, so that what belongs together is seen.
    #[must_use]
    pub fn of_name(self, name: &str) -> Ink {
        // Without red and yellow, which mean something.
        const DARK: [u8; 6] = [6, 5, 4, 2, 13, 12];
        const LIGHT: [u8; 6] = [30, 90, 25, 28, 55, 61];
        // Any spread will do; that of FNV-1a needs no table.
        let hash = name.bytes().fold(2_166_136_261_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(16_777_619)
        });
        let at = hash as usize % DARK.len();
        self.choose(DARK[at], LIGHT[at])
    }

    /// A text of a line of its own in the colour of its meaning.
    #[must_use]
    pub fn paint(self, meaning: Meaning, text: &str) -> String {
        if !self.has_colour() {
            return text.to_owned();
        }
        let Ink {
            colour,
            is_dim,
            is_bold,
        } = self.ink(meaning);
        let colour = colour.map(|colour| format!("38;5;{colour}"));
        let dim = is_dim.then(|| "2".to_owned());
        let bold = is_bold.then(|| "1".to_owned());
        // What has a meaning has at least one of them.
        let codes: Vec<String> = [colour, dim, bold].into_iter().flatten().collect();
        format!("\x1b[{}m{text}\x1b[0m", codes.join(";"))
    }

    /// Whether escape sequences may be written.
    #[must_use]
    pub fn has_colour(self) -> bool {
        self != Self::Colourless
    }

    fn choose(self, dark: u8, light: u8) -> Ink {
        match self {
            Self::Colourless => Ink::default(),
            Self::Dark => Ink::of_colour(dark),
            Self::Light => Ink::of_colour(light),
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

    #[test]
    fn a_name_keeps_its_colour_and_has_none_where_there_are_none() {
        for palette in [Palette::Dark, Palette::Light] {
            assert_eq!(palette.of_name("weather"), palette.of_name("weather"));
            assert!(palette.of_name("weather").colour.is_some());
        }
        assert_eq!(Palette::Colourless.of_name("weather"), Ink::default());
    }
}
