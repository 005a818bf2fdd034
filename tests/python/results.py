"""Loads what `amanah run` wrote, with pandas, DuckDB and Polars, and holds that all three see the same."""

import json
import math
import sys
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl

run = Path(sys.argv[1])

# Two lines each, as in sim/docs/how-to-read-results.md.
result = json.loads((run / "result.json").read_text())
metrics = pd.DataFrame(result["metrics"]).T

series = pd.read_csv(run / "series.csv")
in_polars = pl.read_csv(run / "series.csv")
in_duckdb = duckdb.sql(f"select phase, sum(committed) as committed from '{run}/series.csv' group by phase").df()

latency = pd.read_csv(run / "transactions.latency.hgrm", sep=r"\s+", comment="#").dropna(how="all")


def value(name):
    return metrics.loc[name, "value"]


# Seconds of the measurement in every reader, and what was committed in them.
measured = series[series.phase == "measurement"]
committed = int(measured.committed.sum())
assert committed == in_polars.filter(pl.col("phase") == "measurement")["committed"].sum()
assert committed == in_duckdb.set_index("phase").committed["measurement"]
assert list(in_polars.columns) == list(series.columns)
assert series.second.tolist() == list(range(len(series)))
# All are whole numbers; latencies, in nanoseconds, are empty in seconds in which nothing ended.
latencies = [column for column in series.columns if column.endswith("_ns")]
assert len(latencies) == 4 and (series[latencies].dropna() > 0).all().all()
assert series.drop(columns=["phase", *latencies]).dtypes.map(lambda kind: kind.kind == "i").all()

# A second counts what ends in it, a metric what began in the measurement: what crosses its edges is the difference.
crossing = abs(committed - value("transactions.committed"))
assert crossing <= value("transactions.committed") * 0.5, crossing
assert metrics.unit.isin(["ns", "B", "1/s", "count", "ratio"]).all()

# The histogram's percentiles are the metrics', in milliseconds.
assert int(latency.TotalCount.iloc[-1]) == value("transactions.committed"), latency.tail(1)
for percentile, name in [(0.5, "p50"), (0.9, "p90"), (1.0, "max")]:
    row = latency[latency.Percentile >= percentile].iloc[0]
    expected = value(f"transactions.latency.{name}") / 1e6
    assert math.isclose(row.Value, expected, rel_tol=0.05), (name, row.Value, expected)

# The same question of a directory of runs.
rates = duckdb.sql(
    f"""select seed, metrics."transactions.committed.rate".value as rate
        from read_json('{run.parent}/*/result.json', union_by_name = true)"""
).df()
assert value("transactions.committed.rate") in rates.rate.to_list()

print(f"{run}: {len(metrics)} metrics, {len(series)} seconds, {len(latency)} rows of latency: pandas, DuckDB and Polars agree")
