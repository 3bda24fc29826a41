//! Names to addresses: each name is asked for at most once a second, by one
//! question for all who want it, and the last good answer outlives a resolver
//! that fails.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use hyper_util::client::legacy::connect::dns::Name;
use parking_lot::Mutex;
use tokio::time::{Instant, timeout};
use tower::Service;

use super::metadata::{FORBIDDEN, is_metadata};

/// How long an answer is taken for new connections without asking again.
const FRESH: Duration = Duration::from_secs(1);
/// How long addresses are used that cannot be asked for anew.
const GOOD: Duration = Duration::from_secs(300);
/// Longest wait for an answer where good addresses are known.
const WAIT: Duration = Duration::from_secs(1);
/// Addresses of a name that are used at most.
const MOST: usize = 32;

type Addresses = Arc<[SocketAddr]>;
/// The text of a failure: errors of IO cannot be shared.
type Answer = Result<Addresses, Arc<str>>;
/// Asks for the addresses of a name.
type Ask = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// What is known of names. Clones share it.
#[derive(Clone)]
pub(super) struct Names {
    ask: Ask,
    known: Arc<Mutex<HashMap<String, Known>>>,
}

#[derive(Default)]
struct Known {
    good: Option<(Instant, Addresses)>,
    last: Option<(Instant, Answer)>,
    question: Option<Shared<BoxFuture<'static, Answer>>>,
}

impl Known {
    /// The last good addresses, where they are not too old.
    fn good(&self) -> Option<Addresses> {
        let (at, addresses) = self.good.as_ref()?;
        (at.elapsed() < GOOD).then(|| Arc::clone(addresses))
    }
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Names")
    }
}

impl Names {
    /// Asks the machine's resolver. Metadata services are none of the answers unless
    /// `metadata` says that they may be.
    pub(super) fn new(metadata: bool) -> Self {
        Self::asking(Arc::new(move |name| {
            Box::pin(async move {
                let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
                allowed(found, metadata)
            })
        }))
    }

    fn asking(ask: Ask) -> Self {
        Self { ask, known: Arc::default() }
    }

    /// The addresses of `name`.
    async fn find(&self, name: &str) -> io::Result<Addresses> {
        let (question, good) = match self.known_of(name) {
            Ok(addresses) => return addresses.map_err(|why| io::Error::other(why.to_string())),
            Err(open) => open,
        };
        let answer = match &good {
            Some(_) => timeout(WAIT, question).await.unwrap_or_else(|_| Err("it takes too long".into())),
            None => question.await,
        };
        match (answer, good) {
            (Ok(addresses), _) => Ok(addresses),
            (Err(why), Some(good)) => {
                tracing::warn!(name, "the name cannot be resolved, its last addresses are used: {why}");
                Ok(good)
            }
            (Err(why), None) => Err(io::Error::other(format!("{name} cannot be resolved: {why}"))),
        }
    }

    /// A fresh answer, or the question to wait for and what is good meanwhile.
    fn known_of(
        &self,
        name: &str,
    ) -> Result<Answer, (Shared<BoxFuture<'static, Answer>>, Option<Addresses>)> {
        let mut all = self.known.lock();
        let known = all.entry(name.to_owned()).or_default();
        if let Some((at, answer)) = &known.last
            && at.elapsed() < FRESH
        {
            return Ok(answer.clone().or_else(|why| known.good().ok_or(why)));
        }
        let question = known.question.get_or_insert_with(|| self.question(name.to_owned()));
        Err((question.clone(), known.good()))
    }

    /// Asks, in a task of its own: who waits may go, the answer is kept.
    fn question(&self, name: String) -> Shared<BoxFuture<'static, Answer>> {
        let (asking, known) = ((self.ask)(name.clone()), Arc::clone(&self.known));
        let task = tokio::spawn(async move {
            let answer: Answer = match asking.await {
                Ok(found) if found.is_empty() => Err("it has no address".into()),
                Ok(found) => Ok(found.into_iter().take(MOST).collect()),
                Err(error) => Err(error.to_string().into()),
            };
            let mut all = known.lock();
            let known = all.entry(name).or_default();
            let now = Instant::now();
            if let Ok(addresses) = &answer {
                known.good = Some((now, Arc::clone(addresses)));
            }
            known.last = Some((now, answer.clone()));
            known.question = None;
            answer
        });
        task.map(|ended| ended.unwrap_or_else(|error| Err(error.to_string().into()))).boxed().shared()
    }
}

/// What of `found` may be reached.
fn allowed(mut found: Vec<SocketAddr>, metadata: bool) -> io::Result<Vec<SocketAddr>> {
    let known = found.len();
    found.retain(|address| metadata || !is_metadata(address.ip()));
    if found.is_empty() && known > 0 { Err(io::Error::other(FORBIDDEN)) } else { Ok(found) }
}

impl Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let names = self.clone();
        Box::pin(async move { Ok(names.find(name.as_str()).await?.to_vec().into_iter()) })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, last], 0))
    }

    /// Names whose answers are these, one after the other; the last one stays. Counts questions.
    fn names(answers: Vec<io::Result<Vec<SocketAddr>>>) -> (Names, Arc<AtomicUsize>) {
        let asked = Arc::<AtomicUsize>::default();
        let (count, answers) = (Arc::clone(&asked), Arc::new(Mutex::new(answers)));
        let ask: Ask = Arc::new(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            let mut answers = answers.lock();
            let answer = if answers.len() > 1 {
                answers.remove(0)
            } else {
                answers[0].as_ref().map(Clone::clone).map_err(|error| io::Error::other(error.to_string()))
            };
            Box::pin(async move {
                tokio::task::yield_now().await;
                answer
            })
        });
        (Names::asking(ask), asked)
    }

    /// As if so much time had passed since the last answers.
    fn age(names: &Names, by: Duration) {
        for known in names.known.lock().values_mut() {
            for at in [known.good.as_mut().map(|it| &mut it.0), known.last.as_mut().map(|it| &mut it.0)] {
                at.into_iter().for_each(|at| *at -= by);
            }
        }
    }

    #[tokio::test]
    async fn many_who_want_a_name_ask_once_a_second() {
        let (names, asked) = names(vec![Ok(vec![address(1)]), Ok(vec![address(2)])]);
        let all = futures_util::future::join_all((0..100).map(|_| names.find("a"))).await;
        assert!(all.iter().all(|found| found.as_ref().unwrap()[..] == [address(1)]));
        names.find("a").await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        age(&names, FRESH);
        assert_eq!(names.find("a").await.unwrap()[..], [address(2)], "a changed address is found");
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn the_last_good_addresses_outlive_a_resolver_that_fails() {
        let failures: [fn() -> io::Result<Vec<SocketAddr>>; 2] =
            [|| Err(io::Error::other("no such name")), || Ok(Vec::new())];
        for failure in failures {
            let (names, asked) = names(vec![Ok(vec![address(1)]), failure()]);
            names.find("a").await.unwrap();
            for _ in 0..3 {
                age(&names, FRESH);
                assert_eq!(names.find("a").await.unwrap()[..], [address(1)]);
                assert_eq!(names.find("a").await.unwrap()[..], [address(1)]);
            }
            assert_eq!(asked.load(Ordering::SeqCst), 4);
            age(&names, GOOD);
            let failed = names.find("a").await.unwrap_err().to_string();
            assert!(failed.contains("a cannot be resolved"), "{failed}");
            assert!(names.find("a").await.is_err(), "a failure is not asked for again at once");
            assert_eq!(asked.load(Ordering::SeqCst), 5);
        }
    }

    #[tokio::test]
    async fn a_resolver_that_is_silent_is_asked_once_and_not_waited_for() {
        let asked = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&asked);
        let ask: Ask = Arc::new(move |_| {
            let first = count.fetch_add(1, Ordering::SeqCst) == 0;
            Box::pin(async move {
                if !first {
                    std::future::pending::<()>().await;
                }
                Ok(vec![address(1)])
            })
        });
        let names = Names::asking(ask);
        names.find("a").await.unwrap();
        age(&names, FRESH);
        for found in futures_util::future::join_all((0..50).map(|_| names.find("a"))).await {
            assert_eq!(found.unwrap()[..], [address(1)]);
        }
        assert_eq!(names.find("a").await.unwrap()[..], [address(1)]);
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn metadata_services_are_no_answers() {
        let metadata = SocketAddr::from(([169, 254, 169, 254], 0));
        assert_eq!(allowed(vec![metadata, address(1)], false).unwrap(), [address(1)]);
        assert!(allowed(vec![metadata], false).unwrap_err().to_string().contains("metadata"));
        assert_eq!(allowed(vec![metadata], true).unwrap(), [metadata]);
        assert!(allowed(Vec::new(), false).unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_name_with_hundreds_of_addresses_gives_some() {
        let (names, _) = names(vec![Ok((0..=255).map(address).collect())]);
        assert_eq!(names.find("a").await.unwrap().len(), MOST);
    }
}
