//! Exit codes: a part of the interface, shown by `--help`.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, nothing found.
    Ok,
    /// Problems were found, or a test failed.
    Problems,
    /// The command line makes no sense.
    Usage,
    /// A bug of ours, or the machine failed us.
    Internal,
    /// `serve` refused its configuration.
    Configuration,
}

/// The codes, for `--help`.
pub(super) const HELP: &str = "Exit codes: 0 done; 1 problems were found; 2 wrong usage; \
                               70 it could not run (a port is taken, a bug); \
                               78 serve refused its configuration";

impl Exit {
    /// The number that the shell sees.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Problems => 1,
            Self::Usage => 2,
            Self::Internal => 70,
            Self::Configuration => 78,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
