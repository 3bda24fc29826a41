//! Figures about a text, for rules that look at what is asked.

/// Figures about a text.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TextStats {
    /// Characters.
    pub chars: u64,
    /// Words: stretches without spaces.
    pub words: u64,
    /// Lines.
    pub lines: u64,
    /// Share of the lines that look like code, 0 to 1.
    pub code_share: f64,
    /// Whether it asks: ends with a question mark or opens with a question word.
    pub is_question: bool,
    /// The script that most letters are in: `latin`, `cyrillic`, `chinese`,
    /// `japanese`, `korean`, `arabic`, `indic`, `other`.
    pub script: &'static str,
}

/// Words that open a question in English, German, French and Spanish.
const ASKING: [&str; 24] = [
    "what", "who", "when", "where", "why", "how", "which", "can", "could", "is", "are", "do", "does", "was",
    "wie", "wer", "wann", "warum", "wo", "comment", "pourquoi", "que", "qui", "cuando",
];

/// Works out the figures of `text` in one walk.
#[must_use]
pub fn text_stats(text: &str) -> TextStats {
    let mut scripts = [0_u32; SCRIPTS.len()];
    for c in text.chars().filter(|c| c.is_alphabetic()) {
        if let Some(count) = scripts.get_mut(script_of(c)) {
            *count += 1;
        }
    }
    let full_lines = || text.lines().filter(|line| !line.trim().is_empty());
    let (lines, code) = (full_lines().count(), full_lines().filter(|line| looks_like_code(line)).count());
    let kana = scripts.get(JAPANESE).copied().unwrap_or(0);
    let top = scripts.iter().enumerate().max_by_key(|(_, count)| **count).map_or(0, |(at, _)| at);
    // Japanese is written with more ideographs than kana at times; Chinese has no kana.
    let top =
        if top == CHINESE && kana * 10 > scripts.get(CHINESE).copied().unwrap_or(0) { JAPANESE } else { top };
    TextStats {
        chars: text.chars().count() as u64,
        words: text.split_whitespace().count() as u64,
        lines: lines as u64,
        code_share: if lines == 0 { 0.0 } else { code as f64 / lines as f64 },
        is_question: is_question(text),
        script: SCRIPTS.get(top).copied().unwrap_or("other"),
    }
}

const SCRIPTS: [&str; 8] = ["latin", "cyrillic", "chinese", "japanese", "korean", "arabic", "indic", "other"];
const CHINESE: usize = 2;
const JAPANESE: usize = 3;

fn script_of(c: char) -> usize {
    match u32::from(c) {
        0..=0x24F => 0,
        0x400..=0x52F => 1,
        0x3400..=0x9FFF => CHINESE,
        0x3040..=0x30FF => JAPANESE,
        0x1100..=0x11FF | 0xAC00..=0xD7FF => 4,
        0x600..=0x6FF | 0x750..=0x77F => 5,
        0x900..=0xDFF => 6,
        _ => 7,
    }
}

fn is_question(text: &str) -> bool {
    let text = text.trim();
    let first = text.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default().to_lowercase();
    text.ends_with(['?', '？', '؟']) || ASKING.contains(&first.as_str())
}

/// Signs that prose hardly ever ends or opens a line with.
fn looks_like_code(line: &str) -> bool {
    const OPENS: [&str; 17] = [
        "def ",
        "fn ",
        "class ",
        "import ",
        "from ",
        "#include",
        "return ",
        "function ",
        "const ",
        "let ",
        "var ",
        "public ",
        "private ",
        "if (",
        "for (",
        "while (",
        "SELECT ",
    ];
    const WITHIN: [&str; 8] = ["();", "==", "!=", "=>", "->", "::", "&&", "||"];
    let inner = line.trim();
    inner.ends_with([';', '{', '}'])
        || (OPENS.iter().any(|open| inner.starts_with(open))
            && inner.ends_with([':', ';', ')', '{', '\'', '"']))
        || WITHIN.iter().any(|sign| inner.contains(sign))
}

/// Whether a user's turn says that the answer before it was not good: it
/// repeats the turn before in other words, or says so outright. A share from 0
/// (content) to 1 (certainly not).
#[must_use]
pub fn asks_for_more(turns: &[&str]) -> f64 {
    let Some((last, before)) = turns.split_last() else { return 0.0 };
    let said = says_wrong(last);
    let again = before.last().map_or(0.0, |before| likeness(before, last));
    // Two turns share a third of their words by chance; from 0.75 on it is the same question.
    let rephrased = ((again - 0.35) / 0.4).clamp(0.0, 1.0);
    f64::max(said, rephrased * 0.9)
}

/// How outright a turn says that the answer was wrong.
fn says_wrong(text: &str) -> f64 {
    const STRONG: [&str; 18] = [
        "that's wrong",
        "thats wrong",
        "that is wrong",
        "this is wrong",
        "not what i asked",
        "not what i meant",
        "doesn't work",
        "does not work",
        "still not",
        "still wrong",
        "you're wrong",
        "try again",
        "incorrect",
        "useless",
        "das ist falsch",
        "stimmt nicht",
        "c'est faux",
        "eso está mal",
    ];
    const WEAK: [&str; 9] =
        ["i said", "again", "no,", "i already", "are you sure", "i told you", "as i said", "nein,", "wrong"];
    let text = text.to_lowercase();
    if STRONG.iter().any(|sign| text.contains(sign)) {
        return 1.0;
    }
    let start: String = text.chars().take(80).collect();
    if WEAK.iter().any(|sign| start.contains(sign)) { 0.5 } else { 0.0 }
}

/// Words that say nothing about what is asked.
const SMALL_WORDS: [&str; 30] = [
    "the", "and", "for", "how", "can", "could", "you", "please", "what", "does", "with", "that", "this",
    "are", "was", "from", "have", "has", "would", "should", "will", "tell", "about", "into", "just", "but",
    "not", "want", "need", "thanks",
];

/// Share of words that two texts have in common (Jaccard over words of three
/// letters and more without small words, plural and singular alike).
fn likeness(a: &str, b: &str) -> f64 {
    let words = |text: &str| -> ahash::AHashSet<String> {
        let lower = text.to_lowercase();
        let words = lower.split(|c: char| !c.is_alphanumeric());
        let telling = words.filter(|word| word.chars().count() > 2 && !SMALL_WORDS.contains(word));
        telling.map(|word| word.strip_suffix('s').unwrap_or(word).to_owned()).collect()
    };
    let (a, b) = (words(a), words(b));
    let either = a.union(&b).count();
    if either == 0 { 0.0 } else { a.intersection(&b).count() as f64 / either as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_figures() {
        for (text, check) in [
            ("fn main() {\n    run();\n}\n", "code"),
            ("Could you tell me the way to the station", "question"),
            ("会议在星期四举行", "chinese"),
            ("会議は木曜日に開かれます", "japanese"),
        ] {
            let stats = text_stats(text);
            let holds = match check {
                "code" => stats.code_share > 0.9,
                "question" => stats.is_question && stats.code_share == 0.0,
                script => stats.script == script,
            };
            assert!(holds, "{check}: {stats:?}");
        }
        for (turns, frustrated) in [
            (vec!["How do I sort a list in Python?", "That's wrong, it does not work."], true),
            (vec!["How do I sort a list in Python?", "How can I sort lists in Python, please?"], true),
            (vec!["How do I sort a list in Python?", "Thanks! And how do I reverse a string?"], false),
            (vec!["Hello"], false),
        ] {
            assert_eq!(asks_for_more(&turns) >= 0.5, frustrated, "{turns:?}: {}", asks_for_more(&turns));
        }
    }
}
