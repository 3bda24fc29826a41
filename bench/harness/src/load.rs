//! One-shot requests: a closed loop of N connections, or an open loop at a
//! fixed rate. Prints one line of JSON.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::args::Args;
use crate::client::{Connection, address, request};
use crate::clock::now_ns;
use crate::proc;
use crate::samples::Samples;

/// What all connections write into.
#[derive(Default)]
struct Tally {
    latency: Samples,
    errors: u64,
    first_error: String,
}

impl Tally {
    fn note(&mut self, started: u64, outcome: io::Result<u16>) {
        match outcome {
            Ok(200) => self.latency.add(now_ns() - started),
            Ok(status) => self.fail(format!("status {status}")),
            Err(error) => self.fail(error.to_string()),
        }
    }

    fn fail(&mut self, why: String) {
        self.errors += 1;
        if self.first_error.is_empty() {
            self.first_error = why;
        }
    }
}

/// Runs the load and prints its figures.
pub fn run(args: &Args) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, measure(args))
}

async fn measure(args: &Args) -> io::Result<()> {
    let tally = Rc::new(RefCell::new(Tally::default()));
    let request: Rc<[u8]> = request(args, None).into();
    let rate: u64 = args.get("rate", 0);
    let task = if rate > 0 {
        spawn_local(open_loop(address(args), request, rate, tally.clone()))
    } else {
        for _ in 0..args.get("connections", 64) {
            spawn_local(closed_loop(address(args), request.clone(), tally.clone()));
        }
        spawn_local(async {})
    };
    sleep(Duration::from_millis(args.get("warmup-ms", 1000))).await;
    let pid = args.get("pid", 0);
    tally.borrow_mut().latency.clear();
    let (cpu, start) = (proc::cpu_ns(pid), Instant::now());
    sleep(Duration::from_millis(args.get("ms", 4000))).await;
    let (cpu, elapsed) = (proc::cpu_ns(pid) - cpu, start.elapsed().as_secs_f64());
    task.abort();
    let mut tally = tally.borrow_mut();
    let done = tally.latency.len();
    println!(
        "{{\"per_second\":{:.1},\"cpu_us\":{:.3},\"p50_us\":{:.1},\"p99_us\":{:.1},\"rss_kib\":{},\"errors\":{},\"first_error\":{:?}}}",
        done as f64 / elapsed,
        cpu as f64 / 1000.0 / done.max(1) as f64,
        tally.latency.percentile_us(0.5),
        tally.latency.percentile_us(0.99),
        proc::rss_kib(pid),
        tally.errors,
        tally.first_error,
    );
    Ok(())
}

async fn closed_loop(address: String, request: Rc<[u8]>, tally: Rc<RefCell<Tally>>) {
    loop {
        let mut connection = match Connection::open(&address).await {
            Ok(connection) => connection,
            Err(error) => {
                tally.borrow_mut().fail(error.to_string());
                sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        loop {
            let started = now_ns();
            let outcome = connection.exchange(&request, |_| {}).await.map(|outcome| outcome.status);
            let broken = outcome.is_err();
            tally.borrow_mut().note(started, outcome);
            if broken {
                break;
            }
        }
    }
}

/// Sends at the rate whatever the answers do: a slow peer meets a growing queue.
async fn open_loop(address: String, request: Rc<[u8]>, rate: u64, tally: Rc<RefCell<Tally>>) {
    let idle: Rc<RefCell<Vec<Connection>>> = Rc::default();
    let mut ticks = interval(Duration::from_nanos(1_000_000_000 / rate));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        ticks.tick().await;
        let (address, request, idle, tally) = (address.clone(), request.clone(), idle.clone(), tally.clone());
        spawn_local(async move {
            let kept = idle.borrow_mut().pop();
            let connection = match kept {
                Some(connection) => Ok(connection),
                None => Connection::open(&address).await,
            };
            let started = now_ns();
            match connection {
                Ok(mut connection) => {
                    let outcome = connection.exchange(&request, |_| {}).await.map(|outcome| outcome.status);
                    let whole = outcome.is_ok();
                    tally.borrow_mut().note(started, outcome);
                    if whole {
                        idle.borrow_mut().push(connection);
                    }
                }
                Err(error) => tally.borrow_mut().fail(error.to_string()),
            }
        });
    }
}
