"""Folders of log files in CloudTrail's S3 layout, one folder for each of the `forms`. Runs no `snowtrail`.

A folder that is kept is used again by the next run: `trail.json` beside the forms says what was made, and is written
last, so that a run that was cut short leaves nothing that looks whole.
"""

import gzip
import json
import os
import shutil
from collections import Counter
from multiprocessing import Pool
from pathlib import Path

import forms
from organization import DAYS, Organization, is_in_scope
from records import log_key
from identities import derive_hex

# As CloudTrail does; its level is not documented, the ratio of its files is near this one's.
GZIP_LEVEL = 6
RECORDS_PER_FILE = 2000


def make(folder: Path, records: int, in_scope: float, seed: int, wanted: list, tell, days: int = DAYS) -> dict:
    """The organization's trail in the wanted forms; what it holds. Made in parallel: a file depends on no other."""
    files = max(1, records // RECORDS_PER_FILE)
    asked = {"files": files, "records_per_file": RECORDS_PER_FILE, "in_scope": in_scope, "seed": seed, "days": days, "forms": wanted}
    return _once(folder, asked, _make_one, [(folder, number, asked) for number in range(files)], tell)


def reshape(source: Path, folder: Path, wanted: list, tell) -> dict:
    """The log files of an existing folder in the wanted forms. What is no `{"Records":[…]}` is left out."""
    paths = sorted(source.rglob("*.json.gz"))
    size = sum(path.stat().st_size for path in paths)
    asked = {"input": str(source.resolve()), "files": len(paths), "bytes": size, "forms": wanted}
    return _once(folder, asked, _reshape_one, [(folder, source, path, wanted) for path in paths], tell)


def log_files(folder: Path) -> list:
    """The gzip files below a folder, in a stable order."""
    return sorted(str(path) for path in folder.rglob("*.gz"))


def _once(folder: Path, asked: dict, work, jobs: list, tell) -> dict:
    """Does all jobs, unless the folder holds what was asked for already."""
    done = folder / "trail.json"
    if done.exists():
        trail = json.loads(done.read_text())
        if trail["asked"] == asked:
            tell(f"using the trail in {folder}")
            return trail
    done.unlink(missing_ok=True)
    for form in asked["forms"]:
        shutil.rmtree(folder / form, ignore_errors=True)
    trail = {"asked": asked, **_gathered(work, jobs, tell)}
    done.write_text(json.dumps(trail, indent=1))
    return trail


def _gathered(work, jobs: list, tell) -> dict:
    records, kept = 0, Counter()
    with Pool(os.cpu_count()) as pool:
        for number, (count, calls) in enumerate(pool.imap_unordered(work, jobs), start=1):
            records += count
            kept.update(calls)
            if number % 20 == 0 or number == len(jobs):
                tell(f"made {number} of {len(jobs)} files")
    return {"records": records, "kept": dict(sorted(kept.items()))}


def _make_one(job: tuple) -> tuple:
    folder, number, asked = job
    organization = Organization(asked["seed"], asked["files"], asked["in_scope"], asked["days"])
    account, region, delivered, records = organization.log_file(number, asked["records_per_file"])
    key = log_key(account, region, delivered, derive_hex(16, "bench", str(asked["seed"]), str(number)).upper())
    for form in asked["forms"]:
        _write(folder / form / key, forms.write(form, records, key))
    return len(records), Counter(f"{r['eventSource']} {r['eventName']}" for r in records if is_in_scope(r))


def _reshape_one(job: tuple) -> tuple:
    folder, source, path, wanted = job
    log = json.loads(gzip.decompress(path.read_bytes()))
    records = log.get("Records") if isinstance(log, dict) else None
    for form in wanted if records else []:
        _write(folder / form / path.relative_to(source), forms.write(form, records, path.name))
    return len(records or []), {}


def _write(path: Path, plain: bytes):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(plain, GZIP_LEVEL, mtime=0))
