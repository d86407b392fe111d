//! Control totals: what the sums hold, and when they cannot be told.

use super::*;

fn summed(contract: &Contract, bytes: impl AsRef<[u8]>) -> Vec<String> {
    let names = ["price".to_string(), "quantity".to_string(), "name".to_string()];
    let (outcome, _) = run_summed(contract, bytes.as_ref(), &names);
    let sums = outcome.unwrap().sums;
    // A text has no sum.
    assert_eq!(sums.len(), 2);
    vec![sums["price"].to_string(), sums["quantity"].to_string()]
}

fn priced(rows: &[&str]) -> String {
    let mut text = format!("{ORDERS}\n");
    rows.iter().for_each(|row| text.push_str(&format!("{row}\n")));
    text
}

#[test]
fn over_accepted_and_readable_rejected_rows() {
    let none = "not verifiable";
    for (rows, price, quantity) in [
        (vec![], "0.00", "0"),
        (vec!["1,,2,1.10,,,", "2,,3,2.20,,,"], "3.30", "5"),
        (vec!["1,,2,-1.10,,,", "2,,,1.00,,,"], "-0.10", "2"),
        // Rejected for another column: its values count.
        (vec!["1,,2,1.10,,,", ",,3,2.20,,,", "3,,4,3.30,,2026-02-30,"], "6.60", "9"),
        // The value itself does not parse, or is missing where it must not be.
        (vec!["1,,2,1.10,,,", "2,,3,x,,,"], none, "5"),
        (vec!["1,,2,1.10,,,", "2,,3,,,,"], none, "5"),
        (vec!["1,,2,1.10,,,", "2,,x,2.20,,,"], "3.30", none),
        // A rejected row's optional value may be missing.
        (vec!["1,,2,1.10,,,", ",,,2.20,,,"], "3.30", "2"),
        // Nobody knows what a broken row held; a repeated header holds nothing.
        (vec!["1,,2,1.10,,,", "2,,3"], none, none),
        (vec!["1,,2,1.10,,,", ORDERS], "1.10", "2"),
    ] {
        assert_eq!(summed(&orders(), priced(&rows)), [price, quantity], "{rows:?}");
    }
}

#[test]
fn bad_bytes_in_a_name_hide_no_amount() {
    let mut bytes = priced(&["1,,2,1.10,,,"]).into_bytes();
    bytes.extend_from_slice(b"2,M\xfcller,3,2.20,,,\n");
    assert_eq!(summed(&orders(), &bytes), ["3.30", "5"]);
    let json = contract(
        JSONL,
        vec![
            column("id", "id", ColumnType::Text),
            column("name", "name", ColumnType::Text),
            column("quantity", "quantity", ColumnType::Integer),
            column("price", "total.price", money()),
        ],
    );
    let mut bytes = b"{\"id\":1,\"quantity\":2,\"total\":{\"price\":1.10}}\n".to_vec();
    bytes.extend_from_slice(b"{\"id\":2,\"name\":\"M\xfcller\",\"quantity\":3,\"total\":{\"price\":\"2.20\"}}\n");
    assert_eq!(summed(&json, &bytes), ["3.30", "5"]);
    bytes.extend_from_slice(b"{\"id\":3,\"quantity\":3,\n");
    assert_eq!(summed(&json, &bytes), ["not verifiable", "not verifiable"]);
}

#[test]
fn a_total_is_compared_exactly() {
    let state = SumState::Exact { unscaled: 9_876_543, scale: 2 };
    for (text, equal) in
        [("98765.43", true), ("98765.430", true), ("98765.44", false), ("98765.4", false), ("x", false)]
    {
        assert_eq!(state.equals(text), Some(equal), "{text}");
    }
    assert_eq!(SumState::NotVerifiable.equals("1"), None);
    let text = |unscaled, scale| SumState::Exact { unscaled, scale }.to_string();
    assert_eq!([text(-5, 2), text(5, 0), text(0, 2), text(-12345, 2)], ["-0.05", "5", "0.00", "-123.45"]);
}

#[test]
fn a_sum_beyond_all_bounds_is_not_told() {
    let wide = ColumnType::Decimal { precision: 38, scale: 0 };
    let contract = contract(CSV, vec![column("id", "id", ColumnType::Text), column("n", "n", wide)]);
    let row = format!("1,{}\n", "9".repeat(38));
    let sum = |rows: usize| {
        let (outcome, _) = run_summed(&contract, format!("id,n\n{}", row.repeat(rows)).as_bytes(), &["n".to_string()]);
        outcome.unwrap().sums["n"]
    };
    assert!(matches!(sum(1), SumState::Exact { .. }));
    assert_eq!(sum(3), SumState::NotVerifiable);
}
