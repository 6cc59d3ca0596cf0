//! Protects five columns of a file of invented people, beside other tools that do the same job, and
//! writes what it finds to `docs/encryption-benchmark.md` and `docs/encryption-benchmark.svg`:
//! `cargo bench --bench encryption`.
#![expect(clippy::unwrap_used, reason = "a measurement fails by panicking")]

mod chart;
mod contenders;
#[path = "../machine.rs"]
mod machine;
#[path = "../python.rs"]
mod python;
mod report;
mod run;
#[path = "../table.rs"]
mod table;

use std::{fs, path::Path};

use contenders::{Contender, Lab};
use run::Run;

/// Rows of the file that all contenders get.
const ROWS: u32 = 1_000_000;

/// Rows of the file that shows whether memory stays what it was.
const MANY_ROWS: u32 = 10_000_000;

/// How often all contenders take turns.
const ROUNDS: usize = 3;

/// Where the results go.
const RESULTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return println!("nothing is measured: `cargo test` runs this too, `cargo bench` means it");
    }
    let head = machine::description();
    let lab = Lab::new();
    let contenders = lab.contenders();
    let people = lab.people(ROWS);
    let mut results: Vec<_> = contenders.iter().map(|_| Vec::new()).collect();
    for round in 0..ROUNDS {
        for (contender, runs) in contenders.iter().zip(&mut results) {
            runs.push(measure(&lab, contender, &people, round == 0));
        }
    }
    let results: Vec<_> = contenders.iter().map(|contender| contender.name).zip(results).collect();
    fs::remove_file(&people).unwrap();
    let people = lab.people(MANY_ROWS);
    let many = measure(&lab, &contenders[0], &people, false);
    let text = report::text(&head, &lab.versions(), &results, &many);
    println!("{text}");
    fs::write(Path::new(RESULTS).join("encryption-benchmark.md"), text).unwrap();
    fs::write(Path::new(RESULTS).join("encryption-benchmark.svg"), chart::svg(&results)).unwrap();
}

/// One run, beginning with a disk that has nothing left to do for the run before.
fn measure(lab: &Lab, contender: &Contender, people: &Path, is_checked: bool) -> Run {
    let output = lab.fresh_output();
    run::settle();
    let run = run::run(&mut contender.command(people, &output), &output);
    println!("{:<28}{run:?}", contender.name);
    if is_checked {
        lab.check(contender, people, &output);
    }
    run
}
