"""A FastAPI twin of the Python original's service, without its defects that would slow it down:
the model is loaded once, not unpickled for every request.

    python3 serving.py DATA.csv LEARNER

Fits the learner on the phishing data, prints the address it will listen on, and answers
`POST /predict`: a JSON list of rows, or CSV as the body, to JSON or CSV with `predicted_label` and
`predicted_score`.
"""

import io
import socket
import sys

import pandas as pd
import uvicorn
from fastapi import FastAPI, Request, Response
from sklearn.impute import KNNImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

LABEL = "Result"


def learner(name: str):
    if name == "logistic_regression":
        return make_pipeline(KNNImputer(n_neighbors=3), StandardScaler(), LogisticRegression(max_iter=1000))
    if name == "decision_tree":
        return make_pipeline(KNNImputer(n_neighbors=3), DecisionTreeClassifier(random_state=1))
    from xgboost import XGBClassifier

    return make_pipeline(KNNImputer(n_neighbors=3), XGBClassifier(n_estimators=100, n_jobs=2))


def main() -> None:
    data = pd.read_csv(sys.argv[1])
    columns = [c for c in data.columns if c != LABEL]
    model = learner(sys.argv[2]).fit(data[columns], (data[LABEL] == -1).astype(int))
    app = FastAPI()

    @app.post("/predict")
    async def predict(request: Request) -> Response:
        body = await request.body()
        rows_as_json = request.headers.get("content-type", "").startswith("application/json")
        frame = pd.read_json(io.BytesIO(body)) if rows_as_json else pd.read_csv(io.BytesIO(body))
        score = model.predict_proba(frame[columns])[:, 1]
        frame["predicted_label"] = (score > 0.5).astype(int)
        frame["predicted_score"] = score
        if rows_as_json:
            text = frame[["predicted_label", "predicted_score"]].to_json(orient="records")
            return Response(text, media_type="application/json")
        return Response(frame.to_csv(index=False), media_type="text/csv")

    listener = socket.create_server(("127.0.0.1", 0))
    print(f"127.0.0.1:{listener.getsockname()[1]}", flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    server.run(sockets=[listener])


main()
