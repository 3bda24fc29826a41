//! Streamed requests: in bursts, paced, or many held at once. Time to the
//! first byte, and the lag of every chunk against the stamp inside it.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep};

use crate::args::Args;
use crate::client::{Connection, address, request};
use crate::clock::now_ns;
use crate::proc;
use crate::samples::Samples;

#[derive(Default)]
struct Tally {
    first_byte: Samples,
    lag: Samples,
    streams: u64,
    errors: u64,
    first_error: String,
}

/// Runs the streams and prints their figures.
pub fn run(args: &Args) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, measure(args))
}

async fn measure(args: &Args) -> io::Result<()> {
    let tally = Rc::new(RefCell::new(Tally::default()));
    let interval_ms: u32 = args.get("interval-ms", 0);
    let request: Rc<[u8]> = request(args, Some((args.get("chunks", 100), interval_ms))).into();
    let connections: u32 = args.get("connections", 8);
    for number in 0..connections {
        let stagger = Duration::from_micros(
            u64::from(interval_ms.max(20)) * 1000 * u64::from(number) / u64::from(connections),
        );
        let (address, request, tally) = (address(args), request.clone(), tally.clone());
        let spread = args.get("spread", 1);
        spawn_local(async move {
            sleep(stagger * spread).await;
            repeat(address, request, tally).await;
        });
    }
    sleep(Duration::from_millis(args.get("warmup-ms", 1000))).await;
    let pid = args.get("pid", 0);
    {
        let mut tally = tally.borrow_mut();
        let (errors, first_error) = (tally.errors, std::mem::take(&mut tally.first_error));
        *tally = Tally { errors, first_error, ..Tally::default() };
    }
    let (cpu, start) = (proc::cpu_ns(pid), Instant::now());
    sleep(Duration::from_millis(args.get("ms", 4000))).await;
    let (cpu, elapsed) = (proc::cpu_ns(pid) - cpu, start.elapsed().as_secs_f64());
    let rss = proc::rss_kib(pid);
    let mut tally = tally.borrow_mut();
    let chunks = tally.lag.len();
    println!(
        "{{\"streams_per_second\":{:.1},\"chunks_per_second\":{:.1},\"cpu_us_per_100_chunks\":{:.1},\"cores\":{:.3},\
         \"ttfb_p50_us\":{:.1},\"ttfb_p99_us\":{:.1},\"lag_p50_us\":{:.1},\"lag_p99_us\":{:.1},\"rss_kib\":{rss},\"errors\":{},\"first_error\":{:?}}}",
        tally.streams as f64 / elapsed,
        chunks as f64 / elapsed,
        cpu as f64 / 1000.0 / chunks.max(1) as f64 * 100.0,
        cpu as f64 / 1e9 / elapsed,
        tally.first_byte.percentile_us(0.5),
        tally.first_byte.percentile_us(0.99),
        tally.lag.percentile_us(0.5),
        tally.lag.percentile_us(0.99),
        tally.errors,
        tally.first_error,
    );
    Ok(())
}

/// One stream after another on one connection.
async fn repeat(address: String, request: Rc<[u8]>, tally: Rc<RefCell<Tally>>) {
    let mut connection = None;
    loop {
        let mut open = match connection.take() {
            Some(open) => open,
            None => match Connection::open(&address).await {
                Ok(open) => open,
                Err(error) => {
                    fail(&tally, error.to_string());
                    sleep(Duration::from_millis(10)).await;
                    continue;
                }
            },
        };
        let started = now_ns();
        let mut stamps = Stamps::default();
        let outcome = open.exchange(&request, |piece| stamps.read(piece, &tally)).await;
        match outcome {
            Ok(outcome) if outcome.status == 200 => {
                let mut tally = tally.borrow_mut();
                tally.streams += 1;
                tally.first_byte.add(outcome.first_byte_ns - started);
                connection = Some(open);
            }
            Ok(outcome) => fail(&tally, format!("status {}", outcome.status)),
            Err(error) => fail(&tally, error.to_string()),
        }
    }
}

fn fail(tally: &Rc<RefCell<Tally>>, why: String) {
    let mut tally = tally.borrow_mut();
    tally.errors += 1;
    if tally.first_error.is_empty() {
        tally.first_error = why;
    }
}

/// Finds `@123456789 ` in the bytes, also across pieces.
#[derive(Default)]
struct Stamps {
    value: Option<u64>,
}

impl Stamps {
    fn read(&mut self, piece: &[u8], tally: &Rc<RefCell<Tally>>) {
        let now = now_ns();
        for &byte in piece {
            match (self.value, byte) {
                (_, b'@') => self.value = Some(0),
                (Some(value), b'0'..=b'9') => self.value = Some(value * 10 + u64::from(byte - b'0')),
                (Some(value), _) => {
                    self.value = None;
                    if byte == b' ' && value > 0 {
                        tally.borrow_mut().lag.add(now.saturating_sub(value));
                    }
                }
                (None, _) => {}
            }
        }
    }
}
