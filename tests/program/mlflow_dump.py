"""Prints what an MLflow server holds of an experiment and a registered model, as one JSON document
with the ids that the server made up replaced by idempotency keys: equal dumps, equal content.

    python mlflow_dump.py EXPERIMENT MODEL [EXPERIMENT MODEL ...]

With NETSEC_DUMP=light metrics are named without their history and files without their hash: a
server that checks a password takes its time over every request.
"""

import hashlib
import json
import os
import pathlib
import sys
import tempfile

import mlflow
from mlflow.tracking import MlflowClient

KEY = "netsec.idempotency_key"
client = MlflowClient()
LIGHT = os.environ.get("NETSEC_DUMP") == "light"


def files(fetch, listing, folder=None):
    found = {}
    for entry in listing(folder):
        if entry.is_dir:
            found |= files(fetch, listing, entry.path)
        else:
            found[entry.path] = fetch(entry.path)
    return found


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def dump(experiment_name, model_name):
    experiment = client.get_experiment_by_name(experiment_name)
    if experiment is None:
        return None
    ids = [experiment.experiment_id]
    runs = list(client.search_runs(ids, max_results=1000))
    key_of = {run.info.run_id: run.data.tags.get(KEY, "?") for run in runs}
    try:
        models = list(client.search_logged_models(ids, max_results=50))
    except Exception:
        models = []
    key_of |= {model.model_id: model.tags.get(KEY, "?") for model in models}
    key_of[experiment.experiment_id] = "EXPERIMENT"

    def plain(text):
        for made_up, key in key_of.items():
            if len(made_up) > 8:
                text = text.replace(made_up, key)
        # In artifact addresses the experiment's number stands alone.
        text = text.replace(f"mlflow-artifacts:/{experiment.experiment_id}/", "mlflow-artifacts:/E/")
        return text.replace(model_name, "MODEL")

    out = {"runs": {}, "models": {}, "versions": {}, "aliases": {}}
    for run in runs:
        run_id = run.info.run_id
        if LIGHT:
            history = {name: None for name in run.data.metrics}
            top = [] if "mlflow.parentRunId" in run.data.tags else client.list_artifacts(run_id)
            folder = client.list_artifacts(run_id, "model") if any(e.path == "model" for e in top) else []
            listed = {entry.path: None for entry in [*top, *folder]}
        else:
            history = {
                name: sorted([m.step, m.timestamp, m.value] for m in client.get_metric_history(run_id, name))
                for name in run.data.metrics
            }
            with tempfile.TemporaryDirectory() as scratch:
                listed = files(
                    lambda path: sha256(client.download_artifacts(run_id, path, scratch)),
                    lambda folder: client.list_artifacts(run_id, folder),
                )
        full = client.get_run(run.info.run_id)
        outputs = getattr(full, "outputs", None)
        entry = {
            "name": run.info.run_name,
            "status": run.info.status,
            "start": run.info.start_time,
            "end": run.info.end_time,
            "tags": {k: plain(v) for k, v in run.data.tags.items()},
            "params": run.data.params,
            "metrics": history,
            "inputs": sorted(
                [i.dataset.name, i.dataset.digest, i.dataset.source_type, i.dataset.source,
                 i.dataset.schema, i.dataset.profile, sorted((t.key, t.value) for t in i.tags)]
                for i in full.inputs.dataset_inputs
            ),
            "outputs": sorted(key_of.get(o.model_id, "?") for o in (outputs.model_outputs if outputs else [])),
            "artifacts": listed,
        }
        out["runs"].setdefault(key_of[run.info.run_id], []).append(entry)
    for model in models:
        full = client.get_logged_model(model.model_id)
        entry = {
            "run": key_of.get(full.source_run_id, "?"),
            "status": str(full.status),
            "tags": {k: plain(v) for k, v in full.tags.items() if not k.startswith("mlflow.")},
            "params": full.params,
            "metrics": sorted([m.key, m.step, m.timestamp, m.value] for m in full.metrics or []),
        }
        out["models"].setdefault(key_of[model.model_id], []).append(entry)
    try:
        versions = list(client.search_model_versions(f"name='{model_name}'"))
        aliases = client.get_registered_model(model_name).aliases
    except Exception:
        versions, aliases = [], {}
    for version in versions:
        tags = {k: plain(v) for k, v in version.tags.items()}
        entry = {"source": plain(version.source), "run": key_of.get(version.run_id, "?"), "tags": tags,
                 "description": version.description, "status": version.status}
        out["versions"].setdefault(tags.get(KEY, "?"), []).append(entry)
    number = {str(v.version): v.tags.get(KEY, "?") for v in versions}
    out["aliases"] = {alias: number.get(str(v), "?") for alias, v in aliases.items()}
    return out


pairs = list(zip(sys.argv[1::2], sys.argv[2::2]))
json.dump([dump(experiment, model) for experiment, model in pairs], sys.stdout)
