//! What the process takes of the machine, under the names that Prometheus'
//! client libraries give it.

use prometheus::IntGauge;

use super::meters::New;

/// Memory and descriptors; both stay at zero where the system does not tell them under `/proc`.
#[derive(Debug)]
pub(super) struct Process {
    memory: IntGauge,
    files: IntGauge,
}

impl Process {
    pub(super) fn new(new: &New) -> prometheus::Result<Self> {
        Ok(Self {
            memory: new.usual_gauge("process_resident_memory_bytes", "Resident memory, bytes")?,
            files: new.usual_gauge("process_open_fds", "Open file descriptors")?,
        })
    }

    /// Looks.
    pub(super) fn take(&self) {
        if let Some(bytes) = std::fs::read_to_string("/proc/self/status").ok().as_deref().and_then(resident) {
            self.memory.set(bytes);
        }
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            self.files.set(i64::try_from(files.count()).unwrap_or(i64::MAX));
        }
    }
}

/// Bytes of resident memory.
/// Source: proc_pid_status(5), checked 2026-11-22.
fn resident(status: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<i64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_what_the_kernel_says() {
        assert_eq!(resident("Name:\tpointsman\nVmRSS:\t   21700 kB\nThreads:\t3\n"), Some(21_700 << 10));
        assert_eq!(resident("Name:\tpointsman\n"), None);
    }
}
