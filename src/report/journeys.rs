//! Where information gets lost between departments, and the ways that matters take.

use std::collections::BTreeMap;

use serde_json::json;

use super::answers::{Answer, Published, Row};
use super::figure::{Figure, Section, Unit, query};
use crate::error::Result;
use crate::pages::{Language, Table};

/// Of fewer hand-offs a share says little: its cell stays without colour.
const FEWEST: i64 = 10;
/// So many steps of a journey are shown, and so many kinds of each; the rest is one band.
const STEPS: i64 = 6;
const KINDS: i64 = 6;

/// The hand-off matrix.
pub async fn lost(published: &Published, language: Language) -> Result<Option<Section>> {
    let sql = format!(
        "select from_department, to_department, handoffs, acted, asked_again,\n  \
         div_round(asked_again, handoffs, 6) as asked_again_share\n\
         from (\n  select from_department, to_department, sum(handoffs) as handoffs, sum(acted) as acted,\n    \
         cast(round(sum(asked_again_share * handoffs)) as bigint) as asked_again\n  \
         from marts.department_handoffs\n  where month >= date '{}'\n  group by from_department, to_department\n)\n\
         order by handoffs desc, from_department, to_department",
        published.month(11)
    );
    let Some(answer) = published.ask(&["marts.department_handoffs"], sql).await?.filter(|a| !a.is_empty()) else {
        return Ok(None);
    };
    // The busiest senders first; who only receives comes last.
    let mut departments = answer.values("from_department");
    for department in answer.values("to_department") {
        if !departments.contains(&department) {
            departments.push(department);
        }
    }
    let place = |name: &str| departments.iter().position(|d| *d == name).unwrap_or_default();
    let share = |r: &Row| Unit::Share.written(language, r.cell("asked_again_share"));
    let cells: Vec<_> = answer
        .rows()
        .map(|r| {
            let shown = (r.whole("handoffs") >= FEWEST).then(|| r.number("asked_again_share")).flatten();
            json!([
                place(r.text("to_department")),
                place(r.text("from_department")),
                shown,
                language.count(r.whole("handoffs")),
                share(&r),
                language.count(r.whole("acted"))
            ])
        })
        .collect();
    let mut table = Table::new(&[
        language.pick("From", "Von"),
        language.pick("To", "An"),
        language.pick("#Hand-offs", "#Übergaben"),
        language.pick("#The receiver acted", "#Empfänger handelte"),
        language.pick("#Asked again first", "#Vorher nachgefragt"),
        language.pick("#Share", "#Anteil"),
    ]);
    table.rows = answer
        .rows()
        .map(|r| {
            vec![
                r.text("from_department").to_string(),
                r.text("to_department").to_string(),
                language.count(r.whole("handoffs")),
                language.count(r.whole("acted")),
                language.count(r.whole("asked_again")),
                share(&r),
            ]
        })
        .collect();
    let worst = answer.rows().filter(|r| r.whole("handoffs") >= FEWEST).max_by(|a, b| {
        a.number("asked_again_share").unwrap_or(0.0).total_cmp(&b.number("asked_again_share").unwrap_or(0.0))
    });
    let title = match worst {
        Some(r) => {
            let (from, to) = (r.text("from_department"), r.text("to_department"));
            match language {
                Language::English => format!("From {from} to {to}, {} of customers had to ask again", share(&r)),
                Language::German => format!("Von {from} zu {to} mussten {} der Kunden nachfragen", share(&r)),
            }
        }
        None => language.pick("Hand-offs between departments", "Übergaben zwischen Abteilungen").to_string(),
    };
    let note = match language {
        Language::English => format!(
            "Number: hand-offs. Percentage and colour: after so many of them the customer asked again before the receiving department had acted. Pairs with fewer than {FEWEST} hand-offs have no colour."
        ),
        Language::German => format!(
            "Zahl: Übergaben. Prozent und Farbe: nach so vielen davon fragte der Kunde nach, bevor die empfangende Abteilung gehandelt hatte. Paare mit weniger als {FEWEST} Übergaben sind ohne Farbe."
        ),
    };
    Ok(Some(Section {
        id: "handoffs",
        title: language.pick("Where does information get lost?", "Wo geht Wissen verloren?").to_string(),
        lead: language
            .pick(
                "Every hand-off between two departments in the last 12 months, the current one included.",
                "Jede Übergabe zwischen zwei Abteilungen in den letzten 12 Monaten, mit dem laufenden.",
            )
            .to_string(),
        figures: vec![Figure {
            id: "handoff-matrix".into(),
            title,
            note,
            chart: Some(json!({
                "kind": "matrix", "names": departments, "cells": cells,
                "from": language.pick("from", "von"), "to": language.pick("to", "an"),
                "words": [
                    language.pick("hand-offs", "Übergaben"),
                    language.pick("asked again first", "fragten vorher nach"),
                    language.pick("the receiver acted", "Empfänger handelte"),
                ],
            })),
            wide: true,
            legend: Vec::new(),
            table,
            command: query(published.manifest.run, &answer.sql),
        }],
    }))
}

/// The journeys, step by step, and the ways most taken.
pub async fn journeys(published: &Published, language: Language) -> Result<Option<Section>> {
    let mut figures = Vec::new();
    let sql = format!(
        "with ways as (\n  select t.step, t.previous_department || ':' || t.previous_kind as from_step,\n    \
         t.department || ':' || t.kind as to_step, count(*) as journeys\n  from warehouse.fct_touchpoint t\n  \
         inner join warehouse.fct_journey j on t.journey_id = j.journey_id\n  \
         where t.step between 2 and {STEPS} and t.customer_id is not null\n    \
         and local_date(j.started_at, '{zone}') >= date '{from}'\n  group by 1, 2, 3\n),\n\
         seen as (\n  select 1 as step, from_step as name, journeys from ways where step = 2\n  union all\n  \
         select step, to_step, journeys from ways\n),\n\
         ranked as (\n  select step, name, row_number() over (partition by step order by sum(journeys) desc, name) as place\n  \
         from seen group by step, name\n)\n\
         select ways.step, case when f.place <= {KINDS} then ways.from_step else ':other_steps' end as from_step,\n  \
         case when t.place <= {KINDS} then ways.to_step else ':other_steps' end as to_step, sum(ways.journeys) as journeys\n\
         from ways\ninner join ranked f on f.step = ways.step - 1 and f.name = ways.from_step\n\
         inner join ranked t on t.step = ways.step and t.name = ways.to_step\n\
         group by 1, 2, 3\norder by 1, 4 desc, 2, 3",
        zone = published.zone,
        from = published.month(11),
    );
    if let Some(answer) =
        published.ask(&["warehouse.fct_touchpoint", "warehouse.fct_journey"], sql).await?.filter(|a| !a.is_empty())
    {
        figures.push(sankey(published, language, &answer));
    }
    let sql = "select from_step, to_step, journeys, share, median_hours, p90_hours\n\
               from marts.journey_paths\norder by journeys desc, from_step, to_step\nlimit 15"
        .to_string();
    if let Some(answer) = published.ask(&["marts.journey_paths"], sql).await?.filter(|a| !a.is_empty()) {
        figures.push(ways(published, language, &answer));
    }
    if figures.is_empty() {
        return Ok(None);
    }
    Ok(Some(Section {
        id: "journeys",
        title: language.pick("Which ways do matters take?", "Welche Wege nehmen die Anliegen?").to_string(),
        lead: language
            .pick(
                "A journey is one matter of one customer, across all departments, from the first step on.",
                "Eine Reise ist ein Anliegen eines Kunden, über alle Abteilungen, vom ersten Schritt an.",
            )
            .to_string(),
        figures,
    }))
}

/// `support:ticket_opened` → `support`, `ticket opened`
fn step(language: Language, name: &str) -> (String, String) {
    let (department, kind) = name.split_once(':').unwrap_or(("", name));
    (department.to_string(), language.name(kind))
}

fn sankey(published: &Published, language: Language, answer: &Answer) -> Figure {
    let mut nodes: BTreeMap<(i64, &str), i64> = BTreeMap::new();
    let mut departments: Vec<String> = Vec::new();
    for row in answer.rows() {
        let at = row.whole("step");
        if at == 2 {
            *nodes.entry((1, row.text("from_step"))).or_default() += row.whole("journeys");
        }
        *nodes.entry((at, row.text("to_step"))).or_default() += row.whole("journeys");
        for name in [row.text("from_step"), row.text("to_step")] {
            let department = step(language, name).0;
            if !department.is_empty() && !departments.contains(&department) {
                departments.push(department);
            }
        }
    }
    departments.sort();
    let color = |department: &str| departments.iter().position(|d| d == department).map_or(0, |at| 1 + at % 6);
    let mut listed: Vec<_> = nodes.iter().collect();
    listed.sort_by_key(|((at, name), journeys)| (*at, name.starts_with(':'), std::cmp::Reverse(**journeys), *name));
    let nodes_json: Vec<_> = listed
        .iter()
        .map(|((at, name), journeys)| {
            let (department, kind) = step(language, name);
            json!({"id": format!("{at}|{name}"), "depth": at - 1, "label": kind, "department": department,
                   "color": color(&department), "value": language.count(**journeys)})
        })
        .collect();
    let links: Vec<_> = answer
        .rows()
        .map(|r| {
            json!([
                format!("{}|{}", r.whole("step") - 1, r.text("from_step")),
                format!("{}|{}", r.whole("step"), r.text("to_step")),
                r.whole("journeys")
            ])
        })
        .collect();
    let mut table = Table::new(&[
        language.pick("#Step", "#Schritt"),
        language.pick("From", "Von"),
        language.pick("To", "Nach"),
        language.pick("#Journeys", "#Reisen"),
    ]);
    let told = |name: &str| match step(language, name) {
        (department, kind) if department.is_empty() => kind,
        (department, kind) => format!("{department}: {kind}"),
    };
    table.rows = answer
        .rows()
        .map(|r| {
            vec![
                language.count(r.whole("step")),
                told(r.text("from_step")),
                told(r.text("to_step")),
                language.count(r.whole("journeys")),
            ]
        })
        .collect();
    let begun: i64 = nodes.iter().filter(|((at, _), _)| *at == 1).map(|(_, n)| n).sum();
    let title = match language {
        Language::English => {
            format!("The first {STEPS} steps of {}", language.counted(begun, ["journey", ""], ["journeys", ""]))
        }
        Language::German => {
            format!("Die ersten {STEPS} Schritte von {}", language.counted(begun, ["", "Reise"], ["", "Reisen"]))
        }
    };
    let mut legend: Vec<_> = departments.iter().map(|d| (d.clone(), color(d))).collect();
    legend.push((language.pick("rarer steps", "seltenere Schritte").to_string(), 0));
    Figure {
        id: "journey-sankey".into(),
        title,
        note: language
            .pick(
                "Journeys of two steps and more that began in the last 12 months. The wider a band, the more of them. Where a step gives less than it gets, journeys ended or are still there.",
                "Reisen ab zwei Schritten, die in den letzten 12 Monaten begannen. Je breiter ein Band, desto mehr davon. Wo ein Schritt weniger weitergibt, als er bekommt, endeten Reisen oder sind noch dort.",
            )
            .to_string(),
        chart: Some(json!({"kind": "sankey", "nodes": nodes_json, "links": links,
            "word": language.pick("journeys", "Reisen"), "stepWord": language.pick("step", "Schritt")})),
        wide: true,
        legend,
        table,
        command: query(published.manifest.run, &answer.sql),
    }
}

fn ways(published: &Published, language: Language, answer: &Answer) -> Figure {
    let told = |name: &str| {
        let (department, kind) = step(language, name);
        format!("{department}: {kind}")
    };
    let mut table = Table::new(&[
        language.pick("From", "Von"),
        language.pick("To", "Nach"),
        language.pick("#Journeys", "#Reisen"),
        language.pick("#Of all that were there", "#Von allen, die dort waren"),
        language.pick("#Median hours", "#Stunden (Median)"),
        language.pick("#9 of 10 within hours", "#9 von 10 in Stunden"),
    ]);
    table.rows = answer
        .rows()
        .map(|r| {
            vec![
                told(r.text("from_step")),
                told(r.text("to_step")),
                language.count(r.whole("journeys")),
                Unit::Share.written(language, r.cell("share")),
                Unit::Number(1).written(language, r.cell("median_hours")),
                Unit::Number(1).written(language, r.cell("p90_hours")),
            ]
        })
        .collect();
    Figure {
        id: "journey-ways".into(),
        title: language
            .pick("The ways most taken, and how long they take", "Die häufigsten Wege und ihre Dauer")
            .to_string(),
        note: language
            .pick(
                "Of all journeys ever, wherever in the journey.",
                "Aus allen Reisen seit Beginn, an jeder Stelle der Reise.",
            )
            .to_string(),
        chart: None,
        wide: true,
        legend: Vec::new(),
        table,
        command: query(published.manifest.run, &answer.sql),
    }
}
