//! Segments of the log: pages of 32 KiB with fragments of records.
//!
//! ```text
//! fragment = flags u8 | length u16 | checksum u32 | bytes
//! flags    = 0 the rest of the page is empty | 1 a whole record | 2 its first | 3 a middle | 4 its last part;
//!            + 8 packed with snappy | + 16 packed with zstd, of all fragments together
//! ```

use super::super::bytes::checksum;
use crate::codec::CodecError;
use std::io::Read;

/// Bytes of a page.
const PAGE: usize = 32 << 10;
/// Bytes before those of a fragment.
const HEADER: usize = 7;
/// A record that claims to be longer is damaged.
const RECORD_MAX: usize = 128 << 20;

const KIND: u8 = 7;
const SNAPPY: u8 = 8;
const ZSTD: u8 = 16;

/// A fragment: its kind and packing, and its bytes.
struct Fragment<'a> {
    flags: u8,
    bytes: &'a [u8],
}

/// The fragment at the front of what is left of a page; `None` at the page's end.
fn fragment<'a>(page: &mut &'a [u8]) -> Result<Option<Fragment<'a>>, CodecError> {
    let Some((head, rest)) = page.split_first_chunk::<HEADER>() else { return Ok(None) };
    let [flags, high, low, crc @ ..] = *head;
    if flags == 0 {
        return Ok(None);
    }
    let len = usize::from(u16::from_be_bytes([high, low]));
    let (bytes, rest) = rest.split_at_checked(len).ok_or(CodecError("record beyond its page"))?;
    if flags & KIND > 4 || checksum(bytes) != u32::from_be_bytes(crc) {
        return Err(CodecError("checksum mismatch"));
    }
    *page = rest;
    Ok(Some(Fragment { flags, bytes }))
}

fn unpack(flags: u8, packed: &[u8], out: &mut Vec<u8>) -> Result<(), CodecError> {
    out.clear();
    let bad = CodecError("record cannot be unpacked");
    match flags & (SNAPPY | ZSTD) {
        0 => out.extend_from_slice(packed),
        SNAPPY => {
            let len = snap::raw::decompress_len(packed).map_err(|_| bad)?;
            if len > RECORD_MAX {
                return Err(bad);
            }
            out.resize(len, 0);
            snap::raw::Decoder::new().decompress(packed, out).map_err(|_| bad)?;
        }
        ZSTD => {
            let unpacked = zstd::stream::read::Decoder::new(packed).map_err(|_| bad)?;
            let read = unpacked.take(RECORD_MAX as u64 + 1).read_to_end(out).map_err(|_| bad)?;
            if read > RECORD_MAX {
                return Err(bad);
            }
        }
        _ => return Err(CodecError("record packed in two ways")),
    }
    Ok(())
}

/// Hands every record of a segment to `each`, reading on at the next page behind damage, of which `damaged`
/// hears, with the offset. A segment may end within a record: it was the last.
pub(in crate::prometheus) fn each_record(
    segment: &[u8],
    mut each: impl FnMut(&[u8]) -> Result<(), CodecError>,
    mut damaged: impl FnMut(u64, CodecError),
) {
    let (mut packed, mut record) = (Vec::new(), Vec::new());
    // Whether the record in `packed` has begun.
    let mut begun = false;
    for (number, page) in segment.chunks(PAGE).enumerate() {
        let mut rest = page;
        loop {
            let offset = (number * PAGE + page.len() - rest.len()) as u64;
            let fragment = match fragment(&mut rest) {
                Ok(Some(fragment)) => fragment,
                Ok(None) => break,
                Err(error) => {
                    // The end of a segment that was being written is no damage.
                    if page.len() == PAGE {
                        damaged(offset, error);
                    }
                    begun = false;
                    break;
                }
            };
            let first = matches!(fragment.flags & KIND, 1 | 2);
            if first == begun {
                damaged(offset, CodecError("a part of a record is missing"));
            }
            if first {
                packed.clear();
            }
            begun = (first || begun) && packed.len() + fragment.bytes.len() <= RECORD_MAX;
            if !begun {
                continue;
            }
            packed.extend_from_slice(fragment.bytes);
            if matches!(fragment.flags & KIND, 1 | 4) {
                begun = false;
                let read = unpack(fragment.flags, &packed, &mut record).and_then(|()| each(&record));
                read.unwrap_or_else(|error| damaged(offset, error));
            }
        }
    }
}

#[cfg(test)]
pub(in crate::prometheus) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A segment with these records, packed in one way or another.
    pub(in crate::prometheus) fn segment(records: &[(u8, Vec<u8>)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (packing, record) in records {
            let packed = match *packing {
                SNAPPY => snap::raw::Encoder::new().compress_vec(record).unwrap(),
                ZSTD => zstd::bulk::compress(record, 1).unwrap(),
                _ => record.clone(),
            };
            let mut rest = packed.as_slice();
            let mut first = true;
            loop {
                let room = PAGE - out.len() % PAGE;
                if room <= HEADER {
                    out.resize(out.len() + room, 0);
                    continue;
                }
                let (part, left) = rest.split_at(rest.len().min(room - HEADER));
                rest = left;
                let kind = match (first, rest.is_empty()) {
                    (true, true) => 1,
                    (true, false) => 2,
                    (false, false) => 3,
                    (false, true) => 4,
                };
                first = false;
                out.push(kind | packing);
                out.extend((part.len() as u16).to_be_bytes());
                out.extend(checksum(part).to_be_bytes());
                out.extend(part);
                if rest.is_empty() {
                    break;
                }
            }
        }
        out
    }

    fn records_of(segment: &[u8]) -> (Vec<Vec<u8>>, usize) {
        let (mut records, mut damage) = (Vec::new(), 0);
        let keep = |record: &[u8]| {
            records.push(record.to_vec());
            Ok(())
        };
        each_record(segment, keep, |_, _| damage += 1);
        (records, damage)
    }

    fn any_records() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
        let record = (any::<u8>(), prop_oneof![5 => 1usize..200, 1 => 30_000usize..80_000])
            .prop_map(|(byte, len)| (0..len).map(|n| byte.wrapping_add(((n * n) >> 3) as u8)).collect());
        proptest::collection::vec((prop_oneof![Just(0), Just(SNAPPY), Just(ZSTD)], record), 0..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn records_come_back_across_pages(records in any_records()) {
            let segment = segment(&records);
            let (got, damage) = records_of(&segment);
            prop_assert_eq!(damage, 0);
            prop_assert_eq!(got, records.into_iter().map(|(_, record)| record).collect::<Vec<_>>());
        }

        #[test]
        fn damage_costs_no_more_than_the_records_of_its_page(records in any_records(), at: prop::sample::Index, cut: bool) {
            prop_assume!(!records.is_empty());
            let mut segment = segment(&records);
            let at = at.index(segment.len());
            if cut {
                segment.truncate(at);
            } else {
                segment[at] ^= 0x55;
            }
            let mut all = records.iter().map(|(_, record)| record);
            for record in records_of(&segment).0 {
                // What is read was written, in that order.
                prop_assert!(all.any(|written| *written == record));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            records_of(&bytes);
        }
    }
}
