#!/usr/bin/env python3
"""Simulates an organization for some weeks: log files, the policy, and labels of what happened.

    python3 testdata/organization/organization.py --seed 7 --out DIR           the big one: 45 days
    python3 testdata/organization/organization.py --seed 7 --out DIR --small   the one for CI: 21 days

DIR then holds AWSLogs/, policy.toml and labels.json. The same seed gives the same bytes. Stdlib only; reads neither the
clock, nor a rule, nor a rule's parameters.
"""

import argparse
import json
import shutil
import sys
from datetime import timedelta
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "compose"))

import cases  # noqa: E402
import incidents_keys  # noqa: E402,F401 (registers its incidents, as the next five do)
import incidents_more_reads  # noqa: E402,F401
import incidents_reads  # noqa: E402,F401
import incidents_rotation  # noqa: E402,F401
import incidents_trail  # noqa: E402,F401
import life_care  # noqa: E402
import life_people  # noqa: E402
import life_services  # noqa: E402
import policy  # noqa: E402
import traps  # noqa: E402,F401
import traps_of_life  # noqa: E402
from records import stamp  # noqa: E402
from shipping import Shipper  # noqa: E402
from world import World  # noqa: E402


def simulate(seed: int, small: bool, out: Path, tell=lambda text: None) -> dict:
    """Writes everything below `out` and returns the labels."""
    world = World(seed, small)
    life_services.plan_deploys(world)
    life_care.plan_rotations(world)
    life_people.plan_jobs(world)
    # The labels are written last: a run that was cut short leaves nothing that looks whole, and no findings of another.
    for stale in ("labels.json", "policy.toml", "findings.jsonl"):
        (out / stale).unlink(missing_ok=True)
    shutil.rmtree(out / "AWSLogs", ignore_errors=True)
    shipper = Shipper(world, out)
    planned, made = cases.schedule(world), []
    for number in range(world.clock.days):
        # Rotations decide versions and incidents decide what fails, so both come before the day's reads.
        shipper.add(life_care.rotations(world, number))
        for plan, is_trap in planned.get(number, []):
            case = cases.Case(world, plan, number, is_trap)
            plan.make(case)
            made.append(case)
        for work in world.later.get(number, []):
            work()
        for case in made:
            shipper.add(case.drain(), is_case=True)
        for strand in [*life_services.STRANDS, *life_people.STRANDS, *life_care.STRANDS]:
            shipper.add(strand(world, number))
        shipper.flush(life_services.hours_of(world, number)[0] - timedelta(days=1))
        tell(f"day {number + 1} of {world.clock.days}, {shipper.counts['records']:,} records")
    shipper.flush()
    labels = {
        "seed": seed,
        "small": small,
        "begin": stamp(world.clock.begin),
        "end": stamp(world.clock.end),
        "days": world.clock.days,
        "secrets": len(world.items),
        "roles": len([p for p in shipper.principals if p]),
        "counts": dict(sorted(shipper.counts.items())),
        "windows": [{"principal": p, "from": begin, "to": end} for p, begin, end, _ in world.windows],
        "labels": [case.label() for case in made] + traps_of_life.labels(world, {"outages": shipper.outages}),
    }
    (out / "policy.toml").write_text(policy.write(world))
    (out / "labels.json").write_text(json.dumps(labels, indent=1) + "\n")
    return labels


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, required=True, help="1 to 5 for tuning, 6 to 10 for reporting")
    parser.add_argument("--out", type=Path, required=True, help="folder; its AWSLogs is replaced")
    parser.add_argument("--small", action="store_true", help="three weeks, a dozen secrets")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    tell = lambda text: print(f"\r{text}", end="", file=sys.stderr) if sys.stderr.isatty() else None
    labels = simulate(arguments.seed, arguments.small, arguments.out, tell)
    incidents = [label for label in labels["labels"] if label["kind"] == "incident"]
    print(
        f"{labels['secrets']} secrets, {labels['roles']} roles, {labels['days']} days, "
        f"{labels['counts']['records']} records in "
        f"{labels['counts']['files']} files; {len(incidents)} incidents, {len(labels['labels']) - len(incidents)} traps"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
