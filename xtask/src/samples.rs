//! Samples of durations: order statistics and their words.

/// Durations in nanoseconds, in order.
pub(crate) struct Samples(Vec<u64>);

impl Samples {
    /// Reads one number a line; other lines are nothing.
    pub(crate) fn parse(text: &str) -> Vec<u64> {
        text.lines().filter_map(|line| line.trim().parse().ok()).collect()
    }

    /// Puts them in order.
    pub(crate) fn new(mut nanoseconds: Vec<u64>) -> Samples {
        nanoseconds.sort_unstable();
        Samples(nanoseconds)
    }

    /// The duration that `percent` of the samples do not exceed (nearest rank), 0 without samples.
    pub(crate) fn percentile(&self, percent: usize) -> u64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or(0)
    }

    /// Median, 99th percentile and maximum.
    pub(crate) fn words(&self) -> String {
        let [p50, p99, max] = [50, 99, 100].map(|percent| microseconds(self.percentile(percent)));
        format!("{p50:>9} {p99:>9} {max:>9}")
    }
}

/// The heads of the columns that [`side_by_side`] prints.
pub(crate) fn heads() {
    println!("{:<34}{:>9} {:>9} {:>9}", "", "median", "p99", "max");
}

/// Prints what is measured and both sides, each with its name; how many times the first one's median the second's is.
pub(crate) fn side_by_side(measures: &str, sides: [(&str, &Samples); 2]) -> f64 {
    println!("{measures}");
    for (name, samples) in sides {
        println!("  {name:<32}{}", samples.words());
    }
    let [first, second] = sides.map(|(_, samples)| samples.percentile(50));
    second as f64 / first.max(1) as f64
}

fn microseconds(nanoseconds: u64) -> String {
    format!("{:.1} us", nanoseconds as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_rank() {
        let samples = Samples::new((1..=200).rev().collect());
        assert_eq!([50, 99, 100].map(|percent| samples.percentile(percent)), [100, 198, 200]);
        assert_eq!(Samples::new(vec![7]).percentile(50), 7);
        assert_eq!(Samples::new(Vec::new()).percentile(99), 0);
        assert_eq!(Samples::parse("1\nx\n 22 \n"), [1, 22]);
    }
}
