//! Which lists are meant: by a short word or by their method.

use mcpr_model::SurfaceUpdate;
use std::str::FromStr;

/// The methods that a word stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lists(&'static [&'static str]);

impl Lists {
    /// Whether a method is one of them.
    pub(super) fn holds(self, method: &str) -> bool {
        self.0.contains(&method)
    }

    /// The first of them, which stands for all in sentences.
    pub(super) fn name(self) -> &'static str {
        self.0[0]
    }

    /// The list that a version number is about when no list is named.
    pub(super) const TOOLS: Self = Self(&["tools/list"]);
}

impl FromStr for Lists {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(match text {
            // Servers answer one or the other, by their version of the protocol.
            "server" => &["initialize", "server/discover"],
            "tools" => Self::TOOLS.0,
            "prompts" => &["prompts/list"],
            "resources" => &["resources/list"],
            "templates" => &["resources/templates/list"],
            method => {
                let known = SurfaceUpdate::METHODS.iter().position(|one| *one == method);
                let Some(at) = known else {
                    let known = SurfaceUpdate::METHODS.join(", ");
                    return Err(format!(
                        "give server, tools, prompts, resources, templates, or one of {known}"
                    ));
                };
                // A piece of the fixed list, as `Lists` holds no text of its own.
                &SurfaceUpdate::METHODS[at..=at]
            }
        }))
    }
}
