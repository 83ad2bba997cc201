"""How records reach a disk: one log file, or CloudTrail's S3 layout.

Output depends on the arguments alone (gzip carries mtime 0 and no name), so a re-run gives the same bytes.
This module makes no records; see `records.py`.
"""

import gzip
import io
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

from identities import at, derive_hex


def log_bytes(records: list) -> bytes:
    """A log file's plain bytes: `{"Records":[…]}`, compact, as CloudTrail writes it."""
    return json.dumps({"Records": records}, separators=(",", ":"), ensure_ascii=False).encode()


def gzip_bytes(plain: bytes) -> bytes:
    """One gzip member, level 9, mtime 0: the same input gives the same bytes."""
    out = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=out, mtime=0) as member:
        member.write(plain)
    return out.getvalue()


def write_log(path, records: list, *, pretty: bool = False) -> Path:
    """Writes a log file; gzip if the name ends in `.gz`. `pretty` indents, for fixtures that people read."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = log_bytes(records)
    if pretty:
        plain = (json.dumps({"Records": records}, indent=1, ensure_ascii=False) + "\n").encode()
    path.write_bytes(gzip_bytes(plain) if path.suffix == ".gz" else plain)
    return path


def write_lines(path, records: list) -> Path:
    """NDJSON: one record a line."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(record, separators=(",", ":"), ensure_ascii=False) for record in records]
    path.write_text("\n".join(lines) + "\n")
    return path


def eventbridge(record: dict) -> dict:
    """The EventBridge envelope around one record."""
    kind = {"AwsServiceEvent": "AWS Service Event via CloudTrail", "AwsConsoleSignIn": "AWS Console Signin via CloudTrail"}
    return {"version": "0", "id": record["eventID"],
            "detail-type": kind.get(record["eventType"], "AWS API Call via CloudTrail"),
            "source": "aws." + record["eventSource"].split(".")[0], "account": record["recipientAccountId"],
            "time": record["eventTime"], "region": record["awsRegion"], "resources": [], "detail": record}


def log_key(account: str, region: str, delivered: datetime, unique: str) -> str:
    """The S3 key of a log file: the stamp is the time of delivery, in minutes."""
    day, minute = delivered.strftime("%Y/%m/%d"), delivered.strftime("%Y%m%dT%H%MZ")
    return f"AWSLogs/{account}/CloudTrail/{region}/{day}/{account}_CloudTrail_{region}_{minute}_{unique}.json.gz"


def deliver(root, records: list, *, every: timedelta = timedelta(minutes=5), lag: timedelta = timedelta(minutes=5),
            late: dict | None = None, again: dict | None = None, spans: dict | None = None) -> list:
    """Writes records below `root` in CloudTrail's S3 layout and returns the paths.

    Events are gathered in spans of `every` (aligned to UTC midnight; `spans` overrides it by (account, region)) and
    delivered `lag` after the span's end. `late` maps an eventID to a timedelta: that event comes that much later, in
    another span's file. `again` does the same with a second copy. Inside a file records lie in an order of their own,
    not by time, as CloudTrail's do.
    """
    late, again, spans = late or {}, again or {}, spans or {}
    files: dict = {}
    for record in records:
        place = record["recipientAccountId"], record["awsRegion"]
        span = spans.get(place, every)
        event_id = record["eventID"]
        delays = [late.get(event_id, timedelta(0))] + ([again[event_id]] if event_id in again else [])
        for delay in delays:
            end = _span_end(at(record["eventTime"]) + delay, span)
            files.setdefault((*place, end + lag), []).append(record)
    paths = []
    for (account, region, delivered), members in sorted(files.items()):
        unique = derive_hex(16, "file", account, region, delivered.isoformat())
        unique = "".join(c.upper() if i % 3 else c for i, c in enumerate(unique))
        members.sort(key=lambda r: derive_hex(8, "order", r["eventTime"][:11], r["eventSource"], r["eventName"]) + r["eventID"])
        paths.append(write_log(Path(root) / log_key(account, region, delivered, unique), members))
    return paths


def _span_end(when: datetime, span: timedelta) -> datetime:
    origin = datetime(2026, 1, 1, tzinfo=timezone.utc)
    return origin + ((when - origin) // span + 1) * span
