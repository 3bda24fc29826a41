//! What is counted and charged besides tokens.

/// Work that vendors do not count in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Units {
    /// Pictures in the answer.
    pub images: u64,
    /// Length of sound, milliseconds.
    pub audio_ms: u64,
    /// Characters of text made into sound.
    pub characters: u64,
}

impl Units {
    /// Whether nothing is counted.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.images == 0 && self.audio_ms == 0 && self.characters == 0
    }
}
