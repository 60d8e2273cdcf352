//! The concept-drift detectors beside River's, on the same streams.

use netsec::drift::concept::{
    AdaptiveWindow, Detector, DriftDetectionMethod, PageHinkley, Standing,
};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde_json::{Value, json};

use crate::services::{needs_servers, run_python};

/// What River says: for every stream the numbers of the values with an alarm, and with a warning.
const RIVER: &str = "
import json, sys
from river import drift
from river.drift import binary
streams = json.load(open(sys.argv[1]))
def run(make, stream):
    d, alarms, warnings = make(), [], []
    for i, x in enumerate(stream):
        d.update(x)
        if d.drift_detected: alarms.append(i)
        elif getattr(d, 'warning_detected', False): warnings.append(i)
    return [alarms, warnings]
print(json.dumps([{
    'adwin': run(drift.ADWIN, s), 'page_hinkley': run(drift.PageHinkley, s),
    'ddm': run(binary.DDM, s) if all(x in (0, 1) for x in s) else None} for s in streams]))
";

fn streams() -> Vec<Vec<f64>> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(20_261_122);
    let mut streams = Vec::new();
    for number in 0..60 {
        let mut stream = Vec::new();
        for _ in 0..rng.gen_range(1..5) {
            let rate: f64 = rng.r#gen();
            for _ in 0..rng.gen_range(50..2_500) {
                stream.push(if number % 3 == 0 {
                    rate * 4.0 + rng.r#gen::<f64>()
                } else {
                    f64::from(u8::from(rng.r#gen::<f64>() < rate))
                });
            }
        }
        streams.push(stream);
    }
    streams
}

/// Numbers of the values with an alarm, and with a warning.
fn ours(mut detector: impl Detector, stream: &[f64]) -> Value {
    let (mut alarms, mut warnings) = (Vec::new(), Vec::new());
    for (i, x) in stream.iter().enumerate() {
        match detector.update(*x) {
            Standing::Drift => alarms.push(i),
            Standing::Warning => warnings.push(i),
            Standing::Stable => {}
        }
    }
    json!([alarms, warnings])
}

#[test]
fn detectors_raise_their_alarms_where_river_does() {
    needs_servers!();
    let streams = streams();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("streams.json");
    std::fs::write(&file, serde_json::to_vec(&streams).unwrap()).unwrap();
    let said = run_python(RIVER, &[file.to_str().unwrap()], &[]);
    let river: Vec<Value> = serde_json::from_str(&said).unwrap();
    assert_eq!(river.len(), streams.len());
    let mut alarms = [0; 3];
    for (number, (stream, river)) in streams.iter().zip(&river).enumerate() {
        let pairs = [
            ("adwin", ours(AdaptiveWindow::default(), stream)),
            ("page_hinkley", ours(PageHinkley::default(), stream)),
            ("ddm", ours(DriftDetectionMethod::default(), stream)),
        ];
        for (at, (name, ours)) in pairs.into_iter().enumerate() {
            if river[name].is_null() {
                continue;
            }
            assert_eq!(ours, river[name], "{name}, stream {number}");
            alarms[at] += ours[0].as_array().map_or(0, Vec::len);
        }
    }
    // Streams without any alarm would prove nothing.
    assert!(alarms.iter().all(|n| *n > 20), "{alarms:?}");
}
