#!/usr/bin/env python3
"""What the rules cost on a Ballista cluster, beside one process: time, processor time of each part, stages, who did the work.

    cargo build --release
    testdata/bench/cluster.py                            400,000 events; alone, then with one and with two executors
    testdata/bench/cluster.py --lake ./lake --executors 1,2,4      your own lake, of which copies are judged

Python 3.11, stdlib only. The cluster is the one of `deploy/local-cluster.sh`, which builds Ballista's programs first where
`BALLISTA_PROGRAMS` names none. Each executor runs as many tasks at a time as that script lets it. `alone` is `snowtrail detect` without a cluster,
from nothing judged yet, as are the others. `s` is by the clock; the other columns are seconds of processor time, of the
client, the scheduler, and each executor. `jobs`, `stages` and `tasks` are the scheduler's own counts.

All of it shares one machine. So the clock says what a cluster costs and not what it wins: with two cores, two executors, a
scheduler and a client stand in each other's way. What adding executors wins beyond one machine hangs on the executors' share
of the work, and on how evenly it falls to them; both are in the table.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

sys.dont_write_bytecode = True

import ingest_cost  # noqa: E402
import pack_cost  # noqa: E402

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "local-cluster.sh"
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def main() -> int:
    args = arguments()
    binary = ingest_cost.find_binary(args.binary)
    with tempfile.TemporaryDirectory(prefix="snowtrail-bench-") as scratch:
        lake = args.lake or pack_cost.made(args, binary, Path(scratch))
        events = int(pack_cost.rows(binary, lake, "SELECT count(*) FROM events")[1][0])
        print(f"{events:,} events\n")
        print("| | s | client | scheduler | executors | jobs | stages | tasks | findings |\n" + "|---" * 9 + "|", flush=True)
        cost, found = detect(binary, lake, Path(scratch), [])
        print(f"| alone | {cost.wall:.1f} | {cost.cpu:.1f} | | | | | | {len(found):,} |", flush=True)
        for executors in args.executors:
            there = on_cluster(args, binary, lake, Path(scratch), executors)
            if there != found:
                sys.exit(f"error: {executors} executors found something else: {sorted(there ^ found)[:5]}")
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=400_000, help="records to make, all in scope (default 400000)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--lake", type=Path, help="judge copies of this lake instead of making one")
    parser.add_argument("--executors", type=lambda text: [int(n) for n in text.split(",")], default=[1, 2])
    parser.add_argument("--parts", type=int, default=4, help="--cluster-parts (default 4)")
    parser.add_argument("--port", type=int, default=50750, help="of the scheduler; executors take the next ones (default 50750)")
    parser.add_argument("--binary", type=Path, help="snowtrail (default $CARGO_TARGET_DIR/release or target/release)")
    return parser.parse_args()


def detect(binary: Path, lake: Path, scratch: Path, options: list) -> tuple:
    """What judging a copy of the lake cost, and the keys of what it found."""
    copy = scratch / "judged"
    shutil.copytree(lake, copy)
    cost = ingest_cost.run([str(binary), "detect", "--lake", str(copy), *options])
    found = {row[0] for row in pack_cost.rows(binary, copy, "SELECT key FROM findings")[1:]}
    shutil.rmtree(copy)
    return cost, found


def on_cluster(args: argparse.Namespace, binary: Path, lake: Path, scratch: Path, executors: int) -> set:
    """Starts a cluster, judges a copy of the lake on it, prints the row, and gives the keys."""
    cluster = subprocess.Popen([str(SCRIPT), str(executors), str(args.port)], stderr=subprocess.PIPE, text=True)
    try:
        wait_until_started(cluster)
        before = [processor_seconds(pid) for pid in children(cluster.pid)]
        cost, found = detect(binary, lake, scratch, ["--cluster", f"df://127.0.0.1:{args.port}", "--cluster-parts", str(args.parts)])
        scheduler, *workers = (after - then for after, then in zip(map(processor_seconds, children(cluster.pid)), before))
        jobs = asked(args.port, "jobs")
        stages = [stage for job in jobs for stage in asked(args.port, f"job/{job['job_id']}/stages")["stages"]]
        tasks = sum(len(stage["tasks"]) for stage in stages)
        shares = " + ".join(f"{worker:.1f}" for worker in workers)
        print(f"| executors: {executors} | {cost.wall:.1f} | {cost.cpu:.1f} | {scheduler:.1f} | {shares} "
              f"| {len(jobs)} | {len(stages)} | {tasks} | {len(found):,} |", flush=True)
        return found
    finally:
        cluster.terminate()
        cluster.wait()


def wait_until_started(cluster: subprocess.Popen):
    """Until its scheduler listens; a run waits for executors by itself."""
    said = []
    for line in cluster.stderr:
        said.append(line)
        if line.startswith("scheduler at "):
            return
    sys.exit("error: the cluster did not start\n" + "".join(said[-10:]))


def children(pid: int) -> list:
    """Child processes, the oldest first: the scheduler, then the executors."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def asked(port: int, what: str):
    """An answer of the scheduler's REST interface."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/{what}", timeout=60) as answer:
        return json.load(answer)


if __name__ == "__main__":
    sys.exit(main())
