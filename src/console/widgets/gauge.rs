//! A bar of `#` and `.` for a share between 0 and 1.

/// Returns the bar, `width` characters wide. It is full only at 1.
pub fn gauge(share: f64, width: usize) -> String {
    let share = if share.is_finite() {
        share.clamp(0.0, 1.0)
    } else {
        0.0
    };
    let filled = (share * width as f64).floor() as usize;
    "#".repeat(filled.min(width)) + &".".repeat(width - filled.min(width))
}

#[cfg(test)]
mod tests {
    use super::gauge;

    #[test]
    fn the_bar_is_full_only_at_one() {
        assert_eq!(gauge(0.0, 4), "....");
        assert_eq!(gauge(0.99, 4), "###.");
        assert_eq!(gauge(1.0, 4), "####");
        assert_eq!(gauge(f64::NAN, 4), "....");
        assert_eq!(gauge(7.0, 0), "");
    }
}
