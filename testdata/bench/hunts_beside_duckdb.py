#!/usr/bin/env python3
"""What the hunts cost, as a ratio to DuckDB's time for the same SQL on the same Parquet files.

    cargo build --release
    testdata/bench/hunts_beside_duckdb.py LAKE                      every hunt that DuckDB can be asked
    testdata/bench/hunts_beside_duckdb.py LAKE --hunts refusals,blind-spots --rounds 3

Needs only what `testdata/peers/install.sh --peer readers` installs; runs itself with that Python. Hunts have the defaults of
their parameters, which is the most that they can be asked: `%` stands for every secret, principal and key. DuckDB runs the
files of queries/ with the changes of dialect that `../peers/readers.py` makes; the policy's small tables are given to it
as files. A hunt whose SQL it does not take is named and left out.

`ours` is the whole process of `snowtrail sql --hunt`, its start and the writing of CSV included; `duckdb` is the query alone, in a
session that has all views already. Rounds are interleaved and the smallest counts. `ratio` is by the clock, `cpu` by CPU
time. Where the two have not the same number of rows, the exit status is 1.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True

import ingest_cost  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "testdata/peers"))
QUERIES = ROOT / "queries"
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
MACROS = ["to_char(moment, form) AS strftime(moment, form)", "date_bin(width, moment) AS time_bucket(width, moment)"]


def main() -> int:
    args = arguments()
    run_again_with_duckdb()
    binary = ingest_cost.find_binary(args.binary)
    with tempfile.TemporaryDirectory(prefix="snowtrail-bench-") as scratch:
        session, refused = duckdb_session(binary, args.lake, Path(scratch))
        rows = []
        for hunt in args.hunts or sorted(path.stem for path in (QUERIES / "hunts").glob("*.sql")):
            ingest_cost.tell(hunt)
            try:
                rows.append((hunt, *compared(session, binary, args.lake, hunt, args.rounds)))
            except session_error() as error:
                refused.append(f"hunt {hunt}: {str(error).splitlines()[0]}")
    print("| hunt | rows | duckdb s | ours s | ratio | cpu | ours peak MiB |\n|---|---|---|---|---|---|---|")
    for hunt, count, theirs, ours, _ in rows:
        print(f"| {hunt} | {count:,} | {theirs.wall:.2f} | {ours.wall:.2f} | {ours.wall / theirs.wall:.1f} "
              f"| {ours.cpu / theirs.cpu:.1f} | {ours.peak_mib:.0f} |")
    faults = [f"{hunt}: {count} rows here, {other} there" for hunt, count, _, _, other in rows if count != other]
    for line in [*(f"left out: {line}" for line in refused), *faults]:
        print(line)
    return 1 if faults else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lake", type=Path)
    parser.add_argument("--hunts", type=lambda text: text.split(","), help="some of queries/hunts (default all)")
    parser.add_argument("--rounds", type=int, default=2, help="the smallest of so many counts (default 2)")
    parser.add_argument("--binary", type=Path, help="snowtrail (default $CARGO_TARGET_DIR/release or target/release)")
    return parser.parse_args()


def run_again_with_duckdb():
    if "SNOWTRAIL_BENCH_INNER" not in os.environ:
        script = [ROOT / "testdata/peers/install.sh", "--peer", "readers"]
        python = subprocess.run(script, check=True, capture_output=True, text=True).stdout.strip()
        os.execve(python, [python, *sys.argv], dict(os.environ, SNOWTRAIL_BENCH_INNER="1"))


def readers():
    """`testdata/peers/readers.py`: how our SQL reads in DuckDB. Needs the packages of that Python."""
    import readers
    return readers


def session_error():
    import duckdb
    return duckdb.Error


def duckdb_session(binary: Path, lake: Path, scratch: Path) -> tuple:
    """A session with the lake's events, the small tables and the views; and what it did not take."""
    import duckdb
    from deltalake import DeltaTable
    session = duckdb.connect()
    session.execute("SET TimeZone = 'UTC'")
    session.execute("SET default_null_order = 'nulls_first'")
    files = [uri.removeprefix("file://") for uri in DeltaTable(str(lake.resolve() / "events")).file_uris()]
    session.read_parquet(files, hive_partitioning=True).create_view("events")
    for macro in MACROS:
        session.execute(f"CREATE MACRO {macro}")
    listed = ask(binary, lake, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    for table in (line for line in listed.splitlines()[1:] if re.match("policy_|known_|local_time|inventory", line)):
        file = scratch / f"{table}.parquet"
        ask(binary, lake, f"SELECT * FROM {table}", "--out", str(file))
        session.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{file}')")
    return session, make_views(session)


def make_views(session) -> list:
    """Views stand on each other: those that are refused are tried again while others are made."""
    waiting, refused = {path.stem: path.read_text() for path in (QUERIES / "views").glob("*.sql")}, {}
    while waiting:
        made = []
        for name, sql in waiting.items():
            try:
                session.execute(f"CREATE VIEW {name} AS {readers().translated(sql)}")
                made.append(name)
            except session_error() as error:
                refused[name] = str(error).splitlines()[0]
        if not made:
            break
        for name in made:
            del waiting[name]
    return [f"view {name}: {refused[name]}" for name in waiting]


def asked(hunt: str) -> tuple:
    """A hunt's SQL for DuckDB and its parameters' defaults; a duration is written into the text."""
    text = (QUERIES / f"hunts/{hunt}.sql").read_text()
    given = {}
    for name, parameter in readers().parameters(text).items():
        value = parameter["default"]
        if parameter.get("type") == "duration":
            seconds = int(value[:-1]) * SECONDS[value[-1]]
            text = re.sub(rf"\${name}\b", f"INTERVAL '{seconds} seconds'", text)
        else:
            given[name] = value
    return readers().translated(text), given


def compared(session, binary: Path, lake: Path, hunt: str, rounds: int) -> tuple:
    """Rows here, both costs, rows there."""
    sql, given = asked(hunt)
    theirs, ours, found = [], [], 0
    for _ in range(rounds):
        wall, cpu = time.monotonic(), time.process_time()
        found = session.execute(sql, given).to_arrow_table().num_rows
        theirs.append(ingest_cost.Cost(time.process_time() - cpu, time.monotonic() - wall))
        ours.append(ingest_cost.run([str(binary), "sql", "--hunt", hunt, "--lake", str(lake), "--format", "csv"]))
    counted = len(ask(binary, lake, None, "--hunt", hunt, "--format", "json").splitlines())
    return counted, best(theirs), best(ours), found


def best(costs: list):
    least = lambda of: min(of(cost) for cost in costs)
    return ingest_cost.Cost(least(lambda c: c.cpu), least(lambda c: c.wall), max(c.peak_mib for c in costs))


def ask(binary: Path, lake: Path, query: str | None, *more: str) -> str:
    command = [str(binary), "sql", *([query] if query else []), "--lake", str(lake), *more]
    command += [] if more else ["--format", "csv"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
