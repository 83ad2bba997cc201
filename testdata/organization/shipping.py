"""How the organization's records reach the disk: CloudTrail's S3 layout, some late, some twice, some never.

Records come day by day and leave as soon as their file is full, so that memory does not grow with the organization.
"""

import gzip
import json
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

from records import at, derive_hex, log_key
from world import PROD, STAGE, WEST, World

SPANS = {(PROD, WEST): 2}  # hours of events in one file; CloudTrail's five minutes would be 50,000 files
SPAN_ELSEWHERE = 6
LATE_OF_TEN_THOUSAND, TWICE_OF_TEN_THOUSAND = 20, 30
GZIP_LEVEL = 6


class Shipper:
    """Sorts records into files. `outages`: delivery of a place stood still, and came later."""

    def __init__(self, world: World, root: Path):
        self.world, self.root = world, root
        self.files: dict = {}  # (account, region, delivered) -> [(order, json)]
        self.written: set = set()
        self.counts = Counter()
        self.principals: set = set()
        middle = world.clock.begin + timedelta(days=world.clock.days * 3 // 4, hours=11)
        self.outages = [(STAGE, WEST, middle, middle + timedelta(hours=5))]
        if world.small:
            self.outages = [(PROD, WEST, middle, middle + timedelta(hours=5))]

    def add(self, records: list, is_case: bool = False):
        """Takes records in. Those of cases are delivered even while a blinded trail hides daily life."""
        for record in records:
            when = at(record["eventTime"])
            if not is_case and self._is_hidden(record, when):
                self.counts["hidden"] += 1
                continue
            self.counts["events"] += 1
            self.principals.add(record["userIdentity"].get("sessionContext", {}).get("sessionIssuer", {}).get("arn"))
            text = json.dumps(record, separators=(",", ":"), ensure_ascii=False)
            for delay in self._delays(record, when):
                self.counts["records"] += 1
                self._put(record, when + delay, text)

    def _is_hidden(self, record, when) -> bool:
        place = record["recipientAccountId"], record["awsRegion"]
        if any((a, r) == place and begin <= when < end for a, r, begin, end in self.world.silences):
            return True
        return any(
            a == place[0] and record["eventSource"] == source and begin <= when < end
            for a, source, begin, end in self.world.blind
        )

    def _delays(self, record, when: datetime) -> list:
        """How much later than usual each copy comes."""
        lot = int(derive_hex(8, "lot", record["eventID"]), 16)
        first = timedelta(hours=26 + lot % 30) if lot % 10000 < LATE_OF_TEN_THOUSAND else timedelta(0)
        for account, region, begin, end in self.outages:
            if (account, region) == (record["recipientAccountId"], record["awsRegion"]) and begin <= when < end:
                first = max(first, end - when)
        again = lot // 10000 % 10000 < TWICE_OF_TEN_THOUSAND
        self.counts["late"] += first > timedelta(0)
        return [first, timedelta(hours=3 + lot % 6)] if again else [first]

    def _put(self, record, when: datetime, text: str):
        place = record["recipientAccountId"], record["awsRegion"]
        span = timedelta(hours=SPANS.get(place, SPAN_ELSEWHERE))
        begin = when.replace(hour=0, minute=0, second=0)
        delivered = begin + ((when - begin) // span + 1) * span + timedelta(minutes=5)
        file = (*place, delivered)
        if file in self.written:
            raise ValueError(f"a record for a file that is written: {record['eventName']} at {record['eventTime']}")
        order = derive_hex(4, "order", record["eventID"]) + record["eventID"]
        self.files.setdefault(file, []).append((order, text))

    def flush(self, before: datetime | None = None):
        """Writes the files that were delivered before a moment; all of them without one."""
        for file in sorted(f for f in self.files if before is None or f[2] < before):
            account, region, delivered = file
            texts = [text for _, text in sorted(self.files.pop(file))]
            unique = "".join(
                c.upper() if i % 3 else c
                for i, c in enumerate(
                    derive_hex(16, "file", str(self.world.seed), account, region, delivered.isoformat())
                )
            )
            path = self.root / log_key(account, region, delivered, unique)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress(('{"Records":[' + ",".join(texts) + "]}").encode(), GZIP_LEVEL, mtime=0))
            self.written.add(file)
            self.counts["files"] += 1
