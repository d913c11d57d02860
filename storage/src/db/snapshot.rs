//! Snapshots: a directory with hard links to the files of the blocks, and the head as further blocks. It can
//! be opened as a data directory.

use super::{Db, Inner};
use crate::block::{BlockPlan, BlockWriter};
use crate::filenames;
use crate::head::select::HeadSeries;
use crate::io::disk::Listed;
use crate::io::failed;
use crate::labels::LabelsBuf;
use crate::query::{Columns, StorageError};
use std::io::{Error, ErrorKind};
use std::path::{Component, Path};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

impl Db {
    /// Makes the snapshot `snapshots/<name>`, durably, with what is there now; without the samples that are in
    /// no block yet when `skip_head`. Blocks take no more room as long as both directories have them.
    ///
    /// # Errors
    /// The name leads elsewhere or is taken, or a file cannot be read, linked or written; then there is no
    /// such snapshot.
    pub fn snapshot(&self, name: &str, skip_head: bool) -> Result<(), StorageError> {
        let _one_at_a_time = self.inner.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = self.inner.dir.join(filenames::SNAPSHOTS_DIR);
        let target = dir.join(name);
        let refuse = |kind: ErrorKind| Err(failed("create", &target)(Error::from(kind)));
        let mut parts = Path::new(name).components();
        if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
            return refuse(ErrorKind::InvalidInput);
        }
        let files = &self.inner.files;
        files.create_dirs(&dir)?;
        files.sync_dir(&self.inner.dir)?;
        if files.list(&dir)?.iter().any(|entry| entry.path == target) {
            return refuse(ErrorKind::AlreadyExists);
        }
        let aside = dir.join(format!("{name}{}", filenames::CREATING_SUFFIX));
        let made = self.inner.fill_snapshot(&aside, skip_head);
        let made = made.and_then(|()| files.rename_durably(&aside, &target));
        if made.is_err() {
            // What was begun is of no use; the next start would delete it.
            let _ = files.remove_tree(&aside);
        }
        made
    }
}

impl Inner {
    fn fill_snapshot(&self, aside: &Path, skip_head: bool) -> Result<(), StorageError> {
        self.files.create_dirs(aside)?;
        for block in self.blocks.load().iter() {
            if let Some(name) = block.dir().file_name() {
                self.link_tree(block.dir(), &aside.join(name))?;
            }
        }
        if self.files.list(&self.dir)?.iter().any(|one| one.path == self.dir.join(filenames::TOMBSTONES_DIR))
        {
            let (from, to) =
                (self.dir.join(filenames::TOMBSTONES_DIR), aside.join(filenames::TOMBSTONES_DIR));
            self.link_tree(&from, &to)?;
        }
        if !skip_head {
            self.write_head(aside)?;
        }
        self.files.sync_dir(aside)
    }

    /// Makes a directory with the files of another one; one of Prometheus's blocks has directories inside.
    fn link_tree(&self, from: &Path, to: &Path) -> Result<(), StorageError> {
        self.files.create_dirs(to)?;
        for Listed { path, is_dir, .. } in self.files.list(from)? {
            let Some(copy) = path.file_name().map(|name| to.join(name)) else { continue };
            if is_dir { self.link_tree(&path, &copy) } else { self.link_or_copy(&path, &copy) }?;
        }
        self.files.sync_dir(to)
    }

    /// Gives a finished file another name, or its bytes to another file where there are no hard links.
    fn link_or_copy(&self, from: &Path, to: &Path) -> Result<(), StorageError> {
        if self.files.link(from, to).is_ok() {
            return Ok(());
        }
        let bytes = self.files.map(from)?;
        self.files.write_durably(to, &bytes)
    }

    /// Writes what is in the head as blocks. The last one ends behind the newest sample, so that whoever opens
    /// the snapshot can go on from there.
    fn write_head(&self, dir: &Path) -> Result<(), StorageError> {
        let tombstones = self.head.tombstones.load_full();
        let mut series: Vec<HeadSeries> =
            self.head.snapshot(self.head.all_series()).into_iter().flatten().collect();
        series.sort_unstable_by(|a, b| a.series.labels.cmp(&b.series.labels));
        let cut_ms = self.head.cut_ms.load(Ordering::Acquire);
        let late_ms = self.head.late_min_ms.load(Ordering::Acquire);
        let min = self.head.min_ms.load(Ordering::Acquire).min(late_ms);
        let range = self.options.block_range_ms.max(1);
        let Some(max) = series.iter().map(HeadSeries::limit).max() else { return Ok(()) };
        let mut start = min.div_euclid(range).saturating_mul(range);
        while start <= max {
            let end = start.saturating_add(range);
            let (first, last) = (start.max(min), (end - 1).min(max));
            start = end;
            let plan = BlockPlan::of_head(first, last.saturating_add(1), false);
            let mut block = BlockWriter::new(&self.files, dir, plan)?;
            let (mut columns, mut buffer) = (Columns::default(), LabelsBuf::default());
            for one in &series {
                self.read_head(one, (first, last), cut_ms, tombstones.as_deref(), &mut columns)?;
                if !columns.is_empty() {
                    block.add_series(&one.series.labels.to_labels_with(&mut buffer), &columns)?;
                }
            }
            block.finish()?;
        }
        Ok(())
    }
}
