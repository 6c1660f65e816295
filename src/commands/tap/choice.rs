//! Which configurations are changed: a file that is named, those of clients that are named, or those that a person
//! chooses from what this machine has.

use super::config::{self, ServerForm};
use super::install::ConfigArgs;
use super::refusal::refused;
use super::replace::read;
use crate::commands::Refused;
use crate::commands::places::PlaceKind;
use crate::commands::sources::Machine;
use crate::console::Console;
use std::path::PathBuf;

/// A configuration that is to be changed.
#[derive(Debug, Clone)]
pub(super) struct ChosenConfig {
    /// Whose it is, where that is known.
    pub(super) client: Option<&'static str>,
    pub(super) path: PathBuf,
    /// The servers that are meant; none where all are.
    pub(super) servers: Vec<String>,
}

/// What is to be changed, and what cannot be although it was meant.
pub(super) struct Choice {
    pub(super) configs: Vec<ChosenConfig>,
    pub(super) passed_over: Vec<anyhow::Error>,
}

/// A configuration that cannot be read.
struct Unreadable {
    client: &'static str,
    error: anyhow::Error,
}

/// A configuration that can be changed.
struct Candidate {
    client: &'static str,
    path: PathBuf,
    servers: Vec<ServerForm>,
}

impl Candidate {
    /// A line for a person.
    fn line(&self, home: &Machine) -> String {
        let name = |server: &ServerForm| match server.tap_program() {
            Some(_) => format!("{} (tapped)", server.name),
            None => server.name.clone(),
        };
        let servers: Vec<String> = self.servers.iter().map(name).collect();
        let path = home.short(&self.path);
        format!("{:<15} {path}: {}", self.client, servers.join(", "))
    }
}

/// The configurations that are meant.
pub(super) fn choose(args: &ConfigArgs, console: &mut Console) -> anyhow::Result<Choice> {
    if let Some(path) = &args.config {
        let config = ChosenConfig {
            client: None,
            path: path.clone(),
            servers: args.servers.clone(),
        };
        return Ok(Choice {
            configs: vec![config],
            passed_over: Vec::new(),
        });
    }
    let machine = Machine::present();
    let (mut candidates, mut unreadable) = candidates(&machine);
    if !args.clients.is_empty() {
        let is_meant = |name: &str| args.clients.iter().any(|client| client == name);
        candidates.retain(|it| is_meant(it.client));
        unreadable.retain(|it| is_meant(it.client));
    }
    // Before anybody is asked: a name that leads to nothing is a slip.
    if let Some(missing) = args.clients.iter().find(|&client| {
        let mut known = candidates.iter().map(|it| it.client);
        let mut broken = unreadable.iter().map(|it| it.client);
        !known.any(|name| name == client) && !broken.any(|name| name == client)
    }) {
        let message = format!("{missing}: no configuration of it lists a server");
        let hint = "`mcpr sources` lists what there is; --config FILE names another file";
        return Err(Refused::new(message).hint(hint).into());
    }
    if candidates.is_empty() && unreadable.is_empty() {
        let hint = "name one: --config FILE";
        return Err(
            Refused::new("no client's configuration with servers was found")
                .hint(hint)
                .into(),
        );
    }
    let is_asked = args.clients.is_empty() && !args.all;
    if is_asked && !candidates.is_empty() {
        candidates = asked(candidates, &unreadable, &machine, console)?;
        // They were in the list, and could not be chosen.
        unreadable.clear();
    }
    let configs = with_servers(candidates, &args.servers, &unreadable)?;
    let passed_over = unreadable.into_iter().map(|it| it.error).collect();
    Ok(Choice {
        configs,
        passed_over,
    })
}

/// Every configuration of a user of this machine that lists a server, and those that cannot be read. A project's is
/// changed where it is named alone: who else works on it has another machine.
fn candidates(machine: &Machine) -> (Vec<Candidate>, Vec<Unreadable>) {
    let places = machine.places().into_iter();
    let configs = places.filter(|found| found.place.kind == PlaceKind::Config);
    let (mut candidates, mut unreadable) = (Vec::new(), Vec::new());
    for found in configs {
        let client = found.place.client;
        for path in found.files.into_iter().map(|file| file.path) {
            let servers = read(&path, &path).and_then(|text| {
                config::list(&text).map_err(|error| refused(&path, &error).into())
            });
            match servers {
                // A client that has no servers yet has none to be tapped.
                Ok(servers) if servers.is_empty() => {}
                Ok(servers) => candidates.push(Candidate {
                    client,
                    path,
                    servers,
                }),
                Err(error) => unreadable.push(Unreadable { client, error }),
            }
        }
    }
    (candidates, unreadable)
}

/// Those that a person at the terminal chooses.
fn asked(
    candidates: Vec<Candidate>,
    unreadable: &[Unreadable],
    machine: &Machine,
    console: &mut Console,
) -> anyhow::Result<Vec<Candidate>> {
    let numbered = candidates.iter().enumerate();
    let numbered =
        numbered.map(|(at, candidate)| format!("{:>3}  {}", at + 1, candidate.line(machine)));
    let broken = unreadable
        .iter()
        .map(|it| format!("  -  {:<15} {}", it.client, it.error));
    let lines: Vec<String> = numbered.chain(broken).collect();
    let question = "Which of them? Numbers or clients, `all`, or nothing: ";
    // The list is part of the question; elsewhere it is part of the error.
    if console.can_ask() {
        for line in &lines {
            console.note(line);
        }
    }
    let Some(answer) = console.ask(question) else {
        let hint =
            "--client NAME, --all or --config FILE say which; with --dry-run nothing is changed";
        return Err(Refused::new("no configuration is named; there are these")
            .details(lines)
            .hint(hint)
            .into());
    };
    let mut chosen = Vec::new();
    for word in answer
        .split([' ', ',', '\n', '\r'])
        .filter(|word| !word.is_empty())
    {
        let number = word.parse::<usize>().ok();
        let is_meant = |at: usize, candidate: &Candidate| {
            word == "all" || number == Some(at + 1) || candidate.client == word
        };
        // A word may mean several: a client can have more than one configuration.
        let before = chosen.len();
        chosen.extend((0..candidates.len()).filter(|&at| is_meant(at, &candidates[at])));
        if chosen.len() == before {
            return Err(
                Refused::new(format!("{word}: there is no such configuration"))
                    .hint("answer with numbers of the list, names of clients, or all")
                    .into(),
            );
        }
    }
    let candidates = candidates.into_iter().enumerate();
    Ok(candidates
        .filter(|(at, _)| chosen.contains(at))
        .map(|(_, candidate)| candidate)
        .collect())
}

/// Each with those of the named servers that it has.
fn with_servers(
    candidates: Vec<Candidate>,
    names: &[String],
    unreadable: &[Unreadable],
) -> anyhow::Result<Vec<ChosenConfig>> {
    let has = |candidate: &Candidate, name: &String| {
        candidate.servers.iter().any(|server| server.name == *name)
    };
    if let Some(name) = names
        .iter()
        .find(|name| !candidates.iter().any(|it| has(it, name)))
    {
        let message = format!("no configuration has a server {name}");
        // It may stand in one of those that cannot be read.
        let broken = unreadable.iter().map(|it| it.error.to_string());
        return Err(Refused::new(message)
            .details(broken.collect())
            .hint("`mcpr sources` lists the servers of each")
            .into());
    }
    let chosen = candidates.into_iter().filter_map(|candidate| {
        let own = names.iter().filter(|name| has(&candidate, name));
        let servers: Vec<String> = own.cloned().collect();
        // One that has none of them is left out, and not refused.
        let is_meant = names.is_empty() || !servers.is_empty();
        is_meant.then_some(ChosenConfig {
            client: Some(candidate.client),
            path: candidate.path,
            servers,
        })
    });
    Ok(chosen.collect())
}
