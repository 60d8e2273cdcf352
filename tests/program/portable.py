"""Predicts with exported models and compares with what netsec predicts.

Usage: portable.py FOLDER. Each folder in FOLDER holds `model.onnx`, `MLmodel` and so on, as
written by `netsec export --format mlflow`; beside them `expected.csv` with netsec's own label,
score and probabilities, and `rows` with the name of a table in FOLDER. Of XGBoost also `model.ubj`,
`model.json`, and the matrix with netsec's probabilities in raw 32-bit and 64-bit floats.
Prints one JSON document: a summary by folder.
"""

import json
import logging
import pathlib
import sys
import warnings

import numpy
import onnx
import onnxruntime
import pandas

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
NUMPY_TYPES = {"tensor(double)": numpy.float64, "tensor(string)": object}


def differences(found, expected):
    """Rows with another label, and the largest difference of a number."""
    label, *numbers = expected.columns
    labels = int((found[label].astype(str) != expected[label]).sum())
    largest = max(float((found[c] - expected[c]).abs().max()) for c in numbers)
    if any(found[c].isna().any() for c in numbers):
        largest = float("inf")
    return {"rows": len(found), "other_labels": labels, "largest_difference": largest}


def by_onnx(folder, rows, expected):
    path = str(folder / "model.onnx")
    onnx.checker.check_model(path, full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feed = {
        i.name: numpy.array(rows[i.name], dtype=NUMPY_TYPES[i.type]) for i in session.get_inputs()
    }
    names = [o.name for o in session.get_outputs()]
    found = pandas.DataFrame(dict(zip(names, session.run(names, feed))))
    assert list(found.columns) == list(expected.columns), found.columns
    # A row for itself, and no row at all.
    one = session.run(names, {name: values[:1] for name, values in feed.items()})
    assert one[0][0] == found[names[0]][0], one
    none = session.run(names, {name: values[:0] for name, values in feed.items()})
    assert all(len(values) == 0 for values in none), none
    return differences(found, expected)


def by_mlflow(folder, table, expected):
    import mlflow

    model = mlflow.pyfunc.load_model(str(folder))
    # As a CSV comes: whole numbers, numbers, texts, gaps.
    rows = pandas.read_csv(table)[:1000]
    found = pandas.DataFrame(model.predict(rows))
    example = json.loads((folder / "serving_input_example.json").read_text())["dataframe_split"]
    example = pandas.DataFrame(example["data"], columns=example["columns"])
    assert len(pandas.DataFrame(model.predict(example))) == len(example)
    return differences(found, expected[:1000])


def by_xgboost(folder):
    import xgboost

    result = {}
    for name in ["model.ubj", "model.json"]:
        model = xgboost.Booster(model_file=str(folder / name))
        features = json.loads(model.attr("netsec.features"))
        matrix = numpy.fromfile(folder / "matrix.f32", dtype="<f4").reshape(len(features), -1).T
        expected = numpy.fromfile(folder / "probabilities.f64", dtype="<f8")
        expected = expected.reshape(len(matrix), -1)
        found = model.predict(xgboost.DMatrix(matrix)).astype(numpy.float64)
        if found.ndim == 1:
            expected = expected[:, 1]
        result[name] = float(abs(found - expected).max())
    return result


summary = {}
top = pathlib.Path(sys.argv[1])
for folder in sorted(p for p in top.iterdir() if p.is_dir()):
    table = top / (folder / "rows").read_text()
    rows = pandas.read_csv(table, keep_default_na=False, na_values=[""])
    expected = pandas.read_csv(folder / "expected.csv", float_precision="round_trip", dtype=str)
    label, *numbers = expected.columns
    expected[numbers] = expected[numbers].astype(float)
    summary[folder.name] = {"onnx": by_onnx(folder, rows, expected)}
    if "--mlflow" in sys.argv:
        summary[folder.name]["mlflow"] = by_mlflow(folder, table, expected)
    if (folder / "model.ubj").exists():
        summary[folder.name]["xgboost"] = by_xgboost(folder)
json.dump(summary, sys.stdout)
