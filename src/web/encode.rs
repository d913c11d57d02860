//! Content encoding of answers: gzip or deflate, whichever the client names first.

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::HeaderValue;
use libdeflater::{CompressionLvl, Compressor};
use std::io::Write;

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

/// Packs a body piece by piece.
#[derive(Debug)]
pub enum Packer {
    /// As gzip.
    Gzip(GzEncoder<Vec<u8>>),
    /// As zlib.
    Deflate(ZlibEncoder<Vec<u8>>),
}

impl Packer {
    /// A packer that has packed nothing yet.
    #[must_use]
    pub fn new(encoding: Encoding) -> Self {
        let level = Compression::fast();
        match encoding {
            Encoding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), level)),
            Encoding::Deflate => Self::Deflate(ZlibEncoder::new(Vec::new(), level)),
        }
    }

    /// Packs a piece; what is ready to be sent comes back, perhaps nothing.
    #[must_use]
    pub fn pack(&mut self, piece: &[u8]) -> Vec<u8> {
        // Writing into a Vec cannot fail.
        match self {
            Self::Gzip(encoder) => {
                let _ = encoder.write_all(piece);
                std::mem::take(encoder.get_mut())
            }
            Self::Deflate(encoder) => {
                let _ = encoder.write_all(piece);
                std::mem::take(encoder.get_mut())
            }
        }
    }

    /// Gives all that was packed so far, which costs some of the packing.
    #[must_use]
    pub fn flush(&mut self) -> Vec<u8> {
        match self {
            Self::Gzip(encoder) => {
                let _ = encoder.flush();
                std::mem::take(encoder.get_mut())
            }
            Self::Deflate(encoder) => {
                let _ = encoder.flush();
                std::mem::take(encoder.get_mut())
            }
        }
    }

    /// Packs the last piece and gives what is left.
    #[must_use]
    pub fn finish(mut self, piece: &[u8]) -> Vec<u8> {
        let mut out = self.pack(piece);
        let end = match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::Deflate(encoder) => encoder.finish(),
        };
        out.extend(end.unwrap_or_default());
        out
    }
}

#[cfg(test)]
impl Encoding {
    /// Unpacks what was packed.
    pub fn unpack(self, packed: &[u8]) -> Vec<u8> {
        use std::io::Read;
        let mut out = Vec::new();
        match self {
            Self::Gzip => flate2::read::GzDecoder::new(packed).read_to_end(&mut out),
            Self::Deflate => flate2::read::ZlibDecoder::new(packed).read_to_end(&mut out),
        }
        .expect("it is packed");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for encoding in [Encoding::Gzip, Encoding::Deflate] {
            assert_eq!(encoding.unpack(&encoding.pack(&body).unwrap()), body);
            let mut packer = Packer::new(encoding);
            let mut packed: Vec<u8> = body.chunks(100).flat_map(|piece| packer.pack(piece)).collect();
            packed.extend(packer.flush());
            packed.extend(packer.finish(b"end"));
            assert_eq!(encoding.unpack(&packed), [&body[..], b"end"].concat());
        }
        assert_eq!(Encoding::Gzip.pack(b"short"), None);
    }
}
