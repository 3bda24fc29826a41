//! How a policy may fail.

/// A failed evaluation of a hook. Always counted and logged; what follows for
/// the exchange is the hook's [`super::OnError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy `{policy}`, {hook}: {message}{place}", place = self.place())]
pub struct Fault {
    /// What kind of failure.
    pub kind: FaultKind,
    /// The policy's name.
    pub policy: String,
    /// The hook's function.
    pub hook: &'static str,
    /// What went wrong. Holds no prompt text that the script did not put there.
    pub message: String,
    /// Line, from 1; the innermost.
    pub line: Option<usize>,
    /// Column, from 1.
    pub column: Option<usize>,
    /// The source line.
    pub source_line: Option<String>,
}

impl Fault {
    fn place(&self) -> String {
        match (self.line, self.column) {
            (Some(line), Some(column)) => format!(" ({line}:{column})"),
            (Some(line), None) => format!(" (line {line})"),
            _ => String::new(),
        }
    }
}

/// Why an evaluation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The script raised an error, or an operation in it failed.
    Exception,
    /// It returned something that is no verdict of this hook.
    BadVerdict,
    /// It ran too many operations.
    Operations,
    /// It ran too long.
    Deadline,
    /// It used too much CPU between two waits.
    Cpu,
    /// It made a value that is too large, or too many.
    Size,
    /// It nested or recursed too deeply.
    Depth,
    /// It asked for too many effects.
    Effects,
    /// Its exchange ended.
    Cancelled,
    /// Too many policies are suspended at once.
    Saturated,
    /// A function of the host panicked.
    Panic,
}

impl FaultKind {
    /// The word for it in metrics and log lines.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Exception => "exception",
            Self::BadVerdict => "bad_verdict",
            Self::Operations => "operations",
            Self::Deadline => "deadline",
            Self::Cpu => "cpu",
            Self::Size => "size",
            Self::Depth => "depth",
            Self::Effects => "effects",
            Self::Cancelled => "cancelled",
            Self::Saturated => "saturated",
            Self::Panic => "panic",
        }
    }
}
