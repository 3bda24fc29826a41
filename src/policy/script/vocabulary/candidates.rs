//! Lists of models: native queries, and closures as the escape hatch.

use rhai::{Array, Dynamic, Engine, FnPtr, ImmutableString, Map, NativeCallContext};

use super::request::with_need;
use super::word::{as_tag, getter, index, number, word};
use crate::ir::Money;
use crate::model::{Candidate, Tag};
use crate::policy::query::{Axis, Score, Selection, TagTest};
use crate::policy::script::turn::{self, Reply, Req, raise};

/// Registers the words of lists of models.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Selection>("Models").register_iterator::<Selection>();
    access(engine);
    by_request(engine);
    by_tag(engine);
    by_figure(engine);
    ranks(engine);
    sets(engine);
    closures(engine);
}

impl IntoIterator for Selection {
    type Item = Candidate;
    type IntoIter = Candidates;

    fn into_iter(self) -> Candidates {
        Candidates { list: self, next: 0 }
    }
}

/// Walks a list of models.
pub struct Candidates {
    list: Selection,
    next: usize,
}

impl Iterator for Candidates {
    type Item = Candidate;

    fn next(&mut self) -> Option<Candidate> {
        self.next += 1;
        self.list.get(self.next - 1).cloned()
    }
}

fn access(engine: &mut Engine) {
    getter("len", "How many models are in the list.", "ctx.candidates.len > 1")
        .register_into_engine(engine, |list: &mut Selection| list.len() as i64);
    word("is_empty()", "Whether no model is in the list.", "ctx.candidates.healthy().is_empty()")
        .register_into_engine(engine, |list: Selection| list.is_empty());
    word("first()", "The first model, or `()` of an empty list.", "ctx.candidates.cheapest(req).first()")
        .register_into_engine(engine, |list: Selection| {
            list.get(0).cloned().map_or(Dynamic::UNIT, Dynamic::from)
        });
    getter("names", "The models' names as an array.", "ctx.note(\"fit\", ctx.candidates.fitting(req).names)")
        .register_into_engine(engine, |list: &mut Selection| -> Array {
            list.iter().map(|candidate| (*candidate.model.name).into()).collect()
        });
    word(
        "contains(name)",
        "Whether the model of this name is in the list.",
        "ctx.candidates.contains(\"gpt-5-mini\")",
    )
    .register_into_engine(engine, |list: Selection, name: &str| list.named(name).is_some());
    index("The model at a place from 0, from the end with a minus.", "ctx.candidates[0].name")
        .register_into_engine(engine, |list: &mut Selection, at: i64| -> Reply<Candidate> {
            let len = list.len() as i64;
            let place = usize::try_from(if at < 0 { at + len } else { at }).ok();
            place
                .and_then(|place| list.get(place).cloned())
                .ok_or_else(|| raise(format!("there is no model {at} in a list of {len}")))
        });
    index("The model of this name, or `()`.", "ctx.models[\"gpt-5\"].price.input").register_into_engine(
        engine,
        |list: &mut Selection, name: ImmutableString| {
            turn::or_absent(list.named(&name).cloned().map(Dynamic::from), || format!("models[\"{name}\"]"))
        },
    );
}

fn by_request(engine: &mut Engine) {
    word(
        "fitting(req)",
        "Those that can serve the request: media, tools, schema, context window, length of the answer. What is not known of a model does not speak against it.",
        "ctx.candidates.fitting(req)",
    )
    .register_into_engine(engine, |list: Selection, _: Req| with_need(|need| list.fitting(need)));
    word(
        "cheapest(req)",
        "Sorted by the request's expected cost, cheapest first, unpriced last.",
        "plan(ctx.candidates.fitting(req).cheapest(req))",
    )
    .register_into_engine(engine, |list: Selection, _: Req| with_need(|need| list.cheapest(need)));
    word(
        "cost_under(req, usd)",
        "Those whose expected cost for the request is at most this many USD; unpriced ones fall.",
        "ctx.candidates.cost_under(req, 0.01)",
    )
    .register_into_engine(engine, |list: Selection, _: Req, usd: Dynamic| -> Reply<Selection> {
        let most = Money::from_usd(number(&usd, "the cost in USD")?);
        with_need(|need| list.cost_under(need, most))
    });
    word(
        "best(req, weights)",
        "Sorted by a weighted score, best first. Axes: price, latency, first_token, speed, errors, headroom, or a tag's name.",
        "ctx.candidates.best(req, #{ quality: 2.0, price: 1.0 })",
    )
    .register_into_engine(engine, |list: Selection, _: Req, weights: Map| -> Reply<Selection> {
        let score = weights.iter().map(|(name, weight)| {
            Ok((Axis::named(name), number(weight, format_args!("the weight of `{name}`"))?))
        });
        let score: Score = score.collect::<Reply<_>>()?;
        with_need(|need| list.best(&score, need))
    });
}

fn by_tag(engine: &mut Engine) {
    word(
        "tag_at_least(name, least)",
        "Those whose tag is a number of at least this; without the tag they fall.",
        "ctx.candidates.tag_at_least(\"quality\", 0.7)",
    )
    .register_into_engine(engine, |list: Selection, name: &str, least: Dynamic| {
        let least = number(&least, format_args!("the bound of tag `{name}`"))?;
        Reply::Ok(
            list.tagged(name, &TagTest::AtLeast(least), || format!("tag_at_least(\"{name}\", {least})")),
        )
    });
    word(
        "tag_at_most(name, most)",
        "Those whose tag is a number of at most this; without the tag they fall.",
        "ctx.candidates.tag_at_most(\"tier\", 2)",
    )
    .register_into_engine(engine, |list: Selection, name: &str, most: Dynamic| {
        let most = number(&most, format_args!("the bound of tag `{name}`"))?;
        Reply::Ok(list.tagged(name, &TagTest::AtMost(most), || format!("tag_at_most(\"{name}\", {most})")))
    });
    word(
        "tag_is(name, value)",
        "Those whose tag equals this text, number or bool.",
        "ctx.candidates.tag_is(\"safety\", \"high\")",
    )
    .register_into_engine(engine, |list: Selection, name: &str, value: Dynamic| {
        let query = || format!("tag_is(\"{name}\", {value})");
        Reply::Ok(list.tagged(name, &TagTest::In(vec![as_tag(&value)?]), query))
    });
    word(
        "tag_in(name, values)",
        "Those whose tag equals one of these.",
        "ctx.candidates.tag_in(\"region\", [\"eu\", \"ch\"])",
    )
    .register_into_engine(engine, |list: Selection, name: &str, values: Array| {
        let allowed: Vec<Tag> = values.iter().map(as_tag).collect::<Reply<_>>()?;
        let query = || format!("tag_in(\"{name}\", {values:?})");
        Reply::Ok(list.tagged(name, &TagTest::In(allowed.clone()), query))
    });
    word(
        "supports(what)",
        "Those that state this capability: tools, parallel_tools, structured_output, reasoning, ...",
        "ctx.candidates.supports(\"reasoning\")",
    )
    .register_into_engine(engine, |list: Selection, what: &str| list.supporting(what));
    word("provider(name)", "Those that run at this provider.", "ctx.candidates.provider(\"openai\")")
        .register_into_engine(engine, |list: Selection, name: &str| list.of_provider(name));
    word("region(name)", "Those whose tag `region` is this.", "ctx.candidates.region(\"eu\")")
        .register_into_engine(engine, |list: Selection, name: &str| {
            let test = TagTest::In(vec![Tag::Text(name.to_owned())]);
            list.tagged("region", &test, || format!("region(\"{name}\")"))
        });
}

/// A figure of a model's health.
type Figure = fn(&Candidate) -> Option<f64>;

fn by_figure(engine: &mut Engine) {
    let bounds: [(&'static str, &str, &str, Figure); 5] = [
        ("p50_under", "Those whose median answer takes at most this many ms", "p50_under(900)", |c| {
            c.health.p50_ms
        }),
        (
            "p95_under",
            "Those whose 95th percentile of whole answers is at most this many ms",
            "p95_under(2000)",
            |c| c.health.p95_ms,
        ),
        (
            "first_token_under",
            "Those whose 95th percentile of the first token is at most this many ms",
            "first_token_under(400)",
            |c| c.health.first_token_p95_ms,
        ),
        (
            "error_rate_under",
            "Those of whose attempts at most this share failed, 0 to 1",
            "error_rate_under(0.05)",
            |c| Some(c.health.error_rate),
        ),
        ("in_flight_under", "Those with at most so many attempts under way", "in_flight_under(50)", |c| {
            Some(c.health.in_flight as f64)
        }),
    ];
    for (name, meaning, example, figure) in bounds {
        let meaning = format!("{meaning}; without traffic yet they pass.");
        word(&format!("{name}(most)"), &meaning, &format!("ctx.candidates.{example}")).register_into_engine(
            engine,
            move |list: Selection, most: Dynamic| -> Reply<Selection> {
                Ok(list.under(name, number(&most, name)?, figure))
            },
        );
    }
    by_state(engine);
}

fn by_state(engine: &mut Engine) {
    word("healthy()", "Those whose breaker lets requests through.", "ctx.candidates.healthy()")
        .register_into_engine(engine, |list: Selection| list.healthy());
    word(
        "headroom_over(least)",
        "Those with at least this share of their own limits free, 0 to 1.",
        "ctx.candidates.headroom_over(0.1)",
    )
    .register_into_engine(engine, |list: Selection, least: Dynamic| -> Reply<Selection> {
        Ok(list.headroom(number(&least, "headroom_over")?))
    });
    word("priced()", "Those that have a price.", "ctx.candidates.priced()")
        .register_into_engine(engine, |list: Selection| list.priced());
    word(
        "price_under(usd)",
        "Those whose output price is at most this many USD a million tokens; unpriced ones fall.",
        "ctx.candidates.price_under(5.0)",
    )
    .register_into_engine(engine, |list: Selection, usd: Dynamic| -> Reply<Selection> {
        Ok(list.price_under(Money::from_usd(number(&usd, "price_under")?)))
    });
    word(
        "without_price_spike(factor)",
        "Those whose price is at most so many times their usual price: the feeds' history, else the tag `usual_price` (USD a million tokens, input plus output). Without either they pass.",
        "ctx.candidates.without_price_spike(1.5)",
    )
    .register_into_engine(engine, |list: Selection, factor: Dynamic| -> Reply<Selection> {
        Ok(list.without_price_spike(number(&factor, "without_price_spike")?))
    });
}

fn ranks(engine: &mut Engine) {
    word(
        "fastest()",
        "Sorted by the 95th percentile of whole answers; without traffic yet first, so that they get measured.",
        "plan(ctx.candidates.fitting(req).fastest())",
    )
    .register_into_engine(engine, |list: Selection| list.fastest());
    word(
        "fastest_first_token()",
        "Sorted by the 95th percentile of the first token; without traffic yet first.",
        "ctx.candidates.fastest_first_token()",
    )
    .register_into_engine(engine, |list: Selection| list.fastest_first_token());
    word(
        "highest(tag)",
        "Sorted by a tag that is a number, highest first, without it last.",
        "ctx.candidates.highest(\"quality\").first()",
    )
    .register_into_engine(engine, |list: Selection, tag: &str| list.highest(tag));
    word(
        "largest_context()",
        "Sorted by context window, largest first, not known last.",
        "ctx.candidates.largest_context()",
    )
    .register_into_engine(engine, |list: Selection| {
        list.least_first(|candidate| candidate.model.context_window.map(|window| -(window as f64)))
    });
    word("top(most)", "The first so many.", "ctx.candidates.fastest().top(3)")
        .register_into_engine(engine, |list: Selection, most: i64| {
            list.top(usize::try_from(most).unwrap_or(0))
        });
    word("reversed()", "The same, the last one first.", "ctx.candidates.cheapest(req).reversed()")
        .register_into_engine(engine, |list: Selection| list.reversed());
}

fn sets(engine: &mut Engine) {
    word("exclude(name)", "All but the model of this name.", "ctx.candidates.exclude(\"gpt-5\")")
        .register_into_engine(engine, |list: Selection, name: &str| list.exclude(name));
    word("exclude(names)", "All but these.", "ctx.candidates.exclude([\"a\", \"b\"])").register_into_engine(
        engine,
        |list: Selection, names: Array| -> Reply<Selection> {
            names.iter().try_fold(list, |list, name| Ok(list.exclude(&super::model::name_of(name)?)))
        },
    );
    word(
        "only(names)",
        "The models of these names, in the order given.",
        "ctx.candidates.only([\"a\", \"b\"])",
    )
    .register_into_engine(engine, |list: Selection, names: Array| -> Reply<Selection> {
        let names: Vec<_> = names.iter().map(super::model::name_of).collect::<Reply<_>>()?;
        let place = |name: &std::sync::Arc<str>| list.iter().position(|one| one.model.name == *name);
        Ok(list.at(names.iter().filter_map(place)))
    });
    word("without(other)", "These without those of another list.", "ctx.candidates.without(slow)")
        .register_into_engine(engine, |list: Selection, other: Selection| list.without(&other));
    word("union(other)", "These, then those of another list that are not among them.", "cheap.union(strong)")
        .register_into_engine(engine, |list: Selection, other: Selection| list.union(&other));
}

fn closures(engine: &mut Engine) {
    word(
        "filter(test)",
        "Those at which a closure says true. Native queries are some 50 times faster.",
        "ctx.candidates.filter(|m| m.context_window > 100000)",
    )
    .register_into_engine(engine, |context: NativeCallContext<'_>, list: Selection, test: FnPtr| {
        let mut kept = Vec::with_capacity(list.len());
        for (place, candidate) in list.iter().enumerate() {
            if test.call_within_context::<bool>(&context, (candidate.clone(),))? {
                kept.push(place);
            }
        }
        Reply::Ok(list.keep_places(&kept, "filter(|m| ..)"))
    });
    word("map(make)", "What a closure makes of each, as an array.", "ctx.candidates.map(|m| m.name)")
        .register_into_engine(
            engine,
            |context: NativeCallContext<'_>, list: Selection, make: FnPtr| -> Reply<Array> {
                list.iter()
                    .map(|candidate| make.call_within_context(&context, (candidate.clone(),)))
                    .collect()
            },
        );
    word(
        "sort_by(key)",
        "Sorted by the number that a closure gives, least first.",
        "ctx.candidates.sort_by(|m| m.p50_ms ?? 0)",
    )
    .register_into_engine(engine, |context: NativeCallContext<'_>, list: Selection, key: FnPtr| {
        let mut keyed = Vec::with_capacity(list.len());
        for (place, candidate) in list.iter().enumerate() {
            let value: Dynamic = key.call_within_context(&context, (candidate.clone(),))?;
            keyed.push((number(&value, "the key of sort_by")?, place));
        }
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
        Reply::Ok(list.at(keyed.into_iter().map(|(_, place)| place)))
    });
    word("any(test)", "Whether a closure says true of one.", "ctx.candidates.any(|m| m.healthy)")
        .register_into_engine(
            engine,
            |context: NativeCallContext<'_>, list: Selection, test: FnPtr| -> Reply<bool> {
                for candidate in list.iter() {
                    if test.call_within_context::<bool>(&context, (candidate.clone(),))? {
                        return Ok(true);
                    }
                }
                Ok(false)
            },
        );
}
