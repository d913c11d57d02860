//! A checksum within JSON: the last field of an object covers every byte before it, so that a digit that has become
//! another one is noticed.
//!
//! ```text
//! { …, "crc32": "1f2e3d4c"\n}
//! └───┘ covered
//! ```

/// How the field begins.
const KEY: &[u8] = b"\"crc32\"";
/// How a pretty object ends.
const END: &[u8] = b"\n}";

/// The field over what stands before it, to the end of the file.
fn field(covered: &[u8]) -> Vec<u8> {
    let mut field = KEY.to_vec();
    field.extend_from_slice(format!(": \"{:08x}\"", crc32fast::hash(covered)).as_bytes());
    field.extend_from_slice(END);
    field
}

/// Adds the field to a pretty JSON object that has others; `None` if that is not what it is.
pub(super) fn seal(mut json: Vec<u8>) -> Option<Vec<u8>> {
    json.truncate(json.strip_suffix(END)?.len());
    json.extend_from_slice(b",\n  ");
    let field = field(&json);
    json.extend_from_slice(&field);
    Some(json)
}

/// Whether the checksum is right; `None` where there is none.
pub(super) fn check(json: &[u8]) -> Option<bool> {
    let at = json.windows(KEY.len()).rposition(|bytes| bytes == KEY)?;
    let (covered, told) = json.split_at_checked(at)?;
    Some(told == field(covered))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_makes_the_checksum_wrong_or_takes_it_away() {
        let json =
            serde_json::to_vec_pretty(&serde_json::json!({"a": 1, "crc32": "of a block", "b": [2]})).unwrap();
        assert_eq!(check(b"{}"), None);
        let sealed = seal(json).unwrap();
        assert_eq!(check(&sealed), Some(true));
        assert!(serde_json::from_slice::<serde_json::Value>(&sealed).is_ok());
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(check(&flipped), Some(true), "bit {bit}");
        }
        (0..sealed.len()).for_each(|len| assert_ne!(check(&sealed[..len]), Some(true), "{len} bytes"));
    }

    #[test]
    fn what_is_no_pretty_object_is_not_sealed() {
        assert_eq!(seal(b"[1]".to_vec()), None);
        assert_eq!(seal(Vec::new()), None);
    }
}
