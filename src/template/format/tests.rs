use super::*;
use crate::template::value::{Held, Type};
use narthex_storage::Labels;
use proptest::prelude::*;
use std::rc::Rc;

fn formatted(format: &str, values: &[Value]) -> String {
    let mut out = Output::new(10_000);
    printf(&mut out, format, values);
    out.finish().unwrap()
}

#[test]
fn verbs_print_as_in_go() {
    let float = Value::Float(1234.5678);
    let int = Value::Int(-42, Integer::Int);
    let text = Value::text("héllo");
    for (format, value, want) in [
        ("%v", &float, "1234.5678"),
        ("%.2f", &float, "1234.57"),
        ("%8.1f|", &float, "  1234.6|"),
        ("%-9.1f|", &float, "1234.6   |"),
        ("%+09.2f", &float, "+01234.57"),
        ("%e", &float, "1.234568e+03"),
        ("%.3g", &float, "1.23e+03"),
        ("%G", &Value::Float(1e-9), "1E-09"),
        ("%6.1f", &Value::Float(f64::INFINITY), "  +Inf"),
        ("%06.1f", &Value::Float(f64::NAN), "   NaN"),
        ("% f", &Value::Float(1.0), " 1.000000"),
        ("%.0f", &Value::Float(2.5), "2"),
        ("%d", &float, "%!d(float64=1234.5678)"),
        ("%s", &float, "%!s(float64=1234.5678)"),
        ("%d", &int, "-42"),
        ("%05d", &int, "-0042"),
        ("%+.3d", &Value::Int(7, Integer::Int), "+007"),
        ("%x", &int, "-2a"),
        ("%#X", &Value::Int(255, Integer::Int), "0XFF"),
        ("%#o %[1]O", &Value::Int(8, Integer::Int), "010 0o10"),
        ("%b", &Value::Int(5, Integer::Int), "101"),
        ("%c%[1]q%[1]U", &Value::Int(233, Integer::Int), "é'é'U+00E9"),
        ("%f", &int, "%!f(int=-42)"),
        ("%s", &text, "héllo"),
        ("%7s|%-7s|", &text, "  héllo|%!s(MISSING)|"),
        ("%.2s", &text, "hé"),
        ("%q", &text, "\"héllo\""),
        ("%#q", &text, "`héllo`"),
        ("%x", &text, "68c3a96c6c6f"),
        ("% #X", &Value::text("ab"), "0X61 0X62"),
        ("%d", &text, "%!d(string=héllo)"),
        ("%t", &Value::Bool(true), "true"),
        ("%d", &Value::Bool(true), "%!d(bool=true)"),
        ("%v", &Value::Missing, "<nil>"),
        ("%d", &Value::Nil(Type::Any), "%!d(<nil>)"),
        ("%T", &float, "float64"),
        ("%v", &Value::Duration(1_500_000_000, Held::Value), "1.5s"),
        ("%d", &Value::Duration(1_500, Held::Value), "1500"),
        ("%v", &Value::Int(6, Integer::Month), "June"),
        ("%d", &Value::Int(6, Integer::Month), "6"),
    ] {
        assert_eq!(formatted(format, std::slice::from_ref(value)), want, "{format} of {value:?}");
    }
}

#[test]
fn broken_formats_say_so() {
    let two = [Value::Int(1, Integer::Int), Value::text("b")];
    for (format, want) in [
        ("100%", "100%!(NOVERB)%!(EXTRA int=1, string=b)"),
        ("%d %s %d", "1 b %!d(MISSING)"),
        ("%[2]s", "b"),
        ("%[3]s", "%!s(BADINDEX)"),
        ("%[x]s", "%!s(BADINDEX)"),
        ("%%%d", "%1%!(EXTRA string=b)"),
        ("%!d", "%!!(int=1)d%!(EXTRA string=b)"),
        ("%*s|", "b|"),
        ("%.*s", "b"),
        ("%s", "%!s(int=1)%!(EXTRA string=b)"),
    ] {
        assert_eq!(formatted(format, &two), want, "{format}");
    }
    assert_eq!(formatted("%*d", &[Value::text("a"), Value::Int(2, Integer::Int)]), "%!(BADWIDTH)2");
}

#[test]
fn maps_print_by_key() {
    let labels = Value::Labels(Rc::new(Labels::from_pairs([("b", "2"), ("a", "1")])));
    assert_eq!(formatted("%v", std::slice::from_ref(&labels)), "map[a:1 b:2]");
    assert_eq!(formatted("%q", std::slice::from_ref(&labels)), r#"map["a":"1" "b":"2"]"#);
    assert_eq!(formatted("%#v", std::slice::from_ref(&labels)), r#"map[string]string{"a":"1", "b":"2"}"#);
    let args: Rc<[Value]> = (0..11).map(|n| Value::Int(n, Integer::Int)).collect();
    assert!(formatted("%v", &[Value::Args(args)]).starts_with("map[arg0:0 arg1:1 arg10:10 arg2:2"));
}

#[test]
fn values_are_printed_with_blanks_between_what_is_no_text() {
    let int = |n| Value::Int(n, Integer::Int);
    let values = [int(1), int(2), Value::text("a"), Value::text("b"), int(3)];
    let mut out = Output::new(100);
    print(&mut out, &values);
    assert_eq!(out.finish().unwrap(), "1 2ab3");
    let mut out = Output::new(100);
    println(&mut out, &values);
    assert_eq!(out.finish().unwrap(), "1 2 a b 3\n");
}

#[test]
fn what_is_too_long_is_an_error() {
    for format in ["%1000000d", "%.1000000f", "%0100000.3f", "%-100000s", "%99999999d"] {
        let mut out = Output::new(1_000);
        printf(&mut out, format, &[Value::Float(1.0)]);
        let result = out.finish();
        assert!(
            result.is_err() || result.as_ref().is_ok_and(|text| text.len() < 100),
            "{format}: {result:?}"
        );
    }
}

proptest! {
    #[test]
    fn no_format_panics(format in "[%a-z0-9.*#+ \\[\\]-]{0,20}", float in any::<f64>(), int in any::<i64>()) {
        let values = [Value::Float(float), Value::Int(int, Integer::Int), Value::text("é")];
        let mut out = Output::new(100_000);
        printf(&mut out, &format, &values);
        let _ = out.finish();
    }
}
