//! Whole templates. The table holds what Prometheus prints for them, by `promtool test rules`.

use super::*;
use narthex_promql::InstantSample;
use proptest::prelude::*;

/// Template, and its result or error.
#[rustfmt::skip]
const PROMETHEUS: &[(&str, &str)] = &[
    ("{{ $value }}", "1.234567e+06"),
    ("{{ $labels.missing }}|{{ .Foo }}", r#"template: __alert_X:1:137: executing "__alert_X" at <.Foo>: can't evaluate field Foo in type struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }"#),
    ("{{ $labels }}", "map[__name__:m instance:node-1.example.com:9100 job:j]"),
    ("{{ .Labels.job.x }}", r#"template: __alert_X:1:122: executing "__alert_X" at <.Labels.job.x>: can't evaluate field x in type string"#),
    ("{{ $value.x }}", r#"template: __alert_X:1:121: executing "__alert_X" at <$value.x>: can't evaluate field x in type float64"#),
    (r#"{{ printf "%d" $value }}"#, "%!d(float64=1.234567e+06)"),
    ("{{ if gt $value 100 }}x{{end}}", r#"template: __alert_X:1:118: executing "__alert_X" at <gt $value 100>: error calling gt: incompatible types for comparison"#),
    (r#"{{ range query "n" | sortByLabel "k" }}{{.Labels.k}}:{{.Value}} {{end}}"#, "a:11 b:21 "),
    (r#"{{ humanize "one" }}"#, r#"template: __alert_X:1:115: executing "__alert_X" at <humanize "one">: error calling humanize: strconv.ParseFloat: parsing "one": invalid syntax"#),
    (r#"{{ reReplaceAll "(" "x" "y" }}"#, r#"template: __alert_X:1:115: executing "__alert_X" at <reReplaceAll "(" "x" "y">: error calling reReplaceAll: regexp: Compile(`(`): error parsing regexp: missing closing ): `(`"#),
    (r#"{{ index $labels "job" }}"#, "j"),
    (r#"{{ template "x" }}"#, r#"template: __alert_X:1:124: executing "__alert_X" at <{{template "x"}}>: template "x" not defined"#),
    ("{{ . }}", "{map[__name__:m instance:node-1.example.com:9100 job:j] map[cluster:c1] http://h:9090/pre 1.234567e+06}"),
    ("{{ nil }}", r#"template: __alert_X:1:115: executing "__alert_X" at <nil>: nil is not a command"#),
    (r#"{{ $value | printf "%s" }}"#, "%!s(float64=1.234567e+06)"),
    ("{{ .Value.x.y }}", r#"template: __alert_X:1:121: executing "__alert_X" at <.Value.x.y>: can't evaluate field x in type interface {}"#),
    ("{{ $labels.job | humanize }}", r#"template: __alert_X:1:129: executing "__alert_X" at <humanize>: error calling humanize: strconv.ParseFloat: parsing "j": invalid syntax"#),
    ("a\nb {{ $labels.job.x }}", r#"template: __alert_X:2:12: executing "__alert_X" at <$labels.job.x>: can't evaluate field x in type string"#),
    ("{{ ", "template: __alert_X:1: unclosed action"),
    ("{{ $x }}", r#"template: __alert_X:1: undefined variable "$x""#),
    ("{{ if }}", "template: __alert_X:1: missing value for if"),
    ("{{ foo }}", r#"template: __alert_X:1: function "foo" not defined"#),
    (r#"{{ query "n" | first }}"#, "{map[__name__:n k:b] 21}"),
    (r#"{{ printf "%v" (query "n" | first) }}"#, "&{map[__name__:n k:b] 21}"),
    (r#"{{ query "zz" | first | value }}"#, r#"template: __alert_X:1:128: executing "__alert_X" at <first>: error calling first: first() called on vector with no elements"#),
    ("{{ first 5 }}", r#"template: __alert_X:1:121: executing "__alert_X" at <5>: can't handle 5 for arg of type template.queryResult"#),
    ("{{ first nil | value }}", r#"template: __alert_X:1:115: executing "__alert_X" at <first nil>: error calling first: first() called on vector with no elements"#),
    ("{{ label nil }}", r#"template: __alert_X:1:115: executing "__alert_X" at <label>: wrong number of args for label: want 2 got 1"#),
    (r#"{{ label "x" nil }}"#, r#"template: __alert_X:1:115: executing "__alert_X" at <label "x" nil>: error calling label: runtime error: invalid memory address or nil pointer dereference"#),
    ("{{ len 3 }}", r#"template: __alert_X:1:115: executing "__alert_X" at <len 3>: error calling len: len of type int"#),
    (r#"{{ slice "abc" 1 5 }}"#, r#"template: __alert_X:1:115: executing "__alert_X" at <slice "abc" 1 5>: error calling slice: index out of range: 5"#),
    ("{{ (args 1 2).arg5 }}", "<no value>"),
    ("{{ args 1 2 }}", "map[arg0:1 arg1:2]"),
    (r#"{{ print 1 2 "a" "b" 3 }}"#, "1 2ab3"),
    ("{{ println 1 2 }}", "1 2\n"),
    ("{{ 1 | eq 2 }}", "false"),
    (r#"{{ "a" 1 }}"#, r#"template: __alert_X:1:115: executing "__alert_X" at <"a">: can't give argument to non-function "a""#),
    ("{{ call 3 }}", r#"template: __alert_X:1:115: executing "__alert_X" at <call 3>: error calling call: non-function of type int"#),
    (r#"{{ match "(" "x" }}"#, r#"template: __alert_X:1:115: executing "__alert_X" at <match "(" "x">: error calling match: error parsing regexp: missing closing ): `(`"#),
    (r#"{{ range $i, $s := query "n" }}{{$i}}={{$s.Labels.k}}{{if eq $i 0}}{{continue}}{{end}}!{{end}}"#, "0=b1=a!"),
    ("{{ range $k, $v := $labels }}{{$k}}:{{$v}} {{end}}", "__name__:m instance:node-1.example.com:9100 job:j "),
    ("{{ with $labels.missing }}a{{else}}b{{end}}", "b"),
    (r#"{{ if and $labels.job (eq $labels.job "j") }}yes{{ else if true }}no{{ end }}"#, "yes"),
    (r#"{{ define "t" }}[{{ . }}|{{ $ }}]{{ end }}{{ template "t" $labels.job }}"#, "[j|j]"),
    (r#"{{ block "b" 5 }}<{{.}}>{{ end }}"#, "<5>"),
    ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"),
    (r#"{{- /* c */ -}} a {{- " b " -}} c"#, "a b c"),
    (r#"{{ printf "%.2f %5d|%-5s|%q" $value 3 "a" "b" }}"#, r#"1234567.00     3|a    |"b""#),
    ("{{ (1435065584.128 | humanizeTimestamp) }}", "2015-06-23 13:19:44.128 +0000 UTC"),
    ("{{ humanize $value }} {{ humanize1024 $value }} {{ humanizeDuration $value }} {{ humanizePercentage 0.123 }}", "1.235M 1.177Mi 14d 6h 56m 7s 12.3%"),
    (r#"{{ parseDuration "1h2m10ms" }}"#, "3720.01"),
    (r#"{{ title "aa bb CC" }} {{ toUpper "x" }} {{ stripPort "a:1" }}"#, "Aa Bb CC X a"),
    (r#"{{ len $labels }} {{ index $labels "job" | len }}"#, "3 1"),
    (r#"{{ html "<a>" }} {{ js "it's" }} {{ urlquery "a b" }}"#, "&lt;a&gt; it\\'s a+b"),
    (r#"{{ not 0 }} {{ or "" "x" }} {{ and 1 0 }}"#, "true x 0"),
    ("{{ eq 1 1.0 }}", r#"template: __alert_X:1:115: executing "__alert_X" at <eq 1 1.0>: error calling eq: incompatible types for comparison"#),
    (r#"{{ eq "a" "b" "a" }}"#, "true"),
    ("{{ lt 1 2 }} {{ gt 1.5 $value }}", "true false"),
    (r#"{{ slice "abcdef" 1 3 }}"#, "bc"),
    ("{{ 1e3 }} {{ 0x1F }} {{ 'a' }} {{ 1.0 }} {{ 1_000 }}", "1000 31 97 1 1000"),
    ("{{ true }} {{ \"x\\ty\" }} {{ `raw` }}", "true x\ty raw"),
    ("{{ graphLink \"up{a=\\\"b\\\"}\" }} {{ tableLink \"up\" }}", "/graph?g0.expr=up%7Ba%3D%22b%22%7D&g0.tab=0 /graph?g0.expr=up&g0.tab=1"),
    (r#"{{ (query "n") | len }} {{ (query "n" | first).Value }} {{ query "n" | first | label "k" }}"#, "2 21 b"),
    (r#"{{ index (query "n") 1 | value }}"#, "11"),
    ("{{ $labels.job.x.y }}", r#"template: __alert_X:1:122: executing "__alert_X" at <$labels.job.x.y>: can't evaluate field x in type string"#),
    ("{{ $labels.job 1 }}", r#"template: __alert_X:1:122: executing "__alert_X" at <$labels.job>: job is not a method but has arguments"#),
    ("{{ .Labels 1 }}", r#"template: __alert_X:1:115: executing "__alert_X" at <.Labels>: Labels has arguments but cannot be invoked as function"#),
    ("{{ print nil }}", "<nil>"),
    ("{{ print $labels.zz nil }}", "<nil>"),
    ("{{ printf nil }}", r#"template: __alert_X:1:122: executing "__alert_X" at <nil>: cannot assign nil to string"#),
    ("{{ printf 5 }}", r#"template: __alert_X:1:122: executing "__alert_X" at <5>: expected string; found 5"#),
    ("{{ toUpper 5 }}", r#"template: __alert_X:1:123: executing "__alert_X" at <5>: expected string; found 5"#),
    ("{{ toUpper $value }}", r#"template: __alert_X:1:123: executing "__alert_X" at <$value>: wrong type for value; expected string; got float64"#),
    ("{{ humanize true }}", r#"template: __alert_X:1:115: executing "__alert_X" at <humanize true>: error calling humanize: can't convert bool to float"#),
    ("{{ humanize }}", r#"template: __alert_X:1:115: executing "__alert_X" at <humanize>: wrong number of args for humanize: want 1 got 0"#),
    ("{{ range 3.5 }}{{end}}", r#"template: __alert_X:1:121: executing "__alert_X" at <3.5>: range can't iterate over 3.5"#),
    ("{{ range $value }}{{end}}", r#"template: __alert_X:1:121: executing "__alert_X" at <$value>: range can't iterate over 1.234567e+06"#),
    (r#"{{ template "t" }}{{define "t"}}{{ .x }}|{{end}}"#, "<no value>|"),
    (r#"{{define "t"}}{{ $labels }}{{end}}"#, r#"template: __alert_X:1: undefined variable "$labels""#),
    ("{{ define \"t\" }}{{ .job.x }}{{ end }}\n {{ template \"t\" $labels }}", r#"template: __alert_X:1:135: executing "t" at <.job.x>: can't evaluate field x in type string"#),
    (r#"{{ (args 1 "b").arg1 }}"#, "b"),
    (r#"{{ reReplaceAll "(a)b" "x$1" "ab" }}"#, "xa"),
    (r#"{{ match "a+" "aa" }}"#, "true"),
    (r#"{{ printf "%v %+v %#v" $labels $labels $labels }}"#, r#"map[__name__:m instance:node-1.example.com:9100 job:j] map[__name__:m instance:node-1.example.com:9100 job:j] map[string]string{"__name__":"m", "instance":"node-1.example.com:9100", "job":"j"}"#),
    (r#"{{ printf "%+v" (query "n" | first) }}"#, "&{Labels:map[__name__:n k:b] Value:21}"),
    (r#"{{ safeHtml "<b>" }} {{ safeHtml "x" | printf "%T" }}"#, "<b> template.HTML"),
    (r#"{{ printf "%T %T %T %T" 1 "a" $value nil }}"#, "int string float64 <nil>"),
    ("{{ index $labels 1 }}", r#"template: __alert_X:1:115: executing "__alert_X" at <index $labels 1>: error calling index: value has type int; should be string"#),
    ("{{ index $labels nil }}", r#"template: __alert_X:1:115: executing "__alert_X" at <index $labels nil>: error calling index: value is nil; should be of type string"#),
    (r#"{{ index "abc" 1 }}"#, "98"),
    ("{{ index 1 1 }}", r#"template: __alert_X:1:115: executing "__alert_X" at <index 1 1>: error calling index: can't index item of type int"#),
    ("{{ index nil }}", r#"template: __alert_X:1:115: executing "__alert_X" at <index nil>: error calling index: index of untyped nil"#),
    ("{{ eq $labels $labels }}", r#"template: __alert_X:1:115: executing "__alert_X" at <eq $labels $labels>: error calling eq: non-comparable type map[__name__:m instance:node-1.example.com:9100 job:j]: map[string]string"#),
    ("{{ eq }}", r#"template: __alert_X:1:115: executing "__alert_X" at <eq>: wrong number of args for eq: want at least 1 got 0"#),
    ("{{ eq 1 }}", r#"template: __alert_X:1:115: executing "__alert_X" at <eq 1>: error calling eq: missing argument for comparison"#),
    ("{{ lt true false }}", r#"template: __alert_X:1:115: executing "__alert_X" at <lt true false>: error calling lt: invalid type for comparison"#),
    ("{{ lt $labels 1 }}", r#"template: __alert_X:1:115: executing "__alert_X" at <lt $labels 1>: error calling lt: invalid type for comparison"#),
    (r#"{{ lt 1 "a" }}"#, r#"template: __alert_X:1:115: executing "__alert_X" at <lt 1 "a">: error calling lt: incompatible types for comparison"#),
    ("{{ eq $labels.job nil }}", "false"),
    ("{{ eq nil nil }}", "true"),
    ("{{ len nil }}", r#"template: __alert_X:1:115: executing "__alert_X" at <len nil>: error calling len: reflect: call of reflect.Value.Type on zero Value"#),
    (r#"{{ len "héé" }}"#, "5"),
    ("{{ 5 | toUpper }}", r#"template: __alert_X:1:119: executing "__alert_X" at <toUpper>: wrong type for value; expected string; got int"#),
    (r#"{{ "a" | reReplaceAll "b" 5 }}"#, r#"template: __alert_X:1:138: executing "__alert_X" at <5>: expected string; found 5"#),
    ("{{ true.x }}", r#"template: __alert_X:1: unexpected . after term "true""#),
    ("{{ $ }}", "{map[__name__:m instance:node-1.example.com:9100 job:j] map[cluster:c1] http://h:9090/pre 1.234567e+06}"),
    ("{{ $.Value }}", "1.234567e+06"),
    ("{{ if $x := $value }}{{ $x }}{{ end }}", "1.234567e+06"),
    ("{{ with $x := $labels }}{{ .job }}{{ end }}", "j"),
    ("{{ 9223372036854775808 }}", r#"template: __alert_X:1:115: executing "__alert_X" at <9223372036854775808>: 9223372036854775808 overflows int"#),
    (r#"{{ 1.5 | printf "%d" }}"#, "%!d(float64=1.5)"),
    (r#"{{ strvalue (query "n" | first) }}|"#, "|"),
    ("{{ not }}", r#"template: __alert_X:1:115: executing "__alert_X" at <not>: wrong number of args for not: want 1 got 0"#),
    ("{{ and }}", r#"template: __alert_X:1:115: executing "__alert_X" at <and>: wrong number of args for and: want at least 1 got 0"#),
    (r#"{{ label "k" (query "n") }}"#, r#"template: __alert_X:1:132: executing "__alert_X" at <"n">: wrong type for value; expected *template.sample; got template.queryResult"#),
    (r#"{{ $value | humanize | printf "%s!" }}"#, "1.235M!"),
    (r#"{{ "43200" | humanizeDuration }}"#, "12h 0m 0s"),
    (r#"{{ .Value | printf "%.4g" }}"#, "1.235e+06"),
    (r#"{{ query "sum(" }}"#, r#"template: __alert_X:1:115: executing "__alert_X" at <query "sum(">: error calling query: 1:5: parse error: unclosed left parenthesis"#),
    (r#"{{ "x" | $labels.job }}"#, r#"template: __alert_X:1:128: executing "__alert_X" at <$labels.job>: job is not a method but has arguments"#),
    (r#"{{ range query "n" }}{{ . }}{{ end }}"#, "{map[__name__:n k:b] 21}{map[__name__:n k:a] 11}"),
    ("{{ urlquery $labels 1 }}", "map%5B__name__%3Am+instance%3Anode-1.example.com%3A9100+job%3Aj%5D+1"),
    (r#"{{ html (query "n" | first) }}"#, "{map[__name__:n k:b] 21}"),
    (r#"{{ js (query "n" | first) 1 }}"#, "{map[__name__:n k:b] 21} 1"),
    (r#"{{ urlquery (query "n" | first) }}"#, "%7Bmap%5B__name__%3An+k%3Ab%5D+21%7D"),
    (r#"{{ print (query "n" | first) }}"#, "&{map[__name__:n k:b] 21}"),
    (r#"{{ $labels.job | len | printf "%03d" }}"#, "001"),
    ("{{ `a\nb` }} {{ $labels.job.z }}", r#"template: __alert_X:2:16: executing "__alert_X" at <$labels.job.z>: can't evaluate field z in type string"#),
    ("a{{ if .Labels }}b{{ else }}c{{ end }}", "ab"),
    ("{{ break }}", "template: __alert_X:1: {{break}} outside {{range}}"),
    ("{{ if eq $value 1 }}{{ end }}", r#"template: __alert_X:1:118: executing "__alert_X" at <eq $value 1>: error calling eq: incompatible types for comparison"#),
    (r#"{{ printf "%s" }}"#, "%!s(MISSING)"),
    ("{{ println }}x", "\nx"),
    ("{{ call nil }}", r#"template: __alert_X:1:115: executing "__alert_X" at <call nil>: error calling call: call of nil"#),
    ("{{ slice $labels 1 }}", r#"template: __alert_X:1:115: executing "__alert_X" at <slice $labels 1>: error calling slice: can't slice item of type map[string]string"#),
    (r#"{{ title "1st foo-bar don't" }}"#, "1st Foo-Bar Don'T"),
];

fn sample(labels: &[(&str, &str)], value: f64) -> InstantSample {
    let labels = Labels::from_pairs(labels.iter().copied());
    InstantSample { labels, timestamp: 0, value, histogram: None }
}

fn query(expr: &str) -> Result<Vec<InstantSample>, String> {
    match expr {
        "n" => Ok(vec![
            sample(&[("__name__", "n"), ("k", "b")], 21.0),
            sample(&[("__name__", "n"), ("k", "a")], 11.0),
        ]),
        "sum(" => Err("1:5: parse error: unclosed left parenthesis".to_owned()),
        _ => Ok(Vec::new()),
    }
}

fn expand_value(text: &str, value: TemplateValue<'_>) -> Result<String, TemplateError> {
    let labels = [("__name__", "m"), ("instance", "node-1.example.com:9100"), ("job", "j")];
    let data = AlertData {
        labels: &Labels::from_pairs(labels),
        value,
        external_labels: &[("cluster".to_owned(), "c1".to_owned())],
        external_url: "http://h:9090/pre",
    };
    expand_within(text, &data, &Allowance::default())
}

fn expand_within(text: &str, data: &AlertData<'_>, allowance: &Allowance) -> Result<String, TemplateError> {
    let world = World { now_ms: 1_353_755_652_000, path_prefix: "/pre", query: &query, allowance };
    Template::parse("__alert_X", text)?.expand(data, &world)
}

#[test]
fn expansions_that_are_cheap_each_are_bounded_together() {
    let data = AlertData {
        labels: &Labels::empty(),
        value: TemplateValue::Float(1.0),
        external_labels: &[],
        external_url: "",
    };
    for (text, want) in [
        ("{{ range 300000 }}{{ end }}", "take more than 20000000 steps together"),
        ("{{ range 90 }}{{ query \"none\" }}{{ end }}", "ask more than 20000 queries together"),
        ("{{ printf \"%800000s\" \"\" }}", "make more than 67108864 bytes together"),
    ] {
        let allowance = Allowance::default();
        let end = (0..1000).find_map(|_| expand_within(text, &data, &allowance).err());
        let end = end.unwrap().to_string();
        assert!(end.contains("the templates of this evaluation") && end.contains(want), "{end}");
        let again = expand_within(text, &data, &allowance).unwrap_err().to_string();
        assert!(again.contains(want), "{again}");
        assert_eq!(expand_within("plain", &data, &allowance).as_deref(), Ok("plain"));
    }
}

fn expand(text: &str) -> Result<String, TemplateError> {
    expand_value(text, TemplateValue::Float(1_234_567.0))
}

#[test]
fn templates_come_out_as_in_prometheus() {
    for (text, want) in PROMETHEUS {
        let got = expand(text).unwrap_or_else(|error| error.detail().to_owned());
        assert_eq!(&got, want, "{text}");
    }
}

#[test]
fn newer_functions_work_as_documented() {
    for (text, want) in [
        (r#"{{ (1435065584.128 | toTime).Format "2006" }}"#, "2015"),
        ("{{ (1800 | toDuration).String }}", "30m0s"),
        ("{{ now }}", "1.353755652e+09"),
        (r#"{{ ("-30m" | parseDuration | toDuration | (now | toTime).Add).UnixMilli }}"#, "1353753852000"),
        (r#"{{ printf "%0.2f" (parseDuration "-1h2m10ms") }}"#, "-3720.01"),
        ("{{ 1435065584.128 | toTime }}", "2015-06-23 13:19:44.128 +0000 UTC"),
        ("{{ (toTime 0).Month }} {{ (toTime 0).Weekday.String }}", "January Thursday"),
        (r#"{{ (toDuration 90).Seconds | printf "%.1f" }}"#, "90.0"),
        ("{{ (toTime 86400).Sub (toTime 0) | humanizeDuration }}", "1d 0h 0m 0s"),
        (r#"{{ stripDomain $labels.instance }} {{ urlQueryEscape "a b" }}"#, "node-1:9100 a+b"),
        ("{{ externalURL }} {{ pathPrefix }} {{ $externalURL }}", "http://h:9090/pre /pre http://h:9090/pre"),
        ("{{ range 3 }}{{ . }}{{ end }}", "012"),
        ("{{ with $labels.zz }}a{{ else with $labels.job }}{{ . }}{{ end }}", "j"),
        ("{{ range query \"n\" }}{{ if eq .Labels.k \"a\" }}{{ break }}{{ end }}{{ .Value }}{{ end }}", "21"),
        ("{{ range query \"none\" }}x{{ else }}y{{ end }}", "y"),
        ("{{\n$x\n:=\n1\n}}{{ $x }}", "1"),
    ] {
        assert_eq!(expand(text).as_deref(), Ok(want), "{text}");
    }
    let error = expand("{{ 1800 | toDuration | humanizeDuration }}").unwrap_err();
    assert!(error.detail().ends_with("can't convert *time.Duration to float"), "{error}");
    let error = expand("{{ tmpl \"a\" . }}").unwrap_err();
    assert_eq!(
        error.to_string(),
        "error parsing template __alert_X: template: __alert_X:1: function \"tmpl\" not defined"
    );
}

#[test]
fn histograms_print_as_text() {
    let histogram = FloatHistogram { count: 3.0, sum: 1.5, zero_count: 3.0, ..FloatHistogram::default() };
    let expand = |text| expand_value(text, TemplateValue::Histogram(&histogram)).unwrap();
    assert_eq!(expand("{{ $value }}"), histogram.to_string());
    assert_eq!(expand("{{ .Value.Count }} {{ $value.Sum }}"), "3 1.5");
    assert_eq!(expand("{{ printf \"%s\" .Value }}"), histogram.to_string());
}

#[test]
fn numbers_of_the_value_print_as_in_go() {
    for (value, want) in [
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (123_456.0, "123456"),
        (1e6, "1e+06"),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
        (f64::NAN, "NaN"),
    ] {
        assert_eq!(expand_value("{{ $value }}", TemplateValue::Float(value)).as_deref(), Ok(want));
    }
}

#[test]
fn plain_texts_are_themselves() {
    let template = Template::parse("__alert_X", "a } b").unwrap();
    assert_eq!(template.is_plain(), Some("a } b"));
    assert_eq!(expand("a } b").as_deref(), Ok("a } b"));
    assert_eq!(Template::parse("__alert_X", "{{1}}").unwrap().is_plain(), None);
}

#[test]
fn what_loops_ends_with_an_error() {
    let text = |body: &str| format!("{{{{ define \"t\" }}}}{body}{{{{ end }}}}{{{{ template \"t\" . }}}}");
    for (template, want) in [
        (text("{{ template \"t\" . }}"), "exceeded maximum template depth (200)"),
        (text("{{ range 2 }}{{ template \"t\" . }}{{ end }}"), "exceeded maximum template depth (200)"),
        ("{{ range 100000000 }}{{ end }}".to_owned(), "template takes more than 1000000 steps"),
        ("{{ range 100000000 }}xxxxxxxxxxxxxxxxxxxx{{ end }}".to_owned(), "output exceeds 1048576 bytes"),
        (
            "{{ $x := \"xxxxxxxx\" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}".to_owned(),
            "error calling print: output exceeds 1048576 bytes",
        ),
        (
            "{{ $x := printf \"%1000000s\" \"\" }}{{ range 100 }}{{ $x = toUpper $x }}{{ end }}".to_owned(),
            "error calling toUpper: template makes more than 16777216 bytes of text",
        ),
        (
            "{{ range 1000 }}{{ query \"n\" }}{{ end }}".to_owned(),
            "error calling query: template takes more than 1000000 steps",
        ),
        (
            "{{ $x := printf \"%100000s\" \"\" }}{{ reReplaceAll \"\" $x $x }}".to_owned(),
            "error calling reReplaceAll: template takes more than 1000000 steps",
        ),
    ] {
        let error = expand(&template).unwrap_err();
        assert!(error.detail().ends_with(want), "{template}: {error}");
    }
}

#[test]
fn the_charts_templates_expand() {
    let shared = std::env::var_os("NARTHEX_SHARED").map_or_else(
        || std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")),
        std::path::PathBuf::from,
    );
    if !shared.is_dir() {
        eprintln!("SKIPPED: no shared data at {}", shared.display());
        return;
    }
    let mut expanded = 0;
    for entry in std::fs::read_dir(shared.join("corpus/rules")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for line in text.lines().filter(|line| line.contains("{{") && line.contains("}}")) {
            let got = expand(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert!(!got.contains("{{") && !got.contains("%!"), "{got}");
            expanded += 1;
        }
    }
    assert!(expanded > 50, "{expanded}");
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,40}") {
        let _ = expand(&text);
    }

    #[test]
    fn nothing_that_looks_like_a_template_panics(
        pieces in prop::collection::vec(
            prop::sample::select(&[
                "{{", "}}", "{{- ", " -}}", " ", "if ", "else ", "end", "range ", "with ", "define ", "template ",
                "block ", "break", "continue", "nil", "$", "$x", "$labels", ".", ".Labels", ".Value", ":=", "=",
                "|", "(", ")", ",", "\"n\"", "`a`", "'c'", "1", "-2.5e3", "0x1F", "query ", "first ", "print ",
                "printf ", "index ", "slice ", "len ", "eq ", "lt ", "and ", "args ", "toTime ", "toDuration ",
                ".Add ", ".Format ", "humanize ", "reReplaceAll ", "match ", "/*", "*/", "true", "\n", "é", "\\",
            ][..]),
            0..30,
        ),
    ) {
        let _ = expand(&pieces.concat());
        let _ = expand(&format!("{{{{ {} }}}}", pieces.concat()));
    }
}
