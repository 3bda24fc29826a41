//! Prices and the cost of an answer, in integer nano-USD.

use crate::ir::{Money, Units, Usage};

/// Prices in nano-USD per million tokens. Absent rates fall back: cached and
/// written input to the input rate, reasoning to the output rate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Price {
    /// Input tokens.
    pub input: i64,
    /// Output tokens.
    pub output: i64,
    /// Input read from the provider's cache.
    pub cached_input: Option<i64>,
    /// Input written to the provider's cache.
    pub cache_write: Option<i64>,
    /// The same with the one-hour time to live.
    pub cache_write_1h: Option<i64>,
    /// Reasoning tokens.
    pub reasoning: Option<i64>,
    /// Audio input tokens.
    pub audio_input: Option<i64>,
    /// Audio output tokens.
    pub audio_output: Option<i64>,
    /// Batch rates for input and output.
    pub batch: Option<(i64, i64)>,
    /// Per request, nano-USD.
    pub request: Option<i64>,
    /// Per image, nano-USD.
    pub image: Option<i64>,
    /// Per second of audio, nano-USD.
    pub audio_second: Option<i64>,
    /// Per million characters (speech).
    pub characters: Option<i64>,
    /// Rates for long contexts, by rising threshold.
    pub tiers: Vec<Tier>,
}

/// Rates that hold for the whole request when its input exceeds `above` tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tier {
    /// Input tokens above which the tier holds.
    pub above: u64,
    /// Input rate.
    pub input: i64,
    /// Output rate.
    pub output: i64,
    /// Cached input rate.
    pub cached_input: Option<i64>,
    /// Cache write rate.
    pub cache_write: Option<i64>,
}

impl Price {
    /// What `usage` costs, rounded up to a nano-USD per position.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Money {
        if let Some((input, output)) = usage.billed {
            return self.cost(&Usage { input, output, ..Usage::default() });
        }
        let tier = self.tiers.iter().rev().find(|tier| usage.input > tier.above);
        let input = tier.map_or(self.input, |t| t.input);
        let output = tier.map_or(self.output, |t| t.output);
        let parts = [
            usage.cached_input,
            usage.cache_write,
            usage.cache_write_1h,
            usage.audio_input,
            usage.audio_output,
            usage.reasoning,
        ];
        // What policies ask for each candidate.
        if parts.iter().all(Option::is_none) {
            let request = Money(self.request.unwrap_or(0));
            return request.plus(position(usage.input, input)).plus(position(usage.output, output));
        }
        let cached_rate = tier.map_or(self.cached_input, |t| t.cached_input).unwrap_or(input);
        let write_rate = tier.map_or(self.cache_write, |t| t.cache_write).unwrap_or(input);
        let write_1h_rate = self.cache_write_1h.unwrap_or(write_rate);

        let mut rest_in = usage.input;
        let mut take_in = |tokens: Option<u64>| {
            let taken = tokens.unwrap_or(0).min(rest_in);
            rest_in -= taken;
            taken
        };
        let cached = take_in(usage.cached_input);
        let written_1h = take_in(usage.cache_write_1h);
        let written = take_in(usage.cache_write.map(|all| all.saturating_sub(written_1h)));
        let audio_in = self.audio_input.map_or(0, |_| take_in(usage.audio_input));
        let reasoning = self.reasoning.map_or(0, |_| usage.reasoning.unwrap_or(0).min(usage.output));
        let audio_out =
            self.audio_output.map_or(0, |_| usage.audio_output.unwrap_or(0).min(usage.output - reasoning));
        let text_out = usage.output - reasoning - audio_out;

        [
            (rest_in, input),
            (cached, cached_rate),
            (written, write_rate),
            (written_1h, write_1h_rate),
            (audio_in, self.audio_input.unwrap_or(input)),
            (text_out, output),
            (reasoning, self.reasoning.unwrap_or(output)),
            (audio_out, self.audio_output.unwrap_or(output)),
        ]
        .into_iter()
        .fold(Money(self.request.unwrap_or(0)), |sum, (tokens, rate)| sum.plus(position(tokens, rate)))
    }

    /// The rates of the provider's batch service; the ordinary ones, of short contexts, where it states none.
    #[must_use]
    pub fn at_batch(&self) -> Self {
        let Some((input, output)) = self.batch else { return Self { tiers: Vec::new(), ..self.clone() } };
        Self { input, output, request: self.request, ..Self::default() }
    }

    /// What `usage` and `units` cost together: every position that the price
    /// names. `None`, hence unpriced, when something was used and the price
    /// names none of it.
    #[must_use]
    pub fn cost_of(&self, usage: &Usage, units: &Units) -> Option<Money> {
        let positions = [
            (units.images, self.image, 1),
            (units.audio_ms, self.audio_second, 1_000),
            (units.characters, self.characters, 1_000_000),
        ];
        let mut charged = usage.total() > 0 || self.request.is_some() || units.is_none();
        let mut sum = self.cost(usage);
        for (count, rate, per) in positions {
            if let Some(rate) = rate.filter(|_| count > 0) {
                charged = true;
                sum = sum.plus(share(count, rate, per));
            }
        }
        charged.then_some(sum)
    }
}

/// `tokens` at `rate` nano-USD a million, rounded up.
fn position(tokens: u64, rate: i64) -> Money {
    share(tokens, rate, 1_000_000)
}

/// `count` at `rate` nano-USD for `per` of them, rounded up.
fn share(count: u64, rate: i64, per: i64) -> Money {
    if count == 0 || rate == 0 {
        return Money::ZERO;
    }
    // What nearly always fits: division in 128 bits takes many times as long.
    if let Some(exact) = i64::try_from(count).ok().and_then(|count| count.checked_mul(rate)) {
        return Money(exact.div_euclid(per) + i64::from(exact.rem_euclid(per) != 0));
    }
    let per = i128::from(per);
    let exact = i128::from(count) * i128::from(rate);
    let nano = exact.div_euclid(per) + i128::from(exact.rem_euclid(per) != 0);
    Money(i64::try_from(nano).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    #[test]
    fn units_cost_what_the_price_names_and_are_unpriced_otherwise() {
        let price = Price {
            image: Some(40),
            audio_second: Some(1_000),
            characters: Some(15_000),
            ..Price::default()
        };
        let none = Usage::default();
        for (units, expected) in [
            (Units { images: 3, ..Units::default() }, 120),
            (Units { audio_ms: 2_500, ..Units::default() }, 2_500),
            (Units { audio_ms: 1, ..Units::default() }, 1),
            (Units { characters: 1_000, ..Units::default() }, 15),
            (Units::default(), 0),
        ] {
            assert_eq!(price.cost_of(&none, &units), Some(Money(expected)), "{units:?}");
        }
        let images = Units { images: 1, ..Units::default() };
        assert_eq!(Price::default().cost_of(&none, &images), None);
        assert_eq!(Price { request: Some(7), ..Price::default() }.cost_of(&none, &images), Some(Money(7)));
    }
}
