//! Where the packages of npm and `PyPI` are, and the commands that are made of them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Names the directory of the packages, and makes their absence a failure.
const VARIABLE: &str = "MCPR_TEST_SDK";

/// The installed packages.
#[derive(Debug)]
pub(crate) struct Packages(PathBuf);

/// Why there are none.
#[derive(Debug)]
pub(crate) struct Missing {
    what: PathBuf,
    is_wanted: bool,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_wanted { "FAILED" } else { "SKIPPED" };
        let what = self.what.display();
        write!(
            f,
            "{word}: there is no {what}; these tests need chromium, and the Node and Python packages \
             that `tests/sdk/packages/install` installs"
        )
    }
}

impl Missing {
    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.is_wanted {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}

/// A server: how it is started, and whether it says the same each time it is asked the same.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) command: Vec<String>,
    pub(crate) is_steady: bool,
}

impl Packages {
    /// The packages where they should be, with today's client beside them: there it finds its SDK.
    pub(crate) fn find() -> Result<Self, Missing> {
        let wanted = std::env::var_os(VARIABLE);
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let directory = wanted
            .as_ref()
            .map_or_else(|| root.join("target/sdk"), |wanted| root.join(wanted));
        let found = Self(directory);
        let servers = [found.everything(), found.time()];
        let programs = servers.iter().flat_map(|server| &server.command);
        let missing = programs
            .filter(|word| word.starts_with('/'))
            .map(PathBuf::from)
            .find(|path| !path.exists());
        let missing = missing.or_else(|| {
            let node = Command::new("node").arg("--version").output();
            node.is_err().then(|| PathBuf::from("node"))
        });
        let missing = missing.or_else(|| {
            let needed = [Self::browser(), found.text("node_modules/playwright-core")];
            needed
                .map(PathBuf::from)
                .into_iter()
                .find(|path| !path.exists())
        });
        if let Some(what) = missing {
            let is_wanted = wanted.is_some();
            return Err(Missing { what, is_wanted });
        }
        std::fs::copy(root.join("tests/sdk/client.mjs"), found.client()).unwrap();
        for script in ["page.mjs", "otlp.mjs"] {
            std::fs::copy(root.join("tests/sdk").join(script), found.script(script)).unwrap();
        }
        Ok(found)
    }

    fn text(&self, path: &str) -> String {
        self.0.join(path).to_str().unwrap().to_owned()
    }

    /// The client's script.
    pub(crate) fn client(&self) -> String {
        self.text("client.mjs")
    }

    /// A script that stands beside the packages that it uses.
    pub(crate) fn script(&self, name: &str) -> String {
        self.text(name)
    }

    /// The script that opens a report.
    pub(crate) fn page(&self) -> String {
        self.script("page.mjs")
    }

    /// The browser, as Debian installs it; `MCPR_TEST_CHROMIUM` names another.
    pub(crate) fn browser() -> String {
        std::env::var("MCPR_TEST_CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned())
    }

    /// The reference server from npm, which does a bit of everything.
    pub(crate) fn everything(&self) -> Server {
        let script = "node_modules/@modelcontextprotocol/server-everything/dist/index.js";
        Server {
            name: "everything",
            command: vec!["node".to_owned(), self.text(script)],
            is_steady: true,
        }
    }

    /// The program of a client, by its path below the clients' packages; `None` where they are not installed, which
    /// is a failure where they are wanted.
    pub(crate) fn client_program(&self, path: &str) -> Option<String> {
        let program = self.text(&format!("clients/node_modules/{path}"));
        if Path::new(&program).exists() {
            return Some(program);
        }
        let is_built = cfg!(all(target_os = "linux", target_arch = "x86_64"));
        assert!(
            !is_built || std::env::var_os(VARIABLE).is_none(),
            "there is no {program}: tests/sdk/packages/install installs it"
        );
        println!("     SKIPPED: there is no {program}");
        None
    }

    /// Python, with the packages.
    pub(crate) fn python(&self) -> String {
        self.text("venv/bin/python")
    }

    /// A server from `PyPI`, which gives the time.
    pub(crate) fn time(&self) -> Server {
        let arguments = ["-m", "mcp_server_time", "--local-timezone", "UTC"];
        let program = self.python();
        let arguments = arguments.into_iter().map(str::to_owned);
        Server {
            name: "time",
            command: std::iter::once(program).chain(arguments).collect(),
            is_steady: false,
        }
    }
}

/// A command behind the tap.
pub(crate) fn tapped(name: &str, command: &[String]) -> Vec<String> {
    let tap = [env!("CARGO_BIN_EXE_mcpr"), "tap", "--name", name, "--"];
    tap.into_iter()
        .map(str::to_owned)
        .chain(command.iter().cloned())
        .collect()
}
