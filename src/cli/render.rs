//! Problems for people, with the source line.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;

use ariadne::{CharSet, Color, Config, IndexType, Label, Report, ReportKind, Source};

use crate::problem::{Place, Problem, Severity};

/// Every problem as a paragraph with its source line. Sources are read from the
/// files again; where that fails the place alone is told.
#[must_use]
pub fn render_problems(problems: &[Problem], colour: bool) -> String {
    let mut sources: HashMap<PathBuf, Option<String>> = HashMap::new();
    let mut text = String::new();
    for problem in problems {
        let source = sources
            .entry(problem.file.clone())
            .or_insert_with(|| std::fs::read_to_string(&problem.file).ok())
            .as_deref();
        text.push_str(&paragraph(problem, source, colour));
        text.push('\n');
    }
    text
}

fn paragraph(problem: &Problem, source: Option<&str>, colour: bool) -> String {
    let placed =
        problem.at.zip(source).and_then(|(at, source)| range(source, at).map(|range| (source, range)));
    let Some((source, range)) = placed else { return plain(problem) };
    let (kind, paint) = match problem.severity {
        Severity::Error => (ReportKind::Error, Color::Red),
        Severity::Warning => (ReportKind::Warning, Color::Yellow),
    };
    let file = problem.file.display().to_string();
    // A label without words would leave the place unmarked.
    let label = Label::new((file.as_str(), range.clone()))
        .with_color(paint)
        .with_message(problem.help.as_deref().unwrap_or("here"));
    let config =
        Config::default().with_color(colour).with_index_type(IndexType::Char).with_char_set(CharSet::Unicode);
    let report = Report::build(kind, (file.as_str(), range))
        .with_config(config.with_compact(false))
        .with_code(problem.rule)
        .with_message(&problem.message)
        .with_label(label)
        .finish();
    let mut bytes = Vec::new();
    match report.write((file.as_str(), Source::from(source)), &mut bytes) {
        Ok(()) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => plain(problem),
    }
}

/// `file:line:column: error [rule]: message`, as compilers write it.
fn plain(problem: &Problem) -> String {
    let at = problem.at.map(|at| format!(":{}:{}", at.line, at.column)).unwrap_or_default();
    let help = problem.help.as_deref().map(|help| format!("\n  help: {help}")).unwrap_or_default();
    let severity = problem.severity.name();
    format!("{}{at}: {severity} [{}]: {}{help}\n", problem.file.display(), problem.rule, problem.message)
}

/// The characters that are at fault.
fn range(source: &str, at: Place) -> Option<Range<usize>> {
    let mut start = 0;
    for (number, line) in source.split_inclusive('\n').enumerate() {
        let length = line.chars().count();
        if number + 1 == at.line {
            let from = start + (at.column.max(1) - 1).min(length);
            let to = from + at.length.max(1);
            return Some(from..to.min(start + length).max(from));
        }
        start += length;
    }
    // A place behind the last line: what is missing there was expected at the end.
    (at.line > 0 && start > 0).then(|| start - 1..start)
}
