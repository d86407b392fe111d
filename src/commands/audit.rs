//! `uramaki audit`: what an auditor asks.

use super::{cores, project, with_runtime};
use crate::audit::{balance, verify};
use crate::cli::{AuditArgs, AuditVerb, Global, Told};
use crate::error::{Error, Result};
use crate::store::Store;

pub fn audit(args: AuditArgs, global: &Global) -> Result<()> {
    match args.verb {
        AuditVerb::Verify { run, head, format } => {
            let store = warehouse(global)?;
            with_runtime(cores(), async {
                let verified = verify::verify(&store, run, head.as_deref()).await?;
                match format {
                    Told::Text => super::print(&verified.text())?,
                    Told::Json => super::print(&super::pretty(&verified)?)?,
                }
                verified.outcome()
            })
        }
        AuditVerb::Reproduce { .. } => Err(Error::failed("not there yet")),
        AuditVerb::Bundle { .. } => Err(Error::failed("not there yet")),
        AuditVerb::Trace { .. } => Err(Error::failed("not there yet")),
        AuditVerb::WhyNot { .. } => Err(Error::failed("not there yet")),
        AuditVerb::Diff { .. } => Err(Error::failed("not there yet")),
        AuditVerb::Balance { run, format } => {
            let store = warehouse(global)?;
            with_runtime(cores(), async {
                let balance = balance::balance(&store, run).await?;
                match format {
                    Told::Text => super::print(&balance.text())?,
                    Told::Json => super::print(&super::pretty(&balance)?)?,
                }
                balance.outcome()
            })
        }
        AuditVerb::Pack { .. } => Err(Error::failed("not there yet")),
    }
}

/// The warehouse of the flag; where there is none, the project's. With the flag no project is needed.
pub fn warehouse(global: &Global) -> Result<Store> {
    let location = match &global.warehouse {
        Some(location) => location.clone(),
        None => project(global)?.warehouse,
    };
    Store::open_if_there(&location, 0)?.ok_or_else(|| {
        Error::config(format!("there is no run yet in `{location}`"))
            .hint("`uramaki run` makes one; --warehouse names another place")
    })
}
