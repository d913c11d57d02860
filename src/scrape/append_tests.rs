//! Pages into a real database, read back.

use super::*;
use narthex_storage::{Columns, DbOptions, ExemplarSeries, Matcher, Queryable, SelectHints, is_stale_nan};
use proptest::prelude::*;
use std::collections::{BTreeSet, HashSet};

struct Fixture {
    _dir: tempfile::TempDir,
    db: Db,
    scrape: ScrapeAppender,
}

fn settings() -> ScrapeSettings {
    ScrapeSettings {
        target: Labels::from_pairs([("instance", "i"), ("job", "j")]),
        honor_labels: false,
        honor_timestamps: true,
        track_timestamps_staleness: false,
        legacy_names: false,
        limits: Limits::default(),
        fallback_protocol: None,
        extra_metrics: false,
        type_and_unit: false,
        metric_relabel: None,
        budget: None,
    }
}

fn fixture(settings: ScrapeSettings) -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let options = DbOptions { max_exemplars: 100, ..DbOptions::default() };
    let db = Db::open(dir.path(), options).unwrap();
    let scrape = ScrapeAppender::new(&db, settings).unwrap();
    Fixture { _dir: dir, db, scrape }
}

impl Fixture {
    fn scrape(&mut self, body: &str, timestamp: i64) -> Result<Counts, String> {
        let result = self.scrape.ingest(body.as_bytes(), Some("text/plain"), timestamp);
        let report = Report { up: result.is_ok(), duration_s: 0.25, ..Report::default() };
        self.scrape.finish(timestamp, &report).unwrap();
        result.map(|()| self.scrape.counts()).map_err(|e| e.to_string())
    }

    /// As `scrape`, a page of OpenMetrics.
    fn scrape_openmetrics(&mut self, lines: &str, timestamp: i64) -> Result<Counts, String> {
        let body = format!("{lines}\n# EOF\n");
        let result = self.scrape.ingest(
            body.as_bytes(),
            Some("application/openmetrics-text;version=1.0.0"),
            timestamp,
        );
        let report = Report { up: result.is_ok(), ..Report::default() };
        self.scrape.finish(timestamp, &report).unwrap();
        result.map(|()| self.scrape.counts()).map_err(|e| e.to_string())
    }

    /// The exemplars of a metric: labels, value and time, the series one behind the other.
    fn exemplars(&self, name: &str) -> Vec<String> {
        let all = self.db.exemplars(i64::MIN, i64::MAX, &[vec![Matcher::equal(NAME, name)]]);
        let print = |one: &ExemplarSeries| -> Vec<String> {
            one.exemplars.iter().map(|it| format!("{:?} {} {}", it.labels, it.value, it.timestamp)).collect()
        };
        all.iter().flat_map(print).collect()
    }

    /// Series as text with their samples; `x` is a staleness marker.
    fn series(&self, name: &str) -> Vec<(String, String)> {
        let querier = self.db.querier(0, i64::MAX).unwrap();
        let hints = SelectHints { mint: 0, maxt: i64::MAX, ..SelectHints::default() };
        let found = querier.select(&[Matcher::equal(NAME, name)], &hints).unwrap();
        let show =
            |(t, v): (&i64, &f64)| if is_stale_nan(*v) { format!("{t}:x") } else { format!("{t}:{v}") };
        found
            .iter()
            .map(|series| {
                let mut columns = Columns::default();
                series.read(0, i64::MAX, &mut columns).unwrap();
                let samples: Vec<_> = columns.timestamps.iter().zip(&columns.values).map(show).collect();
                (format!("{:?}", series.labels()), samples.join(" "))
            })
            .collect()
    }

    fn samples(&self, name: &str) -> String {
        self.series(name).into_iter().map(|(_, samples)| samples).collect::<Vec<_>>().join("; ")
    }
}

#[test]
fn a_page_and_its_report_become_series() {
    let mut f = fixture(settings());
    let counts = f.scrape("a{x=\"1\"} 5\na{x=\"2\"} 6\n", 1000).unwrap();
    assert_eq!(counts, Counts { scraped: 2, post_relabel: 2, added: 2, ..Counts::default() });
    let counts = f.scrape("a{x=\"1\"} 5\na{x=\"2\"} 7\n", 2000).unwrap();
    assert_eq!(counts.added, 0);
    assert_eq!(
        f.series("a"),
        [
            (r#"{__name__="a", instance="i", job="j", x="1"}"#.to_owned(), "1000:5 2000:5".to_owned()),
            (r#"{__name__="a", instance="i", job="j", x="2"}"#.to_owned(), "1000:6 2000:7".to_owned()),
        ]
    );
    assert_eq!(f.samples("up"), "1000:1 2000:1");
    assert_eq!(f.samples("scrape_samples_scraped"), "1000:2 2000:2");
    assert_eq!(f.samples("scrape_series_added"), "1000:2 2000:0");
    assert_eq!(f.samples("scrape_duration_seconds"), "1000:0.25 2000:0.25");
}

#[test]
fn a_series_that_vanishes_ends_and_may_come_back() {
    let mut f = fixture(settings());
    f.scrape("a 1\nb 1\n", 1000).unwrap();
    f.scrape("b 2\n", 2000).unwrap();
    f.scrape("a 3\nb 3\n", 3000).unwrap();
    assert_eq!(f.samples("a"), "1000:1 2000:x 3000:3");
    assert_eq!(f.samples("b"), "1000:1 2000:2 3000:3");
}

#[test]
fn a_malformed_page_ends_every_series_and_stores_nothing() {
    let mut f = fixture(settings());
    f.scrape("a 1\n", 1000).unwrap();
    let error = f.scrape("a 2\nnew 1\nb{ 1\n", 2000).unwrap_err();
    assert!(error.starts_with("line 3, column 4: expected label name"), "{error}");
    assert_eq!(f.samples("a"), "1000:1 2000:x");
    assert_eq!(f.samples("up"), "1000:1 2000:0");
    assert!(f.series("new").is_empty());
    f.scrape("a 3\n", 3000).unwrap();
    assert_eq!(f.samples("a"), "1000:1 2000:x 3000:3");
}

#[test]
fn clashing_labels_are_renamed_or_honoured() {
    let page = "a{job=\"p\",exported_job=\"q\",instance=\"\"} 1\n";
    let mut f = fixture(settings());
    f.scrape(page, 1000).unwrap();
    assert_eq!(
        f.series("a")[0].0,
        r#"{__name__="a", exported_exported_job="p", exported_job="q", instance="i", job="j"}"#
    );
    let mut f = fixture(ScrapeSettings { honor_labels: true, ..settings() });
    f.scrape(page, 1000).unwrap();
    assert_eq!(f.series("a")[0].0, r#"{__name__="a", exported_job="q", job="p"}"#);
}

#[test]
fn relabelling_drops_and_changes_series() {
    let relabel: MetricRelabel = Arc::new(|labels| {
        labels.remove("secret");
        labels.get(NAME) != Some("dropped")
    });
    let mut f = fixture(ScrapeSettings { metric_relabel: Some(relabel), ..settings() });
    for t in [1000, 2000] {
        let counts = f.scrape("dropped 1\nkept{secret=\"s\"} 1\n", t).unwrap();
        assert_eq!((counts.scraped, counts.post_relabel), (2, 1));
    }
    assert!(f.series("dropped").is_empty());
    assert_eq!(f.series("kept")[0].0, r#"{__name__="kept", instance="i", job="j"}"#);
}

#[test]
fn limits_refuse_the_whole_page_in_prometheus_s_words() {
    let with = |limits| ScrapeSettings { limits, ..settings() };
    let table = [
        (Limits { samples: 1, ..Limits::default() }, "a 1\nb 1\n", "sample limit exceeded"),
        (
            Limits { labels: 3, ..Limits::default() },
            "a{x=\"1\"} 1\n",
            "label_limit exceeded (metric: a, number of labels: 4, limit: 3)",
        ),
        (
            Limits { label_name_length: 8, ..Limits::default() },
            "a{long_name=\"1\"} 1\n",
            "label_name_length_limit exceeded (metric: a, label name: long_name, length: 9, limit: 8)",
        ),
        (
            Limits { label_value_length: 3, ..Limits::default() },
            "a{x=\"four\"} 1\n",
            "label_value_length_limit exceeded (metric: a, label name: x, value: \"four\", length: 4, limit: 3)",
        ),
        (Limits::default(), "{x=\"1\"} 1\n", "missing metric name (__name__ label)"),
    ];
    for (limits, page, want) in table {
        let mut f = fixture(with(Limits { label_name_length: limits.label_name_length, ..limits }));
        assert_eq!(f.scrape(page, 1000).unwrap_err(), want);
        assert_eq!(f.samples("up"), "1000:0");
    }
}

#[test]
fn timestamps_of_the_page_are_kept_or_ignored() {
    let mut f = fixture(ScrapeSettings { track_timestamps_staleness: true, ..settings() });
    f.scrape("a 1 500\nb 1\n", 1000).unwrap();
    f.scrape("a 1 500\nb 1\n", 2000).unwrap();
    f.scrape("a 2 2500\nb 1\n", 3000).unwrap();
    f.scrape("b 1\n", 4000).unwrap();
    assert_eq!(f.samples("a"), "500:1 2500:2 4000:x");
    let counts = f.scrape("a 9 100\nc 1 999999999\n", 5000).unwrap();
    assert_eq!((counts.out_of_order, counts.out_of_bounds), (1, 1));
    let mut f = fixture(ScrapeSettings { honor_timestamps: false, ..settings() });
    f.scrape("a 1 500\n", 1000).unwrap();
    assert_eq!(f.samples("a"), "1000:1");
}

#[test]
fn another_value_for_a_stamp_is_refused_and_counted_and_the_same_value_is_neither() {
    let mut f = fixture(settings());
    f.scrape("a 1 500\n", 1000).unwrap();
    let counts = f.scrape("a 1 500\n", 2000).unwrap();
    assert_eq!((counts.duplicate, counts.out_of_order, counts.out_of_bounds), (0, 0, 0));
    let counts = f.scrape("a 2 500\n", 3000).unwrap();
    assert_eq!((counts.duplicate, counts.out_of_order, counts.out_of_bounds), (1, 0, 0));
    assert_eq!(f.samples("a"), "500:1");
}

#[test]
fn a_stamped_sample_of_a_refused_page_is_taken_from_the_next() {
    let mut f = fixture(settings());
    f.scrape("a 1 500\n", 1000).unwrap();
    f.scrape("a 2 1500\nb{ 1\n", 2000).unwrap_err();
    f.scrape("a 2 1500\n", 3000).unwrap();
    assert_eq!(f.samples("a"), "500:1 1500:2");
    // Too far ahead at first, in time later.
    assert_eq!(f.scrape("c 1 700000\n", 50_000).unwrap().out_of_bounds, 1);
    f.scrape("c 1 700000\n", 400_000).unwrap();
    assert_eq!(f.samples("c"), "700000:1");
}

#[test]
fn label_sets_that_cannot_be_are_refused() {
    let table: &[(&[u8], &str)] = &[
        (b"a{x=\"1\",x=\"2\"} 1\n", "label name \"x\" is not unique: invalid sample"),
        (b"a{__name__=\"b\"} 1\n", "label name \"__name__\" is not unique: invalid sample"),
        (b"a{\"\"=\"1\"} 1\n", "invalid metric name or label names: {"),
        (b"a{\"\xff\"=\"1\"} 1\n", "invalid metric name or label names: {"),
    ];
    for (page, want) in table {
        let mut f = fixture(settings());
        let error = f.scrape.ingest(page, Some("text/plain"), 1000).unwrap_err().to_string();
        assert!(error.starts_with(want), "{error}");
    }
}

#[test]
fn a_series_with_very_many_labels_is_read_in_linear_time() {
    let labels: String = (0..30_000).map(|i| format!("l{i}=\"1\",")).collect();
    let limits = Limits { labels: 10, ..Limits::default() };
    let mut f = fixture(ScrapeSettings { limits, ..settings() });
    let error = f.scrape(&format!("a{{{labels}}} 1\n"), 1000).unwrap_err();
    assert_eq!(error, "label_limit exceeded (metric: a, number of labels: 30003, limit: 10)");
}

#[test]
fn long_names_are_cut_in_error_texts() {
    let name = "n".repeat(60);
    let limits = Limits { labels: 1, ..Limits::default() };
    let mut f = fixture(ScrapeSettings { limits, ..settings() });
    let shown = "n".repeat(50);
    let want = format!("label_limit exceeded (metric: {shown}, number of labels: 3, limit: 1)");
    assert_eq!(f.scrape(&format!("{name} 1\n"), 1000).unwrap_err(), want);
}

#[test]
fn the_first_of_two_equal_series_stays_and_the_other_is_counted() {
    let mut f = fixture(settings());
    for t in [1000, 2000] {
        let counts = f.scrape("a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 2\n", t).unwrap();
        assert_eq!((counts.duplicate, counts.scraped), (1, 2));
    }
    assert_eq!(f.samples("a"), "1000:1 2000:1");
    f.scrape("a{y=\"2\",x=\"1\"} 3\n", 3000).unwrap();
    assert_eq!(f.samples("a"), "1000:1 2000:1 3000:3");
}

#[test]
fn the_end_of_a_target_ends_its_report_too() {
    let mut f = fixture(settings());
    f.scrape("a 1\n", 1000).unwrap();
    f.scrape.end_of_run(2000).unwrap();
    assert_eq!((f.samples("a"), f.samples("up")), ("1000:1 2000:x".to_owned(), "1000:1 2000:x".to_owned()));
}

#[test]
fn metadata_follows_the_page() {
    let mut f = fixture(settings());
    f.scrape("# HELP a some\\nhelp\n# TYPE a counter\na 1\n# TYPE b untyped\nb 1\n", 1000).unwrap();
    let entry = |metric: &str, kind, help: &str| MetadataEntry {
        metric: metric.to_owned(),
        kind,
        help: help.to_owned(),
        unit: String::new(),
    };
    let want = [entry("a", MetricType::Counter, "some\nhelp"), entry("b", MetricType::Unknown, "")];
    assert_eq!(f.scrape.metadata(), want);
    f.scrape("b 1\n", 2000).unwrap();
    assert!(f.scrape.metadata().is_empty());
}

#[test]
fn series_are_described_by_the_comments_before_them() {
    let mut f = fixture(ScrapeSettings { type_and_unit: true, ..settings() });
    let page = |kind: &str, extra: &str| {
        format!("a 1\n# TYPE b {kind}\nb 2\n{extra}# TYPE c gauge\nc{{__type__=\"x\",__unit__=\"y\"}} 3\n")
    };
    f.scrape(&page("counter", ""), 1000).unwrap();
    f.scrape(&page("counter", "b2 1\n"), 2000).unwrap();
    f.scrape(&page("gauge", "b2 1\n"), 3000).unwrap();
    let shown = |f: &Fixture, name: &str| f.series(name);
    let own = "instance=\"i\", job=\"j\"";
    assert_eq!(f.samples("a"), "1000:1 2000:1 3000:1");
    assert!(shown(&f, "a")[0].0.starts_with("{__name__=\"a\", instance"), "{:?}", shown(&f, "a"));
    assert_eq!(
        shown(&f, "b"),
        [
            (format!("{{__name__=\"b\", __type__=\"counter\", {own}}}"), "1000:2 2000:2 3000:x".to_owned()),
            (format!("{{__name__=\"b\", __type__=\"gauge\", {own}}}"), "3000:2".to_owned()),
        ]
    );
    let exposed = format!("{{__name__=\"c\", __type__=\"gauge\", __unit__=\"y\", {own}}}");
    assert_eq!(shown(&f, "c"), [(exposed, "1000:3 2000:3 3000:3".to_owned())]);
    assert!(shown(&f, "up")[0].0.starts_with("{__name__=\"up\", instance"), "{:?}", shown(&f, "up"));
}

#[test]
fn openmetrics_tells_units_as_well() {
    let mut f = fixture(ScrapeSettings { type_and_unit: true, ..settings() });
    let body = "# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total 1\n\
                # TYPE b unknown\nb 1\n# EOF\n";
    let kind = Some("application/openmetrics-text; version=1.0.0");
    for timestamp in [1000, 2000] {
        f.scrape.ingest(body.as_bytes(), kind, timestamp).unwrap();
        f.scrape.finish(timestamp, &Report { up: true, ..Report::default() }).unwrap();
    }
    let (labels, samples) = f.series("a_seconds_total").remove(0);
    assert_eq!(samples, "1000:1 2000:1");
    assert!(labels.contains("__type__=\"counter\", __unit__=\"seconds\""), "{labels}");
    assert!(!f.series("b")[0].0.contains("__type__"), "{:?}", f.series("b"));
}

#[test]
fn a_spent_budget_refuses_new_series_only() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), DbOptions::default()).unwrap();
    // Two of its own beside the five of the report.
    let budget = SeriesBudget::new(Some(7));
    let scrape =
        ScrapeAppender::new(&db, ScrapeSettings { budget: Some(budget.clone()), ..settings() }).unwrap();
    let mut f = Fixture { _dir: dir, db, scrape };
    let page = "new{x=\"1\"} 1\na 1\nnew{x=\"2\"} 1 1500\nb 2 1500\n";
    f.scrape("a 1\nb 1 900\n", 1000).unwrap();
    let counts = f.scrape(page, 2000).unwrap();
    assert_eq!(counts, Counts { scraped: 4, post_relabel: 4, refused: 2, ..Counts::default() });
    assert_eq!((f.samples("a"), f.samples("b")), ("1000:1 2000:1".to_owned(), "900:1 1500:2".to_owned()));
    assert_eq!(
        (f.samples("up"), f.samples("scrape_series_added")),
        ("1000:1 2000:1".to_owned(), "1000:2 2000:0".to_owned())
    );
    assert_eq!(f.scrape(page, 3000).unwrap().refused, 2);
    assert_eq!((budget.series(), budget.refused()), (7, 2), "asked for once each");
    budget.set_limit(Some(8));
    let counts = f.scrape(page, 4000).unwrap();
    assert_eq!((counts.added, counts.refused), (1, 1));
    // A target whose budget is spent from the beginning still tells that it is up.
    let other = Labels::from_pairs([("instance", "k"), ("job", "j")]);
    f.scrape =
        ScrapeAppender::new(&f.db, ScrapeSettings { target: other, budget: Some(budget), ..settings() })
            .unwrap();
    assert_eq!(f.scrape("a 1\n", 5000).unwrap().refused, 1);
    assert_eq!(f.series("up").len(), 2);
}

#[test]
fn once_the_head_let_its_old_series_go_a_target_may_bring_new_ones() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), DbOptions::default()).unwrap();
    let budget = SeriesBudget::new(Some(8));
    let scrape =
        ScrapeAppender::new(&db, ScrapeSettings { budget: Some(budget.clone()), ..settings() }).unwrap();
    let mut f = Fixture { _dir: dir, db, scrape };
    f.scrape("a 1\nold{x=\"1\"} 1\nold{x=\"2\"} 1 1000\n", 1000).unwrap();
    let page = "new{x=\"1\"} 1\na 1\nnew{x=\"2\"} 1\n";
    let mut refused = Vec::new();
    for minute in 1..10 * 60 {
        let at = minute * 60_000;
        let counts = f.scrape(page, at).unwrap();
        refused.push(counts.refused);
        f.db.maintain(at).unwrap();
        assert!(budget.series() <= 8);
    }
    refused.dedup();
    assert_eq!(refused, [2, 0], "refused until there is room, then taken");
    assert_eq!(f.series("new").len(), 2);
    assert_eq!(
        (f.series("a").len(), f.samples("a").split(' ').count()),
        (1, 10 * 60),
        "what was known has every sample"
    );
}

#[test]
fn exemplars_have_their_own_time_or_that_of_their_sample_or_that_of_the_scrape() {
    let mut fixture = fixture(settings());
    let lines = [
        "a_total 1 # {trace_id=\"a\\\"\"} 0.5 1.25",
        "b_total 1 2.5 # {trace_id=\"b\"} 0.5",
        "c_total 1 # {trace_id=\"c\",empty=\"\"} NaN",
        "d_total 1",
    ];
    fixture.scrape_openmetrics(&lines.join("\n"), 9000).unwrap();
    assert_eq!(fixture.exemplars("a_total"), ["{trace_id=\"a\\\"\"} 0.5 1250"]);
    assert_eq!(fixture.exemplars("b_total"), ["{trace_id=\"b\"} 0.5 2500"]);
    assert_eq!(fixture.exemplars("c_total"), ["{trace_id=\"c\"} NaN 9000"]);
    assert!(fixture.exemplars("d_total").is_empty());
    let labels = &fixture.db.exemplars(0, 9000, &[vec![Matcher::equal(NAME, "a_total")]])[0].labels;
    assert_eq!(format!("{labels:?}"), r#"{__name__="a_total", instance="i", job="j"}"#);
}

#[test]
fn an_exemplar_that_is_exposed_again_is_stored_once() {
    let mut fixture = fixture(settings());
    let page = |value: u32, exemplar: &str| format!("a_total {value} # {exemplar}\nb_total {value}");
    // With a timestamp and without, the value changing or not.
    for (at, value) in [(1000, 1), (2000, 1), (3000, 2), (4000, 3)] {
        fixture.scrape_openmetrics(&page(value, "{t=\"x\"} 0.5"), at).unwrap();
    }
    assert_eq!(fixture.exemplars("a_total"), ["{t=\"x\"} 0.5 1000"]);
    for (at, value) in [(5000, 3), (6000, 4)] {
        fixture.scrape_openmetrics(&page(value, "{t=\"x\"} 0.75 4.5"), at).unwrap();
    }
    assert_eq!(fixture.exemplars("a_total"), ["{t=\"x\"} 0.5 1000", "{t=\"x\"} 0.75 4500"]);
    assert_eq!(fixture.db.exemplar_stats().appended, 2);
}

#[test]
fn exemplars_out_of_order_are_dropped_and_counted_and_the_samples_stay() {
    let mut fixture = fixture(settings());
    fixture.scrape_openmetrics("a_total 1 # {t=\"x\"} 1 5", 5000).unwrap();
    let long = "x".repeat(128);
    let lines = format!("a_total 2 # {{t=\"y\"}} 1 4\nb_total 1 # {{t=\"{long}\"}} 1 4");
    let counts = fixture.scrape_openmetrics(&lines, 6000).unwrap();
    assert_eq!((counts.scraped, counts.exemplars_out_of_order), (2, 1));
    assert_eq!(fixture.exemplars("a_total"), ["{t=\"x\"} 1 5000"]);
    assert!(fixture.exemplars("b_total").is_empty());
    assert_eq!(fixture.series("a_total")[0].1, "5000:1 6000:2");
}

#[test]
fn exemplars_of_a_refused_page_come_with_the_next_one() {
    let mut fixture = fixture(settings());
    fixture.scrape_openmetrics("a_total 1 # {t=\"x\"} 1 1\nb_total 1", 1000).unwrap();
    fixture.scrape_openmetrics("a_total 1 # {t=\"y\"} 1 2\nb_total {", 2000).unwrap_err();
    assert_eq!(fixture.exemplars("a_total").len(), 1);
    fixture.scrape_openmetrics("a_total 1 # {t=\"y\"} 1 2\nb_total 1", 3000).unwrap();
    assert_eq!(fixture.exemplars("a_total"), ["{t=\"x\"} 1 1000", "{t=\"y\"} 1 2000"]);
}

#[test]
fn what_is_exposed_is_taken_when_exemplars_are_kept_from_now_on() {
    let mut fixture = fixture(settings());
    fixture.db.set_max_exemplars(0);
    let page = "a_total 1 # {t=\"x\"} 1 1";
    fixture.scrape_openmetrics(page, 1000).unwrap();
    assert!(fixture.exemplars("a_total").is_empty());
    fixture.db.set_max_exemplars(10);
    fixture.scrape_openmetrics(page, 2000).unwrap();
    assert_eq!(fixture.exemplars("a_total"), ["{t=\"x\"} 1 1000"]);
}

#[test]
fn relabelled_series_have_their_exemplars_and_dropped_ones_none() {
    let relabel: MetricRelabel = Arc::new(|labels: &mut LabelsBuilder| {
        let keeps = labels.get(NAME) != Some("b_total");
        labels.set("extra", "1");
        keeps
    });
    let mut fixture = fixture(ScrapeSettings { metric_relabel: Some(relabel), ..settings() });
    let page = "a_total 1 # {t=\"x\"} 1 1\nb_total 1 # {t=\"y\"} 1 1";
    fixture.scrape_openmetrics(page, 1000).unwrap();
    let all = fixture.db.exemplars(
        0,
        9000,
        &[vec![Matcher::equal("extra", "1")], vec![Matcher::equal(NAME, "b_total")]],
    );
    let names: Vec<_> = all.iter().map(|one| one.labels.metric_name()).collect();
    assert_eq!(names, ["a_total"]);
}

/// A line: which series, which of its two spellings, and a value.
fn lines() -> impl Strategy<Value = Vec<(u8, bool, u8)>> {
    proptest::collection::vec((0..12u8, proptest::bool::weighted(0.2), 0..3u8), 0..16)
}

proptest! {
    #[test]
    fn series_come_move_and_go_with_the_lines_of_the_pages(pages in proptest::collection::vec(lines(), 1..10)) {
        let mut f = fixture(settings());
        let mut want: BTreeMap<u8, Vec<String>> = BTreeMap::new();
        let (mut last_texts, mut last): (HashSet<String>, BTreeSet<u8>) = Default::default();
        for (number, page) in pages.iter().enumerate() {
            let t = (number as i64 + 1) * 1000;
            let (mut texts, mut present) = (HashSet::new(), BTreeSet::new());
            let mut body = String::new();
            for (series, respelled, value) in page {
                let (a, b) = (format!("id=\"{series:02}\""), "z=\"1\"".to_owned());
                let text = if *respelled { format!("m{{{b},{a}}}") } else { format!("m{{{a},{b}}}") };
                body += &format!("{text} {value}\n");
                texts.insert(text);
                if present.insert(*series) {
                    want.entry(*series).or_default().push(format!("{t}:{value}"));
                }
            }
            for gone in last.difference(&present) {
                want.entry(*gone).or_default().push(format!("{t}:x"));
            }
            let counts = f.scrape(&body, t).unwrap();
            prop_assert_eq!(counts.added, texts.difference(&last_texts).count());
            prop_assert_eq!(counts.duplicate, page.len() - present.len());
            (last_texts, last) = (texts, present);
        }
        let got: Vec<String> = f.series("m").into_iter().map(|(_, samples)| samples).collect();
        let want: Vec<String> = want.into_values().map(|samples| samples.join(" ")).collect();
        prop_assert_eq!(got, want);
    }
}
