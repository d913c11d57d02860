//! What configuration files are read with: YAML with lines, strict decoding, durations, secrets, and the HTTP client
//! settings that many sections share.

pub mod decode;
pub mod duration;
pub mod http;
pub mod masked;
pub mod oauth2;
pub mod proxy;
pub mod secret;
pub mod sigv4;
pub mod yaml;

pub use decode::Fault;
pub use http::HttpClientConfig;
pub use secret::Secret;

use std::io::ErrorKind;
use std::path::Path;

/// Largest file, bytes.
const FILE_MAX: u64 = 64 << 20;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub struct ConfigError {
    /// The file.
    pub path: String,
    /// Everything that is wrong with it.
    pub faults: Vec<Fault>,
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A file that cannot be read speaks for itself.
        if let [Fault { line: 0, message, .. }] = self.faults.as_slice() {
            return f.write_str(message);
        }
        write!(f, "parsing YAML file {}: ", self.path)?;
        let shapes: Vec<&Fault> = self.faults.iter().filter(|fault| fault.shape).collect();
        if !shapes.is_empty() {
            f.write_str("yaml: unmarshal errors:")?;
            return shapes
                .iter()
                .try_for_each(|fault| write!(f, "\n  line {}: {}", fault.line, fault.message));
        }
        match self.faults.first() {
            Some(fault) if fault.line > 0 => write!(f, "{} (line {})", fault.message, fault.line),
            Some(fault) => f.write_str(&fault.message),
            None => Ok(()),
        }
    }
}

/// A whole file, unless it is larger than any configuration.
///
/// # Errors
/// What kept it from being read, as a text for the user.
pub fn read(path: &Path) -> Result<String, String> {
    let failed = |e: std::io::Error| match e.kind() {
        ErrorKind::NotFound => format!("open {}: no such file or directory", path.display()),
        ErrorKind::PermissionDenied => format!("open {}: permission denied", path.display()),
        ErrorKind::IsADirectory => format!("read {}: is a directory", path.display()),
        ErrorKind::InvalidData => format!("read {}: the file is not UTF-8 text", path.display()),
        _ => format!("read {}: {e}", path.display()),
    };
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > FILE_MAX {
        return Err(format!(
            "the file has {size} bytes, more than the {FILE_MAX} that a configuration may have"
        ));
    }
    std::fs::read_to_string(path).map_err(failed)
}
