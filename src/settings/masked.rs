//! URLs without the passwords that they may carry.

use serde_json::Value;
use std::borrow::Cow;

/// As a configuration shows it (Go's `url.URL.Redacted`).
#[must_use]
pub fn in_configuration(url: &str) -> Cow<'_, str> {
    masked(url, "xxxxx")
}

/// As error texts have it (Go's `net/http`).
#[must_use]
pub fn in_errors(url: &str) -> Cow<'_, str> {
    masked(url, "***")
}

/// Masks every URL among the texts of a tree.
pub fn in_tree(tree: &mut Value) {
    match tree {
        Value::String(text) => {
            if let Cow::Owned(hidden) = in_configuration(text) {
                *text = hidden;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(in_tree),
        Value::Object(fields) => fields.values_mut().for_each(in_tree),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn masked<'a>(url: &'a str, shown: &str) -> Cow<'a, str> {
    match user_and_password(url) {
        Some((user, password)) => {
            let hidden = url.replacen(&format!("//{user}:{password}@"), &format!("//{user}:{shown}@"), 1);
            Cow::Owned(hidden)
        }
        None => Cow::Borrowed(url),
    }
}

/// User and password of a URL, as they are written.
fn user_and_password(url: &str) -> Option<(&str, &str)> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    authority.rsplit_once('@')?.0.split_once(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_urls_are_not_shown() {
        assert_eq!(in_configuration("http://u:p@h:3128/"), "http://u:xxxxx@h:3128/");
        assert_eq!(in_configuration("http://u@h:3128"), "http://u@h:3128");
        assert_eq!(in_configuration("http://h/a:b@c"), "http://h/a:b@c");
        assert_eq!(in_errors("https://u:h@h?u:h@x"), "https://u:***@h?u:h@x");
        let mut tree = serde_json::json!({"a": ["http://u:p@h", 1], "b": {"c": "plain: text"}});
        in_tree(&mut tree);
        assert_eq!(tree, serde_json::json!({"a": ["http://u:xxxxx@h", 1], "b": {"c": "plain: text"}}));
    }
}
