//! The names of secrets in other languages than English, as data, and what is peculiar to texts in them: signs of
//! full width, brackets as quotes, blanks that do not break. Must not decide what a value is.

use super::keys::Secrecy;

/// A word of some language, and how sure a name with it is that its value is a secret.
struct ForeignWord {
    /// As it is searched for. Cases are distinguished, as only those of ASCII can be folded cheaply.
    spellings: &'static [&'static str],
    secrecy: Secrecy,
}

const fn of_password(spellings: &'static [&'static str]) -> ForeignWord {
    ForeignWord {
        spellings,
        secrecy: Secrecy::Any,
    }
}

/// A word that is a key of a door, or of a riddle, as well.
const fn of_key(spellings: &'static [&'static str]) -> ForeignWord {
    ForeignWord {
        spellings,
        secrecy: Secrecy::Random,
    }
}

/// Words with letters beyond ASCII; those without stand among the names of [`super::keys`].
#[rustfmt::skip]
const WORDS: &[ForeignWord] = &[
    of_password(&["парол", "Парол", "ПАРОЛ"]),
    of_password(&["лозинк", "Лозинк"]),
    of_password(&["密码", "密碼", "口令", "密钥", "密鑰", "令牌"]),
    of_password(&["パスワード", "パスフレーズ", "暗証番号", "秘密鍵"]),
    of_password(&["비밀번호", "암호", "비밀키"]),
    of_password(&["κωδικό", "Κωδικό", "ΚΩΔΙΚΌ", "συνθηματικό", "Συνθηματικό"]),
    of_password(&["mật khẩu", "Mật khẩu", "mật_khẩu"]),
    of_password(&["كلمة المرور", "كلمة السر", "كلمة مرور", "رمز عبور", "گذرواژه"]),
    of_password(&["סיסמה", "סיסמא", "הסיסמה"]),
    of_password(&["पासवर्ड", "कूटशब्द", "পাসওয়ার্ড", "கடவுச்சொல்"]),
    of_password(&["รหัสผ่าน"]),
    of_password(&["contraseña", "Contraseña", "CONTRASEÑA"]),
    of_password(&["lösenord", "Lösenord", "LÖSENORD"]),
    of_password(&["hasło", "Hasło", "HASŁO", "hasła", "Hasła"]),
    of_password(&["jelszó", "Jelszó", "JELSZÓ"]),
    of_password(&["şifre", "Şifre", "ŞİFRE"]),
    of_password(&["paßwort", "Paßwort"]),
    of_password(&["parolă", "Parolă", "slaptažod", "Slaptažod"]),
    of_key(&["секрет", "Секрет", "токен", "Токен", "ключ", "Ключ", "トークン", "シークレット", "토큰", "密匙"]),
    of_key(&["clé", "Clé", "schlüssel", "Schlüssel", "ключі", "anahtarı", "κλειδί", "Κλειδί"]),
];

/// Every spelling: what a text is searched for.
pub(super) fn finders() -> impl Iterator<Item = &'static str> {
    WORDS.iter().flat_map(|word| word.spellings).copied()
}

/// Phrases of ASCII that name a secret: no separator of names stands in them.
#[rustfmt::skip]
pub(super) const PHRASES: &[&str] = &["mot de passe", "kata sandi", "parola d'ordine", "palabra clave", "clave secreta", "clave de acceso", "security answer", "secret word"];

/// How sure a name with letters beyond ASCII is that its value is a secret.
pub(super) fn secrecy(name: &[u8]) -> Secrecy {
    let holds = |spelling: &&str| memchr::memmem::find(name, spelling.as_bytes()).is_some();
    let known = WORDS
        .iter()
        .filter(|word| word.spellings.iter().any(&holds));
    known
        .map(|word| word.secrecy)
        .max()
        .unwrap_or(Secrecy::None)
}

/// How many bytes the letter beyond ASCII has that begins here; marks and blanks are not letters.
pub(super) fn letter(text: &[u8], at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let len = match rest.first()? {
        0xc3..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return None,
    };
    // General punctuation and arrows, marks of Chinese, forms of full width.
    let is_mark =
        rest[0] == 0xe2 || rest.starts_with(&[0xe3, 0x80]) || rest.starts_with(&[0xef, 0xbc]);
    let is_whole = rest.get(1..len)?.iter().all(|byte| byte & 0xc0 == 0x80);
    (is_whole && !is_mark).then_some(len)
}

/// How many bytes the letter beyond ASCII has that ends here.
pub(super) fn letter_before(text: &[u8], end: usize) -> Option<usize> {
    (2..=4_usize.min(end)).find(|len| letter(text, end - len) == Some(*len))
}

/// Blanks of every kind that may stand around a sign.
pub(super) fn blanks(text: &[u8], at: usize, most: usize) -> usize {
    // No-break, narrow no-break, and the blank of Chinese.
    const WIDE: [&str; 3] = ["\u{a0}", "\u{202f}", "\u{3000}"];
    let mut end = at;
    while end - at < most && end < text.len() {
        if matches!(text[end], b' ' | b'\t') {
            end += 1;
        } else if let Some(wide) = WIDE
            .iter()
            .find(|wide| text[end..].starts_with(wide.as_bytes()))
        {
            end += wide.len();
        } else {
            break;
        }
    }
    end - at
}

/// What stands between brackets that are quotes in Chinese and Japanese, which begin here.
pub(super) fn bracketed(text: &[u8], at: usize) -> Option<std::ops::Range<usize>> {
    const LONGEST: usize = 256;
    const QUOTES: [(&str, &str); 4] = [("「", "」"), ("『", "』"), ("“", "”"), ("«", "»")];
    let rest = text.get(at..text.len().min(at + LONGEST))?;
    let (open, close) = QUOTES
        .iter()
        .find(|(open, _)| rest.starts_with(open.as_bytes()))?;
    let len = memchr::memmem::find(&rest[open.len()..], close.as_bytes())?;
    let from = at + open.len();
    (len > 0).then_some(from..from + len)
}

/// How much of a value without quotes is one: in Chinese and Japanese a sentence goes on without a blank.
pub(super) fn before_mark(words: &[u8]) -> usize {
    // Among them the comma and the full stop, in both widths.
    let is_mark = |at: usize| {
        words[at..].starts_with(&[0xe3, 0x80]) || words[at..].starts_with(&[0xef, 0xbc])
    };
    let mut leads = memchr::memchr2_iter(0xe3, 0xef, words);
    leads.find(|at| is_mark(*at)).unwrap_or(words.len())
}

/// Whether a value without quotes is prose of the language of its name: it has letters beyond ASCII, and none of it
/// is like a token. A password in English texts may have such letters.
pub(super) fn is_prose(name: &[u8], words: &[u8]) -> bool {
    const OF_ASCII: [&str; 9] = [
        "senha",
        "passwort",
        "kennwort",
        "clave",
        "parola",
        "contrasena",
        "passe",
        "lozinka",
        "heslo",
    ];
    let lower = name.to_ascii_lowercase();
    let is_foreign =
        !name.is_ascii() || OF_ASCII.iter().any(|word| lower.ends_with(word.as_bytes()));
    is_foreign && !words.is_ascii() && !super::words::has_token(words)
}
