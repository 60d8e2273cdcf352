"""The peer side of `cargo bench --bench browser`: the same file, the same questions.

    browser.py duckdb|visidata FILE   prints one JSON object of milliseconds

DuckDB is asked with SQL, with two threads. VisiData loads a file whole and its batch mode always
writes what it loaded, so nothing of it is comparable one to one: it is timed over the file's first
200,000 rows as CSV.
"""

import json
import os
import subprocess
import sys
import tempfile
import time


def peak_mb(key="VmHWM"):
    with open("/proc/self/status") as f:
        return next(float(line.split()[1]) for line in f if line.startswith(key + ":")) / 1e3


def timed(work):
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e3


def percentile(values, q):
    values = sorted(values)
    return values[max(0, int(-(-q * len(values) // 1)) - 1)]


def duckdb_figures(path):
    import duckdb

    said = {}
    begun = time.perf_counter()
    db = duckdb.connect(config={"threads": 2})
    source = f"read_parquet('{path}')"
    names = [row[0] for row in db.execute(f"describe select * from {source}").fetchall()][:12]
    shown = ", ".join(f'"{n}"' for n in names)
    ask = lambda text: db.execute(text).fetchall()
    ask(f"select {shown} from {source} limit 60")
    said["first_rows"] = (time.perf_counter() - begun) * 1e3
    rows = ask(f"select count(*) from {source}")[0][0]

    def page(first):
        return timed(
            lambda: ask(
                f"select {shown} from read_parquet('{path}', file_row_number = true) "
                f"where file_row_number between {first} and {first + 59}"
            )
        )

    said["flip_next_p99"] = percentile([page(i * 60) for i in range(100)], 0.99)
    anywhere = [page(((i * 0x9E3779B97F4A7C15) % 2**64 >> 11) % rows) for i in range(100)]
    said["flip_anywhere_p50"] = percentile(anywhere, 0.5)
    said["flip_anywhere_p99"] = percentile(anywhere, 0.99)
    numbered = f"read_parquet('{path}', file_row_number = true)"
    said["filter"] = timed(
        lambda: db.execute(
            f"create temp table f as select file_row_number from {numbered} "
            "where bytes_03 > 45000 and service = 'http'"
        )
    )
    said["sort"] = timed(
        lambda: db.execute(
            f"create temp table s as select file_row_number from {numbered} "
            "order by rate_05 desc nulls last"
        )
    )
    said["sorted_first"] = timed(
        lambda: ask(f"select {shown} from {source} order by rate_05 desc nulls last limit 60")
    )
    said["sort_text"] = timed(
        lambda: db.execute(
            f"create temp table t as select file_row_number from {numbered} "
            "order by source desc nulls last"
        )
    )
    said["facet"] = timed(
        lambda: ask(f"select service, count(*) from {source} group by service order by 2 desc")
    )
    said["peak_mb"] = peak_mb()
    return said


def visidata_figures(path):
    import pyarrow
    import pyarrow.csv
    import pyarrow.parquet

    with tempfile.TemporaryDirectory() as folder:
        some = os.path.join(folder, "some.csv")
        parquet = pyarrow.parquet.ParquetFile(path)
        batch = next(parquet.iter_batches(batch_size=200_000))
        # The CSV writer knows no views of texts.
        plain = [
            f.with_type(pyarrow.string()) if pyarrow.types.is_string_view(f.type) else f
            for f in batch.schema
        ]
        table = pyarrow.Table.from_batches([batch]).cast(pyarrow.schema(plain))
        pyarrow.csv.write_csv(table, some)
        out = os.path.join(folder, "out.csv")
        command = [sys.executable, "-m", "visidata", "--batch", some, "-o", out]
        begun = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return {"load_and_write": (time.perf_counter() - begun) * 1e3}


if __name__ == "__main__":
    way, path = sys.argv[1:]
    print(json.dumps(duckdb_figures(path) if way == "duckdb" else visidata_figures(path)))
