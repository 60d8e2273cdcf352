"""Exact peer figures on a small made-up set: shallow trees and AdaBoost of scikit-learn.

    python benches/peers/sklearn_small.py tests/oracles/sklearn_small.json

The values are distinct and the trees shallow, so that no two splits tie: the script checks that
twenty seeds give the same tree. Features, thresholds, probabilities and importances must then agree
split by split, not only on average.
"""

import json
import sys

import numpy as np
import sklearn
from sklearn.ensemble import AdaBoostClassifier
from sklearn.tree import DecisionTreeClassifier


def data():
    state = 12345
    cells = []
    for _ in range(300 * 4):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        cells.append((state >> 40) / 2**24 * 10 - 5)
    x = np.array(cells).reshape(300, 4).astype(np.float32)
    noise = (np.arange(300) * 7919) % 11
    y = np.where(noise == 0, 2, np.where(x[:, 0] + x[:, 1] ** 2 / 4 > 1.5, 1, 0))
    y = np.where((x[:, 2] > 2.5) & (noise < 8), 2, y)
    weights = (1 + (np.arange(300) % 5)) / 4
    return x, y, weights.astype(np.float32)


def tree_form(tree):
    t = tree.tree_
    return {
        "feature": [int(f) if f >= 0 else -1 for f in t.feature],
        "threshold": [float(v) for v in t.threshold],
        "left": [int(v) for v in t.children_left],
        "right": [int(v) for v in t.children_right],
        "importances": tree.feature_importances_.tolist(),
    }


def main():
    x, y, weights = data()
    cases = []
    for name, classes in (("three classes", y), ("binary", (y > 0).astype(int))):
        for criterion in ("gini", "entropy"):
            for weighted in (False, True):
                for depth, leaf in ((2, 1), (3, 12)):
                    trees = [
                        DecisionTreeClassifier(
                            criterion=criterion, max_depth=depth, min_samples_leaf=leaf, random_state=seed
                        ).fit(x, classes, weights if weighted else None)
                        for seed in range(20)
                    ]
                    tree = trees[0]
                    assert all(tree_form(t)["feature"] == tree_form(tree)["feature"] for t in trees)
                    cases.append(
                        {
                            "learner": "decision_tree",
                            "case": name,
                            "criterion": criterion,
                            "weighted": weighted,
                            "max_depth": depth,
                            "min_samples_leaf": leaf,
                            "tree": tree_form(tree),
                            "proba": tree.predict_proba(x[:40]).tolist(),
                        }
                    )
        for rate, depth in ((1.0, 1), (0.5, 2)):
            for weighted in (False, True):
                model = AdaBoostClassifier(
                    DecisionTreeClassifier(max_depth=depth),
                    n_estimators=12,
                    learning_rate=rate,
                    random_state=0,
                ).fit(x, classes, weights if weighted else None)
                cases.append(
                    {
                        "learner": "adaboost",
                        "case": name,
                        "weighted": weighted,
                        "learning_rate": rate,
                        "max_depth": depth,
                        "rounds": 12,
                        "weights": model.estimator_weights_.tolist(),
                        "importances": model.feature_importances_.tolist(),
                        "proba": model.predict_proba(x[:40]).tolist(),
                    }
                )
    result = {
        "command": "python benches/peers/sklearn_small.py tests/oracles/sklearn_small.json",
        "versions": {"scikit-learn": sklearn.__version__, "numpy": np.__version__},
        "x": [[float(v) for v in row] for row in x],
        "y": y.tolist(),
        "row_weights": [float(w) for w in weights],
        "cases": cases,
    }
    with open(sys.argv[1], "w") as file:
        json.dump(result, file)
        file.write("\n")


if __name__ == "__main__":
    main()
