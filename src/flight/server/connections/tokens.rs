//! The tokens of clients, each with a name.

use crate::error::{Error, Result};
use crate::plain_file;
use sha2::{Digest, Sha256};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use subtle::{ConditionallySelectable, ConstantTimeEq};

/// The shortest allowed token. Shorter ones can be guessed.
const MIN_TOKEN_BYTES: usize = 16;

/// The longest allowed name.
const MAX_NAME_BYTES: usize = 64;

/// The longest allowed token.
const MAX_TOKEN_BYTES: usize = 1_024;

/// The largest allowed file: about 10,000 of the longest lines.
const MAX_FILE_BYTES: u64 = 10 << 20;

/// The permission bits of users that are neither the owner of a file nor in its group.
const OTHERS: u32 = 0o007;

/// The tokens of a file, as of its last reading.
#[derive(Debug)]
pub(super) struct Tokens {
    path: PathBuf,
    known: RwLock<Arc<[Known]>>,
}

/// A known token. Only its hash is kept.
#[derive(Debug)]
struct Known {
    name: Arc<str>,
    hash: [u8; 32],
}

impl Tokens {
    pub fn new(path: PathBuf) -> Result<Self> {
        let known = RwLock::new(read(&path)?);
        Ok(Self { path, known })
    }

    /// Reads the file again.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Misuse`] if the file can't be used. The old tokens then stay in use.
    pub fn reload(&self) -> Result<()> {
        let known = read(&self.path)?;
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }

    /// Returns the name of `token`, if it is known. The time does not depend on the token: its hash is compared with
    /// every known hash.
    pub fn name_of(&self, token: &str) -> Option<Arc<str>> {
        let known = Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner));
        let hash: [u8; 32] = Sha256::digest(token).into();
        let mut found = u64::MAX;
        for (place, known) in (0..).zip(known.iter()) {
            found.conditional_assign(&place, known.hash.ct_eq(&hash));
        }
        known.get(usize::try_from(found).ok()?).map(|known| Arc::clone(&known.name))
    }
}

fn read(path: &Path) -> Result<Arc<[Known]>> {
    let mut file = plain_file::open(path).map_err(|error| error.of_option("--auth-tokens"))?;
    let mode = file.metadata().map_err(Error::io("reading the permissions of", path))?.mode();
    if mode & OTHERS != 0 {
        return Err(Error::Misuse(format!(
            "every user of this machine has access to the tokens in {} (mode {:03o}); run `chmod 600` on it",
            path.display(),
            mode & 0o777
        )));
    }
    let mut text = String::new();
    file.by_ref().take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(Error::io("reading", path))?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(Error::Misuse(format!("{} is larger than the {MAX_FILE_BYTES} bytes allowed", path.display())));
    }
    parse(&text).map_err(|wrong| Error::Misuse(format!("{}: {wrong}", path.display())))
}

/// Reads `text`, which has one `name:token` on each line. Empty lines and lines that begin with `#` are skipped. Errors
/// name the number of a line and never quote it.
fn parse(text: &str) -> Result<Arc<[Known]>, String> {
    let mut known: Vec<Known> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, token) = line.split_once(':').ok_or_else(|| format!("line {number} is not `name:token`"))?;
        let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte);
        if !(1..=MAX_NAME_BYTES).contains(&name.len()) || !name.bytes().all(is_of_name) {
            return Err(format!(
                "line {number} has an invalid name; a name has 1 to {MAX_NAME_BYTES} letters, digits, `.`, `_`, `-` or `@`"
            ));
        }
        let length = token.len();
        if !(MIN_TOKEN_BYTES..=MAX_TOKEN_BYTES).contains(&length) || !token.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(format!(
                "line {number} has a token of {length} bytes; a token has {MIN_TOKEN_BYTES} to {MAX_TOKEN_BYTES} visible \
                 ASCII characters. `openssl rand -hex 32` makes one"
            ));
        }
        let hash = Sha256::digest(token).into();
        if known.iter().any(|known| known.hash == hash) {
            return Err(format!("line {number} repeats the token of an earlier line"));
        }
        known.push(Known { name: name.into(), hash });
    }
    if known.is_empty() {
        return Err("it has no tokens, so no client could make a call".into());
    }
    Ok(known.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Tokens {
        Tokens { path: PathBuf::new(), known: RwLock::new(parse(text).unwrap()) }
    }

    #[test]
    fn known_tokens_have_names_and_unknown_ones_have_none() {
        let tokens = tokens("# ours\n\nann:0123456789abcdef\n  bob:fedcba9876543210:x  \nann:second-token-of-ann\n");
        let name_of = |token| tokens.name_of(token).as_deref().map(str::to_string);
        assert_eq!(name_of("0123456789abcdef").as_deref(), Some("ann"));
        assert_eq!(name_of("fedcba9876543210:x").as_deref(), Some("bob"));
        assert_eq!(name_of("second-token-of-ann").as_deref(), Some("ann"));
        for other in ["", "0123456789abcde", "0123456789abcdef ", "ann:0123456789abcdef", "0123456789ABCDEF"] {
            assert_eq!(name_of(other), None, "{other}");
        }
    }

    #[test]
    fn errors_name_the_line_and_never_quote_it() {
        let long = format!("ann:{}", "x".repeat(1_025));
        for (text, message) in [
            ("", "has no tokens"),
            ("# only this\n", "has no tokens"),
            ("ann", "line 1 is not `name:token`"),
            ("\nann:secret", "line 2 has a token of 6 bytes"),
            (":0123456789abcdef", "line 1 has an invalid name"),
            ("a b:0123456789abcdef", "line 1 has an invalid name"),
            ("ann:0123456789 abcdef", "line 1 has a token of 17 bytes"),
            (long.as_str(), "line 1 has a token of 1025 bytes"),
            ("a:0123456789abcdef\nb:0123456789abcdef", "line 2 repeats the token of an earlier line"),
        ] {
            let wrong = parse(text).unwrap_err();
            assert!(wrong.contains(message) && !wrong.contains("secret") && !wrong.contains("0123"), "{wrong}");
        }
    }
}
