//! Text from outside in the formats that runners and reviewers read: GitHub's commands, XML, Markdown.
//! Whatever has a meaning there is taken away from it.

/// A message of a command of GitHub Actions, which a line break would end.
#[must_use]
pub fn github_data(text: &str) -> String {
    // The percent sign first, or the escapes would be escaped themselves.
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// A property of such a command, in which a colon and a comma have a meaning besides.
#[must_use]
pub fn github_property(text: &str) -> String {
    github_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Text for XML; characters that XML cannot say are replaced.
#[must_use]
pub fn xml(text: &str) -> String {
    text.chars().fold(String::new(), |mut made, one| {
        match one {
            '&' => made.push_str("&amp;"),
            '<' => made.push_str("&lt;"),
            '>' => made.push_str("&gt;"),
            '"' => made.push_str("&quot;"),
            '\n' => made.push_str("&#10;"),
            '\t' => made.push_str("&#9;"),
            // XML 1.0 has no way to write these, not even escaped, and parsers refuse the whole
            // file.
            one if one < ' ' || matches!(one, '\u{fffe}' | '\u{ffff}') => made.push('\u{fffd}'),
            one => made.push(one),
        }
        made
    })
}

/// Text that holds no markup: what came from outside must not write the comment.
#[must_use]
pub fn markdown_text(text: &str) -> String {
    text.chars().fold(String::new(), |mut made, one| {
        if "\\`*_{}[]()<>#+!|~@&".contains(one) {
            made.push('\\');
        }
        // A line break would end the list item, and begin markup of its own.
        made.push(if one.is_control() { ' ' } else { one });
        made
    })
}

/// A span of code with as many marks around it as its own marks ask for.
#[must_use]
pub fn markdown_code(text: &str) -> String {
    let text = text.replace(|one: char| one.is_control(), " ");
    let longest = text
        .split(|one| one != '`')
        .map(str::len)
        .max()
        .unwrap_or(0);
    // By CommonMark a span ends at the first run of exactly as many marks.
    let marks = "`".repeat(longest + 1);
    // A mark at the edge would join the marks around; one space on each side is stripped.
    let pad = if text.starts_with('`') || text.ends_with('`') || text.is_empty() {
        " "
    } else {
        ""
    };
    format!("{marks}{pad}{text}{pad}{marks}")
}
