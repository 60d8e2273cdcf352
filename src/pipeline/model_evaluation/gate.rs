//! The gate: rules over the figures, and what follows. Pure.
//!
//! Floors look at point figures on the test split. The comparison with the champion looks at the
//! 95 % interval of the paired difference `d` (challenger minus champion, turned so that more is
//! better), against the largest loss `m` that `[gate] max_loss` allows:
//!
//! | interval | verdict | in words |
//! | --- | --- | --- |
//! | lower end above 0 | accept | better |
//! | lower end at least -m | accept | not separable, no loss beyond m |
//! | upper end below -m | refuse | worse by more than m |
//! | lower end below -m, upper end at least -m | cannot tell | too few rows |
//!
//! One refusal refuses; otherwise one "cannot tell" leaves it open; otherwise the gate accepts.

use super::comparison::{Comparison, MIN_ROWS};
use crate::config::GateConfig;
use crate::events::{GateVerdict, RuleResult};
use crate::metrics::{Metric, TestMetrics};

/// Rows of the rarer class below which a binary comparison says nothing.
const MIN_CLASS_ROWS: u64 = 10;

/// What is known about the champion on these test rows.
#[derive(Clone, Copy, Debug)]
pub enum ChampionEvidence<'a> {
    /// It was compared with the challenger, which is the first of the comparison.
    Compared(&'a Comparison),
    /// It could not be; why.
    NotComparable(&'a str),
}

/// The floors: over the majority class, and by metric.
pub fn floors(selected: &TestMetrics, config: &GateConfig) -> Vec<RuleResult> {
    let mut rules = vec![majority(selected, config.min_gain_over_majority)];
    for (key, &limit) in &config.floors {
        rules.push(floor(selected, key, limit));
    }
    rules
}

fn majority(selected: &TestMetrics, least: f64) -> RuleResult {
    let largest = selected
        .per_class
        .iter()
        .max_by_key(|c| c.support)
        .filter(|c| c.support > 0);
    let rule = "floor.majority".to_owned();
    let Some(class) = largest else {
        return RuleResult {
            rule,
            observed: None,
            limit: Some(least),
            verdict: GateVerdict::CannotTell,
            reason: "there are no test rows".to_owned(),
        };
    };
    // No constant answer can be right more often than the most frequent class of these rows.
    let share = class.support as f64 / selected.n as f64;
    let gain = selected.accuracy - share;
    let passed = gain > least;
    RuleResult {
        rule,
        observed: Some(gain),
        limit: Some(least),
        verdict: if passed {
            GateVerdict::Accept
        } else {
            GateVerdict::Refuse
        },
        reason: format!(
            "accuracy {:.4} on {} rows; always answering `{}` gives {share:.4}: a gain of {gain:+.4}, {} the {least:.4} asked for",
            selected.accuracy,
            selected.n,
            class.class,
            if passed { "more than" } else { "not more than" },
        ),
    }
}

fn floor(selected: &TestMetrics, key: &str, limit: f64) -> RuleResult {
    let rule = format!("floor.{key}");
    let cannot = |reason: String| RuleResult {
        rule: rule.clone(),
        observed: None,
        limit: Some(limit),
        verdict: GateVerdict::CannotTell,
        reason,
    };
    let metric: Metric = match key.parse() {
        Ok(metric) => metric,
        Err(reason) => return cannot(format!("[gate] floors: {reason}")),
    };
    let Some(value) = selected.get(metric) else {
        return cannot(format!(
            "{} is undefined on these test rows",
            metric.title()
        ));
    };
    let (passed, most_or_least) = if metric.greater_is_better() {
        (value >= limit, "least")
    } else {
        (value <= limit, "most")
    };
    let interval = selected
        .intervals
        .get(key)
        .map(|[low, high]| format!(" (95 % interval {low:.4} to {high:.4})"))
        .unwrap_or_default();
    RuleResult {
        rule,
        observed: Some(value),
        limit: Some(limit),
        verdict: if passed {
            GateVerdict::Accept
        } else {
            GateVerdict::Refuse
        },
        reason: format!(
            "{} is {value:.4}{interval}; it must be at {most_or_least} {limit:.4}",
            metric.title()
        ),
    }
}

/// The comparison with the champion.
pub fn champion(
    challenger: &str,
    champion: &str,
    evidence: ChampionEvidence<'_>,
    config: &GateConfig,
) -> RuleResult {
    let metric = Metric::from(config.compare_by);
    let most = config.max_loss;
    let result = |observed, verdict, reason| RuleResult {
        rule: format!("champion.{metric}"),
        observed,
        limit: Some(-most),
        verdict,
        reason,
    };
    let comparison = match evidence {
        ChampionEvidence::Compared(comparison) => comparison,
        ChampionEvidence::NotComparable(reason) => {
            return result(
                None,
                GateVerdict::CannotTell,
                format!("not comparable with {champion}: {reason}"),
            );
        }
    };
    let rows = comparison.rows_in_words(challenger, champion);
    if let Some(few) = too_few(comparison) {
        return result(None, GateVerdict::CannotTell, format!("{few}; {rows}"));
    }
    let Some(difference) = comparison.difference(metric) else {
        return result(
            None,
            GateVerdict::CannotTell,
            format!("{} is undefined on these rows; {rows}", metric.title()),
        );
    };
    let (gain, [low, high]) = difference.gain();
    let (mut verdict, words) = judge(low, high, most);
    let mut reason = format!(
        "{words}: {} {:.4} against {:.4} of {champion}, a gain of {gain:+.4} (95 % interval {low:+.4} to {high:+.4}, a loss of up to {most:.4} is allowed); {rows}",
        metric.title(),
        difference.first,
        difference.second,
    );
    // What one side gained by having seen rows cannot decide for it.
    if !comparison.is_clean() {
        let by_first = comparison.seen_by_first.is_none_or(|n| n > 0);
        let by_second = comparison.seen_by_second.is_none_or(|n| n > 0);
        let flattered = match verdict {
            GateVerdict::Refuse => by_second && !by_first,
            GateVerdict::Accept => by_first && comparison.seen_by_second == Some(0),
            GateVerdict::CannotTell => false,
        };
        if flattered {
            verdict = GateVerdict::CannotTell;
            reason.push_str("; only one side has seen them, so this decides nothing");
        }
    }
    result(Some(gain), verdict, reason)
}

/// The table of the module.
fn judge(low: f64, high: f64, most: f64) -> (GateVerdict, &'static str) {
    if low > 0.0 {
        (GateVerdict::Accept, "better")
    } else if low >= -most {
        let words = if high < 0.0 {
            "worse, within the loss allowed"
        } else {
            "not separable, no loss beyond what is allowed"
        };
        (GateVerdict::Accept, words)
    } else if high < -most {
        (GateVerdict::Refuse, "worse by more than allowed")
    } else if high < 0.0 {
        (
            GateVerdict::CannotTell,
            "worse, but these rows do not show whether by more than allowed",
        )
    } else {
        (
            GateVerdict::CannotTell,
            "not separable: too few rows to rule a loss beyond what is allowed out",
        )
    }
}

fn too_few(comparison: &Comparison) -> Option<String> {
    if comparison.rows < MIN_ROWS as u64 {
        return Some(format!(
            "{} rows are too few to compare on, {MIN_ROWS} are needed",
            comparison.rows
        ));
    }
    let classes = &comparison.first.per_class;
    if classes.len() == 2 {
        let rare = classes.iter().min_by_key(|c| c.support)?;
        if rare.support < MIN_CLASS_ROWS {
            return Some(format!(
                "{} rows of class `{}` are too few to compare on, {MIN_CLASS_ROWS} are needed",
                rare.support, rare.class
            ));
        }
    }
    None
}

/// The verdict over all rules, with a sentence.
pub fn decide(rules: &[RuleResult]) -> (GateVerdict, String) {
    let of = |verdict: GateVerdict| -> Vec<&str> {
        rules
            .iter()
            .filter(|r| r.verdict == verdict)
            .map(|r| r.rule.as_str())
            .collect()
    };
    let refused = of(GateVerdict::Refuse);
    let open = of(GateVerdict::CannotTell);
    if !refused.is_empty() {
        (
            GateVerdict::Refuse,
            format!("refused by {}", refused.join(", ")),
        )
    } else if !open.is_empty() {
        (
            GateVerdict::CannotTell,
            format!("{} cannot be decided on these test rows", open.join(", ")),
        )
    } else if rules.is_empty() {
        // A gate without rules has seen nothing.
        (GateVerdict::Refuse, "there is no rule to pass".to_owned())
    } else {
        (
            GateVerdict::Accept,
            match rules.len() {
                1 => "the one rule passes".to_owned(),
                n => format!("all {n} rules pass"),
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Labels;
    use crate::metrics::{Agreement, Resampling, paired_differences};

    /// Figures of a model that is right on `right` of `n` rows, a third of them threats.
    fn model(n: usize, wrong: impl Fn(usize) -> bool) -> (Labels, Vec<f64>) {
        let labels = Labels {
            classes: vec!["normal".into(), "attack".into()],
            codes: (0..n).map(|r| u32::from(r % 3 == 0)).collect(),
        };
        let p = (0..n)
            .flat_map(|r| {
                let threat = (r % 3 == 0) != wrong(r);
                if threat { [0.1, 0.9] } else { [0.9, 0.1] }
            })
            .collect();
        (labels, p)
    }

    fn compared(n: usize, a: impl Fn(usize) -> bool, b: impl Fn(usize) -> bool) -> Comparison {
        let (labels, pa) = model(n, a);
        let (_, pb) = model(n, b);
        let settings = Resampling::default();
        Comparison {
            rows_in_test: n as u64,
            rows: n as u64,
            seen_by_first: Some(0),
            seen_by_second: Some(0),
            unseen_only: false,
            first: TestMetrics::measure_with_intervals(&labels, &pa, settings).unwrap(),
            second: TestMetrics::measure_with_intervals(&labels, &pb, settings).unwrap(),
            differences: paired_differences(&labels, &pa, &pb, &Metric::ALL, settings).unwrap(),
            agreement: Agreement::default(),
        }
    }

    fn rule(comparison: &Comparison) -> RuleResult {
        champion(
            "run 7f3a",
            "v3",
            ChampionEvidence::Compared(comparison),
            &GateConfig::default(),
        )
    }

    #[test]
    fn the_table_holds_at_its_edges() {
        let m = 0.01;
        assert_eq!(judge(0.001, 0.02, m).0, GateVerdict::Accept);
        assert_eq!(judge(0.0, 0.0, m).0, GateVerdict::Accept);
        assert_eq!(judge(-0.01, 0.02, m).0, GateVerdict::Accept);
        assert_eq!(
            judge(-0.009, -0.001, m),
            (GateVerdict::Accept, "worse, within the loss allowed")
        );
        assert_eq!(judge(-0.0101, 0.02, m).0, GateVerdict::CannotTell);
        assert_eq!(judge(-0.02, -0.01, m).0, GateVerdict::CannotTell);
        assert_eq!(judge(-0.02, -0.0101, m).0, GateVerdict::Refuse);
    }

    #[test]
    fn better_equal_and_worse_models() {
        let better = rule(&compared(3000, |r| r % 50 == 0, |r| r % 10 == 0));
        assert_eq!(better.verdict, GateVerdict::Accept);
        assert!(better.reason.starts_with("better"), "{}", better.reason);
        let same = rule(&compared(3000, |r| r % 10 == 0, |r| r % 10 == 0));
        assert_eq!(same.verdict, GateVerdict::Accept);
        assert!(same.reason.starts_with("not separable"), "{}", same.reason);
        let worse = rule(&compared(3000, |r| r % 10 == 0, |r| r % 50 == 0));
        assert_eq!(worse.verdict, GateVerdict::Refuse);
        assert_eq!(worse.rule, "champion.f1");
        assert_eq!(worse.limit, Some(-0.01));
        let open = rule(&compared(200, |r| r % 10 == 1, |r| r % 10 == 0));
        assert_eq!(open.verdict, GateVerdict::CannotTell);
    }

    #[test]
    fn few_rows_decide_nothing() {
        let r = rule(&compared(29, |_| false, |r| r % 5 == 0));
        assert_eq!(r.verdict, GateVerdict::CannotTell);
        assert!(r.reason.contains("too few"), "{}", r.reason);
    }

    #[test]
    fn what_only_one_side_has_seen_does_not_decide() {
        let mut comparison = compared(3000, |r| r % 10 == 0, |r| r % 50 == 0);
        comparison.seen_by_second = Some(2990);
        let r = rule(&comparison);
        assert_eq!(r.verdict, GateVerdict::CannotTell);
        assert!(
            r.reason
                .contains("v3 was trained on the feature vectors of 2990"),
            "{}",
            r.reason
        );
        let mut comparison = compared(3000, |r| r % 50 == 0, |r| r % 10 == 0);
        comparison.seen_by_second = Some(2990);
        assert_eq!(rule(&comparison).verdict, GateVerdict::Accept);
        comparison.seen_by_first = Some(2990);
        comparison.seen_by_second = Some(0);
        assert_eq!(rule(&comparison).verdict, GateVerdict::CannotTell);
    }

    #[test]
    fn floors_hold_metrics_in_their_own_direction() {
        let (labels, p) = model(300, |r| r % 10 == 0);
        let m = TestMetrics::measure_with_intervals(&labels, &p, Resampling::default()).unwrap();
        let config = GateConfig {
            floors: [
                ("f1", 0.5),
                ("log_loss", 0.01),
                ("f2", 0.1),
                ("recall", 0.99),
            ]
            .map(|(k, v)| (k.to_owned(), v))
            .into(),
            ..GateConfig::default()
        };
        let rules = floors(&m, &config);
        let verdict = |rule: &str| rules.iter().find(|r| r.rule == rule).unwrap().verdict;
        assert_eq!(verdict("floor.majority"), GateVerdict::Accept);
        assert_eq!(verdict("floor.f1"), GateVerdict::Accept);
        assert_eq!(verdict("floor.log_loss"), GateVerdict::Refuse);
        assert_eq!(verdict("floor.recall"), GateVerdict::Refuse);
        assert_eq!(verdict("floor.f2"), GateVerdict::CannotTell);
        assert_eq!(decide(&rules).0, GateVerdict::Refuse);
        assert_eq!(decide(&rules[..1]).0, GateVerdict::Accept);
        assert_eq!(decide(&[]).0, GateVerdict::Refuse);
    }

    #[test]
    fn a_constant_model_does_not_beat_the_majority() {
        let (labels, _) = model(300, |_| false);
        let p = [0.9, 0.1].repeat(300);
        let m = TestMetrics::measure(&labels, &p).unwrap();
        let rules = floors(&m, &GateConfig::default());
        assert_eq!(rules[0].verdict, GateVerdict::Refuse);
        assert_eq!(rules[0].observed, Some(0.0));
    }

    #[test]
    fn an_incomparable_champion_leaves_it_open() {
        let r = champion(
            "run 7f3a",
            "v3",
            ChampionEvidence::NotComparable("v3 predicts other classes"),
            &GateConfig::default(),
        );
        assert_eq!(r.verdict, GateVerdict::CannotTell);
        assert!(r.reason.contains("other classes"));
    }
}
