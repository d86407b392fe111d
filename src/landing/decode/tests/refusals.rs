//! Files that are refused whole.

use std::io::Write;

use super::*;

fn tiny() -> Contract {
    contract(CSV, vec![column("id", "id", ColumnType::Text), column("n", "n", ColumnType::Integer)])
}

fn tiny_json() -> Contract {
    contract(JSONL, vec![column("id", "id", ColumnType::Text), needed(column("n", "n", ColumnType::Integer))])
}

#[test]
fn nothing_at_all() {
    for contract in [tiny(), tiny_json()] {
        for text in ["", "\u{feff}", "\n", "\r\n\n"] {
            assert_eq!(refused(&contract, text), Refusal::Empty, "{text:?}");
        }
    }
    for compression in [Compression::Gzip, Compression::Zstd] {
        let mut kept = Kept::default();
        let nothing = decode(&tiny(), compression, &mut &b""[..], &[], &Settings::default(), &mut kept);
        assert!(matches!(nothing, Err(DecodeError::Refused(Refusal::Empty))), "{nothing:?}");
    }
}

#[test]
fn no_lines_of_objects() {
    for text in [
        "[{\"id\":1},{\"id\":2}]\n",
        "[{\"id\":1},\n{\"id\":2}]\n",
        "[\n  {\"id\":1}\n]\n",
        "{\n  \"id\": 1,\n  \"n\": 2\n}\n",
        "1\n2\n",
        "\"text\"\n",
        "null\n",
        "{\"id\":1,\"n\":1}\n42\n",
        "{\"id\":1,\"n\":1}\n[1]\n{\"id\":2,\"n\":1}\n",
        "id,n\n1,2\n",
        "<xml/>\n",
    ] {
        let refusal = refused(&tiny_json(), text);
        assert!(matches!(refusal, Refusal::NotLines(_)), "{text:?}: {refusal:?}");
    }
    let mut short = tiny_json();
    short.max_line_bytes = 20;
    assert!(matches!(refused(&short, format!("[{}]", "1,".repeat(100))), Refusal::NotLines(_)));
}

#[test]
fn a_column_twice() {
    // A name of the contract can be told; another may be a value of a row.
    let refusal = refused(&tiny(), "id,n,n,x\n1,2,3,4\n");
    assert_eq!(refusal, Refusal::DuplicateColumn { name: Some("n".into()) });
    assert_eq!(refused(&tiny(), "id,n,x,x\n1,2,3,4\n"), Refusal::DuplicateColumn { name: None });
    assert!(matches!(refused(&tiny(), "id,n,\"n\"\n"), Refusal::DuplicateColumn { .. }));
}

#[test]
fn lines_that_end_in_a_carriage_return_alone() {
    let refusal = refused(&tiny(), "id,n,x\r1,2,Ada Lovelace\r2,3,Bo\r");
    assert_eq!(refusal, Refusal::BareReturns);
    assert!(!refusal.to_string().contains("Ada"));
}

#[test]
fn columns_missing() {
    let refusal = refused(&tiny(), "ID,id\n1,2\n");
    assert!(refusal.is_drift());
    assert_eq!(refusal.to_string(), "schema drift: expected column `n`; found `ID`, `id`");
    // Without a header the first row would be told: it is not.
    let refusal = refused(&tiny(), "Anna,anna@example.org\n");
    assert!(!refusal.to_string().contains("nna"), "{refusal}");
    assert!(matches!(refused(&tiny(), "n,id,\"x@y\"\n1\n\"").clone(), Refusal::UnclosedQuote { line: 3 }));
}

#[test]
fn a_quote_that_never_closes() {
    assert_eq!(refused(&tiny(), "id,n\n1,2\n\"3,4\n5,6\n"), Refusal::UnclosedQuote { line: 3 });
    assert_eq!(refused(&tiny(), "id,n\n1,2\n3,\""), Refusal::UnclosedQuote { line: 3 });
    assert_eq!(refused(&tiny(), "id,n\n3,\"\"\""), Refusal::UnclosedQuote { line: 2 });
    assert_eq!(refused(&tiny(), "id,\"n\n"), Refusal::UnclosedQuote { line: 1 });
    let mut short = tiny();
    short.max_line_bytes = 30;
    let text = format!("id,n\n1,2\n3,\"{}", "long\n".repeat(100));
    assert_eq!(refused(&short, text), Refusal::UnclosedQuote { line: 3 });
    let text = format!("{},n\n", "long".repeat(100));
    assert_eq!(refused(&short, text), Refusal::HeaderTooLong { max_line_bytes: 30 });
}

#[test]
fn another_encoding() {
    let wrong = |contract: &Contract, bytes: &[u8]| match refused(contract, bytes) {
        Refusal::WrongEncoding { found, .. } => found,
        other => panic!("{other:?}"),
    };
    let utf16: Vec<u8> = "\u{feff}id,n\n1,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(wrong(&tiny(), &utf16), "UTF-16");
    let utf16: Vec<u8> = "\u{feff}{\"id\":1}".encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(wrong(&tiny_json(), &utf16), "UTF-16");
    assert!(wrong(&tiny(), &utf16[2..]).contains("UTF-16"));
    wrong(&tiny(), b"id,n,Stra\xdfe\n");
    let mut latin = b"id,n\n".to_vec();
    for i in 0..100 {
        latin.extend_from_slice(if i % 10 == 0 { b"M\xfcller,1\n" } else { b"Miller,1\n" });
    }
    wrong(&tiny(), &latin);
    let mut windows = tiny();
    windows.format = Format::Csv { delimiter: b',', encoding: Encoding::Windows1252 };
    assert_eq!(good(&windows, &latin).0.rows_accepted, 100);
    assert_eq!(wrong(&windows, "\u{feff}id,n\n".as_bytes()), "UTF-8 with a byte order mark");
    let utf8 = "id,n\n".to_string() + &"Müller,1\nMiller,1\n".repeat(5);
    assert_eq!(wrong(&windows, utf8.as_bytes()), "UTF-8");
    // Four bad lines are quarantine, whatever their share.
    let few = b"id,n\n\xfc,1\n\xfc,1\n\xfc,1\n\xfc,1\n1,1\n";
    assert_eq!(good(&tiny(), few).0.rejected_by[&(None, Reason::BadEncoding)], 4);
}

#[test]
fn drift_by_share() {
    let rows = |bad: usize, good: usize| {
        let mut text = "id,n\n".to_string();
        (0..bad).for_each(|i| text.push_str(&format!("{i},12;5\n")));
        (0..good).for_each(|i| text.push_str(&format!("{i},1\n")));
        text
    };
    assert_eq!(good(&tiny(), rows(4, 0)).0.rows_rejected, 4, "fewer than 5 rows");
    assert_eq!(good(&tiny(), rows(5, 95)).0.rows_rejected, 5, "exactly the share");
    let refusal = refused(&tiny(), rows(6, 94));
    assert!(refusal.is_drift());
    assert_eq!(
        refusal.to_string(),
        "schema drift: column `n`: expected integer; found text in 6 rows; 6 of 100 rows do not follow the contract"
    );
    let refusal = refused(&tiny(), "id,n\n".to_string() + &"1,1,1\n".repeat(5));
    assert!(refusal.to_string().contains("too many fields in 5 rows"), "{refusal}");
    let refusal = refused(&tiny_json(), "{\"id\":1,\"n\":null}\n".repeat(5));
    assert!(refusal.to_string().contains("column `n`: expected integer, never missing; found no value"), "{refusal}");
    let refusal = refused(&tiny_json(), "{\"id\":1,\"n\":\n".repeat(5));
    assert!(refusal.to_string().contains("no whole JSON object"), "{refusal}");
}

#[test]
fn a_needed_column_that_no_line_has() {
    let refusal = refused(&tiny_json(), "{\"id\":1,\"m\":1}\n{\"id\":2}\n");
    assert_eq!(refusal.to_string(), "schema drift: expected column `n`; found `id`");
    // Of one line, the value may be missing or the column.
    assert_eq!(good(&tiny_json(), "{\"id\":1}\n").0.rejected_by[&(Some("n".into()), Reason::MissingValue)], 1);
    let some = "{\"id\":1}\n{\"id\":2}\n{\"id\":3,\"n\":3}\n";
    assert_eq!(good(&tiny_json(), some).0.rejected_by[&(Some("n".into()), Reason::MissingValue)], 2);
}

#[test]
fn a_share_is_compared_exactly() {
    let mut contract = tiny();
    contract.drift_share = 0.29;
    let rows = |bad: usize| {
        let mut text = "id,n\n".to_string();
        (0..100).for_each(|i| text.push_str(&format!("{i},{}\n", if i < bad { "x" } else { "1" })));
        text
    };
    assert_eq!(good(&contract, rows(29)).0.rows_rejected, 29);
    assert!(refused(&contract, rows(30)).is_drift());
}

#[test]
fn messages_hold_no_values() {
    let secret = "anna.schmidt@example.org";
    let texts = [
        refused(&tiny(), "id,n\n".to_string() + &format!("1,{secret}\n").repeat(9)),
        refused(&tiny(), format!("{secret}\n")),
        refused(&tiny_json(), format!("\"{secret}\"\n")),
        refused(&tiny_json(), format!("{{\"id\":1,\"n\":\"{secret}\"}}\n").repeat(9)),
        refused(&tiny_json(), format!("{{\"id\":1,\"n\":\"{secret}\n").repeat(9)),
    ];
    for refusal in texts {
        assert!(!refusal.to_string().contains("anna") && !refusal.hint().is_empty());
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn compressed(compression: Compression, bytes: &[u8]) -> Result<Outcome, DecodeError> {
    let mut outcome = None;
    for (most, window) in [(1, 7), (1000, 1 << 20)] {
        let mut kept = Kept::default();
        let settings = Settings { buffer_bytes: window, ..Settings::default() };
        let result = decode(&tiny(), compression, &mut Drops { bytes, most, turn: 0 }, &[], &settings, &mut kept);
        if let Ok(outcome) = &result {
            balance(outcome, &kept);
        }
        if let Some(first) = outcome.replace(format!("{result:?}")) {
            assert_eq!(first, format!("{result:?}"));
            return result;
        }
    }
    unreachable!()
}

#[test]
fn compression_whole_cut_and_corrupt() {
    let mut text = "id,n\n".to_string();
    (0..5000).for_each(|i| text.push_str(&format!("{i},{}\n", i * 7919 % 1000)));
    let half = text.len() / 2;
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 3).unwrap();
    let both = |pack: &dyn Fn(&[u8]) -> Vec<u8>, compression: Compression| {
        let whole = pack(text.as_bytes());
        assert_eq!(compressed(compression, &whole).unwrap().rows_accepted, 5000);
        // Two members or frames behind one another are one text.
        let two = [pack(&text.as_bytes()[..half]), pack(&text.as_bytes()[half..])].concat();
        assert_eq!(compressed(compression, &two).unwrap().rows_accepted, 5000);
        let is_corrupt = |bytes: &[u8], what: &str| {
            let result = compressed(compression, bytes);
            assert!(
                matches!(result, Err(DecodeError::Refused(Refusal::CorruptCompression(_)))),
                "{compression:?} {what}: {result:?}"
            );
        };
        for cut in [5, 20, whole.len() / 2, whole.len() - 1, whole.len() - 4, whole.len() - 8] {
            is_corrupt(&whole[..cut], &format!("cut at {cut}"));
        }
        is_corrupt(&two[..two.len() - 3], "second part cut");
        is_corrupt(&[whole.as_slice(), b"rubbish"].concat(), "something behind");
        is_corrupt(text.as_bytes(), "not compressed");
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 0x55;
        if compression == Compression::Gzip {
            is_corrupt(&flipped, "a byte changed");
        }
        let hidden = compressed(Compression::None, &whole);
        assert!(matches!(hidden, Err(DecodeError::Refused(Refusal::CorruptCompression(_)))));
    };
    both(&gzip, Compression::Gzip);
    both(&zstd, Compression::Zstd);
    assert!(compressed(Compression::Gzip, &gzip(b"")).is_err_and(|e| e.to_string().contains("empty")));
}

#[test]
fn a_failing_source_is_no_corrupt_file() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the line went dead"))
        }
    }
    let packed = gzip(b"id,n\n1,2\n");
    for (compression, head) in [(Compression::Gzip, &packed[..10]), (Compression::None, &b"id,n\n1,"[..])] {
        let mut kept = Kept::default();
        let result = decode(&tiny(), compression, &mut head.chain(Fails), &[], &Settings::default(), &mut kept);
        assert!(matches!(result, Err(DecodeError::Refused(Refusal::Io(_)))), "{result:?}");
    }
}

#[test]
fn the_suffix_tells_the_compression() {
    assert_eq!(Compression::of("2026-11-20.csv"), Compression::None);
    assert_eq!(Compression::of("2026-11-20.01.csv.gz"), Compression::Gzip);
    assert_eq!(Compression::of("2026-11-20.jsonl.zst"), Compression::Zstd);
}

#[test]
fn a_contract_that_cannot_be_is_no_fault_of_the_file() {
    let zone = ColumnType::Timestamp { format: TimeFormat::Iso { zone: "Nowhere".into() } };
    let broken = contract(CSV, vec![column("id", "id", ColumnType::Text), column("at", "at", zone)]);
    assert!(matches!(run(&broken, b"id,at\n").0, Err(DecodeError::Failed(_))));
}
