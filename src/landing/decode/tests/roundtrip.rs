//! Random rows, written plainly, come back equal, however the bytes arrive.

use std::fmt::Write;

use super::*;

/// Small and repeatable; the numbers of xorshift are random enough for rows.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }

    fn text(&mut self) -> String {
        const PARTS: [&str; 16] =
            ["a", "Z", "ü", "€", "😀", "\"", "\"\"", ",", "\n", "\r\n", " ", "\\", "'", "word", "\t", "{[:]}"];
        (0..self.roll(9)).map(|_| PARTS[self.roll(PARTS.len())]).collect()
    }
}

struct Expected {
    id: String,
    name: Option<String>,
    amount: Option<i128>,
    micros: Option<i64>,
}

fn columns(time: ColumnType) -> Vec<Column> {
    vec![
        column("id", "id", ColumnType::Text),
        column("name", "a.name", ColumnType::Text),
        column("amount", "amount", money()),
        column("at", "at", time),
    ]
}

fn dice_rows(dice: &mut Dice, count: usize) -> Vec<Expected> {
    (0..count)
        .map(|i| Expected {
            id: format!("{i}"),
            name: (dice.roll(4) > 0).then(|| dice.text()),
            amount: (dice.roll(4) > 0).then(|| dice.roll(1_000_000) as i128 - 500_000),
            micros: (dice.roll(4) > 0).then(|| (dice.roll(4_000_000_000) as i64 - 1_000_000_000) * 1_000_000),
        })
        .collect()
}

fn money_text(cents: i128) -> String {
    SumState::Exact { unscaled: cents, scale: 2 }.to_string()
}

fn same(contract: &Contract, bytes: &[u8], expected: &[Expected], settings: &Settings, most: usize) {
    let mut kept = Kept::default();
    let mut drops = Drops { bytes, most, turn: 0 };
    let outcome = decode(contract, Compression::None, &mut drops, &[], settings, &mut kept).unwrap();
    balance(&outcome, &kept);
    assert_eq!(kept.faults(), []);
    let rows = kept.rows();
    assert_eq!(rows.len(), expected.len());
    for (row, expected) in rows.iter().zip(expected) {
        assert_eq!(row[0], expected.id);
        assert_eq!(row[1], expected.name.clone().unwrap_or("~".into()));
        assert_eq!(row[2], expected.amount.map_or("~".into(), money_text));
        let at = expected.micros.map(|m| chrono::DateTime::from_timestamp_micros(m).unwrap());
        assert_eq!(row[3], at.map_or("~".into(), |at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string()));
    }
}

fn ways(dice: &mut Dice) -> (Settings, usize) {
    let buffer_bytes = [1, 3, 17, 100, 1 << 16][dice.roll(5)];
    let batch_rows = [1, 2, 7, 8192][dice.roll(4)];
    (Settings { buffer_bytes, batch_rows, ..Settings::default() }, 1 + dice.roll(50))
}

#[test]
fn csv_comes_back() {
    let contract = contract(CSV, columns(time()));
    for seed in 1..120 {
        let mut dice = Dice(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15));
        let count = dice.roll(40);
        let expected = dice_rows(&mut dice, count);
        let end = ["\n", "\r\n"][dice.roll(2)];
        let mut text = format!("id,a.name,amount,at{end}");
        for row in &expected {
            let _ = write!(text, "{},", row.id);
            if let Some(name) = &row.name {
                let plain = !name.is_empty() && !name.contains(['"', ',', '\n', '\r']) && dice.roll(2) == 0;
                let _ = if plain { write!(text, "{name}") } else { write!(text, "\"{}\"", name.replace('"', "\"\"")) };
            }
            let _ = write!(text, ",{},", row.amount.map_or(String::new(), money_text));
            if let Some(micros) = row.micros {
                let at = chrono::DateTime::from_timestamp_micros(micros).unwrap();
                let _ = write!(text, "{}", at.format(["%F %T", "%FT%T.000Z", "\"%F %T.000000\""][dice.roll(3)]));
            }
            text.push_str(end);
        }
        if dice.roll(3) == 0 {
            text.truncate(text.trim_end_matches(['\r', '\n']).len());
        }
        for _ in 0..3 {
            let (settings, most) = ways(&mut dice);
            same(&contract, text.as_bytes(), &expected, &settings, most);
        }
    }
}

#[test]
fn json_lines_come_back() {
    let contract = contract(JSONL, columns(epoch()));
    for seed in 1..120 {
        let mut dice = Dice(u64::wrapping_mul(seed, 0xd134_2543_de82_ef95));
        let count = 1 + dice.roll(40);
        let expected = dice_rows(&mut dice, count);
        let mut text = String::new();
        for row in &expected {
            let mut fields = vec![format!("\"id\":\"{}\"", row.id)];
            if let Some(name) = &row.name {
                let written = serde_json::to_string(name).unwrap();
                fields.push(format!("\"a\": {{\"x\":[{}],\"name\":{written}}}", dice.roll(100)));
            }
            if let Some(amount) = row.amount {
                fields.push(format!("\"amount\":{}", money_text(amount)));
            }
            if let Some(micros) = row.micros {
                fields.push(format!("\"at\" : {}", micros / 1_000_000));
            }
            if dice.roll(2) == 0 {
                fields.push(format!("\"extra\":{}", serde_json::to_string(&dice.text()).unwrap()));
            }
            let turn = dice.roll(fields.len());
            fields.rotate_left(turn);
            let _ = writeln!(text, "{{{}}}", fields.join(","));
        }
        for _ in 0..3 {
            let (settings, most) = ways(&mut dice);
            same(&contract, text.as_bytes(), &expected, &settings, most);
        }
    }
}

#[test]
fn whatever_the_bytes_are_rows_balance() {
    let mut contract = contract(CSV, columns(time()));
    contract.drift_rows = u64::MAX;
    let mut json = contract.clone();
    json.format = JSONL;
    let whole =
        "id,a.name,amount,at\n1,\"a\"\"b\",1.00,2026-01-01 00:00:00\n2,x,2.00,\n{\"id\":1,\"a\":{\"name\":\"x\"}}\n";
    for seed in 1..400 {
        let mut dice = Dice(u64::wrapping_mul(seed, 0xa076_1d64_78bd_642f));
        let mut bytes = whole.repeat(1 + dice.roll(3)).into_bytes();
        for _ in 0..dice.roll(6) {
            let at = 20 + dice.roll(bytes.len() - 20);
            bytes[at] = [b'"', b',', b'\n', b'\r', 0xff, b'{', b'}', b'x', b'1'][dice.roll(9)];
        }
        for contract in [&contract, &json] {
            // `run` compares the ways in which the bytes arrive, and checks the balance.
            let _ = run(contract, &bytes);
        }
    }
}
