//! Log lines that never hold up a request: a bounded queue, one writing thread,
//! a count of what was dropped when the sink is blocked.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Lines that wait for the writer at most.
const QUEUE: usize = 16_384;
/// Bytes of lines that wait for the writer at most.
const QUEUE_BYTES: usize = 8 << 20;

/// A way to a sink of lines. Clones share it.
#[derive(Debug, Clone)]
pub struct Lines {
    queue: Option<SyncSender<Message>>,
    dropped: Arc<AtomicU64>,
    waiting: Arc<AtomicUsize>,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

impl Lines {
    /// Lines go nowhere.
    #[must_use]
    pub fn none() -> Self {
        Self { queue: None, dropped: Arc::default(), waiting: Arc::default() }
    }

    /// Lines go to `sink`, written by a thread of their own.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn to(sink: impl Write + Send + 'static) -> std::io::Result<Self> {
        let (queue, lines) = sync_channel(QUEUE);
        let made = Self { queue: Some(queue), dropped: Arc::default(), waiting: Arc::default() };
        let (dropped, waiting) = (Arc::clone(&made.dropped), Arc::clone(&made.waiting));
        let writing = move || write_all(&lines, sink, &dropped, &waiting);
        std::thread::Builder::new().name("log".to_owned()).spawn(writing)?;
        Ok(made)
    }

    /// Whether lines go anywhere: a caller need not make them otherwise.
    #[must_use]
    pub fn wanted(&self) -> bool {
        self.queue.is_some()
    }

    /// Takes one line, its line end included. What would act on a terminal, or
    /// end the line before, is escaped.
    pub fn put(&self, line: Vec<u8>) {
        let Some(queue) = &self.queue else { return };
        let line = harmless(line);
        let size = line.len();
        let waiting = self.waiting.fetch_add(size, Ordering::Relaxed);
        if waiting + size > QUEUE_BYTES || queue.try_send(Message::Line(line)).is_err() {
            self.waiting.fetch_sub(size, Ordering::Relaxed);
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many lines were dropped because the sink was blocked.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until all lines so far are written, for `patience` at most.
    pub fn flush(&self, patience: std::time::Duration) {
        let Some(queue) = &self.queue else { return };
        let (done, written) = sync_channel(1);
        if queue.try_send(Message::Flush(done)).is_ok() {
            let _ = written.recv_timeout(patience);
        }
    }
}

/// Writes what comes, until nobody is left to send; flushes whenever the queue is empty.
fn write_all(lines: &Receiver<Message>, sink: impl Write, dropped: &AtomicU64, waiting: &AtomicUsize) {
    let mut sink = std::io::BufWriter::with_capacity(64 << 10, sink);
    while let Ok(first) = lines.recv() {
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Line(line) => {
                    // A sink that fails (a closed pipe, a full disk) has nobody to tell but the count.
                    if sink.write_all(&line).is_err() {
                        dropped.fetch_add(1, Ordering::Relaxed);
                    }
                    waiting.fetch_sub(line.len(), Ordering::Relaxed);
                }
                Message::Flush(done) => {
                    drop(sink.flush());
                    let _ = done.send(());
                }
            }
            next = lines.try_recv().ok();
        }
        drop(sink.flush());
    }
}

/// `line` without letters that act: control characters, line ends within, those
/// of Unicode too, and marks that turn the direction of writing. They are escaped
/// as JSON escapes them; only tabs and the beginning of the log's own colours stay.
#[must_use]
pub fn harmless(line: Vec<u8>) -> Vec<u8> {
    let body = line.strip_suffix(b"\n").unwrap_or(&line);
    // Nearly every line is plain ASCII.
    if body.iter().all(|byte| matches!(byte, b'\t' | 0x1b | 0x20..0x7f)) {
        return line;
    }
    let mut out = String::with_capacity(body.len() + 64);
    for letter in String::from_utf8_lossy(body).chars() {
        if acts(letter) {
            out.push_str(&format!("\\u{:04x}", u32::from(letter)));
        } else {
            out.push(letter);
        }
    }
    out.push('\n');
    out.into_bytes()
}

/// Whether a letter does something other than to be read.
fn acts(letter: char) -> bool {
    matches!(letter, '\0'..='\u{8}' | '\n'..='\u{1a}' | '\u{1c}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.put(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_act_are_escaped_within_their_line() {
        for (line, expected) in [
            ("plain\n", "plain\n"),
            ("\u{1b}[31mred\u{1b}[0m\n", "\u{1b}[31mred\u{1b}[0m\n"),
            ("caf\u{e9} \u{1f600}\n", "caf\u{e9} \u{1f600}\n"),
            ("a\nb\rc\n", "a\\u000ab\\u000dc\n"),
            ("\u{9b}31m\u{7f}\u{85}\n", "\\u009b31m\\u007f\\u0085\n"),
            ("\u{2028}\u{2029}\u{202e}\u{2066}\n", "\\u2028\\u2029\\u202e\\u2066\n"),
        ] {
            assert_eq!(String::from_utf8(harmless(line.as_bytes().to_vec())).unwrap(), expected, "{line:?}");
        }
    }

    /// A sink that takes nothing until it is let.
    struct Blocked(Receiver<()>, std::sync::mpsc::Sender<usize>);

    impl Write for Blocked {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.0.recv();
            let _ = self.1.send(bytes.len());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_waits_for_a_blocked_sink_is_bounded_by_bytes_and_counted() {
        let ((open, blocked), (tell, told)) = (sync_channel(0), std::sync::mpsc::channel());
        let lines = Lines::to(Blocked(blocked, tell)).unwrap();
        let line = [vec![b'x'; (1 << 20) - 1], b"\n".to_vec()].concat();
        for _ in 0..20 {
            lines.put(line.clone());
        }
        assert!((11..=12).contains(&lines.dropped()), "{} of 20 MiB", lines.dropped());
        drop(open);
        let kept = 20 - usize::try_from(lines.dropped()).unwrap();
        assert_eq!(told.iter().take(kept).sum::<usize>(), kept << 20);
    }

    #[test]
    fn lines_that_a_sink_refuses_are_counted() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let lines = Lines::to(Full).unwrap();
        let line = [vec![b'x'; 100 << 10], b"\n".to_vec()].concat();
        (0..5).for_each(|_| lines.put(line.clone()));
        lines.flush(std::time::Duration::from_secs(10));
        assert_eq!(lines.dropped(), 5);
    }
}
