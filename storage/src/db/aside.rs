//! Files where directories should be, and directories where files should be: they get another name, so that
//! the start goes on.

use crate::damage::{Damage, DamageAction, DamageKind};
use crate::filenames;
use crate::io::Files;
use crate::io::disk::Listed;
use std::path::Path;

/// Names that are tried.
const TRIES: u32 = 100;

/// Gives what stands in the place of the database's own files and directories another name. What cannot be
/// renamed is left to whoever needs the place.
pub(super) fn move_misplaced(files: &Files, dir: &Path) {
    for Listed { path, is_dir, len } in files.list(dir).unwrap_or_default() {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let misplaced = match name {
            filenames::WAL_DIR | filenames::LEVEL0_DIR => !is_dir,
            filenames::LOCK | filenames::CATALOGUE => is_dir,
            _ => false,
        };
        if !misplaced {
            continue;
        }
        let taken = |to: &Path| files.list(dir).unwrap_or_default().iter().any(|one| one.path == to);
        let free = (1..TRIES).map(|n| dir.join(format!("{name}.damaged-{n}"))).find(|to| !taken(to));
        if let Some(to) = free.filter(|to| files.rename(&path, to).is_ok()) {
            let detail =
                if is_dir { "a directory in a file's place" } else { "a file in a directory's place" };
            files.damage().note(Damage {
                path: to,
                kind: DamageKind::Misplaced,
                offset: 0,
                bytes: len,
                range: None,
                action: DamageAction::MovedAside,
                detail: format!("{detail}, {}", path.display()),
            });
        }
    }
}
