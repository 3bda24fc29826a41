//! Consensus among answers: `agree`, the best of several, judging.

use std::sync::Arc;

use rhai::{Array, Dynamic, Engine, FnPtr, ImmutableString, Map, NativeCallContext};

use super::word::{getter, kind_of, number, to_json, word};
use crate::ir::Response;
use crate::policy::Answer;
use crate::policy::consensus::{By, Errors, Vote, cluster, keys, vote};
use crate::policy::script::effects::Answers;
use crate::policy::script::turn::{Reply, Req, absent, raise};

/// What `agree` gives: the groups, and the answers behind them.
#[derive(Debug, Clone)]
pub(super) struct Ballot {
    vote: Arc<Vote>,
    answers: Arc<[Dynamic]>,
}

/// Registers the words of consensus.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Ballot>("Vote");
    agreeing(engine);
    outcome(engine);
    best(engine);
    judging(engine);
}

fn agreeing(engine: &mut Engine) {
    word(
        "agree(answers)",
        "Groups answers that say the same: text, number, letter, JSON or tool calls, as they turn out. What was cut off, filtered or refused does not vote.",
        "agree(ask_all(list, req)).share > 0.5",
    )
    .register_into_engine(engine, |answers: Dynamic| agree(&answers, &Map::new()));
    word(
        "agree(answers, options)",
        "The same with options: by (auto; text, number, choice, json, tools), fields (names in JSON that count; all), accuracy (how often each model is right, by name; none), spread (5: how many wrong answers are about as likely), shared (0.15: the share of questions at which all fall for the same mistake), vectors (of prose, one an answer) and similarity (0.9: from which cosine they count as the same). An unknown option is an error.",
        "agree(answers, #{ by: \"number\", accuracy: #{ \"gpt-5-mini\": 0.8 } })",
    )
    .register_into_engine(engine, |answers: Dynamic, options: Map| agree(&answers, &options));
}

/// Answers as they were given, their models where known, and what they say.
type Unpacked = (Vec<Dynamic>, Vec<Option<Arc<str>>>, Vec<Response>);

/// What answers were given as, and what is behind them.
fn unpack(given: &Dynamic) -> Reply<Unpacked> {
    let list: Vec<Dynamic> = match given.read_lock::<Answers>() {
        Some(answers) => answers.0.iter().cloned().map(Dynamic::from).collect(),
        None => given.clone().into_array().map_err(|_| {
            raise(format!("answers are wanted, or an array of answers or texts, not {}", kind_of(given)))
        })?,
    };
    let (mut shown, mut models, mut said) = (Vec::new(), Vec::new(), Vec::new());
    for one in list {
        let (model, response) = if let Some(answer) = one.read_lock::<Answer>() {
            let Ok(response) = &answer.outcome else { continue };
            (Some(Arc::clone(&answer.model)), Response::clone(response))
        } else {
            (None, super::verdict::answer(&one.to_string()))
        };
        shown.push(one.clone());
        models.push(model);
        said.push(response);
    }
    Ok((shown, models, said))
}

fn agree(given: &Dynamic, options: &Map) -> Reply<Ballot> {
    const KNOWN: [&str; 7] = ["by", "fields", "accuracy", "spread", "shared", "vectors", "similarity"];
    if let Some(unknown) = options.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        return Err(raise(format!("agree has no option `{unknown}`: use {}", KNOWN.join(", "))));
    }
    let (answers, models, said) = unpack(given)?;
    let keys = match options.get("vectors") {
        Some(vectors) => {
            let similarity =
                options.get("similarity").map_or(Ok(0.9), |value| number(value, "similarity"))?;
            let vectors = serde_json::from_value::<Vec<Vec<f64>>>(to_json(vectors)?);
            cluster(
                &vectors.map_err(|_| raise("`vectors` must be an array of arrays of numbers"))?,
                similarity,
            )
        }
        None => keys(&by(options)?, &said.iter().collect::<Vec<_>>()),
    };
    let usual = Errors::default();
    let option = |name: &str, usual: f64| options.get(name).map_or(Ok(usual), |value| number(value, name));
    let errors = Errors { spread: option("spread", usual.spread)?, shared: option("shared", usual.shared)? };
    let accuracy = accuracy(options, &models)?;
    Ok(Ballot { vote: Arc::new(vote(&keys, &accuracy, errors)), answers: answers.into() })
}

fn by(options: &Map) -> Reply<By> {
    if let Some(fields) = options.get("fields") {
        let fields = fields.clone().into_array().map_err(|_| raise("`fields` must be an array of names"))?;
        return Ok(By::Json(fields.iter().map(ToString::to_string).collect()));
    }
    let Some(name) = options.get("by") else { return Ok(By::Auto) };
    let name = name.to_string();
    By::named(&name).ok_or_else(|| {
        raise(format!(
            "answers cannot be compared by `{name}`: use auto, text, number, choice, json or tools"
        ))
    })
}

fn accuracy(options: &Map, models: &[Option<Arc<str>>]) -> Reply<Vec<Option<f64>>> {
    let Some(given) = options.get("accuracy") else { return Ok(vec![None; models.len()]) };
    let given =
        given.read_lock::<Map>().ok_or_else(|| raise("`accuracy` must be a map of models and shares"))?;
    let of = |model: &Option<Arc<str>>| {
        let share = model.as_deref().and_then(|name| given.get(name));
        share.map(|share| number(share, "an accuracy")).transpose()
    };
    models.iter().map(of).collect()
}

fn outcome(engine: &mut Engine) {
    getter(
        "answer",
        "An answer of the most trusted group as it was given, or `()` when nobody said anything.",
        "respond(vote.answer)",
    )
    .register_into_engine(engine, |ballot: &mut Ballot| {
        let first = ballot.vote.groups.first().and_then(|group| group.members.first());
        first.and_then(|at| ballot.answers.get(*at)).cloned().unwrap_or_else(|| absent("vote.answer"))
    });
    getter("share", "That group's part of the answers, 0 to 1.", "vote.share > 0.5")
        .register_into_engine(engine, |ballot: &mut Ballot| {
            ballot.vote.groups.first().map_or(0.0, |group| group.share)
        });
    getter(
        "trust",
        "The probability that it is right, from agreement and the voters' accuracy, 0 to 1.",
        "vote.trust > 0.7",
    )
    .register_into_engine(engine, |ballot: &mut Ballot| {
        ballot.vote.groups.first().map_or(0.0, |group| group.trust)
    });
    getter("count", "How many say so.", "vote.count >= 2")
        .register_into_engine(engine, |ballot: &mut Ballot| {
            ballot.vote.groups.first().map_or(0, |group| group.members.len() as i64)
        });
    getter("voters", "How many said something that can be compared.", "vote.voters")
        .register_into_engine(engine, |ballot: &mut Ballot| {
            ballot.vote.groups.iter().map(|group| group.members.len() as i64).sum::<i64>()
        });
    getter(
        "groups",
        "All groups, the most trusted first, as maps of key, share, trust, count.",
        "vote.groups[0].key",
    )
    .register_into_engine(engine, |ballot: &mut Ballot| -> Array {
        ballot
            .vote
            .groups
            .iter()
            .map(|group| {
                let pairs: [(&str, Dynamic); 4] = [
                    ("key", group.key.as_str().into()),
                    ("share", group.share.into()),
                    ("trust", group.trust.into()),
                    ("count", (group.members.len() as i64).into()),
                ];
                pairs.into_iter().map(|(name, value)| (name.into(), value)).collect::<Map>().into()
            })
            .collect()
    });
}

fn best(engine: &mut Engine) {
    word(
        "best_of(answers, score)",
        "The answer to which a closure gives the highest number, or `()`; failed answers are left out.",
        "best_of(answers, |a| if a.follows_schema() { 1 } else { 0 })",
    )
    .register_into_engine(
        engine,
        |context: NativeCallContext<'_>, answers: Dynamic, score: FnPtr| -> Reply<Dynamic> {
            let (answers, _, _) = unpack(&answers)?;
            let mut best: Option<(f64, Dynamic)> = None;
            for answer in answers {
                let value: Dynamic = score.call_within_context(&context, (answer.clone(),))?;
                let value = number(&value, "the score of best_of")?;
                if best.as_ref().is_none_or(|(most, _)| value > *most) {
                    best = Some((value, answer));
                }
            }
            Ok(best.map_or_else(|| absent("best_of(..)"), |(_, answer)| answer))
        },
    );
    word("follows_schema()", "Whether the answer is JSON that follows the schema that the request asks for; without a schema any answer does.", "answers.filter(|a| a.follows_schema())")
        .register_into_engine(engine, |answer: &mut Answer| -> Reply<bool> {
            let schema = super::request::schema()?;
            Ok(schema.is_none_or(|schema| follows(answer, &schema)))
        });
    word(
        "follows_schema(schema)",
        "Whether the answer is JSON that follows this schema.",
        "a.follows_schema(#{ type: \"object\", required: [\"label\"] })",
    )
    .register_into_engine(engine, |answer: &mut Answer, schema: Map| -> Reply<bool> {
        Ok(follows(answer, &to_json(&schema.into())?))
    });
}

fn follows(answer: &Answer, schema: &serde_json::Value) -> bool {
    let Ok(response) = &answer.outcome else { return false };
    let text = response.text();
    let inner = text.trim();
    let inner = inner.strip_prefix("```json").or_else(|| inner.strip_prefix("```")).unwrap_or(inner);
    let value = serde_json::from_str(inner.strip_suffix("```").unwrap_or(inner).trim());
    value.is_ok_and(|value| jsonschema::is_valid(schema, &value))
}

fn judging(engine: &mut Engine) {
    word("compare(req, answers)", "A prompt that shows a judge the question and the answers, numbered, and asks for the number of the best.", "ask(ctx.with.judge, compare(req, answers))")
        .register_into_engine(engine, |_: Req, answers: Dynamic| -> Reply<String> {
            let (_, _, said) = unpack(&answers)?;
            let question = super::request::decoded(super::request::last_user)?;
            let mut prompt = format!("Which answer to the question is the best: correct, complete, to the point? Do not prefer longer ones. Reply with its number alone.\n\n<question>\n{question}\n</question>\n");
            for (at, response) in said.iter().enumerate() {
                prompt.push_str(&format!("\n<answer number=\"{}\">\n{}\n</answer>\n", at + 1, response.text()));
            }
            Ok(prompt)
        });
    word(
        "chosen(answers, verdict)",
        "The answer whose number a judge named, or `()`.",
        "chosen(answers, verdict.text)",
    )
    .register_into_engine(engine, |answers: Dynamic, verdict: ImmutableString| -> Reply<Dynamic> {
        let (answers, _, _) = unpack(&answers)?;
        let digits: String =
            verdict.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
        let place = digits.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        Ok(place.and_then(|place| answers.get(place).cloned()).unwrap_or_else(|| absent("chosen(..)")))
    });
}
