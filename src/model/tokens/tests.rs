//! What `tokens` promises, as tests.

use super::samples::{CHINESE, CODE, ENGLISH, HINDI, JSON};
use super::*;

#[test]
fn the_estimate_is_near_the_exact_count_in_every_class_of_text() {
    let o200k = Tokenizer::named("o200k").unwrap();
    let mut worst: f64 = 0.0;
    for (class, text) in samples::all() {
        let (exact, near) = (o200k.count(&text) as f64, estimate(&text) as f64);
        let off = near / exact - 1.0;
        println!("{class:9} exact {exact:5} estimate {near:5} off {:+.1} %", off * 100.0);
        worst = worst.max(off.abs());
    }
    assert!(worst <= 0.15, "worst {worst}");
}

#[test]
fn names_lead_to_tokenizers() {
    for (name, encoding) in [
        ("gpt-5-mini-2025-08-07", Some("o200k_base")),
        ("openai/gpt-4-turbo", Some("cl100k_base")),
        ("meta-llama/Llama-3.3-70B-Instruct", Some("llama3")),
        ("mistral-large-latest", Some("mistral_v3")),
        ("claude-haiku-4-5", None),
    ] {
        assert_eq!(Tokenizer::by_model_name(name).map(Tokenizer::name), encoding, "{name}");
    }
    assert_eq!(Tokenizer::named("deepseek").map(Tokenizer::name), Some("deepseek_v3"));
    assert_eq!(Tokenizer::named("nonsense"), None);
}

#[test]
fn cuts_at_tokens_and_keeps_whole_characters() {
    let o200k = Tokenizer::named("o200k").unwrap();
    let (begin, end) = (o200k.cut(ENGLISH, 10, false), o200k.cut(ENGLISH, 10, true));
    assert!(ENGLISH.starts_with(&begin) && ENGLISH.ends_with(&end));
    assert!(o200k.count(&begin) <= 10 && o200k.count(&end) <= 10 && !begin.is_empty());
    assert_eq!(o200k.cut("short", 10, false), "short");
    assert!(HINDI.starts_with(&o200k.cut(HINDI, 7, false)));
}

#[test]
fn long_texts_are_sampled() {
    let o200k = Tokenizer::named("o200k").unwrap();
    let text = [ENGLISH, CODE, JSON, CHINESE].join("\n").repeat(150);
    assert!(text.len() > 256 << 10);
    let exact = o200k.count(&text) as f64;
    let (near, rough) = (o200k.near(&text) as f64, estimate(&text) as f64);
    println!("exact {exact} near {near} estimate {rough}");
    assert!((near / exact - 1.0).abs() < 0.03 && (rough / exact - 1.0).abs() < 0.08);
}
