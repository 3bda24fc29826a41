//! Runs a program that prints credentials: no shell, no input, bounded time and output.

use std::io;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;

use super::refused;
use crate::error::Result;
use crate::provider::aws::Program;

/// Longest run.
const LONGEST: Duration = Duration::from_secs(30);
/// Most bytes that it may print.
const MOST: u64 = 64 * 1024;
/// How often it is looked at whether the program has ended, once it has closed its output.
const LOOK: Duration = Duration::from_millis(5);

/// A program that does not outlive this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            drop(self.0.kill());
            drop(self.0.wait());
        }
    }
}

/// What `program` prints.
///
/// # Errors
/// `UpstreamAuth` when it cannot be run, fails, prints or takes too much. Quotes nothing of what it printed.
pub(super) async fn run(program: &Program) -> Result<Vec<u8>> {
    let wrong = |why: String| refused(format!("`credential_process`: {} {why}", program.path));
    let ran = tokio::time::timeout(LONGEST, printed(program)).await;
    let ran = ran.map_err(|_| wrong(format!("took longer than {} s", LONGEST.as_secs())))?;
    let (printed, status) = ran.map_err(|error| wrong(format!("cannot be run: {error}")))?;
    if printed.len() as u64 > MOST {
        return Err(wrong(format!("printed more than {MOST} bytes")));
    }
    if !status.success() {
        return Err(wrong(format!("failed ({status})")));
    }
    Ok(printed)
}

async fn printed(program: &Program) -> io::Result<(Vec<u8>, ExitStatus)> {
    let (reader, writer) = io::pipe()?;
    // Its complaints are not shown: they may hold what must not be seen.
    let mut command = Command::new(&program.path);
    command.args(&program.arguments).stdin(Stdio::null()).stdout(writer).stderr(Stdio::null());
    let mut running = Running(command.spawn()?);
    // The command holds the end that is written to.
    drop(command);
    let mut printed = Vec::new();
    let reader = Receiver::from_owned_fd(reader.into())?;
    reader.take(MOST + 1).read_to_end(&mut printed).await?;
    if printed.len() as u64 > MOST {
        drop(running.0.kill());
    }
    loop {
        if let Some(status) = running.0.try_wait()? {
            return Ok((printed, status));
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ran(command: &str) -> std::result::Result<String, String> {
        let printed = run(&Program::read(command).unwrap()).await;
        printed.map(|bytes| String::from_utf8(bytes).unwrap()).map_err(|error| error.message)
    }

    #[tokio::test]
    async fn programs_print_fail_and_flood() {
        assert_eq!(ran(r#"printf "a b%s" $HOME"#).await.unwrap(), "a b$HOME");
        assert!(ran("false").await.unwrap_err().contains("failed (exit status: 1)"));
        assert!(ran("/no/such/program").await.unwrap_err().contains("cannot be run"));
        assert!(ran("cat /dev/zero").await.unwrap_err().contains("printed more than 65536 bytes"));
    }

    #[tokio::test]
    async fn nobody_waits_for_a_program_that_hangs() {
        // It would run for an hour; given up, it is ended and reaped.
        let program = Program::read("sleep 3600").unwrap();
        let waited = tokio::time::timeout(Duration::from_millis(50), run(&program)).await;
        assert!(waited.is_err());
    }
}
