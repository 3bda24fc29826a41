//! The vocabularies that come along. Those of Moonshot, Zhipu, MiniMax and of
//! OpenAI's models before 2023 stay out of the program, in which they would take
//! five megabytes; their models are counted by the stand-in.

use std::sync::OnceLock;

use tiktoken::{CoreBpe, encoding};

/// A vocabulary, loaded when first asked for: some 100 ms.
pub(super) struct Vocabulary {
    /// The encoding's name.
    pub(super) name: &'static str,
    make: fn() -> CoreBpe,
    loaded: OnceLock<CoreBpe>,
}

/// All of them; the stand-in first.
static ALL: [Vocabulary; 8] = [
    Vocabulary::new("o200k_base", encoding::o200k_base),
    Vocabulary::new("cl100k_base", encoding::cl100k_base),
    Vocabulary::new("llama3", encoding::llama3),
    Vocabulary::new("qwen2", encoding::qwen2),
    Vocabulary::new("deepseek_v3", encoding::deepseek_v3),
    Vocabulary::new("deepseek_v4", encoding::deepseek_v4),
    Vocabulary::new("mistral_v3", encoding::mistral_v3),
    Vocabulary::new("o200k_harmony", encoding::o200k_harmony),
];

impl std::fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Vocabulary {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Vocabulary {}

impl Vocabulary {
    const fn new(name: &'static str, make: fn() -> CoreBpe) -> Self {
        Self { name, make, loaded: OnceLock::new() }
    }

    /// The one that stands in where no tokenizer is public: a factor turns its counts into the model's.
    pub(super) fn stand_in() -> &'static Self {
        let [first, ..] = &ALL;
        first
    }

    /// The one of this name, or of this name up to its first `_` (`o200k`, `deepseek`).
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        let short = |known: &&Self| known.name.split('_').next() == Some(name);
        ALL.iter().find(|known| known.name == name).or_else(|| ALL.iter().find(short))
    }

    /// Its place among all.
    pub(super) fn place(&self) -> usize {
        ALL.iter().position(|known| known.name == self.name).unwrap_or(0)
    }

    /// The vocabulary itself.
    pub(super) fn load(&self) -> &CoreBpe {
        self.loaded.get_or_init(self.make)
    }

    /// Whether it is loaded, so that [`Self::load`] takes no time.
    pub(super) fn is_loaded(&self) -> bool {
        self.loaded.get().is_some()
    }
}
