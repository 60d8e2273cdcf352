"""Writes tests/oracles/metrics.json: scikit-learn's figures for made-up rows.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install scikit-learn
    /tmp/venv/bin/python benches/peers/metrics_oracle.py > tests/oracles/metrics.json

Probabilities are multiples of 1/256, so that they are exact in any JSON reader and rows sum to 1.
Undefined figures are null, as in our JSON, where scikit-learn warns and gives 0 or NaN.
"""

import json
import sys
import warnings

import numpy as np
import sklearn
from sklearn import metrics as m

warnings.simplefilter("ignore")
UNIT = 256


def rows_of(rng, truth, classes, sharpness, levels=None):
    """Probabilities in units of 1/256 that lean towards the truth; few `levels` make ties."""
    out = []
    for t in truth:
        raw = rng.gamma(1.0, size=classes)
        raw[t] += sharpness * rng.random()
        units = np.floor(raw / raw.sum() * UNIT).astype(int)
        if levels:
            units = units // (UNIT // levels) * (UNIT // levels)
        units[int(np.argmax(units))] += UNIT - units.sum()
        out.append(units.tolist())
    return out


def figures(truth, proba, classes):
    truth = np.array(truth)
    p = np.array(proba) / UNIT
    predicted = p.argmax(axis=1)
    present = sorted(set(truth))
    binary = classes == 2
    support = {c: int((truth == c).sum()) for c in range(classes)}
    guessed = {c: int((predicted == c).sum()) for c in range(classes)}

    def per_class(function, c, defined):
        return float(function(truth, predicted, labels=[c], average="macro")) if defined else None

    classwise = [
        {
            "precision": per_class(m.precision_score, c, guessed[c] > 0),
            "recall": per_class(m.recall_score, c, support[c] > 0),
            "f1": per_class(m.f1_score, c, guessed[c] + support[c] > 0),
        }
        for c in range(classes)
    ]

    def headline(name, function):
        if binary:
            return classwise[1][name]
        return float(function(truth, predicted, average="macro"))

    def area(function, c):
        return float(function((truth == c).astype(int), p[:, c]))

    ranked = [c for c in present if support[c] < len(truth)]
    if binary:
        roc = area(m.roc_auc_score, 1) if len(present) == 2 else None
        pr = area(m.average_precision_score, 1) if 1 in present else None
    else:
        roc = float(np.mean([area(m.roc_auc_score, c) for c in ranked])) if ranked else None
        pr = float(np.mean([area(m.average_precision_score, c) for c in ranked])) if ranked else None
    ones = np.ones(len(truth))
    names = list(range(classes))
    out = {
        "accuracy": float(m.accuracy_score(truth, predicted, sample_weight=ones)),
        "precision": headline("precision", m.precision_score),
        "recall": headline("recall", m.recall_score),
        "f1": headline("f1", m.f1_score),
        "macro_f1": float(m.f1_score(truth, predicted, average="macro")),
        "weighted_f1": float(m.f1_score(truth, predicted, average="weighted", sample_weight=ones)),
        "roc_auc": roc,
        "pr_auc": pr,
        "log_loss": float(m.log_loss(truth, p, labels=names, sample_weight=ones)),
        "brier": float(
            m.brier_score_loss(truth, p[:, 1], pos_label=1)
            if binary
            else m.brier_score_loss(truth, p, labels=names)
        ),
        "confusion": m.confusion_matrix(truth, predicted, labels=names).tolist(),
        "per_class": classwise,
    }
    if classes > 2 and len(present) == classes:
        # The one call that scikit-learn has for this must agree with the mean above.
        assert abs(m.roc_auc_score(truth, p, multi_class="ovr", average="macro") - roc) < 1e-12
    if binary and len(present) == 2:
        fpr, tpr, _ = m.roc_curve(truth, p[:, 1], drop_intermediate=False)
        precision, recall, _ = m.precision_recall_curve(truth, p[:, 1])
        out["roc_curve"] = [fpr.tolist(), tpr.tolist()]
        out["pr_curve"] = [recall[::-1].tolist(), precision[::-1].tolist()]
    return out


def main():
    rng = np.random.default_rng(20261122)
    cases = []

    def add(name, truth, proba, classes):
        truth = [int(t) for t in truth]
        cases.append(
            {
                "name": name,
                "classes": classes,
                "truth": truth,
                "units": [u for row in proba for u in row],
                "expected": figures(truth, proba, classes),
            }
        )

    truth = rng.integers(0, 2, 60)
    add("binary", truth, rows_of(rng, truth, 2, 2.0), 2)
    truth = (rng.random(80) < 0.1).astype(int)
    truth[0] = 1
    add("binary, rare threat", truth, rows_of(rng, truth, 2, 1.0), 2)
    truth = rng.integers(0, 2, 60)
    add("binary, many ties", truth, rows_of(rng, truth, 2, 1.0, levels=4), 2)
    add("binary, all tied", [0, 1, 1, 0, 1], [[128, 128]] * 5, 2)
    add("binary, certain and wrong", [0, 1, 1, 0], [[0, 256], [256, 0], [0, 256], [256, 0]], 2)
    add("binary, perfect", [0, 1, 1, 0], [[256, 0], [0, 256], [10, 246], [200, 56]], 2)
    add("binary, harmless only", [0, 0, 0], [[200, 56], [100, 156], [250, 6]], 2)
    add("binary, threats only", [1, 1, 1], [[200, 56], [100, 156], [25, 231]], 2)
    add("binary, nothing predicted", [0, 1, 0], [[200, 56], [150, 106], [250, 6]], 2)
    truth = rng.integers(0, 5, 90)
    add("five classes", truth, rows_of(rng, truth, 5, 4.0), 5)
    truth = rng.choice(5, 90, p=[0.6, 0.25, 0.1, 0.04, 0.01])
    add("five classes, rare ones", truth, rows_of(rng, truth, 5, 2.0), 5)
    truth = rng.choice([0, 1, 3], 60)
    add("five classes, two absent", truth, rows_of(rng, truth, 5, 3.0), 5)
    truth = rng.integers(0, 3, 60)
    add("three classes, ties", truth, rows_of(rng, truth, 3, 1.0, levels=8), 3)
    add("three classes, one occurs", [1, 1, 1], rows_of(rng, [1, 1, 1], 3, 1.0), 3)
    json.dump({"scikit_learn": sklearn.__version__, "cases": cases}, sys.stdout)
    print()


main()
