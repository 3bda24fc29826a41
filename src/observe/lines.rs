//! Log lines that never hold up a request: a bounded queue, one writing thread,
//! a count of what was dropped when the sink is blocked.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

/// Lines that wait for the writer at most.
const QUEUE: usize = 16_384;

/// A way to a sink of lines. Clones share it.
#[derive(Debug, Clone)]
pub struct Lines {
    queue: Option<SyncSender<Message>>,
    dropped: Arc<AtomicU64>,
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
        Self { queue: None, dropped: Arc::default() }
    }

    /// Lines go to `sink`, written by a thread of their own.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn to(sink: impl Write + Send + 'static) -> std::io::Result<Self> {
        let (queue, lines) = sync_channel(QUEUE);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || write_all(&lines, sink))?;
        Ok(Self { queue: Some(queue), dropped: Arc::default() })
    }

    /// Whether lines go anywhere: a caller need not make them otherwise.
    #[must_use]
    pub fn wanted(&self) -> bool {
        self.queue.is_some()
    }

    /// Takes one line, its line end included.
    pub fn put(&self, line: Vec<u8>) {
        let Some(queue) = &self.queue else { return };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            queue.try_send(Message::Line(line))
        {
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
fn write_all(lines: &Receiver<Message>, sink: impl Write) {
    let mut sink = std::io::BufWriter::with_capacity(64 << 10, sink);
    while let Ok(first) = lines.recv() {
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                // A sink that fails (a closed pipe) has nobody to tell.
                Message::Line(line) => drop(sink.write_all(&line)),
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

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.put(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
