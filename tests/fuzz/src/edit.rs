//! Inputs that change a valid directory.
//!
//! ```text
//! input = mode u8 | file u8 | changes, or with bit 0 of the mode all bytes of the file
//! ```
//!
//! Bit 1 of the mode leaves the checksums as they are.

use crate::base::Base;
use narthex_storage::testing::disk::SimDisk;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The files of a directory.
pub type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Bit of the mode: the input is a whole file.
pub const WHOLE: u8 = 1;
/// Bit of the mode: no checksum is put right.
pub const UNSEALED: u8 = 2;

/// The disk with the files of `base` as the input changes them; `seal` puts checksums right.
#[must_use]
pub fn case(base: &Base, input: &[u8], seal: impl Fn(&mut Files)) -> Option<SimDisk> {
    let [mode, file, rest @ ..] = input else { return None };
    let mut files = base.files.clone();
    if mode & WHOLE == 0 {
        change(&mut files, *file, rest);
    } else if let Some(bytes) = nth(&mut files, *file) {
        *bytes = rest.to_vec();
    }
    if mode & UNSEALED == 0 {
        seal(&mut files);
    }
    let disk = base.disk();
    for (path, bytes) in files.into_iter().filter(|(path, bytes)| base.files.get(path) != Some(bytes)) {
        disk.overwrite(&path, bytes);
    }
    Some(disk)
}

fn nth(files: &mut Files, at: u8) -> Option<&mut Vec<u8>> {
    let count = files.len().max(1);
    files.values_mut().nth(usize::from(at) % count)
}

/// Applies changes: what to do and with how many bytes, where (two bytes), and the bytes that are needed.
fn change(files: &mut Files, mut file: u8, mut changes: &[u8]) {
    while let [what, low, high, rest @ ..] = changes {
        let Some(bytes) = nth(files, file) else { return };
        let at = usize::from(u16::from_le_bytes([*low, *high])) % (bytes.len() + 1);
        let wanted = usize::from(what >> 3) + 1;
        let end = (at + wanted).min(bytes.len());
        let (given, left) = rest.split_at(wanted.min(rest.len()));
        changes = rest;
        match what & 7 {
            0 | 1 => {
                let end = (at + given.len()).min(bytes.len());
                bytes[at..end].copy_from_slice(&given[..end - at]);
                changes = left;
            }
            2 => {
                bytes[at..end].iter_mut().zip(given).for_each(|(byte, mask)| *byte ^= mask);
                changes = left;
            }
            3 => {
                bytes.splice(at..at, given.iter().copied());
                changes = left;
            }
            4 => drop(bytes.drain(at..end)),
            5 => bytes.truncate(at),
            6 => bytes[at..end].fill(0xff),
            _ => file = *low,
        }
    }
}
