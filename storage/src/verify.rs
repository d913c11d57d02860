//! Looks at every byte of a data directory that has a checksum.

use crate::block::ServedBlock;
use crate::filenames;
use crate::io::Files;
use crate::io::disk::Listed;
use crate::io::read_only::ReadOnlyDisk;
use crate::level0::Level0;
use crate::prometheus::{self, Damage};
use crate::query::rows::Wanted;
use crate::query::{Columns, StorageError};
use crate::wal::reader::read_segment;
use std::path::Path;
use std::sync::Arc;

/// Verifies the blocks in a data directory, the head's files and those of a Prometheus's. Nothing is changed, and
/// a server may be using the directory: the last record of its log may be half written. `each` hears of each
/// block, and of each other file, when it is done with it: path and what is wrong.
///
/// # Errors
/// The directory cannot be listed.
pub fn verify_directory(dir: &Path, mut each: impl FnMut(&Path, &[Damage])) -> Result<(), StorageError> {
    std::fs::metadata(dir).map_err(crate::io::failed("open", dir))?;
    let files = Files::on(Arc::new(ReadOnlyDisk::default()));
    for path in ServedBlock::list(&files, dir)? {
        each(&path, &verify_block(&files, &path));
    }
    for Listed { path, is_dir, .. } in files.list(&dir.join(filenames::LEVEL0_DIR))? {
        if !is_dir && path.extension().is_none() {
            let damage = Level0::open(&files, &path).err().map(|error| whole(&path, &error));
            each(&path, damage.as_slice());
        }
    }
    let catalogue = dir.join(filenames::CATALOGUE);
    let listed = files.list(dir)?;
    let catalogue = listed.into_iter().filter(|one| one.path == catalogue && !one.is_dir);
    let segments = files.list(&dir.join(filenames::WAL_DIR))?;
    for Listed { path, .. } in catalogue.chain(segments) {
        each(&path, &verify_log(&files, &path));
    }
    prometheus::verify_head(&files, dir, each)
}

fn whole(path: &Path, error: &StorageError) -> Damage {
    Damage { path: path.to_owned(), offset: 0, detail: error.to_string() }
}

/// Verifies a block: all its checksums, and that all its samples can be read.
fn verify_block(files: &Files, path: &Path) -> Vec<Damage> {
    let block = match ServedBlock::open(files, path) {
        Ok(block) => block,
        Err(error) => return vec![whole(path, &error)],
    };
    if let ServedBlock::Prometheus(block) = &block {
        return block.verify();
    }
    let mut damage: Vec<Damage> = Vec::new();
    let mut columns = Columns::default();
    let read = block.each_series(|_, series| {
        columns.clear();
        if let Err(error) = series.read_wanted(Wanted::All, &mut columns) {
            let found = whole(path, &error);
            // Many series may lie in one damaged page.
            if damage.last() != Some(&found) {
                damage.push(found);
            }
        }
        Ok(())
    });
    damage.extend(read.err().map(|error| whole(path, &error)));
    damage
}

fn verify_log(files: &Files, path: &Path) -> Vec<Damage> {
    let bytes = match files.map(path) {
        Ok(bytes) => bytes,
        Err(error) => return vec![whole(path, &error)],
    };
    let damage = read_segment(&bytes, |_, _| ());
    let at = |offset: usize, detail: String| Damage { path: path.to_owned(), offset: offset as u64, detail };
    let gaps = damage.gaps.iter().map(|(offset, len)| at(*offset, format!("{len} bytes are no record")));
    let torn = damage.torn_at.map(|offset| at(offset, "ends within a record".to_owned()));
    gaps.chain(torn).collect()
}
