//! What inner processes do to customers and cost, what was solved the first time, and when the rush comes.

use serde_json::json;

use super::answers::{Answer, Published, Row};
use super::figure::{Figure, Section, Unit, query};
use crate::error::Result;
use crate::pages::{Language, Table};

/// Frictions of the last 12 months by rule, the dearest first.
pub async fn frictions(published: &Published, language: Language) -> Result<Option<Section>> {
    let sql = format!(
        "select rule, sum(frictions) as frictions, count(customer_id) as customers,\n  \
         sum(cost_eur) as cost_eur, sum(revenue_at_risk_eur) as revenue_at_risk_eur\n\
         from (\n  select rule, customer_id, count(*) as frictions, sum(cost_eur) as cost_eur,\n    \
         max(revenue_at_risk_eur) as revenue_at_risk_eur\n  from marts.friction\n  \
         where local_date(found_at, '{}') >= date '{}'\n  group by rule, customer_id\n)\n\
         group by rule\norder by cost_eur desc, revenue_at_risk_eur desc, rule",
        published.zone,
        published.month(11)
    );
    let Some(answer) = published.ask(&["marts.friction"], sql).await?.filter(|a| !a.is_empty()) else {
        return Ok(None);
    };
    let rules: Vec<String> = answer.rows().map(|r| language.name(r.text("rule"))).collect();
    let total: f64 = answer.rows().filter_map(|r| r.number("cost_eur")).sum();
    let mut so_far = 0.0;
    let running: Vec<f64> = answer
        .rows()
        .map(|r| {
            so_far += r.number("cost_eur").unwrap_or(0.0);
            if total > 0.0 { so_far / total } else { 0.0 }
        })
        .collect();
    let mut table = Table::new(&[
        language.pick("Rule", "Regel"),
        language.pick("#Frictions", "#Reibungen"),
        language.pick("#Customers", "#Kunden"),
        language.pick("#Cost", "#Kosten"),
        language.pick("#Cost so far", "#Kosten bis hier"),
        language.pick("#Revenue at risk", "#Gefährdeter Umsatz"),
    ]);
    table.rows = answer
        .rows()
        .zip(&running)
        .map(|(r, share)| {
            vec![
                language.name(r.text("rule")),
                language.count(r.whole("frictions")),
                language.count(r.whole("customers")),
                Unit::Money.written(language, r.cell("cost_eur")),
                language.percent((share * 1000.0).round() as i128, 3),
                Unit::Money.written(language, r.cell("revenue_at_risk_eur")),
            ]
        })
        .collect();
    // How many rules make four fifths of the cost.
    let few = running.iter().position(|s| *s >= 0.8).map_or(0, |at| at + 1);
    let cost_title = match (language, total > 0.0) {
        (Language::English, true) => format!("{few} of {} rules make 80% of the cost", rules.len()),
        (Language::German, true) => format!("{few} von {} Regeln machen 80\u{a0}% der Kosten", rules.len()),
        (_, false) => language
            .pick("No friction led to a paid contact", "Keine Reibung führte zu einem bezahlten Kontakt")
            .to_string(),
    };
    let riskiest = answer.rows().max_by(|a, b| {
        a.number("revenue_at_risk_eur").unwrap_or(0.0).total_cmp(&b.number("revenue_at_risk_eur").unwrap_or(0.0))
    });
    let risk_title = riskiest.map_or_else(String::new, |r| {
        let money = r.cell("revenue_at_risk_eur").units().map_or_else(String::new, |(u, s)| language.money(u, s, 0));
        match language {
            Language::English => format!("Most revenue is at risk by “{}”: {money}", language.name(r.text("rule"))),
            Language::German => format!("Am meisten Umsatz gefährdet „{}“: {money}", language.name(r.text("rule"))),
        }
    });
    let bars = |column: &str| -> Vec<Option<f64>> { answer.rows().map(|r| r.number(column)).collect() };
    let command = query(published.manifest.run, &answer.sql);
    let mut by_risk: Vec<(String, Option<f64>)> =
        answer.rows().map(|r| (language.name(r.text("rule")), r.number("revenue_at_risk_eur"))).collect();
    by_risk.sort_by(|a, b| b.1.unwrap_or(0.0).total_cmp(&a.1.unwrap_or(0.0)));
    let mut risk_table = Table { heads: table.heads.clone(), rows: table.rows.clone() };
    risk_table.heads.remove(4);
    risk_table.rows.iter_mut().for_each(|r| drop(r.remove(4)));
    Ok(Some(Section {
        id: "friction",
        title: language.pick("Which process hurts most?", "Welcher Ablauf schmerzt am meisten?").to_string(),
        lead: language
            .pick(
                "Frictions of the last 12 months, the current one included: failures of inner processes, found by rules, with what they cost.",
                "Reibungen der letzten 12 Monate, mit dem laufenden: Fehler innerer Abläufe, von Regeln gefunden, mit ihren Kosten.",
            )
            .to_string(),
        figures: vec![
            Figure {
                id: "friction-cost".into(),
                title: cost_title,
                note: language
                    .pick(
                        "Bar: the cost of contacts about the same matter soon after a friction. Line: the share of all cost up to here.",
                        "Balken: Kosten der Kontakte zur selben Sache kurz nach einer Reibung. Linie: Anteil an allen Kosten bis hier.",
                    )
                    .to_string(),
                chart: Some(json!({"kind": "pareto", "unit": "money", "names": rules, "values": bars("cost_eur"), "line": running,
                    "word": language.pick("cost", "Kosten"), "lineWord": language.pick("share so far", "Anteil bis hier")})),
                wide: false,
                legend: Vec::new(),
                table,
                command: command.clone(),
            },
            Figure {
                id: "friction-risk".into(),
                title: risk_title,
                note: language
                    .pick(
                        "Revenue of the customers concerned, each counted once per rule. Rules must not be added up.",
                        "Umsatz der betroffenen Kunden, je Regel einmal gezählt. Regeln dürfen nicht addiert werden.",
                    )
                    .to_string(),
                chart: Some(json!({"kind": "pareto", "unit": "money", "names": by_risk.iter().map(|r| &r.0).collect::<Vec<_>>(),
                    "values": by_risk.iter().map(|r| r.1).collect::<Vec<_>>(),
                    "word": language.pick("revenue at risk", "gefährdeter Umsatz")})),
                wide: false,
                legend: Vec::new(),
                table: risk_table,
                command,
            },
        ],
    }))
}

const ENDS: [(&str, [&str; 2]); 4] = [
    ("resolved_first", ["solved at the first contact", "beim ersten Kontakt gelöst"]),
    ("transferred", ["passed on", "weitergereicht"]),
    ("reopened", ["reopened", "wieder geöffnet"]),
    ("asked_again", ["had to ask again", "musste noch einmal fragen"]),
];

/// What was solved the first time: over time, and by topic.
pub async fn first_contact(published: &Published, language: Language) -> Result<Option<Section>> {
    let table = ["marts.first_contact_resolution"];
    let columns = "sum(judged) as judged, sum(resolved_first) as resolved_first, sum(transferred) as transferred,\n  \
                   sum(reopened) as reopened, sum(asked_again) as asked_again, sum(pending) as pending,\n  \
                   div_round(sum(resolved_first), sum(judged), 6) as resolved_first_share";
    let by_month = format!(
        "select month, {columns}\nfrom marts.first_contact_resolution\nwhere month >= date '{}'\ngroup by month\norder by month",
        published.month(24)
    );
    let by_topic = format!(
        "select topic, {columns}\nfrom marts.first_contact_resolution\nwhere month >= date '{}'\n\
         group by topic\nhaving sum(judged) > 0\norder by judged desc, topic",
        published.month(11)
    );
    let (Some(months), Some(topics)) = (published.ask(&table, by_month).await?, published.ask(&table, by_topic).await?)
    else {
        return Ok(None);
    };
    if months.is_empty() || topics.is_empty() {
        return Ok(None);
    }
    let total = |column: &str| -> i64 { topics.rows().map(|r| r.whole(column)).sum() };
    let share = language.share(total("resolved_first"), total("judged"));
    let run = published.manifest.run;
    let worst = topics.rows().filter(|r| r.whole("judged") >= 10).min_by(|a, b| {
        a.number("resolved_first_share").unwrap_or(1.0).total_cmp(&b.number("resolved_first_share").unwrap_or(1.0))
    });
    let topic_title = match worst {
        Some(r) => {
            let (topic, share) =
                (language.name(r.text("topic")), Unit::Share.written(language, r.cell("resolved_first_share")));
            match language {
                Language::English => format!("Least often with “{topic}”: {share}"),
                Language::German => format!("Am seltensten bei „{topic}“: {share}"),
            }
        }
        None => language.pick("By topic", "Nach Thema").to_string(),
    };
    let at = usize::from(language == Language::German);
    let series: Vec<_> = ENDS
        .iter()
        .map(|(column, name)| json!({"name": name[at], "values": topics.rows().map(|r| r.whole(column)).collect::<Vec<_>>()}))
        .collect();
    Ok(Some(Section {
        id: "first-contact",
        title: language.pick("Was it solved the first time?", "Wurde es beim ersten Mal gelöst?").to_string(),
        lead: language
            .pick(
                "Solved at the first contact: neither passed on nor reopened, and the customer did not have to come again. Matters that cannot be judged yet are left out.",
                "Beim ersten Kontakt gelöst: nicht weitergereicht, nicht wieder geöffnet, und niemand musste noch einmal kommen. Noch offene Fälle zählen nicht.",
            )
            .to_string(),
        figures: vec![
            Figure {
                id: "first-contact-months".into(),
                title: match language {
                    Language::English => format!("{share} were solved at the first contact in the last 12 months"),
                    Language::German => format!("{share} wurden in den letzten 12 Monaten beim ersten Kontakt gelöst"),
                },
                note: language.pick("By the month in which the matter began.", "Nach dem Monat, in dem das Anliegen begann.").to_string(),
                chart: Some(json!({
                    "kind": "trend", "unit": "share", "name": language.pick("solved at the first contact", "beim ersten Kontakt gelöst"),
                    "x": months.rows().map(|r| language.month(r.day("month"))).collect::<Vec<_>>(),
                    "values": months.rows().map(|r| r.number("resolved_first_share")).collect::<Vec<_>>(),
                    "open": months.rows().next_back().is_some_and(|r| r.day("month") == published.month(0)),
                })),
                wide: false,
                legend: Vec::new(),
                table: ends(language, &months, language.pick("Month", "Monat"), |r| language.month(r.day("month"))),
                command: query(run, &months.sql),
            },
            Figure {
                id: "first-contact-topics".into(),
                title: topic_title,
                note: language.pick("What became of the first ticket, by topic, in the last 12 months.", "Was aus dem ersten Ticket wurde, nach Thema, in den letzten 12 Monaten.").to_string(),
                chart: Some(json!({"kind": "stack", "names": topics.rows().map(|r| language.name(r.text("topic"))).collect::<Vec<_>>(), "series": series})),
                wide: false,
                legend: ENDS.iter().enumerate().map(|(i, e)| (e.1[at].to_string(), 11 + i)).collect(),
                table: ends(language, &topics, language.pick("Topic", "Thema"), |r| language.name(r.text("topic"))),
                command: query(run, &topics.sql),
            },
        ],
    }))
}

fn ends(language: Language, answer: &Answer, head: &str, name: impl Fn(&Row) -> String) -> Table {
    let at = usize::from(language == Language::German);
    let mut heads = vec![head.to_string(), language.pick("#judged", "#beurteilt").to_string()];
    heads.extend(ENDS.iter().map(|e| format!("#{}", e.1[at])));
    heads.push(language.pick("#share solved first", "#Anteil gelöst").to_string());
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let mut table = Table::new(&heads);
    table.rows = answer
        .rows()
        .map(|r| {
            let mut row = vec![name(&r), language.count(r.whole("judged"))];
            row.extend(ENDS.iter().map(|e| language.count(r.whole(e.0))));
            row.push(Unit::Share.written(language, r.cell("resolved_first_share")));
            row
        })
        .collect();
    table
}

/// When customers come, by department.
pub async fn rush(published: &Published, language: Language) -> Result<Option<Section>> {
    let sql = "select department, weekday, hour, sum(contacts) as contacts, max(days) as days,\n  \
               div_round(sum(contacts), max(days), 4) as mean\n\
               from marts.contact_load\ngroup by department, weekday, hour\norder by department, weekday, hour"
        .to_string();
    let Some(answer) = published.ask(&["marts.contact_load"], sql).await?.filter(|a| !a.is_empty()) else {
        return Ok(None);
    };
    let figures = answer
        .values("department")
        .into_iter()
        .map(|department| {
            let rows: Vec<Row> = answer.rows().filter(|r| r.text("department") == department).collect();
            // Of equal hours the first.
            let peak = rows.iter().rev().max_by(|a, b| a.number("mean").unwrap_or(0.0).total_cmp(&b.number("mean").unwrap_or(0.0)));
            let title = peak.map_or_else(String::new, |r| {
                let day = language.long_weekday(r.whole("weekday"));
                let hour = r.whole("hour");
                match language {
                    Language::English => format!("{department}: most on {day}s from {hour}:00"),
                    Language::German => format!("{department}: am meisten {}s ab {hour} Uhr", day.to_lowercase()),
                }
            });
            let mut table = Table::new(&[
                language.pick("Weekday", "Wochentag"),
                language.pick("#Hour", "#Stunde"),
                language.pick("#Came in all", "#Kamen insgesamt"),
                language.pick("#Days seen", "#Tage"),
                language.pick("#Per hour", "#Je Stunde"),
            ]);
            table.rows = rows
                .iter()
                .map(|r| {
                    vec![
                        language.long_weekday(r.whole("weekday")).to_string(),
                        format!("{}:00", r.whole("hour")),
                        language.count(r.whole("contacts")),
                        language.count(r.whole("days")),
                        Unit::Number(2).written(language, r.cell("mean")),
                    ]
                })
                .collect();
            let cells: Vec<_> =
                rows.iter().map(|r| json!([r.whole("hour"), r.whole("weekday") - 1, r.number("mean"), language.count(r.whole("contacts"))])).collect();
            let sum: i64 = rows.iter().map(|r| r.whole("contacts")).sum();
            Figure {
                id: format!("rush-{department}"),
                title,
                note: match language {
                    Language::English => format!("{} in all.", language.counted(sum, ["time", ""], ["times", ""])),
                    Language::German => format!("{} insgesamt.", language.counted(sum, ["", "Mal"], ["", "Mal"])),
                },
                chart: Some(json!({
                    "kind": "rush", "unit": "number", "x": (0..24).map(|h| h.to_string()).collect::<Vec<_>>(),
                    "y": (1..=7).map(|d| language.weekday(d)).collect::<Vec<_>>(), "cells": cells,
                    "words": [language.pick("per hour, on average", "je Stunde im Mittel"), language.pick("in all", "insgesamt"), language.pick(":00", "\u{a0}Uhr")],
                })),
                wide: false,
                legend: Vec::new(),
                table,
                command: query(published.manifest.run, &answer.sql),
            }
        })
        .collect();
    Ok(Some(Section {
        id: "rush",
        title: language.pick("When does the rush come?", "Wann kommt der Ansturm?").to_string(),
        lead: language
            .pick(
                "Whenever a customer acted (ordered, wrote, called, paid, came in), by local weekday and hour. Each department has its own scale; the darker, the more.",
                "Immer wenn ein Kunde handelte (bestellte, schrieb, anrief, zahlte, kam), nach örtlichem Wochentag und Stunde. Jede Abteilung hat ihre eigene Skala; je dunkler, desto mehr.",
            )
            .to_string(),
        figures,
    }))
}
