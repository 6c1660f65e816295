//! Which names of members, parameters and headers hold secrets. Must not look at the values.

/// A name with one of these in it holds a secret.
const ANYWHERE: [&str; 4] = ["password", "passwd", "passphrase", "apikey"];

/// A name that ends so holds a secret.
const AT_END: [&str; 22] = [
    "pwd",
    "pass",
    "secret",
    "secrets",
    "token",
    "jwt",
    "accesskey",
    "accesskeyid",
    "secretkey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "authkey",
    "sessionkey",
    "credential",
    "credentials",
    "authorization",
    "cookie",
    "connectionstring",
    "otp",
    "pincode",
    "clientassertion",
];

/// Names that end like a secret and are none: cursors, progress, counts.
const HARMLESS: [&str; 9] = [
    "progresstoken",
    "pagetoken",
    "nexttoken",
    "continuationtoken",
    "synctoken",
    "canceltoken",
    "pertoken",
    "compass",
    "bypass",
];

/// Names of an address's parameters that hold a secret there and need not elsewhere.
const IN_ADDRESS: [&str; 8] = [
    "key",
    "sig",
    "signature",
    "auth",
    "xamzsignature",
    "xamzcredential",
    "xgoogsignature",
    "sas",
];

/// Longest name that is looked at, in bytes; the end of a longer one says what it is.
pub(super) const MAX_NAME_BYTES: usize = 64;

/// Whether the value under a name is a secret, whatever the name's case and its `_`, `-`, `.`.
pub(super) fn is_secret(name: &[u8]) -> bool {
    let mut buffer = [0; MAX_NAME_BYTES];
    let name = plain(name, &mut buffer);
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end.as_bytes()));
    let holds = |part: &&str| memchr::memmem::find(name, part.as_bytes()).is_some();
    !ends(&HARMLESS) && (ends(&AT_END) || ANYWHERE.iter().any(holds))
}

/// Whether the value of an address's parameter is a secret.
pub(super) fn is_secret_parameter(name: &[u8]) -> bool {
    let mut buffer = [0; MAX_NAME_BYTES];
    let plain = plain(name, &mut buffer);
    is_secret(name) || IN_ADDRESS.iter().any(|known| plain == known.as_bytes())
}

/// The last letters and digits of a name, in lower case.
fn plain<'a>(name: &[u8], buffer: &'a mut [u8; MAX_NAME_BYTES]) -> &'a [u8] {
    let mut from = MAX_NAME_BYTES;
    for byte in name
        .iter()
        .rev()
        .filter(|byte| byte.is_ascii_alphanumeric())
    {
        if from == 0 {
            break;
        }
        from -= 1;
        buffer[from] = byte.to_ascii_lowercase();
    }
    &buffer[from..]
}
