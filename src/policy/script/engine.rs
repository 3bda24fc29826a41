//! The engine: which packages it has, its limits, and what is taken out.
//! Built once for each set of policies; knows no scene and no policy.

use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicFnPackage, BasicIteratorPackage, BasicMapPackage,
    BasicMathPackage, BasicStringPackage, LanguageCorePackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{Engine, Token};

use super::compile::Make;
use super::{ambient, bounded, comparisons, effects, meter, sorting, vocabulary, watch};
use crate::policy::Limits;

/// An engine with every word registered.
pub(super) fn build(make: &Make) -> Engine {
    let mut engine = Engine::new_raw();
    packages(&mut engine);
    limits(&mut engine, &make.limits);
    free_with(&mut engine);
    bounded::register(&mut engine);
    sorting::register(&mut engine);
    comparisons::register(&mut engine);
    ambient::register(&mut engine);
    vocabulary::register(&mut engine);
    effects::register(&mut engine);
    if make.watched {
        watch::register(&mut engine);
    }
    engine
}

fn packages(engine: &mut Engine) {
    LanguageCorePackage::new().register_into_engine(engine);
    ArithmeticPackage::new().register_into_engine(engine);
    BasicStringPackage::new().register_into_engine(engine);
    BasicIteratorPackage::new().register_into_engine(engine);
    BasicFnPackage::new().register_into_engine(engine);
    LogicPackage::new().register_into_engine(engine);
    BasicMathPackage::new().register_into_engine(engine);
    BasicArrayPackage::new().register_into_engine(engine);
    BasicMapPackage::new().register_into_engine(engine);
    MoreStringPackage::new().register_into_engine(engine);
}

/// Rhai keeps the word `with` for later; ours is `ctx.with`.
fn free_with(engine: &mut Engine) {
    #[expect(deprecated, reason = "not deprecated, marked as volatile; the version of rhai is pinned")]
    engine.on_parse_token(|token, _, _| match token {
        Token::Reserved(word) if *word == "with" => Token::Identifier(word),
        other => other,
    });
}

fn limits(engine: &mut Engine, bounds: &Limits) {
    engine.set_max_call_levels(32);
    engine.set_max_expr_depths(64, 24);
    // The meter's count holds; this one only backs it up.
    engine.set_max_operations(bounds.inline.operations.max(bounds.effects.operations).saturating_mul(2));
    engine.set_max_string_size(4 << 20);
    engine.set_max_array_size(2000);
    engine.set_max_map_size(2000);
    engine.set_max_variables(64);
    engine.set_max_functions(200);
    engine.set_max_modules(32);
    engine.set_strict_variables(true);
    engine.set_fail_on_invalid_map_property(true);
    // Operators go by what is registered, so that comparisons with `()` can fail.
    engine.set_fast_operators(false);
    for symbol in ["eval", "curry", "Fn"] {
        engine.disable_symbol(symbol);
    }
    engine.on_progress(|_| meter::guard());
    #[expect(deprecated, reason = "not deprecated, marked as volatile; the version of rhai is pinned")]
    engine.on_def_var(|running, _, context| {
        if running {
            meter::hold(&context)?;
        }
        Ok(true)
    });
}
