#!/usr/bin/env python3
"""Writes the story's log files below this folder, or checks them.

    python3 testdata/story/compose.py            write AWSLogs/ and eventbridge/ (the same bytes every time)
    python3 testdata/story/compose.py --check    check what is there against what would be written, and the records' form

Stdlib only. It reads neither the clock nor a random source.
"""

import argparse
import gzip
import json
import shutil
import sys
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

sys.dont_write_bytecode = True

import cast  # noqa: E402
import incidents  # noqa: E402
import life  # noqa: E402
from records import ACCOUNT, KMS, at, deliver, derive, eventbridge, write_lines  # noqa: E402

HERE = Path(__file__).resolve().parent
# CloudTrail delivers every five minutes; that would be 17,000 files. The story gathers longer spans.
SPANS = {(ACCOUNT, cast.WEST): timedelta(hours=6), (ACCOUNT, cast.EAST): timedelta(hours=12), (cast.SECOND, cast.WEST): timedelta(days=1)}
FIELDS_OF_ALL = ["eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress", "userAgent",
                 "requestParameters", "responseElements", "requestID", "eventID", "readOnly", "eventType", "managementEvent",
                 "recipientAccountId", "eventCategory"]


def compose() -> list:
    """Every record of the story, once."""
    # Rotations of the incidents and of daily life decide versions, so they run before anybody reads.
    records = [r for strand in (life.rotations, incidents.failed_rotation) for r in strand()]
    done = {life.rotations, incidents.failed_rotation}
    for strand in [*life.STRANDS, *incidents.STRANDS]:
        records += strand() if strand not in done else []
    blind = [r for r in records if r["eventSource"] == KMS and incidents.BLIND_FROM < at(r["eventTime"]) < incidents.BLIND_TO
             and r["recipientAccountId"] == ACCOUNT]
    hidden = {r["eventID"] for r in blind}
    return [r for r in records if r["eventID"] not in hidden]


def write(root: Path, records: list) -> list:
    """The S3 layout, with some events late and some twice; and the copy that EventBridge delivered."""
    chosen = [r for r in records if r["eventSource"] in (KMS, "secretsmanager.amazonaws.com") and r["recipientAccountId"] == ACCOUNT]
    late = {r["eventID"]: timedelta(hours=29) for r in chosen if derive("late", r["eventID"]).int % 1200 == 0}
    again = {r["eventID"]: timedelta(hours=6) for r in chosen if derive("again", r["eventID"]).int % 700 == 0}
    paths = deliver(root, records, spans=SPANS, late=late, again=again)
    about_trail = [eventbridge(r) for r in records if r["eventName"] == "PutEventSelectors"]
    return paths + [write_lines(root / "eventbridge" / "trail-changes.ndjson", about_trail)]


def load(path: Path) -> list:
    """The records of one written file."""
    if path.suffix == ".gz":
        return json.loads(gzip.decompress(path.read_bytes()))["Records"]
    return [json.loads(line)["detail"] for line in path.read_text().splitlines()]


def faults(records: list) -> list:
    """What is wrong with the form of the composed records."""
    found = []
    for event_id, count in Counter(r["eventID"] for r in records).items():
        found += [f"{event_id}: composed {count} times"] if count > 1 else []
    for r in records:
        absent = [f for f in FIELDS_OF_ALL if f not in r]
        found += [f"{r['eventID']}: no {', '.join(absent)}"] if absent else []
        if not r["userIdentity"].get("type") and r["eventType"] != "AwsServiceEvent":
            found.append(f"{r['eventID']}: an API call without an identity type")
        if "invokedBy" in r["userIdentity"] and "tlsDetails" in r:
            found.append(f"{r['eventID']}: tlsDetails on a call that a service made")
    return found


def check(root: Path, records: list) -> list:
    """Faults of form, and differences between the folder and what would be written (contents, not gzip's bytes, which
    another zlib may pack differently)."""
    found = faults(records)
    with tempfile.TemporaryDirectory() as fresh:
        expected = {p.relative_to(fresh): load(p) for p in write(Path(fresh), records)}
    present = {p.relative_to(root) for folder in ("AWSLogs", "eventbridge") for p in (root / folder).rglob("*") if p.is_file()}
    found += [f"{p}: is there, but nothing writes it" for p in sorted(present - expected.keys())]
    found += [f"{p}: is missing" for p in sorted(expected.keys() - present)]
    found += [f"{p}: differs" for p in sorted(expected.keys() & present) if load(root / p) != expected[p]]
    stored = Counter(r["eventID"] for members in expected.values() for r in members)
    if stored.keys() != {r["eventID"] for r in records}:
        found.append("the files do not hold exactly the composed events")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if anything differs or is malformed")
    arguments = parser.parse_args()
    records = compose()
    if arguments.check:
        found = check(HERE, records)
        print("\n".join(found) or f"in order: {len(records)} events")
        return 1 if found else 0
    for folder in ("AWSLogs", "eventbridge"):
        shutil.rmtree(HERE / folder, ignore_errors=True)
    paths = write(HERE, records)
    size = sum(p.stat().st_size for p in paths)
    copies = sum(len(load(p)) for p in paths)
    print(f"{len(paths)} files, {size:,} bytes, {len(records)} events, {copies} records")
    return 0


if __name__ == "__main__":
    sys.exit(main())
