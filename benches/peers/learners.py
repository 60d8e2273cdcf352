"""The peer side of `cargo bench --bench learners`: scikit-learn and XGBoost on the same matrices.

    learners.py prepare SHARED FOLDER   writes the matrices both sides read into FOLDER
    learners.py fit LEARNER FOLDER TASK fits once or more, prints one JSON object

FOLDER/TASK_{train,test}.f32 holds the features column after column, FOLDER/TASK_{train,test}.u32
the class of each row, FOLDER/TASK.json the sizes.
"""

import json
import sys
import time

import numpy as np


def write(folder, task, train, test):
    sizes = {"features": int(train[0].shape[1]), "classes": int(train[1].max()) + 1}
    for side, (x, y) in (("train", train), ("test", test)):
        np.asarray(x, dtype="<f4").T.tofile(f"{folder}/{task}_{side}.f32")
        np.asarray(y, dtype="<u4").tofile(f"{folder}/{task}_{side}.u32")
    with open(f"{folder}/{task}.json", "w") as out:
        json.dump(sizes, out)


def read(folder, task, side):
    with open(f"{folder}/{task}.json") as f:
        features = json.load(f)["features"]
    y = np.fromfile(f"{folder}/{task}_{side}.u32", dtype="<u4")
    x = np.fromfile(f"{folder}/{task}_{side}.f32", dtype="<f4").reshape(features, len(y)).T
    return np.ascontiguousarray(x), y


def prepare(shared, folder):
    import pandas as pd

    table = pd.read_csv(f"{shared}/data/phishing_uci/phisingData.csv")
    with open(f"{shared}/baselines/phishing_split.json") as f:
        split = json.load(f)
    y = (table["Result"] == -1).to_numpy()
    x = table.drop(columns="Result").to_numpy(dtype="f4")
    write(folder, "phishing", *((x[split[s]], y[split[s]]) for s in ("train", "test")))

    # The .txt files were decompressed into FOLDER beforehand.
    tables = [pd.read_csv(f"{folder}/KDD{s}+.txt", header=None) for s in ("Train", "Test")]
    columns = [[], []]
    for field in range(41):
        values = sorted(tables[0][field].unique()) if field in (1, 2, 3) else [None]
        for value in values:
            for out, t in zip(columns, tables):
                out.append((t[field] if value is None else t[field] == value).to_numpy(dtype="f4"))
    write(
        folder,
        "nsl_kdd",
        *((np.column_stack(c), (t[41] != "normal").to_numpy()) for c, t in zip(columns, tables)),
    )


def learner(name):
    """Library defaults, one thread, seed 42."""
    if name == "logistic_regression":
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    if name == "decision_tree":
        from sklearn.tree import DecisionTreeClassifier

        return DecisionTreeClassifier(random_state=42)
    if name == "random_forest":
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(random_state=42, n_jobs=1)
    if name == "adaboost":
        from sklearn.ensemble import AdaBoostClassifier

        return AdaBoostClassifier(random_state=42)
    if name == "xgboost":
        from xgboost import XGBClassifier

        return XGBClassifier(n_estimators=100, random_state=42, n_jobs=1)
    sys.exit(f"no learner {name}")


def fit(name, folder, task):
    x, y = read(folder, task, "train")
    fits, cpu = 0, 0.0
    # A single short fit is finer than a clock; ours does the same.
    while cpu < 0.5:
        model = learner(name)
        start = time.process_time()
        model.fit(x, y)
        cpu += time.process_time() - start
        fits += 1
    with open("/proc/self/status") as f:
        peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
    x, y = read(folder, task, "test")
    accuracy = float((model.predict(x) == y).mean())
    print(json.dumps({"cpu": cpu / fits, "peak_kb": peak, "accuracy": accuracy}))


if __name__ == "__main__":
    {"prepare": prepare, "fit": fit}[sys.argv[1]](*sys.argv[2:])
