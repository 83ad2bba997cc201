#!/usr/bin/env python3
"""Simulates, replays and scores several seeds, compares with fixed thresholds, and writes tables of them all: what goes
into a report.

    python3 testdata/organization/report.py --seeds 6-10 --binary snowtrail --rules queries --work DIR > report.md

`--rules` is the folder of rules to judge; without it the binary's own. DIR keeps what was made, `--small` takes small
organizations, `--again` makes and replays again what is there.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True

from compare import compare, table  # noqa: E402
from compare import together as compared_together  # noqa: E402
from matching import Classes, Labels, load_findings, rule_ids  # noqa: E402
from score import HERE, markdown, score  # noqa: E402

FIGURES = ["loud", "quiet", "loud_with_rule", "quiet_with_rule"]


def run(seed: int, arguments) -> tuple:
    """One seed's figures, and what fixed thresholds make of the same data."""
    folder = arguments.work / f"{'small' if arguments.small else 'big'}-{seed}"
    findings = folder / "findings.jsonl"
    if arguments.again or not (folder / "labels.json").exists():
        make = [sys.executable, str(HERE / "organization.py"), "--seed", str(seed), "--out", str(folder)]
        subprocess.run(make + (["--small"] if arguments.small else []), check=True, stdout=sys.stderr)
        findings.unlink(missing_ok=True)
    if not findings.exists():
        command = [
            arguments.binary,
            "replay",
            str(folder / "AWSLogs"),
            "--policy",
            str(folder / "policy.toml"),
            "--format",
            "json",
        ]
        command += ["--rules", str(arguments.rules)] if arguments.rules else []
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        findings.write_bytes(printed)
    rules = rule_ids(arguments.rules)
    labels = Labels(json.loads((folder / "labels.json").read_text()))
    figures = score(labels, Classes(HERE / "classes.toml"), load_findings(findings), rules)
    return figures, compare(folder, findings)


def together(results: list) -> dict:
    """The figures of all seeds as one: counts are added, rates are means, weighted alike."""
    total = dict(results[0])
    total["seed"] = ", ".join(str(r["seed"]) for r in results)
    for part in ("records", "findings", "alarms", "traps", "trap_findings", "false", "secrets", "roles"):
        total[part] = sum(r[part] for r in results)
    for part in FIGURES:
        total[part] = [sum(r[part][n] for r in results) for n in (0, 1)]
    for part in ("false_per_100_secrets_per_week", "false_and_trapped_per_100_secrets_per_week"):
        total[part] = round(sum(r[part] for r in results) / len(results), 2)
    for part in ("false_by_rule", "trapped_by_rule"):
        rules = sorted({rule for r in results for rule in r[part]})
        total[part] = {rule: sum(r[part].get(rule, 0) for r in results) for rule in rules}
    total["traps_hit"] = [f"{hit} (seed {r['seed']})" for r in results for hit in r["traps_hit"]]
    total["classes"] = {}
    for kind in sorted({kind for r in results for kind in r["classes"]}):
        rows = [r["classes"][kind] for r in results if kind in r["classes"]]
        total["classes"][kind] = {
            **{variant: [sum(row[variant][n] for row in rows) for n in (0, 1)] for variant in ("loud", "quiet")},
            **{part: sum(row[part] for row in rows) for part in ("noticed", "alarms")},
            "has_rule": any(row["has_rule"] for row in rows),
        }
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="6-10", help="one, or a range")
    parser.add_argument("--binary", default="snowtrail")
    parser.add_argument("--rules", type=Path, help="folder that holds rules/ and views/")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--again", action="store_true")
    arguments = parser.parse_args()
    first, _, last = arguments.seeds.partition("-")
    runs = [run(seed, arguments) for seed in range(int(first), int(last or first) + 1)]
    results = [figures for figures, _ in runs]
    print(markdown(together(results)))
    if len(results) > 1:
        print("\n| seed | loud | quiet | traps hit | false per 100 secrets per week |\n|---|---|---|---|---|")
        for r in results:
            pairs = [f"{r[part][0]} of {r[part][1]}" for part in FIGURES[:2]]
            print(
                f"| {r['seed']} | {' | '.join(pairs)} | {len(r['traps_hit'])} | {r['false_per_100_secrets_per_week']} |"
            )
    print("\nThe same data, and fixed thresholds. Counted are incidents that hold a read.\n")
    print(table([compared_together(list(rows)) for rows in zip(*(rows for _, rows in runs))]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
