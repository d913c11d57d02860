//! The bytes and names on a simulated disk: what a process sees, and what of it would survive.

use super::rng::Rng;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Bytes that reach the disk together or not at all.
const SECTOR: usize = 512;
/// The directory above all others.
pub(super) const ROOT: usize = 0;

/// A change to the disk. Files and directories are numbered in the order in which they were made.
#[derive(Debug, Clone)]
pub enum Op {
    /// A new directory: directory, name, number.
    MakeDir(usize, String, usize),
    /// A new file: directory, name, number.
    Create(usize, String, usize),
    /// Bytes behind a file's end.
    Append(usize, Arc<[u8]>),
    /// Another length of a file.
    SetLen(usize, usize),
    /// The bytes of a file are on the disk.
    Sync(usize),
    /// The bytes of a file could not be written; whoever syncs again hears nothing of it.
    SyncFailed(usize),
    /// The names in a directory are on the disk.
    SyncDir(usize),
    /// The names in a directory could not be written.
    SyncDirFailed(usize),
    /// A name goes from one place to another, whose file it replaces.
    Rename((usize, String), (usize, String)),
    /// A second name: number, directory, name.
    Link(usize, usize, String),
    /// A name goes away.
    Remove(usize, String),
}

#[derive(Debug, Clone)]
enum FileOp {
    Append(Arc<[u8]>),
    SetLen(usize),
}

#[derive(Debug, Clone, Default)]
struct FileNode {
    /// What a process reads.
    now: Vec<u8>,
    /// What was there at the last sync, and what happened since.
    kept: Vec<u8>,
    pending: Vec<FileOp>,
    /// Bytes whose write failed: the process still reads them, a power cut may find them empty.
    doomed: Vec<Range<usize>>,
}

/// A change of a directory's names: what each name leads to afterwards.
type NameOp = Vec<(String, Option<usize>)>;

#[derive(Debug, Clone, Default)]
struct DirNode {
    now: BTreeMap<String, usize>,
    kept: BTreeMap<String, usize>,
    pending: Vec<NameOp>,
}

#[derive(Debug, Clone)]
enum Node {
    File(FileNode),
    Dir(DirNode),
}

/// A disk at one moment.
#[derive(Debug, Clone)]
pub struct Image {
    nodes: Vec<Node>,
}

impl Default for Image {
    fn default() -> Self {
        Self { nodes: vec![Node::Dir(DirNode::default())] }
    }
}

impl Image {
    /// How many files and directories there ever were.
    pub(super) fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// What a name in a directory leads to.
    pub(super) fn entry(&self, dir: usize, name: &str) -> Option<usize> {
        self.names(dir)?.get(name).copied()
    }

    /// The names in a directory; `None` for a file.
    pub(super) fn names(&self, dir: usize) -> Option<&BTreeMap<String, usize>> {
        match self.nodes.get(dir) {
            Some(Node::Dir(dir)) => Some(&dir.now),
            _ => None,
        }
    }

    /// The bytes of a file; `None` for a directory.
    pub(super) fn bytes(&self, file: usize) -> Option<&[u8]> {
        match self.nodes.get(file) {
            Some(Node::File(file)) => Some(&file.now),
            _ => None,
        }
    }

    /// Overwrites a file, as a failing disk would.
    pub(super) fn overwrite(&mut self, number: usize, bytes: Vec<u8>) {
        if let Some(file) = self.file(number) {
            file.kept.clone_from(&bytes);
            (file.now, file.pending, file.doomed) = (bytes, Vec::new(), Vec::new());
        }
    }

    fn file(&mut self, number: usize) -> Option<&mut FileNode> {
        match self.nodes.get_mut(number) {
            Some(Node::File(file)) => Some(file),
            _ => None,
        }
    }

    fn rename_names(&mut self, dir: usize, changes: NameOp) {
        if let Some(Node::Dir(dir)) = self.nodes.get_mut(dir) {
            apply_names(&mut dir.now, &changes);
            dir.pending.push(changes);
        }
    }

    /// Lets a change happen.
    pub fn apply(&mut self, op: &Op) {
        match op {
            Op::MakeDir(dir, name, number) => {
                self.nodes.push(Node::Dir(DirNode::default()));
                self.rename_names(*dir, vec![(name.clone(), Some(*number))]);
            }
            Op::Create(dir, name, number) => {
                self.nodes.push(Node::File(FileNode::default()));
                self.rename_names(*dir, vec![(name.clone(), Some(*number))]);
            }
            Op::Append(number, bytes) => {
                if let Some(file) = self.file(*number) {
                    file.now.extend_from_slice(bytes);
                    file.pending.push(FileOp::Append(Arc::clone(bytes)));
                }
            }
            Op::SetLen(number, len) => {
                if let Some(file) = self.file(*number) {
                    file.now.resize(*len, 0);
                    file.doomed.iter_mut().for_each(|range| range.end = range.end.min(*len));
                    file.doomed.retain(|range| !range.is_empty());
                    file.pending.push(FileOp::SetLen(*len));
                }
            }
            Op::Sync(number) => {
                if let Some(file) = self.file(*number) {
                    file.kept.clone_from(&file.now);
                    file.pending.clear();
                }
            }
            Op::SyncFailed(number) => {
                if let Some(file) = self.file(*number) {
                    file.doomed.push(file.kept.len().min(file.now.len())..file.now.len());
                }
            }
            Op::SyncDir(number) => {
                if let Some(Node::Dir(dir)) = self.nodes.get_mut(*number) {
                    for changes in std::mem::take(&mut dir.pending) {
                        apply_names(&mut dir.kept, &changes);
                    }
                }
            }
            // Names are in the file system's journal, which a failed sync does not drop.
            Op::SyncDirFailed(_) => {}
            Op::Rename((from_dir, from), (to_dir, to)) => {
                let Some(number) = self.entry(*from_dir, from) else { return };
                if from_dir == to_dir {
                    self.rename_names(*from_dir, vec![(from.clone(), None), (to.clone(), Some(number))]);
                } else {
                    self.rename_names(*from_dir, vec![(from.clone(), None)]);
                    self.rename_names(*to_dir, vec![(to.clone(), Some(number))]);
                }
            }
            Op::Link(number, dir, name) => self.rename_names(*dir, vec![(name.clone(), Some(*number))]),
            Op::Remove(dir, name) => self.rename_names(*dir, vec![(name.clone(), None)]),
        }
    }

    /// What the next process finds when this one is killed.
    #[must_use]
    pub fn killed(&self) -> Self {
        self.clone()
    }

    /// What is found after a power cut: of what was not synced any part, in any order.
    #[must_use]
    pub fn power_cut(&self, rng: &mut Rng) -> Self {
        let survived = |node: &Node, rng: &mut Rng| match node {
            Node::File(file) => {
                let kept = file.survives(rng);
                Node::File(FileNode { now: kept.clone(), kept, ..FileNode::default() })
            }
            Node::Dir(dir) => {
                let mut kept = dir.kept.clone();
                // Most often the names follow their order, as a journal keeps it; else each goes its own way.
                let whole = if rng.once_in(2) { Some(rng.below(dir.pending.len() + 1)) } else { None };
                for (at, op) in dir.pending.iter().enumerate() {
                    if whole.map_or_else(|| rng.once_in(2), |whole| at < whole) {
                        apply_names(&mut kept, op);
                    }
                }
                Node::Dir(DirNode { now: kept.clone(), kept, pending: Vec::new() })
            }
        };
        Self { nodes: self.nodes.iter().map(|node| survived(node, rng)).collect() }
    }
}

fn apply_names(names: &mut BTreeMap<String, usize>, changes: &[(String, Option<usize>)]) {
    for (name, leads_to) in changes {
        match leads_to {
            Some(number) => names.insert(name.clone(), *number),
            None => names.remove(name),
        };
    }
}

impl FileNode {
    fn survives(&self, rng: &mut Rng) -> Vec<u8> {
        let mut bytes = self.kept.clone();
        let mut safe = bytes.len();
        // Lengths follow their order; how far, is chance.
        let whole = rng.below(self.pending.len() + 1);
        for op in self.pending.iter().take(whole) {
            match op {
                FileOp::Append(more) => bytes.extend_from_slice(more),
                FileOp::SetLen(len) => {
                    bytes.resize(*len, 0);
                    safe = safe.min(*len);
                }
            }
        }
        if let Some(FileOp::Append(more)) = self.pending.get(whole) {
            let len = rng.below(more.len() + 1);
            bytes.extend_from_slice(more.get(..len).unwrap_or_default());
        }
        // The bytes come in any order, or in theirs.
        if rng.once_in(2) {
            lose_sectors(&mut bytes, safe..usize::MAX, 3, rng);
        }
        // What a sync gave up is not safe, though a later sync passed it.
        for range in &self.doomed {
            lose_sectors(&mut bytes, range.clone(), 2, rng);
        }
        bytes
    }
}

/// Empties the part in a range of one sector in `times`.
fn lose_sectors(bytes: &mut [u8], range: Range<usize>, times: usize, rng: &mut Rng) {
    let end = range.end.min(bytes.len());
    for sector in range.start / SECTOR..end.div_ceil(SECTOR) {
        let part = (sector * SECTOR).max(range.start)..((sector + 1) * SECTOR).min(end);
        if rng.once_in(times)
            && let Some(part) = bytes.get_mut(part)
        {
            part.fill(0);
        }
    }
}
