//! A PostgreSQL server for tests: in a directory of its own, on a socket, as an ordinary user. It ends, and its
//! directory goes, when the process that has started it ends, however that happens.

use mcpr_store::StoreUrl;
use postgres::{Client, NoTls};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a server may take to begin.
const PATIENCE: Duration = Duration::from_mins(1);

/// The port that names the socket.
pub const PORT: u16 = 54_329;

/// Waits for the end of its input, stops the server behind it and removes its directory.
const KEEPER: &str = r#"directory=$1; shift; "$@" & server=$!; read -r _; kill -QUIT $server; wait $server
rm -rf "$directory""#;

/// A server that runs.
#[derive(Debug)]
pub struct TestServer {
    directory: PathBuf,
    keeper: Child,
}

/// A database of its own on the server of this process.
#[derive(Debug)]
pub struct TestDatabase {
    server: &'static TestServer,
    name: String,
}

/// A database of its own, or `None` where no server is installed: then the test says so, and fails where one has to be.
///
/// # Panics
/// When a server has to be there and is not, or does not begin.
#[must_use]
pub fn database() -> Option<TestDatabase> {
    static SERVER: OnceLock<Option<TestServer>> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = SERVER.get_or_init(|| TestServer::start(&[])).as_ref()?;
    let name = format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed));
    server.execute(&format!("CREATE DATABASE {name}"));
    Some(TestDatabase { server, name })
}

impl TestDatabase {
    /// Where it is.
    ///
    /// # Panics
    /// Never: the URL is well-formed.
    #[must_use]
    pub fn url(&self) -> StoreUrl {
        StoreUrl::parse(self.text()).expect("a URL")
    }

    /// The same as a text.
    #[must_use]
    pub fn text(&self) -> String {
        self.server.text(&self.name)
    }

    /// The server that it is on.
    #[must_use]
    pub fn server(&self) -> &TestServer {
        self.server
    }

    /// A connection to it.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn client(&self) -> Client {
        self.server.client(&self.name)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        self.server
            .execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

impl TestServer {
    /// Starts a server with some settings, each `name=value`.
    ///
    /// # Panics
    /// When a server has to be there and is not, or does not begin.
    #[must_use]
    pub fn start(settings: &[&str]) -> Option<Self> {
        let Some(programs) = programs() else {
            let must = ["CI", "MCPR_TEST_POSTGRES"];
            let is_wanted = must.iter().any(|it| std::env::var_os(it).is_some());
            assert!(!is_wanted, "no PostgreSQL server is installed");
            println!("SKIPPED: no PostgreSQL server is installed");
            return None;
        };
        let directory = new_directory();
        let data = directory.join("data");
        let made = as_user(&programs.join("initdb"))
            .args(["--no-sync", "--auth=trust", "--username=mcpr", "-E", "UTF8"])
            .args(["--locale=C", "-D"])
            .arg(&data)
            .output()
            .expect("initdb");
        assert!(made.status.success(), "{made:?}");
        let mut server = as_user(&programs.join("postgres"));
        server.arg("-D").arg(&data).args(["-p", &PORT.to_string()]);
        let sockets = format!("unix_socket_directories={}", directory.display());
        let fixed = [
            &sockets,
            "fsync=off",
            "shared_buffers=32MB",
            "max_connections=200",
        ];
        let is_said = settings.iter().any(|it| it.starts_with("listen_addresses"));
        let silent = ["listen_addresses="];
        let silent = if is_said { &[][..] } else { &silent[..] };
        for setting in fixed.iter().chain(silent).chain(settings) {
            server.args(["-c", setting]);
        }
        let log = fs::File::create(directory.join("log")).expect("a log");
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "sh"])
            .arg(&directory)
            .arg(server.get_program())
            .args(server.get_args())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("a shell");
        let server = Self { directory, keeper };
        server.wait();
        Some(server)
    }

    fn wait(&self) {
        let end = Instant::now() + PATIENCE;
        while let Err(error) = Client::connect(&self.text("postgres"), NoTls) {
            let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
            assert!(Instant::now() < end, "{error}: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The URL of one of its databases.
    #[must_use]
    pub fn text(&self, database: &str) -> String {
        let directory = self.directory.display();
        format!("postgres://mcpr@/{database}?host={directory}&port={PORT}")
    }

    /// The directory of its socket.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A connection to one of its databases.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn client(&self, database: &str) -> Client {
        Client::connect(&self.text(database), NoTls).expect("a connection")
    }

    /// Does something on the database that is always there.
    ///
    /// # Panics
    /// When it fails.
    pub fn execute(&self, sql: &str) {
        self.client("postgres").batch_execute(sql).expect("done");
    }

    /// The number of its first process.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        let lines = fs::read_to_string(self.directory.join("data/postmaster.pid")).expect("a file");
        let first = lines.lines().next().expect("a line");
        first.parse().expect("a number")
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// The directory with the newest server that is installed.
fn programs() -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            let programs = entry.path().join("bin");
            programs
                .join("initdb")
                .exists()
                .then_some((version, programs))
        })
        .collect();
    found.sort();
    found.pop().map(|(_, programs)| programs)
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The numbers of `nobody` and its group on Debian.
const NOBODY: u32 = 65_534;

/// A directory that the server's user owns.
fn new_directory() -> PathBuf {
    let directory = tempfile::Builder::new()
        .prefix("mcpr-postgres-")
        .tempdir()
        .expect("a directory")
        .keep();
    if is_root() {
        chown(&directory, Some(NOBODY), Some(NOBODY)).expect("an owner");
    }
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).expect("a mode");
    directory
}

/// A program as an ordinary user: a server refuses to run as root.
fn as_user(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    let nobody = NOBODY.to_string();
    command.args([
        &format!("--reuid={nobody}"),
        &format!("--regid={nobody}"),
        "--clear-groups",
    ]);
    command.arg(program);
    command
}
