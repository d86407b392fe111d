//! Parquet files, by the same rules.

use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use arrow::array::*;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use bytes::Bytes;

use super::*;

fn file(columns: Vec<(&str, ArrayRef)>) -> Bytes {
    let fields: Vec<Field> = columns.iter().map(|(name, c)| Field::new(*name, c.data_type().clone(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(schema.clone(), columns.into_iter().map(|(_, c)| c).collect()).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes.into()
}

fn read(contract: &Contract, bytes: Bytes) -> (Result<Outcome, DecodeError>, Kept) {
    let mut kept = Kept::default();
    let settings = Settings { batch_rows: 2, ..Settings::default() };
    let outcome = decode_parquet(contract, bytes, &["price".to_string()], &settings, &mut kept);
    if let Ok(outcome) = &outcome {
        balance(outcome, &kept);
    }
    (outcome, kept)
}

fn receipts() -> Contract {
    contract(
        Format::Parquet,
        vec![
            column("id", "id", ColumnType::Text),
            column("quantity", "quantity", ColumnType::Integer),
            needed(column("price", "price", money())),
            column("day", "day", date()),
            column("at", "at", ColumnType::Timestamp { format: TimeFormat::EpochSeconds }),
            column("city", "place.city", ColumnType::Text),
            column("tags", "tags", ColumnType::List(Box::new(ColumnType::Text))),
            column("topic", "tags[^t_]", ColumnType::Text),
        ],
    )
}

fn place(values: Vec<Option<&str>>, valid: Vec<bool>) -> ArrayRef {
    let city: ArrayRef = Arc::new(StringArray::from(values));
    let fields = vec![Field::new("city", DataType::Utf8, true)];
    Arc::new(StructArray::new(fields.into(), vec![city], Some(valid.into())))
}

fn tags(rows: Vec<Option<Vec<&str>>>) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for row in rows {
        builder.append_option(row.map(|tags| tags.into_iter().map(Some).collect::<Vec<_>>()));
    }
    Arc::new(builder.finish())
}

#[test]
fn types_of_the_source_are_brought_to_the_contract() {
    let decimals =
        Decimal128Array::from(vec![Some(12_500), Some(1), Some(2_000), None]).with_precision_and_scale(10, 3).unwrap();
    let bytes = file(vec![
        ("extra", Arc::new(Int32Array::from(vec![0; 4]))),
        ("at", Arc::new(TimestampMillisecondArray::from(vec![Some(0), None, Some(1500), None]))),
        ("id", Arc::new(Int32Array::from(vec![1, 2, 3, 4]))),
        ("quantity", Arc::new(StringArray::from(vec![Some("7"), None, Some("8.0"), None]))),
        ("price", Arc::new(decimals)),
        ("day", Arc::new(Date32Array::from(vec![Some(1), None, None, None]))),
        ("place", place(vec![Some("Köln"), Some("x"), None, None], vec![true, true, false, true])),
        ("tags", tags(vec![Some(vec!["a", "t_b\"c"]), None, Some(vec![]), None])),
    ]);
    let (outcome, kept) = read(&receipts(), bytes);
    let outcome = outcome.unwrap();
    assert_eq!(
        kept.rows(),
        [
            ["1", "7", "12.50", "1970-01-02", "1970-01-01T00:00:00Z", "Köln", "[a, t_b\"c]", "b\"c", "1"],
            ["3", "8", "2.00", "~", "1970-01-01T00:00:01.500Z", "~", "[]", "~", "3"],
        ]
    );
    assert_eq!(kept.faults(), [(2, Some("price"), "bad_decimal"), (4, Some("price"), "missing_value")]);
    assert_eq!(outcome.unmapped, ["extra"]);
    assert_eq!(outcome.sums["price"], SumState::NotVerifiable);
    assert!(kept.rejected[0].raw.contains("\"price\":\"0.001\""), "{}", kept.rejected[0].raw);
}

#[test]
fn refused_files() {
    let is = |bytes: Bytes, wanted: fn(&Refusal) -> bool| match read(&receipts(), bytes).0 {
        Err(DecodeError::Refused(refusal)) => assert!(wanted(&refusal), "{refusal:?}"),
        other => panic!("{other:?}"),
    };
    is(Bytes::new(), |r| *r == Refusal::Empty);
    is(Bytes::from_static(b"id,n\n1,2\n"), |r| matches!(r, Refusal::Corrupt(_)));
    is(
        file(vec![("id", Arc::new(Int32Array::from(vec![1])))]),
        |r| matches!(r, Refusal::MissingColumns { missing, .. } if missing.contains(&"place.city".to_string())),
    );
    let float = file(vec![
        ("at", Arc::new(TimestampMillisecondArray::from(vec![0]))),
        ("id", Arc::new(Int32Array::from(vec![1]))),
        ("quantity", Arc::new(Int32Array::from(vec![1]))),
        ("price", Arc::new(Float64Array::from(vec![1.1]))),
        ("day", Arc::new(Date32Array::from(vec![1]))),
        ("place", place(vec![None], vec![true])),
        ("tags", tags(vec![None])),
    ]);
    let cut = float.slice(..float.len() - 20);
    is(float, |r| matches!(r, Refusal::Drift { column: Some(c), .. } if c == "price"));
    is(cut, |r| matches!(r, Refusal::Corrupt(_)));
}

#[test]
fn times_keep_their_meaning() {
    let berlin = TimeFormat::Pattern { pattern: "%d.%m.%Y".into(), zone: "Europe/Berlin".into() };
    let contract = contract(
        Format::Parquet,
        vec![column("id", "id", ColumnType::Text), column("at", "at", ColumnType::Timestamp { format: berlin })],
    );
    let local = TimestampMicrosecondArray::from(vec![1_767_225_600_000_000i64]);
    let id: ArrayRef = Arc::new(LargeStringArray::from(vec!["a"]));
    let (_, kept) = read(&contract, file(vec![("id", id.clone()), ("at", Arc::new(local.clone()))]));
    assert_eq!(kept.column(1), ["2025-12-31T23:00:00Z"], "without a zone it is the pipeline's");
    let zoned = local.with_timezone("+02:00");
    assert_eq!(zoned.data_type(), &DataType::Timestamp(TimeUnit::Microsecond, Some("+02:00".into())));
    let (_, kept) = read(&contract, file(vec![("id", id.clone()), ("at", Arc::new(zoned))]));
    assert_eq!(kept.column(1), ["2026-01-01T00:00:00Z"]);
    let fine = TimestampNanosecondArray::from(vec![1]);
    let (_, kept) = read(&contract, file(vec![("id", id), ("at", Arc::new(fine))]));
    assert_eq!(kept.faults(), [(1, Some("at"), "bad_time")]);
}
