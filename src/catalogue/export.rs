//! The catalogue as JSON, for other catalogues.

use serde_json::{Value, json};

use super::entries::{Catalogue, CheckLine, Column, Sample, Table};
use crate::error::{Error, Result};
use crate::models::lineage::{Flow, ROWS};

/// Of this format; readers refuse greater ones.
const FORMAT: u32 = 1;

/// Tables with their columns, edges of the lineage, metrics.
pub fn json(catalogue: &Catalogue) -> Result<String> {
    let mut edges = Vec::new();
    for table in &catalogue.tables {
        for column in &table.columns {
            add_edges(&mut edges, &table.name, &column.name, &column.flow);
        }
        add_edges(&mut edges, &table.name, ROWS, &table.flow);
    }
    let whole = json!({
        "format": FORMAT,
        "project": catalogue.project,
        "description": catalogue.description,
        "run": catalogue.run.as_ref().map(|r| json!({"run": r.run, "as_of": r.as_of.to_string(), "finished_at": r.finished_at})),
        "tables": catalogue.tables.iter().map(of_table).collect::<Vec<_>>(),
        "lineage": edges,
        "metrics": catalogue.metrics.iter().map(|m| json!({
            "name": m.name, "label": m.label, "description": m.description, "unit": m.unit, "table": m.table,
            "formula": m.formula, "where": m.condition, "time": m.time, "sql": m.sql,
        })).collect::<Vec<_>>(),
    });
    let mut text = serde_json::to_string_pretty(&whole).map_err(|e| Error::failed(format!("writing JSON: {e}")))?;
    text.push('\n');
    Ok(text)
}

fn of_table(table: &Table) -> Value {
    json!({
        "name": table.name,
        "layer": table.layer(),
        "kind": table.kind.name(),
        "description": table.description,
        "grain": table.grain,
        "key": table.key,
        "order": table.order,
        "owner": table.owner,
        "tags": table.tags,
        "file": table.file,
        "rows": table.rows,
        "version": table.version,
        "columns": table.columns.iter().map(of_column).collect::<Vec<_>>(),
        "checks": table.checks.iter().map(of_check).collect::<Vec<_>>(),
        "reads": table.reads,
        "read_by": table.read_by,
        "settings": table.parameters.keys().collect::<Vec<_>>(),
        "sample": match &table.sample {
            Sample::Rows { columns, rows } => json!({"columns": columns, "rows": rows}),
            _ => Value::Null,
        },
        "sql": table.sql,
    })
}

fn of_column(column: &Column) -> Value {
    json!({
        "name": column.name,
        "type": column.kind,
        "unit": column.unit,
        "description": column.description,
        "personal": column.personal,
        "made_of_personal": column.of_personal,
        "source_field": column.field,
        "checks": column.checks.iter().map(of_check).collect::<Vec<_>>(),
    })
}

fn of_check(check: &CheckLine) -> Value {
    json!({"name": check.name, "severity": check.severity, "offenders": check.offenders})
}

/// `column` is `*` where the rows themselves are meant.
fn add_edges(edges: &mut Vec<Value>, table: &str, column: &str, flow: &Flow) {
    let to = format!("{table}.{column}");
    for source in &flow.values {
        edges.push(json!({"from": format!("{}.{}", source.table, source.column), "to": to, "kind": "value"}));
    }
    for (source, how) in &flow.influences {
        edges.push(json!({"from": format!("{}.{}", source.table, source.column), "to": to, "kind": how.name()}));
    }
}
