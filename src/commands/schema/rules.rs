//! `mcpr schema rules`: the rules of `schema diff`, and the page of each.

use crate::commands::Refused;
use crate::console::Console;
use crate::exit::Exit;
use mcpr_surface::rules::{Rule, RuleId, rules};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What `mcpr schema rules` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// Explain this rule
    #[arg(value_name = "ID", add = clap_complete::ArgValueCompleter::new(ids))]
    id: Option<String>,
    /// Print one JSON object a line
    #[arg(short, long)]
    json: bool,
}

fn ids(current: &std::ffi::OsStr) -> Vec<clap_complete::CompletionCandidate> {
    let current = current.to_string_lossy();
    rules()
        .filter(|rule| rule.id.as_str().starts_with(&*current))
        .map(|rule| {
            // Shells that have room for it show what the rule is about.
            clap_complete::CompletionCandidate::new(rule.id.as_str()).help(Some(rule.title.into()))
        })
        .collect()
}

pub(super) fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let chosen: Vec<&Rule> = match &args.id {
        Some(id) => vec![known(id)?],
        None => rules().collect(),
    };
    let text = if args.json {
        let lines = chosen.iter().map(|rule| object(rule).to_string() + "\n");
        lines.collect()
    } else if args.id.is_some() {
        chosen[0].page()
    } else {
        table(&chosen)
    };
    console.print(&text)?;
    Ok(Exit::Done)
}

/// The rule of an id, or an error that names those that look like it.
pub(super) fn known(id: &str) -> Result<&'static Rule, Refused> {
    id.parse().map(RuleId::rule).map_err(|_| {
        // The error of parsing knows no rules that look alike.
        let refused = Refused::new(format!("no rule `{id}`"));
        // Short words such as `no` or `to` are in most ids.
        let words: Vec<&str> = id.split('-').filter(|word| word.len() > 3).collect();
        let alike: Vec<&str> = rules()
            .map(|rule| rule.id.as_str())
            .filter(|known| words.iter().any(|word| known.contains(word)))
            .collect();
        if alike.is_empty() {
            refused.hint("`mcpr schema rules` lists them")
        } else {
            refused.hint(format!("there are {}", alike.join(", ")))
        }
    })
}

fn object(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "input": rule.input,
        "output": rule.output,
        "security": rule.security,
        "title": rule.title,
        "why": rule.why,
        "example": rule.example,
    })
}

fn table(rules: &[&Rule]) -> String {
    let width = rules
        .iter()
        .map(|rule| rule.id.as_str().len())
        .max()
        .unwrap_or(0);
    rules.iter().fold(String::new(), |mut out, rule| {
        // Most rules are about something else than schemas, and have one level.
        let output = if rule.has_directions() {
            format!(" (output: {})", rule.output)
        } else {
            String::new()
        };
        let security = match rule.security.as_str() {
            "none" => String::new(),
            level => format!(", {level}"),
        };
        writeln!(out, "{:width$}  {}{output}{security}", rule.id, rule.input)
            .expect("a string takes every write");
        out
    })
}
