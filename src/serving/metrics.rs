//! What the service counts, under Prometheus names.
//!
//! One struct with typed methods: whoever counts says what happened, not which series it belongs
//! to. Labels have few values, never an address, a run or anything else from a request.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::prediction_log::PredictionLog;
use super::rows::{Noticed, Rule};
use super::scoring::Scored;
use super::served::ServedModel;
use super::traffic_keeper::Kept;
use crate::drift::concept::DetectorName;
use crate::drift::{DriftReport, most_moved};
use crate::traffic::{ConceptStatus, Outcome};

/// Upper ends of the buckets of request durations, seconds.
const SECONDS: [f64; 14] = [
    0.000_25, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];
/// Upper ends of the buckets of rows.
const ROWS: [f64; 9] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    16_384.0,
    131_072.0,
    1_048_576.0,
];
/// Upper ends of the buckets of scores.
const SCORES: [f64; 10] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BuildLabels {
    version: String,
    commit: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ModelLabels {
    name: String,
    version: String,
    sha256_12: String,
    learner: String,
    stage: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PredictionLabels {
    model_version: String,
    class: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SeverityLabels {
    severity: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    code: u32,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RuleLabels {
    rule: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabels {
    reason: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StateLabels {
    state: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DetectorLabels {
    detector: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EffectLabels {
    feature: String,
    test: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FeatureLabels {
    feature: String,
}

/// Features whose drift is told at most, those that moved most; a table may have thousands.
const FEATURES: usize = 200;

/// Upper ends of the buckets of label delays: a minute, an hour, a day, a week, a month.
const DELAYS: [f64; 8] = [
    60.0,
    600.0,
    3_600.0,
    21_600.0,
    86_400.0,
    604_800.0,
    2_592_000.0,
    7_776_000.0,
];

/// The counters of a service.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    model: Family<ModelLabels, Gauge>,
    predictions: Family<PredictionLabels, Counter>,
    alerts: Family<SeverityLabels, Counter>,
    durations: Family<RequestLabels, Histogram>,
    rows: Histogram,
    scores: Histogram,
    rejections: Family<RuleLabels, Counter>,
    oddities: Family<RuleLabels, Counter>,
    refusals: Family<ReasonLabels, Counter>,
    in_flight: Gauge,
    connections: Gauge,
    loaded_at: Gauge<f64, AtomicU64>,
    swaps: Counter,
    load_failures: Counter,
    ready: Gauge,
    log_dropped: Counter,
    log_rows: Family<StateLabels, Counter>,
    labels: Family<OutcomeLabels, Counter>,
    label_delays: Histogram,
    concept: Family<DetectorLabels, Gauge>,
    shadow: Family<StateLabels, Counter>,
    scored_effects: Family<EffectLabels, Gauge<f64, AtomicU64>>,
    scored_alarms: Family<FeatureLabels, Gauge>,
    scored_rows: Gauge,
    scored_looked_at: Gauge<f64, AtomicU64>,
    resident: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Counters at zero, all series that are known beforehand in place.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("netsec");
        let build: Family<BuildLabels, Gauge> = Family::default();
        build
            .get_or_create(&BuildLabels {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                commit: option_env!("NETSEC_COMMIT").unwrap_or("unknown").to_owned(),
            })
            .set(1);
        registry.register("build_info", "The program, always 1", build);
        let model = Family::default();
        registry.register("model_info", "The model in use, 1", model.clone());
        let predictions = Family::default();
        registry.register(
            "predictions",
            "Rows scored, by model and class",
            predictions.clone(),
        );
        let alerts: Family<SeverityLabels, Counter> = Family::default();
        for severity in ["high", "medium", "low"] {
            let _ = alerts.get_or_create(&severity_labels(severity));
        }
        registry.register(
            "alerts",
            "Rows decided to be another class than the harmless one, by score: high from 0.9, medium from 0.5",
            alerts.clone(),
        );
        let durations = Family::<RequestLabels, Histogram>::new_with_constructor(seconds);
        registry.register_with_unit(
            "request_duration",
            "From the head of a request to the head of its reply",
            Unit::Seconds,
            durations.clone(),
        );
        let rows = Histogram::new(ROWS);
        registry.register("request_rows", "Rows of a scoring request", rows.clone());
        let scores = Histogram::new(SCORES);
        registry.register("score", "Scores given", scores.clone());
        let rejections: Family<RuleLabels, Counter> = Family::default();
        for rule in Rule::ALL {
            let _ = rejections.get_or_create(&rule_labels(rule.as_str()));
        }
        registry.register(
            "schema_rejections",
            "Fields and requests that were not scored, by the rule they broke",
            rejections.clone(),
        );
        let oddities: Family<RuleLabels, Counter> = Family::default();
        for rule in ["unknown_category", "out_of_range", "imputed"] {
            let _ = oddities.get_or_create(&rule_labels(rule));
        }
        registry.register(
            "schema_oddities",
            "Values that were scored though training would have warned of them",
            oddities.clone(),
        );
        let refusals = Family::default();
        registry.register(
            "refused_requests",
            "Requests refused, by reason",
            refusals.clone(),
        );
        let in_flight = Gauge::default();
        registry.register(
            "requests_in_flight",
            "Requests being worked on",
            in_flight.clone(),
        );
        let connections = Gauge::default();
        registry.register("connections", "Connections open", connections.clone());
        let loaded_at = Gauge::default();
        registry.register_with_unit(
            "model_loaded_timestamp",
            "When the model in use was loaded",
            Unit::Seconds,
            loaded_at.clone(),
        );
        let swaps = Counter::default();
        registry.register(
            "model_swaps",
            "Models taken up after the first",
            swaps.clone(),
        );
        let load_failures = Counter::default();
        registry.register(
            "model_load_failures",
            "Times a new model could not be read; the one before stays in use",
            load_failures.clone(),
        );
        let ready = Gauge::default();
        registry.register("ready", "Whether requests can be scored", ready.clone());
        let log_dropped = Counter::default();
        registry.register(
            "prediction_log_dropped_rows",
            "Rows left out of the prediction log because it was too slow",
            log_dropped.clone(),
        );
        let log_rows: Family<StateLabels, Counter> = Family::default();
        for state in ["written", "dropped", "failed", "left_out"] {
            let _ = log_rows.get_or_create(&state_labels(state));
        }
        registry.register(
            "prediction_log_rows",
            "Rows of the prediction log, by what became of them",
            log_rows.clone(),
        );
        let labels: Family<OutcomeLabels, Counter> = Family::default();
        for outcome in ["right", "wrong", "corrected", "known", "unknown"] {
            let _ = labels.get_or_create(&outcome_labels(outcome));
        }
        registry.register(
            "labels",
            "Verdicts of analysts, by what came of them",
            labels.clone(),
        );
        let label_delays = Histogram::new(DELAYS);
        registry.register_with_unit(
            "labels_delay",
            "From a prediction to its verdict",
            Unit::Seconds,
            label_delays.clone(),
        );
        let concept: Family<DetectorLabels, Gauge> = Family::default();
        for detector in DetectorName::ALL {
            let _ = concept.get_or_create(&detector_labels(detector));
        }
        registry.register(
            "concept_drift_state",
            "How each detector of concept drift stands: 0 stable, 1 warning, 2 drift",
            concept.clone(),
        );
        let shadow: Family<StateLabels, Counter> = Family::default();
        registry.register(
            "shadow_rows",
            "Rows scored by a candidate too: all, alerts of the model in production, alerts of the candidate, alerts that would be new, that would be gone, rows not scored, rows dropped",
            shadow.clone(),
        );
        let scored_effects = Family::default();
        registry.register(
            "scored_drift_effect",
            "How far a feature of the last day's scored rows moved from the champion's data",
            scored_effects.clone(),
        );
        let scored_alarms = Family::default();
        registry.register(
            "scored_drift_alarm",
            "Whether a feature of the last day's scored rows counts as drifted",
            scored_alarms.clone(),
        );
        let scored_rows = Gauge::default();
        registry.register(
            "scored_drift_rows",
            "Scored rows that were compared with the champion's data, 0 where nothing could be",
            scored_rows.clone(),
        );
        let scored_looked_at = Gauge::default();
        registry.register_with_unit(
            "scored_drift_timestamp",
            "When scored rows were last compared with the champion's data",
            Unit::Seconds,
            scored_looked_at.clone(),
        );
        let resident = Gauge::default();
        registry.register_with_unit(
            "resident_memory",
            "Memory in use",
            Unit::Bytes,
            resident.clone(),
        );
        Self {
            registry,
            model,
            predictions,
            alerts,
            durations,
            rows,
            scores,
            rejections,
            oddities,
            refusals,
            in_flight,
            connections,
            loaded_at,
            swaps,
            load_failures,
            ready,
            log_dropped,
            log_rows,
            labels,
            label_delays,
            concept,
            shadow,
            scored_effects,
            scored_alarms,
            scored_rows,
            scored_looked_at,
            resident,
        }
    }

    /// A request was answered.
    pub fn answered(&self, route: &'static str, code: u16, seconds: f64) {
        self.durations
            .get_or_create(&RequestLabels {
                route: route.to_owned(),
                code: u32::from(code),
            })
            .observe(seconds);
    }

    /// Rows were scored.
    pub fn scored(&self, model: &ServedModel, scored: &Scored) {
        self.rows.observe(scored.outcomes.len() as f64);
        let mut counts = vec![0_u64; model.classes().len()];
        let mut severities = [0_u64; 3];
        for outcome in scored.outcomes.iter().filter(|o| o.is_scored()) {
            if let Some(count) = counts.get_mut(outcome.class as usize) {
                *count += 1;
            }
            self.scores.observe(outcome.score);
            if outcome.class != 0 {
                severities[severity(outcome.score)] += 1;
            }
        }
        for (class, count) in model.classes().iter().zip(counts) {
            if count > 0 {
                self.predictions
                    .get_or_create(&PredictionLabels {
                        model_version: model.version.clone(),
                        class: class.clone(),
                    })
                    .inc_by(count);
            }
        }
        for (name, count) in ["high", "medium", "low"].into_iter().zip(severities) {
            if count > 0 {
                self.alerts
                    .get_or_create(&severity_labels(name))
                    .inc_by(count);
            }
        }
        self.noticed(scored.noticed);
    }

    fn noticed(&self, noticed: Noticed) {
        for (rule, count) in [
            ("unknown_category", noticed.unknown_categories),
            ("out_of_range", noticed.out_of_range),
            ("imputed", noticed.imputed),
        ] {
            if count > 0 {
                self.oddities
                    .get_or_create(&rule_labels(rule))
                    .inc_by(count);
            }
        }
    }

    /// Fields or requests broke rules.
    pub fn rejected(&self, rules: &[(Rule, u64)]) {
        for (rule, count) in rules {
            self.rejections
                .get_or_create(&rule_labels(rule.as_str()))
                .inc_by(*count);
        }
    }

    /// A request was refused.
    pub fn refused(&self, reason: &'static str) {
        self.refusals
            .get_or_create(&ReasonLabels {
                reason: reason.to_owned(),
            })
            .inc();
    }

    /// A request is worked on until the guard goes.
    pub fn in_flight(&self) -> Held {
        Held::new(&self.in_flight)
    }

    /// A connection is open until the guard goes.
    pub fn connection(&self) -> Held {
        Held::new(&self.connections)
    }

    /// A model was taken up.
    pub fn loaded(&self, model: &ServedModel, first: bool) {
        self.model.clear();
        self.model
            .get_or_create(&ModelLabels {
                name: model.name.clone(),
                version: model.version.clone(),
                sha256_12: model.sha256.chars().take(12).collect(),
                learner: model.learner.clone(),
                stage: "serving".to_owned(),
            })
            .set(1);
        self.loaded_at
            .set(chrono::Utc::now().timestamp_millis() as f64 / 1000.0);
        if !first {
            self.swaps.inc();
        }
        self.ready.set(1);
    }

    /// A model could not be read.
    pub fn load_failed(&self) {
        self.load_failures.inc();
    }

    /// A verdict came, so many seconds after its prediction.
    pub fn verdict(&self, outcome: &Outcome, delay: f64) {
        let name = match outcome {
            Outcome::Recorded { wrong: true, .. } => "wrong",
            Outcome::Recorded { wrong: false, .. } => "right",
            Outcome::Corrected { .. } => "corrected",
            Outcome::Known => "known",
            Outcome::UnknownPrediction => "unknown",
        };
        self.labels.get_or_create(&outcome_labels(name)).inc();
        if matches!(outcome, Outcome::Recorded { .. }) {
            self.label_delays.observe(delay);
        }
    }

    /// How the detectors stand.
    pub fn concept(&self, status: &ConceptStatus) {
        for detector in &status.detectors {
            self.concept
                .get_or_create(&detector_labels(detector.detector))
                .set(i64::from(detector.standing.level()));
        }
    }

    /// How far what was scored has moved; nothing where nothing could be compared.
    pub fn scored_drift(&self, report: Option<&DriftReport>) {
        // Between the two a scrape may find some features missing; a gap does no harm.
        self.scored_effects.clear();
        self.scored_alarms.clear();
        self.scored_looked_at
            .set(chrono::Utc::now().timestamp_millis() as f64 / 1000.0);
        let Some(report) = report else {
            self.scored_rows.set(0);
            return;
        };
        self.scored_rows.set(report.n_current.cast_signed());
        for drift in most_moved(report, FEATURES).0 {
            for (test, value) in drift.effects {
                self.scored_effects
                    .get_or_create(&EffectLabels {
                        feature: drift.feature.clone(),
                        test: test.to_owned(),
                    })
                    .set(value);
            }
            self.scored_alarms
                .get_or_create(&FeatureLabels {
                    feature: drift.feature,
                })
                .set(i64::from(drift.alarm));
        }
    }

    /// What was kept of the traffic so far.
    pub fn kept(&self, kept: &Kept) {
        let up_to = |counter: &Counter, value: u64| {
            counter.inc_by(value.saturating_sub(counter.get()));
        };
        if let Some(log) = kept.log_counters() {
            for (state, value) in [
                ("written", &log.written),
                ("dropped", &log.dropped),
                ("failed", &log.failed),
                ("left_out", &log.left_out),
            ] {
                let counter = self.log_rows.get_or_create_owned(&state_labels(state));
                up_to(&counter, value.load(Ordering::Relaxed));
            }
        }
        if let Some((_, counts)) = kept.shadow() {
            for (state, value) in [
                ("scored", counts.rows),
                ("alerts", counts.alerts),
                ("shadow_alerts", counts.shadow_alerts),
                ("new_alerts", counts.new_alerts),
                ("gone_alerts", counts.gone_alerts),
                ("not_scored", counts.not_scored),
                ("dropped", counts.dropped),
            ] {
                let counter = self.shadow.get_or_create_owned(&state_labels(state));
                up_to(&counter, value);
            }
        }
    }

    /// All of it, in OpenMetrics form.
    pub fn open_metrics(&self, log: &PredictionLog) -> String {
        let dropped = log.dropped();
        self.log_dropped
            .inc_by(dropped.saturating_sub(self.log_dropped.get()));
        if let Some(bytes) = crate::process::resident_bytes() {
            self.resident.set(bytes.cast_signed());
        }
        let mut text = String::new();
        // Writing into a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// All of it, in the older text form.
    pub fn text(&self, log: &PredictionLog) -> String {
        plain(&self.open_metrics(log))
    }
}

/// Counts something up as long as it lives.
#[derive(Debug)]
pub struct Held(Gauge);

impl Held {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

fn state_labels(state: &str) -> StateLabels {
    StateLabels {
        state: state.to_owned(),
    }
}

fn outcome_labels(outcome: &str) -> OutcomeLabels {
    OutcomeLabels {
        outcome: outcome.to_owned(),
    }
}

fn detector_labels(detector: DetectorName) -> DetectorLabels {
    DetectorLabels {
        detector: detector.as_str().to_owned(),
    }
}

fn rule_labels(rule: &str) -> RuleLabels {
    RuleLabels {
        rule: rule.to_owned(),
    }
}

fn severity_labels(severity: &str) -> SeverityLabels {
    SeverityLabels {
        severity: severity.to_owned(),
    }
}

fn severity(score: f64) -> usize {
    if score >= 0.9 {
        0
    } else if score >= 0.5 {
        1
    } else {
        2
    }
}

/// From OpenMetrics to the text format 0.0.4: there a counter's name has `_total` in its header
/// lines too, and there is neither a unit nor an end mark.
fn plain(open: &str) -> String {
    let mut counters = std::collections::HashSet::new();
    for line in open.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ")
            && let Some((name, "counter")) = rest.split_once(' ')
        {
            counters.insert(name);
        }
    }
    let mut text = String::with_capacity(open.len());
    for line in open.lines() {
        if line == "# EOF" || line.starts_with("# UNIT ") {
            continue;
        }
        let header = ["# HELP ", "# TYPE "]
            .into_iter()
            .find_map(|start| line.strip_prefix(start).map(|rest| (start, rest)));
        match header.and_then(|(start, rest)| Some((start, rest.split_once(' ')?))) {
            Some((start, (name, rest))) if counters.contains(name) => {
                text.push_str(&format!("{start}{name}_total {rest}\n"));
            }
            _ => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serving::scoring::Outcome;
    use crate::serving::testing::flow_model;

    #[test]
    fn what_happens_is_counted_under_its_name() {
        let metrics = Metrics::new();
        let model = flow_model();
        metrics.loaded(&model, true);
        let outcome = |class, score| Outcome { class, score };
        metrics.scored(
            &model,
            &Scored {
                outcomes: vec![
                    outcome(0, 0.1),
                    outcome(1, 0.95),
                    outcome(Outcome::REJECTED, 0.0),
                ],
                findings: Vec::new(),
                noticed: Noticed {
                    unknown_categories: 2,
                    ..Noticed::default()
                },
            },
        );
        metrics.rejected(&[(Rule::NotANumber, 3)]);
        metrics.answered("/predict", 200, 0.0004);
        let held = metrics.in_flight();
        let text = metrics.open_metrics(&PredictionLog::default());
        for line in [
            "netsec_predictions_total{model_version=\"v1\",class=\"attack\"} 1",
            "netsec_alerts_total{severity=\"high\"} 1",
            "netsec_schema_rejections_total{rule=\"not_a_number\"} 3",
            "netsec_schema_rejections_total{rule=\"wrong_tensor\"} 0",
            "netsec_schema_oddities_total{rule=\"unknown_category\"} 2",
            "netsec_request_rows_sum 3.0",
            "netsec_score_count 2",
            "netsec_requests_in_flight 1",
            "netsec_request_duration_seconds_count{route=\"/predict\",code=\"200\"} 1",
            "netsec_model_info{name=\"netsec\",version=\"v1\",sha256_12=\"abababababab\",learner=\"decision_tree\",stage=\"serving\"} 1",
            "# EOF",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
        drop(held);
        let text = metrics.text(&PredictionLog::default());
        for line in [
            "# TYPE netsec_alerts_total counter",
            "netsec_requests_in_flight 0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
        assert!(!text.contains("EOF") && !text.contains("UNIT"));
    }
}
