//! `uramaki quarantine`: what did not follow its contract.

use std::io::Write;

use crate::cli::{QuarantineArgs, QuarantineVerb};
use crate::config::{Project, RELEASES_FILE};
use crate::error::{Error, Result};
use crate::runs::reading;

const COUNTS: &str = "select source_system, source_object, file, column_name, reason, count(*) as rows \
     from quarantine.rejected_row group by source_system, source_object, file, column_name, reason \
     order by source_system, source_object, file, column_name, reason";

pub async fn quarantine(project: &Project, args: &QuarantineArgs) -> Result<()> {
    match &args.verb {
        None | Some(QuarantineVerb::List) => show(project, COUNTS).await,
        Some(QuarantineVerb::Show { file }) => {
            let sql = format!(
                "select file, line, column_name, reason, raw from quarantine.rejected_row where file = '{}' order by line",
                file.replace('\'', "''")
            );
            show(project, &sql).await
        }
        Some(QuarantineVerb::Release { row, who, why }) => release(project, row, who, why).await,
    }
}

async fn show(project: &Project, sql: &str) -> Result<()> {
    let rows = reading::rows(project, sql, None).await?;
    if rows.iter().all(|b| b.num_rows() == 0) {
        return super::print("nothing is quarantined");
    }
    let text = arrow::util::pretty::pretty_format_batches(&rows).map_err(|e| Error::failed(e.to_string()))?;
    super::print(&text.to_string())
}

/// Appends a line to the project's file; the next run reads it.
async fn release(project: &Project, row: &str, who: &str, why: &str) -> Result<()> {
    let wrong = || Error::config(format!("`{row}` names no row")).hint("name it as file:line, as `quarantine show` gives them");
    let (file, line) = row.rsplit_once(':').ok_or_else(wrong)?;
    let line: u64 = line.parse().map_err(|_| wrong())?;
    let mut parts = file.split('/');
    let (Some(system), Some(object), Some(_)) = (parts.next(), parts.next(), parts.next()) else { return Err(wrong()) };
    let sql = format!(
        "select 1 as there from quarantine.rejected_row where file = '{}' and line = {line}",
        file.replace('\'', "''")
    );
    let found = reading::rows(project, &sql, None).await?;
    if found.iter().all(|b| b.num_rows() == 0) {
        return Err(Error::config(format!("no quarantined row stands at {file}:{line}"))
            .hint("`uramaki quarantine list` shows what there is"));
    }
    let path = project.root.join(RELEASES_FILE);
    let is_new = !path.exists();
    let mut target = std::fs::OpenOptions::new().create(true).append(true).open(&path)?;
    if is_new {
        writeln!(target, "who,when,why,system,object,file,line")?;
    }
    let today = chrono::Utc::now().date_naive();
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    writeln!(target, "{},{today},{},{system},{object},{},{line}", quoted(who), quoted(why), quoted(file))?;
    super::print(&format!("noted in {RELEASES_FILE}; the next run takes it up"))
}
