//! Forms in which a secret stands with neither a sign nor a key of its own before it, as data: calls that
//! log in, commands that set a variable, lines of protocols, what is piped into a program. Must not hold
//! what `NAME = VALUE` in some language is.

use regex::bytes::Regex;
use std::sync::LazyLock;

/// How far a form goes on each side of what it is found by, in bytes.
pub(super) const WINDOW_BYTES: usize = 256;

/// What is looked at around the finder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FormWindow {
    /// From the finder on.
    From,
    /// What stands before it.
    Before,
    /// Both; a secret begins right behind the finder.
    Around,
}

/// What the secret looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looks {
    /// Any word that is not a placeholder.
    Word,
    /// A word in quotes.
    Quoted,
    /// Letters and digits mixed, or letters of both cases: no word of prose.
    Mixed,
    /// A word behind the name of a user: no port, and no group of numbers.
    Login,
}

/// One form.
#[derive(Debug)]
pub(super) struct SignlessForm {
    /// What the text is searched for; with a capital in it, in this case only.
    pub(super) finders: &'static [&'static str],
    pub(super) reach: FormWindow,
    pub(super) looks: Looks,
    /// Its groups are the secrets. An empty one is where a value begins, in quotes or without. The group
    /// `name` is a key that must be one of a secret.
    pub(super) pattern: LazyLock<Regex>,
}

macro_rules! form {
    ($window:ident, $looks:ident, [$($finder:literal),+], $($part:expr),+) => {
        SignlessForm {
            finders: &[$($finder),+],
            reach: FormWindow::$window,
            looks: Looks::$looks,
            pattern: LazyLock::new(|| {
                let pattern = [$($part),+].concat();
                Regex::new(&pattern).expect("the pattern of a form is sound")
            }),
        }
    };
}

/// An argument of a call that is passed over.
const ARGUMENT: &str =
    r#"(?:\\*"[^"\n]{0,128}"|\\*'[^'\n]{0,128}'|[^,()"'\n]{1,96}(?:\([^()\n]{0,64}\))?)"#;

/// The variable that a command sets.
const NAME: &str = r"(?P<name>[A-Za-z_][A-Za-z0-9_.-]{1,63})";

/// Switches of a command.
const SWITCHES: &str = r"(?:\s+-{1,2}[A-Za-z-]{1,24})*";

/// Every form. The order says nothing.
pub(super) static FORMS: [SignlessForm; 42] = [
    // Calls that are given a user and a secret.
    form!(
        From,
        Quoted,
        [
            "basicauth(",
            "basic_auth(",
            "basic_auth ",
            "digestauth(",
            "ntlmauth(",
            "networkcredential("
        ],
        r"^(?i-u)[a-z_]+[( ]\s*",
        ARGUMENT,
        r"\s*,\s*()"
    ),
    form!(
        From,
        Quoted,
        [
            "passwordcredentials(",
            "passwordcredential(",
            "passwordauthentication(",
            "credentials.basic(",
            "basiccredentials("
        ],
        r"^(?i-u)[a-z.]+\(\s*",
        ARGUMENT,
        r"\s*,\s*()"
    ),
    form!(
        From,
        Quoted,
        [
            ".login(",
            ".auth(",
            ".authenticate(",
            ".signin(",
            ".sign_in("
        ],
        r"^(?i-u)\.[a-z_]+\(\s*",
        ARGUMENT,
        r"\s*,\s*()"
    ),
    form!(
        From,
        Quoted,
        [
            "getconnection(",
            "mysqli_connect(",
            "new mysqli(",
            "mysql_connect(",
            "new pdo(",
            "ssh2_auth_password("
        ],
        r"^(?i-u)[a-z0-9_ ]+\(\s*",
        ARGUMENT,
        r"\s*,\s*",
        ARGUMENT,
        r"\s*,\s*()"
    ),
    // Commands and files that set a variable without a sign.
    form!(
        From,
        Word,
        ["setx ", "setenv "],
        r"^(?i-u)set(?:x|env)(?:\s+/m)?\s+",
        NAME,
        r"[ \t]+()"
    ),
    form!(
        From,
        Word,
        ["set -"],
        r"^(?-u)set",
        SWITCHES,
        r"\s+",
        NAME,
        r"[ \t]+()"
    ),
    form!(From, Word, ["ENV "], r"^(?-u)ENV ", NAME, r"[ \t]+()"),
    form!(
        From,
        Word,
        ["config set ", "configure set "],
        r"^(?i-u)config(?:ure)? set",
        SWITCHES,
        r"\s+(?P<name>[A-Za-z_/][A-Za-z0-9_.:/-]{1,80})[ \t]+()"
    ),
    form!(
        From,
        Word,
        ["git config "],
        r"^(?-u)git config",
        SWITCHES,
        r"\s+(?P<name>[A-Za-z_][A-Za-z0-9_.:/-]{1,80})[ \t]+()"
    ),
    form!(
        From,
        Word,
        [
            "proxy_set_header ",
            "fastcgi_param ",
            "uwsgi_param ",
            "header set ",
            "requestheader set "
        ],
        r"^(?i-u)[a-z_]+(?: set)? ",
        NAME,
        r"[ \t]+()"
    ),
    form!(
        From,
        Word,
        ["secret set ", "secrets set "],
        r"^(?-u)secrets? set (?P<name>\S{1,64}) (?:\S{1,64} ){0,4}?(?:--body|-b)[ =]?()"
    ),
    form!(
        From,
        Word,
        [" /v "],
        r"^ /v (?P<name>\S{1,64})(?: /t \S{1,24})? /d ()"
    ),
    form!(
        Around,
        Word,
        ["requirepass ", "masterauth ", "bindpw ", "rootpw "],
        r"(?m)^[ \t]*(?:requirepass|masterauth|bindpw|rootpw) ()"
    ),
    // Commands that take a secret by its place.
    form!(
        From,
        Word,
        ["htpasswd "],
        r"^(?-u)htpasswd (?:-[A-Za-z0-9]+ )*-[A-Za-z]*b[A-Za-z]*(?: -[A-Za-z0-9]+)*(?: [^\s-]\S{0,96}){1,2} ()"
    ),
    form!(
        From,
        Word,
        ["net user ", "net use "],
        r"^(?i-u)net use(?:r [^\s/]\S{0,64}| (?:\S{1,8} )?\\\\\S{1,96}(?: /user:\S{1,64})?) ([^\s/*]\S{2,128})(?-u:[ \t\r\n]|$)"
    ),
    form!(
        Before,
        Word,
        [
            "| docker login",
            "| podman login",
            "| helm registry",
            "| skopeo login",
            "| sudo -s",
            "| sudo --stdin",
            "| chpasswd",
            "| sudo chpasswd",
            "| passwd --stdin",
            "| gh auth login",
            "| gh secret set",
            "| cryptsetup",
            "| gpg --batch"
        ],
        r#"(?-u)\b(?:echo|printf)(?: -[neE]+)*(?: ["']%s(?:\\n)?["'])? +(?:"([^"\n]{3,200})"|'([^'\n]{3,200})'|([^\s|"'<>&;]{3,200})) *$"#
    ),
    // Lines of protocols.
    form!(
        From,
        Mixed,
        ["AUTH ", "AUTHENTICATE "],
        r"^(?-u)AUTH(?:ENTICATE)?(?: [A-Za-z0-9_.-]{1,32})? ([^\s\x22']{6,512}?)(?:\s*$|\s*[\r\n]|\\r|\\n)"
    ),
    form!(
        From,
        Word,
        ["334 "],
        r"^(?-u)334[ -]?[A-Za-z0-9+/=]{0,64}\s*?(?:\r?\n|(?:\\r)?\\n)(?:[<>]+ ?|C: ?|-+> ?)?([A-Za-z0-9+/=]{4,256})(?:\r|\n|\\|$)"
    ),
    form!(
        Around,
        Word,
        ["PASS "],
        r"(?-u)(?:(?:^|\n|\\n)[<>CS: -]{0,8}(?:USER |331|\+OK)[^\n]{0,96}\n(?:[^\n]{0,96}\n){0,3}[>C: -]{0,6}|(?:^|\n)-+> )PASS ([^\s]{3,200})"
    ),
    form!(
        From,
        Mixed,
        [" LOGIN "],
        r#"^(?-u) LOGIN (?:"[^"\n]{1,96}"|\S{1,96}) ([^\s]{4,200})\r?(?:\n|$)"#
    ),
    form!(
        Around,
        Word,
        ["IDENTIFY "],
        r"(?i-u)nickserv[^\n]{0,20}identify (?:[^\s]{1,32} )?([^\s]{4,200})(?:\s|$)"
    ),
    form!(
        From,
        Word,
        ["nmcli "],
        r"^(?-u)nmcli [^\n]{0,160}? (?:password|wifi-sec\.psk|802-11-wireless-security\.psk) ()"
    ),
    form!(
        From,
        Word,
        ["wpa_passphrase "],
        r#"^(?-u)wpa_passphrase (?:"[^"\n]{1,32}"|'[^'\n]{1,32}'|[^\s"';|&]{1,32}) ()"#
    ),
    form!(
        From,
        Mixed,
        [
            "cargo login ",
            "vault login ",
            "gcloud auth activate-refresh-token "
        ],
        r"^(?-u)[a-z]+(?: auth)? (?:login|activate-refresh-token \S{1,96})(?: -\S{1,48})* ()"
    ),
    form!(
        From,
        Word,
        ["poetry config "],
        r"^(?-u)poetry config (?:--\S{1,24} )*(?:pypi-token\.\S{1,64}|http-basic\.\S{1,64} \S{1,96}) ()"
    ),
    form!(
        From,
        Login,
        ["curl -"],
        r#"^(?-u)curl (?:[^\n|;&]{0,200}? )?(?:-[a-zA-Z]{1,8}u ?["']?[^\s:"'/]{1,96}|-E ["']?[^\s:"']{1,128}):()"#
    ),
    // What Oracle's programs log in with.
    form!(
        From,
        Word,
        [
            "sqlplus ", "sqlldr ", "impdp ", "expdp ", "imp ", "exp ", "userid="
        ],
        r#"^(?i-u)(?:[a-z]+(?: -[a-z]{1,12})* )?(?:userid=)?["']?[a-z][a-z0-9_$#]{0,29}/([^\s@/"']{2,128})(?:@[a-z0-9(/]|["']?(?: as sysdba| file=| directory=|[ \t]*(?:\n|$)))"#
    ),
    form!(
        From,
        Word,
        [
            "impacket-",
            "psexec.py ",
            "wmiexec.py ",
            "smbexec.py ",
            "secretsdump.py "
        ],
        r#"^(?i-u)[a-z.-]+ (?:-\S{1,24} )*["']?(?:[^\s/:@]{1,64}/)?[^\s/:@]{1,64}:([^\s]{2,128})@[a-z0-9]"#
    ),
    // What a program that plays a person at a terminal types when it is asked.
    form!(
        From,
        Word,
        ["assword:"],
        r#"^(?i-u)assword:[^\n]{0,12}?\\?["'}]\s{0,8}[;{]?\s{0,8}send(?: --)? \\?"([^"\\\n$]{3,128})\\"#
    ),
    // What makes a secret of a text in PowerShell, and what such a text is piped into.
    form!(
        From,
        Word,
        ["convertto-securestring "],
        r"^(?i-u)convertto-securestring (?:-(?:string|asplaintext|force) )*()"
    ),
    form!(
        Before,
        Word,
        ["| convertto-securestring", "|convertto-securestring"],
        r#"(?-u)(?:"([^"\n]{1,200})"|'([^'\n]{1,200})') *$"#
    ),
    // A field of a form that is sent in parts.
    form!(
        From,
        Word,
        ["form-data; name="],
        r#"^(?-u)form-data; name=\\?"?(?P<name>[^"\r\n;\\]{1,64})\\?"?(?:\r?\n|\\r\\n|\\n)(?:[A-Za-z-]{1,32}: ?[^\n\\]{0,96}(?:\r?\n|\\r\\n|\\n)){0,3}(?:\r?\n|\\r\\n|\\n)([^\r\n\\]{1,160})"#
    ),
    // A macro of C, and a user of Redis.
    form!(
        From,
        Word,
        ["#define "],
        r"^(?-u)#define ",
        NAME,
        r"[ \t]+()"
    ),
    form!(
        Around,
        Word,
        [" on >"],
        r"(?-u)\buser \S{1,64} on >([^\s]{2,200})"
    ),
    form!(
        Before,
        Word,
        [".pgpass"],
        r#"(?-u)["'][A-Za-z0-9._*/-]{1,128}:(?:[0-9]{2,5}|\*):[^\s:]{1,64}:[A-Za-z_*][^\s:]{0,63}:([^\s:"']{3,128})["'] ?>>? ?[^\s]{0,48}$"#
    ),
    form!(
        From,
        Word,
        ["curl -b ", "curl --cookie "],
        r#"^(?-u)curl (?:-b|--cookie) ["']?[A-Za-z0-9_.-]{1,64}=([^\s"';]{2,256})"#
    ),
    // Lines of files of passwords.
    form!(
        Around,
        Word,
        [":543", ":643", ":1543", ":*:"],
        r"(?m-u)(?:^|\\n)(?:[A-Za-z0-9._*/-]{1,128}|\[[0-9a-f:]{2,39}\]):(?:[0-9]{2,5}|\*):[^\s:\\]{1,64}:[A-Za-z_*][^\s:\\]{0,63}:((?:[^\s:\\]|\\[:\\]){3,128})(?:[\r\n]|\\n|$)"
    ),
    form!(
        From,
        Word,
        [".pgpass"],
        r"^(?-u)\.pgpass[^\n]{0,48}\n(?:[^\n]{0,96}\n){0,3}?[A-Za-z0-9._*/-]{1,128}:(?:[0-9]{2,5}|\*):[^\s:]{1,64}:[A-Za-z_*][^\s:]{0,63}:([^\s:]{3,128})(?:[\r\n]|$)"
    ),
    form!(
        From,
        Word,
        ["identified with ", "identified by password "],
        r"^(?i-u)identified (?:by password |with '?[a-z0-9_]{1,48}'? (?:as|by) )()"
    ),
    // Cookies that a program sets, or keeps in a file.
    form!(
        From,
        Mixed,
        [
            "cookies.set(",
            "cookies.add(",
            "set_cookie(",
            "setcookie(",
            "res.cookie(",
            "new cookie("
        ],
        r"^(?i-u)[a-z_.]+(?: cookie)?\(\s*",
        ARGUMENT,
        r"\s*,\s*()"
    ),
    form!(
        Around,
        Mixed,
        ["\tTRUE\t", "\tFALSE\t"],
        r"(?m-u)^[^\s]{1,96}\t(?:TRUE|FALSE)\t[^\s]{1,96}\t(?:TRUE|FALSE)\t[0-9]{1,12}\t[^\t\n]{1,64}\t()"
    ),
    // The hooks of servers that their users run.
    form!(
        Around,
        Mixed,
        ["/hooks/"],
        r"(?-u)://[^\s/\x22']{1,96}(?:/[a-z0-9_-]{1,32}){0,2}/hooks/([a-z0-9]{26}|[A-Za-z0-9]{17}/[A-Za-z0-9]{40,64})(?:[^A-Za-z0-9/]|$)"
    ),
];
