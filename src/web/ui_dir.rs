//! The web UI from a directory, for those who work on it: what lies there is read at each request.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Larger files are no part of a UI, bytes.
const MOST: u64 = 16 << 20;

/// Why a file is not served.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The path may not be asked for, or nothing lies there.
    #[error("no such file")]
    Absent,
    /// It is there and cannot be served.
    #[error("cannot serve {}: {why}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: io::Error,
    },
}

/// A file below the directory. `name` is a path of a URL without the leading `/`, as it came: its parts may hold letters,
/// digits, `.`, `_` and `-` and do not begin with a dot, so that none of them leads upwards or is decoded to something
/// else. A link that leads out of the directory is not followed.
///
/// # Errors
/// It is not there, is larger than 16 MiB, or cannot be read.
pub fn read(directory: &Path, name: &str) -> Result<Vec<u8>, Unreadable> {
    if !name.split('/').all(plain) {
        return Err(Unreadable::Absent);
    }
    let path = directory.join(name);
    let broken = |why: io::Error| match why.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Unreadable::Absent,
        _ => Unreadable::Broken { path: path.clone(), why },
    };
    let real = path.canonicalize().map_err(broken)?;
    // A pipe would hold the request for ever.
    if !real.starts_with(directory.canonicalize().map_err(broken)?) || !real.is_file() {
        return Err(Unreadable::Absent);
    }
    let mut bytes = Vec::new();
    std::fs::File::open(real).map_err(broken)?.take(MOST + 1).read_to_end(&mut bytes).map_err(broken)?;
    if bytes.len() as u64 > MOST {
        return Err(broken(io::Error::other("it is larger than 16 MiB")));
    }
    Ok(bytes)
}

/// Whether a part of a path stands for itself.
fn plain(part: &str) -> bool {
    !part.is_empty()
        && !part.starts_with('.')
        && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn tree() -> TempDir {
        let root = TempDir::new().unwrap();
        std::fs::create_dir_all(root.path().join("ui/assets")).unwrap();
        std::fs::write(root.path().join("ui/assets/a-1.js"), "script").unwrap();
        std::fs::write(root.path().join("ui/.hidden"), "hidden").unwrap();
        std::fs::write(root.path().join("secret"), "secret").unwrap();
        root
    }

    #[test]
    fn a_file_below_the_directory_is_read() {
        let root = tree();
        assert_eq!(read(&root.path().join("ui"), "assets/a-1.js").unwrap(), b"script");
    }

    #[test]
    fn nothing_outside_of_the_directory_is_read() {
        let root = tree();
        let ui = root.path().join("ui");
        std::os::unix::fs::symlink("../secret", ui.join("link")).unwrap();
        std::os::unix::fs::symlink("assets/a-1.js", ui.join("inner")).unwrap();
        let outside = root.path().join("secret").display().to_string();
        for name in [
            "../secret",
            "assets/../../secret",
            "assets/./a-1.js",
            "%2e%2e/secret",
            "..%2fsecret",
            "..\\secret",
            "link",
            ".hidden",
            "assets",
            "assets/",
            "",
            "secret\0",
            &outside,
        ] {
            assert!(matches!(read(&ui, name), Err(Unreadable::Absent)), "{name}");
        }
        assert_eq!(read(&ui, "inner").unwrap(), b"script");
    }

    #[test]
    fn a_file_that_is_too_large_is_refused() {
        let root = tree();
        let file = std::fs::File::create(root.path().join("ui/large.js")).unwrap();
        file.set_len(MOST + 1).unwrap();
        let error = read(&root.path().join("ui"), "large.js").unwrap_err();
        assert!(error.to_string().contains("larger than 16 MiB"), "{error}");
    }
}
