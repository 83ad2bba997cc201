"""Writes every rule's fixtures: `<rule>/fires-*.json`, `<rule>/quiet-*.json`, their policies and expectations.

    python3 testdata/rules/compose.py

Run again, it gives the same bytes. A fixture is a function in a file `cases_*.py`, named after its folder and file: it
tells the case as calls, and says which findings, of all rules, must come out. A near miss differs from a firing case in
one fact, which its first line names. `loosen` holds parameters under which the near miss fires, `tighten` those under
which a firing case is silent. `listed` holds secrets as list-secrets gives them, for a policy whose inventory is `<file>.inventory`.
This script checks nothing: `snowtrail rules test` does.
"""

import json
from importlib import import_module

from cast import CASES, HERE, Trail, write_log

# ---- writing -------------------------------------------------------------------------------------------------------


def toml_value(value):
    """A TOML scalar."""
    return json.dumps(value)


def expectation(about, findings=(), now=None, tighten=None, loosen=None):
    """The text of an `.expect` file."""
    lines = [f"# {line.strip()}" for line in about.strip().splitlines()]
    if now:
        lines.append(f"now = {toml_value(now)}")
    if findings:
        lines.append("findings = [")
        for rule, key, severity in findings:
            lines.append(f"  {{ rule = {toml_value(rule)}, key = {toml_value(f'{rule}:{key}')}, severity = {toml_value(severity)} }},")
        lines.append("]")
    for name, table in (("tighten", tighten), ("loosen", loosen)):
        if table:
            lines += ["", f"[{name}]", *(f"{key} = {toml_value(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def main():
    """Writes all fixtures and removes those that have no case any more."""
    for cases in sorted(HERE.glob("cases_*.py")):
        import_module(cases.stem)
    written = set()
    for rule, name, make in CASES:
        trail = Trail(f"{rule}/{name}")
        told = make(trail)
        folder = HERE / rule
        log = folder / f"{name}.json{'.gz' if told.pop('gz', False) else ''}"
        write_log(log, sorted(trail.records, key=lambda record: record["eventID"]))
        policy = told.pop("policy", None)
        listed = told.pop("listed", None)
        expect = folder / f"{name}.expect"
        expect.write_text(expectation(make.__doc__, **told))
        written |= {log, expect}
        if policy:
            (folder / f"{name}.toml").write_text(policy)
            written.add(folder / f"{name}.toml")
        if listed is not None:
            # Not `.json`: that would be another log.
            inventory = folder / f"{name}.inventory"
            inventory.write_text(json.dumps({"SecretList": listed}, indent=1) + "\n")
            written.add(inventory)
    for stale in set(HERE.glob("*/*")) - written:
        if stale.name.startswith(("fires-", "quiet-")):
            stale.unlink()
    print(f"{len(CASES)} fixtures")


if __name__ == "__main__":
    main()
