"""Which label explains a finding: by the events that it cites, or by its people, secrets and hours. Reads no rule."""

import fnmatch
import json
import tomllib
from pathlib import Path

# Rules cut long lists of events; a list that may have been cut proves nothing by what it lacks.
EVIDENCE_MAX = 20
SEVERITIES = ["info", "low", "medium", "high", "critical"]


def load_findings(path: Path) -> list:
    """Findings as `snowtrail replay --format json` prints them."""
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip().startswith("{")]


def rule_ids(folder: Path | None) -> set | None:
    """Ids of the rules in a folder that holds rules/ (and hunts, which are none), or of a folder of rules."""
    if folder is None:
        return None
    inner = folder / "rules"
    return {path.stem for path in (inner if inner.is_dir() else folder).glob("*.sql")}


def is_alarm(finding: dict) -> bool:
    """Medium or above."""
    return SEVERITIES.index(finding["severity"]) >= SEVERITIES.index("medium")


class Classes:
    """The table in classes.toml."""

    def __init__(self, path: Path):
        table = tomllib.loads(path.read_text())
        self.families, self.classes = table["families"], table["classes"]

    def finds(self, kind: str, rule: str) -> bool:
        """Whether a finding of the rule finds an incident of the class."""
        entry = self.classes.get(kind, {})
        words = set(rule.split("-"))
        return _any(entry.get("rules", [kind]), rule) or any(set(each) <= words for each in entry.get("words", []))

    def may_follow(self, kind: str, rule: str) -> bool:
        """Whether the rule may rightly report the same, as a consequence."""
        entry = self.classes.get(kind, {})
        return _any(entry.get("also", []) + self.families.get(entry.get("family"), []), rule)

    def is_aftermath(self, kind: str, rule: str) -> bool:
        """Whether the rule may rightly report, until the end, what the incident left behind."""
        return _any(self.classes.get(kind, {}).get("aftermath", []), rule)


def _any(globs: list, rule: str) -> bool:
    return any(fnmatch.fnmatchcase(rule, glob) for glob in globs)


class Labels:
    """All labels, with their events at hand."""

    def __init__(self, document: dict):
        self.document = document
        self.all = document["labels"]
        self.incidents = [label for label in self.all if label["kind"] == "incident"]
        self.traps = [label for label in self.all if label["kind"] == "trap"]
        self.by_event: dict = {}
        self.by_name: dict = {}  # principal or secret -> numbers of labels
        self.by_text = [n for n, label in enumerate(self.all) if label["others"]]
        for number, label in enumerate(self.all):
            for event in label["events"]:
                self.by_event.setdefault(event, set()).add(number)
            for name in label["principals"] + label["secrets"]:
                self.by_name.setdefault(name, set()).add(number)

    def cited(self, finding: dict) -> set:
        """Ids of the labels of which the finding cites an event."""
        return {self.all[n]["id"] for event in finding.get("evidence") or [] for n in self.by_event.get(event, ())}

    def about(self, finding: dict) -> list:
        """Labels that the finding is about."""
        cited = {n for event in finding.get("evidence") or [] for n in self.by_event.get(event, ())}
        near = set(range(len(self.all)))
        if finding["principal"] and finding["secret_name"]:
            near = {
                n for name in (finding["principal"], finding["secret_name"]) for n in self.by_name.get(name, ())
            } | set(self.by_text)
        return [self.all[n] for n in sorted(cited | near) if n in cited or _touches(self.all[n], finding)]

    def aftermath(self, finding: dict) -> list:
        """Incidents that left the finding's secret behind in a state that has consequences until the end."""
        name, since = finding["secret_name"], finding["window_end"]
        return [label for label in self.incidents if name in label["secrets"] and label["from"] <= since]


def _touches(label: dict, finding: dict) -> bool:
    """Whether hours overlap and the finding names the label's people, secrets or other things; all kinds that the
    label has, where it needs all."""
    if finding["window_end"] <= label["from"] or finding["window_start"] >= label["to"]:
        return False
    # A trap's own events are known: a finding that cites others, and all that it has, is about something else.
    if label["kind"] == "trap" and label["events"] and 0 < len(finding.get("evidence") or []) < EVIDENCE_MAX:
        return False
    text = " ".join(str(finding.get(part) or "") for part in ("key", "title", "summary"))
    checks = []
    if label["principals"]:
        checks.append(any(p == finding["principal"] or p in text for p in label["principals"]))
    if label["secrets"]:
        checks.append(
            finding["secret_name"] in label["secrets"] or any(f"|{name}|" in f"{text}|" for name in label["secrets"])
        )
    if label["others"]:
        checks.append(any(other in text for other in label["others"]))
    return bool(checks) and (all(checks) if label["needs_all"] else any(checks))


def is_planned(document: dict, finding: dict) -> bool:
    """Whether the policy announced it: such a finding is recorded, not paged."""
    return any(
        w["principal"] == finding["principal"]
        and finding["window_start"] < w["to"]
        and finding["window_end"] > w["from"]
        for w in document["windows"]
    )


def judge(labels: Labels, classes: Classes, findings: list) -> dict:
    """For every finding what it is: found (of an incident), follows, trap, planned, false; and for every incident the
    findings that find it."""
    verdicts, found, other = (
        [],
        {label["id"]: [] for label in labels.incidents},
        {label["id"]: [] for label in labels.incidents},
    )
    for finding in findings:
        about = labels.about(finding)
        incidents = [label for label in about if label["kind"] == "incident"]
        weighs = [label for label in incidents if is_alarm(finding) or not label.get("must_alarm")]
        finds = [label for label in weighs if classes.finds(label["class"], finding["rule"])]
        follows = [label for label in incidents if classes.may_follow(label["class"], finding["rule"])]
        if not finds and not follows:
            follows = [x for x in labels.aftermath(finding) if classes.is_aftermath(x["class"], finding["rule"])]
        trapped = [label for label in about if label["kind"] == "trap"]
        allowed = [label for label in trapped if _any(label["may_report"], finding["rule"])]
        for label in finds:
            found[label["id"]].append(finding)
        cited = labels.cited(finding)
        for label in incidents:
            if label not in finds and (label["id"] in cited or not label["events"]):
                other[label["id"]].append(finding)
        if finds or follows:
            verdict, why = ("found" if finds else "follows"), (finds or follows)[0]["id"]
        elif allowed or is_planned(labels.document, finding):
            verdict, why = "planned", (allowed or trapped or [{"id": "window"}])[0]["id"]
        elif trapped:
            verdict, why = "trap", trapped[0]["id"]
        else:
            verdict, why = "false", incidents[0]["id"] if incidents else None
        verdicts.append({"finding": finding, "verdict": verdict, "label": why})
    return {"verdicts": verdicts, "found": found, "other": other}
