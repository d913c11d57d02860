//! A disk that is read and never written: what is written to it stays in memory. A whole database can be opened
//! on it, beside the server that uses the directory.

use super::disk::{Disk, DiskFile, DiskLock, Listed, OsDisk};
use super::mmap::Bytes;
use crate::filenames;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Directories whose files may still be written, and cut, by somebody else: they are read, not mapped.
const OPEN_DIRS: [&str; 4] = [filenames::WAL_DIR, filenames::OLD_WAL_DIR, "wbl", "chunks_head"];

/// The disk of the operating system, without its writes.
#[derive(Debug, Clone, Default)]
pub struct ReadOnlyDisk(Arc<Mutex<Written>>);

#[derive(Debug, Default)]
struct Written {
    files: BTreeMap<PathBuf, Vec<u8>>,
    /// Names that something on the disk would have been given, new and old.
    renamed: Vec<(PathBuf, PathBuf)>,
}

impl Written {
    /// Where something lies on the disk.
    fn on_disk(&self, path: &Path) -> PathBuf {
        let renamed = self.renamed.iter().find_map(|(new, old)| Some(old.join(path.strip_prefix(new).ok()?)));
        renamed.unwrap_or_else(|| path.to_owned())
    }
}

/// A file in memory; `None` for the log, which nobody reads again.
#[derive(Debug)]
struct InMemory(Option<(Arc<Mutex<Written>>, PathBuf)>);

impl InMemory {
    fn change(&self, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some((written, path)) = &self.0 {
            let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(bytes) = written.files.get_mut(path) {
                change(bytes);
            }
        }
    }
}

impl DiskFile for InMemory {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        self.change(|file| file.extend_from_slice(bytes));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|file| file.truncate(usize::try_from(len).unwrap_or(usize::MAX)));
        Ok(())
    }
}

/// Whether a file lies in a directory that somebody else may be writing to, or is such a file.
fn is_open(path: &Path) -> bool {
    // The segments of a checkpoint lie one deeper.
    let dirs = path.parent().into_iter().flat_map(|dir| dir.iter().rev().take(2));
    path.ends_with(filenames::CATALOGUE)
        || dirs.into_iter().any(|dir| OPEN_DIRS.iter().any(|open| dir == *open))
}

impl ReadOnlyDisk {
    fn written(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for ReadOnlyDisk {
    fn create_dirs(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Listed>> {
        let written = self.written();
        let on_disk = written.on_disk(dir);
        let mut found: BTreeMap<PathBuf, Listed> = BTreeMap::new();
        match OsDisk.list(&on_disk) {
            Ok(listed) => {
                for one in listed {
                    let path = dir.join(one.path.file_name().unwrap_or_default());
                    found.insert(path.clone(), Listed { path, ..one });
                }
            }
            // It would have been made.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        for (new, old) in &written.renamed {
            let gone = found.remove(old);
            if let Some(gone) = gone.filter(|_| new.parent() == Some(dir)) {
                found.insert(new.clone(), Listed { path: new.clone(), ..gone });
            }
        }
        for (path, bytes) in &written.files {
            let Some(name) = path.strip_prefix(dir).ok().and_then(|below| below.iter().next()) else {
                continue;
            };
            let child = dir.join(name);
            let is_dir = child != *path;
            let len = if is_dir { 0 } else { bytes.len() as u64 };
            found.insert(child.clone(), Listed { path: child, is_dir, len });
        }
        Ok(found.into_values().collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        if is_open(path) {
            return Ok(Box::new(InMemory(None)));
        }
        self.written().files.insert(path.to_owned(), Vec::new());
        Ok(Box::new(InMemory(Some((Arc::clone(&self.0), path.to_owned())))))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let written = self.written().files.contains_key(path);
        Ok(Box::new(InMemory(written.then(|| (Arc::clone(&self.0), path.to_owned())))))
    }

    fn map(&self, path: &Path) -> io::Result<Bytes> {
        let written = self.written();
        if let Some(bytes) = written.files.get(path) {
            return Ok(Bytes::from(bytes.clone()));
        }
        let on_disk = written.on_disk(path);
        if is_open(path) { std::fs::read(on_disk).map(Bytes::from) } else { OsDisk.map(&on_disk) }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut written = self.written();
        let moved: Vec<PathBuf> =
            written.files.keys().filter(|path| path.starts_with(from)).cloned().collect();
        if moved.is_empty() {
            let old = written.on_disk(from);
            written.renamed.push((to.to_owned(), old));
        }
        for path in moved {
            let below = path.strip_prefix(from).unwrap_or(&path);
            let new = if below.as_os_str().is_empty() { to.to_owned() } else { to.join(below) };
            if let Some(bytes) = written.files.remove(&path) {
                written.files.insert(new, bytes);
            }
        }
        Ok(())
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let bytes = self.map(from)?.to_vec();
        self.written().files.insert(to.to_owned(), bytes);
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.written().files.remove(path);
        Ok(())
    }

    fn remove_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, _: &Path) -> io::Result<Option<DiskLock>> {
        Ok(Some(Box::new(())))
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<Option<u64>> {
        OsDisk.free_bytes(dir)
    }
}
