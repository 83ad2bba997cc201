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
    """The figures of one logic. What is near any incident is not false, though only those of reads are counted."""
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
    of = lambda variant: [label["id"] for label in counted if label["variant"] == variant]
    return {
        "logic": name,
        "alarms": len(findings),
        "days": document["days"],
        "loud": [len(noticed.intersection(of("loud"))), len(of("loud"))],
        "quiet": [len(noticed.intersection(of("quiet"))), len(of("quiet"))],
        "traps": [len(traps), len(labels.traps)],
        "false": false,
        "secret_weeks": document["secrets"] * document["days"] / 7,
    }


def together(rows: list) -> dict:
    """The figures of one logic over several organizations: all counts are added."""
    add = lambda values: [sum(pair) for pair in zip(*values)] if isinstance(values[0], list) else sum(values)
    return {"logic": rows[0]["logic"]} | {part: add([r[part] for r in rows]) for part in rows[0] if part != "logic"}


def table(rows: list) -> str:
    """The figures for people."""
    heads = ["logic", "alarms", "a day", "loud", "quiet", "traps hit", "false per 100 secrets per week"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for r in rows:
        pairs = [f"{r[part][0]} of {r[part][1]}" for part in ("loud", "quiet", "traps")]
        cells = [r["logic"], r["alarms"], round(r["alarms"] / r["days"], 1), *pairs]
        cells.append(round(r["false"] / r["secret_weeks"] * 100, 1))
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def of_reads(labels: Labels, reads: list) -> list:
    """Incidents of which a read is a part."""
    ids = {record["eventID"] for record in reads}
    return [label for label in labels.incidents if ids.intersection(label["events"])]


def compare(folder: Path, findings: Path | None) -> list:
    """One row for each logic on the data of one folder."""
    reads = load_reads(folder)
    labels = Labels(json.loads((folder / "labels.json").read_text()))
    counted = of_reads(labels, reads)
    rows = [
        row("20 distinct secrets in 6 minutes, by session", labels, counted, many_in_minutes(reads)),
        row("first read by user name in 5 days", labels, counted, first_in_days(reads)),
        row("every read is high", labels, counted, every_read(reads)),
    ]
    if findings:
        alarms = [f for f in load_findings(findings) if is_alarm(f)]
        rows.append(row("Snowtrail, medium or above", labels, counted, alarms))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("findings", type=Path, nargs="?", help="findings of Snowtrail on the same data")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    rows = compare(arguments.folder, arguments.findings)
    print(table(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
