//! What becomes of the servers of a configuration, one by one, and the edits that make it so. Pure.

use super::edit::{self, Edits};
use super::servers::{ConfiguredServer, Form, NO_WAY};
use super::tapped::{self, Tapped};
use super::{ConfigError, ConfigFile, KeptEntry, Rewrite, ServedAddress, ServerOutcome};
use jsonc_parser::ast::StringLit;
use jsonc_parser::common::Ranged as _;
use std::ops::Range;

/// Servers with what became of each.
type Outcomes = Vec<(String, ServerOutcome)>;

/// The places of servers whose tap is not the one that is wanted, though it starts.
pub(super) fn outdated(
    text: &str,
    wanted: &[&ConfiguredServer<'_>],
    rewrite: &Rewrite,
) -> Result<Vec<String>, ConfigError> {
    let Rewrite::Install {
        program,
        options,
        updates,
        ..
    } = rewrite
    else {
        return Ok(Vec::new());
    };
    let mut places = Vec::new();
    for server in wanted {
        // What has no command has no tap to be another one.
        let Ok(Ok(command)) = server.form(text)?.map(|form| form.command()) else {
            continue;
        };
        let Some(tap) = tapped::tapped(&command) else {
            continue;
        };
        let has_others = tap.options != *options;
        // Options that were not asked for are no reason to take away those that are there.
        let is_asked = has_others && !options.is_empty();
        let is_other = has_others || command[0] != *program;
        if is_asked || *updates && is_other {
            places.push(server.place.clone());
        }
    }
    Ok(places)
}

/// The text without the taps at these places.
pub(super) fn take_away(
    text: &str,
    wanted: &[&ConfiguredServer<'_>],
    places: &[String],
    rewrite: &Rewrite,
) -> Result<String, ConfigError> {
    // The addresses of servers at URLs change in place, and need not be taken away.
    let uninstall = Rewrite::Uninstall {
        addresses: Vec::new(),
        unserved: Vec::new(),
        kept: rewrite.kept().to_vec(),
    };
    let mut edits = Edits::new();
    for server in wanted.iter().filter(|it| places.contains(&it.place)) {
        edits.extend(rewrite_one(text, server, &uninstall)?.1);
    }
    Ok(edit::apply(text, edits))
}

/// What becomes of each of the servers that stand where the wanted ones do, and the text then.
pub(super) fn all(
    text: &str,
    wanted: &[&ConfiguredServer<'_>],
    rewrite: &Rewrite,
) -> Result<(Outcomes, String), ConfigError> {
    let file = ConfigFile::read(text)?;
    let (mut outcomes, mut edits) = (Outcomes::new(), Edits::new());
    for server in file.servers()? {
        // By place and not by name: two lists may have one of the same name.
        if wanted.iter().any(|it| it.place == server.place) {
            let (outcome, made) = rewrite_one(text, &server, rewrite)?;
            outcomes.push((server.name.to_owned(), outcome));
            edits.extend(made);
        }
    }
    Ok((outcomes, edit::apply(text, edits)))
}

/// Reports taps that were taken away and put again as what they were before.
pub(super) fn note_updates(
    text: &str,
    wanted: &[&ConfiguredServer<'_>],
    places: &[String],
    outcomes: &mut Outcomes,
) -> Result<(), ConfigError> {
    for (server, (_, outcome)) in wanted.iter().zip(outcomes) {
        if !places.contains(&server.place) {
            continue;
        }
        let command = server.form(text)?.and_then(|form| form.command());
        if let (Ok(before), ServerOutcome::Changed { after, .. }) = (command, &*outcome) {
            // A person wants to see the tap that was there, and not the bare command between the two.
            *outcome = ServerOutcome::Mended {
                why: "its tap was another one",
                before,
                after: after.clone(),
            };
        }
    }
    Ok(())
}

/// The entries that are not as they were, both ways.
pub(super) fn entries(
    text: &str,
    wanted: &[&ConfiguredServer<'_>],
    edited: &str,
) -> Result<Vec<KeptEntry>, ConfigError> {
    let file = ConfigFile::read(edited)?;
    let after = file.servers()?;
    let mut entries = Vec::new();
    for server in wanted {
        // A place that is gone has nothing that could be given back.
        let Some(other) = after.iter().find(|it| it.place == server.place) else {
            continue;
        };
        let (original, installed) = (&text[server.range.clone()], &edited[other.range.clone()]);
        if original != installed {
            entries.push(KeptEntry {
                place: server.place.clone(),
                original: original.to_owned(),
                installed: installed.to_owned(),
            });
        }
    }
    Ok(entries)
}

/// A server at a URL: its client reaches the tap instead, or the server itself again.
fn readdress(
    text: &str,
    server: &ConfiguredServer<'_>,
    url: &StringLit<'_>,
    rewrite: &Rewrite,
) -> (ServerOutcome, Edits) {
    let changed = |from: &str, to: &str| ServerOutcome::Changed {
        before: vec![from.to_owned()],
        after: vec![to.to_owned()],
    };
    let range = url.range.start..url.range.end;
    let present: &str = &url.value;
    let known = |is_it: &dyn Fn(&ServedAddress) -> bool| {
        rewrite.addresses().iter().find(|address| is_it(address))
    };
    match rewrite {
        Rewrite::Install { .. } => match known(&|address| address.url == present) {
            Some(found) => (
                changed(present, &found.local),
                vec![edit::replace(range, &found.local)],
            ),
            None if known(&|address| address.local == present).is_some() => {
                (ServerOutcome::AsWanted, Edits::new())
            }
            None => {
                let why = rewrite.why_unserved(present);
                let why = why.unwrap_or("it is reached over the network");
                (ServerOutcome::LeftAlone(why), Edits::new())
            }
        },
        Rewrite::Uninstall { kept, .. } => {
            let Some(found) = known(&|address| address.local == present) else {
                let why = rewrite.why_unserved(present);
                let outcome = why.map_or(ServerOutcome::AsWanted, ServerOutcome::LeftAlone);
                return (outcome, Edits::new());
            };
            let edits = give_back(text, server, kept)
                .unwrap_or_else(|| vec![edit::replace(range, &found.url)]);
            (changed(present, &found.url), edits)
        }
    }
}

/// What becomes of a server, and the edits that make it so.
fn rewrite_one(
    text: &str,
    server: &ConfiguredServer<'_>,
    rewrite: &Rewrite,
) -> Result<(ServerOutcome, Edits), ConfigError> {
    let left = |why| {
        let outcome = match rewrite {
            Rewrite::Install { .. } => ServerOutcome::LeftAlone(why),
            // What an installation writes can be read: no tap stands there.
            Rewrite::Uninstall { .. } => ServerOutcome::AsWanted,
        };
        Ok((outcome, Edits::new()))
    };
    let form = match server.form(text)? {
        Ok(form) => form,
        // A command that cannot be read is the reason, whatever else the entry has.
        Err(why) if why != NO_WAY => return left(why),
        Err(_) => {
            return match server.url() {
                Ok(url) => Ok(readdress(text, server, url, rewrite)),
                Err(why) => left(why),
            };
        }
    };
    let before = match form.command() {
        Ok(command) => command,
        Err(why) => return left(why),
    };
    let tap = tapped::tapped(&before);
    Ok(match (rewrite, tap) {
        // Where no options are asked for, any tap that can start will do.
        (
            Rewrite::Install {
                program, is_gone, ..
            },
            Some(tap),
        ) => mend(&form, &before, &tap, program, is_gone(&before[0])),
        (
            Rewrite::Install {
                program, options, ..
            },
            None,
        ) => {
            let after = tapped::tap(
                program,
                server.name,
                options,
                &before,
                form.has_empty_args(),
            );
            let tap = &after[..after.len() - before.len()];
            let edits = edit::put(text, &form, tap);
            (ServerOutcome::Changed { before, after }, edits)
        }
        (Rewrite::Uninstall { kept, .. }, Some(tap)) => {
            let after = tap.command.to_vec();
            let edits = give_back(text, server, kept).unwrap_or_else(|| {
                edit::take(text, &form, before.len() - after.len(), tap.had_empty_args)
            });
            (ServerOutcome::Changed { before, after }, edits)
        }
        (Rewrite::Uninstall { .. }, None) => (ServerOutcome::AsWanted, Edits::new()),
    })
}

/// The bytes that stood in a server's place, where nobody changed what an installation put there.
fn give_back(text: &str, server: &ConfiguredServer<'_>, kept: &[KeptEntry]) -> Option<Edits> {
    let present = &text[server.range.clone()];
    let is_it = |kept: &&KeptEntry| kept.place == server.place && kept.installed == present;
    let kept = kept.iter().find(is_it)?;
    Some(vec![(server.range.clone(), kept.original.clone())])
}

/// Makes a tap that is there already one that starts; the program is the present one, and whether
/// that of the tap is gone.
fn mend(
    form: &Form<'_>,
    before: &[String],
    tap: &Tapped<'_>,
    program: &str,
    is_gone: bool,
) -> (ServerOutcome, Edits) {
    let why = match (is_gone, tap.refused_name) {
        (true, _) => "the program of its tap is gone from there",
        (false, Some(_)) => "its tap is refused: the name begins with -",
        (false, None) => return (ServerOutcome::AsWanted, Edits::new()),
    };
    let mut edits = Edits::new();
    let mut after = before.to_vec();
    if is_gone {
        program.clone_into(&mut after[0]);
        edits.push(edit::replace(place(form, 0), program));
    }
    if let Some((at, name)) = tapped::refused_name(before) {
        let joined = format!("--name={name}");
        let range = place(form, at).start..place(form, at + 1).end;
        edits.push(edit::replace(range, &joined));
        after.splice(at..at + 2, [joined]);
    }
    let before = before.to_vec();
    (ServerOutcome::Mended { why, before, after }, edits)
}

/// Where a word of a command stands.
fn place(form: &Form<'_>, word: usize) -> Range<usize> {
    let range = match form.program() {
        Some(program) if word == 0 => program.range,
        program => {
            let index = word - usize::from(program.is_some());
            let array = form.array().expect("the words were read from it");
            array.elements[index].range()
        }
    };
    range.start..range.end
}
