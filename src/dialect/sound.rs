//! Sound in answers: what kind of sound bytes are, and its words, for clients
//! whose dialect has no place for it.
//!
//! Sources: OpenAI API reference "Chat" (`message.audio`, `delta.audio`), guide
//! "Audio and speech"; Gemini API docs "Speech generation" (samples of 16 bits,
//! mono, low byte first, 24 kHz, as `audio/L16;codec=pcm;rate=24000`), checked 2026-11-22.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::ir::{Dialect, Media, MediaSource, Part};

/// Under this name sound keeps the dialect in which it stands in another place as well.
const ELSEWHERE: &str = "audio";

/// What OpenAI streams: samples of 16 bits without a head.
const SAMPLES: &str = "audio/pcm;rate=24000";

/// Samples a second of OpenAI's `pcm16`, and of Gemini's where it does not say.
const RATE: u32 = 24_000;

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

/// Samples a second, where sound is nothing but samples.
fn rate(part: &Part) -> Option<u32> {
    let Part::Audio(Media { mime: Some(mime), .. }) = part else { return None };
    let mime = mime.to_ascii_lowercase();
    let mut fields = mime.split(';').map(str::trim);
    matches!(fields.next(), Some("audio/l16" | "audio/pcm"))
        .then(|| fields.find_map(|field| field.strip_prefix("rate=")?.parse().ok()).unwrap_or(RATE))
}

/// The head that tells what samples are: 16 bits, mono, low byte first. Their
/// number is that of `bytes`; of samples that are still to come it is not known.
/// Source: Microsoft, Multimedia Data Standards Update, "WAVE", checked 2026-11-22.
fn wave(rate: u32, bytes: Option<usize>) -> Vec<u8> {
    const HEAD: u32 = 36;
    let bytes = bytes.and_then(|bytes| u32::try_from(bytes).ok()).unwrap_or(u32::MAX);
    let mut head = Vec::with_capacity(44);
    head.extend_from_slice(b"RIFF");
    head.extend_from_slice(&bytes.saturating_add(HEAD).to_le_bytes());
    head.extend_from_slice(b"WAVEfmt ");
    for field in [16, 0x0001_0001, rate, rate.saturating_mul(2), 0x0010_0002] {
        head.extend_from_slice(&u32::to_le_bytes(field));
    }
    head.extend_from_slice(b"data");
    head.extend_from_slice(&bytes.to_le_bytes());
    head
}

/// What samples begin with for a client of OpenAI's chat that takes them
/// `bare` at OpenAI's rate, or else in the form `wav`.
fn head(part: &Part, bare: bool, bytes: Option<usize>) -> Option<Vec<u8>> {
    rate(part).filter(|rate| !bare || *rate != RATE).map(|rate| wave(rate, bytes))
}

/// The base64 of all sound among `parts`, as one.
pub(super) fn whole(parts: &[Part], bare: bool) -> Option<String> {
    let pieces: Vec<&Part> = parts.iter().filter(|part| data(part).is_some()).collect();
    let bytes =
        pieces.iter().filter_map(|part| STANDARD.decode(data(part)?).ok()).collect::<Vec<_>>().concat();
    match (head(pieces.first()?, bare, Some(bytes.len())), pieces.as_slice()) {
        (Some(head), _) => Some(STANDARD.encode([head, bytes].concat())),
        (None, [one]) => data(one).map(str::to_owned),
        (None, _) => Some(STANDARD.encode(bytes)),
    }
}

/// The base64 of the first piece of sound.
pub(super) fn first(part: &Part, bare: bool) -> Option<String> {
    let data = data(part)?;
    let bytes = STANDARD.decode(data).ok();
    let whole =
        head(part, bare, None).zip(bytes).map(|(head, bytes)| STANDARD.encode([head, bytes].concat()));
    Some(whole.unwrap_or_else(|| data.to_owned()))
}

/// The bytes of all sound among `parts`.
pub(super) fn bytes(parts: &[Part], bare: bool) -> Option<Vec<u8>> {
    STANDARD.decode(whole(parts, bare)?).ok()
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
