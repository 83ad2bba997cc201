#!/usr/bin/env python3
"""What the whole rule pack costs over a lake, as a ratio to one full scan of the lake's events by the same engine.

    cargo build --release
    python3 testdata/bench/pack_cost.py                       400,000 events, all in scope, two rounds
    python3 testdata/bench/pack_cost.py --records 10000000    the size that the goal is stated for; takes an hour
    python3 testdata/bench/pack_cost.py --lake ./lake         your own lake, of which a copy is judged

Python 3.11, stdlib only. `scan` reads every column of every event once, through `snowtrail sql`: the cheapest thing that
looks at everything. `pack` is `snowtrail detect` with the rules that ship and no policy, from nothing judged yet. Rounds are
interleaved and the smallest counts. `ratio` is by the clock, since both use all cores; `cpu` is the same by CPU time and hangs
less on what else the machine does. `peak MiB` is the largest resident memory of any `detect`.
"""

import argparse
import csv
import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True

import ingest_cost  # noqa: E402
import trails  # noqa: E402


def main() -> int:
    args = arguments()
    binary = ingest_cost.find_binary(args.binary)
    with tempfile.TemporaryDirectory(prefix="snowtrail-bench-") as scratch:
        lake = args.lake or made(args, binary, Path(scratch))
        events = int(rows(binary, lake, "SELECT count(*) FROM events")[1][0])
        scan_sql = scan(rows(binary, lake, "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'events'")[1:])
        scans, packs = [], []
        for number in range(1, args.rounds + 1):
            ingest_cost.tell(f"round {number} of {args.rounds}")
            scans.append(ingest_cost.run([str(binary), "sql", scan_sql, "--lake", str(lake)]))
            copy = Path(scratch) / "judged"
            shutil.copytree(lake, copy)
            packs.append(ingest_cost.run([str(binary), "detect", "--lake", str(copy)]))
            shutil.rmtree(copy)
    wall = [min(cost.wall for cost in costs) for costs in (scans, packs)]
    cpu = [min(cost.cpu for cost in costs) for costs in (scans, packs)]
    peak = max(cost.peak_mib for cost in packs)
    print("| events | scan s | pack s | ratio | cpu | peak MiB |\n|---|---|---|---|---|---|")
    print(f"| {events:,} | {wall[0]:.2f} | {wall[1]:.1f} | {wall[1] / wall[0]:.0f} | {cpu[1] / cpu[0]:.0f} | {peak:.0f} |")
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=400_000, help="records to make, all in scope (default 400000)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=2, help="the smallest of so many counts (default 2)")
    parser.add_argument("--lake", type=Path, help="judge a copy of this lake instead of making one")
    parser.add_argument("--binary", type=Path, help="snowtrail (default $CARGO_TARGET_DIR/release or target/release)")
    return parser.parse_args()


def made(args: argparse.Namespace, binary: Path, scratch: Path) -> Path:
    """A lake of a trail that is made here."""
    trail, lake = scratch / "trail", scratch / "lake"
    trail.mkdir()
    trails.make(trail, args.records, 1.0, args.seed, ["plain"], ingest_cost.tell)
    ingest_cost.run([str(binary), "ingest", str(trail), "--lake", str(lake)])
    return lake


def rows(binary: Path, lake: Path, query: str) -> list:
    """The rows of a query, header first."""
    done = subprocess.run([str(binary), "sql", query, "--lake", str(lake), "--format", "csv"], capture_output=True, text=True, check=True)
    return list(csv.reader(io.StringIO(done.stdout)))


def scan(columns: list) -> str:
    """One aggregate over each column. A plain count would be answered by the files' statistics, without reading."""
    def looked_at(name: str, kind: str) -> str:
        if kind.startswith("Utf8"):
            return f'sum(octet_length("{name}"))'
        if kind.startswith("List"):
            return f'sum(cardinality("{name}"))'
        if kind.startswith(("Int", "Timestamp")):
            return f'bit_xor(CAST("{name}" AS BIGINT))'
        return f'count(*) FILTER (WHERE "{name}" IS NOT NULL)'

    return "SELECT " + ", ".join(looked_at(name, kind) for name, kind in columns) + " FROM events"


if __name__ == "__main__":
    sys.exit(main())
