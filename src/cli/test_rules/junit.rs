//! Results in the XML of JUnit, for the machines that read it.

use std::fmt::Write as _;

/// The results of one file.
#[derive(Debug, Default)]
pub(super) struct Suite {
    pub name: String,
    /// When it ran, `2006-01-02T15:04:05`.
    pub time: String,
    pub cases: Vec<Case>,
}

/// The result of one test.
#[derive(Debug, Default)]
pub(super) struct Case {
    pub name: String,
    pub failures: Vec<String>,
    /// Why it could not run at all; empty if it ran.
    pub error: String,
}

/// The document.
pub(super) fn document(suites: &[Suite]) -> String {
    let mut out = String::from("<testsuites>");
    for suite in suites {
        let failures: usize = suite.cases.iter().map(|case| case.failures.len()).sum();
        let errors = suite.cases.iter().filter(|case| !case.error.is_empty()).count();
        let _ = write!(
            out,
            "<testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"0\" timestamp=\"{}\">",
            escaped(&suite.name),
            suite.cases.len(),
            escaped(&suite.time)
        );
        for case in &suite.cases {
            let _ = write!(out, "<testcase name=\"{}\">", escaped(&case.name));
            for failure in &case.failures {
                let _ = write!(out, "<failure>{}</failure>", escaped(failure));
            }
            if !case.error.is_empty() {
                let _ = write!(out, "<error>{}</error>", escaped(&case.error));
            }
            out.push_str("</testcase>");
        }
        out.push_str("</testsuite>");
    }
    out.push_str("</testsuites>");
    out
}

/// As Go's encoder escapes text; characters that XML does not have become U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t' => out.push_str("&#x9;"),
            '\n' => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            c if c < ' ' || c == '\u{fffe}' || c == '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_counted_and_escaped() {
        let cases = vec![
            Case { name: "a<b".to_owned(), ..Case::default() },
            Case { name: "c".to_owned(), failures: vec!["x\n\"y\"".to_owned()], error: String::new() },
            Case { name: "d".to_owned(), failures: Vec::new(), error: "no".to_owned() },
        ];
        let suite = Suite { name: "f.yml".to_owned(), time: "t".to_owned(), cases };
        assert_eq!(
            document(&[suite]),
            "<testsuites><testsuite name=\"f.yml\" tests=\"3\" failures=\"1\" errors=\"1\" skipped=\"0\" \
             timestamp=\"t\"><testcase name=\"a&lt;b\"></testcase><testcase name=\"c\"><failure>x&#xA;&#34;y&#34;\
             </failure></testcase><testcase name=\"d\"><error>no</error></testcase></testsuite></testsuites>"
        );
    }
}
