//! `uramaki audit`: what an auditor asks.

mod pack;

use super::{cores, with_runtime};
use crate::audit::trace::{self, Question};
use crate::audit::why_not;
use crate::cli::{AuditArgs, AuditVerb, Global, Told};
use crate::error::{Error, Result};
use crate::manifest::{self, Manifest};
use crate::store::Store;

pub fn audit(args: AuditArgs, global: &Global) -> Result<()> {
    match args.verb {
        AuditVerb::Trace { table, key, column, run, format, html } => with_runtime(cores(), async {
            let store = warehouse(global)?;
            let manifest = published(&store, run).await?;
            let question = Question { table: &table, key: &key, column: column.as_deref() };
            let traced = trace::trace(&store, &manifest, &question).await?;
            if let Some(path) = &html {
                std::fs::write(path, trace::html(&traced))
                    .map_err(|e| Error::failed(format!("cannot write `{}`: {e}", path.display())))?;
            }
            match format {
                Told::Text => super::print(&trace::text(&traced))?,
                Told::Json => super::print(&super::pretty(&traced)?)?,
            }
            traced.holds()
        }),
        AuditVerb::WhyNot { table, key, source, run, format } => with_runtime(cores(), async {
            let store = warehouse(global)?;
            let manifest = published(&store, run).await?;
            let told = match (table, source) {
                (Some(table), _) => why_not::row(&store, &manifest, &table, &key).await?,
                (None, Some(source)) => why_not::line(&store, &manifest, &source).await?,
                (None, None) => return Err(Error::config("say a table with --key, or --source FILE:LINE")),
            };
            match format {
                Told::Text => super::print(&why_not::text(&told)),
                Told::Json => super::print(&super::pretty(&told)?),
            }
        }),
        AuditVerb::Pack { run, lang, output, since } => {
            with_runtime(cores(), pack::pack(&super::project(global)?, run, lang, output, since))
        }
        _ => Err(Error::failed("not there yet")),
    }
}

/// The warehouse that is audited. Where `--warehouse` names it, no project of today is needed.
fn warehouse(global: &Global) -> Result<Store> {
    let location = match &global.warehouse {
        Some(location) => location.clone(),
        None => super::project(global)?.warehouse,
    };
    Store::open_if_there(&location, 0)?.ok_or_else(|| {
        Error::config(format!("there is no warehouse `{location}`"))
            .hint("`uramaki run` makes one; `--warehouse URL` names one")
    })
}

/// A run's manifest; without a number, the last one's.
async fn published(store: &Store, run: Option<u64>) -> Result<Manifest> {
    let stored = match run {
        Some(run) => Some(manifest::read(store, run).await?),
        None => manifest::last(store).await?,
    };
    stored.map(|s| s.manifest).ok_or_else(|| Error::config("there is no run yet").hint("`uramaki run` makes one"))
}
