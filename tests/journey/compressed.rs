//! Answers that come compressed: unpacked as they flow, and no further than the cap.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::gateway::Gateway;
use crate::upstream::{read_request, whole};
use crate::{route, yaml};

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// A provider that answers everything with these pieces of a body, each in a chunk of its own.
async fn provider(kind: &'static str, encoding: &'static str, pieces: Vec<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let pieces = pieces.clone();
            tokio::spawn(async move {
                while read_request(&mut stream).await.is_some() {
                    let head = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-encoding: {encoding}\r\ntransfer-encoding: chunked\r\n\r\n"
                    );
                    let mut sent = stream.write_all(head.as_bytes()).await;
                    for piece in &pieces {
                        let size = format!("{:x}\r\n", piece.len());
                        let chunk = [size.as_bytes(), piece, b"\r\n"].concat();
                        sent = sent.and(stream.write_all(&chunk).await);
                    }
                    // A gateway that has had enough is gone by now.
                    drop(sent.and(stream.write_all(b"0\r\n\r\n").await));
                }
            });
        }
    });
    base
}

async fn gateway(base: &str) -> Gateway {
    Gateway::start(&format!("{}{}", yaml(base, &["m"]), route(&["m"], "")), &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_answer_reaches_the_client_unpacked() {
    let packed = gzip(whole("m").as_bytes());
    let (half, rest) = packed.split_at(packed.len() / 2);
    let base = provider("application/json", "gzip", vec![half.to_vec(), rest.to_vec()]).await;
    let answer = gateway(&base).await.chat("r", false).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, whole("m").as_str()));
    assert_eq!(answer.header("content-encoding"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_stream_flows_event_by_event() {
    let frame = |delta: &str| {
        format!(
            "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{delta}}}]}}\n\n"
        )
    };
    let end = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let texts = [frame(r#"{"content":"one"}"#), frame(r#"{"content":"two"}"#), end.to_owned()];
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let mut pieces: Vec<Vec<u8>> = texts
        .iter()
        .map(|text| {
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.flush().unwrap();
            std::mem::take(encoder.get_mut())
        })
        .collect();
    pieces.push(encoder.finish().unwrap());
    let base = provider("text/event-stream", "gzip", pieces).await;
    let answer = gateway(&base).await.chat("r", true).await;
    assert_eq!(answer.body, texts.concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_unfolds_without_end_or_cannot_be_unpacked_is_an_error() {
    // A hundred kilobytes become twice the answer's cap, which is 64 MiB.
    let bomb = gzip(&vec![b' '; 128 << 20]);
    for (what, encoding, body) in [
        ("bomb", "gzip", bomb),
        ("no gzip", "gzip", whole("m").into_bytes()),
        ("cut short", "gzip", gzip(whole("m").as_bytes())[..40].to_vec()),
        ("not asked for", "br", whole("m").into_bytes()),
    ] {
        let base = provider("application/json", encoding, vec![body]).await;
        let gateway = gateway(&base).await;
        let answer = gateway.chat("r", false).await;
        assert_eq!(answer.status, 502, "{what}: {}", answer.body);
        gateway.account_holds().await;
    }
}
