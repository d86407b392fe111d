//! `uramaki audit`: what an auditor asks.

use super::{audit_replay, cores, with_runtime};
use crate::cli::{AuditArgs, AuditVerb, Global};
use crate::error::{Error, Result};

pub fn audit(args: AuditArgs, global: &Global) -> Result<()> {
    let _ = global;
    match args.verb {
        AuditVerb::Verify { .. } => with_runtime(cores(), async { Err(Error::failed("not there yet")) }),
        AuditVerb::Reproduce { run, into, bundle, effort } => {
            audit_replay::reproduce(run, into, bundle, &effort, global)
        }
        AuditVerb::Bundle { run, output, with_tables } => audit_replay::bundle(run, output, with_tables, global),
        AuditVerb::Trace { .. } => Err(Error::failed("not there yet")),
        AuditVerb::WhyNot { .. } => Err(Error::failed("not there yet")),
        AuditVerb::Diff { from, to, format, effort } => audit_replay::diff(from, to, format, &effort, global),
        AuditVerb::Balance { .. } => Err(Error::failed("not there yet")),
        AuditVerb::Pack { .. } => Err(Error::failed("not there yet")),
    }
}
