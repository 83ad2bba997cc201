#!/usr/bin/env python3
"""How far ingest scales by adding workers: events and commits a second of 1, 2 and 4 workers on one queue and one lake,
and how many requests to AWS a commit and a message cost.

    cargo build --release
    testdata/bench/commit_rate.py                                  100 log files of 100 records; batches of 100, 1000, 10000 events
    testdata/bench/commit_rate.py --files 400 --batches 1000
    testdata/bench/commit_rate.py --json                           one JSON object a line, for scale.py

For each number of workers and each size of a micro-batch (`--batch-events`): a stage of its own in the emulator, the queue
filled first, the workers started together, the clock stopped when the queue is empty; start and end are in it. `commits` are
the versions of the table `events`. All workers append to one day, the worst case: commits of one day exclude each other, the
loser looks again and commits once more.

Requests are counted by a proxy between the workers and the emulator, by service and verb, in the run of one worker. The
emulator answers in some milliseconds, S3 in some tens: the events of a commit are the emulator's machine's business, the
number of requests of a commit is not.

Prints a table in Markdown. Needs what `testdata/peers/install.sh` installs; runs itself with that Python.
"""

import argparse
import http.client
import http.server
import json
import os
import pathlib
import signal
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter

sys.dont_write_bytecode = True

import page_latency as bench  # noqa: E402

WORKERS = (1, 2, 4)
PATIENCE_S = 600


class Proxy(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Passes requests on to the emulator and counts them."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, upstream):
        self.upstream, self.counts, self.lock = upstream, Counter(), threading.Lock()
        super().__init__(("127.0.0.1", 0), Passing)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """A connection that ends with the emulator or with a worker is no news."""

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def count(self, name):
        with self.lock:
            self.counts[name] += 1


class Passing(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.count(self.named())
        upstream = http.client.HTTPConnection(*self.server.upstream, timeout=60)
        # Names of headers are written as they came: a signature covers them, and their values.
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("connection", "transfer-encoding"):
                upstream.putheader(name, value)
        upstream.endheaders(body if body else None)
        answer = upstream.getresponse()
        content = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length", "keep-alive"):
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else len(content)
        self.send_header("Content-Length", str(length or 0))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        upstream.close()

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = pass_on

    def named(self):
        target = self.headers.get("X-Amz-Target", "")
        if target.startswith("AmazonSQS."):
            return f"sqs {target.split('.')[1]}"
        if self.command == "POST" and self.path == "/":
            return "sns Publish"
        bucket = self.path.split("/")[1].split("-")[0].split("?")[0]
        verb = "LIST" if "list-type" in self.path else self.command
        return f"s3 {bucket} {verb}"

    def log_message(self, *_):
        pass


def run(endpoint, options, workers, batch_events, scratch):
    """One cell of the table."""
    stage = bench.Stage(endpoint)
    for _ in range(options.files):
        bench.put_file(stage, 0, options.records)
    proxy = Proxy(tuple(endpoint.removeprefix("http://").split(":")))
    stage.env["AWS_ENDPOINT_URL"] = proxy.endpoint
    folders = [pathlib.Path(scratch, f"{workers}-{batch_events}-{n}") for n in range(workers)]
    for folder in folders:
        folder.mkdir()
    # The lake is there before the race, so that nobody races for making it.
    prepare = subprocess.run([options.binary, "worker", "--once", "--only", "detect", "--queue", stage.queue, "--lake",
                              f"s3://{stage.lake}/prod", "--publish", stage.topic], env=stage.env, capture_output=True, text=True)
    if prepare.returncode:
        sys.exit(prepare.stderr)
    proxy.counts.clear()
    began = time.perf_counter()
    crowd = [bench.start_worker(stage, options.binary, folder, "--only", "ingest", "--batch-events", str(batch_events),
                                "--skip-proof") for folder in folders]
    while stage.depth() > 0:
        if time.perf_counter() - began > PATIENCE_S:
            sys.exit(f"the queue is not empty after {PATIENCE_S} seconds")
        time.sleep(0.1)
    wall = time.perf_counter() - began
    requests = dict(proxy.counts)
    cpu = sum(bench.cpu(worker.pid) for worker in crowd)
    for worker in crowd:
        worker.send_signal(signal.SIGTERM)
    for worker in crowd:
        worker.wait(60)
    stats = subprocess.run([options.binary, "lake", "stats", "--lake", f"s3://{stage.lake}/prod", "--format", "json"],
                           env=stage.env, capture_output=True, text=True, check=True)
    events = next(row for row in map(json.loads, stats.stdout.splitlines()) if row["table"] == "events")
    proxy.shutdown()
    return {"workers": workers, "batch_events": batch_events, "events": events["rows"], "seconds": round(wall, 2),
            "commits": events["version"], "files": events["files"], "cpu_seconds": round(cpu, 2),
            "messages": options.files, "requests": requests}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100, help="log files (default 100)")
    parser.add_argument("--records", type=int, default=100, help="records of each (default 100)")
    parser.add_argument("--batches", default="100,1000,10000", help="events of a micro-batch (default 100,1000,10000)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    target = os.environ.get("CARGO_TARGET_DIR", str(bench.ROOT / "target"))
    parser.add_argument("--binary", default=f"{target}/release/snowtrail")
    options = parser.parse_args()
    executable = bench.peers_python()
    bench.rerun_with_boto3(executable)
    rows = []
    with tempfile.TemporaryDirectory(prefix="snowtrail-bench-") as scratch:
        for batch in map(int, options.batches.split(",")):
            for workers in WORKERS:
                # An emulator of its own each time: what it holds slows it down.
                emulator, endpoint = bench.start_emulator(executable)
                try:
                    rows.append(run(endpoint, options, workers, batch, scratch))
                finally:
                    emulator.kill()
                print(json.dumps(rows[-1]), file=sys.stdout if options.json else sys.stderr, flush=True)
    if not options.json:
        print_table(rows)


def print_table(rows):
    print("| events a batch, at most | workers | events a second | commits a second | events a commit | CPU s a million events |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        rate, commits = row["events"] / row["seconds"], row["commits"] / row["seconds"]
        print(f"| {row['batch_events']} | {row['workers']} | {rate:,.0f} | {commits:.1f} | {row['events'] / max(1, row['commits']):,.0f} "
              f"| {row['cpu_seconds'] / row['events'] * 1e6:,.0f} |")


if __name__ == "__main__":
    main()
