//! The names in a certificate: reads the extension "subject alternative name" and nothing else.
//!
//! rustls has checked the certificate as a whole by then, if it is to be trusted at all; still no byte is taken on
//! trust here.

use std::net::{Ipv4Addr, Ipv6Addr};

const SEQUENCE: u8 = 0x30;
const OBJECT_ID: u8 = 0x06;
const OCTETS: u8 = 0x04;
const BOOLEAN: u8 = 0x01;
/// The list of extensions in a certificate.
const EXTENSIONS: u8 = 0xa3;
/// 2.5.29.17
const ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// DNS names, e-mail addresses, IP addresses and URIs of a certificate; `None` when it cannot be read.
#[must_use]
pub fn alternative_names(certificate: &[u8]) -> Option<Vec<String>> {
    let (_, certificate, _) = element(certificate)?;
    let (tag, signed, _) = element(certificate)?;
    if tag != SEQUENCE {
        return None;
    }
    let Some(extensions) = find(signed, EXTENSIONS)? else { return Some(Vec::new()) };
    let (_, mut extensions, _) = element(extensions)?;
    while !extensions.is_empty() {
        let (_, extension, rest) = element(extensions)?;
        extensions = rest;
        let (tag, id, mut value) = element(extension)?;
        if tag != OBJECT_ID || id != ALTERNATIVE_NAME {
            continue;
        }
        if value.first() == Some(&BOOLEAN) {
            value = element(value)?.2;
        }
        let (tag, names, _) = element(value)?;
        return if tag == OCTETS { general_names(names) } else { None };
    }
    Some(Vec::new())
}

/// The content of the first element with a tag; `Some(None)` when there is none.
fn find(mut elements: &[u8], wanted: u8) -> Option<Option<&[u8]>> {
    while !elements.is_empty() {
        let (tag, content, rest) = element(elements)?;
        if tag == wanted {
            return Some(Some(content));
        }
        elements = rest;
    }
    Some(None)
}

fn general_names(names: &[u8]) -> Option<Vec<String>> {
    const EMAIL: u8 = 0x81;
    const DNS: u8 = 0x82;
    const URI: u8 = 0x86;
    const IP: u8 = 0x87;
    let (_, mut names, _) = element(names)?;
    let mut out = Vec::new();
    while !names.is_empty() {
        let (tag, content, rest) = element(names)?;
        names = rest;
        match tag {
            EMAIL | DNS | URI => out.push(String::from_utf8(content.to_vec()).ok()?),
            IP => match (<[u8; 4]>::try_from(content), <[u8; 16]>::try_from(content)) {
                (Ok(v4), _) => out.push(Ipv4Addr::from(v4).to_string()),
                (_, Ok(v6)) => out.push(Ipv6Addr::from(v6).to_string()),
                _ => return None,
            },
            _ => {}
        }
    }
    Some(out)
}

/// Tag, content and what follows the first element.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        // Certificates of 16 MiB do not occur, and their lengths need no more than three bytes.
        if count == 0 || count > 3 {
            return None;
        }
        let (digits, rest) = rest.split_at_checked(count)?;
        (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn certificate(names: &[&str]) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = names
            .iter()
            .map(|name| match name.parse() {
                Ok(ip) => rcgen::SanType::IpAddress(ip),
                Err(_) if name.contains("://") => rcgen::SanType::URI((*name).try_into().unwrap()),
                Err(_) if name.contains('@') => rcgen::SanType::Rfc822Name((*name).try_into().unwrap()),
                Err(_) => rcgen::SanType::DnsName((*name).try_into().unwrap()),
            })
            .collect();
        params.is_ca = rcgen::IsCa::ExplicitNoCa;
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn names_of_every_kind_are_read() {
        let names = ["a.example", "u@b.example", "spiffe://c/d", "192.0.2.1", "2001:db8::1"];
        assert_eq!(alternative_names(&certificate(&names)).unwrap(), names);
        assert_eq!(alternative_names(&certificate(&[])).unwrap(), Vec::<String>::new());
        let long = "x".repeat(60) + ".example";
        assert_eq!(alternative_names(&certificate(&[long.as_str(); 5])).unwrap(), [long.as_str(); 5]);
    }

    proptest! {
        #[test]
        fn broken_certificates_are_survived(at in 0usize..400, byte: u8, cut in 0usize..400) {
            let mut bytes = certificate(&["a.example", "192.0.2.1"]);
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            bytes.truncate(cut.max(at));
            if let Some(names) = alternative_names(&bytes) {
                prop_assert!(names.len() < 400);
            }
        }

        #[test]
        fn nonsense_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let names = alternative_names(&bytes);
            prop_assert!(names.is_none_or(|names| names.len() < 64));
        }
    }
}
