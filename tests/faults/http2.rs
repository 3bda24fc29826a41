//! HTTP/2 as nobody speaks it in good faith.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::connections::connect;
use crate::process::{DEMO, Process};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `POST /v1/chat/completions`, in HPACK without its tables.
fn post() -> Vec<u8> {
    let path = b"/v1/chat/completions";
    [&[0x83, 0x86, 0x04, path.len() as u8][..], path, &[0x01, 1, b'x']].concat()
}

/// Frames after each other, made one at a time.
type Flood = Box<dyn Iterator<Item = Vec<u8>> + Send>;

/// A stream's id.
fn id(at: u32) -> u32 {
    2 * at + 1
}

/// Sends `flood` and reads what comes; gives the error code of the GOAWAY, if
/// one came, and whether the connection was closed.
async fn send(gateway: &Process, flood: Flood) -> (Option<u32>, bool) {
    let mut stream = connect(gateway).await;
    stream.write_all(PREFACE).await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let writing = tokio::spawn(async move {
        for bytes in flood {
            if writer.write_all(&bytes).await.is_err() {
                break;
            }
        }
        writer
    });
    let mut got = Vec::new();
    let closed = timeout(Duration::from_secs(20), reader.read_to_end(&mut got)).await.is_ok();
    writing.abort();
    (goaway(&got), closed)
}

fn goaway(mut got: &[u8]) -> Option<u32> {
    while got.len() >= 9 {
        let length = u32::from_be_bytes([0, got[0], got[1], got[2]]) as usize;
        if got[3] == GOAWAY && got.len() >= 17 {
            return Some(u32::from_be_bytes(got[13..17].try_into().unwrap()));
        }
        got = got.get(9 + length..)?;
    }
    None
}

/// Whether the gateway serves somebody else.
async fn serves(gateway: &Process) -> bool {
    gateway.chat("small", false).send().await.is_ok_and(|got| got.status() == 200)
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_frames_end_their_connection_and_harm_nobody_else() {
    const MANY: u32 = 200_000;
    let gateway = Process::start(DEMO).await;
    let before = gateway.memory("VmRSS");
    let floods: [(&str, Flood); 6] = [
        (
            "streams that are reset at once",
            Box::new((0..MANY).map(|at| {
                let begin = frame(HEADERS, END_HEADERS, id(at), &post());
                [begin, frame(RESET, 0, id(at), &8_u32.to_be_bytes())].concat()
            })),
        ),
        (
            "a head without end",
            Box::new((0..MANY).map(|at| {
                if at == 0 {
                    return frame(HEADERS, 0, 1, &post());
                }
                // A literal header of a few bytes, never indexed.
                frame(CONTINUATION, 0, 1, &[0x10, 1, b'a', 1, b'b'].repeat(20))
            })),
        ),
        (
            "a head that ends in nothing but frames",
            Box::new((0..MANY).map(|at| match at {
                0 => frame(HEADERS, 0, 1, &post()),
                _ => frame(CONTINUATION, 0, 1, &[]),
            })),
        ),
        (
            "a head that unfolds",
            Box::new((0..MANY).map(|at| {
                // One large header into the table, then named again and again.
                let large = [&[0x40, 1, b'a', 0x7f, 0xa1, 0x1e][..], &[b'x'; 4000]].concat();
                let head = [post(), large, vec![0xbe; 8000]].concat();
                let mut bytes = frame(HEADERS, END_STREAM, id(at), &head[..8000]);
                bytes.extend(frame(CONTINUATION, END_HEADERS, id(at), &head[8000..]));
                bytes
            })),
        ),
        ("pings", Box::new((0..MANY * 5).map(|_| frame(PING, 0, 0, &[0; 8]).repeat(10)))),
        (
            "empty pieces of a body",
            Box::new((0..MANY).map(|at| match at {
                0 => frame(HEADERS, END_HEADERS, 1, &post()),
                _ => frame(DATA, 0, 1, &[]).repeat(10),
            })),
        ),
    ];
    let mut wrong = Vec::new();
    for (name, flood) in floods {
        let sending = send(&gateway, flood);
        let (ended, served) = tokio::join!(sending, serves(&gateway));
        println!("{name}: {ended:?}");
        if !(served && serves(&gateway).await) {
            wrong.push(format!("{name}: others are not served"));
        }
        // Pings are answered one by one: their sender is held back by its own pace.
        if !ended.1 && name != "pings" {
            wrong.push(format!("{name}: goes on"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let grown = gateway.memory("VmHWM").saturating_sub(before);
    assert!(grown < 64 << 20, "{} MiB", grown >> 20);
    let accepted = gateway.metric("pointsman_exchanges_accepted_total", "").await;
    gateway.reaches("pointsman_exchanges_settled_total", "", accepted.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_connection_has_more_than_its_share_of_streams() {
    let gateway = Process::start(DEMO).await;
    let mut stream: TcpStream = connect(&gateway).await;
    stream.write_all(PREFACE).await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    // Requests whose bodies never end.
    let all: Vec<u8> = (0..1_000).flat_map(|at| frame(HEADERS, END_HEADERS, id(at), &post())).collect();
    let (mut reader, mut writer) = stream.into_split();
    let writing = tokio::spawn(async move {
        drop(writer.write_all(&all).await);
        writer
    });
    gateway.reaches("pointsman_exchanges_in_flight", "", 1.0).await;
    assert!(serves(&gateway).await);
    let mut got = vec![0; 64 << 10];
    drop(timeout(Duration::from_secs(1), reader.read(&mut got)).await);
    assert!(gateway.metric("pointsman_exchanges_in_flight", "").await <= Some(200.0));
    drop((reader, writing.await));
    let accepted = gateway.metric("pointsman_exchanges_accepted_total", "").await;
    gateway.reaches("pointsman_exchanges_settled_total", "", accepted.unwrap()).await;
}
