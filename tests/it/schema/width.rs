//! How wide `mcpr schema` is: descriptions are wrapped between words where a width is known.

use super::super::terminal::Terminal;
use super::recorded;
use unicode_width::UnicodeWidthStr;

/// The words of everything below the tools' heading.
fn words_of_tools(text: &str) -> Vec<String> {
    let (_, tools) = text.split_once("\ntools/list\n").unwrap();
    let (tools, _) = tools.split_once("\n\n").unwrap_or((tools, ""));
    let mut words: Vec<String> = tools.split_whitespace().map(str::to_owned).collect();
    words.sort();
    words
}

#[test]
fn descriptions_are_wrapped_between_words_to_a_known_width() {
    let home = recorded();
    let words = [
        "schema",
        "--proxy",
        "everything",
        "--utc",
        "--color",
        "never",
    ];
    let whole = home.succeed(&words);
    assert!(whole.lines().any(|line| line.width() > 200), "{whole}");
    let in_pipe = |columns: &str| {
        let output = home
            .command(&words)
            .env("COLUMNS", columns)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let on_terminal = Terminal::of(&home)
        .run(&[&words[..], &["--no-pager"]].concat())
        .out;
    for (text, limit) in [(in_pipe("80"), 80), (on_terminal, 80), (in_pipe("66"), 66)] {
        assert_eq!(words_of_tools(&text), words_of_tools(&whole), "{text}");
        let (_, items) = text.split_once("\ntools/list\n").unwrap();
        let widest = items.lines().map(UnicodeWidthStr::width).max().unwrap();
        assert!(widest <= limit, "{widest}: {text}");
        // A line that goes on stands below its description.
        let begin = items.lines().next().unwrap().find("DESCRIPTION").unwrap();
        let blanks = " ".repeat(begin);
        let is_below = |line: &str| line.starts_with(&blanks) && line.len() > begin;
        assert!(items.lines().any(is_below), "{text}");
    }
    // Without a width lines are as long as they are: one a row, for programs that read by lines.
    assert_eq!(home.succeed(&words), whole);
}

#[test]
fn a_narrow_width_loses_nothing_of_an_item() {
    let home = recorded();
    let words = ["schema", "--proxy", "everything", "--method", "resources"];
    let output = home.command(&words).env("COLUMNS", "30").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (_, items) = text.split_once("\nresources/list\n").unwrap();
    assert!(items.lines().all(|line| line.width() <= 30), "{text}");
    let whole: String = items.split_whitespace().collect();
    assert!(
        whole.contains("demo://resource/static/document/architecture.md"),
        "{text}"
    );
}
