//! What the machine gives this process.

/// Files that tell how much memory the process may use: those of its container,
/// newer kind first.
/// Source: kernel.org "Control Group v2" (`memory.max`) and "Memory Resource
/// Controller" (`memory.limit_in_bytes`), checked 2026-11-21.
const LIMITS: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
/// Memory where nothing tells it, bytes.
const USUAL: u64 = 4 << 30;

/// Memory that the process may use, bytes.
pub(super) fn memory() -> u64 {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let limits = LIMITS.into_iter().filter_map(|path| read(path)?.trim().parse().ok());
    let machine = read("/proc/meminfo").as_deref().and_then(total);
    limits.chain(machine).min().unwrap_or(USUAL)
}

/// The machine's memory, as Linux tells it.
/// Source: proc_meminfo(5), checked 2026-11-21.
fn total(about: &str) -> Option<u64> {
    let line = about.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_what_the_kernel_says() {
        assert_eq!(total("MemTotal:       24683520 kB\nMemFree: 1 kB\n"), Some(24_683_520 << 10));
        assert_eq!(total("nothing"), None);
        assert!(memory() > 1 << 20);
    }
}
