//! What `case` promises, as tests.

use std::path::Path;

use super::*;

#[test]
fn every_shipped_policy_holds_its_cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let files = crate::policy::Folder::read(&folder).unwrap();
    let (report, coverage) = cover(&files.policies, &files.cases);
    let lines: Vec<String> = report
        .problems
        .iter()
        .map(|one| {
            let (line, column) = one.at.map_or((0, 0), |at| (at.line, at.column));
            format!(
                "{}:{line}:{column}: {} {}",
                one.file.display(),
                one.message,
                one.help.as_deref().unwrap_or("")
            )
        })
        .collect();
    println!("{} passed, {} failed", report.passed, report.failed);
    assert!(report.is_good(), "\n{}", lines.join("\n"));
    assert!(report.passed > 40);
    let bare: Vec<_> = coverage.iter().filter(|one| !one.missed.is_empty()).collect();
    assert!(bare.is_empty(), "lines that no case reaches: {bare:#?}");
}
