//! A PostgreSQL server for tests: in a directory of its own, on a socket, as an ordinary user. It ends, and its
//! directory goes, when the process that has started it ends, however that happens.

use mcpr_store::StoreUrl;
use postgres::{Client, NoTls};
use std::fs;
use std::io::Write as _;
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

/// Starts the server again for each line of its input, when the one before has ended. At the end of its input it stops the
/// server and removes its directory.
const KEEPER: &str = r#"directory=$1; shift; "$@" & server=$!
while read -r _; do wait $server; "$@" & server=$!; done
kill -QUIT $server; wait $server; rm -rf "$directory""#;

/// A server that runs.
#[derive(Debug)]
pub struct TestServer {
    directory: PathBuf,
    port: u16,
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
        Self::start_with(settings, &[])
    }

    /// The same with files in the place of its own, such as `pg_hba.conf` and `server.key`.
    ///
    /// # Panics
    /// As [`TestServer::start`].
    #[must_use]
    pub fn start_with(settings: &[&str], files: &[(&str, &[u8])]) -> Option<Self> {
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
        for (name, bytes) in files {
            let file = data.join(name);
            fs::write(&file, bytes).expect("a file");
            give_to_user(&file);
            // The server takes no key that others may read.
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a mode");
        }
        Some(Self::run(&programs, directory, settings))
    }

    /// Starts a standby of this server, which follows it from now on; `None` where what it takes is not installed.
    ///
    /// # Panics
    /// When it does not begin.
    #[must_use]
    pub fn standby(&self, settings: &[&str]) -> Option<Self> {
        let programs = programs().filter(|programs| programs.join("pg_basebackup").exists())?;
        let directory = new_directory();
        let made = as_user(&programs.join("pg_basebackup"))
            .args([
                "--no-sync",
                "-R",
                "-c",
                "fast",
                "-X",
                "stream",
                "-U",
                "mcpr",
                "-D",
            ])
            .arg(directory.join("data"))
            .arg("-h")
            .arg(&self.directory)
            .args(["-p", &self.port.to_string()])
            .output()
            .expect("pg_basebackup");
        assert!(made.status.success(), "{made:?}");
        Some(Self::run(&programs, directory, settings))
    }

    fn run(programs: &Path, directory: PathBuf, settings: &[&str]) -> Self {
        let is_heard = settings.iter().any(|it| it.starts_with("listen_addresses"));
        let port = if is_heard { free_port() } else { PORT };
        let mut server = as_user(&programs.join("postgres"));
        server.arg("-D").arg(directory.join("data"));
        server.args(["-p", &port.to_string()]);
        let sockets = format!("unix_socket_directories={}", directory.display());
        let fixed = [
            &sockets,
            "listen_addresses=",
            "fsync=off",
            "shared_buffers=32MB",
            "max_connections=200",
        ];
        // The last setting holds.
        for setting in fixed.iter().chain(settings) {
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
        let server = Self {
            directory,
            port,
            keeper,
        };
        drop(server.client("postgres"));
        server
    }

    /// Kills the server with all its processes, as a loss of power would.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&self) {
        let first = self.pid();
        let all: Vec<u32> = children_of(first).into_iter().chain([first]).collect();
        // The first one as well, before it could start others in the place of those that are gone.
        for &pid in all.iter().rev() {
            kill_process(pid);
        }
        let end = Instant::now() + PATIENCE;
        while all.iter().any(|&pid| is_running(pid)) {
            assert!(Instant::now() < end, "a process of the server stays");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Starts the server again, which was killed.
    ///
    /// # Panics
    /// When it does not begin.
    pub fn start_again(&mut self) {
        let keeper = self.keeper.stdin.as_mut().expect("its input");
        keeper.write_all(b"\n").expect("it still reads");
        drop(self.client("postgres"));
    }

    /// Kills the processes that serve the connections of `mcpr` to a database; the server throws all others out with them.
    ///
    /// # Panics
    /// When the server cannot be asked for them.
    pub fn kill_backends(&self, database: &str) {
        let sql = "SELECT pid FROM pg_stat_activity WHERE application_name = 'mcpr' AND datname = current_database()";
        // It may just be starting again, and throw this out as well.
        let killed = loop {
            if let Ok(killed) = self.client(database).query(sql, &[]) {
                break killed;
            }
        };
        for row in killed {
            kill_process(row.get::<_, i32>(0).unsigned_abs());
        }
    }

    /// A connection to one of its databases, as soon as it takes some: it may just be starting again.
    ///
    /// # Panics
    /// When it takes none for long.
    #[must_use]
    pub fn client(&self, database: &str) -> Client {
        let end = Instant::now() + PATIENCE;
        loop {
            match Client::connect(&self.text(database), NoTls) {
                Ok(client) => return client,
                Err(error) => {
                    let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
                    assert!(Instant::now() < end, "{error}: {log}");
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The URL of one of its databases.
    #[must_use]
    pub fn text(&self, database: &str) -> String {
        let directory = self.directory.display();
        format!(
            "postgres://mcpr@/{database}?host={directory}&port={}",
            self.port
        )
    }

    /// Its port, of its socket and, where it listens, of its address.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory of its socket.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
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

/// A port at which nobody listens now.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// The fields of a process behind its name: its state, and the process that has started it.
fn status_of(pid: &str) -> Option<(String, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

fn children_of(parent: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").expect("/proc").flatten();
    let all = all.filter_map(|entry| entry.file_name().into_string().ok());
    let own = all.filter(|pid| status_of(pid).is_some_and(|(_, of)| of == parent));
    own.filter_map(|pid| pid.parse().ok()).collect()
}

fn is_running(pid: u32) -> bool {
    // One that nobody has asked for its end is still listed.
    status_of(&pid.to_string()).is_some_and(|(state, _)| state != "Z")
}

fn kill_process(pid: u32) {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    // One that has ended by itself is as good.
    let _ = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL));
}

/// The directory with the server that is named, or the newest that is installed.
fn programs() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("MCPR_TEST_POSTGRES_PROGRAMS") {
        return Some(named.into());
    }
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
    give_to_user(&directory);
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).expect("a mode");
    directory
}

fn give_to_user(path: &Path) {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).expect("an owner");
    }
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
