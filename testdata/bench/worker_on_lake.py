#!/usr/bin/env python3
"""How a worker's start and ticks hang on the size of its lake: seconds and memory to the first receive, and what a tick costs.

    cargo build --release
    testdata/bench/worker_on_lake.py SMALL_LAKE LARGE_LAKE         both in one run, one after the other
    testdata/bench/worker_on_lake.py LAKE --no-ticks               the start alone: the first sweep of a large lake takes long

Needs only what `testdata/peers/install.sh` installs; runs itself with that Python. Each lake is a folder, of which a copy is
served (by links: a lake's files never change). A message waits in the emulator's queue before the worker starts.

`first receive s` is from the start of the process until the queue has handed that message out, and `MiB then` the largest
resident memory so far. Ticks need a sweep before them: `first sweep s` and `MiB` (the largest resident memory until the
end) say what that took. Then come files of 1,000 new events each, of the organization that the lakes were made of. `tick ms`
is the median of what the worker's log says that judging them took; `ratio` is the last lake's by the first one's.
"""

import argparse
import datetime
import gzip
import json
import os
import pathlib
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

import ingest_cost  # noqa: E402
import page_latency  # noqa: E402
from organization import ACCOUNTS, LogFile  # noqa: E402

TICK_EVENTS = 1_000


def main() -> int:
    args = arguments()
    emulator_executable = page_latency.peers_python()
    page_latency.rerun_with_boto3(emulator_executable)
    binary = ingest_cost.find_binary(args.binary)
    print("| lake | first receive s | MiB then | first sweep s | tick ms | MiB |\n|---|---|---|---|---|---|", flush=True)
    ticks = []
    for lake in args.lakes:
        emulator, endpoint = page_latency.start_emulator(emulator_executable)
        try:
            with tempfile.TemporaryDirectory(prefix="snowtrail-bench-") as folder:
                ticks.append(measured(page_latency.Stage(endpoint), binary, lake, pathlib.Path(folder), args))
        finally:
            emulator.kill()
    if args.ticks and len(ticks) > 1:
        print(f"\nratio of ticks: {ticks[-1] / ticks[0]:.2f}")
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lakes", nargs="+", type=pathlib.Path)
    parser.add_argument("--ticks", type=int, default=7, help="files of 1,000 new events (default 7)")
    parser.add_argument("--no-ticks", dest="ticks", action="store_const", const=0)
    parser.add_argument("--sweep-minutes", type=int, default=60, help="how long the first sweep may take (default 60)")
    parser.add_argument("--binary", type=pathlib.Path, help="snowtrail (default $CARGO_TARGET_DIR/release or target/release)")
    return parser.parse_args()


def measured(stage, binary, lake, folder, args) -> float:
    """One row of the table; the median tick in milliseconds."""
    copy = folder / "lake"
    shutil.copytree(lake, copy, copy_function=os.link)
    put_events(stage, 0)
    log = folder / "worker.log"
    command = [binary, "worker", "--queue", stage.queue, "--lake", str(copy), "--publish", stage.topic,
               "--sweep-seconds", "3600", "--compact-every", "86400"]
    with open(log, "w") as errors:
        env = dict(stage.env, SNOWTRAIL_LOG="snowtrail=debug,deltalake_core=error,warn")
        started = time.perf_counter()
        worker = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=errors)
    try:
        wait_for(lambda: handed_out(stage), worker, log, 600)
        start, memory = time.perf_counter() - started, peak_mib(worker.pid)
        swept, ticks = None, []
        if args.ticks:
            wait_for(lambda: took(log, "sweep"), worker, log, args.sweep_minutes * 60)
            swept = took(log, "sweep")[0] / 1000
            before = len(took(log, "tick"))
            for number in range(1, args.ticks + 1):
                put_events(stage, number)
                wait_for(lambda: len(took(log, "tick")) >= before + number, worker, log, 600)
            ticks = took(log, "tick")[before:]
        peak = peak_mib(worker.pid)
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(60)
    tick = statistics.median(ticks) if ticks else None
    show = lambda value, digits: "–" if value is None else f"{value:.{digits}f}"
    print(f"| {lake.name} | {start:.2f} | {memory:.0f} | {show(swept, 0)} | {show(tick, 0)} | {peak:.0f} |", flush=True)
    return tick


def put_events(stage, number: int):
    """A log file of new events, which the bucket tells the queue of."""
    begin = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=90)
    dice = random.Random(f"tick/{os.getpid()}/{number}")
    maker = LogFile(f"tick/{os.getpid()}/{number}", dice, ACCOUNTS[0], page_latency.REGION, begin, datetime.timedelta(seconds=60))
    body = gzip.compress(json.dumps({"Records": maker.make(TICK_EVENTS, TICK_EVENTS)}).encode(), 1)
    key = (f"AWSLogs/{ACCOUNTS[0]}/CloudTrail/{page_latency.REGION}/{begin:%Y/%m/%d}/{ACCOUNTS[0]}_CloudTrail_"
           f"{page_latency.REGION}_{begin:%Y%m%dT%H%MZ}_{number:016d}.json.gz")
    stage.s3.put_object(Bucket=stage.trail, Key=key, Body=body)


def handed_out(stage) -> bool:
    """Whether a message is in somebody's hand, or was deleted already."""
    names = ["ApproximateNumberOfMessages"]
    answer = stage.sqs.get_queue_attributes(QueueUrl=stage.queue, AttributeNames=names)
    return int(answer["Attributes"]["ApproximateNumberOfMessages"]) == 0


def took(log, how: str) -> list:
    """Milliseconds of each run of the rules of this kind that the log tells of."""
    runs = (json.loads(line) for line in log.read_text().splitlines() if '"ran the rules"' in line)
    return [run["took_ms"] for run in runs if run["how"] == how]


def wait_for(is_so, worker, log, seconds: int):
    until = time.perf_counter() + seconds
    while not is_so():
        if worker.poll() is not None or time.perf_counter() > until:
            sys.exit(f"error: the worker ended, or nothing happened for {seconds} s\n{log.read_text()[-2000:]}")
        time.sleep(0.02)


def peak_mib(pid: int) -> float:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


if __name__ == "__main__":
    sys.exit(main())
