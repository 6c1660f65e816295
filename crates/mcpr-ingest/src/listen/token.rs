//! The bearer token: known by its digest alone, compared in a time that says nothing about it.

use sha2::{Digest, Sha256};

/// Shortest token that is taken.
const MIN_BYTES: usize = 8;

/// A secret that every post must show.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

/// Why a text is not a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Too little to be a secret.
    #[error("the token is shorter than {MIN_BYTES} characters")]
    TooShort,
    /// No header can carry it.
    #[error("the token holds a character that no header can carry")]
    NotVisible,
}

impl Token {
    /// A token from the text of a file or a variable; white space around it does not count.
    ///
    /// # Errors
    /// When it is too short, or holds anything but visible ASCII characters.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        if text.len() < MIN_BYTES {
            return Err(TokenError::TooShort);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::NotVisible);
        }
        Ok(Self(Sha256::digest(text).into()))
    }

    /// Whether the value of an `Authorization` header shows this token.
    pub(super) fn is_shown_by(&self, authorization: &[u8]) -> bool {
        let Some((scheme, shown)) = authorization.split_at_checked("Bearer ".len()) else {
            return false;
        };
        if !scheme.eq_ignore_ascii_case(b"Bearer ") {
            return false;
        }
        // Digests are of one length: comparing them does not reveal the token's.
        let shown: [u8; 32] = Sha256::digest(shown.trim_ascii()).into();
        let differing = self
            .0
            .iter()
            .zip(shown)
            .fold(0, |all, (a, b)| all | (a ^ b));
        // Else the compiler might stop at the first byte that differs.
        std::hint::black_box(differing) == 0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_taken() {
        let token = Token::new(" s3cret-token\n").expect("a token");
        for (shown, expected) in [
            ("Bearer s3cret-token", true),
            ("bearer  s3cret-token", true),
            ("Bearer s3cret-toke", false),
            ("Bearer s3cret-token2", false),
            ("Bearer S3cret-token", false),
            ("Basic s3cret-token", false),
            ("Bearer", false),
            ("s3cret-token", false),
            ("", false),
        ] {
            assert_eq!(token.is_shown_by(shown.as_bytes()), expected, "{shown}");
        }
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        for (text, expected) in [
            ("", TokenError::TooShort),
            (" short \n", TokenError::TooShort),
            ("two words are none", TokenError::NotVisible),
            ("schlüsselwort", TokenError::NotVisible),
        ] {
            assert_eq!(Token::new(text), Err(expected), "{text}");
        }
    }
}
