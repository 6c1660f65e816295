//! What is refused says where and what to do, ends with 2, writes nothing and reports no password.

use super::super::kill::line;
use super::super::program::{Home, Ran};
use super::super::web::{free_port, tls_file};
use mcpr_store_postgres::test_server::TestServer;
use std::fs;
use std::path::PathBuf;

const SECRET: &str = "hidden-7f3a";

/// Who comes over TCP has to know a password.
const HBA: &str = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";

/// A server that listens, with a database for each sort of refusal.
struct Refusing {
    server: TestServer,
    home: Home,
    log: PathBuf,
}

impl Refusing {
    fn start(with_tls: bool) -> Option<Self> {
        let (key, certificate) = (
            fs::read(tls_file("server.key")).unwrap(),
            fs::read(tls_file("server.pem")).unwrap(),
        );
        let files: [(&str, &[u8]); 3] = [
            ("pg_hba.conf", HBA.as_bytes()),
            ("server.key", &key),
            ("server.crt", &certificate),
        ];
        let tls = if with_tls { "ssl=on" } else { "ssl=off" };
        let settings = ["listen_addresses=127.0.0.1", tls];
        let server = TestServer::start_with(&settings, &files)?;
        for sql in [
            &format!("CREATE ROLE ada LOGIN PASSWORD '{SECRET}'"),
            "CREATE DATABASE ours OWNER ada",
            "CREATE DATABASE foreign_one OWNER ada",
            "CREATE DATABASE newer OWNER ada",
            "CREATE DATABASE closed",
        ] {
            server.execute(sql);
        }
        let theirs = "SET ROLE ada; CREATE TABLE theirs (a int)";
        server.client("foreign_one").batch_execute(theirs).unwrap();
        let home = Home::new();
        let log = home.write("proxy.log", (0..10).map(line).collect::<String>());
        Some(Self { server, home, log })
    }

    fn url(&self, database: &str, parameters: &str) -> String {
        let port = self.server.port();
        format!("postgres://ada@localhost:{port}/{database}?hostaddr=127.0.0.1{parameters}")
    }

    /// What a command says with a password.
    fn ask(&self, words: &[&str], db: &str, password: &str) -> Ran {
        let mut command = self.home.command(words);
        let output = command.env("MCPR_DB", db).env("PGPASSWORD", password);
        let output = output.output().unwrap();
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// A recorder and a reader are refused, and both say these things.
    fn is_refused(&self, db: &str, password: &str, says: &[&str]) {
        let log = self.log.to_str().unwrap();
        for words in [&["record", "--once", log][..], &["logs"]] {
            let ran = self.ask(words, db, password);
            assert_eq!(ran.code, Some(2), "{words:?} {db}: {ran:?}");
            assert_eq!(ran.out, "", "{words:?} {db}");
            for part in says.iter().chain(&["hint: "]) {
                assert!(
                    ran.err.contains(part),
                    "{words:?} {db}, {part}: {}",
                    ran.err
                );
            }
            for secret in [SECRET, "guessed-1"] {
                assert!(!ran.err.contains(secret), "{words:?} {db}: {}", ran.err);
            }
        }
    }

    /// How many tables there are in a database.
    fn tables(&self, database: &str) -> i64 {
        let sql = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                   WHERE n.nspname = 'public'";
        let row = self.server.client(database).query_one(sql, &[]).unwrap();
        row.get(0)
    }
}

#[test]
fn a_server_that_refuses_is_named_with_what_to_do_and_without_a_password() {
    let Some(it) = Refusing::start(true) else {
        return;
    };
    let port = it.server.port().to_string();
    let ours = it.url("ours", "&sslmode=require");
    let place = ["localhost", &port];
    let says = |words: &[&'static str]| [&place[..], words].concat();
    it.is_refused(
        &ours,
        "guessed-1",
        &says(&[
            "/ours",
            "password authentication failed",
            "~/.pgpass",
            "PGPASSWORD",
        ]),
    );
    // A password in the URL is reported no more than one of the environment.
    let with_password = ours.replacen("ada@", "ada:guessed-1@", 1);
    it.is_refused(
        &with_password,
        SECRET,
        &says(&["password authentication failed"]),
    );
    it.is_refused(
        &it.url("nowhere", "&sslmode=require"),
        SECRET,
        &says(&["\"nowhere\" does not exist", "createdb"]),
    );
    it.is_refused(
        &it.url("foreign_one", "&sslmode=require"),
        SECRET,
        &says(&[
            "/foreign_one",
            "tables of another program",
            "a database of its own",
        ]),
    );
    assert_eq!((it.tables("ours"), it.tables("foreign_one")), (0, 1));
    // Nobody is there.
    let silent = free_port();
    it.is_refused(
        &format!("postgres://ada@127.0.0.1:{silent}/ours"),
        SECRET,
        &[
            "127.0.0.1",
            &silent.to_string(),
            "/ours",
            "is the server running",
        ],
    );
}

#[test]
fn a_role_without_rights_and_an_older_program_are_refused() {
    let Some(it) = Refusing::start(true) else {
        return;
    };
    let port = it.server.port().to_string();
    // Neither to make tables nor to read those that are there.
    let closed = it.url("closed", "&sslmode=require");
    let log = it.log.to_str().unwrap();
    let ran = it.ask(&["record", "--once", log], &closed, SECRET);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    for part in [&port, "/closed", "permission denied", "mcpr store"] {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
    assert_eq!(it.tables("closed"), 0);
    it.home
        .succeed(&["store", "migrate", "--db", &it.server.text("closed")]);
    it.is_refused(
        &closed,
        SECRET,
        &[
            "localhost",
            "/closed",
            "permission denied",
            "mcpr store grant",
        ],
    );
    // A newer layout.
    let newer = it.url("newer", "&sslmode=require");
    assert_eq!(it.ask(&["store", "migrate"], &newer, SECRET).code, Some(0));
    it.server
        .client("newer")
        .batch_execute("UPDATE mcpr_store SET layout = 99")
        .unwrap();
    it.is_refused(
        &newer,
        SECRET,
        &["localhost", "/newer", "layout 99", "newer mcpr"],
    );
    let rows = "SELECT count(*) FROM requests";
    let row = it.server.client("newer").query_one(rows, &[]).unwrap();
    assert_eq!(row.get::<_, i64>(0), 0);
}

#[test]
fn a_certificate_is_believed_as_sslmode_says() {
    let Some(it) = Refusing::start(true) else {
        return;
    };
    let authority = tls_file("ca.pem");
    let full = format!("&sslmode=verify-full&sslrootcert={}", authority.display());
    let log = it.log.to_str().unwrap();
    let ran = it.ask(&["record", "--once", log], &it.url("ours", &full), SECRET);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!ran.err.contains(SECRET), "{}", ran.err);
    let is_encrypted = |db: &str| {
        let ran = it.ask(&["logs", "--json", "--tail", "all"], db, SECRET);
        assert_eq!(ran.code, Some(0), "{db}: {ran:?}");
        assert_eq!(ran.out.lines().count(), 10);
    };
    is_encrypted(&it.url("ours", &full));
    is_encrypted(&it.url("ours", "&sslmode=require"));
    let says = ["localhost", "/ours", "certificate", "sslrootcert=FILE"];
    // An authority that has not signed it.
    let other = tls_file("server.pem");
    for mode in ["verify-full", "verify-ca"] {
        let untrusted = format!("&sslmode={mode}&sslrootcert={}", other.display());
        it.is_refused(&it.url("ours", &untrusted), SECRET, &says);
    }
    // It is for another name: only who asks for the name minds.
    let named = |mode: &str| {
        let url = it.url(
            "ours",
            &format!("&sslmode={mode}&sslrootcert={}", authority.display()),
        );
        url.replacen("@localhost", "@other.example", 1)
    };
    it.is_refused(
        &named("verify-full"),
        SECRET,
        &["other.example", "/ours", "certificate"],
    );
    is_encrypted(&named("verify-ca"));
}

#[test]
fn a_server_without_tls_is_refused_unless_the_url_says_otherwise() {
    let Some(it) = Refusing::start(false) else {
        return;
    };
    let says = [
        "localhost",
        "/ours",
        "does not support TLS",
        "sslmode=disable",
    ];
    it.is_refused(&it.url("ours", "&sslmode=require"), SECRET, &says);
    // Nothing was given, and the name is none of this machine.
    let far = it.url("ours", "").replacen("@localhost", "@far.example", 1);
    it.is_refused(
        &far,
        SECRET,
        &["far.example", "does not support TLS", "sslmode=disable"],
    );
    assert_eq!(it.tables("ours"), 0);
    let log = it.log.to_str().unwrap();
    let plain = it.url("ours", "&sslmode=disable");
    let ran = it.ask(&["record", "--once", log], &plain, SECRET);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}
