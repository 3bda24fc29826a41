//! Who stays. A figure that nobody has measured yet speaks for a model, a tag
//! or price that nobody wrote down speaks against it.

use super::{Misfit, Need, Selection};
use crate::ir::Money;
use crate::model::{Candidate, Tag};

/// A question about a tag.
#[derive(Debug, Clone, PartialEq)]
pub enum TagTest {
    /// A number of at least this.
    AtLeast(f64),
    /// A number of at most this.
    AtMost(f64),
    /// Equal to one of these.
    In(Vec<Tag>),
}

impl TagTest {
    /// Whether a tag passes.
    #[must_use]
    pub fn passes(&self, tag: &Tag) -> bool {
        match (self, tag) {
            (Self::AtLeast(least), Tag::Number(number)) => number >= least,
            (Self::AtMost(most), Tag::Number(number)) => number <= most,
            (Self::In(allowed), tag) => allowed.contains(tag),
            _ => false,
        }
    }
}

impl Selection {
    /// Those that can serve the request at all: media, tools, schema, context
    /// window and length of the answer.
    #[must_use]
    pub fn fitting(&self, need: &Need<'_>) -> Self {
        self.keep(
            || "fitting(req)".to_owned(),
            |candidate| need.misfit(&candidate.model).is_none(),
            |candidate| need.misfit(&candidate.model).as_ref().map(Misfit::to_string).unwrap_or_default(),
        )
    }

    /// Those whose tag passes; without the tag it does not.
    #[must_use]
    pub fn tagged(&self, name: &str, test: &TagTest, query: impl FnOnce() -> String) -> Self {
        let tag = |candidate: &Candidate| candidate.model.tags.get(name).cloned();
        self.keep(
            query,
            |candidate| candidate.model.tags.get(name).is_some_and(|tag| test.passes(tag)),
            |candidate| match tag(candidate) {
                None => format!("has no tag `{name}`"),
                Some(Tag::Bool(value)) => format!("tag `{name}` is {value}"),
                Some(Tag::Number(value)) => format!("tag `{name}` is {value}"),
                Some(Tag::Text(value)) => format!("tag `{name}` is \"{value}\""),
            },
        )
    }

    /// Those that state this capability.
    #[must_use]
    pub fn supporting(&self, what: &str) -> Self {
        self.keep(
            || format!("supports({what:?})"),
            |candidate| supports(candidate, what),
            |_| format!("does not state `{what}`"),
        )
    }

    /// Those of this provider.
    #[must_use]
    pub fn of_provider(&self, name: &str) -> Self {
        self.keep(
            || format!("provider({name:?})"),
            |candidate| &*candidate.model.provider.name == name,
            |candidate| format!("runs at `{}`", candidate.model.provider.name),
        )
    }

    /// Those whose breaker lets requests through.
    #[must_use]
    pub fn healthy(&self) -> Self {
        let why = |candidate: &Candidate| {
            format!("its breaker is open, error rate {:.2}", candidate.health.error_rate)
        };
        self.keep(|| "healthy()".to_owned(), |candidate| candidate.health.healthy, why)
    }

    /// Those whose figure is at most `most`; without traffic yet it passes.
    #[must_use]
    pub fn under(&self, name: &str, most: f64, figure: impl Fn(&Candidate) -> Option<f64>) -> Self {
        self.keep(
            || format!("{name}({most})"),
            |candidate| figure(candidate).is_none_or(|is| is <= most),
            |candidate| format!("it is {:.0}", figure(candidate).unwrap_or_default()),
        )
    }

    /// Those with at least this share of their limits free.
    #[must_use]
    pub fn headroom(&self, least: f64) -> Self {
        self.keep(
            || format!("headroom_over({least})"),
            |candidate| candidate.health.headroom >= least,
            |candidate| format!("only {:.2} of its limits is free", candidate.health.headroom),
        )
    }

    /// Those that have a price.
    #[must_use]
    pub fn priced(&self) -> Self {
        self.keep(
            || "priced()".to_owned(),
            |candidate| candidate.price.is_some(),
            |_| "is unpriced".to_owned(),
        )
    }

    /// Those whose output price is at most `most` USD a million tokens.
    #[must_use]
    pub fn price_under(&self, most: Money) -> Self {
        self.keep(
            || format!("price_under({})", most.as_usd()),
            |candidate| candidate.price.as_ref().is_some_and(|price| price.output <= most.0),
            |candidate| {
                let price = candidate.price.as_ref();
                price.map_or("is unpriced".to_owned(), |price| format!("costs {} USD", Money(price.output)))
            },
        )
    }

    /// Those that would cost at most `most` USD for the request, about.
    #[must_use]
    pub fn cost_under(&self, need: &Need<'_>, most: Money) -> Self {
        self.keep(
            || format!("cost_under(req, {})", most.as_usd()),
            |candidate| need.cost(candidate).is_some_and(|cost| cost <= most),
            |candidate| {
                need.cost(candidate).map_or("is unpriced".to_owned(), |cost| format!("would cost {cost} USD"))
            },
        )
    }

    /// Those whose price is at most `factor` times their usual price (from the
    /// feeds' history, else by the tag `usual_price`, USD a million tokens of
    /// input and output together). Without either it passes.
    #[must_use]
    pub fn without_price_spike(&self, factor: f64) -> Self {
        self.keep(
            || format!("without_price_spike({factor})"),
            |candidate| price_ratio(candidate).is_none_or(|ratio| ratio <= factor),
            |candidate| {
                format!("costs {:.2} times its usual price", price_ratio(candidate).unwrap_or_default())
            },
        )
    }

    /// All but the one of this name.
    #[must_use]
    pub fn exclude(&self, name: &str) -> Self {
        self.keep(
            || format!("exclude({name:?})"),
            |candidate| &*candidate.model.name != name,
            |_| "left out by the policy".to_owned(),
        )
    }
}

/// Whether the model states this capability.
#[must_use]
pub fn supports(candidate: &Candidate, what: &str) -> bool {
    candidate.model.capabilities.as_ref().is_some_and(|all| all.iter().any(|one| one == what))
}

/// The price now over the usual price, of input and output together.
#[must_use]
pub fn price_ratio(candidate: &Candidate) -> Option<f64> {
    let price = candidate.price.as_ref()?;
    let usual = match (&candidate.usual_price, candidate.model.tags.get("usual_price")) {
        (Some(usual), _) => (usual.input + usual.output) as f64,
        (None, Some(Tag::Number(usd))) => usd * 1e9,
        _ => return None,
    };
    (usual > 0.0).then(|| (price.input + price.output) as f64 / usual)
}
