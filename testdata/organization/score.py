#!/usr/bin/env python3
"""Scores findings against the labels of a simulated organization.

    snowtrail replay DIR/AWSLogs --policy DIR/policy.toml --format json > FINDINGS.jsonl
    python3 testdata/organization/score.py --labels DIR/labels.json FINDINGS.jsonl [--json FILE] [--list]

A Markdown table on stdout; `--json` writes the same as JSON, `--list` adds every miss, trap and false finding. With
`--min-loud PERCENT` and its like it is a gate: exit 1 where a figure misses.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True

from matching import Classes, Labels, is_alarm, judge, load_findings, rule_ids  # noqa: E402

HERE = Path(__file__).resolve().parent


def score(labels: Labels, classes: Classes, findings: list, rules: set | None = None) -> dict:
    """All figures. `rules`: the rules that exist; classes that none of them tells of are counted apart."""
    judged = judge(labels, classes, findings)
    by_class: dict = {}
    for label in labels.incidents:
        row = by_class.setdefault(
            label["class"], {"loud": [0, 0], "quiet": [0, 0], "noticed": 0, "missed": [], "alarms": 0}
        )
        hits = judged["found"][label["id"]]
        row[label["variant"]][0] += bool(hits)
        row[label["variant"]][1] += 1
        row["alarms"] += any(is_alarm(f) for f in hits)
        row["noticed"] += bool(hits) or any(is_alarm(f) for f in judged["other"][label["id"]])
        row["missed"] += [] if hits else [label["id"]]
    for kind, row in by_class.items():
        row["has_rule"] = rules is None or any(classes.finds(kind, rule) for rule in rules)
    alarms = [v for v in judged["verdicts"] if is_alarm(v["finding"])]
    false = [v for v in alarms if v["verdict"] == "false"]
    trapped = [v for v in alarms if v["verdict"] == "trap"]
    document = labels.document
    weeks = document["days"] / 7
    per = lambda count: round(count / weeks / document["secrets"] * 100, 2)
    total = lambda variant, part, rows: sum(row[variant][part] for row in rows)
    having = [row for row in by_class.values() if row["has_rule"]]
    return {
        "seed": document["seed"],
        "secrets": document["secrets"],
        "roles": document["roles"],
        "days": document["days"],
        "records": document["counts"]["records"],
        "findings": len(findings),
        "alarms": len(alarms),
        "loud": [total("loud", 0, by_class.values()), total("loud", 1, by_class.values())],
        "quiet": [total("quiet", 0, by_class.values()), total("quiet", 1, by_class.values())],
        "loud_with_rule": [total("loud", 0, having), total("loud", 1, having)],
        "quiet_with_rule": [total("quiet", 0, having), total("quiet", 1, having)],
        "traps": len(labels.traps),
        "traps_hit": sorted({v["label"] for v in trapped}),
        "trap_findings": len(trapped),
        "false": len(false),
        "false_per_100_secrets_per_week": per(len(false)),
        "false_and_trapped_per_100_secrets_per_week": per(len(false) + len(trapped)),
        "false_by_rule": dict(Counter(v["finding"]["rule"] for v in false).most_common()),
        "trapped_by_rule": dict(Counter(v["finding"]["rule"] for v in trapped).most_common()),
        "classes": dict(sorted(by_class.items())),
        "misses": [label for row in by_class.values() for label in row["missed"]],
        "false_findings": [_brief(v) for v in false],
        "trap_list": [_brief(v) for v in trapped],
    }


def _brief(verdict: dict) -> dict:
    finding = verdict["finding"]
    return {
        "rule": finding["rule"],
        "severity": finding["severity"],
        "key": finding["key"],
        "title": finding["title"],
        "label": verdict["label"],
    }


def _share(pair: list) -> str:
    return f"{pair[0]} of {pair[1]}" if pair[1] else "–"


def markdown(result: dict) -> str:
    """The figures for people."""
    lines = [
        f"Seed {result['seed']}: {result['secrets']} secrets, {result['roles']} roles, {result['days']} days, "
        f"{result['records']:,} records, {result['findings']} findings, {result['alarms']} of them medium or above.",
        "",
        "| class | loud | quiet | at medium or above | noticed by any rule | |",
        "|---|---|---|---|---|---|",
    ]
    for kind, row in result["classes"].items():
        count = row["loud"][1] + row["quiet"][1]
        cells = [kind, _share(row["loud"]), _share(row["quiet"]), _share([row["alarms"], count])]
        cells += [_share([row["noticed"], count]), "" if row["has_rule"] else "no rule"]
        lines.append(f"| {' | '.join(cells)} |")
    loud, quiet = _share(result["loud_with_rule"]), _share(result["quiet_with_rule"])
    traps = ", ".join(result["traps_hit"]) or "none"
    lines += [
        f"| **all** | **{_share(result['loud'])}** | **{_share(result['quiet'])}** | | | |",
        f"| **classes with a rule** | **{loud}** | **{quiet}** | | | |",
        "",
        "| | |",
        "|---|---|",
        f"| traps hit | {len(result['traps_hit'])} of {result['traps']}, {result['trap_findings']} findings: {traps} |",
        f"| false findings at medium or above | {result['false']} |",
        f"| per 100 secrets per week | {result['false_per_100_secrets_per_week']} |",
        f"| the same, with those of traps | {result['false_and_trapped_per_100_secrets_per_week']} |",
        f"| false by rule | {_counts(result['false_by_rule'])} |",
        f"| in traps by rule | {_counts(result['trapped_by_rule'])} |",
    ]
    return "\n".join(lines)


def _counts(counts: dict) -> str:
    return ", ".join(f"{rule} {n}" for rule, n in counts.items()) or "none"


def details(result: dict) -> str:
    """Every miss, every trap stepped into, every false finding."""
    lines = ["", "Missed: " + (", ".join(result["misses"]) or "nothing")]
    for title, found in (("In traps", result["trap_list"]), ("False", result["false_findings"])):
        lines += ["", f"{title}:"] + [
            f"- {f['severity']} {f['key']} ({f['title']}){' near ' + f['label'] if f['label'] else ''}" for f in found
        ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("findings", type=Path, help="output of snowtrail replay --format json")
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--classes", type=Path, default=HERE / "classes.toml", help="which rules tell of which class")
    parser.add_argument("--rules", type=Path, help="folder of rules that exist, to count classes without a rule apart")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--list", action="store_true", help="every miss, trap and false finding too")
    parser.add_argument("--min-loud", type=float, help="gate: percent of loud incidents (of classes with a rule)")
    parser.add_argument("--min-quiet", type=float, help="gate: percent of quiet ones")
    parser.add_argument("--max-traps", type=int, help="gate: traps hit")
    parser.add_argument("--max-false", type=float, help="gate: false findings per 100 secrets per week")
    arguments = parser.parse_args()
    rules = rule_ids(arguments.rules)
    labels = Labels(json.loads(arguments.labels.read_text()))
    result = score(labels, Classes(arguments.classes), load_findings(arguments.findings), rules)
    print(markdown(result) + (details(result) if arguments.list else ""))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    missed = _gate(result, arguments)
    print("\n".join(missed), end="\n" if missed else "", file=sys.stderr)
    return 1 if missed else 0


def _gate(result: dict, arguments) -> list:
    missed = []
    for pair, least, name in (
        (result["loud_with_rule"], arguments.min_loud, "loud"),
        (result["quiet_with_rule"], arguments.min_quiet, "quiet"),
    ):
        if least is not None and pair[0] * 100 < least * pair[1]:
            missed.append(f"{name} incidents found: {_share(pair)}, wanted {least} percent")
    if arguments.max_traps is not None and len(result["traps_hit"]) > arguments.max_traps:
        missed.append(f"traps hit: {len(result['traps_hit'])}, at most {arguments.max_traps} wanted")
    rate = result["false_per_100_secrets_per_week"]
    if arguments.max_false is not None and rate > arguments.max_false:
        missed.append(f"false per 100 secrets per week: {rate}, at most {arguments.max_false} wanted")
    return missed


if __name__ == "__main__":
    sys.exit(main())
