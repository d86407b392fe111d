//! CSV as it comes.

use super::*;
use crate::contract::ValueMap;

#[test]
fn values_land_by_their_types() {
    let text = format!("{ORDERS}\n1,Anna,3,12.50,TRUE,2026-11-20,2026-11-20 08:15:30.000\n");
    let (outcome, kept) = good(&orders(), text);
    assert_eq!(kept.rows(), [["1", "Anna", "3", "12.50", "true", "2026-11-20", "2026-11-20T08:15:30Z", "2"]]);
    assert_eq!((outcome.rows_read, outcome.rows_accepted, outcome.rows_rejected), (1, 1, 0));
    assert!(outcome.unmapped.is_empty());
}

#[test]
fn mark_line_ends_quoted_newlines_and_quotes() {
    let rows = "1,\"two\r\nlines, and \"\"quotes\"\"\",,1.00,,,\n2,\"\",,2.00,,,\n3,,,3.00,,,\n";
    let expected = [("1", "two\r\nlines, and \"quotes\"", "2"), ("2", "", "4"), ("3", "~", "5")];
    let unix = format!("{ORDERS}\n{rows}");
    let mut windows = format!("{ORDERS}\r\n").replace("id", "\"id\"");
    windows = windows.replace("pa\"id\"", "paid");
    for line in rows.split_inclusive('\n') {
        windows.push_str(&if line.ends_with("\r\n") { line.to_string() } else { line.replace('\n', "\r\n") });
    }
    let mark = "\u{feff}";
    for text in [
        unix.clone(),
        windows.clone(),
        format!("{mark}{unix}"),
        format!("{mark}{windows}"),
        unix.trim_end().to_string(),
        format!("{windows}\r\n\r\n"),
        format!("{unix}\n\n\n"),
    ] {
        let (outcome, kept) = good(&orders(), &text);
        let rows: Vec<_> = kept.rows().into_iter().map(|r| (r[0].clone(), r[1].clone(), r[7].clone())).collect();
        assert_eq!(rows, expected.map(|(a, b, c)| (a.into(), b.into(), c.into())), "{text:?}");
        assert_eq!(outcome.rows_read, 3);
    }
}

#[test]
fn lines_are_counted_through_quotes_and_blank_lines() {
    let text = format!("{ORDERS}\n\n1,\"a\nb\nc\",,1.00,,,\n\n2,,,x,,,\n3,,,3.00,,,");
    let (_, kept) = good(&orders(), text);
    assert_eq!(kept.column(7), ["3", "8"]);
    assert_eq!(kept.faults(), [(7, Some("price"), "bad_decimal")]);
}

#[test]
fn header_only() {
    for end in ["", "\n", "\r\n", "\n\n"] {
        let (outcome, kept) = good(&orders(), format!("{ORDERS}{end}"));
        assert_eq!((outcome.rows_read, kept.batches.len()), (0, 0));
    }
}

#[test]
fn columns_are_bound_by_name_and_new_ones_reported() {
    let text = "new,updated_at,day,paid,price,quantity,name,id,e@mail,\nx,,,,1.00,2,Bo,9,,\n";
    let (outcome, kept) = good(&orders(), text);
    assert_eq!(kept.rows(), [["9", "Bo", "2", "1.00", "~", "~", "~", "2"]]);
    assert_eq!(outcome.unmapped, ["new"]);
}

#[test]
fn empty_text_against_null() {
    let text = format!("{ORDERS}\n1,\"\",\"\",1.00,\"\",\"\",\"\"\n2,,,2.00,,,\n3,\" \", ,3.00,,,\n");
    let (_, kept) = good(&orders(), text);
    assert_eq!(kept.column(1), ["", "~", " "]);
    for column in [2, 4, 5, 6] {
        assert_eq!(kept.column(column), ["~", "~", "~"]);
    }
}

#[test]
fn each_reason_with_its_line_and_column() {
    let mut contract = orders();
    contract.cursor = Some("updated_at".into());
    contract.drift_rows = 100;
    contract.max_line_bytes = 120;
    let at = "2026-11-20 08:15:30";
    let long = "x".repeat(200);
    let mut bytes = format!(
        "{ORDERS}\n\
         1,a,1,1.00,1,2026-01-01,{at}\n\
         2,a,1,12,5O,1,2026-01-01,{at}\n\
         3,a,1,\"12,5O\",1,2026-01-01,{at}\n\
         4,a,1.5,1.00,1,2026-01-01,{at}\n\
         5,a,1,1.00,yes,2026-01-01,{at}\n\
         6,a,1,1.00,1,2026-02-30,{at}\n\
         7,a,1,1.00,1,2026-01-01,20.11.2026\n\
         ,a,1,1.00,1,2026-01-01,{at}\n\
         \"\",a,1,1.00,1,2026-01-01,{at}\n\
         10,a,1,1.00,1,2026-01-01,\n\
         11,a,1,,1,2026-01-01,{at}\n\
         12,a,1\n\
         {ORDERS}\n\
         14,{long},1,1.00,1,2026-01-01,{at}\n\
         15,\"a\" b,1,1.00,1,2026-01-01,{at}\n\
         ,,x,y,z,,\n\
         17,M"
    )
    .into_bytes();
    bytes.extend_from_slice(
        b"\xfcller,1,1.00,1,2026-01-01,2026-11-20 08:15:30\n18,a,1,1.00,1,2026-01-01,2026-11-20 08:15:30\n",
    );
    let (outcome, kept) = good(&contract, &bytes);
    assert_eq!(kept.column(0), ["1", "18"]);
    assert_eq!(
        kept.faults(),
        [
            (3, None, "too_many_fields"),
            (4, Some("price"), "bad_decimal"),
            (5, Some("quantity"), "bad_integer"),
            (6, Some("paid"), "bad_boolean"),
            (7, Some("day"), "bad_time"),
            (8, Some("updated_at"), "bad_time"),
            (9, Some("id"), "missing_key"),
            (10, Some("id"), "missing_key"),
            (11, Some("updated_at"), "missing_key"),
            (12, Some("price"), "missing_value"),
            (13, None, "too_few_fields"),
            (14, None, "repeated_header"),
            (15, None, "line_too_long"),
            (16, None, "too_many_fields"),
            (17, Some("id"), "missing_key"),
            (18, None, "bad_encoding"),
        ]
    );
    assert_eq!(outcome.rejected_by[&(Some("id".to_string()), Reason::MissingKey)], 3);
    assert_eq!(kept.rejected[1].raw, format!("3,a,1,\"12,5O\",1,2026-01-01,{at}"));
    assert_eq!(kept.rejected[12].raw.len(), 120, "of a long line the beginning");
    assert!(kept.rejected[15].raw.contains("M\u{fffd}ller"));
}

#[test]
fn a_row_with_a_fault_leaves_nothing_behind() {
    let text = format!("{ORDERS}\n1,long text,1,x,,,\n2,b,,1.00,,,\n3,c,,1.00,,bad,\n4,d,5,1.00,true,,\n");
    let (_, kept) = good(&orders(), text);
    assert_eq!(kept.column(1), ["b", "d"]);
    assert_eq!(kept.column(2), ["~", "5"]);
    assert_eq!(kept.batches[0].column(2).null_count(), 1);
}

#[test]
fn repeated_header_with_a_mark_and_other_quotes() {
    let quoted = ORDERS.split(',').map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(",");
    let text = format!("{ORDERS}\n1,,,1.00,,,\n\u{feff}{ORDERS}\n{quoted}\r\n2,,,1.00,,,\n");
    let (outcome, kept) = good(&orders(), text);
    assert_eq!(outcome.rejected_by[&(None, Reason::RepeatedHeader)], 2);
    assert_eq!(kept.column(0), ["1", "2"]);
}

#[test]
fn a_long_row_of_many_lines_is_passed_over_as_one() {
    let mut contract = orders();
    contract.max_line_bytes = 50;
    let long = "line\n".repeat(40);
    let text =
        format!("{ORDERS}\n1,\"{long}\"\"x\",,1.00,,,\n2,b,,2.00,,,\n3,{},,,,,\r\n4,d,,4.00,,,\n", "y".repeat(99));
    let (_, kept) = good(&contract, text);
    assert_eq!(kept.column(0), ["2", "4"]);
    assert_eq!(kept.column(7), ["43", "45"]);
    assert_eq!(kept.faults(), [(2, None, "line_too_long"), (44, None, "line_too_long")]);
    assert!(kept.rejected.iter().all(|row| row.raw.len() == 50));
}

#[test]
fn a_row_of_exactly_the_limit_is_fine() {
    let mut contract = contract(CSV, vec![column("id", "id", ColumnType::Text)]);
    contract.max_line_bytes = 10;
    for end in ["\n", "\r\n", ""] {
        let (_, kept) =
            good(&contract, format!("id{end}", end = if end.is_empty() { "\n" } else { end }) + "0123456789" + end);
        assert_eq!(kept.column(0), ["0123456789"]);
        let (_, kept) = good(&contract, format!("id\n0123456789x{end}"));
        assert_eq!(kept.faults(), [(2, None, "line_too_long")]);
    }
}

#[test]
fn formulas_are_data() {
    let formula = "=HYPERLINK(\"\"http://x\"\",\"\"y\"\")";
    let (_, kept) =
        good(&orders(), format!("{ORDERS}\n1,\"{formula}\",,1.00,,,\n2,=1+1,,1.00,,,\n3,5\" pipe,,1.00,,,\n"));
    assert_eq!(kept.column(1), ["=HYPERLINK(\"http://x\",\"y\")", "=1+1", "5\" pipe"]);
}

#[test]
fn values_are_mapped() {
    let mut contract =
        contract(CSV, vec![column("id", "id", ColumnType::Text), column("department", "name", ColumnType::Text)]);
    let values = [("Helpdesk".to_string(), "support".to_string())].into();
    contract.columns[1].map = Some(ValueMap { values, otherwise: None });
    let text = "id,name\n1,Helpdesk\n2,Other\n3,\n";
    assert_eq!(good(&contract, text).1.column(1), ["support", "~", "~"]);
    contract.columns[1].map.as_mut().unwrap().otherwise = Some("sales".into());
    assert_eq!(good(&contract, text).1.column(1), ["support", "sales", "~"]);
    contract.columns[1].map.as_mut().unwrap().otherwise = None;
    contract.columns[1].required = true;
    assert_eq!(
        good(&contract, text).1.faults(),
        [(3, Some("department"), "missing_value"), (4, Some("department"), "missing_value")]
    );
}

#[test]
fn other_delimiters_and_encodings() {
    let columns = || vec![column("id", "Nr", ColumnType::Text), column("name", "Straße", ColumnType::Text)];
    let windows = contract(Format::Csv { delimiter: b';', encoding: Encoding::Windows1252 }, columns());
    let (_, kept) = good(&windows, b"Nr;Stra\xdfe\r\n1;M\xfcller \x80 \x84x\x93\r\n2;a,b\r\n3;\x81\r\n4;plain\r\n");
    assert_eq!(kept.column(1), ["Müller € „x“", "a,b", "plain"]);
    assert_eq!(kept.faults(), [(4, None, "bad_encoding")]);
    let iso = contract(Format::Csv { delimiter: b'\t', encoding: Encoding::Iso88591 }, columns());
    let (_, kept) = good(&iso, b"Nr\tStra\xdfe\n1\t\xc4\xd6\xdc \xa4\n");
    assert_eq!(kept.column(1), ["ÄÖÜ ¤"]);
}

#[test]
fn ambiguous_hours_are_counted_in_accepted_rows() {
    let berlin = ColumnType::Timestamp {
        format: TimeFormat::Pattern { pattern: "%d.%m.%Y %H:%M".into(), zone: "Europe/Berlin".into() },
    };
    let contract = contract(
        CSV,
        vec![column("id", "id", ColumnType::Text), column("at", "at", berlin), column("n", "n", ColumnType::Integer)],
    );
    let text = "id,at,n\n1,25.10.2026 02:30,1\n2,25.10.2026 02:45,x\n3,25.10.2026 03:30,1\n4,25.10.2026 02:00,1\n";
    let (outcome, kept) = good(&contract, text);
    assert_eq!(outcome.ambiguous_times, 2);
    assert_eq!(kept.column(1), ["2026-10-25T00:30:00Z", "2026-10-25T02:30:00Z", "2026-10-25T00:00:00Z"]);
}

#[test]
fn a_batch_ends_by_rows_or_by_bytes() {
    let contract = contract(CSV, vec![column("id", "id", ColumnType::Text), column("note", "note", ColumnType::Text)]);
    let note = "n".repeat(1000);
    let text: String =
        std::iter::once("id,note\n".to_string()).chain((0..1000).map(|i| format!("{i},{note}\n"))).collect();
    for (settings, most_rows) in [
        (Settings { batch_rows: 300, ..Settings::default() }, 300),
        (Settings { batch_bytes: 100_000, ..Settings::default() }, 192),
    ] {
        let mut kept = Kept::default();
        let outcome = decode(&contract, Compression::None, &mut text.as_bytes(), &[], &settings, &mut kept).unwrap();
        balance(&outcome, &kept);
        assert!(kept.batches.len() > 1);
        assert!(kept.batches.iter().all(|batch| batch.num_rows() <= most_rows));
        assert_eq!(kept.column(0), (0..1000).map(|i| i.to_string()).collect::<Vec<_>>());
    }
}
