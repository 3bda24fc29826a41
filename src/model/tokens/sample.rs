//! Samples of texts that are too long to be walked whole within a policy's time.

/// How many stretches a sample has.
const STRETCHES: usize = 32;

/// The text if it has at most `most` bytes, else stretches spread evenly over
/// it that add up to about as many.
pub(super) fn sample(text: &str, most: usize) -> Vec<&str> {
    if text.len() <= most {
        return vec![text];
    }
    let (step, length) = (text.len() / STRETCHES, most / STRETCHES);
    let stretch = |at: usize| {
        let (from, to) = (text.floor_char_boundary(at * step), text.floor_char_boundary(at * step + length));
        text.get(from..to).unwrap_or_default()
    };
    (0..STRETCHES).map(stretch).collect()
}

/// How many times the sample the text is, by bytes.
pub(super) fn scale(text: &str, sample: &[&str]) -> f64 {
    let bytes: usize = sample.iter().map(|stretch| stretch.len()).sum();
    text.len() as f64 / bytes.max(1) as f64
}
