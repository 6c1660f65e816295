//! Programs that take a secret behind an option of one letter, as data, and where it stands: on a line of
//! a shell, in a list of arguments, in an array of JSON. Must not know of options that say what they hold.

use super::scan::Pass;
use super::{value, words};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

/// What stands behind the option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueForm {
    /// The secret.
    Secret,
    /// The secret, without a blank between: alone, the option asks for it.
    Attached,
    /// A user and the secret, parted by this.
    Login(u8),
    /// The secret behind `pass:`.
    Source,
}

/// An option of some programs.
#[derive(Debug)]
pub(super) struct SecretOption {
    /// How the programs' names end, or begin where a family of them is meant.
    programs: &'static [&'static str],
    /// The subcommand that the option is of.
    subcommand: Option<&'static str>,
    option: &'static str,
    form: ValueForm,
}

const fn option(
    programs: &'static [&'static str],
    option: &'static str,
    form: ValueForm,
) -> SecretOption {
    SecretOption {
        programs,
        subcommand: None,
        option,
        form,
    }
}

const fn of_login(programs: &'static [&'static str], option: &'static str) -> SecretOption {
    SecretOption {
        programs,
        subcommand: Some("login"),
        option,
        form: ValueForm::Secret,
    }
}

use ValueForm::{Attached, Login, Secret, Source};

/// Every option. Of several that fit the first one counts.
#[rustfmt::skip]
const OPTIONS: &[SecretOption] = &[
    option(&["mysql", "mysqldump", "mysqladmin", "mysqlimport", "mysqlsh", "mysqlpump", "mariadb", "mariadb-dump"], "-p", Attached),
    option(&["sshpass", "useradd", "usermod", "mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport", "7z", "7za", "unrar", "rdesktop", "ipmitool", "vncpasswd", "twine", "cqlsh", "hydra", "crackmapexec", "nxc", "evil-winrm"], "-p", Secret),
    of_login(&["docker", "podman", "nerdctl", "buildah", "skopeo", "helm", "helm registry", "oras", "crane", "az", "oc", "cf", "snyk"], "-p"),
    option(&["sqlcmd", "bcp", "isql", "mosquitto_pub", "mosquitto_sub", "zip", "unzip", "ipmitool"], "-P", Secret),
    option(&["plink", "pscp", "psftp", "putty"], "-pw", Secret),
    option(&["redis-cli", "valkey-cli", "keydb-cli"], "-a", Secret),
    option(&["ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldapwhoami", "ldappasswd", "ldapmodrdn"], "-w", Secret),
    option(&["ldappasswd"], "-s", Secret),
    option(&["openssl"], "-k", Secret),
    option(&["openssl"], "-passin", Source),
    option(&["openssl"], "-passout", Source),
    option(&["openssl"], "-pass", Source),
    option(&["snmpget", "snmpwalk", "snmpset", "snmpbulkwalk"], "-A", Secret),
    option(&["snmpget", "snmpwalk", "snmpset", "snmpbulkwalk"], "-X", Secret),
    option(&["snmpget", "snmpwalk", "snmpset", "snmpbulkwalk"], "-c", Secret),
    option(&["smbclient", "rpcclient", "smbget", "net", "winexe"], "-U", Login(b'%')),
    option(&["lftp", "ncftp"], "-u", Login(b',')),
    option(&["curl", "wget", "http", "https", "xh"], "-u", Login(b':')),
    option(&["curl", "wget"], "-U", Login(b':')),
    option(&["curl", "wget"], "--user", Login(b':')),
    option(&["curl", "wget"], "--proxy-user", Login(b':')),
    option(&["curl"], "--cert", Login(b':')),
    option(&["http", "https", "xh"], "-a", Login(b':')),
    SecretOption {
        programs: &["kubectl", "oc"],
        subcommand: Some("secret"),
        option: "--from-literal",
        form: Login(b'='),
    },
    option(&["xfreerdp", "xfreerdp3", "wfreerdp", "sdl-freerdp"], "/p:", Attached),
];

/// What a text is searched for: where an option may stand.
#[rustfmt::skip]
pub(super) const FINDERS: &[&str] = &[
    " -p", " -c ", "--cert ", "--from-literal", " -a ", " -k ", " -w ", " -u", " -x ", " -s ", "--user ", "--user=", "--proxy-user ", "--proxy-user=", " /p:",
    "\"-p", "'-p", "\"-a", "'-a", "\"-w", "'-w", "\"-u", "'-u", "\"-x", "'-x", "\"-k", "'-k", "\"/p:", "'/p:",
];

/// Longest name of a program.
const MAX_NAME_BYTES: usize = 24;

/// A program or its subcommand, without the folder it is in.
fn base(name: &str) -> &str {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    name.strip_suffix(".exe").unwrap_or(name)
}

/// What the arguments of a command have shown of the program so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ProgramCall {
    /// The options of its program, a bit each.
    options: u32,
    is_login: bool,
}

/// Every program in the order of their names, and its options, a bit each: the first elements of every array
/// of texts are looked up.
static PROGRAMS: LazyLock<Vec<(&str, u32)>> = LazyLock::new(|| {
    let mut all = BTreeMap::new();
    for (at, option) in OPTIONS.iter().enumerate() {
        for program in option.programs {
            *all.entry(*program).or_default() |= 1 << at;
        }
    }
    all.into_iter().collect()
});

const _: () = assert!(OPTIONS.len() <= 32, "each option has a bit");

impl ProgramCall {
    /// The command of this program.
    pub(super) fn of(program: &str) -> Self {
        let name = base(program);
        if name.len() > MAX_NAME_BYTES {
            return Self::default();
        }
        let found = PROGRAMS.binary_search_by_key(&name, |(program, _)| program);
        Self {
            options: found.map_or(0, |at| PROGRAMS[at].1),
            is_login: false,
        }
    }

    /// One more argument: a program behind `sudo` or `env`, or a subcommand.
    pub(super) fn argument(&mut self, text: &str, index: usize) {
        // The program is among the first; further on such a word is an argument.
        const MOST_BEFORE: usize = 4;
        self.is_login |= text == "login";
        if index < MOST_BEFORE && self.options == 0 && !text.is_empty() {
            self.options = Self::of(text).options;
        }
    }

    /// The same, and a login where the other is one.
    pub(super) fn or_login(self, other: Self) -> Self {
        Self {
            is_login: self.is_login || other.is_login,
            ..self
        }
    }

    /// Whether no program was named that takes a secret.
    pub(super) fn is_unknown(self) -> bool {
        self.options == 0
    }

    fn options(self) -> impl Iterator<Item = &'static SecretOption> {
        OPTIONS
            .iter()
            .enumerate()
            .filter(move |(at, option)| {
                self.options & 1 << at != 0 && (option.subcommand.is_none() || self.is_login)
            })
            .map(|(_, option)| option)
    }

    /// Whether this argument is a secret, behind that one.
    pub(super) fn is_secret(self, before: Option<&str>, text: &str) -> bool {
        self.options().any(|option| {
            let attached = text
                .strip_prefix(option.option)
                .is_some_and(|rest| option.option.len() < 4 && is_meant(option, rest.as_bytes()));
            let is_own = before == Some(option.option) && option.form != Attached;
            attached || is_own && is_meant(option, text.as_bytes())
        })
    }
}

/// An option of one letter, alone or with its value.
pub(super) fn is_option(text: &str) -> bool {
    let mut letters = text.bytes();
    matches!(letters.next(), Some(b'-' | b'/'))
        && letters
            .next()
            .is_some_and(|letter| letter.is_ascii_alphabetic())
}

/// Whether what stands behind an option is a secret.
fn is_meant(option: &SecretOption, candidate: &[u8]) -> bool {
    const LOOKED_AT: usize = 512;
    let short = &candidate[..candidate.len().min(LOOKED_AT)];
    let is_number = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
    match option.form {
        // To another program of the same line `-p` is a port.
        Secret | Attached => {
            // One of a container has its own beside it: `8080:80`.
            let is_of_port = |byte: &u8| byte.is_ascii_digit() || b":.-".contains(byte);
            let is_port = is_number(candidate) && candidate.len() <= 5
                || candidate.contains(&b':') && candidate.iter().all(is_of_port);
            let is_other = short.starts_with(b"-") || words::is_placeholder(short);
            !short.is_empty() && !is_port && !is_other
        }
        // A user and a group of numbers are not a login, and neither is an address.
        Login(mark) => short
            .splitn(2, |byte| *byte == mark)
            .nth(1)
            .is_some_and(|password| {
                password.len() >= 2
                    && !is_number(password)
                    && !password.starts_with(b"//")
                    && !words::is_placeholder(password)
            }),
        Source => short.starts_with(b"pass:") && !words::is_placeholder(&short[b"pass:".len()..]),
    }
}

impl Pass<'_> {
    /// `curl -u user:password`, `mysql -psecret`, `["docker", "login", "-p", "…"]`
    pub(super) fn program_option(&mut self, hit: &Range<usize>) {
        let text = self.text;
        let Some(start) = (hit.start..hit.end).find(|at| b"-/".contains(&text[*at])) else {
            return;
        };
        let Some(option) = self.option_at(start) else {
            return;
        };
        let mut from = start + option.option.len();
        let opened = self.before(start).filter(|quote| b"\"'".contains(quote));
        if let Some(quote) = opened {
            // The next element of a list, where the option is one alone.
            let Some(next) = next_element(text, from, quote) else {
                return self.take_option(option, from, Some(quote));
            };
            if option.form == Attached {
                return;
            }
            from = next;
        } else if matches!(text.get(from), Some(b' ' | b'=')) {
            // These ask for a password when none is attached.
            if option.form == Attached {
                return;
            }
            from += 1 + value::blanks(&text[from + 1..]);
        }
        self.take_option(option, from, None);
    }

    /// The option of a program that stands before it in its line.
    fn option_at(&self, start: usize) -> Option<&'static SecretOption> {
        const LONGEST_COMMAND: usize = 512;
        let text = self.text;
        let behind = &text[self.at.max(start.saturating_sub(LONGEST_COMMAND))..start];
        let line = memchr::memrchr(b'\n', behind).map_or(0, |at| at + 1);
        let near = &behind[line..];
        // A pipe or a semicolon begins another command.
        let has = |word: &str| {
            memchr::memmem::find_iter(near, word.as_bytes()).any(|at| {
                let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
                let end = at + word.len();
                let is_begun = at == 0 || !is_of_word(&near[at - 1]);
                is_begun
                    && near
                        .get(end)
                        .is_none_or(|byte| !is_of_word(byte) || near[end..].starts_with(b".exe"))
            })
        };
        OPTIONS.iter().find(|option| {
            text[start..].starts_with(option.option.as_bytes())
                && option.subcommand.is_none_or(has)
                && option.programs.iter().any(|program| has(program))
        })
    }

    fn take_option(&mut self, option: &SecretOption, from: usize, quote: Option<u8>) {
        let text = self.text;
        let found = match quote {
            // It goes to the quote that closes the argument.
            Some(quote) => {
                let line = value::end_of_line(text, from);
                let end = memchr::memchr(quote, &text[from..line]).map_or(line, |at| from + at);
                let slashes = text[from..end]
                    .iter()
                    .rev()
                    .take_while(|byte| **byte == b'\\');
                let end = end - slashes.count();
                (from < end).then_some((from..end, end))
            }
            None => value::value(text, from, &self.steps)
                .filter(|found| !found.is_code)
                .map(|found| (found.secret, found.end)),
        };
        let Some((mut secret, end)) = found else {
            return;
        };
        if is_meant(option, &text[secret.clone()]) {
            if option.form == Source {
                secret.start += b"pass:".len();
            }
            self.take(secret, end, "key");
        }
    }
}

/// Where the next text of a list begins, if the one before ends here.
fn next_element(text: &[u8], at: usize, quote: u8) -> Option<usize> {
    const MAX_GAP: usize = 32;
    let slashes = text[at..].iter().take_while(|byte| **byte == b'\\').count();
    let rest = text[at + slashes..].strip_prefix(&[quote])?;
    let blanks = |rest: &[u8]| {
        let gap = rest.iter().take(MAX_GAP);
        gap.take_while(|byte| byte.is_ascii_whitespace()).count()
    };
    let before = blanks(rest);
    let rest = rest[before..].strip_prefix(b",")?;
    Some(text.len() - rest.len() + blanks(rest))
}
