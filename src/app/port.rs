//! A port while it is served, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::server::{Drain, Front, listen};
use crate::worker::Workers;

/// A port that is served.
pub(super) struct Port {
    drain: Drain,
    serving: JoinHandle<()>,
    workers: Arc<Workers>,
}

impl Port {
    /// Serves what is behind `front` on `listener`, on these workers.
    pub(super) fn serve(listener: TcpListener, front: Front, workers: Workers) -> Self {
        let (drain, workers) = (Drain::default(), Arc::new(workers));
        let serving = tokio::spawn(listen(listener, front, Arc::clone(&workers), drain.clone()));
        Self { drain, serving, workers }
    }

    /// Takes no new connections and gives what is under way its time. Says whether that was enough.
    pub(super) async fn drain(&self, patience: Duration) -> bool {
        self.drain.drain(patience).await
    }

    /// Cuts the connections that are left.
    pub(super) async fn cut(&self) {
        self.drain.cut().await;
    }

    /// Ends, with all that is still done for it.
    pub(super) async fn close(self) {
        self.serving.abort();
        drop(self.serving.await);
        drop(tokio::task::spawn_blocking(move || drop(self.workers)).await);
    }
}
