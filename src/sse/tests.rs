//! Framing at every cut.

use proptest::prelude::*;

use super::{Frame, Framer, Framing, write_data, write_event};
use crate::error::Result;

type Frames = Vec<(String, Vec<u8>)>;

/// The frames of `stream`, pushed in pieces cut at `cuts`.
fn frames(framing: Framing, stream: &[u8], cuts: &[usize]) -> Result<Frames> {
    let mut framer = Framer::capped(framing, 1 << 16);
    let mut found = Frames::new();
    let mut each = |frame: Frame<'_>| {
        found.push((frame.event.to_owned(), frame.data.to_vec()));
        Ok(())
    };
    let mut from = 0;
    for &cut in cuts.iter().chain([&stream.len()]) {
        framer.push(&stream[from..cut], &mut each)?;
        from = cut;
    }
    framer.finish(&mut each)?;
    Ok(found)
}

/// Checks `stream` whole, at every single cut, and byte by byte.
fn check(framing: Framing, stream: &[u8], expected: &[(&str, &str)]) {
    let expected: Frames =
        expected.iter().map(|(event, data)| ((*event).to_owned(), data.as_bytes().to_vec())).collect();
    assert_eq!(frames(framing, stream, &[]).unwrap(), expected);
    for cut in 0..=stream.len() {
        assert_eq!(frames(framing, stream, &[cut]).unwrap(), expected, "cut at {cut}");
    }
    let all: Vec<usize> = (0..stream.len()).collect();
    assert_eq!(frames(framing, stream, &all).unwrap(), expected, "byte by byte");
}

#[test]
fn sse_forms() {
    let sse = |stream: &str, expected: &[(&str, &str)]| check(Framing::Sse, stream.as_bytes(), expected);
    sse("data: a\n\ndata: b\n\n", &[("", "a"), ("", "b")]);
    sse("data: a\r\n\r\ndata: b\r\n\r\n", &[("", "a"), ("", "b")]);
    sse("data: a\r\rdata: b\r\r", &[("", "a"), ("", "b")]);
    sse("\u{feff}data: a\n\n", &[("", "a")]);
    sse(": a comment\n\n:\n\ndata: a\n\n", &[("", "a")]);
    sse("data:a\n\ndata:  b\n\n", &[("", "a"), ("", " b")]);
    sse("data: a\ndata: b\ndata:\ndata: c\n\n", &[("", "a\nb\n\nc")]);
    sse("event: ping\ndata: {}\nid: 7\nretry: 5\n\ndata: x\n\n", &[("ping", "{}"), ("", "x")]);
    sse("data: x\nevent: late\n\n", &[("late", "x")]);
    sse("event: gone\n\ndata: x\n\n", &[("", "x")]);
    sse(
        "data: {\"t\":\"grüße 🚂 漢字\"}\n\ndata: [DONE]",
        &[("", "{\"t\":\"grüße 🚂 漢字\"}"), ("", "[DONE]")],
    );
    sse("data: a\n\nerror: {\"code\":400}\n\n", &[("", "a"), ("error", "{\"code\":400}")]);
    sse("data: cut off\n", &[("", "cut off")]);
    sse("data\n\ndata:\n\n", &[]);
    sse("\n\n\n", &[]);
    sse("", &[]);
    sse("database: x\n\ndata: a:b\n\n", &[("", "a:b")]);
}

#[test]
fn lines_of_json() {
    check(
        Framing::Ndjson,
        b"{\"a\":1}\n\r\n{\"b\":2}\r\n{\"c\":3}",
        &[("", "{\"a\":1}"), ("", "{\"b\":2}"), ("", "{\"c\":3}")],
    );
}

/// A binary message with these text headers.
fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    for (name, value) in headers {
        head.push(u8::try_from(name.len()).unwrap());
        head.extend_from_slice(name.as_bytes());
        head.push(7);
        head.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        head.extend_from_slice(value.as_bytes());
    }
    let number = |n: usize| u32::try_from(n).unwrap().to_be_bytes();
    let mut out = Vec::new();
    out.extend_from_slice(&number(16 + head.len() + payload.len()));
    out.extend_from_slice(&number(head.len()));
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out
}

#[test]
fn binary_messages() {
    let stream = [
        message(&[(":message-type", "event"), (":event-type", "messageStart")], b"{\"role\":\"assistant\"}"),
        message(&[(":message-type", "exception"), (":exception-type", "throttlingException")], b"{}"),
        message(&[(":message-type", "error"), (":error-code", "Oops"), (":error-message", "it broke")], b""),
    ]
    .concat();
    let expected =
        [("messageStart", "{\"role\":\"assistant\"}"), ("throttlingException", "{}"), ("Oops", "it broke")];
    check(Framing::AwsEventStream, &stream, &expected);
    for at in 0..stream.len() {
        let mut bad = stream.clone();
        bad[at] ^= 0x10;
        assert!(frames(Framing::AwsEventStream, &bad, &[]).is_err(), "byte {at} was flipped unseen");
    }
    assert!(frames(Framing::AwsEventStream, &stream[..stream.len() - 1], &[]).is_err());
}

#[test]
fn long_lines_are_refused() {
    let long = format!("data: {}\n\n", "x".repeat(70_000));
    let many = "data: 0123456789\n".repeat(7_000);
    for (framing, stream) in [
        (Framing::Sse, &long),
        (Framing::Sse, &many),
        (Framing::Ndjson, &long),
        (Framing::AwsEventStream, &long),
    ] {
        for cuts in [&[][..], &[1_000, 60_000]] {
            assert!(frames(framing, stream.as_bytes(), cuts).is_err());
        }
    }
}

#[test]
fn what_is_written_is_read_back() {
    let mut out = Vec::new();
    write_event(&mut out, "delta", b"{\"a\":1}");
    write_data(&mut out, b"two\nlines\r\nthree");
    check(Framing::Sse, &out, &[("delta", "{\"a\":1}"), ("", "two\nlines\nthree")]);
}

proptest! {
    #[test]
    fn any_bytes_at_any_cuts(
        pieces in prop::collection::vec(
            prop::sample::select(vec!["data:", "data: ", "event: e", ":", "\n", "\r", "\r\n", "é", "🚂", "x", " "]), 0..60),
        seed in prop::collection::vec(0.0f64..1.0, 0..6),
    ) {
        let stream = pieces.concat().into_bytes();
        let mut cuts: Vec<usize> = seed.iter().map(|at| (at * stream.len() as f64) as usize).collect();
        cuts.sort_unstable();
        for framing in [Framing::Sse, Framing::Ndjson] {
            prop_assert_eq!(frames(framing, &stream, &cuts), frames(framing, &stream, &[]));
        }
    }
}
