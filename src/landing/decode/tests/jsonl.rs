//! JSON Lines as they come.

use super::*;
use crate::contract::Column;

fn tickets() -> Contract {
    let event = ColumnType::Struct(vec![
        ("type".into(), ColumnType::Text),
        ("value".into(), ColumnType::Text),
        ("public".into(), ColumnType::Boolean),
    ]);
    contract(
        JSONL,
        vec![
            column("id", "id", ColumnType::Integer),
            column("subject", "subject", ColumnType::Text),
            column("via_channel", "via.channel", ColumnType::Text),
            column("via", "via", ColumnType::Text),
            column("tags", "tags", ColumnType::List(Box::new(ColumnType::Text))),
            column("topic", "tags[^topic_]", ColumnType::Text),
            column("order_id", "custom_fields[id=360000000101].value", ColumnType::Text),
            column("events", "events", ColumnType::List(Box::new(event))),
            column("amount", "amount", money()),
            column("created", "created", epoch()),
        ],
    )
}

fn one(line: &str) -> Vec<String> {
    let (_, kept) = good(&tickets(), line);
    assert_eq!(kept.faults(), []);
    kept.rows().remove(0)
}

fn reason(line: &str) -> (String, &'static str) {
    let (outcome, kept) = good(&tickets(), line);
    assert_eq!(outcome.rows_rejected, 1, "{line}");
    (kept.rejected[0].column.clone().unwrap_or_default(), kept.rejected[0].reason.as_str())
}

#[test]
fn nested_values_land_flat() {
    let row = one(
        r#"{"id": 7, "subject": "caf\u00e9 \ud83d\ude00 \"x\"\n", "via": {"channel": "web", "source": { "a": [1, 2 ] }},
            "tags": ["vip", "topic_delivery", "topic_b"], "custom_fields": [{"id": 1, "value": "n"}, {"value": "4711", "id": 360000000101}],
            "events": [{"type": "Change", "value": 5, "public": true}, {"type": "Comment", "value": {"a": 1}}, {}, null],
            "amount": 12.50, "created": 1767225600, "new": {"deep": [1, {"x": null}]}}"#
            .replace('\n', " ")
            .as_str(),
    );
    assert_eq!(
        row,
        [
            "7",
            "café 😀 \"x\"\n",
            "web",
            r#"{"channel":"web","source":{"a":[1,2]}}"#,
            "[vip, topic_delivery, topic_b]",
            "delivery",
            "4711",
            r#"[{type: Change, value: 5, public: true}, {type: Comment, value: {"a":1}, public: ~}, {type: ~, value: ~, public: ~}, ~]"#,
            "12.50",
            "2026-01-01T00:00:00Z",
            "1",
        ]
    );
}

#[test]
fn what_is_absent_or_null_is_null() {
    for line in [
        r#"{"id":1}"#,
        r#"{"id":1,"subject":null,"via":null,"tags":null,"custom_fields":null,"events":null,"amount":null,"created":null}"#,
        r#"{"id":1,"tags":null,"custom_fields":[],"amount":"","created":""}"#,
        r#"{"id":1,"custom_fields":[{"id":2,"value":"x"},{"id":"3"},{"id":360000000101},5],"via":null}"#,
        r#"{"id":1,"custom_fields":[{"id":360000000101,"value":null}]}"#,
        r#"{"id":1,"custom_fields":"360000000101"}"#,
    ] {
        assert_eq!(one(line)[1..10], ["~"; 9], "{line}");
    }
    let row = one(r#"{"id":1,"via":{"channel":{}},"tags":[],"events":[],"subject":""}"#);
    assert_eq!(row[1..8], ["", "{}", r#"{"channel":{}}"#, "[]", "~", "~", "[]"]);
}

#[test]
fn a_path_through_a_scalar_finds_nothing() {
    let row = one(r#"{"id":1,"via":"web","tags":["a",5,true,null,"topic_x"]}"#);
    assert_eq!(row[2..6], ["~", "web", "[a, 5, true, ~, topic_x]", "x"]);
}

#[test]
fn scalars_become_text_as_they_stand() {
    for (json, text) in
        [("12345678901234567890.10", "12345678901234567890.10"), ("1E5", "1E5"), ("true", "true"), ("-0", "-0")]
    {
        assert_eq!(one(&format!(r#"{{"id":1,"subject":{json}}}"#))[1], text);
    }
}

#[test]
fn numbers_never_pass_a_float() {
    let row = one(r#"{"id":9007199254740993,"amount":9007199254740993.07}"#);
    assert_eq!((row[0].as_str(), row[8].as_str()), ("9007199254740993", "9007199254740993.07"));
    assert_eq!(one(r#"{"id":"12","amount":" 1.10 "}"#)[8], "1.10");
    assert_eq!(one(r#"{"id":1.0}"#)[0], "1");
}

#[test]
fn of_a_key_that_stands_twice_the_last_wins() {
    let row = one(r#"{"id":1,"id":2,"via":{"channel":"a","channel":"b"},"via":{"x":1},"subject":"s","subject":null}"#);
    assert_eq!(row[..4], ["2", "~", "~", r#"{"x":1}"#]);
}

#[test]
fn keys_may_come_in_any_order_and_escaped() {
    let text = "{\"id\":1,\"subject\":\"a\"}\n{\"subject\":\"b\",\"id\":2}\n{\"x\":0,\"\\u0069d\":3,\"y\":1,\"subject\":\"c\"}\n{\"id\":4,\"subject\":\"d\"}\n";
    let (outcome, kept) = good(&tickets(), text);
    assert_eq!(kept.column(0), ["1", "2", "3", "4"]);
    assert_eq!(kept.column(1), ["a", "b", "c", "d"]);
    assert_eq!(outcome.unmapped, ["x", "y"]);
}

#[test]
fn faults_have_their_column() {
    for (line, column, expected) in [
        (r#"{"id":1.5}"#, "id", "bad_integer"),
        (r#"{"id":"x"}"#, "id", "bad_integer"),
        (r#"{"id":true}"#, "id", "bad_integer"),
        (r#"{"id":[1]}"#, "id", "bad_integer"),
        (r#"{"id":null}"#, "id", "missing_key"),
        (r#"{"id":""}"#, "id", "missing_key"),
        (r#"{"subject":"x"}"#, "id", "missing_key"),
        (r#"{"id":1,"amount":1e3}"#, "amount", "bad_decimal"),
        (r#"{"id":1,"amount":12.345}"#, "amount", "bad_decimal"),
        (r#"{"id":1,"amount":{}}"#, "amount", "bad_decimal"),
        (r#"{"id":1,"created":"2026-01-01"}"#, "created", "bad_time"),
        (r#"{"id":1,"created":1767225600000}"#, "created", "bad_time"),
        (r#"{"id":1,"tags":"vip"}"#, "tags", "cut_json"),
        (r#"{"id":1,"tags":{"a":1}}"#, "tags", "cut_json"),
        (r#"{"id":1,"events":[{"public":"maybe"}]}"#, "events", "bad_boolean"),
        (r#"{"id":1,"events":[5]}"#, "events", "cut_json"),
        (r#"{"id":1,"subject":"\ud83d"}"#, "subject", "bad_encoding"),
        (r#"{"id":1,"subject":"\ud83dx"}"#, "subject", "bad_encoding"),
        (r#"{"id":1,"subject":"a"#, "", "cut_json"),
        (r#"{"id":1,"subject":"a"} x"#, "", "cut_json"),
        (r#"{"id":1},"#, "", "cut_json"),
        (r#"{"id":1}{"id":2}"#, "", "cut_json"),
        (r#"{"id":01}"#, "", "cut_json"),
        (r#"{id:1}"#, "", "cut_json"),
    ] {
        assert_eq!(reason(line), (column.to_string(), expected), "{line}");
    }
}

#[test]
fn a_fault_within_a_list_leaves_nothing_behind() {
    let text = r#"{"id":1,"tags":["a"],"events":[{"type":"x","public":true},{"public":"maybe"}]}
{"id":2,"tags":["b","c"],"events":[{"type":"y"}]}
{"id":3,"events":[{"type":"z","public":false}],"amount":"x"}
{"id":4,"tags":["d"],"events":[{"type":"w","value":"v"}]}
"#;
    let (_, kept) = good(&tickets(), text);
    assert_eq!(kept.column(4), ["[b, c]", "[d]"]);
    assert_eq!(kept.column(7), ["[{type: y, value: ~, public: ~}]", "[{type: w, value: v, public: ~}]"]);
    assert_eq!(kept.faults(), [(1, Some("events"), "bad_boolean"), (3, Some("amount"), "bad_decimal")]);
}

#[test]
fn marks_blank_lines_and_line_ends() {
    for text in [
        "\u{feff}{\"id\":1}\r\n\r\n  {\"id\":2}  \r\n\n",
        "{\"id\":1}\n \n\t{\"id\":2}",
        "{\"id\":1}\n\n{\"id\":2}\n\n\n",
    ] {
        let (outcome, kept) = good(&tickets(), text);
        assert_eq!(kept.column(0), ["1", "2"], "{text:?}");
        assert_eq!(kept.column(10), ["1", "3"]);
        assert_eq!(outcome.rows_read, 2);
    }
}

#[test]
fn broken_lines_go_to_quarantine() {
    let mut contract = tickets();
    contract.max_line_bytes = 64;
    let mut bytes =
        b"{\"id\":1}\n{\"id\":2,\"subject\":\"cu\n{\"id\":3,\"subject\":\"M\xfcller\"}\n\"ller\"}\n".to_vec();
    bytes.extend_from_slice(format!("{{\"id\":5,\"subject\":\"{}\"}}\n{{\"id\":6}}\n", "x".repeat(500)).as_bytes());
    let (outcome, kept) = good(&contract, &bytes);
    assert_eq!(kept.column(0), ["1", "6"]);
    let expected =
        [(2, None, "cut_json"), (3, None, "bad_encoding"), (4, None, "cut_json"), (5, None, "line_too_long")];
    assert_eq!(kept.faults(), expected);
    assert_eq!(kept.rejected[3].raw.len(), 64);
    assert_eq!(outcome.rows_read, 6);
}

#[test]
fn a_line_of_fifty_megabytes_is_not_held() {
    struct Endless {
        left: usize,
        most_asked: usize,
    }
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.most_asked = self.most_asked.max(buffer.len());
            let count = buffer.len().min(self.left);
            buffer[..count].fill(b'x');
            self.left -= count;
            Ok(count)
        }
    }
    let mut contract = tickets();
    contract.max_line_bytes = 1 << 20;
    let mut endless = Endless { left: 50 << 20, most_asked: 0 };
    let mut kept = Kept::default();
    let mut input = (&b"{\"id\":1}\n{\"id\":2,\"subject\":\""[..]).chain(&mut endless).chain(&b"\"}\n{\"id\":3}\n"[..]);
    let outcome = decode(&contract, Compression::None, &mut input, &[], &Settings::default(), &mut kept).unwrap();
    balance(&outcome, &kept);
    assert_eq!(kept.faults(), [(2, None, "line_too_long")]);
    assert_eq!(kept.column(0), ["1", "3"]);
    assert_eq!(kept.rejected[0].raw.len(), 64 * 1024);
    assert!(endless.most_asked <= 4 << 20, "a window of {} bytes", endless.most_asked);
}

#[test]
fn a_deleted_customer_holds_nothing_but_its_id() {
    let unless = |column: Column| Column { required: true, unless: Some("deleted".into()), ..column };
    let contract = contract(
        JSONL,
        vec![
            column("id", "id", ColumnType::Text),
            unless(column("created", "created", epoch())),
            unless(column("email", "email", ColumnType::Text)),
            column("deleted", "deleted", ColumnType::Boolean),
        ],
    );
    let text = r#"{"id":"cus_1","deleted":true}
{"id":"cus_2","created":0,"email":"a@b"}
{"id":"cus_3","email":"a@b"}
{"id":"cus_4","created":0,"deleted":false}
{"id":"cus_5","created":"x","deleted":true}
{"id":"","created":"x","deleted":true}
"#;
    let mut loose = contract.clone();
    loose.drift_rows = 100;
    let (_, kept) = good(&loose, text);
    assert_eq!(kept.column(0), ["cus_1", "cus_2"]);
    assert_eq!(
        kept.faults(),
        [
            (3, Some("created"), "missing_value"),
            (4, Some("email"), "missing_value"),
            (5, Some("created"), "bad_time"),
            (6, Some("id"), "missing_key"),
        ]
    );
}

#[test]
fn other_encodings() {
    let contract = contract(
        Format::Jsonl { encoding: Encoding::Iso88591 },
        vec![column("id", "id", ColumnType::Text), column("name", "name", ColumnType::Text)],
    );
    let (_, kept) = good(&contract, b"{\"id\":1,\"name\":\"M\xfcller\"}\n");
    assert_eq!(kept.column(1), ["Müller"]);
}
