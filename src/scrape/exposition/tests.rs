//! The formats against Prometheus's verdicts, real pages, a second parser, and arbitrary bytes.

use super::*;
use proptest::prelude::*;
use std::path::PathBuf;

fn shared() -> Option<PathBuf> {
    let dir = std::env::var_os("NARTHEX_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")), PathBuf::from);
    if dir.is_dir() {
        return Some(dir);
    }
    eprintln!("SKIPPED: no shared data at {}", dir.display());
    None
}

fn samples(body: &[u8], format: Format) -> Result<usize, ParseError> {
    let mut count = 0;
    for entry in Exposition::new(body, format).entries() {
        count += usize::from(matches!(entry?, Entry::Series(_)));
    }
    Ok(count)
}

#[test]
fn openmetrics_cases_get_prometheus_s_verdict() {
    let Some(shared) = shared() else { return };
    let verdicts = std::fs::read_to_string(shared.join("openmetrics/verdicts.tsv")).unwrap();
    let mut wrong = Vec::new();
    for row in verdicts.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [case, _, verdict, count] = columns[..] else { panic!("{row}") };
        let body = std::fs::read(shared.join("openmetrics/parsers").join(case).join("metrics")).unwrap();
        // A duplicate label name is refused when the labels are read, not by the cursor.
        let mut duplicate = false;
        for entry in Exposition::new(&body, Format::OpenMetrics).entries() {
            if let Ok(Entry::Series(sample)) = entry {
                let mut names = std::collections::BTreeSet::new();
                parse_labels(sample.series, |name, _| duplicate |= !names.insert(name.to_owned()));
            }
        }
        let got = samples(&body, Format::OpenMetrics);
        let agrees = match (verdict, &got) {
            ("accept", Ok(n)) => !duplicate && n.to_string() == count,
            ("refuse", Err(_)) => true,
            ("refuse", Ok(_)) => duplicate,
            _ => false,
        };
        if !agrees {
            wrong.push(format!("{case}: want {verdict} {count}, got {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn real_pages_are_read_whole() {
    let Some(shared) = shared() else { return };
    let mut pages = 0;
    for file in std::fs::read_dir(shared.join("expositions")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".txt") {
            continue;
        }
        let format = if name.contains(".om.") { Format::OpenMetrics } else { Format::Text };
        let body = std::fs::read(&path).unwrap();
        let lines = body.split(|b| *b == b'\n').filter(|l| !l.is_empty() && !l.starts_with(b"#")).count();
        assert_eq!(samples(&body, format), Ok(lines), "{name}");
        pages += 1;
    }
    assert!(pages > 3);
}

#[test]
fn faults_name_line_and_column() {
    let table: &[(&str, &str)] = &[
        (
            "a 1\nb{x=\"1\" 2\n",
            "line 2, column 9: expected label name, got \"2\" while parsing: \"b{x=\\\"1\\\" 2\"",
        ),
        ("a\n", "line 1, column 2: expected value after metric, got \"\\n\" while parsing: \"a\\n\""),
        (
            "a 1 2 3\n",
            "line 1, column 7: expected next entry after timestamp, got \"3\" while parsing: \"a 1 2 3\"",
        ),
        ("a 1 x\n", "line 1, column 5: expected timestamp or new record, got \"x\" while parsing: \"a 1 x\""),
        ("# TYPE a foo\n", "line 1, column 9: invalid metric type \"foo\""),
        ("a 0x1p3\n", "line 1, column 3: invalid float \"0x1p3\" while parsing: \"a 0x1p3\""),
        ("a{b} 1\n", "line 1, column 3: metric name already set while parsing: \"a{b\""),
        ("a{b=1} 1\n", "line 1, column 5: expected label value, got \"1\" while parsing: \"a{b=1\""),
        ("é 1\n", "line 1, column 1: expected a valid start token, got \"é\" while parsing: \"\u{fffd}\""),
        ("a{b=\"1", "line 1, column 5: expected label value, got \"\\\"\" while parsing: \"a{b=\\\"\""),
    ];
    for (body, want) in table {
        let error = samples(body.as_bytes(), Format::Text).unwrap_err();
        assert_eq!(error.to_string(), *want);
    }
    let error = samples(b"a 1\n", Format::OpenMetrics).unwrap_err();
    assert_eq!(error.to_string(), "line 2, column 1: data does not end with # EOF");
}

#[test]
fn text_is_as_loose_as_prometheus_s_lexer() {
    let table: &[(&str, usize)] = &[
        ("a 1", 1),
        ("\n\n  a\t1 \n", 1),
        ("a { x = \"1\" y=\"2\", } 1 -5\n", 1),
        ("{\"a b\",x=\"1\"} 1\n{x=\"1\",\"a b\"} 1\n", 2),
        ("#comment\n# more\n#\n# HELP a\n# TYPE a untyped\n# TYPEa b\n", 0),
        ("a{x=\"line\nbreak\"} 1\n", 1),
        ("a NaN\nb +Inf\nc -inf 12\n", 3),
        ("a 1\n\0 anything", 1),
    ];
    for (body, count) in table {
        assert_eq!(samples(body.as_bytes(), Format::Text), Ok(*count), "{body:?}");
    }
    for body in ["a 1\r\n", "a{x=\"\\\n\"} 1\n", "a {x=\"1\"} {\n", "9a 1\n", "a{x=\"\u{0}", "{} 1\nx"] {
        assert!(samples(body.as_bytes(), Format::Text).is_err() || body.starts_with("{}"), "{body:?}");
    }
    assert!(samples(b"a{x=\"\xff\"} 1\n", Format::Text).is_err());
}

#[test]
fn timestamps_are_milliseconds_in_both_formats() {
    let first = |body: &str, format| match Exposition::new(body.as_bytes(), format).entry(0).unwrap().0 {
        Entry::Series(sample) => sample.timestamp,
        other => panic!("{other:?}"),
    };
    assert_eq!(first("a 1 1520879607789\n", Format::Text), Some(1_520_879_607_789));
    assert_eq!(first("a 1 1520879607.789\n# EOF\n", Format::OpenMetrics), Some(1_520_879_607_789));
    assert_eq!(first("a 1 # {x=\"1\"} 2 3\n# EOF\n", Format::OpenMetrics), None);
}

/// A page on which prometheus-parse is right: no escapes, no `,`, `=`, `}` or blanks inside values.
#[test]
fn exemplars_are_told_with_their_labels_value_and_time() {
    let exemplar = |line: &str| {
        let body = format!("{line}\n# EOF\n");
        let found = match Exposition::new(body.as_bytes(), Format::OpenMetrics).entry(0).unwrap().0 {
            Entry::Series(sample) => sample.exemplar,
            other => panic!("{other:?}"),
        };
        found.map(|one| (String::from_utf8(one.labels.to_vec()).unwrap(), one.value, one.timestamp))
    };
    let told = |labels: &str, value, timestamp| Some((labels.to_owned(), value, timestamp));
    assert_eq!(exemplar("a 1 # {x=\"1\"} 2 3.5"), told("{x=\"1\"}", 2.0, Some(3500)));
    assert_eq!(
        exemplar("a{b=\" # {}\"} 1 5 # {x=\"} #\",y=\"\"} -2e1"),
        told("{x=\"} #\",y=\"\"}", -20.0, None)
    );
    assert_eq!(exemplar("a 1 # {} +Inf"), told("{}", f64::INFINITY, None));
    assert_eq!(exemplar("a 1 5"), None);
    assert_eq!(exemplar_text(b" 1 5 # {x=\"1\"} 2\n"), b"# {x=\"1\"} 2\n");
    assert!(exemplar_text(b" 1 5\n").is_empty());
}

fn simple_page() -> impl Strategy<Value = String> {
    let label = ("[a-z_]{1,8}", "[a-zA-Z0-9_/.-]{0,12}");
    let labels = proptest::collection::btree_map(label.0, label.1, 0..4);
    let line = ("[a-z_]{1,12}", labels, -1e9..1e9f64, proptest::option::of(0i64..2_000_000_000_000));
    proptest::collection::vec(line, 0..20).prop_map(|lines| {
        let mut page = String::new();
        for (name, labels, value, timestamp) in lines {
            let labels: Vec<String> = labels.iter().map(|(n, v)| format!("{n}=\"{v}\"")).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let timestamp = timestamp.map(|t| format!(" {t}")).unwrap_or_default();
            page.push_str(&format!("{name}{labels} {value}{timestamp}\n"));
        }
        page
    })
}

proptest! {
    #[test]
    fn a_second_parser_reads_the_same(page in simple_page()) {
        let scrape = prometheus_parse::Scrape::parse(page.lines().map(|l| Ok(l.to_owned()))).unwrap();
        let mut ours = Vec::new();
        for entry in Exposition::new(page.as_bytes(), Format::Text).entries() {
            let Entry::Series(sample) = entry.unwrap() else { continue };
            let mut labels = std::collections::BTreeMap::new();
            parse_labels(sample.series, |n, v| { labels.insert(n.to_owned(), v.to_owned()); });
            ours.push((labels, sample.value, sample.timestamp));
        }
        prop_assert_eq!(ours.len(), scrape.samples.len());
        for ((mut labels, value, timestamp), theirs) in ours.into_iter().zip(&scrape.samples) {
            prop_assert_eq!(labels.remove("__name__"), Some(theirs.metric.clone()));
            let their_labels: std::collections::BTreeMap<_, _> =
                theirs.labels.iter().map(|(n, v)| (n.clone(), v.clone())).collect();
            prop_assert_eq!(labels, their_labels);
            let prometheus_parse::Value::Untyped(their_value) = theirs.value else { panic!() };
            prop_assert_eq!(value, their_value);
            if let Some(timestamp) = timestamp {
                prop_assert_eq!(timestamp, theirs.timestamp.timestamp_millis());
            }
        }
    }

    #[test]
    fn arbitrary_bytes_end_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for format in [Format::Text, Format::OpenMetrics] {
            for entry in Exposition::new(&bytes, format).entries().flatten() {
                if let Entry::Series(sample) = entry {
                    parse_labels(sample.series, |_, _| {});
                }
            }
        }
    }

    #[test]
    fn near_misses_end_without_a_panic(body in "([a-c{}=\",\\\\ #\n0-9.-]|HELP |TYPE |EOF){0,60}") {
        for format in [Format::Text, Format::OpenMetrics] {
            for entry in Exposition::new(body.as_bytes(), format).entries().flatten() {
                if let Entry::Series(sample) = entry {
                    parse_labels(sample.series, |_, _| {});
                }
            }
        }
    }
}
