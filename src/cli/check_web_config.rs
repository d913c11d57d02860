//! `narthex check web-config`: everything that is wrong with web configuration files.
//!
//! All of it goes to standard error, as promtool does it.

use super::check::Verdict;
use crate::config::web::WebConfig;
use crate::web::tls::server_config;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Checks the files, certificates and keys included. The verdict is that of the worst.
///
/// # Errors
/// `err` cannot be written.
pub fn check_web_config(files: &[PathBuf], err: &mut dyn Write) -> io::Result<Verdict> {
    let mut verdict = Verdict::Good;
    for file in files {
        let faults = faults(file);
        if faults.is_empty() {
            writeln!(err, "{} SUCCESS", file.display())?;
        }
        for fault in faults {
            verdict = Verdict::Bad;
            writeln!(err, "{} FAILED: {fault}", file.display())?;
        }
    }
    Ok(verdict)
}

fn faults(file: &Path) -> Vec<String> {
    match WebConfig::load(file) {
        Ok(config) => {
            let tls = config.tls.as_ref().map(|tls| server_config(tls, config.http2));
            tls.and_then(Result::err).into_iter().collect()
        }
        Err(error) => {
            let each = error.faults.into_iter().map(|fault| match (fault.line, fault.shape) {
                (0, _) => fault.message,
                (line, true) => format!("yaml: unmarshal errors:\n  line {line}: {}", fault.message),
                (line, false) => format!("{} (line {line})", fault.message),
            });
            each.collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_told_to_be_good_or_what_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let files = [
            write("good.yml", "basic_auth_users: {}\n"),
            write("bad.yml", "foo: 1\ntls_server_config:\n  cert: x\n"),
            write("key.yml", "tls_server_config:\n  cert: x\n  key: x\n"),
            dir.path().join("none.yml"),
        ];
        let mut err = Vec::new();
        assert_eq!(check_web_config(&files, &mut err).unwrap(), Verdict::Bad);
        let text = String::from_utf8(err).unwrap().replace(dir.path().to_str().unwrap(), "D");
        assert_eq!(
            text,
            "D/good.yml SUCCESS\n\
             D/bad.yml FAILED: missing one of key or key_file (line 3)\n\
             D/bad.yml FAILED: yaml: unmarshal errors:\n  line 1: field foo not found in type web.Config\n\
             D/key.yml FAILED: the certificate in the configuration holds no certificate\n\
             D/none.yml FAILED: open D/none.yml: no such file or directory\n"
        );
        assert_eq!(check_web_config(&files[..1], &mut Vec::new()).unwrap(), Verdict::Good);
    }
}
