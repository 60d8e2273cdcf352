//! "Did you mean": the nearest known name to a wrong one.

/// The known name nearest to `wrong`, if one is near enough to be worth saying.
///
/// Case and surrounding blanks do not count as differences. At most a third of the letters, and
/// at least two, may differ; a name that begins with the wrong one is near as well.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = wrong.trim().to_lowercase();
    known
        .into_iter()
        .filter_map(|name| {
            let candidate = name.trim().to_lowercase();
            let distance = strsim::damerau_levenshtein(&folded, &candidate);
            let near = distance <= 2.max(candidate.chars().count() / 3)
                && distance < candidate.chars().count();
            let begins = folded.len() >= 3 && candidate.starts_with(&folded);
            (near || begins).then_some((if begins { distance.min(2) } else { distance }, name))
        })
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_typing_errors_and_beginnings_and_nothing_else() {
        let known = ["src_bytes", "dst_bytes", "duration", "label"];
        assert_eq!(nearest("src_byte", known), Some("src_bytes"));
        assert_eq!(nearest("DURATON", known), Some("duration"));
        assert_eq!(nearest("dur", known), Some("duration"));
        assert_eq!(nearest("zzzzzz", known), None);
        assert_eq!(nearest("q", ["ab"]), None);
    }
}
