#!/usr/bin/env python3
"""What a lake of ten million events costs: a worker's start and ticks, the hunts, a day's findings.

    cargo build --release
    testdata/bench/large_lake.py                                  10,000,000 events beside 100,000; takes hours
    testdata/bench/large_lake.py --events 1000000                 the same, smaller
    testdata/bench/large_lake.py --parts start,hunts --keep /tmp/lakes     some of it, on lakes that are kept

Python 3.11; besides that what `testdata/peers/install.sh` installs. Both lakes are of one organization (`organization.py`, every
record in scope) over the same days, taken in by `snowtrail ingest` and compacted. Room in the temporary folder: 200 bytes an
event for the log files, which go before the rest begins, and 250 for the lake and what is done with it.

- `start`: seconds and memory from a worker's start to its first receive, on both lakes (`worker_on_lake.py`).
- `ticks`: a tick with 1,000 new events on both lakes, by the worker's log; the first sweep of the large one comes before it.
- `hunts`: each hunt by DuckDB's time for the same SQL (`hunts_beside_duckdb.py`).
- `day`: the rules over the large lake for the findings of its last day, by one scan of every column of every event
  (`pack_cost.py` has the same for all days). `ratio` is by the clock, `cpu` by CPU time.
"""

import argparse
import datetime
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True

import ingest_cost  # noqa: E402
import organization  # noqa: E402
import pack_cost  # noqa: E402
import trails  # noqa: E402

HERE = Path(__file__).resolve().parent
PARTS = ("start", "ticks", "hunts", "day")


def main() -> int:
    args = arguments()
    binary = ingest_cost.find_binary(args.binary)
    with tempfile.TemporaryDirectory(prefix="snowtrail-bench-", dir=args.keep) as scratch:
        home = args.keep or Path(scratch)
        small, large = (made(args, binary, home, events) for events in (args.small, args.events))
        if "start" in args.parts or "ticks" in args.parts:
            no_ticks = [] if "ticks" in args.parts else ["--no-ticks"]
            run("worker_on_lake.py", small, large, *no_ticks, "--binary", binary)
        if "hunts" in args.parts:
            run("hunts_beside_duckdb.py", large, "--binary", binary)
        if "day" in args.parts:
            print_day(binary, large, Path(scratch))
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000, help="of the large lake (default 10000000)")
    parser.add_argument("--small", type=int, default=100_000, help="events of the small lake (default 100000)")
    parser.add_argument("--days", type=int, default=60, help="that both lakes span (default 60)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--parts", type=lambda text: text.split(","), default=list(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="make the lakes here, keep them, and use them again next time")
    parser.add_argument("--binary", type=Path, help="snowtrail (default $CARGO_TARGET_DIR/release or target/release)")
    args = parser.parse_args()
    if unknown := [part for part in args.parts if part not in PARTS]:
        parser.error(f"no part `{unknown[0]}`; known are {', '.join(PARTS)}")
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
    return args


def made(args: argparse.Namespace, binary: Path, home: Path, events: int) -> Path:
    """A compacted lake of so many events; appears under its name when it is whole."""
    lake = home / f"lake-{events}-{args.days}-{args.seed}"
    if not lake.exists():
        trail, making = home / "trail", home / "making"
        for leftover in (trail, making):
            shutil.rmtree(leftover, ignore_errors=True)
        trail.mkdir()
        trails.make(trail, events, 1.0, args.seed, ["plain"], ingest_cost.tell, args.days)
        ingest_cost.tell(f"taking in {events:,} events")
        ingest_cost.run([str(binary), "ingest", str(trail / "plain"), "--lake", str(making)])
        shutil.rmtree(trail)
        ingest_cost.run([str(binary), "lake", "compact", "--lake", str(making)])
        making.rename(lake)
    return lake


def run(script: str, *arguments):
    print(flush=True)
    subprocess.run([sys.executable, HERE / script, *map(str, arguments)], check=True)


def print_day(binary: Path, lake: Path, scratch: Path):
    columns = "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'events'"
    scan_sql = pack_cost.scan(pack_cost.rows(binary, lake, columns)[1:])
    scan = ingest_cost.run([str(binary), "sql", scan_sql, "--lake", str(lake)])
    copy = scratch / "judged"
    shutil.copytree(lake, copy)
    to = organization.END
    since = to - datetime.timedelta(days=1)
    stamps = [f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in (since, to)]
    day = ingest_cost.run([str(binary), "detect", "--lake", str(copy), "--from", stamps[0], "--to", stamps[1], "--now", stamps[1]])
    shutil.rmtree(copy)
    print("\n| lake | scan s | day s | ratio | cpu | peak MiB |\n|---|---|---|---|---|---|")
    print(f"| {lake.name} | {scan.wall:.2f} | {day.wall:.1f} | {day.wall / scan.wall:.0f} | {day.cpu / scan.cpu:.0f} "
          f"| {day.peak_mib:.0f} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
