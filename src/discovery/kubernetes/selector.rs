//! Selectors are the API server's to obey; what it would refuse is refused with the configuration.

/// Checks a field selector: `metadata.name=a,status.phase!=Running`.
///
/// # Errors
/// What is wrong, in the words of Kubernetes.
pub fn check_fields(selector: &str) -> Result<(), String> {
    let mut escaped = false;
    let parts = selector.split(|c: char| {
        let splits = c == ',' && !escaped;
        escaped = c == '\\' && !escaped;
        splits
    });
    for part in parts.filter(|part| !part.is_empty()) {
        if !part.contains('=') {
            return Err(format!("invalid selector: '{selector}'; can't understand '{part}'"));
        }
    }
    Ok(())
}

/// Checks a label selector: `a=b,c!=d,e in (f,g),!h,i>1`.
///
/// # Errors
/// What is wrong.
pub fn check_labels(selector: &str) -> Result<(), String> {
    let mut depth = 0_u32;
    let mut wrong = false;
    let parts: Vec<&str> = selector
        .split(|c: char| {
            match c {
                '(' => depth += 1,
                ')' => {
                    wrong |= depth == 0;
                    depth = depth.saturating_sub(1);
                }
                _ => {}
            }
            c == ',' && depth == 0
        })
        .collect();
    let failed = |part: &str| format!("unable to parse requirement: {part:?} of label selector {selector:?}");
    if wrong || depth > 0 {
        return Err(failed(selector));
    }
    if selector.trim().is_empty() {
        return Ok(());
    }
    match parts.into_iter().find(|part| !is_requirement(part.trim())) {
        Some(part) => Err(failed(part)),
        None => Ok(()),
    }
}

fn is_requirement(text: &str) -> bool {
    if let Some(key) = text.strip_prefix('!') {
        return is_key(key.trim());
    }
    for operator in ["!=", "==", "=", ">", "<"] {
        if let Some((key, value)) = text.split_once(operator) {
            return is_key(key.trim()) && is_value(value.trim());
        }
    }
    let Some((key, rest)) = text.split_once(char::is_whitespace) else { return is_key(text) };
    let rest = rest.trim();
    let list = rest.strip_prefix("notin").or_else(|| rest.strip_prefix("in")).map(str::trim);
    let values = list.and_then(|list| list.strip_prefix('(')).and_then(|list| list.strip_suffix(')'));
    is_key(key) && values.is_some_and(|values| values.split(',').all(|value| is_value(value.trim())))
}

/// A name, perhaps after a domain and `/`.
fn is_key(key: &str) -> bool {
    let (domain, name) = key.rsplit_once('/').map_or((None, key), |(domain, name)| (Some(domain), name));
    let domain_fine = domain.is_none_or(|domain| !domain.is_empty() && is_value(domain));
    !name.is_empty() && is_value(name) && domain_fine
}

fn is_value(value: &str) -> bool {
    let edge = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    let inner = value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    inner && edge(value.chars().next()) && edge(value.chars().next_back()) && value.len() <= 253
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_selectors_compare() {
        for fine in ["", "metadata.name=a", "a==b,c!=d", "a=", "a=b\\,c"] {
            assert_eq!(check_fields(fine), Ok(()), "{fine}");
        }
        assert_eq!(check_fields("a=b,c").unwrap_err(), "invalid selector: 'a=b,c'; can't understand 'c'");
    }

    #[test]
    fn label_selectors_are_lists_of_requirements() {
        for fine in [
            "",
            "a",
            "!a",
            "a=b",
            "a==b",
            "a!=b",
            "a=",
            "a>1",
            "a in (b, c)",
            "a notin (b),d=e",
            "k8s.io/name=x",
            "a in (b,c),!d/e",
        ] {
            assert_eq!(check_labels(fine), Ok(()), "{fine}");
        }
        for bad in ["a b", "a=b c", "a in b", "a in (b", "a)", "=b", "a,,b", "-a=b", "a=$"] {
            assert!(check_labels(bad).is_err(), "{bad}");
        }
    }
}
