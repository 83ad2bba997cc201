#!/usr/bin/env python3
"""The arithmetic of docs/scale.md: measured unit costs times stated factors, as tables.

    testdata/bench/scale.py                              print the tables
    testdata/bench/scale.py --write docs/scale.md        … into the page, between its marks
    testdata/bench/scale.py --check docs/scale.md        fail if the page says something else
    testdata/bench/scale.py --measure                    measure the unit costs anew, into unit_costs.json (10 minutes)

Python 3.11, stdlib only; to measure it needs the release binary and what commit_rate.py needs. `unit_costs.json` says what
one event, record, commit costs, as measured; `scale.toml` has the prices and the factors. Nothing else is reckoned with:
every figure of the tables is made here, from those two files, by the formula that stands in the code beside its words.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

sys.dont_write_bytecode = True

HERE = Path(__file__).resolve().parent
COSTS = HERE / "unit_costs.json"
FACTORS = HERE / "scale.toml"
BEGIN, END = "<!-- made by testdata/bench/scale.py -->", "<!-- end of what scale.py makes -->"
GIB = 2**30
# FILE_BYTES_TARGET of crates/lake/src/layout.rs.
FILE_BYTES = 64 * 2**20
RECORDS = 200_000


def measure(binary: Path) -> dict:
    """What one of each thing costs, on this machine. CPU seconds hang on it; bytes and requests do not."""
    import ingest_cost
    import trails

    run = ingest_cost.run
    with tempfile.TemporaryDirectory(prefix="snowtrail-bench-") as scratch:
        trail, lake, empty = Path(scratch, "trail"), Path(scratch, "lake"), Path(scratch, "empty")
        trail.mkdir()
        empty.mkdir()
        empty.joinpath("nothing.json").write_text('{"Records": []}')
        made = trails.make(trail, RECORDS, 0.35, 7, ["plain"], ingest_cost.tell)
        gz_bytes = sum(Path(path).stat().st_size for path in trails.log_files(trail / "plain"))
        nothing = run([str(binary), "ingest", str(empty), "--lake", str(Path(scratch, "none"))])
        taken = run([str(binary), "ingest", str(trail / "plain"), "--lake", str(lake)])
        before = stats(binary, lake)
        judged_nothing = run([str(binary), "detect", "--lake", str(Path(scratch, "none"))])
        judged = run([str(binary), "detect", "--lake", str(lake)])
        compacted = run([str(binary), "lake", "compact", "--lake", str(lake)])
        after = stats(binary, lake)
        kept = sum(made["kept"].values())
        if before["rows"] != kept:
            sys.exit(f"error: {before['rows']} events of {kept} are in the lake")
    rates = subprocess.run([sys.executable, HERE / "commit_rate.py", "--json", "--binary", str(binary)],
                           capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in rates.stdout.splitlines()]
    return {
        "trail": {"records": RECORDS, "kept": kept, "gz_bytes": gz_bytes},
        "ingest": {"cpu_seconds": round(taken.cpu - nothing.cpu, 3), "peak_mib": round(taken.peak_mib)},
        "lake": {"events": kept, "bytes": before["bytes"], "bytes_compacted": after["bytes"]},
        "sweep": {"events": kept, "cpu_seconds": round(judged.cpu - judged_nothing.cpu, 3), "peak_mib": round(judged.peak_mib)},
        "compaction": {"events": kept, "cpu_seconds": round(compacted.cpu, 3)},
        "commits": rows,
    }


def stats(binary: Path, lake: Path) -> dict:
    """The row of `events`."""
    done = subprocess.run([binary, "lake", "stats", "--lake", str(lake), "--format", "json"], capture_output=True, text=True, check=True)
    return next(row for row in map(json.loads, done.stdout.splitlines()) if row["table"] == "events")


def units(costs: dict) -> list:
    """Unit costs with their words: (name, value, unit, where from)."""
    small = cell(costs, 1, 100)
    of = lambda row, *names: sum(count for name, count in row["requests"].items() if name in names)
    # Both runs take in the same messages; what the one does more is for its 90 commits more.
    large = cell(costs, 1, 1000)
    more = small["commits"] - large["commits"]
    a_commit = lambda *names: (of(small, *names) - of(large, *names)) / more
    trail, sweep = costs["trail"], costs["sweep"]
    sqs = [name for name in small["requests"] if name.startswith("sqs ")]
    return [
        ("in_scope", trail["kept"] / trail["records"], "events kept of a record read", "the trail that the benches make"),
        ("gz_bytes", trail["gz_bytes"] / trail["records"], "bytes of log file a record", "the same"),
        ("ingest_cpu", costs["ingest"]["cpu_seconds"] / trail["records"] * 1e6, "CPU seconds a million records read", "`snowtrail ingest`"),
        ("commit_cpu", (small["cpu_seconds"] - large["cpu_seconds"]) / more, "CPU seconds a commit", "`commit_rate.py`"),
        ("bytes", costs["lake"]["bytes"] / costs["lake"]["events"], "bytes an event, as taken in", "`snowtrail lake stats`"),
        ("bytes_compacted", costs["lake"]["bytes_compacted"] / costs["lake"]["events"], "bytes an event, compacted", "the same"),
        ("compact_cpu", costs["compaction"]["cpu_seconds"] / costs["compaction"]["events"] * 1e6, "CPU seconds a million events", "`snowtrail lake compact`"),
        ("ingest_peak", costs["ingest"]["peak_mib"], "MiB resident at most, 200,000 records", "`snowtrail ingest`"),
        ("sweep_peak", sweep["peak_mib"], "MiB resident at most, 70,000 events", "`snowtrail detect`"),
        ("sweep_cpu", sweep["cpu_seconds"] / sweep["events"] * 1e6, "CPU seconds a million events", "`snowtrail detect`, less what it takes over an empty lake"),
        ("commits_max", small["commits"] / small["seconds"], "commits a second into one day, one worker", "`commit_rate.py`"),
        ("commits_max_4", (lambda c: c["commits"] / c["seconds"])(cell(costs, 4, 100)), "commits a second into one day, four workers", "the same"),
        ("puts", a_commit("s3 lake PUT", "s3 lake LIST"), "PUT and LIST requests a commit", "the same, counted"),
        ("gets", a_commit("s3 lake GET", "s3 lake HEAD"), "GET and HEAD requests a commit", "the same, counted"),
        ("sqs", of(large, *sqs) / large["messages"], "SQS requests a message, in a full queue", "the same, counted"),
    ]


def cell(costs: dict, workers: int, batch: int) -> dict:
    return next(row for row in costs["commits"] if (row["workers"], row["batch_events"]) == (workers, batch))


def reckon(unit: dict, factors: dict, prices: dict, scale: dict) -> dict:
    """One column of the table."""
    f, p, lakes = factors, prices, scale["lakes"]
    month = f["month_seconds"]
    hours, days = month / 3600, month / 86_400
    # Of one lake, up to the sums.
    events = scale["events"] / lakes
    records = events / unit["in_scope"]
    objects = records / f["records_an_object"]
    # A commit waits for company so long, or until it is full; with less than one message in that time each is its own.
    commits_s = lambda busy: max(min(busy * objects / month, 1 / scale["batch_age_s"]), busy * events / month / scale["batch_events"])
    commits = commits_s(1) * month
    stored = events * unit["bytes_compacted"]
    ingest_cpu = records / 1e6 * unit["ingest_cpu"] + commits * unit["commit_cpu"]
    cores = ingest_cpu / month * f["busiest_hour"] / f["task_load"]
    tasks = max(1, math.ceil(cores))
    # Every ingest task holds the identities of the day at hand.
    known = events / days * f["known_id_bytes"] / GIB
    task_gib = math.ceil(f["task_gib"] + known)
    sweep_hours = events * f["months_kept"] / 1e6 * unit["sweep_cpu"] / 3600
    compact_hours = events / 1e6 * unit["compact_cpu"] / 3600
    pages = events / 1e6 * f["pages_a_million_events"]
    # A queue that is nearly empty answers each long poll with nothing or with one message.
    sqs = max(objects * unit["sqs"], tasks * month / f["poll_seconds"] + 2 * objects / 10)
    files_after = days * max(1, math.ceil(stored / days / FILE_BYTES))
    core_hour = p["vcpu_hour"] + 4 * p["gib_hour"]
    dollars = {
        "storage": stored * f["months_kept"] / GIB * p["s3_gib_month"],
        "S3 requests": commits * unit["puts"] / 1000 * p["s3_put_1000"] + (commits * unit["gets"] + objects) / 1000 * p["s3_get_1000"],
        "SQS": sqs / 1e6 * p["sqs_million"],
        "SNS": pages / 1e6 * p["sns_million"],
        "ingest tasks": tasks * hours * (p["vcpu_hour"] + task_gib * p["gib_hour"]),
        "detector, 2 vCPU and 8 GiB": hours * (2 * p["vcpu_hour"] + 8 * p["gib_hour"]),
        "sweeps": f["sweeps_a_month"] * sweep_hours * core_hour,
        "compaction": compact_hours * core_hour,
    }
    return {
        "lakes": lakes,
        "records read a second": lakes * records / month,
        "objects and messages a second": lakes * objects / month,
        "events kept a second": lakes * events / month,
        "log files read a month": (lakes * records * unit["gz_bytes"], "bytes"),
        "stored a month, compacted": (lakes * stored, "bytes"),
        f"stored in {f['months_kept']} months": (lakes * stored * f["months_kept"], "bytes"),
        "a lake: commits a second": commits_s(1),
        "a lake: commits in the busiest hour, of the most that one day takes": (commits_s(f["busiest_hour"]) / unit["commits_max"], "share"),
        "a lake: files of events a month before compaction": commits,
        "a lake: files of events a month after compaction": files_after,
        "a lake: processors of ingest in the busiest hour": cores,
        "a lake: ingest tasks of 1 vCPU": tasks,
        "a lake: GiB of an ingest task, of which": task_gib,
        "… known identities of one day, GiB": known,
        f"a lake: CPU hours of one sweep over {f['months_kept']} months": sweep_hours,
        "a lake: CPU hours of compaction a month": compact_hours,
        "S3 requests a month": lakes * (commits * (unit["puts"] + unit["gets"]) + objects),
        "SQS requests a month": lakes * sqs,
        "SNS requests a month": lakes * pages,
        **{f"dollars a month: {name}": (lakes * amount, "dollars") for name, amount in dollars.items()},
        "dollars a month: sum": (lakes * sum(dollars.values()), "dollars"),
    }


def shown(value) -> str:
    value, kind = value if isinstance(value, tuple) else (value, "number")
    if kind == "bytes":
        for name, size in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20)):
            if value >= size:
                return f"{rounded(value / size)} {name}"
    if kind == "share":
        return f"{rounded(value * 100)} %"
    if kind == "dollars":
        return f"{value:,.2f}" if value < 10 else f"{value:,.0f}"
    return rounded(value)


def rounded(value: float) -> str:
    """Three figures: more would be a claim."""
    if value == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(value)))
    value = round(value, digits)
    return f"{value:,.{max(0, digits)}f}" if digits <= 0 or value >= 1000 else f"{value:,.{digits}f}".rstrip("0").rstrip(".")


def tables() -> str:
    costs, told = json.loads(COSTS.read_text()), tomllib.loads(FACTORS.read_text())
    measured = units(costs)
    unit = {name: value for name, value, _, _ in measured}
    text = "| measured | unit | by |\n|---|---|---|\n"
    text += "".join(f"| {rounded(value)} | {what} | {where} |\n" for _, value, what, where in measured)
    text += "\n| events a batch, at most | workers | commits a second | events a second | GETs a commit | CPU seconds a million events |\n|---|---|---|---|---|---|\n"
    text += "".join(race(row) for row in costs["commits"])
    text += "\n| factor | |\n|---|---|\n"
    text += "".join(f"| `{name}` | {value:,} |\n" for name, value in told["factors"].items())
    columns = [reckon(unit, told["factors"], told["prices"], scale) for scale in told["scales"]]
    names = [scale["name"] for scale in told["scales"]]
    text += "\n| events kept a month | " + " | ".join(names) + " |\n|---|" + "---|" * len(names) + "\n"
    for setting in ("batch_age_s", "batch_events"):
        text += f"| chosen: `{setting}` | " + " | ".join(f"{scale[setting]:,}" for scale in told["scales"]) + " |\n"
    for row in columns[0]:
        text += f"| {row} | " + " | ".join(shown(column[row]) for column in columns) + " |\n"
    return text


def race(row: dict) -> str:
    """A row of the table of workers that append to one day."""
    gets = sum(count for name, count in row["requests"].items() if name == "s3 lake GET")
    figures = [row["commits"] / row["seconds"], row["events"] / row["seconds"], gets / row["commits"], row["cpu_seconds"] / row["events"] * 1e6]
    return f"| {row['batch_events']:,} | {row['workers']} | " + " | ".join(map(rounded, figures)) + " |\n"


def spliced(page: str) -> str:
    """A page with the tables in it."""
    head, rest = page.split(BEGIN)
    return f"{head}{BEGIN}\n\n{tables()}\n{END}{rest.split(END)[1]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--write", type=Path, metavar="PAGE")
    what.add_argument("--check", type=Path, metavar="PAGE")
    what.add_argument("--measure", action="store_true")
    parser.add_argument("--binary", type=Path, help="snowtrail (default $CARGO_TARGET_DIR/release or target/release)")
    args = parser.parse_args()
    if args.measure:
        import ingest_cost
        COSTS.write_text(json.dumps(measure(ingest_cost.find_binary(args.binary)), indent=1) + "\n")
    elif args.write:
        args.write.write_text(spliced(args.write.read_text()))
    elif args.check:
        page = args.check.read_text()
        if spliced(page) != page:
            print(f"{args.check} is not what scale.py prints; run: testdata/bench/scale.py --write {args.check}", file=sys.stderr)
            return 1
    else:
        print(tables(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
