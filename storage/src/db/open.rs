//! Opening a directory: what is there is served, what is damaged is set aside, and the log is replayed.

use super::retention::remove_block;
use super::{Db, DbOptions, Inner, MaintainReport, aside, log};
use crate::block::{ServedBlock, in_order};
use crate::cardinality::Cardinality;
use crate::catalogue::Catalogue;
use crate::damage::{Damage, DamageAction, DamageKind};
use crate::filenames;
use crate::head::Head;
use crate::head::replay::Replay;
use crate::io::Files;
use crate::io::disk::Listed;
use crate::io::read_only::ReadOnlyDisk;
use crate::level0::Level0;
use crate::prometheus::{TakeoverReport, take_over};
use crate::query::StorageError;
use crate::wal::record;
use crate::wal::{Wal, WalSync, writer};
use arc_swap::ArcSwap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What was found when the directory was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Blocks that are served.
    pub blocks: usize,
    /// Blocks that cannot be read, with the reason. They are left where they lie.
    pub damaged_blocks: Vec<(PathBuf, String)>,
    /// Segments of the log that were read.
    pub segments: u64,
    /// Records that were read.
    pub records: u64,
    /// Samples that were brought back.
    pub samples: u64,
    /// Records of samples that no flush had taken: there are none after a stop in order.
    pub unflushed_records: u64,
    /// Records that could not be applied.
    pub dropped_records: u64,
    /// Damaged stretches inside a segment: file, offset, bytes.
    pub gaps: Vec<(PathBuf, usize, usize)>,
    /// Segments whose end was cut back to the last whole record: file, new length, bytes cut.
    pub torn: Vec<(PathBuf, usize, usize)>,
    /// What was taken over from the head of a Prometheus that used the directory before.
    pub takeover: Option<TakeoverReport>,
    /// Statistics of cardinality that cannot be read and begin anew, with the reason.
    pub statistics_lost: Option<(PathBuf, String)>,
}

impl OpenReport {
    /// Whether nothing had to be recovered: the server that had the directory before was stopped in order.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.unflushed_records == 0 && self.torn.is_empty()
    }

    /// Damaged places altogether.
    #[must_use]
    pub fn corruptions(&self) -> usize {
        let theirs = self.takeover.as_ref().map_or(0, |report| report.damage.len());
        self.damaged_blocks.len()
            + self.gaps.len()
            + self.torn.len()
            + theirs
            + usize::from(self.statistics_lost.is_some())
    }

    /// Notes a stretch of a file that is skipped or was cut off.
    pub(super) fn note(&mut self, files: &Files, damage: Damage) {
        let place = (
            damage.path.clone(),
            usize::try_from(damage.offset).unwrap_or(usize::MAX),
            usize::try_from(damage.bytes).unwrap_or(usize::MAX),
        );
        match damage.action {
            DamageAction::CutOff => self.torn.push(place),
            _ => self.gaps.push(place),
        }
        files.damage().note(damage);
    }

    /// Notes a file or directory that cannot be read.
    pub(super) fn not_served(
        &mut self,
        files: &Files,
        path: PathBuf,
        kind: DamageKind,
        error: &StorageError,
    ) {
        self.damaged_blocks.push((path.clone(), error.to_string()));
        let bytes = files.tree_bytes(&path);
        let (action, detail) = (DamageAction::NotServed, error.to_string());
        files.damage().note(Damage { path, kind, offset: 0, bytes, range: None, action, detail });
    }
}

/// A stretch of a file that holds nothing whole.
pub(super) fn lost(path: PathBuf, kind: DamageKind, at: usize, len: usize) -> Damage {
    Damage {
        path,
        kind,
        offset: at as u64,
        bytes: len as u64,
        range: None,
        action: DamageAction::Skipped,
        detail: "no whole record".to_owned(),
    }
}

impl Db {
    /// Opens the directory, creates what is missing, and brings back what the log holds. Damage is
    /// reported and set aside; it never prevents the start.
    ///
    /// # Errors
    /// The directory cannot be created, read or written, or another process holds it.
    pub fn open(dir: &Path, options: DbOptions) -> Result<Self, StorageError> {
        Self::open_on(Files::os(), dir, options)
    }

    /// Opens what a directory holds now without changing anything in it, whoever else uses it. Appends to it stay
    /// in memory.
    ///
    /// # Errors
    /// The directory does not exist or cannot be read.
    pub fn open_read_only(dir: &Path) -> Result<Self, StorageError> {
        std::fs::metadata(dir).map_err(crate::io::failed("open", dir))?;
        let blocks = || ServedBlock::list(&Files::os(), dir);
        let options = DbOptions { wal_sync: WalSync::Never, retention_ms: None, ..DbOptions::default() };
        let mut tries = 3;
        loop {
            let before = blocks()?;
            let files = Files::on(Arc::new(ReadOnlyDisk::default()));
            let opened = Self::open_on(files, dir, options.clone());
            tries -= 1;
            // The server may cut a block, and let its log go, while both are read.
            if tries == 0 || opened.is_ok() && blocks()? == before {
                return opened;
            }
        }
    }

    /// Opens a directory of any disk, as [`Db::open`] does.
    ///
    /// # Errors
    /// As [`Db::open`].
    pub fn open_on(files: Files, dir: &Path, options: DbOptions) -> Result<Self, StorageError> {
        let (wal_dir, level0_dir) = (dir.join(filenames::WAL_DIR), dir.join(filenames::LEVEL0_DIR));
        files.create_dirs(dir)?;
        aside::move_misplaced(&files, dir);
        let lock = files.lock(&dir.join(filenames::LOCK))?;
        rename_old_log(&files, dir, &wal_dir)?;
        files.create_dirs(&wal_dir)?;
        // The log is only as durable as the names that lead to it.
        files.sync_dir(dir)?;
        if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            // A service manager may hide the directory above from the server: then it made the name.
            let _ = files.sync_dir(parent);
        }
        let mut report = OpenReport::default();
        delete_torn_snapshots(&files, dir)?;
        // Made now if there is room, else by the flush that needs it.
        let _ = files.create_dirs(&level0_dir);
        let (cardinality, statistics_lost) = Cardinality::open(&files, dir);
        if let Some((path, reason)) = &statistics_lost {
            // Not opened once more: what stands there may be no file.
            let listed = files.list(dir).unwrap_or_default();
            let bytes = listed.iter().find(|one| one.path == *path).map_or(0, |one| one.len);
            let (path, kind, detail) = (path.clone(), DamageKind::Statistics, reason.clone());
            let action = DamageAction::NotServed;
            files.damage().note(Damage { path, kind, offset: 0, bytes, range: None, action, detail });
        }
        report.statistics_lost = statistics_lost;
        let mut blocks = open_blocks(&files, dir, &mut report)?;
        let end_of = |counts: fn(&ServedBlock) -> bool| {
            blocks.iter().filter(|b| counts(b)).map(|b| b.meta().max_time).max().unwrap_or(i64::MIN)
        };
        // What is in our log is in no block of Prometheus, however new that is.
        let cut_ms = end_of(ServedBlock::bounds_the_log);
        let min_valid_ms = end_of(ServedBlock::bounds_the_head);
        let (level0, next_level0) = open_level0(&files, &level0_dir, cut_ms, &mut report)?;
        let marks = level0.last().map(|file| file.marks().clone()).unwrap_or_default();
        // The log behind it is deleted next: its name must be on the disk, though a killed process gave it.
        files.sync_dir(&level0_dir).or_else(|error| if level0.is_empty() { Ok(()) } else { Err(error) })?;
        let segments = log::find(&files, &wal_dir, marks.segment, options.wal_sync)?;
        let next_segment = log::next_number(&files, &wal_dir, marks.segment)?;
        let wal = Wal::create(&files, &wal_dir, next_segment, options.wal_sync);
        let head = Arc::new(Head::new(wal, options.block_range_ms, options.max_series));
        head.next_group.fetch_max(marks.next_group, Ordering::AcqRel);
        head.cut_ms.store(cut_ms, Ordering::Release);
        head.late_window_ms.store(options.out_of_order_window_ms.max(0), Ordering::Release);
        head.exemplars.resize(options.max_exemplars);
        head.min_valid_ms.store(cut_ms, Ordering::Release);
        for file in &level0 {
            let (min, max) = file.range();
            head.note_time(min.max(cut_ms));
            head.note_time(max);
        }
        let flushed_ms = level0.iter().map(|file| file.range().1).max().unwrap_or(i64::MIN);
        head.level0.store(Arc::new(level0));
        let mut replay = Replay::new(Arc::clone(&head), cut_ms, marks.groups);
        let (mut catalogue, damage) = Catalogue::open(&files, dir, |records| replay.catalogue(records))?;
        for (at, len) in damage.gaps {
            report.note(&files, lost(dir.join(filenames::CATALOGUE), DamageKind::Catalogue, at, len));
        }
        if let Some(at) = damage.torn_at {
            let path = dir.join(filenames::CATALOGUE);
            let mut torn = lost(path, DamageKind::Catalogue, at, catalogue.torn_bytes);
            torn.action = DamageAction::CutOff;
            report.note(&files, torn);
        }
        // Labels first: a segment may speak of series that only a later one names, once those before it
        // were deleted.
        log::read_labels(&files, &segments, &mut replay, &mut report, &options.replay);
        catalogue.doubt(&replay.told);
        log::read(segments, &files, &mut replay, &mut report, &options.replay);
        replay.finish();
        (report.records, report.samples, report.dropped_records) =
            (replay.records, replay.samples, replay.dropped);
        drop(replay);
        head.min_valid_ms.store(min_valid_ms, Ordering::Release);
        // What Prometheus's log has twice, or had taken over before, is not late.
        head.late_window_ms.store(0, Ordering::Release);
        report.takeover = take_over(&files, dir, &head, &mut blocks)?;
        head.late_window_ms.store(options.out_of_order_window_ms.max(0), Ordering::Release);
        in_order(&mut blocks);
        let inner = Arc::new(Inner {
            files,
            dir: dir.to_owned(),
            options,
            head,
            blocks: ArcSwap::from_pointee(blocks),
            groups: Mutex::default(),
            maintenance: Mutex::default(),
            catalogue: Mutex::new(catalogue),
            next_level0: AtomicU64::new(next_level0),
            flushed_ms: AtomicI64::new(flushed_ms),
            report,
            stop: Arc::default(),
            unmergeable: Mutex::default(),
            rules: ArcSwap::default(),
            now_ms: AtomicI64::new(i64::MIN),
            settled: Mutex::default(),
            rewrites: super::Rewrites::default(),
            stopping: AtomicBool::new(false),
            cardinality,
            _lock: lock,
        });
        // The catalogue names series that are long gone.
        inner.drop_idle_series(&mut MaintainReport::default());
        inner.head.index.write().unwrap_or_else(PoisonError::into_inner).loaded();
        spawn_sync(&inner);
        Ok(Self { inner })
    }
}

/// Until version 0.1 the log had the name of Prometheus's.
fn rename_old_log(files: &Files, dir: &Path, wal_dir: &Path) -> Result<(), StorageError> {
    let old = dir.join(filenames::OLD_WAL_DIR);
    let listed = files.list(dir)?;
    if !listed.iter().any(|one| one.path == old) || listed.iter().any(|one| one.path == wal_dir) {
        return Ok(());
    }
    // What cannot be read is none of ours, as far as anybody can tell.
    for (_, path) in writer::segments(files, &old).unwrap_or_default() {
        if files.map(&path).is_ok_and(|bytes| bytes.starts_with(&record::MAGIC)) {
            return files.rename_durably(&old, wal_dir);
        }
    }
    Ok(())
}

/// Deletes the snapshots that a crash left half made.
fn delete_torn_snapshots(files: &Files, dir: &Path) -> Result<(), StorageError> {
    let snapshots = dir.join(filenames::SNAPSHOTS_DIR);
    if !files.list(dir)?.iter().any(|entry| entry.path == snapshots && entry.is_dir) {
        return Ok(());
    }
    for Listed { path, is_dir, .. } in files.list(&snapshots)? {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if is_dir && name.ends_with(filenames::CREATING_SUFFIX) {
            files.remove_tree(&path)?;
        }
    }
    Ok(())
}

fn open_blocks(
    files: &Files,
    dir: &Path,
    report: &mut OpenReport,
) -> Result<Vec<Arc<ServedBlock>>, StorageError> {
    let mut blocks: Vec<Arc<ServedBlock>> = Vec::new();
    for Listed { path, is_dir, .. } in files.list(dir)? {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if name.ends_with(filenames::CREATING_SUFFIX) || name.ends_with(filenames::DELETING_SUFFIX) {
            // What cannot be deleted now is in nobody's way.
            let _ = if is_dir { files.remove_tree(&path) } else { files.remove_file(&path) };
        } else if is_dir && filenames::is_block(name) {
            match ServedBlock::open(files, &path) {
                Ok(block) => blocks.push(Arc::new(block)),
                Err(error) => report.not_served(files, path, DamageKind::Block, &error),
            }
        }
    }
    forget_tombstones(files, dir)?;
    // Those that were merged into another one, before they could be deleted.
    let replaced = |block: &ServedBlock| blocks.iter().any(|other| block.is_replaced_by(other));
    let (leftover, mut blocks): (Vec<Arc<ServedBlock>>, Vec<_>) =
        blocks.iter().cloned().partition(|block| replaced(block));
    // Prometheus's are not served, and Prometheus may delete them.
    for block in leftover.iter().filter(|block| block.is_ours()) {
        remove_block(files, block.dir())?;
    }
    in_order(&mut blocks);
    report.blocks = blocks.len();
    Ok(blocks)
}

/// Deletes what is told to be deleted of blocks that are not there any more: Prometheus merged them, or a crash
/// came after retention took them. What cannot be deleted now is in nobody's way.
fn forget_tombstones(files: &Files, dir: &Path) -> Result<(), StorageError> {
    let listed = files.list(dir)?;
    let tombstones = dir.join(filenames::TOMBSTONES_DIR);
    if !listed.iter().any(|one| one.path == tombstones && one.is_dir) {
        return Ok(());
    }
    for Listed { path, .. } in files.list(&tombstones)? {
        if !listed.iter().any(|one| one.is_dir && one.path.file_name() == path.file_name()) {
            let _ = files.remove_file(&path);
        }
    }
    Ok(())
}

/// The files of level 0, oldest first, and the number of the next one.
fn open_level0(
    files: &Files,
    dir: &Path,
    min_valid_ms: i64,
    report: &mut OpenReport,
) -> Result<(Vec<Arc<Level0>>, u64), StorageError> {
    let (mut found, mut next) = (Vec::new(), 0);
    for Listed { path, .. } in files.list(dir).unwrap_or_default() {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if name.ends_with(filenames::CREATING_SUFFIX) {
            let _ = files.remove_file(&path);
        }
        let Ok(number) = name.parse::<u64>() else { continue };
        next = next.max(number.saturating_add(1));
        match Level0::open(files, &path) {
            // A crash came after the block and before the deletion.
            Ok(file) if file.range().1 < min_valid_ms => {
                let _ = files.remove_file(&path);
            }
            Ok(file) => found.push((number, Arc::new(file))),
            Err(error) => report.not_served(files, path, DamageKind::Level0, &error),
        }
    }
    found.sort_unstable_by_key(|(number, _)| *number);
    Ok((found.into_iter().map(|(_, file)| file).collect(), next))
}

/// One thread that syncs the log by policy, and ends with the database.
fn spawn_sync(inner: &Arc<Inner>) {
    let WalSync::Interval(interval) = inner.head.wal.policy() else { return };
    let (weak, stop) = (Arc::downgrade(inner), Arc::clone(&inner.stop));
    let spawned = std::thread::Builder::new().name("wal-sync".to_owned()).spawn(move || {
        while !stop.wait(interval) {
            let Some(inner) = weak.upgrade() else { return };
            // What a failed sync may have lost is told again by the next one, or by the next append.
            let _ = inner.head.wal.sync();
        }
    });
    // Without the thread the log is still written; only a power cut would cost more.
    drop(spawned);
}
