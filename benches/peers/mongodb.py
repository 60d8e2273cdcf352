"""The peer side of `cargo bench --bench mongodb`: the same collection into a table in Python.

    mongodb.py arrow|pandas DATABASE COLLECTION   prints one JSON object

The address is in MONGODB_URI. `arrow` is pymongoarrow (into Polars where it is installed, else
into an Arrow table), `pandas` is pymongo's documents into a pandas table.
"""

import json
import os
import sys
import time


def memory(key):
    with open("/proc/self/status") as f:
        return next(float(line.split()[1]) for line in f if line.startswith(key + ":"))


def main():
    way, database, collection = sys.argv[1:]
    from pymongo import MongoClient

    if way == "arrow":
        import pyarrow
        from pymongoarrow.api import Schema, find_arrow_all

        try:
            import polars  # noqa: F401
            from pymongoarrow.api import find_polars_all as find_all
        except ImportError:
            find_all = find_arrow_all
    else:
        import pandas

    before = memory("VmRSS")
    begun = time.perf_counter()
    client = MongoClient(os.environ["MONGODB_URI"])
    flows = client[database][collection]
    if way == "arrow":
        fields = {f"count_{i:02}": pyarrow.int32() for i in range(25)}
        fields |= {f"rate_{i:02}": pyarrow.float64() for i in range(12)}
        fields |= {f"kind_{i:02}": pyarrow.string() for i in range(4)}
        fields["label"] = pyarrow.string()
        table = find_all(flows, {}, schema=Schema(fields), sort=[("_id", 1)], batch_size=20_000)
        rows = len(table)
    else:
        table = pandas.DataFrame(list(flows.find({}, {"_id": 0}).sort("_id", 1).batch_size(20_000)))
        rows = len(table)
    seconds = time.perf_counter() - begun
    print(
        json.dumps(
            {"rows": rows, "seconds": seconds, "peak_kb": memory("VmHWM"), "before_kb": before}
        )
    )


main()
