//! Integers as Prometheus writes them, and sections that carry their length and their checksum.

use crate::codec::{CodecError, varint};

/// Takes four big-endian bytes off the front.
pub(super) fn take_u32(bytes: &mut &[u8]) -> Result<u32, CodecError> {
    let (head, tail) = bytes.split_first_chunk::<4>().ok_or(CodecError("truncated bytes"))?;
    *bytes = tail;
    Ok(u32::from_be_bytes(*head))
}

/// Takes eight big-endian bytes off the front.
pub(super) fn take_u64(bytes: &mut &[u8]) -> Result<u64, CodecError> {
    let (head, tail) = bytes.split_first_chunk::<8>().ok_or(CodecError("truncated bytes"))?;
    *bytes = tail;
    Ok(u64::from_be_bytes(*head))
}

/// Takes a byte off the front.
pub(super) fn take_u8(bytes: &mut &[u8]) -> Result<u8, CodecError> {
    let (head, tail) = bytes.split_first().ok_or(CodecError("truncated bytes"))?;
    *bytes = tail;
    Ok(*head)
}

/// Takes a length, and so many bytes of UTF-8.
pub(super) fn take_text<'a>(bytes: &mut &'a [u8]) -> Result<&'a str, CodecError> {
    let text = take_counted(bytes)?;
    std::str::from_utf8(text).map_err(|_| CodecError("text is not UTF-8"))
}

/// Takes a length, and so many bytes.
pub(super) fn take_counted<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], CodecError> {
    let len = usize::try_from(varint::take(bytes)?).map_err(|_| CodecError("length out of bounds"))?;
    varint::take_bytes(bytes, len)
}

/// CRC-32 with Castagnoli's polynomial.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
}

/// Takes `len` bytes and the checksum behind them.
pub(super) fn take_checked<'a>(bytes: &mut &'a [u8], len: usize) -> Result<&'a [u8], CodecError> {
    let payload = varint::take_bytes(bytes, len)?;
    if take_u32(bytes)? == checksum(payload) { Ok(payload) } else { Err(CodecError("checksum mismatch")) }
}

/// The section at an offset: a length of four bytes, so many bytes, their checksum.
pub(super) fn section(file: &[u8], offset: u64) -> Result<&[u8], CodecError> {
    let mut bytes = usize::try_from(offset)
        .ok()
        .and_then(|offset| file.get(offset..))
        .ok_or(CodecError("section out of bounds"))?;
    let len = take_u32(&mut bytes)? as usize;
    take_checked(&mut bytes, len)
}
