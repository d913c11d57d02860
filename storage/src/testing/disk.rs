//! A disk in memory that records what is done to it, and fails when it is told to.

use super::image::{Image, Op, ROOT};
use crate::io::disk::{Disk, DiskFile, DiskLock, Listed};
use crate::io::mmap::Bytes;
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The device fails: reads, writes and syncs.
    Io,
    /// No space is left: whatever needs more of it fails, and nothing of it is done.
    Full,
    /// No space is left after the first half of a write; whatever else needs space fails.
    Short,
}

/// Which operations fail.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// How.
    pub kind: FaultKind,
    /// The first operation that may fail, counted from 0, reads included.
    pub first: u64,
    /// How many operations in a row may.
    pub count: u64,
}

/// A disk in memory. Clones share it.
#[derive(Debug, Clone)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    image: Image,
    journal: Vec<Op>,
    locked: BTreeSet<PathBuf>,
    fault: Option<Fault>,
    calls: u64,
    /// Operations that failed because they were told to.
    failed: u64,
}

/// What an operation needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Nothing,
    Space,
}

impl Default for SimDisk {
    fn default() -> Self {
        Self::of(Image::default())
    }
}

impl SimDisk {
    /// A disk that holds what survived.
    #[must_use]
    pub fn of(image: Image) -> Self {
        Self(Arc::new(Mutex::new(State {
            image,
            journal: Vec::new(),
            locked: BTreeSet::new(),
            fault: None,
            calls: 0,
            failed: 0,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the disk holds now.
    #[must_use]
    pub fn image(&self) -> Image {
        self.state().image.clone()
    }

    /// How many changes were made so far: the time at which the model counts.
    #[must_use]
    pub fn now(&self) -> usize {
        self.state().journal.len()
    }

    /// All changes so far.
    #[must_use]
    pub fn journal(&self) -> Vec<Op> {
        self.state().journal.clone()
    }

    /// Operations so far, those that failed and those that only read included.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Operations that failed because of [`SimDisk::fail`].
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.state().failed
    }

    /// Lets operations fail from now on, or none of them.
    pub fn fail(&self, fault: Option<Fault>) {
        self.state().fault = fault;
    }

    /// Whether it is the device that fails, not the space.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.state().fault.is_some_and(|fault| fault.kind == FaultKind::Io)
    }

    /// Whether there is a file or directory.
    #[must_use]
    pub fn exists(&self, path: &Path) -> bool {
        self.state().find(path).is_ok()
    }

    /// Every file below a directory, with its bytes.
    #[must_use]
    pub fn files(&self, dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let (mut found, mut dirs) = (Vec::new(), vec![dir.to_owned()]);
        while let Some(dir) = dirs.pop() {
            for one in self.list(&dir).unwrap_or_default() {
                if one.is_dir {
                    dirs.push(one.path);
                } else if let Ok(bytes) = self.map(&one.path) {
                    found.push((one.path, bytes.to_vec()));
                }
            }
        }
        found.sort();
        found
    }

    /// Puts other bytes into a file, as a failing disk would.
    pub fn overwrite(&self, path: &Path, bytes: Vec<u8>) {
        let mut state = self.state();
        if let Ok(number) = state.find(path) {
            state.image.overwrite(number, bytes);
        }
    }
}

fn absent() -> io::Error {
    ErrorKind::NotFound.into()
}

fn names(path: &Path) -> impl Iterator<Item = &str> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => name.to_str(),
        _ => None,
    })
}

impl State {
    /// Counts an operation, which may be one that fails.
    fn call(&mut self, need: Need) -> io::Result<()> {
        match self.fault(need) {
            Some(FaultKind::Io) => Err(io::Error::other("simulated device error")),
            Some(_) => Err(ErrorKind::StorageFull.into()),
            None => Ok(()),
        }
    }

    fn fault(&mut self, need: Need) -> Option<FaultKind> {
        let at = self.calls;
        self.calls += 1;
        let fault = self.fault.filter(|f| at >= f.first && at - f.first < f.count)?;
        let fails = fault.kind == FaultKind::Io || need == Need::Space;
        self.failed += u64::from(fails);
        if fails && std::env::var_os("TORTURE_BT").is_some() {
            eprintln!("FAILS {}", std::backtrace::Backtrace::force_capture());
        }
        fails.then_some(fault.kind)
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        let mut at = ROOT;
        for name in names(path) {
            at = self.image.entry(at, name).ok_or_else(absent)?;
        }
        Ok(at)
    }

    /// The directory of a path, and the name in it.
    fn place(&self, path: &Path) -> io::Result<(usize, String)> {
        let dir = self.find(path.parent().ok_or_else(absent)?)?;
        if self.image.names(dir).is_none() {
            return Err(ErrorKind::NotADirectory.into());
        }
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(absent)?;
        Ok((dir, name.to_owned()))
    }

    fn change(&mut self, op: Op) {
        self.image.apply(&op);
        self.journal.push(op);
    }
}

impl Disk for SimDisk {
    fn create_dirs(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        let mut at = ROOT;
        for name in names(dir) {
            at = match state.image.entry(at, name) {
                Some(next) if state.image.names(next).is_some() => next,
                Some(_) => return Err(ErrorKind::AlreadyExists.into()),
                None => {
                    state.call(Need::Space)?;
                    let number = state.image.node_count();
                    state.change(Op::MakeDir(at, name.to_owned(), number));
                    number
                }
            };
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Listed>> {
        let mut state = self.state();
        state.call(Need::Nothing)?;
        let number = state.find(dir)?;
        let names = state.image.names(number).ok_or(ErrorKind::NotADirectory)?;
        let listed = |(name, number): (&String, &usize)| {
            let bytes = state.image.bytes(*number);
            let len = bytes.map_or(0, |bytes| bytes.len() as u64);
            Listed { path: dir.join(name), is_dir: bytes.is_none(), len }
        };
        Ok(names.iter().map(listed).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.call(Need::Space)?;
        let (dir, name) = state.place(path)?;
        if state.image.entry(dir, &name).is_some() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let number = state.image.node_count();
        state.change(Op::Create(dir, name, number));
        Ok(Box::new(SimFile { disk: self.clone(), number }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.call(Need::Nothing)?;
        let number = state.find(path)?;
        state.image.bytes(number).ok_or(ErrorKind::IsADirectory)?;
        Ok(Box::new(SimFile { disk: self.clone(), number }))
    }

    fn map(&self, path: &Path) -> io::Result<Bytes> {
        let mut state = self.state();
        state.call(Need::Nothing)?;
        let number = state.find(path)?;
        let bytes = state.image.bytes(number).ok_or(ErrorKind::IsADirectory)?;
        Ok(Bytes::from(bytes.to_vec()))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call(Need::Nothing)?;
        state.find(from)?;
        let (from, to) = (state.place(from)?, state.place(to)?);
        let replaced = state.image.entry(to.0, &to.1);
        if replaced.is_some_and(|number| state.image.names(number).is_some_and(|names| !names.is_empty())) {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        state.change(Op::Rename(from, to));
        Ok(())
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call(Need::Space)?;
        let number = state.find(from)?;
        let (dir, name) = state.place(to)?;
        if state.image.entry(dir, &name).is_some() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        state.change(Op::Link(number, dir, name));
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call(Need::Nothing)?;
        let number = state.find(path)?;
        state.image.bytes(number).ok_or(ErrorKind::IsADirectory)?;
        let (dir, name) = state.place(path)?;
        state.change(Op::Remove(dir, name));
        Ok(())
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.call(Need::Nothing)?;
        let number = state.find(dir)?;
        if !state.image.names(number).ok_or(ErrorKind::NotADirectory)?.is_empty() {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        let (dir, name) = state.place(dir)?;
        state.change(Op::Remove(dir, name));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        let number = state.find(dir)?;
        let result = state.call(Need::Nothing);
        state.change(if result.is_ok() { Op::SyncDir(number) } else { Op::SyncDirFailed(number) });
        result
    }

    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>> {
        let mut state = self.state();
        match state.find(path) {
            Ok(number) => {
                state.call(Need::Nothing)?;
                state.image.bytes(number).ok_or(ErrorKind::IsADirectory)?;
            }
            Err(_) => {
                state.call(Need::Space)?;
                let (dir, name) = state.place(path)?;
                let number = state.image.node_count();
                state.change(Op::Create(dir, name, number));
            }
        }
        if !state.locked.insert(path.to_owned()) {
            return Ok(None);
        }
        Ok(Some(Box::new(SimLock { disk: self.clone(), path: path.to_owned() })))
    }

    fn free_bytes(&self, _dir: &Path) -> io::Result<Option<u64>> {
        Ok(None)
    }
}

struct SimLock {
    disk: SimDisk,
    path: PathBuf,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.disk.state().locked.remove(&self.path);
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    number: usize,
}

impl DiskFile for SimFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        let fault = state.fault(Need::Space);
        // A failing device may have taken some of it, too.
        let taken = match fault {
            None => bytes.len(),
            Some(FaultKind::Full) => 0,
            Some(FaultKind::Io | FaultKind::Short) => bytes.len() / 2,
        };
        if let Some(taken) = bytes.get(..taken).filter(|taken| !taken.is_empty()) {
            state.change(Op::Append(self.number, Arc::from(taken)));
        }
        match fault {
            None => Ok(()),
            Some(FaultKind::Io) => Err(io::Error::other("simulated device error")),
            Some(_) => Err(ErrorKind::StorageFull.into()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        let result = state.call(Need::Nothing);
        let number = self.number;
        state.change(if result.is_ok() { Op::Sync(number) } else { Op::SyncFailed(number) });
        result
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.call(Need::Nothing)?;
        let len = usize::try_from(len).map_err(io::Error::other)?;
        state.change(Op::SetLen(self.number, len));
        Ok(())
    }
}
