//! Between two steps of a push. Tests end a push here, as a crash would; the program passes
//! through.

use super::object_store::ObjectError;

/// Passes through, unless a test wants the push to end here.
#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "the form tests compile can fail")]
pub(crate) fn crash_point(_step: &str) -> Result<(), ObjectError> {
    Ok(())
}

#[cfg(test)]
pub(crate) use testing::crash_point;

#[cfg(test)]
pub(crate) mod testing {
    use std::cell::RefCell;

    use super::ObjectError;

    #[derive(Default)]
    struct Plan {
        passed: Vec<String>,
        end_at: Option<usize>,
    }

    thread_local! {
        static PLAN: RefCell<Plan> = RefCell::default();
    }

    pub(crate) fn crash_point(step: &str) -> Result<(), ObjectError> {
        PLAN.with_borrow_mut(|plan| {
            plan.passed.push(step.to_owned());
            if plan.end_at == Some(plan.passed.len()) {
                return Err(ObjectError::Internal(format!("ended {step}")));
            }
            Ok(())
        })
    }

    /// Runs something that ends at its `end_at`-th point (from 1), if it comes so far. Returns
    /// what it gave and the points it passed.
    pub(crate) fn ending_at<T>(end_at: Option<usize>, run: impl FnOnce() -> T) -> (T, Vec<String>) {
        PLAN.with_borrow_mut(|plan| {
            *plan = Plan {
                passed: Vec::new(),
                end_at,
            }
        });
        let result = run();
        let passed = PLAN.with_borrow_mut(|plan| {
            plan.end_at = None;
            std::mem::take(&mut plan.passed)
        });
        (result, passed)
    }
}
