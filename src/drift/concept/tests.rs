//! Library tests; River as the oracle runs in `tests/program/concept_drift.rs`.

use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::*;

/// Errors at `rates`, `n` values each.
fn errors(seed: u64, rates: &[f64], n: usize) -> Vec<bool> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    rates
        .iter()
        .flat_map(|&rate| vec![rate; n])
        .map(|rate| rng.r#gen::<f64>() < rate)
        .collect()
}

fn alarms(stream: &[bool]) -> Vec<(usize, DetectorName)> {
    let mut watch = ConceptWatch::default();
    stream
        .iter()
        .enumerate()
        .flat_map(|(i, wrong)| watch.update(*wrong).into_iter().map(move |d| (i, d)))
        .collect()
}

#[test]
fn a_model_that_gets_worse_is_noticed_by_all_three() {
    let raised = alarms(&errors(7, &[0.05, 0.30], 3_000));
    for name in DetectorName::ALL {
        let first = raised.iter().find(|(i, d)| *d == name && *i >= 3_000);
        let (at, _) = first.unwrap_or_else(|| panic!("{name:?} said nothing: {raised:?}"));
        assert!(*at < 4_500, "{name:?} at {at}");
    }
}

#[test]
fn a_steady_model_raises_few_alarms() {
    // Ten streams of 5,000: none of those with a correction for looking often.
    let mut count = [0; 3];
    for seed in 0..10 {
        for (_, name) in alarms(&errors(seed, &[0.1], 5_000)) {
            count[name as usize] += 1;
        }
    }
    assert_eq!(count[DetectorName::Adwin as usize], 0, "{count:?}");
    assert_eq!(count[DetectorName::PageHinkley as usize], 0, "{count:?}");
    assert!(count[DetectorName::Ddm as usize] <= 20, "{count:?}");
}

#[test]
fn an_alarm_stays_until_somebody_looked() {
    let mut watch = Watch::new(AdaptiveWindow::default());
    for wrong in errors(1, &[0.0, 0.9, 0.9], 500) {
        watch.update(wrong);
    }
    assert_eq!(watch.standing, Standing::Drift);
    assert_eq!(watch.drifts, 1);
    assert!(watch.last_drift.unwrap() > 500);
    watch.acknowledge();
    assert_eq!(watch.standing, Standing::Stable);
    assert_eq!(watch.seen, 1_500);
}

#[test]
fn the_method_warns_before_it_alarms() {
    let mut watch = Watch::new(DriftDetectionMethod::default());
    let mut standings = Vec::new();
    for wrong in errors(5, &[0.1, 0.25], 2_000) {
        watch.update(wrong);
        if standings.last() != Some(&watch.standing) {
            standings.push(watch.standing);
        }
    }
    let drift = standings.iter().position(|s| *s == Standing::Drift);
    let drift = drift.unwrap_or_else(|| panic!("{standings:?}"));
    assert_eq!(standings[drift - 1], Standing::Warning, "{standings:?}");
}

#[test]
fn nan_is_passed_over() {
    let mut a = AdaptiveWindow::default();
    let mut d = DriftDetectionMethod::default();
    let mut p = PageHinkley::default();
    for detector in [&mut a as &mut dyn Detector, &mut d, &mut p] {
        assert_eq!(detector.update(f64::NAN), Standing::Stable);
    }
    assert_eq!(a, AdaptiveWindow::default());
    assert_eq!(d, DriftDetectionMethod::default());
    assert_eq!(p, PageHinkley::default());
}

proptest! {
    /// Written down and read back at any moment, the detectors go on as if nothing had been.
    #[test]
    fn a_watch_survives_being_saved(seed in any::<u64>(), rates in prop::collection::vec(0.0..1.0f64, 1..4), at in 0usize..300) {
        let stream = errors(seed, &rates, 150);
        let at = at.min(stream.len());
        let mut straight = ConceptWatch::default();
        let mut saved = ConceptWatch::default();
        for (i, wrong) in stream.iter().enumerate() {
            if i == at {
                let text = serde_json::to_string(&saved).unwrap();
                saved = serde_json::from_str(&text).unwrap();
            }
            prop_assert_eq!(straight.update(*wrong), saved.update(*wrong));
        }
        prop_assert_eq!(straight, saved);
    }

    /// The window's mean and width are those of its latest values.
    #[test]
    fn a_window_is_made_of_its_latest_values(seed in any::<u64>(), rates in prop::collection::vec(0.0..1.0f64, 1..5)) {
        let stream = errors(seed, &rates, 400);
        let mut window = AdaptiveWindow::default();
        for (i, wrong) in stream.iter().enumerate() {
            let value = f64::from(u8::from(*wrong));
            let drift = window.update(value) == Standing::Drift;
            let width = window.width() as usize;
            prop_assert!(width >= 1 && width <= i + 1);
            let latest = &stream[i + 1 - width..=i];
            let mean = latest.iter().filter(|w| **w).count() as f64 / width as f64;
            prop_assert!((window.mean().unwrap() - mean).abs() < 1e-9, "{:?} {mean} {drift}", window.mean());
        }
    }
}
