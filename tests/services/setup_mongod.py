"""What is done to a mongod through a driver; the request is JSON on standard input, the passwords
too, so that they stand in no process list.

{"do": "initiate", "port": P, "set": "rs0" | null, "tls_ca": PATH | null, "users": [{"name", "password", "roles"}]}
    initiates the replica set, waits for its primary, makes the users (the first one is root)
{"do": "wait", ...}       waits until the server takes writes
{"do": "stepdown", ...}   the primary steps down and is elected again
"""

import json
import sys
import time

import pymongo
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError


def connect(request: dict, user: dict | None) -> pymongo.MongoClient:
    options: dict = {"directConnection": True, "serverSelectionTimeoutMS": 60_000}
    if request["tls_ca"]:
        options |= {"tls": True, "tlsCAFile": request["tls_ca"]}
    if user:
        options |= {"username": user["name"], "password": user["password"], "authSource": "admin"}
    return pymongo.MongoClient("127.0.0.1", request["port"], **options)


def wait_writable(client: pymongo.MongoClient) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            if client.admin.command("hello").get("isWritablePrimary"):
                return
        except PyMongoError:
            if time.monotonic() > end:
                raise
        if time.monotonic() > end:
            raise SystemExit("mongod did not become writable within a minute")
        time.sleep(0.05)


def initiate(request: dict) -> None:
    client = connect(request, None)
    if request["set"]:
        member = {"_id": 0, "host": f"127.0.0.1:{request['port']}"}
        # A short election: a single member has nobody to wait for.
        config = {"_id": request["set"], "members": [member], "settings": {"electionTimeoutMillis": 1000}}
        client.admin.command("replSetInitiate", config)
    wait_writable(client)
    # Without users yet, a client on loopback may make the first one.
    root, *others = request["users"]
    client.admin.command("createUser", root["name"], pwd=root["password"], roles=root["roles"])
    admin = connect(request, root).admin
    for user in others:
        admin.command("createUser", user["name"], pwd=user["password"], roles=user["roles"])


def stepdown(request: dict) -> None:
    client = connect(request, request["users"][0])
    try:
        client.admin.command("replSetStepDown", 2, force=True)
    except (AutoReconnect, OperationFailure) as e:
        if isinstance(e, OperationFailure) and e.code not in (189, 11602, 91):
            raise
    wait_writable(client)


def main() -> None:
    request = json.load(sys.stdin)
    match request["do"]:
        case "initiate":
            initiate(request)
        case "wait":
            wait_writable(connect(request, None))
        case "stepdown":
            stepdown(request)
        case other:
            raise SystemExit(f"unknown request {other}")


if __name__ == "__main__":
    main()
