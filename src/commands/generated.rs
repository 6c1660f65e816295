//! `mcpr completions` and `mcpr man`: what packages install beside the program. The same texts are
//! checked in; a test compares them.

use super::complete::VARIABLE;
use super::help;
use super::replace::replace;
use super::{Refused, topics};
use crate::console::Console;
use crate::exit::Exit;
use anyhow::Context;
use clap_complete::env::Shells;
use std::path::PathBuf;

/// What `mcpr completions` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Completions {
    /// The shell to complete in
    #[arg(value_name = "SHELL", value_parser = ["bash", "zsh", "fish", "elvish", "powershell"])]
    shell: String,
}

/// What `mcpr man` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Man {
    /// Write every page into this directory, or print the page of this command, instead of printing the first one
    #[arg(value_name = "DIR|COMMAND")]
    directory: Option<PathBuf>,
}

/// A shell's completion script: it asks the program itself what could follow.
///
/// # Errors
/// When the shell is not known.
pub fn script(shell: &str) -> anyhow::Result<String> {
    let shells = Shells::builtins();
    let completer = shells
        .completer(shell)
        .ok_or_else(|| Refused::new(format!("no shell `{shell}`")))?;
    let mut text = Vec::new();
    completer.write_registration(VARIABLE, "mcpr", "mcpr", "mcpr", &mut text)?;
    let text = String::from_utf8(text).context("a script is text")?;
    Ok(format!("{}\n", text.trim_matches('\n')))
}

/// Prints a shell's completion script.
///
/// # Errors
/// When the output is not written.
pub fn completions(args: &Completions, console: &mut Console) -> anyhow::Result<Exit> {
    console.print(&script(&args.shell)?)?;
    Ok(Exit::Done)
}

/// Every manual page, by file name: the program's first, then one a command.
///
/// # Errors
/// When a page cannot be put together.
pub fn pages(command: clap::Command) -> anyhow::Result<Vec<(String, String)>> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add_page(&command, "mcpr", &mut pages)?;
    Ok(pages)
}

fn add_page(
    command: &clap::Command,
    name: &str,
    pages: &mut Vec<(String, String)>,
) -> anyhow::Result<()> {
    let mut text = Vec::new();
    let named = command
        .clone()
        .name(name.to_owned())
        .display_name(name.to_owned());
    render_page(&named, name, &mut text)?;
    let text = String::from_utf8(text).context("a page is text")?;
    // Each section begins with what the page has stated at its top.
    let (preamble, rest) = text.split_at(text.find(".TH").unwrap_or_default());
    let text = format!("{preamble}{}", rest.replace(preamble, ""));
    pages.push((format!("{name}.1"), text));
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        add_page(sub, &format!("{name}-{}", sub.get_name()), pages)?;
    }
    Ok(())
}

/// The sections of clap, and behind them those of every page.
fn render_page(named: &clap::Command, page: &str, text: &mut Vec<u8>) -> anyhow::Result<()> {
    // What the help says after the flags is a section of its own here.
    let man = clap_mangen::Man::new(named.clone().after_help(None::<&str>));
    // Not `render`, which puts what follows the flags into a section named EXTRA.
    man.render_title(text)?;
    man.render_name_section(text)?;
    man.render_synopsis_section(text)?;
    man.render_description_section(text)?;
    man.render_options_section(text)?;
    if named.get_subcommands().any(|one| !one.is_hide_set()) {
        man.render_subcommands_section(text)?;
    }
    // Whoever takes no time has no use for how one is written.
    // By what its values are called: --at, --from and --against take times as well.
    let takes_time = |arg: &clap::Arg| {
        let values = arg.get_value_names().unwrap_or_default();
        values.iter().any(|value| value.as_str().contains("TIME"))
    };
    let has_times = named.get_arguments().any(takes_time);
    if has_times {
        section("TIMES", topics::text("times"), text);
    }
    let mut examples = String::new();
    let name = page
        .trim_start_matches("mcpr")
        .trim_start_matches('-')
        .replace('-', " ");
    let help = help::of(&name);
    if let Some(fields) = help.and_then(help::CommandHelp::field_section) {
        section("FIELDS", &fields, text);
    }
    for (line, what) in help.into_iter().flat_map(help::CommandHelp::examples) {
        examples.extend(["  # ", what, "\n  ", line, "\n"]);
    }
    if !examples.is_empty() {
        section("EXAMPLES", &examples, text);
    }
    for (heading, topic) in [
        ("EXIT STATUS", "exit-codes"),
        ("ENVIRONMENT", "environment"),
        ("FILES", "files"),
    ] {
        section(heading, topics::text(topic), text);
    }
    if page == "mcpr" {
        man.render_version_section(text)?;
    }
    Ok(())
}

/// A section of running text, in which lines that begin with two blanks stay as they are.
fn section(heading: &str, of: &str, text: &mut Vec<u8>) {
    let mut out = format!(".SH {heading:?}\n");
    let mut is_kept = false;
    for line in of.lines() {
        let keeps = line.starts_with("  ");
        if keeps != is_kept {
            out.push_str(if keeps { ".nf\n" } else { ".fi\n" });
            is_kept = keeps;
        }
        // An empty line would end nothing in filled text.
        if line.is_empty() {
            out.push_str(".PP\n");
            continue;
        }
        // A line that begins with a point or a quote would be a request to the formatter.
        if line.starts_with(['.', '\'']) {
            out.push_str("\\&");
        }
        // A bare minus becomes a hyphen, which nobody can paste.
        out.push_str(&line.replace('\\', "\\e").replace('-', "\\-"));
        out.push('\n');
    }
    if is_kept {
        out.push_str(".fi\n");
    }
    text.extend(out.into_bytes());
}

/// Prints the program's manual page, or writes every page into a directory.
///
/// # Errors
/// When a page cannot be written.
pub fn man(args: &Man, command: clap::Command, console: &mut Console) -> anyhow::Result<Exit> {
    let pages = pages(command)?;
    let Some(directory) = &args.directory else {
        console.print(&pages[0].1)?;
        return Ok(Exit::Done);
    };
    // Whoever names a command wants to read, as with `git help`; `./logs` is a directory still.
    if let Some(command) = directory.to_str().filter(|_| !directory.exists()) {
        let of_command = format!("mcpr-{}.1", command.trim_start_matches("mcpr-"));
        if let Some((_, page)) = pages.iter().find(|(name, _)| *name == of_command) {
            console.print(page)?;
            return Ok(Exit::Done);
        }
    }
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    let count = pages.len();
    for (name, text) in pages {
        let path = directory.join(name);
        replace(&path, text.as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    console.note(&format!("{count} pages are in {}", directory.display()));
    Ok(Exit::Done)
}
