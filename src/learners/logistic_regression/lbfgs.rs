//! L-BFGS with a strong-Wolfe line search, for smooth convex functions of a few thousand
//! variables. It knows nothing of learners: the caller evaluates, watches and stops.
//!
//! Constants are those of the L-BFGS-B routine scikit-learn calls (ten pairs; sufficient decrease
//! 1e-3, curvature 0.9; the first step has length one), so that both walk nearly the same path.
//! `argmin` was tried and rejected: twice the CPU time here, for an abstraction we do not need.

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Iterations at most.
    pub max_iterations: u32,
    /// Stops when the largest component of the gradient is at most this.
    pub gradient_tolerance: f64,
    /// Stops when an iteration lowers the function by at most this share of it.
    pub relative_reduction: f64,
}

/// Correction pairs kept.
const MEMORY: usize = 10;
/// A step must lower the function by this share of what its slope promises.
const SUFFICIENT_DECREASE: f64 = 1e-3;
/// A step must flatten the slope to this share.
const CURVATURE: f64 = 0.9;
/// Evaluations in one line search at most.
const MAX_TRIALS: u32 = 50;

/// Why the minimisation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The gradient is small enough, or the function no longer falls.
    Converged,
    /// The iterations ran out.
    MaxIterations,
    /// No step lowers the function: rounding errors are all that is left.
    Stalled,
    /// The caller asked for it.
    Stopped,
}

/// Where the minimisation ended.
#[derive(Clone, Debug)]
pub struct Minimum {
    /// The variables.
    pub point: Vec<f64>,
    /// Iterations done.
    pub iterations: u32,
    /// Why it ended.
    pub ending: Ending,
}

/// Minimises a function from `start`.
///
/// `evaluate(point, gradient)` returns the value and fills the gradient; its error ends the
/// minimisation at once. `after(iteration, point)` is called after each iteration; `false` ends
/// the minimisation and keeps the point.
pub fn minimise<E>(
    start: Vec<f64>,
    settings: Settings,
    mut evaluate: impl FnMut(&[f64], &mut [f64]) -> Result<f64, E>,
    mut after: impl FnMut(u32, &[f64]) -> bool,
) -> Result<Minimum, E> {
    let mut here = Point {
        gradient: vec![0.0; start.len()],
        value: 0.0,
        at: start,
    };
    here.value = evaluate(&here.at, &mut here.gradient)?;
    let mut next = here.clone();
    let mut memory = Memory::default();
    let mut direction = vec![0.0; here.at.len()];
    let mut iterations = 0;
    let ending = loop {
        if largest(&here.gradient) <= settings.gradient_tolerance {
            break Ending::Converged;
        }
        if iterations >= settings.max_iterations {
            break Ending::MaxIterations;
        }
        memory.direction(&here.gradient, &mut direction);
        if dot(&direction, &here.gradient) >= 0.0 {
            // Rounding spoiled the curvature: steepest descent always goes down.
            memory = Memory::default();
            memory.direction(&here.gradient, &mut direction);
        }
        let first = if memory.is_empty() {
            (1.0 / dot(&direction, &direction).sqrt()).min(1e10)
        } else {
            1.0
        };
        if !search(&here, &direction, first, &mut next, &mut evaluate)? {
            if memory.is_empty() {
                break Ending::Stalled;
            }
            memory = Memory::default();
            continue;
        }
        iterations += 1;
        memory.learn(&here, &next);
        std::mem::swap(&mut here, &mut next);
        if !after(iterations, &here.at) {
            break Ending::Stopped;
        }
        let scale = here.value.abs().max(next.value.abs()).max(1.0);
        if next.value - here.value <= settings.relative_reduction * scale {
            break Ending::Converged;
        }
    };
    Ok(Minimum {
        point: here.at,
        iterations,
        ending,
    })
}

/// A point with what is known of the function there.
#[derive(Clone)]
struct Point {
    at: Vec<f64>,
    gradient: Vec<f64>,
    value: f64,
}

/// Value and slope at one length of step.
#[derive(Clone, Copy)]
struct Trial {
    step: f64,
    value: f64,
    slope: f64,
}

/// Looks along `direction` for a step that satisfies the strong Wolfe conditions and leaves it in
/// `next`. `false` when no step lowers the function.
///
/// `low` is the best step so far that lowers the function enough; once `high` is known, a good
/// step lies between the two.
fn search<E>(
    here: &Point,
    direction: &[f64],
    first: f64,
    next: &mut Point,
    evaluate: &mut impl FnMut(&[f64], &mut [f64]) -> Result<f64, E>,
) -> Result<bool, E> {
    let mut go = |step: f64, next: &mut Point| -> Result<Trial, E> {
        for ((to, from), d) in next.at.iter_mut().zip(&here.at).zip(direction) {
            *to = from + step * d;
        }
        next.value = evaluate(&next.at, &mut next.gradient)?;
        Ok(Trial {
            step,
            value: next.value,
            slope: dot(&next.gradient, direction),
        })
    };
    let origin = Trial {
        step: 0.0,
        value: here.value,
        slope: dot(&here.gradient, direction),
    };
    let mut low = origin;
    let mut high: Option<Trial> = None;
    let mut step = first;
    for _ in 0..MAX_TRIALS {
        let trial = go(step, next)?;
        let promised = origin.value + SUFFICIENT_DECREASE * step * origin.slope;
        let finite = trial.value.is_finite() && trial.slope.is_finite();
        if !finite || trial.value > promised || (low.step > 0.0 && trial.value >= low.value) {
            high = Some(trial);
        } else {
            if trial.slope.abs() <= -CURVATURE * origin.slope {
                return Ok(true);
            }
            let ahead = high.map_or(1.0, |h| h.step - low.step);
            let before = low;
            if trial.slope * ahead >= 0.0 {
                high = Some(low);
            }
            low = trial;
            if high.is_none() {
                // Still falling steeply: go further, as far as the slopes suggest.
                let moved = low.step - before.step;
                let secant = low.step + moved * low.slope / (before.slope - low.slope);
                let (near, far) = (low.step + 1.1 * moved, low.step + 4.0 * moved);
                step = if secant.is_finite() && secant > low.step {
                    secant.clamp(near, far)
                } else {
                    far
                };
                continue;
            }
        }
        if let Some(high) = high {
            step = between(low, high);
            if (high.step - low.step).abs() <= 1e-14 * high.step.abs().max(low.step) {
                break;
            }
        }
    }
    if low.step > 0.0 {
        // Not flat enough, but lower: good enough to go on from.
        go(low.step, next)?;
        return Ok(true);
    }
    Ok(false)
}

/// The minimum of the cubic through two trials, kept off both ends.
fn between(low: Trial, high: Trial) -> f64 {
    let width = high.step - low.step;
    let theta = 3.0 * (low.value - high.value) / width + low.slope + high.slope;
    let root = (theta * theta - low.slope * high.slope)
        .sqrt()
        .copysign(width);
    let share = (root - low.slope + theta) / (2.0 * root - low.slope + high.slope);
    let share = if share.is_finite() { share } else { 0.5 };
    low.step + width * share.clamp(0.1, 0.9)
}

/// The latest steps and changes of gradient.
#[derive(Default)]
struct Memory(std::collections::VecDeque<Pair>);

struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    product: f64,
}

impl Memory {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Remembers the step between two points, unless its curvature is lost in rounding.
    fn learn(&mut self, from: &Point, to: &Point) {
        let step = minus(&to.at, &from.at);
        let change = minus(&to.gradient, &from.gradient);
        let product = dot(&step, &change);
        if product <= f64::EPSILON * dot(&change, &change) {
            return;
        }
        if self.0.len() == MEMORY {
            self.0.pop_front();
        }
        self.0.push_back(Pair {
            step,
            change,
            product,
        });
    }
    /// The two-loop recursion: minus the approximate inverse Hessian times the gradient.
    fn direction(&self, gradient: &[f64], out: &mut [f64]) {
        for (o, g) in out.iter_mut().zip(gradient) {
            *o = -g;
        }
        let mut shares = Vec::with_capacity(self.0.len());
        for pair in self.0.iter().rev() {
            let share = dot(&pair.step, out) / pair.product;
            add(out, -share, &pair.change);
            shares.push(share);
        }
        if let Some(last) = self.0.back() {
            let scale = last.product / dot(&last.change, &last.change);
            out.iter_mut().for_each(|o| *o *= scale);
        }
        for (pair, share) in self.0.iter().zip(shares.into_iter().rev()) {
            let back = dot(&pair.change, out) / pair.product;
            add(out, share - back, &pair.step);
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn add(to: &mut [f64], scale: f64, what: &[f64]) {
    for (t, w) in to.iter_mut().zip(what) {
        *t += scale * w;
    }
}

fn largest(values: &[f64]) -> f64 {
    // A NaN must not look like a small gradient.
    values.iter().fold(0.0, |m: f64, v| {
        if v.is_nan() {
            f64::INFINITY
        } else {
            m.max(v.abs())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    const SETTINGS: Settings = Settings {
        max_iterations: 500,
        gradient_tolerance: 1e-8,
        relative_reduction: 0.0,
    };

    fn run(start: Vec<f64>, settings: Settings, f: impl Fn(&[f64], &mut [f64]) -> f64) -> Minimum {
        minimise(
            start,
            settings,
            |x, g| Ok::<_, Infallible>(f(x, g)),
            |_, _| true,
        )
        .unwrap_or_else(|e| match e {})
    }

    fn rosenbrock(x: &[f64], g: &mut [f64]) -> f64 {
        let (a, b) = (x[0], x[1]);
        g[0] = -2.0 * (1.0 - a) - 400.0 * a * (b - a * a);
        g[1] = 200.0 * (b - a * a);
        (1.0 - a).powi(2) + 100.0 * (b - a * a).powi(2)
    }

    #[test]
    fn finds_the_bottom_of_a_curved_valley() {
        let end = run(vec![-1.2, 1.0], SETTINGS, rosenbrock);
        assert_eq!(end.ending, Ending::Converged);
        assert!((end.point[0] - 1.0).abs() < 1e-6 && (end.point[1] - 1.0).abs() < 1e-6);
        assert!(end.iterations < 60, "{}", end.iterations);
    }

    #[test]
    fn finds_the_bottom_of_a_badly_scaled_bowl() {
        let end = run(vec![1.0; 20], SETTINGS, |x, g| {
            let mut value = 0.0;
            for (i, x) in x.iter().enumerate() {
                let k = 10f64.powi(i as i32 % 5);
                g[i] = k * (x - i as f64);
                value += 0.5 * k * (x - i as f64).powi(2);
            }
            value
        });
        for (i, x) in end.point.iter().enumerate() {
            assert!((x - i as f64).abs() < 1e-6, "{i}: {x}");
        }
    }

    #[test]
    fn survives_a_cliff_of_infinite_values() {
        // -ln(x) + x falls towards 1 and is not defined left of 0.
        let end = run(vec![1e-3], SETTINGS, |x, g| {
            g[0] = 1.0 - 1.0 / x[0];
            if x[0] > 0.0 {
                x[0] - x[0].ln()
            } else {
                f64::NAN
            }
        });
        assert!((end.point[0] - 1.0).abs() < 1e-6, "{:?}", end);
    }

    #[test]
    fn a_point_that_is_already_flat_takes_no_iteration() {
        let end = run(vec![1.0, 1.0], SETTINGS, rosenbrock);
        assert_eq!((end.iterations, end.ending), (0, Ending::Converged));
    }

    #[test]
    fn obeys_the_limit_of_iterations_and_the_caller() {
        let few = Settings {
            max_iterations: 3,
            ..SETTINGS
        };
        let end = run(vec![-1.2, 1.0], few, rosenbrock);
        assert_eq!((end.iterations, end.ending), (3, Ending::MaxIterations));
        let end = minimise(
            vec![-1.2, 1.0],
            SETTINGS,
            |x, g| Ok::<_, Infallible>(rosenbrock(x, g)),
            |i, _| i < 2,
        )
        .unwrap_or_else(|e| match e {});
        assert_eq!((end.iterations, end.ending), (2, Ending::Stopped));
    }

    #[test]
    fn an_error_of_the_function_ends_it() {
        let end = minimise(vec![1.0], SETTINGS, |_, _| Err("no"), |_, _| true);
        assert_eq!(end.err(), Some("no"));
    }
}
