use super::*;

const ENGLISH: &str = "The committee met on Thursday to discuss the proposal for a new bridge across the river. \
Several members were worried about the cost, which has nearly doubled since the first estimate was published two \
years ago. Others argued that the old crossing is no longer safe, and that every winter brings another round of \
repairs. After three hours of debate they agreed to ask the engineers for a second opinion before the vote. If you \
want to comment on the plan, please write to the office by the end of the month; letters that arrive later can't be \
considered. How long would the journey take if the northern road were closed as well?";

const CODE: &str = "fn merge(mut left: Vec<u64>, right: &[u64]) -> Vec<u64> {\n    let mut out = Vec::with_capacity(\
left.len() + right.len());\n    let (mut i, mut j) = (0, 0);\n    while i < left.len() && j < right.len() {\n        \
if left[i] <= right[j] {\n            out.push(left[i]);\n            i += 1;\n        } else {\n            \
out.push(right[j]);\n            j += 1;\n        }\n    }\n    out.extend(left.drain(i..));\n    \
out.extend_from_slice(&right[j..]);\n    out\n}\n\n#[test]\nfn merges_sorted_lists() {\n    assert_eq!(merge(vec![1, \
4], &[2, 3]), vec![1, 2, 3, 4]);\n}\n";

const JSON: &str = r#"{"orders":[{"id":48213,"customer":{"name":"Ada Bell","email":"ada.bell@example.com"},"items":[{"sku":"LMP-0042","quantity":2,"price":19.95},{"sku":"CBL-1180","quantity":1,"price":7.5}],"shipped":true,"notes":null},{"id":48214,"customer":{"name":"Jonas Weber","email":"jonas@example.org"},"items":[{"sku":"DSK-7701","quantity":1,"price":349.0}],"shipped":false,"notes":"Call before delivery"}],"page":3,"total":126}"#;

const CHINESE: &str = "委员会星期四开会讨论在河上修建一座新桥的方案。几位委员担心费用，因为自两年前公布第一次估算以来，费用几乎翻了一番。\
也有人认为旧桥已经不再安全，每年冬天都需要再次维修。经过三个小时的讨论，他们同意在投票之前请工程师提供第二份意见。如果您想对该计划发表意见，\
请在月底之前写信给办公室，迟到的信件将不予考虑。";

const JAPANESE: &str = "委員会は木曜日に集まり、川に新しい橋を架ける計画について話し合いました。最初の見積もりが二年前に発表されてから費用がほぼ\
二倍になったため、心配する委員もいました。一方で、古い橋はもう安全ではなく、毎年冬になると修理が必要になるという意見もありました。三時間の議論の後、\
投票の前に技術者に二つ目の意見を求めることに同意しました。";

const HINDI: &str = "समिति ने गुरुवार को नदी पर एक नया पुल बनाने के प्रस्ताव पर चर्चा की। कई सदस्य लागत को लेकर चिंतित थे, जो दो साल पहले पहला अनुमान \
प्रकाशित होने के बाद से लगभग दोगुनी हो गई है। दूसरों ने कहा कि पुराना पुल अब सुरक्षित नहीं है और हर सर्दी में मरम्मत करनी पड़ती है। तीन घंटे की बहस के बाद \
उन्होंने मतदान से पहले इंजीनियरों से दूसरी राय मांगने पर सहमति जताई।";

fn base64() -> String {
    use base64::Engine as _;
    let mut rng = fastrand::Rng::with_seed(7);
    let bytes: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(900).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn the_estimate_is_near_the_exact_count_in_every_class_of_text() {
    let o200k = Tokenizer::named("o200k").unwrap();
    let blob = base64();
    let mut worst: f64 = 0.0;
    for (class, text) in [
        ("english", ENGLISH),
        ("code", CODE),
        ("json", JSON),
        ("chinese", CHINESE),
        ("japanese", JAPANESE),
        ("hindi", HINDI),
        ("base64", blob.as_str()),
    ] {
        let (exact, near) = (o200k.count(text) as f64, estimate(text) as f64);
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
