//! `uramaki audit`: what an auditor asks.

mod pack;

use super::{cores, with_runtime};
use crate::cli::{AuditArgs, AuditVerb, Global};
use crate::error::{Error, Result};

pub fn audit(args: AuditArgs, global: &Global) -> Result<()> {
    match args.verb {
        AuditVerb::Verify { .. } => with_runtime(cores(), async { Err(Error::failed("not there yet")) }),
        AuditVerb::Reproduce { .. } => Err(Error::failed("not there yet")),
        AuditVerb::Bundle { .. } => Err(Error::failed("not there yet")),
        AuditVerb::Trace { .. } => Err(Error::failed("not there yet")),
        AuditVerb::WhyNot { .. } => Err(Error::failed("not there yet")),
        AuditVerb::Diff { .. } => Err(Error::failed("not there yet")),
        AuditVerb::Balance { .. } => Err(Error::failed("not there yet")),
        AuditVerb::Pack { run, lang, output, since } => {
            with_runtime(cores(), pack::pack(&super::project(global)?, run, lang, output, since))
        }
    }
}
