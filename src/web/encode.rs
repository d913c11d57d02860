//! Content encoding of answers: gzip or deflate, whichever the client names first.

use http::HeaderValue;
use libdeflater::{CompressionLvl, Compressor};

/// Shorter bodies are sent as they are: the header would cost what the packing saves.
const SHORT: usize = 256;

/// An encoding that this server writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// gzip
    Gzip,
    /// zlib, which HTTP calls deflate
    Deflate,
}

impl Encoding {
    /// The first one of `Accept-Encoding` that is known and not refused by `q=0`.
    #[must_use]
    pub fn negotiate(accept: Option<&HeaderValue>) -> Option<Self> {
        let accept = accept?.to_str().ok()?;
        accept.split(',').find_map(|item| {
            let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
            let refused =
                parameters.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()) == Some(0.0);
            match name.trim() {
                "gzip" if !refused => Some(Self::Gzip),
                "deflate" if !refused => Some(Self::Deflate),
                _ => None,
            }
        })
    }

    /// As headers name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// Packs a body; `None` when it is better sent as it is.
    #[must_use]
    pub fn pack(self, body: &[u8]) -> Option<Vec<u8>> {
        if body.len() < SHORT {
            return None;
        }
        // The library's level 0 only stores; 1 is the fastest that packs.
        let level = CompressionLvl::new(1).unwrap_or_default();
        let mut compressor = Compressor::new(level);
        let bound = match self {
            Self::Gzip => compressor.gzip_compress_bound(body.len()),
            Self::Deflate => compressor.zlib_compress_bound(body.len()),
        };
        let mut out = vec![0; bound];
        let len = match self {
            Self::Gzip => compressor.gzip_compress(body, &mut out),
            Self::Deflate => compressor.zlib_compress(body, &mut out),
        };
        out.truncate(len.ok()?);
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn the_first_known_name_wins() {
        let table = [
            ("gzip, deflate", Some(Encoding::Gzip)),
            ("br, deflate;q=0.5, gzip", Some(Encoding::Deflate)),
            ("gzip;q=0, deflate", Some(Encoding::Deflate)),
            ("identity", None),
        ];
        for (header, want) in table {
            let header = HeaderValue::from_static(header);
            assert_eq!(Encoding::negotiate(Some(&header)), want);
        }
        assert_eq!(Encoding::negotiate(None), None);
    }

    #[test]
    fn packed_bodies_unpack_to_the_same() {
        let body = b"node_load1 ".repeat(100);
        let mut read = Vec::new();
        flate2::read::GzDecoder::new(&*Encoding::Gzip.pack(&body).unwrap()).read_to_end(&mut read).unwrap();
        assert_eq!(read, body);
        read.clear();
        flate2::read::ZlibDecoder::new(&*Encoding::Deflate.pack(&body).unwrap())
            .read_to_end(&mut read)
            .unwrap();
        assert_eq!(read, body);
        assert_eq!(Encoding::Gzip.pack(b"short"), None);
    }
}
