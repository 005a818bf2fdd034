"""Loads the table that `amanah sweep` wrote, with pandas, DuckDB and Polars, and holds that all see the same, in both forms."""

import base64
import json
import math
import sys
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq

sweep = Path(sys.argv[1])
manifest = json.loads((sweep / "sweep.json").read_text())

# A line each, as in sim/docs/how-to-read-results.md.
table = pd.read_parquet(sweep / "results.parquet")
in_polars = pl.read_parquet(sweep / "results.parquet")
in_duckdb = duckdb.sql(f"select * from '{sweep}/results.parquet'").df()
text = pd.read_csv(sweep / "results.csv")

assert len(table) == len(in_polars) == len(in_duckdb) == len(text) > 0
assert list(table.columns) == in_polars.columns == list(in_duckdb.columns) == list(text.columns)
for name in ["run_id", "cell", "seed", "exit_code", "metric", "unit", *[c for c in table if c.startswith("axis_")]]:
    for other in (in_polars[name].to_list(), in_duckdb[name].tolist(), text[name].tolist()):
        assert table[name].tolist() == other, name
same = lambda a, b: (pd.isna(a) and pd.isna(b)) or a == b or math.isclose(a, b, rel_tol=1e-12)
assert all(map(same, table.value, text.value)) and all(map(same, table.value, in_duckdb.value))

# Every run of the manifest is there, and what the file's metadata says of its columns is so.
assert table.drop_duplicates("run_id").run_id.tolist() == [run["run_id"] for run in manifest["runs"]]
facts = {key.decode(): value.decode() for key, value in pq.read_metadata(sweep / "results.parquet").metadata.items()}
axes = json.loads(facts["amanah.axes"])
assert [axes[c] for c in table if c.startswith("axis_")] == [axis["path"] for axis in manifest["axes"]]
assert facts["amanah.schema_version"] == "1"

# A distribution is a row without a value, the same bytes in both forms.
distributions = table[table.hdr.notna()]
assert distributions.value.isna().all() and "share.latency" in set(distributions.metric)
assert [base64.b64decode(cell) for cell in text.hdr.dropna()] == distributions.hdr.tolist()

# What a sweep is for: a metric over its axes.
axis = next(c for c in table if c.startswith("axis_"))
p99 = in_polars.filter(pl.col("metric") == "share.latency.p99").group_by(axis).agg(pl.col("value").median()).sort(axis)
asked = f"select {axis}, median(value) as value from '{sweep}/results.parquet' where metric = 'share.latency.p99' group by 1 order by 1"
assert p99["value"].to_list() == duckdb.sql(asked).df().value.tolist() and (p99["value"] > 0).all()

print(f"{sweep}: {len(table)} rows of {table.run_id.nunique()} runs: pandas, DuckDB and Polars agree")
