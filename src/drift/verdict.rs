//! From figures to a verdict: size decides, chance only excuses.
//!
//! A column drifted when one of its figures reaches its limit *and* is larger than chance alone
//! would make it with so many rows. A p value never makes drift by itself: with a million rows
//! every difference is significant, and with a hundred rows a side and eleven bins the
//! expected PSI of two samples of the same distribution is already 0.2.
//!
//! What chance reaches: for two samples of one distribution over k bins, n = n1 n2 / (n1 + n2),
//! PSI times n follows chi-square with k - 1 degrees of freedom (B. Yurdakul, "Statistical
//! properties of population stability index", 2018), and so do 8 n times the Jensen-Shannon
//! divergence in nats (to the first order they are one figure; I. Grosse et al., Physical Review
//! E 65, 041905, 2002) and the squared z of two shares. The value exceeded with probability
//! `q_value` is the smallest effect that so many rows could have shown.

use crate::config::DriftConfig;
use crate::events::DriftVerdict;

use super::contingency;

/// A figure that can decide.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// What it is, for people.
    pub name: &'static str,
    /// Its size.
    pub value: f64,
    /// From which size it counts.
    pub limit: f64,
    /// The size chance reaches.
    pub chance: f64,
    /// Whether both sides have enough rows for it.
    pub enough_rows: bool,
}

impl Candidate {
    fn reaches(&self) -> bool {
        self.value >= self.limit
    }
    fn decides(&self) -> bool {
        self.reaches() && self.enough_rows && self.value > self.chance
    }
    /// Size in units of the limit. A limit of zero is reached by anything.
    fn ratio(&self) -> f64 {
        if self.limit > 0.0 {
            self.value / self.limit
        } else {
            f64::MAX
        }
    }
}

/// A verdict and what led to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: DriftVerdict,
    /// The figure it rests on: the one that decided, else the one nearest to its limit.
    pub decided_by: Option<Candidate>,
    /// A sentence.
    pub reason: String,
}

/// The size that chance reaches over `bins` non-empty bins: the PSI, and the Jensen-Shannon
/// distance.
pub fn chance_over_bins(bins: &[(u64, u64)], config: &DriftConfig) -> (f64, f64) {
    let n1: u64 = bins.iter().map(|b| b.0).sum();
    let n2: u64 = bins.iter().map(|b| b.1).sum();
    let used = bins.iter().filter(|b| b.0 + b.1 > 0).count();
    let dof = used.saturating_sub(1).max(1) as u64;
    let x = contingency::critical(rate(config), dof) / joint_rows(n1, n2);
    (x, (x / 8.0).sqrt())
}

/// The difference of two shares that chance reaches, for `a` of `n1` and `b` of `n2` rows.
pub fn chance_of_shares(a: u64, n1: u64, b: u64, n2: u64, config: &DriftConfig) -> f64 {
    let pooled = (a + b) as f64 / ((n1 + n2) as f64).max(1.0);
    (contingency::critical(rate(config), 1) * pooled * (1.0 - pooled) / joint_rows(n1, n2)).sqrt()
}

fn joint_rows(n1: u64, n2: u64) -> f64 {
    let (n1, n2) = (n1.max(1) as f64, n2.max(1) as f64);
    n1 * n2 / (n1 + n2)
}

fn rate(config: &DriftConfig) -> f64 {
    config.q_value.clamp(1e-12, 0.5)
}

/// The verdict on a column. `rows` are the values used on each side.
pub fn judge(candidates: &[Candidate], rows: [u64; 2], config: &DriftConfig) -> Judgement {
    let largest = |pick: &dyn Fn(&&Candidate) -> bool| {
        candidates
            .iter()
            .filter(pick)
            .max_by(|a, b| a.ratio().total_cmp(&b.ratio()))
            .cloned()
    };
    if let Some(by) = largest(&|c| c.decides()) {
        let reason = format!(
            "{} {} reaches the limit {} (chance alone: {})",
            by.name,
            short(by.value),
            short(by.limit),
            short(by.chance)
        );
        return Judgement {
            verdict: DriftVerdict::Drift,
            decided_by: Some(by),
            reason,
        };
    }
    let few = rows[0].min(rows[1]);
    if few < config.min_rows {
        return Judgement {
            verdict: DriftVerdict::CannotTell,
            decided_by: largest(&|_| true),
            reason: format!(
                "{} and {} values; a verdict needs {} on both sides",
                rows[0], rows[1], config.min_rows
            ),
        };
    }
    if let Some(by) = largest(&|c| c.reaches()) {
        let reason = format!(
            "{} {} reaches the limit {}, but so does chance with so few rows ({})",
            by.name,
            short(by.value),
            short(by.limit),
            short(by.chance)
        );
        return Judgement {
            verdict: DriftVerdict::CannotTell,
            decided_by: Some(by),
            reason,
        };
    }
    match largest(&|_| true) {
        Some(by) => Judgement {
            verdict: DriftVerdict::Stable,
            reason: format!(
                "no figure reaches its limit; nearest: {} {} of {}",
                by.name,
                short(by.value),
                short(by.limit)
            ),
            decided_by: Some(by),
        },
        None => Judgement {
            verdict: DriftVerdict::CannotTell,
            decided_by: None,
            reason: "no figure could be computed".to_owned(),
        },
    }
}

fn short(value: f64) -> String {
    let text = format!("{value:.4}");
    if text == "0.0000" && value != 0.0 {
        format!("{value:.1e}")
    } else {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// The verdict on the table: drift when the share of drifted columns among those with a verdict
/// reaches `dataset_share`.
pub fn judge_table(verdicts: &[DriftVerdict], config: &DriftConfig) -> (DriftVerdict, String) {
    let count = |wanted| verdicts.iter().filter(|v| **v == wanted).count();
    let drifted = count(DriftVerdict::Drift);
    let judged = drifted + count(DriftVerdict::Stable);
    if judged == 0 {
        return (
            DriftVerdict::CannotTell,
            "no column has a verdict".to_owned(),
        );
    }
    let share = drifted as f64 / judged as f64;
    let verdict = if drifted > 0 && share >= config.dataset_share {
        DriftVerdict::Drift
    } else {
        DriftVerdict::Stable
    };
    let reason = format!(
        "{drifted} of {judged} columns with a verdict drifted; the limit is {} %",
        short(config.dataset_share * 100.0)
    );
    (verdict, reason)
}

/// Adjusted p values of several tests by the false discovery rate (Y. Benjamini and Y. Hochberg,
/// JRSS B 57, 1995).
pub fn benjamini_hochberg(p_values: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(usize, f64)> = p_values
        .iter()
        .enumerate()
        .filter_map(|(at, p)| p.map(|p| (at, p)))
        .collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let tests = order.len() as f64;
    let mut adjusted = vec![None; p_values.len()];
    let mut smallest = 1.0_f64;
    for (rank, (at, p)) in order.into_iter().enumerate().rev() {
        smallest = smallest.min(p * tests / (rank + 1) as f64);
        adjusted[at] = Some(smallest);
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(value: f64, limit: f64, chance: f64) -> Candidate {
        Candidate {
            name: "PSI",
            value,
            limit,
            chance,
            enough_rows: true,
        }
    }

    /// `scipy.stats.false_discovery_control([0.01, 0.04, 0.03, 0.005])`
    #[test]
    fn q_values_are_scipys() {
        let q = benjamini_hochberg(&[Some(0.01), None, Some(0.04), Some(0.03), Some(0.005)]);
        let expected = [Some(0.02), None, Some(0.04), Some(0.04), Some(0.02)];
        for (q, e) in q.iter().zip(expected) {
            match (q, e) {
                (Some(q), Some(e)) => assert!((q - e).abs() < 1e-12),
                (q, e) => assert_eq!(*q, e),
            }
        }
    }

    #[test]
    fn size_decides_and_chance_excuses() {
        let config = DriftConfig::default();
        let rows = [1000, 1000];
        let verdict = |c: &[Candidate], rows| judge(c, rows, &config).verdict;
        assert_eq!(
            verdict(&[candidate(0.3, 0.2, 0.01)], rows),
            DriftVerdict::Drift
        );
        assert_eq!(
            verdict(&[candidate(0.1, 0.2, 0.01)], rows),
            DriftVerdict::Stable
        );
        assert_eq!(
            verdict(&[candidate(0.3, 0.2, 0.4)], rows),
            DriftVerdict::CannotTell
        );
        assert_eq!(
            verdict(&[candidate(0.1, 0.2, 0.01)], [99, 1000]),
            DriftVerdict::CannotTell
        );
        assert_eq!(verdict(&[], rows), DriftVerdict::CannotTell);
        // The figure furthest over its limit is named, but only among those chance cannot make.
        let judged = judge(
            &[
                candidate(0.9, 0.2, 1.0),
                candidate(0.3, 0.2, 0.1),
                candidate(0.2, 0.2, 0.1),
            ],
            rows,
            &config,
        );
        assert_eq!(judged.decided_by.map(|c| c.value), Some(0.3));
        assert!(judged.reason.contains("0.3 reaches the limit 0.2"));
    }

    #[test]
    fn a_table_drifts_by_its_share_of_columns() {
        use DriftVerdict::{CannotTell, Drift, Stable};
        let config = DriftConfig::default();
        assert_eq!(judge_table(&[Drift, Stable, CannotTell], &config).0, Drift);
        assert_eq!(judge_table(&[Drift, Stable, Stable], &config).0, Stable);
        assert_eq!(judge_table(&[CannotTell], &config).0, CannotTell);
    }

    /// 105 rows a side over 21 bins: the expected PSI of one distribution is 20 * 2 / 105 = 0.38;
    /// chance reaches `scipy.stats.chi2.isf(0.01, 20)` / 52.5 = 0.72.
    #[test]
    fn chance_reaches_far_with_few_rows() {
        let bins = vec![(5, 5); 21];
        let (psi, js) = chance_over_bins(&bins, &DriftConfig::default());
        assert!((psi - 37.56623478662507 / 52.5).abs() < 1e-9);
        assert!((js - (psi / 8.0).sqrt()).abs() < 1e-15);
    }
}
