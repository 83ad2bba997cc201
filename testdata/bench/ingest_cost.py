#!/usr/bin/env python3
"""What `snowtrail ingest` costs, as a ratio to unpacking the same files, and that the form of the records changes no answer.

    cargo build --release
    python3 testdata/bench/ingest_cost.py                         200,000 records, five forms, three rounds
    python3 testdata/bench/ingest_cost.py --records 1000000       the full trail: 1.6 GB of JSON, of which 35 % is kept
    python3 testdata/bench/ingest_cost.py --keep /tmp/bench       keep the trail there, and use it again next time
    python3 testdata/bench/ingest_cost.py --input AWSLogs         your own folder of log files, as it is
    python3 testdata/bench/ingest_cost.py --input AWSLogs --forms all      … and the same records in the other forms

Python 3.11, stdlib only; besides that `libdeflate-gunzip` (Debian: `apt-get install libdeflate-tools`).

How to read the table. `gunzip` and `ingest` are CPU seconds, user and system, of the whole process with all its threads,
taken by the kernel when it ended. `ratio` is ingest by gunzip of the very same files: it hangs little on the machine,
on its clock, or on how many cores there are, and it is the number to compare. Rounds are interleaved (every form's
gunzip and ingest, then all again), and the smallest of the rounds counts: other work on the machine only ever adds to
it. `peak MiB` is the largest resident memory of any round, which other work does not lower. `records/s` is by the clock on
the wall, of the fastest round, and does hang on the machine. Each ingest is into a new lake.

For each form the lake is then asked a number of questions in SQL. All forms must give the same answers, and for a trail
made here the kept calls must be those that were made; if not, the differing answers are printed and the exit status is 1.
`--ratio-max` and `--peak-mib-max` make a limit of the numbers, with the same exit status.
The JSON columns are not compared: they are kept as they were written, white space and escapes included.
"""

import argparse
import csv
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.dont_write_bytecode = True

import forms  # noqa: E402
import trails  # noqa: E402

GUNZIP = "libdeflate-gunzip"
# Paths in one command line; the kernel's limit is some 100 bytes a path above it.
PATHS_MAX = 5000

QUESTIONS = {
    "calls": """SELECT event_source, event_name, outcome, count(*) AS n, count(DISTINCT event_id) AS ids,
        bit_xor(content_hash) AS content FROM events GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
    "days": """SELECT event_date, account_id, aws_region, count(*) AS n, min(event_time), max(event_time)
        FROM events GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
    "who": """SELECT count(DISTINCT principal), count(DISTINCT actor), count(DISTINCT access_key_id), count(DISTINCT source_ip),
        count(DISTINCT source_service), count(DISTINCT user_agent), count(DISTINCT vpc_endpoint_id) FROM events""",
    "top": "SELECT principal, count(*) AS n FROM events GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 25",
    "targets": """SELECT t['kind'], count(*), count(DISTINCT t['arn']), count(DISTINCT t['name']), count(DISTINCT t['as_asked'])
        FROM (SELECT unnest(targets) AS t FROM events) GROUP BY 1 ORDER BY 1""",
    "contexts": """SELECT c['key'], count(*), count(DISTINCT c['value'])
        FROM (SELECT unnest(encryption_context) AS c FROM events) GROUP BY 1 ORDER BY 1""",
    "bytes": """SELECT sum(octet_length(principal)), sum(octet_length(actor)), sum(octet_length(user_agent)),
        sum(octet_length(error_message)), sum(octet_length(request_id)), sum(octet_length(secret_version_id)),
        sum(octet_length(kms_key_arn)), sum(octet_length(principal_id)) FROM events""",
    "places": "SELECT sum(source_index), count(*) FILTER (WHERE redacted), count(*) FILTER (WHERE truncated) FROM events",
    "books": """SELECT count(*) AS sources, sum(records), sum(stored), sum(out_of_scope), sum(duplicates), sum(rejects),
        sum(remarks) FROM sources""",
}


@dataclass
class Cost:
    """What one process used."""

    cpu: float = 0.0
    wall: float = 0.0
    peak_mib: float = 0.0

    def then(self, other: "Cost") -> "Cost":
        """Of two processes, one after the other."""
        return Cost(self.cpu + other.cpu, self.wall + other.wall, max(self.peak_mib, other.peak_mib))


@dataclass
class Form:
    """One form of the trail: where it is, and what was measured on it."""

    name: str
    folder: Path
    gz_bytes: int = 0
    gunzip: list = field(default_factory=list)
    ingest: list = field(default_factory=list)
    answers: dict = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """The smallest ingest by the smallest gunzip."""
        return min(cost.cpu for cost in self.ingest) / min(cost.cpu for cost in self.gunzip)

    @property
    def peak_mib(self) -> float:
        """The largest of all ingests."""
        return max(cost.peak_mib for cost in self.ingest)

    @property
    def records(self) -> int:
        """As the lake's books say."""
        return int(self.answers["books"][1][1])


def main() -> int:
    args = arguments()
    if not shutil.which(GUNZIP):
        sys.exit(f"error: no `{GUNZIP}`, the yardstick; hint: apt-get install libdeflate-tools")
    binary = find_binary(args.binary)
    with tempfile.TemporaryDirectory(prefix="snowtrail-bench-") as scratch:
        measured, trail = prepare(args, Path(scratch))
        for number in range(1, args.rounds + 1):
            for form in measured:
                tell(f"round {number} of {args.rounds}: {form.name}")
                measure(form, binary, Path(scratch) / "lake")
    print_table(measured)
    faults = [*differences(measured), *wrong_counts(measured, trail), *over_limits(measured, args)]
    for fault in faults:
        print(fault)
    if not faults:
        print(f"{len(QUESTIONS)} questions, the same answers from {len(measured)} form{'s' * (len(measured) > 1)}")
    return 1 if faults else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=200_000, help="records to make, 2,000 a file (default 200000)")
    parser.add_argument("--in-scope", type=float, default=0.35, help="share of them that is kept (default 0.35)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=3, help="the smallest of so many counts (default 3)")
    parser.add_argument("--forms", help=f"all, or some of {','.join(forms.FORMS)} (default all; with --input plain)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="make the trail here and keep it, instead of in a temporary folder")
    parser.add_argument("--input", type=Path, metavar="FOLDER", help="measure the log files below this folder instead of making a trail")
    parser.add_argument("--binary", type=Path, help="snowtrail (default $CARGO_TARGET_DIR/release or target/release)")
    parser.add_argument("--ratio-max", type=float, help="fail when a form's ratio is above it")
    parser.add_argument("--peak-mib-max", type=float, help="fail when a form's peak memory is above it")
    args = parser.parse_args()
    wanted = args.forms or ("plain" if args.input else "all")
    args.forms = list(forms.FORMS) if wanted == "all" else wanted.split(",")
    unknown = [form for form in args.forms if form not in forms.FORMS]
    if unknown:
        parser.error(f"no form `{unknown[0]}`; known are {', '.join(forms.FORMS)}")
    return args


def find_binary(given: Path | None) -> Path:
    """The release binary; a debug one would measure nothing."""
    root = Path(__file__).resolve().parents[2]
    binary = given or Path(os.environ.get("CARGO_TARGET_DIR", root / "target")) / "release" / "snowtrail"
    if not binary.is_file():
        sys.exit(f"error: no binary at `{binary}`; hint: cargo build --release, or --binary PATH")
    return binary.resolve()


def prepare(args: argparse.Namespace, scratch: Path) -> tuple:
    """The forms to be measured, and what is known of the trail (nothing of one that was not made here)."""
    home = args.keep or scratch / "trail"
    home.mkdir(parents=True, exist_ok=True)
    if not args.input:
        trail = trails.make(home, args.records, args.in_scope, args.seed, args.forms, tell)
        return [Form(name, home / name) for name in args.forms], trail
    others = [name for name in args.forms if name != "plain"]
    if others:
        trails.reshape(args.input, home, others, tell)
    return [Form(name, args.input if name == "plain" else home / name) for name in args.forms], {}


def measure(form: Form, binary: Path, lake: Path):
    """One round on one form: the yardstick, the ingest, and in the first round the answers."""
    paths = trails.log_files(form.folder)
    if not paths:
        sys.exit(f"error: no .gz files below `{form.folder}`")
    form.gz_bytes = sum(os.path.getsize(path) for path in paths)
    unpack = Cost()
    for start in range(0, len(paths), PATHS_MAX):
        unpack = unpack.then(run([GUNZIP, "-c", *paths[start:start + PATHS_MAX]]))
    form.gunzip.append(unpack)
    form.ingest.append(run([str(binary), "ingest", str(form.folder), "--lake", str(lake)]))
    if not form.answers:
        form.answers = {name: ask(binary, lake, query) for name, query in QUESTIONS.items()}
    shutil.rmtree(lake)


def run(command: list) -> Cost:
    """Runs a command to its end; what the kernel says that it used."""
    with tempfile.TemporaryFile() as errors:
        begin = time.monotonic()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - begin
        if child.returncode != 0:
            errors.seek(0)
            text = errors.read()[-2000:].decode(errors="replace")
            sys.exit(f"error: `{' '.join(command[:3])} …` ended with {child.returncode}\n{text}")
    return Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024)


def ask(binary: Path, lake: Path, query: str) -> list:
    """The rows of a query, header first."""
    command = [str(binary), "sql", query, "--lake", str(lake), "--format", "csv"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"error: failed to ask `{query}`\n{done.stderr}")
    return list(csv.reader(io.StringIO(done.stdout)))


def print_table(measured: list):
    print(f"{'form':<10}{'records':>10}{'gz MB':>8}{'gunzip s':>10}{'ingest s':>10}{'ratio':>8}{'peak MiB':>10}{'records/s':>11}")
    for form in measured:
        wall = min(cost.wall for cost in form.ingest)
        print(f"{form.name:<10}{form.records:>10,}{form.gz_bytes / 1e6:>8.1f}{min(c.cpu for c in form.gunzip):>10.3f}"
              f"{min(c.cpu for c in form.ingest):>10.2f}{form.ratio:>8.2f}{form.peak_mib:>10.0f}{form.records / wall:>11,.0f}")


def differences(measured: list) -> list:
    """Answers that differ from the first form's."""
    first, faults = measured[0], []
    for form in measured[1:]:
        for question, rows in form.answers.items():
            expected = first.answers[question]
            if rows != expected:
                faults.append(f"DIFFERENT: `{question}` of {form.name} and {first.name}")
                faults += [f"  {first.name}: {','.join(row)}" for row in expected if row not in rows][:5]
                faults += [f"  {form.name}: {','.join(row)}" for row in rows if row not in expected][:5]
    return faults


def wrong_counts(measured: list, trail: dict) -> list:
    """Kept calls that are not those that were made."""
    if not trail:
        return []
    faults = []
    for form in measured:
        found: dict = {}
        for source, name, _, count, *_ in form.answers["calls"][1:]:
            found[f"{source} {name}"] = found.get(f"{source} {name}", 0) + int(count)
        for call in sorted(found.keys() | trail["kept"].keys()):
            made, kept = trail["kept"].get(call, 0), found.get(call, 0)
            if made != kept:
                faults.append(f"WRONG: {form.name} keeps {kept} of {made} {call}")
    return faults


def over_limits(measured: list, args: argparse.Namespace) -> list:
    faults = []
    for form in measured:
        if args.ratio_max is not None and form.ratio > args.ratio_max:
            faults.append(f"OVER: the ratio of {form.name} is {form.ratio:.2f}, the limit {args.ratio_max:.2f}")
        if args.peak_mib_max is not None and form.peak_mib > args.peak_mib_max:
            faults.append(f"OVER: the peak of {form.name} is {form.peak_mib:.0f} MiB, the limit {args.peak_mib_max:.0f}")
    return faults


def tell(text: str):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
