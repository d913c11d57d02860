//! `narthex tsdb verify`: every checksum of every file.

use super::Fault;
use super::progress::Progress;
use narthex_storage::verify::verify_directory;
use std::io::Write;
use std::path::Path;

/// The answer is whether nothing is wrong.
pub(super) fn run(dir: &Path, out: &mut impl Write) -> Result<bool, Fault> {
    let mut progress = Progress::new("verifying");
    let (mut files, mut places) = (0u64, 0u64);
    let mut written = Ok(());
    verify_directory(dir, |path, damage| {
        files += 1;
        places += damage.len() as u64;
        for one in damage {
            if written.is_ok() {
                written = writeln!(out, "{}: offset {}: {}", one.path.display(), one.offset, one.detail);
            }
        }
        progress.show(files, None, &path.display().to_string());
    })?;
    written?;
    drop(progress);
    match places {
        0 => writeln!(out, "{files} blocks and files are whole")?,
        _ => writeln!(out, "{places} damaged places in {files} blocks and files")?,
    }
    Ok(places == 0)
}
