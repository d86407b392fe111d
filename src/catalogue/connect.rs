//! How each tool reaches the tables: Delta, which is always there, and the sinks that a project may choose.

use std::fmt::Write as _;

use super::entries::{Catalogue, Kind};
use crate::config::Project;
use crate::output::escaped;
use crate::pages::{self, Language};

/// One tool: its name, what to know, and what to type or click.
struct Tool {
    name: &'static str,
    note: [&'static str; 2],
    ways: Vec<([&'static str; 2], String)>,
}

/// `warehouse` where the folder lies in the project: no page tells how a machine's folders are called.
fn warehouse(project: &Project) -> String {
    let root = project.root.display().to_string();
    let inside = project.warehouse.strip_prefix(&root).map(|p| p.trim_start_matches(['/', '\\']));
    match inside {
        Some(path) if !path.is_empty() => path.replace('\\', "/"),
        _ if project.warehouse.contains("://") => project.warehouse.trim_end_matches('/').to_string(),
        _ => "WAREHOUSE".to_string(),
    }
}

pub fn html(out: &mut String, project: &Project, catalogue: &Catalogue, language: Language) {
    let marts = catalogue.tables.iter().filter(|t| t.kind == Kind::Published);
    let example = marts
        .clone()
        .find(|t| t.name == "marts.customer_360")
        .or_else(|| marts.clone().find(|t| t.layer() == "marts"))
        .or_else(|| marts.clone().next());
    let (schema, name) = example.and_then(|t| t.name.split_once('.')).unwrap_or(("marts", "TABLE"));
    let _ = write!(
        out,
        "<section class=\"entry\" id=\"connect\" aria-labelledby=\"connect-title\">\n<h2 id=\"connect-title\">{}</h2>\n<p class=\"lead\">{}</p>\n<p class=\"lead\">{}</p>\n",
        language.pick("Connect a tool", "Werkzeug anbinden"),
        language.pick(
            "Each published table is a Delta table in the warehouse folder. Its folder also holds the files of older versions: read it as a Delta table, never by a pattern of file names.",
            "Jede veröffentlichte Tabelle ist eine Delta-Tabelle im Ordner des Warehouse. Dort liegen auch die Dateien älterer Versionen: als Delta-Tabelle lesen, nie über ein Muster von Dateinamen."
        ),
        language.pick(
            "Where a tool does not read Delta, a sink (sinks: in uramaki.yaml) writes the marts as Parquet, CSV, XLSX, a DuckDB start file, or into PostgreSQL. What a sink is called and where it writes, its entry there says.",
            "Liest ein Werkzeug kein Delta, schreibt eine Senke (sinks: in uramaki.yaml) die Marts als Parquet, CSV, XLSX, DuckDB-Startdatei oder in PostgreSQL. Wie sie heißt und wohin sie schreibt, steht dort."
        ),
    );
    for tool in tools(&warehouse(project), schema, name) {
        let at = usize::from(language == Language::German);
        let _ = write!(out, "<article class=\"metric\"><h3>{}</h3><p>{}</p>", tool.name, escaped(tool.note[at]));
        for (how, text) in &tool.ways {
            let _ = write!(out, "<p class=\"note\">{}</p>", escaped(how[at]));
            out.push_str(&pages::code(text, language));
        }
        out.push_str("</article>\n");
    }
    out.push_str("</section>\n");
}

fn tools(warehouse: &str, schema: &str, name: &str) -> Vec<Tool> {
    let path = format!("{warehouse}/{schema}/{name}");
    let delta = ["As a Delta table", "Als Delta-Tabelle"];
    let postgres =
        ["Through the PostgreSQL sink, with the read-only role", "Über die Senke PostgreSQL, mit der Rolle zum Lesen"];
    vec![
        Tool {
            name: "Power BI",
            note: [
                "Choose Import, not DirectQuery: the tables change once a night. Keys and measures stand here under each table and under Metrics.",
                "Import wählen, nicht DirectQuery: die Tabellen ändern sich einmal in der Nacht. Schlüssel und Kennzahlen stehen hier bei jeder Tabelle.",
            ],
            ways: vec![
                (
                    ["From an object store, in Get Data → Blank Query → Advanced Editor", "Aus einem Objektspeicher, in Daten abrufen → Leere Abfrage → Erweiterter Editor"],
                    format!("let Source = AzureStorage.DataLake(\"https://ACCOUNT.dfs.core.windows.net/CONTAINER/{schema}/{name}\", [HierarchicalNavigation = true]),\n    Table = DeltaLake.Table(Source)\nin Table"),
                ),
                (
                    ["From the Parquet sink: Get Data → Parquet, one stable path for each table", "Aus der Senke Parquet: Daten abrufen → Parquet, ein fester Pfad je Tabelle"],
                    format!("let Source = Parquet.Document(File.Contents(\"FOLDER\\{schema}\\{name}.parquet\")) in Source"),
                ),
                (postgres, format!("let Source = PostgreSQL.Database(\"HOST\", \"DATABASE\"){{[Schema=\"{schema}\", Item=\"{name}\"]}}[Data] in Source")),
            ],
        },
        Tool {
            name: "Tableau",
            note: [
                "Take the PostgreSQL sink for live dashboards, Parquet files for extracts.",
                "Für lebende Dashboards die Senke PostgreSQL, für Extrakte Parquet-Dateien.",
            ],
            ways: vec![(
                ["Connect → To a Server → PostgreSQL, or Connect → To a File → Parquet", "Verbinden → Mit einem Server → PostgreSQL, oder Verbinden → Mit einer Datei → Parquet"],
                format!("Server: HOST   Port: 5432   Database: DATABASE   Schema: {schema}   Table: {name}"),
            )],
        },
        Tool {
            name: "Metabase",
            note: [
                "Comments of the PostgreSQL sink come along as descriptions of tables and columns.",
                "Die Kommentare der Senke PostgreSQL kommen als Beschreibungen von Tabellen und Spalten mit.",
            ],
            ways: vec![(postgres, "Admin settings → Databases → Add database → PostgreSQL\nHost: HOST   Port: 5432   Database name: DATABASE   Schemas: Only these… marts".to_string())],
        },
        Tool {
            name: "Apache Superset",
            note: [
                "Through PostgreSQL, or through DuckDB (Python package duckdb-engine) over the published files.",
                "Über PostgreSQL, oder über DuckDB (Python-Paket duckdb-engine) auf den veröffentlichten Dateien.",
            ],
            ways: vec![(["Settings → Database Connections, as SQLAlchemy URI", "Settings → Database Connections, als SQLAlchemy URI"], "postgresql+psycopg2://USER:PASSWORD@HOST:5432/DATABASE".to_string())],
        },
        Tool {
            name: "Excel",
            note: [
                "The XLSX sink writes workbooks with typed cells. For more than a million rows take Power Query and Parquet, or PostgreSQL.",
                "Die Senke XLSX schreibt Arbeitsmappen mit typisierten Zellen. Für mehr als eine Million Zeilen Power Query mit Parquet oder PostgreSQL nehmen.",
            ],
            ways: vec![(
                ["Without a sink: the answer to any question as CSV, then Data → From Text/CSV (UTF-8)", "Ohne Senke: die Antwort auf jede Frage als CSV, dann Daten → Aus Text/CSV (UTF-8)"],
                format!("uramaki query --format csv --output {name}.csv \"select * from {schema}.{name}\""),
            )],
        },
        Tool {
            name: "DuckDB",
            note: [
                "With its delta extension straight from the warehouse; with the start file of the DuckDB sink every mart is a view.",
                "Mit der Erweiterung delta unmittelbar aus dem Warehouse; mit der Startdatei der Senke DuckDB ist jeder Mart eine Sicht.",
            ],
            ways: vec![
                (delta, format!("install delta; load delta;\nselect * from delta_scan('{path}') limit 5;")),
                (["With the start file", "Mit der Startdatei"], "duckdb -init marts.sql".to_string()),
            ],
        },
        Tool {
            name: "Python",
            note: [
                "deltalake for pandas and pyarrow, Polars by itself.",
                "deltalake für pandas und pyarrow, Polars von selbst.",
            ],
            ways: vec![
                (["pandas", "pandas"], format!("from deltalake import DeltaTable\nframe = DeltaTable(\"{path}\").to_pandas()")),
                (["Polars", "Polars"], format!("import polars as pl\nframe = pl.scan_delta(\"{path}\").collect()")),
            ],
        },
    ]
}
