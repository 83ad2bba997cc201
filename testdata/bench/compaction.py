#!/usr/bin/env python3
"""What compaction wins: a busy day in many small commits, asked before and after `snowtrail lake compact`.

    cargo build --release
    python3 testdata/bench/compaction.py                          200 commits of 100 events each
    python3 testdata/bench/compaction.py --commits 1000 --events 20
    python3 testdata/bench/compaction.py --keep /tmp/lake         keep the lake there, to look at it

Python 3.11, stdlib only.

How to read the table. `files` and `bytes` are those of the active data files of `events`, as `snowtrail lake stats` tells
them. Times are seconds by the clock on the wall of whole processes, the start included, least of some rounds; `ratio` is
before by after, and it is the number to compare. `start` is a query of nothing: what it costs to open a lake and its views,
which every command pays. Rows and findings must be the same before and after, or the exit status is 1.
`--ratio-min` makes a limit of the ratio of `count`, with the same exit status.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DAY = "2026-11-03"
NOW = "2026-11-04T00:00:00Z"
QUERIES = {
    "start": "SELECT 1",
    "count": "SELECT count(*), count(DISTINCT principal), max(request_parameters) FROM events",
    "one secret": "SELECT count(*) FROM events WHERE targets[1]['name'] = 'prod/snowy-7/db'",
}


def record(number, chance):
    """A read of a secret; its number is its identity."""
    second = chance.randrange(86_400)
    role = f"Snowy-{chance.randrange(40)}-TaskRole"
    return {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": f"AROAEXAMPLE{number % 40:05}:task",
            "arn": f"arn:aws:sts::111122223333:assumed-role/{role}/task",
            "accountId": "111122223333",
            "sessionContext": {"sessionIssuer": {"type": "Role", "arn": f"arn:aws:iam::111122223333:role/{role}",
                                                 "accountId": "111122223333", "userName": role}},
        },
        "eventTime": f"{DAY}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z",
        "eventSource": "secretsmanager.amazonaws.com",
        "eventName": "GetSecretValue",
        "awsRegion": "us-west-2",
        "sourceIPAddress": f"10.0.{chance.randrange(4)}.{chance.randrange(250)}",
        "userAgent": "aws-sdk-go-v2/1.30.3",
        "requestParameters": {"secretId": f"prod/snowy-{chance.randrange(60)}/db"},
        "responseElements": None,
        "requestID": f"{number:08x}-0000-4000-8000-{chance.randrange(1 << 48):012x}",
        "eventID": f"{number:08x}-0000-4000-8000-{chance.randrange(1 << 48):012x}",
        "readOnly": True,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": "111122223333",
        "eventCategory": "Management",
    }


class Lake:
    """A lake and the binary that fills it."""

    def __init__(self, binary, place):
        self.binary, self.place = binary, place

    def run(self, *arguments):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SNOWTRAIL_")}
        command = [self.binary, *arguments, "--lake", str(self.place)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            sys.exit(f"{' '.join(command)}\n{done.stderr}")
        return done.stdout

    def fill(self, folder, commits, events):
        chance, log = random.Random(20261103), folder / "log.json"
        for commit in range(commits):
            some = [record(commit * events + i, chance) for i in range(events)]
            log.write_text(json.dumps({"Records": some}))
            self.run("ingest", str(log))

    def seconds(self, rounds, *arguments):
        def once():
            began = time.perf_counter()
            self.run(*arguments)
            return time.perf_counter() - began

        return min(once() for _ in range(rounds))

    def measure(self, rounds):
        rows = [json.loads(line) for line in self.run("lake", "stats", "--format", "json").splitlines()]
        events = next(row for row in rows if row["table"] == "events")
        measured = {"files": events["files"], "bytes": events["bytes"]}
        for name, query in QUERIES.items():
            measured[name] = self.seconds(rounds, "sql", query)
        measured["detect"] = self.seconds(1, "detect", "--now", NOW)
        return measured

    def answers(self):
        rows = self.run("sql", "SELECT event_id, content_hash, source_uri FROM events ORDER BY 1, 2", "--format", "csv")
        keys = self.run("sql", "SELECT key, severity FROM findings ORDER BY 1", "--format", "csv")
        return rows, keys


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser.add_argument("--binary", default=str(target / "release/snowtrail"))
    parser.add_argument("--commits", type=int, default=200)
    parser.add_argument("--events", type=int, default=100, help="events of a commit")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ratio-min", type=float, default=0.0)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="compaction-"))
    try:
        lake = Lake(options.binary, (options.keep or folder / "lake").resolve())
        lake.fill(folder, options.commits, options.events)
        before, told = lake.measure(options.rounds), lake.answers()
        took = lake.seconds(1, "lake", "compact")
        after, now_told = lake.measure(options.rounds), lake.answers()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{options.commits} commits of {options.events} events, compacted in {took:.2f} s\n")
    print(f"{'':12} {'before':>12} {'after':>12} {'ratio':>8}")
    for name, value in before.items():
        form = "d" if isinstance(value, int) else ".3f"
        print(f"{name:12} {value:12{form}} {after[name]:12{form}} {value / max(after[name], 1e-9):8.1f}")
    if told != now_told:
        sys.exit("rows or findings are not the same before and after")
    if before["count"] / after["count"] < options.ratio_min:
        sys.exit(f"`count` is less than {options.ratio_min} times as fast")


if __name__ == "__main__":
    main()
