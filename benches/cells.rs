//! Nanoseconds for one cell, by method and length: `cargo bench --bench cells`.
#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use lakehand::encryption::{
    cell::{ColumnKeys, DataKey, Opener, Protector},
    policy::{Method, Output, Planned, Rule},
};

const CELLS: u32 = 100_000;
const ROUNDS: usize = 15;

fn main() {
    println!("{:<24}{:>8}{:>8}{:>8}{:>8}", "ns per cell, best round", 8, 25, 64, 512);
    for (name, method, output) in [
        ("randomized", Method::Randomized, Output::Binary),
        ("randomized base64", Method::Randomized, Output::Base64),
        ("deterministic", Method::Deterministic, Output::Binary),
        ("token", Method::Token, Output::Binary),
    ] {
        row(name, |length| protect(&method, output, length));
    }
    row("open", |length| open(Output::Binary, length));
    row("open base64", |length| open(Output::Base64, length));
}

fn row(name: &str, measure: impl Fn(usize) -> f64) {
    let [a, b, c, d] = [8, 25, 64, 512].map(measure);
    println!("{name:<24}{a:>8.1}{b:>8.1}{c:>8.1}{d:>8.1}");
}

fn protector(method: &Method, output: Output) -> Protector {
    let rule = Rule { name: "c".to_owned(), method: method.clone(), output, bind: false };
    let key = || Some(DataKey::new([7; 32]));
    Protector::new(&Planned { path: "c".to_owned(), rule }, &ColumnKeys::new(key(), key())).unwrap()
}

fn protect(method: &Method, output: Output, length: usize) -> f64 {
    let mut protector = protector(method, output);
    let (plain, mut cells) = (vec![b'x'; length], Vec::new());
    best(|| {
        cells.clear();
        for _ in 0..CELLS {
            protector.protect(black_box(&plain), &mut cells).unwrap();
        }
        black_box(&cells);
    })
}

fn open(output: Output, length: usize) -> f64 {
    let opener = Opener::with_key(&[7; 32], &[], output).unwrap();
    let (mut cell, mut plain) = (Vec::new(), Vec::new());
    protector(&Method::Randomized, output).protect(&vec![b'x'; length], &mut cell).unwrap();
    best(|| {
        plain.clear();
        for _ in 0..CELLS {
            opener.open(black_box(&cell), &mut plain).unwrap();
        }
        black_box(&plain);
    })
}

fn best(mut round: impl FnMut()) -> f64 {
    let times = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        round();
        start.elapsed()
    });
    times.min().unwrap_or(Duration::ZERO).as_secs_f64() * 1e9 / f64::from(CELLS)
}
