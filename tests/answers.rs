//! What analysts get: the worked questions, expected orders against the literature, and the shell in a terminal.

mod common;

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use common::{Ran, command, repository};

/// The sample's warehouse, made once.
fn warehouse() -> &'static Path {
    static WAREHOUSE: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = WAREHOUSE.get_or_init(|| {
        let folder = common::folder();
        let output = command(repository()).args(["run", "--quiet", "--warehouse"]).arg(folder.path()).output();
        Ran::of(output.expect("the binary starts")).expect(0);
        folder
    });
    folder.path()
}

fn python(script: &str, args: &[&Path]) -> Ran {
    let mut command = Command::new(repository().join("scripts/python"));
    command.arg(repository().join("scripts").join(script)).args(args);
    Ran::of(command.output().expect("scripts/python starts"))
}

/// A script that asks the program about the sample's warehouse.
fn of_the_sample(script: &str) -> Ran {
    let binary = Path::new(env!("CARGO_BIN_EXE_uramaki"));
    let [project, at, by] = ["--project", "--warehouse", "--binary"].map(Path::new);
    python(script, &[project, repository(), at, warehouse(), by, binary])
}

/// `docs/questions/*.sql`: Uramaki, DuckDB and the page say the same.
#[test]
fn the_worked_questions_are_answered_as_written() {
    let ran = of_the_sample("questions.py");
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.ends_with("10 questions asked twice, 0 differ\n"), "{}", ran.stdout);
}

/// The SQL of expected orders on CDNOW, beside BG/NBD and what came.
#[test]
fn expected_orders_keep_up_with_bg_nbd_on_cdnow() {
    let ran = python("cdnow.py", &[]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("all orders: 1882 came, "), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("6 comparisons, 0 behind\n"), "{}", ran.stdout);
    // The figures that the decisions state are those of today.
    let decisions = std::fs::read_to_string(repository().join("DECISIONS.md")).expect("the decisions");
    for line in ran.stdout.lines().filter(|l| l.contains(" ours, ")) {
        let (_, told) = line.split_once(": ").expect("figures");
        for figure in told.split(", ").filter_map(|part| part.split(' ').next()) {
            let figure =
                if figure.len() == 4 { format!("{},{}", &figure[..1], &figure[1..]) } else { figure.to_string() };
            assert!(decisions.contains(&figure), "{figure} does not stand in DECISIONS.md: {line}");
        }
    }
}

/// The shell, typed at through a real pseudo-terminal.
#[test]
fn the_shell_answers_in_a_terminal() {
    let ran = of_the_sample("shell_terminal.py");
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.ends_with(" 0 differ\n"), "{}", ran.stdout);
}
