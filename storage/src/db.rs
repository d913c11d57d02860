//! The database: opens a directory, recovers, and keeps it in order.

use crate::block::{BlockWriter, ServedBlock};
use crate::filenames;
use crate::head::Head;
use crate::head::append::Appender;
use crate::head::group::Group;
use crate::head::replay::Replay;
use crate::head::select::HeadSeries;
use crate::io::mmap::Mapped;
use crate::io::{failed, rename_durably, sync_dir};
use crate::query::select::DbQuerier;
use crate::query::tidy::Joints;
use crate::query::{Columns, Querier, Queryable, StorageError};
use crate::wal::reader::read_segment;
use crate::wal::record::{self, Kind};
use crate::wal::{Wal, WalSync, writer};
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// How a database behaves.
#[derive(Debug, Clone)]
pub struct DbOptions {
    /// Time that one block covers, ms.
    pub block_range_ms: i64,
    /// Blocks that ended longer ago than this are deleted, ms; `None` keeps them.
    pub retention_ms: Option<i64>,
    /// The oldest blocks are deleted while blocks and log exceed this, bytes; `None` sets no limit.
    pub retention_bytes: Option<u64>,
    /// When the log is forced to the disk.
    pub wal_sync: WalSync,
}

impl Default for DbOptions {
    fn default() -> Self {
        Self {
            block_range_ms: 2 * 3_600_000,
            retention_ms: Some(15 * 24 * 3_600_000),
            retention_bytes: None,
            wal_sync: WalSync::Interval(Duration::from_millis(100)),
        }
    }
}

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
    /// Records that could not be applied.
    pub dropped_records: u64,
    /// Damaged stretches inside a segment: file, offset, bytes.
    pub gaps: Vec<(PathBuf, usize, usize)>,
    /// Segments whose end was cut back to the last whole record: file, new length, bytes cut.
    pub torn: Vec<(PathBuf, usize, usize)>,
}

impl OpenReport {
    /// Damaged places altogether.
    #[must_use]
    pub fn corruptions(&self) -> usize {
        self.damaged_blocks.len() + self.gaps.len() + self.torn.len()
    }
}

/// What a round of maintenance did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MaintainReport {
    /// New blocks.
    pub blocks_written: Vec<PathBuf>,
    /// Blocks deleted by retention.
    pub blocks_deleted: Vec<PathBuf>,
    /// Series that left the head.
    pub series_removed: usize,
}

pub(crate) struct Inner {
    pub(crate) dir: PathBuf,
    pub(crate) options: DbOptions,
    pub(crate) head: Arc<Head>,
    pub(crate) blocks: ArcSwap<Vec<Arc<ServedBlock>>>,
    groups: Mutex<Vec<Arc<Group>>>,
    maintenance: Mutex<()>,
    /// Newest timestamp in each closed segment of the log, ms.
    segment_max: Mutex<BTreeMap<u64, i64>>,
    report: OpenReport,
    closed: AtomicBool,
    _lock: File,
}

/// An open database. Clones share it.
#[derive(Clone)]
pub struct Db {
    pub(crate) inner: Arc<Inner>,
}

impl Db {
    /// Opens the directory, creates what is missing, and brings back what the log holds. Damage is
    /// reported and set aside; it never prevents the start.
    ///
    /// # Errors
    /// The directory cannot be created, read or written, or another process holds it.
    pub fn open(dir: &Path, options: DbOptions) -> Result<Self, StorageError> {
        let wal_dir = dir.join(filenames::WAL_DIR);
        fs::create_dir_all(&wal_dir).map_err(failed("create", &wal_dir))?;
        let lock = lock(dir)?;
        // The log is only as durable as the names that lead to it.
        sync_dir(dir)?;
        if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            // A service manager may hide the directory above from the server: then it made the name.
            let _ = sync_dir(parent);
        }
        let mut report = OpenReport::default();
        let blocks = open_blocks(dir, &mut report)?;
        let min_valid_ms = blocks
            .iter()
            .filter(|b| b.bounds_the_head())
            .map(|b| b.meta().max_time)
            .max()
            .unwrap_or(i64::MIN);
        let segments = writer::segments(&wal_dir)?;
        let next_segment = segments.last().map_or(0, |(number, _)| number + 1);
        let wal = Wal::create(&wal_dir, next_segment, options.wal_sync)?;
        let head = Arc::new(Head::new(wal, options.block_range_ms));
        let mut replay = Replay::new(Arc::clone(&head), min_valid_ms);
        // Labels first: a segment may speak of series that only a later one names, once those before it
        // were deleted.
        read_labels_and_cut(&segments, &mut replay, &mut report)?;
        let mut segment_max = BTreeMap::new();
        for (number, path) in &segments {
            let bytes = Mapped::open(path)?;
            let damage = read_segment(&bytes, |kind, payload| {
                if kind != Kind::Series {
                    replay.record(kind, payload);
                }
            });
            segment_max.insert(*number, replay.take_newest_ms());
            report.segments += 1;
            report.gaps.extend(damage.gaps.iter().map(|(at, len)| (path.clone(), *at, *len)));
        }
        (report.records, report.samples, report.dropped_records) =
            (replay.records, replay.samples, replay.dropped);
        replay.finish();
        head.min_valid_ms.store(min_valid_ms, Ordering::Release);
        let inner = Arc::new(Inner {
            dir: dir.to_owned(),
            options,
            head,
            blocks: ArcSwap::from_pointee(blocks),
            groups: Mutex::default(),
            maintenance: Mutex::default(),
            segment_max: Mutex::new(segment_max),
            report,
            closed: AtomicBool::new(false),
            _lock: lock,
        });
        spawn_sync(&inner);
        Ok(Self { inner })
    }

    /// What was found when the directory was opened.
    #[must_use]
    pub fn open_report(&self) -> &OpenReport {
        &self.inner.report
    }

    /// A new scrape group.
    #[must_use]
    pub fn create_group(&self) -> Arc<Group> {
        let head = &self.inner.head;
        let id = head.next_group.fetch_add(1, Ordering::AcqRel);
        let group = Arc::new(Group::new(id, Arc::clone(head)));
        self.inner.groups.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&group));
        group
    }

    /// An appender of samples that have timestamps of their own.
    #[must_use]
    pub fn appender(&self) -> Appender {
        Appender::new(Arc::clone(&self.inner.head))
    }

    /// Keeps the directory in order: cuts blocks, deletes what retention says, lets idle series go.
    ///
    /// # Errors
    /// A file cannot be written or deleted. What was there before is still there.
    pub fn maintain(&self, now_ms: i64) -> Result<MaintainReport, StorageError> {
        let _one_at_a_time = self.inner.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        let mut report = MaintainReport::default();
        self.inner.retire_groups();
        let range = self.inner.options.block_range_ms;
        loop {
            let head = &self.inner.head;
            let (min, max) = (head.min_ms.load(Ordering::Acquire), head.max_ms.load(Ordering::Acquire));
            if min > max || max.saturating_sub(min) <= range + range / 2 {
                break;
            }
            self.inner.cut_block(min.div_euclid(range) * range, &mut report)?;
        }
        self.inner.apply_retention(now_ms, &mut report)?;
        // New series get their place in the order here rather than in a query.
        drop(self.inner.head.ranked_index());
        Ok(report)
    }

    /// Forces everything that was written to the disk; the last act before the process ends.
    ///
    /// # Errors
    /// The log cannot be synced.
    pub fn close(&self) -> Result<(), StorageError> {
        self.inner.closed.store(true, Ordering::Release);
        self.inner.head.wal.sync()
    }

    /// Facts about the head and the blocks.
    #[must_use]
    pub fn stats(&self, limit: usize) -> crate::query::stats::DbStats {
        crate::query::stats::DbStats::of(&self.inner, limit)
    }
}

impl Queryable for Db {
    fn querier(&self, _mint: i64, _maxt: i64) -> Result<Box<dyn Querier>, StorageError> {
        Ok(Box::new(DbQuerier { db: Arc::clone(&self.inner) }))
    }
}

impl Inner {
    /// Seals and forgets the groups that nobody appends to any more.
    fn retire_groups(&self) {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.retain(|group| {
            let idle = Arc::strong_count(group) == 1;
            if idle {
                group.seal();
            }
            !idle
        });
    }

    /// Writes the block that begins at `min_time` and lets the head go of it.
    fn cut_block(&self, min_time: i64, report: &mut MaintainReport) -> Result<(), StorageError> {
        let max_time = min_time.saturating_add(self.options.block_range_ms);
        let head = &self.head;
        {
            let _no_commits = head.commits.lock().unwrap_or_else(PoisonError::into_inner);
            head.min_valid_ms.fetch_max(max_time, Ordering::AcqRel);
            head.epoch.fetch_add(2, Ordering::AcqRel);
        }
        for group in self.groups.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            group.seal_before(max_time);
        }
        let mut series = head.all_series();
        series.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        let mut block = BlockWriter::new(&self.dir, ulid::Ulid::new().to_string(), min_time, max_time)?;
        let mut columns = Columns::default();
        for one in &series {
            columns.clear();
            let mut joints = Joints::new(&columns);
            HeadSeries::live(one).read(min_time, max_time - 1, &mut columns, &mut joints).map_err(|e| {
                StorageError::Corrupt { what: format!("head series {:?}", one.labels), detail: e.to_string() }
            })?;
            joints.tidy(&mut columns);
            if !columns.is_empty() {
                block.add_series(&one.labels, &columns)?;
            }
        }
        if let Some(path) = block.finish()? {
            let mut blocks = Vec::clone(&self.blocks.load());
            blocks.push(Arc::new(ServedBlock::open(&path)?));
            blocks.sort_by_key(|b| b.meta().min_time);
            self.blocks.store(Arc::new(blocks));
            report.blocks_written.push(path);
        }
        // A new segment first: what it says of every live series outlives the segments before it.
        let segment = head.wal.rotate()?;
        // From here on a query that selected before has to look for new blocks too.
        head.cuts.fetch_add(1, Ordering::AcqRel);
        let mut oldest_ms = i64::MAX;
        for one in &series {
            oldest_ms = oldest_ms.min(one.state().drop_before(max_time).unwrap_or(i64::MAX));
        }
        head.min_ms
            .store(max_time.max(oldest_ms.min(head.max_ms.load(Ordering::Acquire))), Ordering::Release);
        drop(series);
        self.drop_idle_series(report);
        self.truncate_wal(segment, max_time)
    }

    /// Removes the series without samples and without a writer.
    fn drop_idle_series(&self, report: &mut MaintainReport) {
        let mut index = self.head.index.write().unwrap_or_else(PoisonError::into_inner);
        index.order.complete();
        let mut doomed = index.all();
        doomed.retain(|series| {
            let mut state = series.state();
            state.owners.retain(|(group, _)| Weak::strong_count(group) > 0);
            // The index has three references and the list one; another is an appender's that has yet to
            // commit, or a query's.
            let idle = state.chunks.is_empty() && state.open.is_empty() && state.owners.is_empty();
            idle && Arc::strong_count(series) <= 4
        });
        index.remove_all(&doomed);
        report.series_removed += doomed.len();
        self.head.series_removed.fetch_add(report.series_removed as u64, Ordering::Relaxed);
    }

    /// Tells the newest segment the labels of every live series, then deletes the segments whose samples
    /// are all in blocks.
    fn truncate_wal(&self, newest: u64, before_ms: i64) -> Result<(), StorageError> {
        let head = &self.head;
        let closed = writer::segments(&self.dir.join(filenames::WAL_DIR))?;
        let keep_from = {
            let mut segment_max = self.segment_max.lock().unwrap_or_else(PoisonError::into_inner);
            let now = head.max_ms.load(Ordering::Acquire);
            for (number, _) in closed.iter().filter(|(number, _)| *number < newest) {
                segment_max.entry(*number).or_insert(now);
            }
            let keep_from =
                segment_max.iter().find(|(_, max)| **max >= before_ms).map_or(newest, |(number, _)| *number);
            segment_max.retain(|number, _| *number >= keep_from);
            keep_from
        };
        let series = head.all_series();
        head.wal.append(|_, out| {
            record::put_list(out, Kind::Series, &series, |out, one| one.encode(out));
        })?;
        head.wal.sync()?;
        head.wal.delete_before(keep_from)
    }

    fn apply_retention(&self, now_ms: i64, report: &mut MaintainReport) -> Result<(), StorageError> {
        let blocks = self.blocks.load();
        let cutoff = self.options.retention_ms.map(|keep| now_ms.saturating_sub(keep));
        let mut room = self.options.retention_bytes;
        if let Some(room) = &mut room {
            *room = room.saturating_sub(self.wal_bytes());
        }
        let mut keep = Vec::new();
        let mut drop = Vec::new();
        for block in blocks.iter().rev() {
            let expired = cutoff.is_some_and(|cutoff| block.meta().max_time <= cutoff);
            let fits = room.is_none_or(|room| block.size_bytes() <= room);
            if expired || !fits {
                // Everything older goes too: history has no holes.
                room = room.map(|_| 0);
                drop.push(Arc::clone(block));
            } else {
                room = room.map(|room| room - block.size_bytes());
                keep.push(Arc::clone(block));
            }
        }
        if drop.is_empty() {
            return Ok(());
        }
        keep.reverse();
        self.blocks.store(Arc::new(keep));
        for block in drop {
            let path = block.dir().to_owned();
            let mut doomed = path.clone().into_os_string();
            doomed.push(filenames::DELETING_SUFFIX);
            rename_durably(&path, Path::new(&doomed))?;
            fs::remove_dir_all(&doomed).map_err(failed("delete", &path))?;
            report.blocks_deleted.push(path);
        }
        Ok(())
    }

    pub(crate) fn wal_bytes(&self) -> u64 {
        let segments = writer::segments(&self.dir.join(filenames::WAL_DIR)).unwrap_or_default();
        segments.iter().filter_map(|(_, path)| fs::metadata(path).ok()).map(|meta| meta.len()).sum()
    }
}

fn lock(dir: &Path) -> Result<File, StorageError> {
    let path = dir.join(filenames::LOCK);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(failed("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StorageError::Locked(path.display().to_string())),
        Err(TryLockError::Error(source)) => Err(failed("lock", &path)(source)),
    }
}

fn open_blocks(dir: &Path, report: &mut OpenReport) -> Result<Vec<Arc<ServedBlock>>, StorageError> {
    let mut blocks = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed("list", dir))? {
        let path = entry.map_err(failed("list", dir))?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if name.ends_with(filenames::CREATING_SUFFIX) || name.ends_with(filenames::DELETING_SUFFIX) {
            fs::remove_dir_all(&path).map_err(failed("delete", &path))?;
        } else if name.len() == 26 && path.is_dir() && ulid::Ulid::from_string(name).is_ok() {
            match ServedBlock::open(&path) {
                Ok(block) => blocks.push(Arc::new(block)),
                Err(error) => report.damaged_blocks.push((path, error.to_string())),
            }
        }
    }
    blocks.sort_by_key(|block| block.meta().min_time);
    report.blocks = blocks.len();
    Ok(blocks)
}

/// Replays the labels of every segment, and cuts each back to its last whole record.
fn read_labels_and_cut(
    segments: &[(u64, PathBuf)],
    replay: &mut Replay,
    report: &mut OpenReport,
) -> Result<(), StorageError> {
    for (_, path) in segments {
        let bytes = fs::read(path).map_err(failed("read", path))?;
        let damage = read_segment(&bytes, |kind, payload| {
            if kind == Kind::Series {
                replay.record(kind, payload);
            }
        });
        if let Some(at) = damage.torn_at {
            let file = OpenOptions::new().write(true).open(path).map_err(failed("open", path))?;
            file.set_len(at as u64).map_err(failed("truncate", path))?;
            file.sync_all().map_err(failed("sync", path))?;
            report.torn.push((path.clone(), at, bytes.len() - at));
        }
    }
    Ok(())
}

/// One thread that syncs the log by policy, and ends with the database.
fn spawn_sync(inner: &Arc<Inner>) {
    let WalSync::Interval(interval) = inner.head.wal.policy() else { return };
    let weak = Arc::downgrade(inner);
    let spawned = std::thread::Builder::new().name("wal-sync".to_owned()).spawn(move || {
        loop {
            std::thread::sleep(interval);
            let Some(inner) = weak.upgrade() else { return };
            if inner.closed.load(Ordering::Acquire) {
                return;
            }
            // A failure poisons the log: the next append reports it.
            let _ = inner.head.wal.sync();
        }
    });
    // Without the thread the log is still written; only a power cut would cost more.
    drop(spawned);
}
