//! Sound in answers: what kind of sound bytes are, and its words, for clients
//! whose dialect has no place for it.
//!
//! Sources: OpenAI API reference "Chat" (`message.audio`, `delta.audio`), guide
//! "Audio and speech"; Gemini API docs "Speech generation", checked 2026-11-21.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::ir::{Dialect, Media, MediaSource, Part};

/// Under this name sound keeps the dialect in which it stands in another place as well.
const ELSEWHERE: &str = "audio";

/// What OpenAI streams: samples of 16 bits without a head.
const SAMPLES: &str = "audio/pcm;rate=24000";

/// The type of sound from the first letters of its base64.
pub(super) fn kind_of(data: &str) -> &'static str {
    const STARTS: [(&str, &str); 7] = [
        ("UklGR", "audio/wav"),
        ("SUQz", "audio/mpeg"),
        ("//s", "audio/mpeg"),
        ("//M", "audio/mpeg"),
        ("//v", "audio/aac"),
        ("ZkxhQw", "audio/flac"),
        ("T2dnUw", "audio/ogg"),
    ];
    STARTS.iter().find(|(start, _)| data.starts_with(start)).map_or(SAMPLES, |(_, mime)| mime)
}

/// Sound, or a piece of it, with its words. In `elsewhere` it stands beside the parts as well.
pub(super) fn made(data: &str, words: Option<&str>, elsewhere: Option<Dialect>) -> Part {
    let mut media = Media::of(MediaSource::Base64(data.into()), Some(kind_of(data).to_owned()));
    media.transcript = words.map(str::to_owned);
    if let Some(dialect) = elsewhere {
        media.extra.insert(ELSEWHERE, dialect.name().into());
    }
    Part::Audio(media)
}

/// Whether clients of `dialect` get the sound without this part.
pub(super) fn stands_elsewhere(part: &Part, dialect: Dialect) -> bool {
    matches!(part, Part::Audio(media) if media.extra.get(ELSEWHERE).is_some_and(|name| name == dialect.name()))
}

/// The base64 of sound; empty where there are only words, or an address.
pub(super) fn data(part: &Part) -> Option<&str> {
    match part {
        Part::Audio(Media { source: MediaSource::Base64(data), .. }) => Some(data),
        _ => None,
    }
}

/// The base64 of several pieces as one.
pub(super) fn joined(pieces: &[&str]) -> String {
    match pieces {
        [one] => (*one).to_owned(),
        pieces => STANDARD.encode(
            pieces.iter().filter_map(|piece| STANDARD.decode(piece).ok()).collect::<Vec<_>>().concat(),
        ),
    }
}

/// The words that sound says, where its maker wrote them down.
pub(super) fn words(part: &Part) -> Option<&str> {
    match part {
        Part::Audio(Media { transcript: Some(words), .. }) if !words.is_empty() => Some(words),
        _ => None,
    }
}

#[cfg(test)]
#[path = "sound_tests.rs"]
mod tests;
