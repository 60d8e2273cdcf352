//! Cross-validates, selects and fits the learners on the train split.
