#!/usr/bin/env python3
"""What fixed thresholds, as other tools ship them, make of the same log files.

    python3 testdata/organization/compare.py DIR [FINDINGS.jsonl]

Three logics: 20 distinct secrets within 6 minutes by one session; the first read by a user name in 5 days; every read
is high. DIR is what `organization.py` wrote. With findings of Snowtrail they stand in the same table. Here an incident
is noticed by any alarm about it, whatever its name, so that nobody is held to a class it does not know, and only
incidents that hold a read are counted.
"""

import argparse
import gzip
import json
import sys
from collections import deque
from datetime import datetime, timedelta
from pathlib import Path

sys.dont_write_bytecode = True

from matching import Labels, is_alarm, is_planned, load_findings  # noqa: E402

READS = {"GetSecretValue", "BatchGetSecretValue"}
DISTINCT, WITHIN = 20, timedelta(minutes=6)
MEMORY = timedelta(days=5)


def load_reads(folder: Path) -> list:
    """Every successful read, once, in the order of time."""
    found = {}
    for path in sorted((folder / "AWSLogs").rglob("*.json.gz")):
        for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]:
            if record["eventName"] in READS and "errorCode" not in record:
                found[record["eventID"]] = record
    return sorted(found.values(), key=lambda r: (r["eventTime"], r["eventID"]))


def _time(record: dict) -> datetime:
    return datetime.fromisoformat(record["eventTime"].replace("Z", "+00:00"))


def _asked(record: dict) -> list:
    """Secrets as they were typed, which is what such rules count."""
    params = record.get("requestParameters") or {}
    return params.get("secretIdList") or [params.get("secretId") or json.dumps(params.get("filters"))]


def _finding(rule: str, records: list) -> dict:
    """An alarm in the form that the matching reads."""
    last = records[-1]
    issuer = last["userIdentity"].get("sessionContext", {}).get("sessionIssuer", {})
    ends = datetime.fromisoformat(last["eventTime"].replace("Z", "+00:00")) + timedelta(seconds=1)
    name = _asked(last)[0] or ""
    if name.startswith("arn:"):
        name = name.split(":secret:")[-1]
        name = name[:-7] if len(name) > 7 and name[-7] == "-" else name
    return {
        "rule": rule,
        "severity": "high",
        "key": "",
        "title": "",
        "summary": "",
        "secret_name": name,
        "principal": issuer.get("arn") or last["userIdentity"].get("arn"),
        "window_start": records[0]["eventTime"],
        "window_end": ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "evidence": [r["eventID"] for r in records],
    }


def many_in_minutes(reads: list) -> list:
    """20 distinct secrets within 6 minutes by one session; one alarm until it falls silent."""
    recent, alarmed, found = {}, {}, []
    for record in reads:
        session, when = record["userIdentity"].get("arn", "?"), _time(record)
        window = recent.setdefault(session, deque())
        window.append((when, record))
        while window[0][0] < when - WITHIN:
            window.popleft()
        if (
            len({name for _, r in window for name in _asked(r)}) >= DISTINCT
            and alarmed.get(session, when - WITHIN * 2) < when - WITHIN
        ):
            found.append(_finding("fixed-many-in-minutes", [r for _, r in window]))
            alarmed[session] = when
    return found


def first_in_days(reads: list) -> list:
    """The first read of a user name (a role's, a user's) in 5 days; the first days teach."""
    seen, found = {}, []
    begin = _time(reads[0])
    for record in reads:
        identity, when = record["userIdentity"], _time(record)
        name = (
            identity.get("sessionContext", {}).get("sessionIssuer", {}).get("userName")
            or identity.get("userName")
            or identity.get("principalId")
        )
        if when > begin + MEMORY and seen.get(name, begin - MEMORY) < when - MEMORY:
            found.append(_finding("fixed-first-in-days", [record]))
        seen[name] = when
    return found


def every_read(reads: list) -> list:
    return [_finding("fixed-every-read", [record]) for record in reads]


def row(name: str, labels: Labels, counted: list, findings: list) -> dict:
    """One line of the table. What is near any incident is not false, though only those of reads are counted."""
    noticed, traps, false = set(), set(), 0
    for finding in findings:
        about = labels.about(finding)
        incidents = {label["id"] for label in about if label["kind"] == "incident"}
        noticed |= labels.cited(finding)
        if not incidents and not is_planned(labels.document, finding):
            trapped = {label["id"] for label in about if label["kind"] == "trap"}
            traps |= trapped
            false += not trapped
    document = labels.document
    weeks = document["days"] / 7
    return {
        "logic": name,
        "alarms": len(findings),
        "a day": round(len(findings) / document["days"], 1),
        **{
            variant: f"{len([i for i in counted if i['variant'] == variant and i['id'] in noticed])} of "
            f"{len([i for i in counted if i['variant'] == variant])}"
            for variant in ("loud", "quiet")
        },
        "traps hit": f"{len(traps)} of {len(labels.traps)}",
        "false per 100 secrets per week": round(false / weeks / document["secrets"] * 100, 1),
    }


def of_reads(labels: Labels, reads: list) -> list:
    """Incidents of which a read is a part."""
    ids = {record["eventID"] for record in reads}
    return [label for label in labels.incidents if ids.intersection(label["events"])]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("findings", type=Path, nargs="?", help="findings of Snowtrail on the same data")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    reads = load_reads(arguments.folder)
    labels = Labels(json.loads((arguments.folder / "labels.json").read_text()))
    counted = of_reads(labels, reads)
    rows = [
        row("20 distinct secrets in 6 minutes, by session", labels, counted, many_in_minutes(reads)),
        row("first read by user name in 5 days", labels, counted, first_in_days(reads)),
        row("every read is high", labels, counted, every_read(reads)),
    ]
    if arguments.findings:
        alarms = [f for f in load_findings(arguments.findings) if is_alarm(f)]
        rows.append(row("Snowtrail, medium or above", labels, counted, alarms))
    print("| " + " | ".join(rows[0]) + " |\n|" + "---|" * len(rows[0]))
    for each in rows:
        print("| " + " | ".join(str(value) for value in each.values()) + " |")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
