//! Sorting by a closure. The interpreter's own swallows errors of the closure
//! and may panic on an order that is none; this one ends at the first error
//! and sorts by any answer.

use std::cmp::Ordering;
use std::collections::VecDeque;

use rhai::{Array, Dynamic, Engine, FnPtr, NativeCallContext};

use super::turn::{Reply, raise};

/// Replaces `sort`, `sort_by`, `order` and `order_by` with a closure.
pub(super) fn register(engine: &mut Engine) {
    for name in ["sort", "sort_by"] {
        engine.register_fn(
            name,
            |context: NativeCallContext<'_>, array: &mut Array, by: FnPtr| -> Reply<()> {
                *array = sorted(&context, std::mem::take(array), &by)?;
                Ok(())
            },
        );
    }
    for name in ["order", "order_by"] {
        engine.register_fn(
            name,
            |context: NativeCallContext<'_>, array: &mut Array, by: FnPtr| -> Reply<Array> {
                sorted(&context, array.clone(), &by)
            },
        );
    }
}

/// Merges runs until one is left: stable, and content with any answer.
fn sorted(context: &NativeCallContext<'_>, array: Array, by: &FnPtr) -> Reply<Array> {
    let mut runs: VecDeque<VecDeque<Dynamic>> =
        array.into_iter().map(|value| VecDeque::from([value])).collect();
    let mut width = runs.len();
    while width > 1 {
        // One round merges neighbours, so that equal values keep their order.
        for _ in 0..width / 2 {
            let (Some(left), Some(right)) = (runs.pop_front(), runs.pop_front()) else { break };
            runs.push_back(merged(context, left, right, by)?);
        }
        if width % 2 == 1 {
            runs.rotate_left(1);
        }
        width = width.div_ceil(2);
    }
    Ok(runs.pop_front().unwrap_or_default().into())
}

fn merged(
    context: &NativeCallContext<'_>,
    mut left: VecDeque<Dynamic>,
    mut right: VecDeque<Dynamic>,
    by: &FnPtr,
) -> Reply<VecDeque<Dynamic>> {
    let mut out = VecDeque::with_capacity(left.len() + right.len());
    while let (Some(a), Some(b)) = (left.front(), right.front()) {
        let next = if compare(context, a, b, by)? == Ordering::Greater {
            right.pop_front()
        } else {
            left.pop_front()
        };
        out.extend(next);
    }
    out.append(&mut left);
    out.append(&mut right);
    Ok(out)
}

/// The closure says a number below, at or above 0, or whether the first comes first.
fn compare(context: &NativeCallContext<'_>, a: &Dynamic, b: &Dynamic, by: &FnPtr) -> Reply<Ordering> {
    let said: Dynamic = by.call_within_context(context, (a.clone(), b.clone()))?;
    let number = said.as_int().map(|said| said.cmp(&0)).ok();
    let float = || said.as_float().ok().and_then(|said| said.partial_cmp(&0.0));
    let flag = || said.as_bool().ok().map(|first| if first { Ordering::Less } else { Ordering::Greater });
    number.or_else(float).or_else(flag).ok_or_else(|| {
        raise("the closure of a sort must give a number (below 0: the first comes first) or true (the first comes first)")
    })
}
