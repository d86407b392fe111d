//! What parses, what fails.

use crate::contract::{DateFormat, TimeFormat};
use crate::landing::decode::time::{DateParser, Instant, TimeParser};
use crate::landing::decode::value::{boolean, decimal, integer};

#[test]
fn decimals() {
    for (text, expected) in [
        ("12.50", Some(1250)),
        ("12.5", Some(1250)),
        ("12", Some(1200)),
        ("12.", Some(1200)),
        ("-12.50", Some(-1250)),
        ("+12.50", Some(1250)),
        (" 12.50\t", Some(1250)),
        ("0012.50", Some(1250)),
        ("12.500000", Some(1250)),
        ("-0.00", Some(0)),
        ("0", Some(0)),
        ("9999999999999999.99", Some(999_999_999_999_999_999)),
        ("00000000000000000000001.00", Some(100)),
        ("10000000000000000.00", None),
        ("99999999999999999999999999999999999999999999", None),
        ("12.505", None),
        ("12.5001", None),
        ("12,50", None),
        ("1.234,50", None),
        ("1,234.50", None),
        ("12,5O", None),
        ("1e3", None),
        ("1E3", None),
        ("0x10", None),
        (".5", None),
        (".", None),
        ("-", None),
        ("", None),
        ("  ", None),
        ("12.50 EUR", None),
        ("1 000.00", None),
        ("--1", None),
        ("+-1", None),
        ("1.2.3", None),
        ("NaN", None),
        ("١٢", None),
    ] {
        assert_eq!(decimal(text, 18, 2), expected, "{text:?}");
    }
    assert_eq!(decimal("1.085000", 18, 6), Some(1_085_000));
    assert_eq!(decimal("0.4321", 5, 4), Some(4321));
    assert_eq!(decimal("10.0000", 5, 4), None, "six digits do not fit five");
    assert_eq!(decimal("9.9999", 5, 4), Some(99_999));
    let all = "99999999999999999999999999999999999999";
    assert_eq!(decimal(all, 38, 0), Some(10i128.pow(38) - 1));
    assert_eq!(decimal(&format!("{all}0"), 38, 0), None);
}

#[test]
fn integers() {
    for (text, expected) in [
        ("7", Some(7)),
        ("-7", Some(-7)),
        ("+7", Some(7)),
        (" 7 ", Some(7)),
        ("007", Some(7)),
        ("1.0", Some(1)),
        ("1.000", Some(1)),
        ("9223372036854775807", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("9223372036854775808", None),
        ("99999999999999999999999999999999999999999999", None),
        ("1.5", None),
        ("1.01", None),
        ("1e2", None),
        ("1,000", None),
        ("seven", None),
        ("", None),
    ] {
        assert_eq!(integer(text), expected, "{text:?}");
    }
}

#[test]
fn booleans() {
    for text in ["true", "TRUE", "1"] {
        assert_eq!(boolean(text), Some(true));
    }
    for text in ["false", "FALSE", "0"] {
        assert_eq!(boolean(text), Some(false));
    }
    for text in ["", "True", "yes", "t", " true", "2", "on", "null"] {
        assert_eq!(boolean(text), None, "{text:?}");
    }
}

fn micros(text: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros()
}

fn iso(zone: &str) -> TimeParser {
    TimeParser::compile(&TimeFormat::Iso { zone: zone.into() }).unwrap()
}

#[test]
fn iso_times() {
    let mut parser = iso("UTC");
    for (text, expected) in [
        ("2020-09-11 13:26:15.000", "2020-09-11T13:26:15Z"),
        ("2026-11-20T08:15:30Z", "2026-11-20T08:15:30Z"),
        ("2026-11-20t08:15:30z", "2026-11-20T08:15:30Z"),
        ("2026-11-20T08:15:30", "2026-11-20T08:15:30Z"),
        ("2026-11-20T08:15", "2026-11-20T08:15:00Z"),
        ("2026-11-20T08:15:30.123456Z", "2026-11-20T08:15:30.123456Z"),
        ("2026-11-20T08:15:30.1", "2026-11-20T08:15:30.1Z"),
        ("2026-11-20T08:15:30.123456000Z", "2026-11-20T08:15:30.123456Z"),
        ("2026-11-20T08:15:30+02:00", "2026-11-20T06:15:30Z"),
        ("2026-11-20T08:15:30-0530", "2026-11-20T13:45:30Z"),
        ("2026-11-20T08:15:30+02", "2026-11-20T06:15:30Z"),
        ("2024-02-29 00:00:00", "2024-02-29T00:00:00Z"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ] {
        assert_eq!(parser.parse(text), Some(Instant { micros: micros(expected), ambiguous: false }), "{text:?}");
    }
    for text in [
        "",
        "2026-02-30T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T23:60:00Z",
        "2026-01-01T23:59:60Z",
        "2026-01-01",
        "2026-01-01T",
        "2026-01-01T10",
        "2026-01-01T10:00:00.",
        "2026-01-01T10:00:00.1234567Z",
        "2026-01-01T10:00:00 Z",
        "2026-01-01T10:00:00Zz",
        "2026-01-01T10:00:00+2:00",
        "2026-01-01T10:00:00+02:00x",
        "2026-01-01T10:00:00+24:00",
        "2026-1-1T10:00:00Z",
        "26-01-01T10:00:00Z",
        "01.01.2026 10:00:00",
        "1767225600",
        " 2026-01-01T10:00:00Z",
        "9999-12-31T23:59:59-01:00",
    ] {
        assert_eq!(parser.parse(text), None, "{text:?}");
    }
}

#[test]
fn every_day_agrees_with_the_calendar() {
    let parser = DateParser::compile(&DateFormat::Iso).unwrap();
    let mut day = chrono::NaiveDate::from_ymd_opt(1895, 1, 1).unwrap();
    let epoch = chrono::NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
    while day.to_string().as_str() < "2105-01-01" {
        let expected = day.signed_duration_since(epoch).num_days() as i32;
        assert_eq!(parser.parse(&day.to_string()), Some(expected), "{day}");
        day = day.succ_opt().unwrap();
    }
}

#[test]
fn dates() {
    let iso = DateParser::compile(&DateFormat::Iso).unwrap();
    assert_eq!(iso.parse("1970-01-02"), Some(1));
    for text in ["2026-02-30", "2026-1-2", "2026-01-02 ", "2026-01-02T00:00:00", "02.01.2026", "20260102", ""] {
        assert_eq!(iso.parse(text), None, "{text:?}");
    }
    let german = DateParser::compile(&DateFormat::Pattern("%d.%m.%Y".into())).unwrap();
    assert_eq!(german.parse("31.12.2026"), iso.parse("2026-12-31"));
    for text in ["31.11.2026", "2026-12-31", "31.12.", "31.12.2026 "] {
        assert_eq!(german.parse(text), None, "{text:?}");
    }
    assert!(DateParser::compile(&DateFormat::Pattern("%!".into())).is_err());
}

#[test]
fn epoch_seconds() {
    let mut parser = TimeParser::compile(&TimeFormat::EpochSeconds).unwrap();
    assert_eq!(parser.parse("0").unwrap().micros, 0);
    assert_eq!(parser.parse("1767225600").unwrap().micros, micros("2026-01-01T00:00:00Z"));
    assert_eq!(parser.parse("-1").unwrap().micros, -1_000_000);
    // Milliseconds by mistake lie in the year 57970.
    for text in ["1767225600000", "9223372036854775807", "1767225600.5", "2026-01-01", ""] {
        assert_eq!(parser.parse(text), None, "{text:?}");
    }
}

#[test]
fn the_hour_that_comes_twice_takes_the_earlier_offset() {
    let mut berlin = iso("Europe/Berlin");
    // Twice each: the second time may come from what is remembered of the hour.
    for _ in 0..2 {
        for (text, expected, ambiguous) in [
            ("2026-10-25T01:59:59", "2026-10-24T23:59:59Z", false),
            ("2026-10-25T02:00:00", "2026-10-25T00:00:00Z", true),
            ("2026-10-25T02:59:59", "2026-10-25T00:59:59Z", true),
            ("2026-10-25T03:00:00", "2026-10-25T02:00:00Z", false),
            ("2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00Z", false),
            ("2026-07-01T12:00:00", "2026-07-01T10:00:00Z", false),
            ("2026-01-01T12:00:00", "2026-01-01T11:00:00Z", false),
        ] {
            assert_eq!(berlin.parse(text), Some(Instant { micros: micros(expected), ambiguous }), "{text:?}");
        }
    }
}

#[test]
fn a_time_that_the_clock_skips_takes_the_offset_before() {
    let mut berlin = iso("Europe/Berlin");
    for _ in 0..2 {
        for (text, expected) in [
            ("2026-03-29T01:59:59", "2026-03-29T00:59:59Z"),
            ("2026-03-29T02:00:00", "2026-03-29T01:00:00Z"),
            ("2026-03-29T02:30:00", "2026-03-29T01:30:00Z"),
            ("2026-03-29T03:00:00", "2026-03-29T01:00:00Z"),
        ] {
            assert_eq!(berlin.parse(text), Some(Instant { micros: micros(expected), ambiguous: false }), "{text:?}");
        }
    }
    // Samoa skipped 30 December 2011 as a whole.
    assert_eq!(iso("Pacific/Apia").parse("2011-12-30T12:00:00").unwrap().micros, micros("2011-12-30T22:00:00Z"));
    // Lord Howe's clock moves by half an hour.
    assert!(iso("Australia/Lord_Howe").parse("2026-04-05T01:45:00").unwrap().ambiguous);
    assert!(!iso("Australia/Lord_Howe").parse("2026-04-05T01:15:00").unwrap().ambiguous);
}

#[test]
fn patterns() {
    let compile = |pattern: &str| {
        TimeParser::compile(&TimeFormat::Pattern { pattern: pattern.into(), zone: "Europe/Berlin".into() }).unwrap()
    };
    let at = |parser: &mut TimeParser, text: &str| parser.parse(text).map(|instant| instant.micros);
    let mut german = compile("%d.%m.%Y %H:%M");
    assert_eq!(at(&mut german, "20.11.2026 08:15"), Some(micros("2026-11-20T07:15:00Z")));
    assert!(german.parse("25.10.2026 02:30").unwrap().ambiguous);
    assert_eq!(german.parse("30.02.2026 08:15"), None);
    let mut day = compile("%d.%m.%Y");
    assert_eq!(at(&mut day, "20.11.2026"), Some(micros("2026-11-19T23:00:00Z")));
    let mut offset = compile("%Y-%m-%d %H:%M:%S %z");
    assert_eq!(at(&mut offset, "2026-11-20 08:15:30 -0500"), Some(micros("2026-11-20T13:15:30Z")));
    let mut fine = compile("%Y-%m-%d %H:%M:%S%.f");
    assert_eq!(at(&mut fine, "2026-11-20 08:15:30.123456"), Some(micros("2026-11-20T07:15:30.123456Z")));
    assert_eq!(fine.parse("2026-11-20 08:15:30.123456789"), None);
    let mut seconds = compile("%s");
    assert_eq!(at(&mut seconds, "1767225600"), Some(micros("2026-01-01T00:00:00Z")));
    let broken = TimeFormat::Pattern { pattern: "%Q%".into(), zone: "UTC".into() };
    assert!(TimeParser::compile(&broken).is_err());
    assert!(TimeParser::compile(&TimeFormat::Iso { zone: "Mars/Olympus".into() }).is_err());
}
