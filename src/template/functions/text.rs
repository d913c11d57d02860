//! Texts: titles, and what belongs to hosts and ports.

use std::net::IpAddr;

/// The first letter of each word in upper case, the rest as it is: Go's `strings.Title`.
pub(super) fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_word = false;
    for c in text.chars() {
        if in_word {
            out.push(c);
        } else {
            out.extend(c.to_uppercase());
        }
        in_word = match c {
            '_' => true,
            c if c.is_ascii() => c.is_ascii_alphanumeric(),
            c => c.is_alphanumeric() || !c.is_whitespace(),
        };
    }
    out
}

/// Host and port, as Go's `net.SplitHostPort` finds them.
fn split_host_port(text: &str) -> Option<(&str, &str)> {
    let colon = text.rfind(':')?;
    let (before, port) = (text.get(..colon)?, text.get(colon + 1..)?);
    let host = match before.strip_prefix('[') {
        Some(inside) => inside.strip_suffix(']').filter(|host| !host.contains(']'))?,
        None if before.contains(':') => return None,
        None => before,
    };
    if host.contains('[') || port.contains(['[', ']']) || (!before.starts_with('[') && host.contains(']')) {
        return None;
    }
    Some((host, port))
}

/// The host without the port, where there is one.
pub(super) fn strip_port(text: &str) -> &str {
    split_host_port(text).map_or(text, |(host, _)| host)
}

/// The first label of the host's name; the port stays, and so do addresses.
pub(super) fn strip_domain(text: &str) -> String {
    let (host, port) = split_host_port(text).unwrap_or((text, ""));
    if host.parse::<IpAddr>().is_ok() {
        return text.to_owned();
    }
    let label = host.split('.').next().unwrap_or(host);
    match port {
        "" => label.to_owned(),
        port if label.contains(':') => format!("[{label}]:{port}"),
        port => format!("{label}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_change_the_first_letter_of_words() {
        for (text, want) in [
            ("aa bb CC", "Aa Bb CC"),
            ("don't foo-bar foo_bar", "Don'T Foo-Bar Foo_bar"),
            ("1st éa, x.y 'q'", "1st Éa, X.Y 'Q'"),
            ("", ""),
        ] {
            assert_eq!(title(text), want);
        }
    }

    #[test]
    fn ports_and_domains_are_stripped() {
        for (text, port, domain) in [
            ("foo.example.com:12345", "foo.example.com", "foo:12345"),
            ("foo.example.com", "foo.example.com", "foo"),
            ("192.0.2.1:12345", "192.0.2.1", "192.0.2.1:12345"),
            ("[2001:0DB8::1]:12345", "2001:0DB8::1", "[2001:0DB8::1]:12345"),
            ("[2001:0DB8::1]::12345", "[2001:0DB8::1]::12345", "[2001:0DB8::1]::12345"),
            ("a:b:c", "a:b:c", "a:b:c"),
            ("foo:", "foo", "foo"),
            ("", "", ""),
        ] {
            assert_eq!(strip_port(text), port, "{text}");
            assert_eq!(strip_domain(text), domain, "{text}");
        }
    }
}
