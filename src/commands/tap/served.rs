//! Servers at URLs that installed configurations reach through `mcpr tap serve`: which they are, at which address
//! that is, and which configurations use them. Kept in the state directory, for a URL may hold a key.

use super::config::ServedAddress;
use super::kept::{StateFile, write_state};
use crate::commands::Refused;
use anyhow::Context as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

/// Where `tap serve` listens for installed configurations unless another place is named: the one beside the usual
/// port of `record --listen`.
const USUAL_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8788);

/// Most former addresses that are known again.
const MAX_FORMER: usize = 8;

/// Longest name of a server in an address.
const MAX_NAME: usize = 64;

/// Why an address of ours is left where it stands.
pub(super) const LOST: &str = "it is at an address of mcpr tap serve, and what was kept of the installation is gone: \
                               write the server's own URL there by hand";

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct ServedServers {
    version: u32,
    pub(super) listen: SocketAddr,
    /// Where it listened earlier: configurations may name these addresses still.
    former: Vec<SocketAddr>,
    servers: Vec<ServedServer>,
}

/// A server, and who reaches it here.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct ServedServer {
    name: String,
    url: String,
    /// Configurations and places in them.
    users: Vec<String>,
}

impl ServedServer {
    fn local(&self, listen: SocketAddr) -> String {
        format!("http://{listen}/{}{}", self.name, path_of(&self.url))
    }

    fn addresses(&self, listen: SocketAddr) -> [ServedAddress; 2] {
        let local = self.local(listen);
        // As people write it, for clients that want a name.
        let named = local.replacen("://127.0.0.1:", "://localhost:", 1);
        [local, named].map(|local| ServedAddress {
            url: self.url.clone(),
            local,
        })
    }
}

impl Default for ServedServers {
    fn default() -> Self {
        Self {
            version: 1,
            listen: USUAL_LISTEN,
            former: Vec::new(),
            servers: Vec::new(),
        }
    }
}

impl ServedServers {
    /// Those that earlier installations kept.
    pub(super) fn load() -> anyhow::Result<Self> {
        let Some(text) = StateFile::Servers.read()? else {
            return Ok(Self::default());
        };
        let path = StateFile::Servers.path()?;
        // Without it nobody knows where the servers really are: it is not taken for empty.
        serde_json::from_slice(&text).map_err(|error| {
            let refused = Refused::new(format!("cannot read {}: {error}", path.display()));
            let hint = "move it away, then try again: servers at URLs have to be written back by hand then";
            refused.hint(hint).into()
        })
    }

    pub(super) fn store(&self) -> anyhow::Result<()> {
        let text = serde_json::to_vec_pretty(self).context("cannot write the servers")?;
        write_state(StateFile::Servers, &text)
    }

    /// Listens there from now on.
    pub(super) fn serve_at(&mut self, listen: SocketAddr) {
        if self.listen != listen {
            // It may come back to where it was.
            self.former.retain(|known| *known != listen);
            self.former.insert(0, self.listen);
            self.former.truncate(MAX_FORMER);
            self.listen = listen;
        }
    }

    /// The name and URL of each.
    #[cfg(any(test, feature = "tap-http"))]
    pub(super) fn named(&self) -> impl Iterator<Item = (&str, &str)> {
        self.servers
            .iter()
            .map(|server| (&*server.name, &*server.url))
    }

    /// Adds a server of this name and URL for a user; the reason where it cannot be reached through the tap.
    pub(super) fn take_in(
        &mut self,
        name: &str,
        url: &str,
        user: &str,
    ) -> Result<(), &'static str> {
        // A second installation finds what the first one wrote.
        if self.all_addresses().iter().any(|known| known.local == url) {
            return Ok(());
        }
        // The tap would call itself.
        if self.is_lost(name, url) {
            return Err(LOST);
        }
        can_be_served(url)?;
        // One URL is one server, whatever each client calls it.
        if let Some(known) = self.servers.iter_mut().find(|known| known.url == url) {
            if !known.users.iter().any(|known| known == user) {
                known.users.push(user.to_owned());
            }
            return Ok(());
        }
        let name = self.free_name(name);
        self.servers.push(ServedServer {
            name,
            url: url.to_owned(),
            users: vec![user.to_owned()],
        });
        Ok(())
    }

    /// Whether a server is at an address as installations write them, of which nothing is kept any more.
    pub(super) fn is_lost(&self, name: &str, url: &str) -> bool {
        let authority = url
            .strip_prefix("http://")
            .and_then(|it| it.split_once('/'));
        let Some((listen, path)) = authority else {
            return false;
        };
        // With the server's name before its own path.
        let listen = listen
            .replacen("localhost", "127.0.0.1", 1)
            .parse::<SocketAddr>();
        let (Ok(listen), Some((first, _))) = (listen, path.split_once('/')) else {
            return false;
        };
        let places = [USUAL_LISTEN, self.listen];
        let is_place = places.contains(&listen) || self.former.contains(&listen);
        let known = self.all_addresses();
        // Where --serve-at was, the name alone can show it.
        listen.ip().is_loopback()
            && (is_place || first == plain_name(name))
            && known.iter().all(|known| known.local != url)
    }

    /// Lets a user go, and the servers that nobody uses any more.
    pub(super) fn release(&mut self, user: &str) {
        for server in &mut self.servers {
            server.users.retain(|known| known != user);
        }
        self.servers.retain(|server| !server.users.is_empty());
    }

    /// Whether a configuration uses any of them.
    pub(super) fn is_used_by(&self, config: &Path) -> bool {
        let prefix = format!("{}#", config.display());
        let mut users = self.servers.iter().flat_map(|server| &server.users);
        users.any(|user| user.starts_with(&prefix))
    }

    /// Whether somebody listens where they are reached.
    pub(super) fn are_served(&self) -> bool {
        /// A machine answers itself at once, or not at all.
        const PATIENCE: Duration = Duration::from_millis(200);
        TcpStream::connect_timeout(&self.listen, PATIENCE).is_ok()
    }

    /// Where each is reached, the address that is written first.
    pub(super) fn addresses(&self) -> Vec<ServedAddress> {
        let servers = self.servers.iter();
        servers
            .flat_map(|server| server.addresses(self.listen))
            .collect()
    }

    /// The same for addresses of earlier times, each with what stands in its place now.
    pub(super) fn moved(&self) -> Vec<ServedAddress> {
        let of = |server: &ServedServer, address: ServedAddress| ServedAddress {
            url: address.local,
            local: server.local(self.listen),
        };
        let former = self.former();
        former
            .map(|(server, address)| of(server, address))
            .collect()
    }

    /// Every address at which a server was or is reached, with its own URL.
    pub(super) fn all_addresses(&self) -> Vec<ServedAddress> {
        let mut all = self.addresses();
        all.extend(self.former().map(|(_, address)| address));
        all
    }

    fn former(&self) -> impl Iterator<Item = (&ServedServer, ServedAddress)> {
        self.servers.iter().flat_map(|server| {
            let former = self.former.iter();
            former
                .flat_map(|listen| server.addresses(*listen))
                .map(move |address| (server, address))
        })
    }

    /// The name as it can stand in a path and no other has it.
    fn free_name(&self, name: &str) -> String {
        let name = plain_name(name);
        let is_free = |name: &str| self.servers.iter().all(|known| known.name != name);
        let numbered = (2_usize..).map(|number| format!("{name}-{number}"));
        std::iter::once(name.clone())
            .chain(numbered)
            .find(|name| is_free(name))
            .unwrap_or(name)
    }
}

/// A name as it can stand in a path.
fn plain_name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = name
        .chars()
        .map(|c| if plain(c) { c } else { '-' })
        // Room for a number behind it.
        .take(MAX_NAME - 8)
        .collect();
    if name.trim_matches('.').is_empty() {
        "server".to_owned()
    } else {
        name
    }
}

/// Whether the tap can stand before a server at this URL, or why not, with what to do.
pub(super) fn can_be_served(url: &str) -> Result<(), &'static str> {
    if url.contains(['$', '{', '}']) {
        // Most do so in headers alone, and a key there passes through the tap as it is.
        return Err(
            "its URL has a variable, which its client alone fills in: move that into a header, or write its value",
        );
    }
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
        .ok_or("its URL begins with neither https:// nor http://, which the tap speaks alone")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(
            "its URL has a user and a password: move them into a header (Authorization: Basic …)",
        );
    }
    if authority.is_empty() || url.contains(char::is_whitespace) {
        return Err("its URL is none: it has no host, or a blank in it");
    }
    Ok(())
}

/// The path of a URL, without its query, which stays with the tap.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    match rest[..end].find('/') {
        Some(at) => &rest[at..end],
        None => "/",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_keeps_its_address_for_as_long_as_somebody_uses_it() {
        let mut served = ServedServers::default();
        served
            .take_in("a b", "https://x/mcp?key=1", "one")
            .expect("it can be served");
        served
            .take_in("a b", "https://y", "two")
            .expect("it can be served");
        served
            .take_in("other", "https://x/mcp?key=1", "three")
            .expect("it can be served");
        let locals = |served: &ServedServers| -> Vec<String> {
            let addresses = served.addresses().into_iter();
            let written = addresses.step_by(2);
            written.map(|it| it.local).collect()
        };
        let expected = [
            "http://127.0.0.1:8788/a-b/mcp",
            "http://127.0.0.1:8788/a-b-2/",
        ];
        assert_eq!(locals(&served), expected);
        served.release("one");
        assert_eq!(locals(&served), expected, "another one uses it");
        served.release("three");
        assert_eq!(locals(&served), expected[1..]);
    }

    #[test]
    fn what_only_its_client_can_reach_is_not_served() {
        for url in [
            "https://x/${KEY}/mcp",
            "https://x/{env:KEY}",
            "https://user:pass@x/mcp",
            "ws://x",
            "https:///mcp",
            "x",
        ] {
            assert!(can_be_served(url).is_err(), "{url}");
        }
        let mut served = ServedServers::default();
        served
            .take_in("a", "https://x/mcp", "one")
            .expect("it can be served");
        served
            .take_in("a", "http://127.0.0.1:8788/a/mcp", "one")
            .expect("it can be served");
        assert_eq!(served.named().count(), 1, "an address of ours is no server");
    }

    #[test]
    fn an_address_of_earlier_times_is_known() {
        let mut served = ServedServers::default();
        served
            .take_in("a", "https://x/mcp", "one")
            .expect("it can be served");
        let before = served.addresses()[0].local.clone();
        served.serve_at("127.0.0.1:9000".parse().expect("an address"));
        let [moved, named] = &served.moved()[..] else {
            panic!("one was moved, in two spellings");
        };
        assert_eq!(moved.url, before);
        assert_eq!(named.url, "http://localhost:8788/a/mcp");
        assert_eq!(moved.local, "http://127.0.0.1:9000/a/mcp");
        let all = served.all_addresses();
        for local in [
            "127.0.0.1:9000",
            "localhost:9000",
            "127.0.0.1:8788",
            "localhost:8788",
        ] {
            let local = format!("http://{local}/a/mcp");
            assert!(all.iter().any(|it| it.local == local), "{local}");
        }
    }
}
