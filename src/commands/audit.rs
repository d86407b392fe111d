//! `uramaki audit`: what an auditor asks.

mod pack;
mod replay;

use serde::Serialize;

use super::{cores, with_runtime};
use crate::audit::trace::{self, Question};
use crate::audit::{balance, bundle, verify, why_not};
use crate::cli::{AuditArgs, AuditVerb, Global, Told};
use crate::error::{Error, Result};
use crate::manifest::{self, Manifest};
use crate::store::Store;

pub fn audit(args: AuditArgs, global: &Global) -> Result<()> {
    match args.verb {
        AuditVerb::Verify { run, head, format } => with_runtime(cores(), async {
            let verified = verify::verify(&warehouse(global)?, run, head.as_deref()).await?;
            tell(format, &verified, || verified.text())?;
            verified.outcome()
        }),
        AuditVerb::Reproduce { run, into, bundle, effort } => replay::reproduce(run, into, bundle, &effort, global),
        AuditVerb::Bundle { run, output, with_tables } => replay::bundle(run, output, with_tables, global),
        AuditVerb::Trace { table, key, column, run, format, html } => with_runtime(cores(), async {
            let store = warehouse(global)?;
            let manifest = published(&store, run).await?;
            let question = Question { table: &table, key: &key, column: column.as_deref() };
            let traced = trace::trace(&store, &manifest, &question).await?;
            if let Some(path) = &html {
                std::fs::write(path, trace::html(&traced))
                    .map_err(|e| Error::failed(format!("cannot write `{}`: {e}", path.display())))?;
            }
            tell(format, &traced, || trace::text(&traced))?;
            traced.holds()
        }),
        AuditVerb::WhyNot { table, key, source, run, format } => with_runtime(cores(), async {
            let store = warehouse(global)?;
            let manifest = published(&store, run).await?;
            let told = match (&table, &source) {
                (table, Some(source)) => why_not::line(&store, &manifest, source, table.as_deref()).await?,
                (Some(table), None) => why_not::row(&store, &manifest, table, &key).await?,
                (None, None) => return Err(Error::config("say a table with --key, or --source FILE:LINE")),
            };
            tell(format, &told, || why_not::text(&told))
        }),
        AuditVerb::Diff { from, to, format, effort } => replay::diff(from, to, format, &effort, global),
        AuditVerb::Balance { run, format } => with_runtime(cores(), async {
            let store = warehouse(global)?;
            bundle::refuse(&store).await?;
            let balance = balance::balance(&store, run).await?;
            tell(format, &balance, || balance.text())?;
            balance.outcome()
        }),
        AuditVerb::Pack { run, lang, output, since } => {
            with_runtime(cores(), pack::pack(&super::project(global)?, run, lang, output, since))
        }
    }
}

fn tell(format: Told, answer: &impl Serialize, text: impl Fn() -> String) -> Result<()> {
    match format {
        Told::Text => super::print(&text()),
        Told::Json => super::print(&super::pretty(answer)?),
    }
}

/// The warehouse that is audited. Where `--warehouse` names it, no project of today is needed.
fn warehouse(global: &Global) -> Result<Store> {
    let location = match &global.warehouse {
        Some(location) => location.clone(),
        None => super::project(global)?.warehouse,
    };
    Store::open_if_there(&location, 0)?.ok_or_else(|| {
        Error::config(format!("there is no run yet in `{location}`"))
            .hint("`uramaki run` makes one; --warehouse names another place")
    })
}

/// A run's manifest; without a number, the last one's.
async fn published(store: &Store, run: Option<u64>) -> Result<Manifest> {
    bundle::refuse(store).await?;
    let stored = match run {
        Some(run) => Some(manifest::read(store, run).await?),
        None => manifest::last(store).await?,
    };
    stored.map(|s| s.manifest).ok_or_else(|| Error::config("there is no run yet").hint("`uramaki run` makes one"))
}
