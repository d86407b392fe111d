//! `uramaki quarantine`: what did not follow its contract.

use crate::cli::{QuarantineArgs, QuarantineVerb};
use crate::config::Project;
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
