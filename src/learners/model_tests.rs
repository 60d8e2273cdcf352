//! Every learner through [`Model`]: files, features, missing classes, damaged bytes.

use std::fs;

use super::*;
use crate::dataset::{Labels, Matrix};
use proptest::prelude::*;

/// Learners that exist in this build.
fn specs() -> Vec<LearnerSpec> {
    let mut specs = vec![
        LearnerSpec::LogisticRegression(Default::default()),
        LearnerSpec::DecisionTree(Default::default()),
        LearnerSpec::RandomForest(RandomForestParams {
            trees: 5,
            ..Default::default()
        }),
        LearnerSpec::Adaboost(AdaboostParams {
            rounds: 5,
            ..Default::default()
        }),
        LearnerSpec::LinfaTree(Default::default()),
        LearnerSpec::LinfaLogistic(Default::default()),
    ];
    if cfg!(feature = "xgboost") {
        specs.push(LearnerSpec::Xgboost(XgboostParams {
            rounds: 5,
            ..Default::default()
        }));
    }
    specs
}

/// Noisy rows of `classes` classes; class c shifts feature c % 3.
fn data(rows: usize, classes: u32) -> (Matrix, Labels) {
    let mut state = 99u64;
    let mut draw = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f32 / (1u64 << 31) as f32
    };
    let codes: Vec<u32> = (0..rows as u32).map(|r| r % classes).collect();
    let columns = (0..3)
        .map(|f| {
            codes
                .iter()
                .map(|&c| draw() + 0.6 * f32::from(u8::from(c % 3 == f)))
                .collect()
        })
        .collect();
    let names = ["a", "b", "c"].map(String::from).to_vec();
    let labels = Labels {
        classes: (0..classes).map(|c| format!("class {c}")).collect(),
        codes,
    };
    (Matrix::from_columns(names, rows, columns), labels)
}

fn fit_on(spec: &LearnerSpec, x: &Matrix, y: &Labels, threads: usize) -> Result<Model, FitError> {
    let request = FitRequest {
        x,
        y,
        weights: &Weights::default(),
        watch: Some((x, y)),
        seed: 3,
        threads,
        control: &FitControl::new(),
        progress: &|_| {},
    };
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
        .install(|| Model::fit(spec, &request))
}

fn bytes(model: &Model) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.json");
    model.save(&path).unwrap();
    fs::read(path).unwrap()
}

#[test]
fn a_saved_model_predicts_the_same_and_saves_the_same_bytes() {
    let (x, y) = data(600, 3);
    for spec in specs() {
        let model = fit_on(&spec, &x, &y, 1).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.json");
        model.save(&path).unwrap();
        let loaded = Model::load(&path).unwrap();
        assert_eq!(loaded.learner, spec.id());
        assert_eq!(loaded.classes, y.classes);
        assert_eq!(loaded.features, x.names());
        assert_eq!(
            loaded.predict_proba(&x).unwrap(),
            model.predict_proba(&x).unwrap(),
            "{}",
            spec.id()
        );
        assert_eq!(bytes(&loaded), fs::read(&path).unwrap(), "{}", spec.id());
        assert_eq!(loaded.importances(), model.importances());
    }
}

#[test]
fn probabilities_and_importances_sum_to_one() {
    for classes in [2, 4] {
        let (x, y) = data(400, classes);
        for spec in specs() {
            let model = fit_on(&spec, &x, &y, 1).unwrap();
            let p = model.predict_proba(&x).unwrap();
            assert_eq!(p.len(), 400 * classes as usize);
            for row in p.chunks(classes as usize) {
                assert!(
                    (row.iter().sum::<f64>() - 1.0).abs() < 1e-6,
                    "{}",
                    spec.id()
                );
                assert!(row.iter().all(|p| (0.0..=1.0).contains(p)));
            }
            let sum: f64 = model.importances().iter().sum();
            assert!((sum - 1.0).abs() < 1e-9, "{}: {sum}", spec.id());
        }
    }
}

#[test]
fn a_class_without_rows_is_improbable() {
    let (x, y) = data(600, 4);
    // A fold in which class 2 has no rows.
    let kept: Vec<usize> = (0..600).filter(|r| y.codes[*r] != 2).collect();
    let (x, y) = (x.take(&kept), y.take(&kept));
    for spec in specs() {
        let p = fit_on(&spec, &x, &y, 1).unwrap().predict_proba(&x).unwrap();
        let most = p.chunks(4).map(|row| row[2]).fold(0.0, f64::max);
        assert!(most < 0.25, "{}: {most}", spec.id());
    }
}

#[test]
fn one_class_only_is_a_data_error() {
    let (x, mut y) = data(50, 2);
    y.codes.fill(1);
    for spec in specs() {
        let e = fit_on(&spec, &x, &y, 1).unwrap_err();
        assert!(matches!(e, FitError::Data { .. }));
        assert!(e.to_string().contains("class 1"), "{e}");
    }
}

#[test]
fn other_features_are_refused_by_name_and_order() {
    let (x, y) = data(60, 2);
    for spec in specs() {
        let model = fit_on(&spec, &x, &y, 1).unwrap();
        let columns = |n: usize| vec![vec![0.0; 2]; n];
        for (names, says) in [
            (vec!["a", "c", "b"], "`b`"),
            (vec!["a", "b"], "2"),
            (vec!["a", "b", "c", "d"], "4"),
        ] {
            let names: Vec<String> = names.into_iter().map(String::from).collect();
            let columns = columns(names.len());
            let other = Matrix::from_columns(names, 2, columns);
            let e = model.predict_proba(&other).unwrap_err();
            assert!(matches!(e, ModelError::Features(_)), "{e}");
            assert!(e.to_string().contains(says), "{e}");
        }
    }
}

#[test]
fn a_matrix_without_rows_has_no_probabilities() {
    let (x, y) = data(60, 2);
    for spec in specs() {
        let model = fit_on(&spec, &x, &y, 1).unwrap();
        assert_eq!(
            model.predict_proba(&x.take(&[])).unwrap(),
            Vec::<f64>::new()
        );
    }
}

#[test]
fn the_same_bytes_at_any_number_of_threads() {
    for classes in [2, 3] {
        let (x, y) = data(9000, classes);
        // Not `linfa_tree`: upstream sums over hash maps, whose order differs from run to run.
        let own = |s: &LearnerSpec| s.id() != LearnerId::LinfaTree;
        for spec in specs().into_iter().filter(own) {
            let one = bytes(&fit_on(&spec, &x, &y, 1).unwrap());
            for threads in [2, 5] {
                let more = bytes(&fit_on(&spec, &x, &y, threads).unwrap());
                assert!(one == more, "{} with {threads} threads", spec.id());
            }
        }
    }
}

#[test]
fn other_formats_and_versions_are_named() {
    let (x, y) = data(60, 2);
    let model = fit_on(&specs()[0], &x, &y, 1).unwrap();
    let text = String::from_utf8(bytes(&model)).unwrap();
    for (from, to, says) in [
        ("\"version\":1", "\"version\":2", "version is 2"),
        ("\"version\":1", "\"versions\":1", "no version"),
        ("netsec-model", "pickle", "`pickle`"),
        ("\"format\"", "\"form\"", "does not say"),
        (
            "\"learner\":\"logistic_regression\"",
            "\"learner\":\"adaboost\"",
            "adaboost",
        ),
        (
            "\"learner\":\"logistic_regression\"",
            "\"learner\":\"oracle\"",
            "oracle",
        ),
        (
            "\"class 1\"",
            "\"class 1\",\"class 2\",7",
            "expected a string",
        ),
        ("[\"class 0\",\"class 1\"]", "[\"class 0\"]", "1 classes"),
        ("[\"a\",\"b\",\"c\"]", "[\"a\",\"b\"]", "2 features"),
    ] {
        assert!(text.contains(from), "{from}");
        let e = Model::from_bytes(text.replace(from, to).as_bytes()).unwrap_err();
        assert!(e.contains(says), "{to}: {e}");
    }
    let missing = Model::load(std::path::Path::new("/does/not/exist"));
    assert!(matches!(missing, Err(ModelError::File { .. })));
}

#[cfg(not(feature = "xgboost"))]
#[test]
fn a_build_without_xgboost_says_so() {
    let (x, y) = data(60, 2);
    let e = fit_on(&LearnerSpec::Xgboost(Default::default()), &x, &y, 1).unwrap_err();
    assert!(matches!(e, FitError::Library { .. }));
    assert!(e.to_string().contains("leaves XGBoost out"), "{e}");
    let file = br#"{"format":"netsec-model","version":1,"learner":"xgboost"}"#;
    assert!(
        Model::from_bytes(file)
            .unwrap_err()
            .contains("leaves XGBoost out")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    /// Cut, flipped or overwritten, a model file is an error or a model that predicts.
    #[test]
    fn damaged_files_never_panic(
        which in 0usize..8, at in any::<prop::sample::Index>(), with in any::<u8>(), cut in any::<bool>(),
    ) {
        static FILES: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
        let files = FILES.get_or_init(|| {
            let (x, y) = data(90, 3);
            specs().iter().map(|s| bytes(&fit_on(s, &x, &y, 1).unwrap())).collect()
        });
        let mut file = files[which % files.len()].clone();
        let at = at.index(file.len());
        if cut {
            file.truncate(at);
        } else {
            // Digits are what turns sound places into places outside.
            file[at] = if file[at].is_ascii_digit() { b'0' + with % 10 } else { with };
        }
        if let Ok(model) = Model::from_bytes(&file) {
            let (x, _) = data(5, 3);
            let _ = model.predict_proba(&x);
            let _ = model.importances();
        }
    }
}

#[test]
fn a_model_with_other_numbers_of_features_and_classes_reads_back() {
    let (x, y) = data(60, 2);
    let folder = tempfile::tempdir().unwrap();
    for spec in specs() {
        let model = fit_on(&spec, &x, &y, 1).unwrap();
        let path = folder.path().join(spec.id().as_str());
        model.save(&path).unwrap();
        let back = Model::load(&path).unwrap();
        assert_eq!(
            back.predict_proba(&x).unwrap(),
            model.predict_proba(&x).unwrap(),
            "{}",
            spec.id()
        );
    }
}
