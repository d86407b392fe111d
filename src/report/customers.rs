//! How far the company is seen from the customer's side: the headline, the silo index, and who comes back.

use serde_json::json;

use super::answers::{Answer, Cell, Published, Row};
use super::figure::{Figure, Section, Unit, query};
use crate::error::Result;
use crate::pages::{Language, Table};

/// The four figures of the silo index: column, unit, and what it says.
struct Measure {
    column: &'static str,
    unit: Unit,
    /// A state, true at any moment; else counted over a month, which has to be over first.
    state: bool,
    name: [&'static str; 2],
    note: [&'static str; 2],
    parts: [(&'static str, [&'static str; 2]); 2],
}

const MEASURES: [Measure; 4] = [
    Measure {
        column: "one_department_share",
        unit: Unit::Share,
        state: true,
        name: ["Customers known to one system only", "Kundschaft, die nur ein System kennt"],
        note: [
            "Share of all known customers, at the end of the month. Of them the company sees one side only.",
            "Anteil an allen bekannten Kunden am Ende des Monats. Von ihnen sieht das Unternehmen nur eine Seite.",
        ],
        parts: [
            ("one_department_customers", ["known to one system", "nur einem System bekannt"]),
            ("customers", ["known customers", "bekannte Kunden"]),
        ],
    },
    Measure {
        column: "handoffs_per_journey",
        unit: Unit::Number(2),
        state: false,
        name: ["Hand-offs per journey", "Übergaben je Reise"],
        note: [
            "How often a matter passed from one department to another, per journey of the month.",
            "Wie oft ein Anliegen von einer Abteilung zur anderen ging, je Reise des Monats.",
        ],
        parts: [("handoffs", ["hand-offs", "Übergaben"]), ("journeys", ["journeys", "Reisen"])],
    },
    Measure {
        column: "repeat_contact_share",
        unit: Unit::Share,
        state: false,
        name: ["Contacts that are repeats", "Kontakte, die Wiederholungen sind"],
        note: [
            "Contacts of a customer who had contacted the company shortly before.",
            "Kontakte von jemandem, der sich kurz zuvor schon gemeldet hatte.",
        ],
        parts: [
            ("repeat_contacts", ["repeat contacts", "wiederholte Kontakte"]),
            ("contacts", ["contacts", "Kontakte"]),
        ],
    },
    Measure {
        column: "friction_per_100_customers",
        unit: Unit::Number(1),
        state: false,
        name: ["Frictions per 100 active customers", "Reibungen je 100 aktive Kunden"],
        note: [
            "Failures of the company's own processes that reached customers active in the month.",
            "Fehler der eigenen Abläufe, die bei aktiven Kunden des Monats ankamen.",
        ],
        parts: [("frictions", ["frictions", "Reibungen"]), ("active_customers", ["active customers", "aktive Kunden"])],
    },
];

async fn silo(published: &Published) -> Result<Option<Answer>> {
    let sql = format!(
        "select month, customers, one_department_customers, one_department_share,\n  \
         journeys, handoffs, handoffs_per_journey,\n  contacts, repeat_contacts, repeat_contact_share,\n  \
         active_customers, frictions, friction_per_100_customers, is_complete\n\
         from marts.silo_index\nwhere month >= date '{}'\norder by month",
        published.month(24)
    );
    Ok(published.ask(&["marts.silo_index"], sql).await?.filter(|a| !a.is_empty()))
}

async fn first_contact(published: &Published) -> Result<Option<Answer>> {
    let sql = format!(
        "select sum(resolved_first) as resolved_first, sum(judged) as judged,\n  \
         div_round(sum(resolved_first), sum(judged), 6) as resolved_first_share\n\
         from marts.first_contact_resolution\nwhere month >= date '{}'",
        published.month(11)
    );
    published.ask(&["marts.first_contact_resolution"], sql).await
}

async fn friction_cost(published: &Published) -> Result<Option<Answer>> {
    let sql = format!(
        "select sum(cost_eur) as cost_eur\nfrom marts.friction_summary\nwhere month >= date '{}'",
        published.month(11)
    );
    published.ask(&["marts.friction_summary"], sql).await
}

/// One of the figures at the top of the page.
pub struct Headline {
    pub name: String,
    pub of: String,
    pub value: String,
    pub change: String,
    /// Empty, `better` or `worse`.
    pub class: &'static str,
}

struct Key {
    name: &'static str,
    of: String,
    unit: Unit,
    cell: Cell,
    good_up: bool,
}

async fn keys(published: &Published, language: Language) -> Result<Vec<Key>> {
    let mut keys = Vec::new();
    if let Some(silo) = silo(published).await? {
        let complete = silo.rows().rev().find(|r| r.holds("is_complete"));
        for measure in &MEASURES {
            let Some(row) = (if measure.state { silo.rows().next_back() } else { complete }) else { continue };
            keys.push(Key {
                name: measure.name[usize::from(language == Language::German)],
                of: match measure.state {
                    true => language.date(published.manifest.as_of),
                    false => language.month(row.day("month")),
                },
                unit: measure.unit,
                cell: row.cell(measure.column).clone(),
                good_up: false,
            });
        }
    }
    let year = language.pick("the last 12 months", "die letzten 12 Monate");
    if let Some(answer) = first_contact(published).await?
        && let Some(row) = answer.rows().next()
    {
        keys.push(Key {
            name: language.pick("Solved at the first contact", "Beim ersten Kontakt gelöst"),
            of: year.to_string(),
            unit: Unit::Share,
            cell: row.cell("resolved_first_share").clone(),
            good_up: true,
        });
    }
    if let Some(answer) = friction_cost(published).await?
        && let Some(row) = answer.rows().next()
    {
        keys.push(Key {
            name: language.pick("Cost of contacts after frictions", "Kosten der Kontakte nach Reibungen"),
            of: year.to_string(),
            unit: Unit::Money,
            cell: row.cell("cost_eur").clone(),
            good_up: false,
        });
    }
    Ok(keys)
}

/// The key figures, with their change against the run before.
pub async fn headlines(now: &Published, before: Option<&Published>, language: Language) -> Result<Vec<Headline>> {
    let then = match before {
        Some(before) => keys(before, language).await?,
        None => Vec::new(),
    };
    let told = |key: &Key| {
        let Some(before) = before else { return (String::new(), "") };
        let run = format!("{} {}", language.pick("run", "Lauf"), before.manifest.run);
        let Some(old) = then.iter().find(|k| k.name == key.name) else { return (String::new(), "") };
        let (Some((new, scale)), Some((was, old_scale))) = (key.cell.units(), old.cell.units()) else {
            return (String::new(), "");
        };
        let written = key.unit.written(language, &old.cell);
        if scale != old_scale || key.unit.written(language, &key.cell) == written {
            let same = language.pick("as in", "wie in");
            return (format!("{same} {run}"), "");
        }
        let (word, class) = match (new > was) == key.good_up {
            true => (language.pick("better", "besser"), "better"),
            false => (language.pick("worse", "schlechter"), "worse"),
        };
        let arrow = if new > was { "▲" } else { "▼" };
        let was_word = language.pick("was", "war");
        (format!("{arrow} {word}: {was_word} {written} in {run}"), class)
    };
    let keys = keys(now, language).await?;
    Ok(keys
        .iter()
        .map(|key| {
            let (change, class) = told(key);
            Headline {
                name: key.name.to_string(),
                of: key.of.clone(),
                value: key.unit.written(language, &key.cell),
                change,
                class,
            }
        })
        .collect())
}

/// The silo index over time.
pub async fn trend(published: &Published, language: Language) -> Result<Option<Section>> {
    let Some(answer) = silo(published).await? else { return Ok(None) };
    let at = usize::from(language == Language::German);
    let months: Vec<String> = answer.rows().map(|r| language.month(r.day("month"))).collect();
    let figures = MEASURES
        .iter()
        .map(|measure| {
            let mut table = Table::new(&[
                language.pick("Month", "Monat"),
                &format!("#{}", measure.parts[0].1[at]),
                &format!("#{}", measure.parts[1].1[at]),
                &format!("#{}", measure.name[at]),
            ]);
            table.rows = answer
                .rows()
                .map(|row| {
                    vec![
                        language.month(row.day("month")),
                        language.count(row.whole(measure.parts[0].0)),
                        language.count(row.whole(measure.parts[1].0)),
                        measure.unit.written(language, row.cell(measure.column)),
                    ]
                })
                .collect();
            let values: Vec<_> = answer.rows().map(|r| r.number(measure.column)).collect();
            Figure {
                id: format!("silo-{}", measure.column.replace('_', "-")),
                title: told(language, measure, &answer),
                note: measure.note[at].to_string(),
                chart: Some(json!({
                    "kind": "trend", "unit": measure.unit.name(), "name": measure.name[at], "x": months, "values": values,
                    "open": answer.rows().next_back().is_some_and(|r| !r.holds("is_complete")),
                })),
                wide: false,
                legend: Vec::new(),
                table,
                command: query(published.manifest.run, &answer.sql),
            }
        })
        .collect();
    Ok(Some(Section {
        id: "silo",
        title: language.pick("How far do we see the customer?", "Wie weit sehen wir die Kunden?").to_string(),
        lead: language
            .pick(
                "The silo index: four figures that fall when departments share what they know. The month that is not over is drawn hollow.",
                "Der Silo-Index: vier Zahlen, die sinken, wenn Abteilungen ihr Wissen teilen. Der laufende Monat ist hohl gezeichnet.",
            )
            .to_string(),
        figures,
    }))
}

/// `Hand-offs per journey: 0.91 in Oct 2026, 0.88 a year before`
fn told(language: Language, measure: &Measure, answer: &Answer) -> String {
    let name = measure.name[usize::from(language == Language::German)];
    let shown = |row: &Row| measure.unit.written(language, row.cell(measure.column));
    let told: Vec<Row> = answer.rows().filter(|r| measure.state || r.holds("is_complete")).collect();
    let Some(last) = told.last() else { return name.to_string() };
    let month = language.month(last.day("month"));
    let year = told
        .iter()
        .rev()
        .nth(12)
        .map(|r| format!(", {} {}", language.pick("a year before", "ein Jahr zuvor"), shown(r)));
    format!("{name}: {} {} {month}{}", shown(last), language.pick("in", "im"), year.unwrap_or_default())
}

/// Whether customers come back.
pub async fn cohorts(published: &Published, language: Language) -> Result<Option<Section>> {
    let sql = format!(
        "select cohort_month, months_since, cohort_customers, active_customers, repeat_rate, revenue_eur\n\
         from marts.loyalty_cohorts\nwhere cohort_month >= date '{}'\norder by cohort_month, months_since",
        published.month(24)
    );
    let Some(answer) = published.ask(&["marts.loyalty_cohorts"], sql).await?.filter(|a| !a.is_empty()) else {
        return Ok(None);
    };
    let later = || answer.rows().filter(|r| r.whole("months_since") > 0);
    let mut months: Vec<_> = later().map(|r| r.day("cohort_month")).collect();
    months.dedup();
    let most = answer.rows().map(|r| r.whole("months_since")).max().unwrap_or_default();
    let cells: Vec<_> = later()
        .filter_map(|r| {
            let y = months.iter().position(|m| *m == r.day("cohort_month"))?;
            Some(json!([r.whole("months_since") - 1, y, r.number("repeat_rate")]))
        })
        .collect();
    let mut table = Table::new(&[
        language.pick("First order", "Erste Bestellung"),
        language.pick("#Months since", "#Monate seither"),
        language.pick("#Customers", "#Kunden"),
        language.pick("#Ordered again", "#Bestellten wieder"),
        language.pick("#Share", "#Anteil"),
        language.pick("#Revenue", "#Umsatz"),
    ]);
    table.rows = answer
        .rows()
        .map(|r| {
            vec![
                language.month(r.day("cohort_month")),
                language.count(r.whole("months_since")),
                language.count(r.whole("cohort_customers")),
                language.count(r.whole("active_customers")),
                Unit::Share.written(language, r.cell("repeat_rate")),
                Unit::Money.written(language, r.cell("revenue_eur")),
            ]
        })
        .collect();
    // A month that is not over says nothing yet of the third month after.
    let third: Vec<Row> =
        answer.rows().filter(|r| r.whole("months_since") == 3 && r.day("cohort_month") < published.month(3)).collect();
    let sum = |column: &str| -> i64 { third.iter().map(|r| r.whole(column)).sum() };
    let (came, all) = (sum("active_customers"), sum("cohort_customers"));
    let title = match all {
        0 => language
            .pick(
                "Who orders again, by month of the first order",
                "Wer wieder bestellt, nach Monat der ersten Bestellung",
            )
            .to_string(),
        _ => {
            let share = language.share(came, all);
            match language {
                Language::English => format!("{share} order again in the third month after their first order"),
                Language::German => format!("{share} bestellen im dritten Monat nach der ersten Bestellung wieder"),
            }
        }
    };
    let note = language.pick(
        "Each row: everybody who first ordered in that month. Each column: so many months later. The darker, the more of them ordered.",
        "Jede Zeile: alle, die in diesem Monat zum ersten Mal bestellten. Jede Spalte: so viele Monate später. Je dunkler, desto mehr von ihnen bestellten.",
    );
    Ok(Some(Section {
        id: "cohorts",
        title: language.pick("Who comes back?", "Wer kommt wieder?").to_string(),
        lead: language
            .pick(
                "Customers by the month of their first order. The last month of each row is not over yet.",
                "Kundschaft nach dem Monat der ersten Bestellung. Der letzte Monat jeder Zeile ist noch nicht vorbei.",
            )
            .to_string(),
        figures: vec![Figure {
            id: "cohorts-repeat".into(),
            title,
            note: note.to_string(),
            chart: Some(json!({
                "kind": "cohorts", "unit": "share",
                "x": (1..=most).map(|m| m.to_string()).collect::<Vec<_>>(),
                "y": months.iter().map(|m| language.month(*m)).collect::<Vec<_>>(),
                "xName": language.pick("months since the first order", "Monate seit der ersten Bestellung"),
                "cells": cells,
            })),
            wide: true,
            legend: Vec::new(),
            table,
            command: query(published.manifest.run, &answer.sql),
        }],
    }))
}
