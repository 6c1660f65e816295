//! `mcpr config`: the settings in force without flags, and where each comes from.

use crate::config::{KEYS, Key, Settings};
use crate::console::Console;
use crate::exit::Exit;
use crate::render::text::{escape, escape_json};
use serde_json::json;
use std::fmt::Write as _;

/// What `mcpr config` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Print one JSON document
    #[arg(short, long)]
    json: bool,
}

/// A key with what it says now.
struct Effective {
    key: &'static Key,
    values: Vec<String>,
    from: String,
}

/// Prints every key.
///
/// # Errors
/// When the output is not written.
pub fn run(args: &Args, settings: &Settings, console: &mut Console) -> anyhow::Result<Exit> {
    let all: Vec<Effective> = KEYS.iter().map(|key| effective(key, settings)).collect();
    let text = if args.json {
        let list = all
            .iter()
            .map(|one| json!({"key": one.key.name, "value": one.values, "from": one.from}));
        let file = settings.file.as_ref().map(|file| file.to_string_lossy());
        let document = json!({"file": file, "settings": list.collect::<Vec<_>>()});
        format!("{}\n", escape_json(&document.to_string()))
    } else {
        table(&all)
    };
    console.print(&text)?;
    Ok(Exit::Done)
}

fn effective(key: &'static Key, settings: &Settings) -> Effective {
    let given = key.variable.and_then(|name| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
        Some((name, value.to_string_lossy().into_owned()))
    });
    if let Some((name, value)) = given {
        return Effective {
            key,
            values: vec![value],
            from: name.to_owned(),
        };
    }
    if let Some(setting) = settings.get(key.name) {
        let file = settings.file.as_ref().map(|file| file.display());
        let file = file.map_or_else(String::new, |file| file.to_string());
        return Effective {
            key,
            values: setting
                .values
                .iter()
                .map(|it| without_key(key, it))
                .collect(),
            from: format!("{file}:{}", setting.line),
        };
    }
    let default = Some(key.default.to_owned()).filter(|default| !default.is_empty());
    Effective {
        key,
        values: default.into_iter().collect(),
        from: match key.name {
            // The one key whose default is not the same for all commands.
            "payloads" => "default; `tap` keeps them".to_owned(),
            _ => "default".to_owned(),
        },
    }
}

/// A value as it is shown: what stands in the query of a URL may be a key.
fn without_key(key: &Key, value: &str) -> String {
    match value.split_once('?') {
        Some((before, _)) if key.name == "servers" => format!("{before}?…"),
        _ => value.to_owned(),
    }
}

fn table(all: &[Effective]) -> String {
    let shown = |one: &Effective| match one.values.as_slice() {
        [] => "-".to_owned(),
        values => escape(&values.join(", ")).into_owned(),
    };
    let names = all.iter().map(|one| one.key.name.len()).max().unwrap_or(0);
    let values = all.iter().map(|one| shown(one).chars().count());
    let widest = values.max().unwrap_or(0).max("VALUE".len());
    let mut out = format!("{:names$}  {:widest$}  FROM\n", "KEY", "VALUE");
    for one in all {
        let (name, value, from) = (one.key.name, shown(one), escape(&one.from));
        writeln!(out, "{name:names$}  {value:widest$}  {from}")
            .expect("a string takes every write");
    }
    out
}
