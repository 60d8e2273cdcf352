//! Train in words: how far, the last figures of the learner shown, the leaderboard.

use super::{join, list};
use crate::console::model::{Model, OpenRun};
use crate::console::screens::{figure, took, training as drawn};
use crate::console::widgets::mean_by_step;
use crate::events::Split;

/// A learner in a line.
fn row(model: &Model, open: &OpenRun, i: usize) -> String {
    let learners = model.learners();
    let Some(name) = learners.get(i) else {
        return String::new();
    };
    let state = &open.state;
    let Some(l) = state.learner.get(*name) else {
        return format!("{name}, waiting");
    };
    let (word, _) = drawn::learner_word(state, name, l);
    let cv = match l.cv.get("f1") {
        Some(s) => format!(
            "cross-validated F1 {:.4} [{:.4}, {:.4}]",
            s.mean, s.low, s.high
        ),
        None => String::new(),
    };
    let test = match &l.test {
        Some(t) => format!(
            "test F1 {}, test AUC {}, accuracy {:.4}",
            figure(t.f1),
            figure(t.roc_auc),
            t.accuracy
        ),
        None => String::new(),
    };
    join([
        (*name).to_owned(),
        word,
        cv,
        test,
        l.fit_seconds
            .map_or(String::new(), |s| format!("fitted in {}", took(s))),
    ])
}

/// The learner that is shown, and the last and the best of its figures.
pub fn selected(model: &Model) -> Vec<String> {
    // Only what a person picked is announced: the learner at work is told by the run's events.
    match (&model.open, &model.picked_learner) {
        (Some(open), Some(_)) => learner(model, open),
        _ => Vec::new(),
    }
}

/// The learner shown, in a line, and its curves.
fn learner(model: &Model, open: &OpenRun) -> Vec<String> {
    let learners = model.learners();
    let shown = model.shown_learner();
    let at = learners.iter().position(|l| Some(*l) == shown);
    let mut out: Vec<String> = at
        .map(|at| format!("Learner shown: {}", row(model, open, at)))
        .into_iter()
        .collect();
    out.extend(curves(model, open));
    out
}

/// The last and the best figure of every curve of the learner shown.
fn curves(model: &Model, open: &OpenRun) -> Vec<String> {
    let Some(name) = model.shown_learner() else {
        return Vec::new();
    };
    let Some(l) = open.state.learner.get(name) else {
        return Vec::new();
    };
    let mut out = vec![format!("Curves of {name}:")];
    for metric in model.metrics(name) {
        let mut parts = Vec::new();
        for (split, word) in [(Split::Train, "train"), (Split::Valid, "valid")] {
            let Some(points) = l.curves.get(&(metric.to_owned(), split)) else {
                continue;
            };
            let points = mean_by_step(points);
            let Some((round, last)) = points.last() else {
                continue;
            };
            parts.push(format!("{word} {last:.4} at round {round}"));
            let loss = metric.contains("loss") || metric == "brier";
            let best = points.iter().copied().reduce(|a, b| {
                if (b.1 < a.1) == loss && b.1 != a.1 {
                    b
                } else {
                    a
                }
            });
            if let Some((round, value)) = best.filter(|_| split == Split::Valid) {
                parts.push(format!("best {value:.4} at round {round}"));
            }
        }
        if !parts.is_empty() {
            out.push(format!("  {}: {}", metric.replace('_', " "), join(parts)));
        }
    }
    if out.len() == 1 {
        out = vec![format!("{name}: {}", drawn::no_curve(open, name))];
    }
    out
}

/// Tells the screen.
pub fn tell(model: &Model, out: &mut Vec<String>) {
    let Some(open) = &model.open else {
        out.push("There is no run to show. `home` says what to do next.".to_owned());
        return;
    };
    let state = &open.state;
    out.push(format!("Run {}:", open.id));
    for (name, text, _) in drawn::run_lines(model, open, 0) {
        if !text.is_empty() {
            let name = if name.is_empty() { "" } else { name };
            out.push(match name {
                "" => format!("  {text}"),
                name => format!("  {name}: {text}"),
            });
        }
    }
    if state.train_rows > 0 {
        out.push(format!(
            "  rows: {} to train, {} to test",
            crate::text::count(state.train_rows),
            crate::text::count(state.test_rows)
        ));
    }
    if let Some((rss, cpu)) = state.heartbeat {
        let memory = crate::console::screens::bytes(rss);
        out.push(format!("  worker: {memory}, {cpu:.1} cores"));
    }
    for (_, text) in state.warnings.iter().rev().take(5) {
        out.push(format!("  warning: {text}"));
    }
    let learners = model.learners();
    if learners.is_empty() {
        out.push("The worker has not said yet which learners it trains.".to_owned());
        return;
    }
    out.push(match (&state.selected, state.threshold) {
        (Some(name), Some(t)) => format!("Leaderboard, selected {name}, threshold {t:.3}:"),
        (Some(name), None) => format!("Leaderboard, selected {name}:"),
        (None, _) => "Leaderboard; selection looks at cross-validation only:".to_owned(),
    });
    let shown = model.shown_learner();
    let at = learners.iter().position(|l| Some(*l) == shown);
    list(out, learners.len(), at, |i| row(model, open, i));
    out.extend(curves(model, open));
}
