"""Peer figures for our trees: mean and standard deviation over seeds 0..9 of scikit-learn's
DecisionTreeClassifier, RandomForestClassifier(100) and AdaBoostClassifier(50).

    OMP_NUM_THREADS=1 python benches/peers/sklearn_seeds.py ../shared tests/oracles/sklearn_seeds.json

The first argument is the folder that holds data/ and baselines/; the second is the JSON to write
(rewritten after every task, so that a broken run leaves what there is). Needs scikit-learn, pandas
and zstandard. Symbolic columns are one-hot encoded on the train rows, an unknown value becomes all
zeroes; numbers are f32 and not scaled. Phishing: positive = -1. NSL-KDD: the official split,
attack against normal, and five classes (f1 and roc_auc are macro averages, roc_auc one-vs-rest).
"""

import json
import platform
import sys
import time

import numpy as np
import pandas as pd
import sklearn
from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from sklearn.tree import DecisionTreeClassifier

SEEDS = range(10)
SYMBOLIC = [1, 2, 3]
FAMILIES = {
    "dos": "back land neptune pod smurf teardrop apache2 udpstorm processtable mailbomb",
    "probe": "satan ipsweep nmap portsweep mscan saint",
    "r2l": "guess_passwd ftp_write imap phf multihop warezmaster warezclient spy xlock xsnoop"
    " snmpguess snmpgetattack sendmail named worm",
    "u2r": "buffer_overflow loadmodule rootkit perl sqlattack xterm ps httptunnel",
}
CLASSES = ["normal", "dos", "probe", "r2l", "u2r"]


def phishing(shared):
    table = pd.read_csv(f"{shared}/data/phishing_uci/phisingData.csv")
    with open(f"{shared}/baselines/phishing_split.json") as file:
        split = json.load(file)
    x = table.iloc[:, :-1].to_numpy(np.float32)
    y = (table.iloc[:, -1].to_numpy() == -1).astype(int)
    train, test = split["train"], split["test"]
    return x[train], y[train], x[test], y[test]


def nsl(shared):
    read = lambda name: pd.read_csv(f"{shared}/data/nsl_kdd/{name}.txt.zst", header=None)
    train, test = read("KDDTrain+"), read("KDDTest+")
    numbers = [c for c in range(41) if c not in SYMBOLIC]
    sides = []
    for table in (train, test):
        blocks = [table[numbers].to_numpy(np.float32)]
        for column in SYMBOLIC:
            values = sorted(train[column].unique())
            cells = table[column].to_numpy()[:, None]
            blocks.append((cells == np.array(values, dtype=object)[None, :]).astype(np.float32))
        sides.append(np.hstack(blocks))
    family = {"normal": "normal"}
    for name, attacks in FAMILIES.items():
        family.update(dict.fromkeys(attacks.split(), name))
    codes = [table[41].map(family).map(CLASSES.index).to_numpy() for table in (train, test)]
    return sides[0], codes[0], sides[1], codes[1]


def measure(make, task):
    x, y, x_test, y_test = task
    rows = {"accuracy": [], "f1": [], "roc_auc": [], "fit_cpu_s": []}
    for seed in SEEDS:
        start = time.process_time()
        model = make(seed).fit(x, y)
        rows["fit_cpu_s"].append(time.process_time() - start)
        p = model.predict_proba(x_test)
        label = model.classes_[p.argmax(axis=1)]
        binary = p.shape[1] == 2
        rows["accuracy"].append(accuracy_score(y_test, label))
        rows["f1"].append(f1_score(y_test, label, average="binary" if binary else "macro"))
        rows["roc_auc"].append(
            roc_auc_score(y_test, p[:, 1])
            if binary
            else roc_auc_score(y_test, p, multi_class="ovr", average="macro")
        )
    return {
        key: {"mean": float(np.mean(v)), "sd": float(np.std(v, ddof=1)), "values": list(map(float, v))}
        for key, v in rows.items()
    }


def main():
    shared, out = sys.argv[1], sys.argv[2]
    x, y, x_test, y_test = nsl(shared)
    tasks = {
        "phishing": phishing(shared),
        "nsl_binary": (x, (y > 0).astype(int), x_test, (y_test > 0).astype(int)),
        "nsl_5": (x, y, x_test, y_test),
    }
    models = {
        "decision_tree": lambda s: DecisionTreeClassifier(random_state=s),
        "adaboost": lambda s: AdaBoostClassifier(n_estimators=50, random_state=s),
        "random_forest": lambda s: RandomForestClassifier(100, random_state=s, n_jobs=1),
    }
    result = {
        "command": "OMP_NUM_THREADS=1 python benches/peers/sklearn_seeds.py ../shared"
        " tests/oracles/sklearn_seeds.json",
        "versions": {
            "python": platform.python_version(),
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
            "pandas": pd.__version__,
        },
        "seeds": list(SEEDS),
        "tasks": {name: {} for name in tasks},
    }
    for model, make in models.items():
        for name, task in tasks.items():
            figures = measure(make, task)
            result["tasks"][name][model] = figures
            for key in ("accuracy", "f1", "roc_auc", "fit_cpu_s"):
                print(f"{name:11} {model:14} {key:9} mean {figures[key]['mean']:.5f}"
                      f" sd {figures[key]['sd']:.5f}", flush=True)
            with open(out, "w") as file:
                json.dump(result, file, indent=1)
                file.write("\n")


if __name__ == "__main__":
    main()
