//! The results as a picture that can be read on light and on dark paper.

use std::fmt::Write;

use crate::report::{Results, cpu, wall};

/// Pixels.
const WIDTH: f64 = 760.0;
const NAMES: f64 = 190.0;
/// What the number after a bar takes.
const NUMBERS: f64 = 70.0;
const BAR: f64 = 13.0;
const ROW: f64 = 42.0;
const TOP: f64 = 44.0;

const STYLE: &str = "\
text { font: 13px system-ui, sans-serif; fill: #1f2328 } .own { font-weight: 600 } \
.wall { fill: #0969da } .cpu { fill: #b6a3e8 } \
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .wall { fill: #4493f8 } \
.cpu { fill: #6e5bb0 } }";

/// Two bars for each contender, as long as what it took.
pub(crate) fn svg(results: &Results) -> String {
    let values = results.iter().flat_map(|(_, runs)| [wall(runs), cpu(runs)]);
    let scale = (WIDTH - NAMES - NUMBERS) / values.fold(f64::MIN_POSITIVE, f64::max);
    let height = TOP + ROW * results.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>Seconds of each tool for the same job; shorter is better</title>\n\
         <style>{STYLE}</style>\n"
    );
    legend(&mut svg);
    for (number, (name, runs)) in results.iter().enumerate() {
        let (top, class) = (TOP + ROW * number as f64, if number == 0 { "own" } else { "peer" });
        let (end, middle) = (NAMES - 12.0, top + BAR + 5.0);
        writeln!(
            svg,
            "<text class=\"{class}\" x=\"{end}\" y=\"{middle}\" text-anchor=\"end\">{name}</text>"
        )
        .unwrap();
        bar(&mut svg, "wall", top, wall(runs), scale);
        bar(&mut svg, "cpu", top + BAR + 1.0, cpu(runs), scale);
    }
    svg + "</svg>\n"
}

fn legend(svg: &mut String) {
    for (at, class, words) in [(NAMES, "wall", "seconds"), (NAMES + 110.0, "cpu", "CPU seconds")] {
        let text = at + BAR + 7.0;
        writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{at}\" y=\"12\" width=\"{BAR}\" height=\"{BAR}\" rx=\"2\"/>\
             <text x=\"{text}\" y=\"23\">{words}</text>"
        )
        .unwrap();
    }
}

fn bar(svg: &mut String, class: &str, top: f64, value: f64, scale: f64) {
    let width = value * scale;
    let (number, base) = (NAMES + width + 6.0, top + BAR - 2.0);
    writeln!(
        svg,
        "<rect class=\"{class}\" x=\"{NAMES}\" y=\"{top}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\"/>\
         <text x=\"{number:.1}\" y=\"{base}\">{value:.2}</text>"
    )
    .unwrap();
}
