//! How many connections the machine lets a port have.

/// Connections at once, however many the machine allows.
const MOST: usize = 60_000;
/// File descriptors that are left for files, the other port, and what is at rest.
const RESERVE: usize = 64;

/// Connections at once on a port: half of the process' file descriptors less a
/// reserve, for each may need one towards a provider.
pub(super) fn connections() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    of(descriptors(&limits))
}

fn of(descriptors: Option<usize>) -> usize {
    descriptors.map_or(MOST, |most| (most.saturating_sub(RESERVE) / 2).clamp(1, MOST))
}

/// The soft limit of open files, as Linux tells it; none where there is none.
/// Source: proc_pid_limits(5), checked 2026-11-21.
fn descriptors(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_descriptors_are_for_clients() {
        for (limits, expected) in [
            (
                "Max processes  5 5 processes\nMax open files            256                  4096                 files\n",
                96,
            ),
            ("Max open files            20000                20000                files", 9_968),
            ("Max open files            3                    3                    files", 1),
            ("Max open files            unlimited            unlimited            files", MOST),
            ("Max open files            1048576              1048576              files", MOST),
            ("", MOST),
        ] {
            assert_eq!(of(descriptors(limits)), expected, "{limits}");
        }
    }
}
