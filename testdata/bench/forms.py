"""One log file in five forms: the same records, written as CloudTrail writes them and in four ways that are as legal.

A reader that finds fields by position, by substring or by key order is fast on the first and wrong on the others; one
that falls back to a slow path is right and slow. Both show in `ingest_cost.py`'s table.
"""

import json
import random
import re

FORMS = ("plain", "shuffled", "pretty", "escaped", "decoy")

# The first character of a string. In minified JSON a quote before a letter or digit opens a string, unless a backslash
# stands before it: a closing one has punctuation behind it.
STRING_START = re.compile(r'(?<!\\)"([A-Za-z0-9/])')
# Further in, characters that stand nowhere but inside strings: not in `true`, `false`, `null`, in numbers, in escapes.
INSIDE = ("S", "N", "z", "k", "-")
# Services of which Snowtrail keeps no call at all: their records may carry a decoy and change no answer.
NEVER_KEPT = ("ec2.amazonaws.com", "logs.amazonaws.com", "lambda.amazonaws.com")
# `-` may also be a number's sign.
NEGATIVE = re.compile(r'[:,\[]-[0-9]')


def write(form: str, records: list, seed: str) -> bytes:
    """The plain bytes of a log file in one of the `FORMS`."""
    if form == "shuffled":
        return _minified(_shuffled({"Records": records}, random.Random(seed)))
    if form == "pretty":
        return json.dumps({"Records": records}, indent=2, ensure_ascii=False).encode()
    if form == "escaped":
        return _escaped({"Records": records})
    if form == "decoy":
        return _minified({"Records": [_decoy(record) for record in records]})
    return _minified({"Records": records})


def _minified(value) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _shuffled(value, dice: random.Random):
    """Other key orders at every level; lists keep theirs, since it means something."""
    if isinstance(value, list):
        return [_shuffled(element, dice) for element in value]
    if isinstance(value, dict):
        members = list(value.items())
        dice.shuffle(members)
        return {key: _shuffled(member, dice) for key, member in members}
    return value


def _escaped(value) -> bytes:
    r"""Every key and every string with some of its characters as `\uXXXX`: `"\u0065vent\u0053ource"`."""
    text = json.dumps(value, separators=(",", ":"))
    text = STRING_START.sub(lambda found: f'"\\u{ord(found[1]):04x}', text)
    for character in INSIDE:
        if character == "-" and NEGATIVE.search(text):
            continue
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode()


def _decoy(record: dict) -> dict:
    """A record that is not kept names a source and a call that are, where they mean nothing: at the top of
    requestParameters, which now stands before the record's own eventSource, and deeper."""
    if record.get("eventSource") not in NEVER_KEPT:
        return record
    named = {"eventSource": "kms.amazonaws.com", "eventName": "Decrypt"}
    params = {**named, "filter": [named], **(record.get("requestParameters") or {})}
    return {"requestParameters": params, **{key: value for key, value in record.items() if key != "requestParameters"}}
