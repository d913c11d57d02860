//! Chunks of Prometheus's head that it mapped into memory: a copy of what its log holds too, which is left where
//! the log is damaged.
//!
//! ```text
//! magic u32 | version u8 | 0 u8 × 3
//! | (series u64 | first u64 | last u64 | encoding u8 | length varint | chunk | checksum u32)*
//! ```
//!
//! The checksum covers everything of the chunk before it. The file may end in zeros.

use super::bytes::{checksum, take_counted, take_u8, take_u32, take_u64};
use super::chunk::OUT_OF_ORDER;
use crate::codec::CodecError;

/// First bytes of a file.
const MAGIC: u32 = 0x0130_BC91;
/// The version that there is.
const VERSION: u8 = 1;
/// Bytes before the first chunk.
const HEADER: usize = 8;

/// A chunk of the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HeadChunk<'a> {
    /// Number of its series in the log.
    pub(super) series: u64,
    /// Whether its samples came late.
    pub(super) late: bool,
    pub(super) encoding: u8,
    pub(super) bytes: &'a [u8],
}

fn take<'a>(bytes: &mut &'a [u8]) -> Result<HeadChunk<'a>, CodecError> {
    let whole = *bytes;
    let series = take_u64(bytes)?;
    let (_first, _last) = (take_u64(bytes)?, take_u64(bytes)?);
    let encoding = take_u8(bytes)?;
    let chunk = take_counted(bytes)?;
    let covered = whole.get(..whole.len() - bytes.len()).unwrap_or_default();
    if take_u32(bytes)? != checksum(covered) {
        return Err(CodecError("checksum mismatch"));
    }
    let late = encoding & OUT_OF_ORDER != 0;
    Ok(HeadChunk { series, late, encoding: encoding & !OUT_OF_ORDER, bytes: chunk })
}

/// The chunks of a file, each with its offset. The last may be damage, behind which nothing is read.
pub(super) fn chunks(file: &[u8]) -> impl Iterator<Item = (u64, Result<HeadChunk<'_>, CodecError>)> {
    let mut head = file;
    let known = take_u32(&mut head) == Ok(MAGIC) && head.first() == Some(&VERSION);
    let mut rest = file.get(HEADER..).unwrap_or_default();
    let mut failed = false;
    std::iter::from_fn(move || {
        let offset = (file.len() - rest.len()) as u64;
        // A reference of a series is never 0: the file ends in zeros.
        if failed || rest.iter().take(8).all(|byte| *byte == 0) {
            return None;
        }
        let chunk = if known { take(&mut rest) } else { Err(CodecError("no chunks of a head")) };
        failed = chunk.is_err();
        Some((offset, chunk))
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::codec::varint;
    use proptest::prelude::*;

    /// A file with these chunks.
    pub(in crate::prometheus) fn file(chunks: &[HeadChunk<'_>]) -> Vec<u8> {
        let mut out = MAGIC.to_be_bytes().to_vec();
        out.extend([VERSION, 0, 0, 0]);
        for chunk in chunks {
            let start = out.len();
            out.extend(chunk.series.to_be_bytes());
            out.extend(7u64.to_be_bytes());
            out.extend(0u64.to_be_bytes());
            out.push(chunk.encoding | if chunk.late { OUT_OF_ORDER } else { 0 });
            varint::put(&mut out, chunk.bytes.len() as u64);
            out.extend(chunk.bytes);
            let crc = checksum(&out[start..]);
            out.extend(crc.to_be_bytes());
        }
        out
    }

    #[test]
    fn chunks_come_back_up_to_the_zeros_and_up_to_damage() {
        let all: Vec<HeadChunk<'_>> =
            (1..5u64).map(|n| HeadChunk { series: n, late: n == 2, encoding: 1, bytes: b"chunk" }).collect();
        let mut file = file(&all);
        let len = file.len();
        file.extend([0; 40]);
        assert_eq!(chunks(&file).map(|(_, chunk)| chunk.unwrap()).collect::<Vec<_>>(), all);
        file[len - 1] ^= 1;
        let got: Vec<_> = chunks(&file).map(|(_, chunk)| chunk.ok()).collect();
        assert_eq!(got, [Some(all[0]), Some(all[1]), Some(all[2]), None]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut whole = MAGIC.to_be_bytes().to_vec();
            whole.extend([VERSION, 0, 0, 0]);
            whole.extend(&bytes);
            assert!(chunks(&whole).count() <= bytes.len());
            assert!(chunks(&bytes).count() <= 1);
        }
    }
}
