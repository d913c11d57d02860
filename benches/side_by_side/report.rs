//! Tables in Markdown.

use super::questions::{FORMS, Question};

/// What one query in one form took.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// CPU time of the server, ms.
    pub cpu_ms: f64,
    /// Median time until the answer was there, ms.
    pub median_ms: f64,
    /// Length of the answer.
    pub bytes: usize,
}

impl std::fmt::Display for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CPU {:.2} ms, median {:.2} ms, {} bytes", self.cpu_ms, self.median_ms, self.bytes)
    }
}

/// What one server took.
pub struct Figures {
    pub name: &'static str,
    /// By form, then by query.
    pub measured: Vec<Vec<Measured>>,
    /// Peak of the memory, by form.
    pub peaks_mib: Vec<f64>,
}

/// `a | b | c` and how many times our figure the best peer's is.
fn row(figures: &[f64], digits: usize) -> String {
    let cells: Vec<String> = figures.iter().map(|figure| format!("{figure:.digits$}")).collect();
    let peers = figures.get(1..).unwrap_or_default();
    let best = peers.iter().copied().fold(f64::INFINITY, f64::min);
    let ratio = match figures.first() {
        Some(ours) if best.is_finite() => format!("{:.1}", best / ours.max(1e-9)),
        _ => String::new(),
    };
    format!("{} | {ratio}", cells.join(" | "))
}

/// Prints a table for each form, and the sums.
pub fn print(questions: &[Question], all: &[Figures]) {
    let names: Vec<&str> = all.iter().map(|figures| figures.name).collect();
    let heads = format!("{} | times", names.join(" | "));
    let rule = "---|".repeat(names.len() + 1);
    let mut sums = Vec::new();
    for (at, form) in FORMS.iter().enumerate() {
        println!("\n### {}\n", form.name());
        println!("| query | CPU ms: {heads} | median ms: {heads} | bytes |\n|---|{rule}{rule}---|");
        let of = |query: usize, figure: fn(&Measured) -> f64| -> Vec<f64> {
            all.iter().map(|figures| figure(&figures.measured[at][query])).collect()
        };
        let total = |figure: fn(&Measured) -> f64| -> Vec<f64> {
            all.iter().map(|figures| figures.measured[at].iter().map(figure).sum()).collect()
        };
        for (query, question) in questions.iter().enumerate() {
            let bytes = all.first().map_or(0, |figures| figures.measured[at][query].bytes);
            println!(
                "| {} | {} | {} | {bytes} |",
                question.name,
                row(&of(query, |m| m.cpu_ms), 2),
                row(&of(query, |m| m.median_ms), 2)
            );
        }
        let (cpu, median) = (total(|m| m.cpu_ms), total(|m| m.median_ms));
        println!("| **sum** | {} | {} | |", row(&cpu, 0), row(&median, 0));
        let peaks: Vec<f64> = all.iter().map(|figures| figures.peaks_mib[at]).collect();
        sums.push((form.name(), cpu, median, peaks));
    }
    println!("\n### Sums\n\n| | {heads} |\n|---|{rule}");
    for (form, cpu, median, peaks) in &sums {
        println!("| {form}: CPU ms | {} |", row(cpu, 0));
        println!("| {form}: median ms, summed | {} |", row(median, 0));
        println!("| {form}: peak memory, MiB | {} |", row(peaks, 0));
    }
}
