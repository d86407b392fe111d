//! What went wrong, where, and what to do about it.
//!
//! Few kinds for machines (each has one exit code), context for people. Every error that reaches a
//! person reads: what, where (`file:line`), `hint:`. No message holds personal data: a row is named by
//! its file and line.

use std::fmt;

/// The kinds that a scheduler can tell apart. Each has one exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Wrong usage or configuration: nothing was attempted (exit 2).
    Config,
    /// A source, a file, a model or the store failed (exit 1).
    Failed,
    /// A data check of severity `error` found offenders (exit 3).
    Check,
    /// Another run holds the warehouse, or committed first (exit 4).
    Locked,
    /// SIGINT (exit 130).
    Interrupted,
    /// SIGTERM (exit 143).
    Terminated,
}

impl Kind {
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Failed => 1,
            Kind::Config => 2,
            Kind::Check => 3,
            Kind::Locked => 4,
            Kind::Interrupted => 130,
            Kind::Terminated => 143,
        }
    }
}

/// One finding: what, where, and what to do. A configuration error carries many of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// Path relative to the project's root (or the source file's name inside the drop folder).
    pub file: Option<String>,
    /// 1-based.
    pub line: Option<u64>,
    pub message: String,
    pub hint: Option<String>,
}

impl Diagnostic {
    pub fn new(message: impl Into<String>) -> Self {
        Diagnostic { file: None, line: None, message: message.into(), hint: None }
    }

    pub fn at(mut self, file: impl Into<String>, line: Option<u64>) -> Self {
        self.file = Some(file.into());
        self.line = line;
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "\n  at {file}:{line}")?,
            (Some(file), None) => write!(f, "\n  at {file}")?,
            _ => {}
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

/// An error: its kind, and at least one finding.
#[derive(Debug, Clone)]
pub struct Error {
    pub kind: Kind,
    pub findings: Vec<Diagnostic>,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn new(kind: Kind, finding: Diagnostic) -> Self {
        Error { kind, findings: vec![finding] }
    }

    pub fn failed(message: impl Into<String>) -> Self {
        Error::new(Kind::Failed, Diagnostic::new(message))
    }

    pub fn config(message: impl Into<String>) -> Self {
        Error::new(Kind::Config, Diagnostic::new(message))
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(last) = self.findings.last_mut() {
            last.hint = Some(hint.into());
        }
        self
    }

    pub fn at(mut self, file: impl Into<String>, line: Option<u64>) -> Self {
        if let Some(last) = self.findings.last_mut() {
            last.file = Some(file.into());
            last.line = line;
        }
        self
    }

    /// Says what was being done when it failed, in front of each finding.
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        for finding in &mut self.findings {
            finding.message = format!("{doing}: {}", finding.message);
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, finding) in self.findings.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "error: {finding}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(e: std::io::Error) -> Self {
        let error = Error::failed(e.to_string());
        match e.kind() {
            std::io::ErrorKind::StorageFull => {
                error.hint("make room on the disk of the warehouse and of TMPDIR, then run again")
            }
            std::io::ErrorKind::PermissionDenied => error.hint("the user who runs this may not read or write there"),
            _ => error,
        }
    }
}
