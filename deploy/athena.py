#!/usr/bin/env python3
"""Makes deploy/athena.sql: the lake's tables and views for Amazon Athena (engine 3), from what defines them here.

    python3 deploy/athena.py --write deploy/athena.sql      make it anew
    python3 deploy/athena.py --check deploy/athena.sql      fail if it is not what this makes, or does not parse as Athena's SQL

Reads the tables' and the policy's columns from `snowtrail lake schema`, and the views from queries/views, and rewrites each
view from DataFusion's SQL into Athena's, which is Trino's. What is rewritten, and how, is said in the comment above each
view. Nothing runs the result here: there is no Athena outside of AWS. Needs the release binary; installs sqlglot by
testdata/peers/install.sh, and runs itself with that Python.
"""

import argparse
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VIEWS = ROOT / "queries" / "views"

if not os.environ.get("SNOWTRAIL_ATHENA_RESTARTED"):
    done = subprocess.run([ROOT / "testdata/peers/install.sh", "--peer", "lint"], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(done.returncode)
    os.environ["SNOWTRAIL_ATHENA_RESTARTED"] = "1"
    python = Path(done.stdout.strip()).parent / "python"
    os.execv(python, [python, *sys.argv])

import sqlglot  # noqa: E402
from sqlglot import exp  # noqa: E402

HEAD = """\
-- Made by `python3 deploy/athena.py --write deploy/athena.sql` from the tables' columns and queries/views: change those.
--
-- Athena takes one statement at a time. Put the lake's address after LOCATION (`sed s,s3://LAKE,s3://bucket/prefix,`).
-- Tables are Delta tables, so Athena reads columns, partitions and statistics from their logs, and a commit is seen at once;
-- AWS Glue's catalog holds them afterwards for other engines. They are called stored_…: Athena can make no view with a
-- timestamp that has a time zone, so that every name without the prefix is a view whose times are plain, in UTC.
-- What the policy declares is not in the lake: the policy's tables are empty here, and whatever stands on them sees nothing
-- declared. The tables known_… are empty, as wherever all events are in sight.
"""

# Athena's names of the types that `snowtrail lake schema` tells. Only empty tables need them: Delta tables bring their own.
TYPES = {"text": "varchar", "boolean": "boolean", "bigint": "bigint", "int": "integer", "date": "date",
         "timestamp (UTC)": "timestamp(3)", "list of text": "array(varchar)"}

# What crates/rules/src/knowledge.rs registers: columns of the tables that views name.
KNOWN = {
    "known_beginning": {"what": "text", "day": "timestamp (UTC)"},
    "known_secret_days": {"secret_name": "text", "account_id": "text", "day": "timestamp (UTC)"},
    "known_sightings": {"name": "text", "tail": "text", "spelling": "text", "proven": "boolean", "first_seen": "timestamp (UTC)"},
    "known_traits": {"principal": "text", "user_in_console": "boolean", "is_root": "boolean", "is_signed_in": "boolean",
                     "is_service": "boolean", "first_seen": "timestamp (UTC)", "last_seen": "timestamp (UTC)", "actions": "bigint"},
}

# The words of the rewritings, in the order in which they are said.
UNNEST = "unnest() among the columns is a CROSS JOIN UNNEST; each element is wrapped in a row, so that a struct stays one column"
ANTI = "LEFT ANTI JOIN is NOT EXISTS"
PART = "column['part'] is column.part"
STRUCT = "max(named_struct(…)) is max_by() by the struct's first two parts, and its parts go by position"
BIN = "date_bin() is arithmetic on seconds since 1970"
CHAR = "to_char() is date_format()"
ENDS = "timestamps as literals are seconds since 1970"


# What Athena does not know, and every rewriting must have left behind.
NOT_ATHENAS = ("named_struct(", "arrow_cast(", "date_bin(", "to_char(", "anti join", "['")


class Rewriting:
    """One view, on its way from DataFusion's dialect to Athena's."""

    def __init__(self, text):
        self.tree = sqlglot.parse_one(text, read="duckdb")
        self.said = []
        # Columns that are rows without names: their parts, in order.
        self.rows = {}

    def say(self, words):
        if words not in self.said:
            self.said.append(words)

    def rewrite(self):
        self.structs()
        self.parts()
        self.functions()
        for select in list(self.tree.find_all(exp.Select)):
            self.unnest(select)
            self.anti_joins(select)
        return self

    def structs(self):
        for call in list(self.tree.find_all(exp.Max)):
            made = call.find(exp.Anonymous)
            if not made or made.name != "named_struct":
                continue
            names, values = made.expressions[0::2], made.expressions[1::2]
            self.rows[call.parent.alias] = [name.name for name in names]
            row = exp.Anonymous(this="ROW", expressions=[value.copy() for value in values])
            key = exp.Anonymous(this="concat", expressions=[
                exp.Anonymous(this="date_format", expressions=[values[0].copy(), exp.Literal.string("%Y-%m-%d %H:%i:%s")]),
                exp.Anonymous(this="coalesce", expressions=[values[1].copy(), exp.Literal.string("")])])
            whole, by = call.this.copy(), call.this.copy()
            whole, by = replaced(whole, row), replaced(by, key)
            call.replace(exp.Anonymous(this="max_by", expressions=[whole, by]))
            self.say(STRUCT)

    def parts(self):
        # One after the other, from the inside out: each replaces a node that another may stand in.
        is_part = lambda node: isinstance(node, exp.Bracket) and node.expressions[0].is_string
        while bracket := next((node for node in self.tree.find_all(exp.Bracket) if is_part(node) and not any(map(is_part, node.this.find_all(exp.Bracket)))), None):
            (index,) = bracket.expressions
            inner = bracket.this
            if isinstance(inner, exp.Column) and inner.name in self.rows:
                # The generator counts from one, the tree from nothing.
                position = self.rows[inner.name].index(index.name)
                bracket.replace(exp.Bracket(this=inner.copy(), expressions=[exp.Literal.number(position)]))
            else:
                bracket.replace(exp.Dot(this=inner.copy(), expression=exp.to_identifier(index.name, quoted=index.name == "key")))
                self.say(PART)

    def functions(self):
        for call in list(self.tree.find_all(exp.Anonymous)):
            if call.name.lower() == "arrow_cast":
                moment = call.expressions[0].find(exp.Literal).name.replace("Z", "+00:00")
                seconds = int(datetime.fromisoformat(moment).timestamp())
                call.replace(sqlglot.parse_one(f"CAST(from_unixtime({seconds}) AS TIMESTAMP(3))", read="trino"))
                self.say(ENDS)
        is_bin = lambda node: isinstance(node, exp.DateBin) or (isinstance(node, exp.Anonymous) and node.name.lower() == "date_bin")
        for call in [node for node in self.tree.walk() if is_bin(node)]:
            width, column = call.expressions if isinstance(call, exp.Anonymous) else (call.this, call.expression)
            minutes = int(width.this.name)
            text = f"CAST(from_unixtime(floor(to_unixtime({column.sql('trino')}) / {minutes * 60}) * {minutes * 60}) AS TIMESTAMP(3))"
            call.replace(sqlglot.parse_one(text, read="trino"))
            self.say(BIN)
        for call in list(self.tree.find_all(exp.ToChar)):
            form = call.args["format"].name.replace("%M", "%i")
            call.replace(exp.Anonymous(this="date_format", expressions=[call.this.copy(), exp.Literal.string(form)]))
            self.say(CHAR)

    def unnest(self, select):
        for column in list(select.expressions):
            found = column.this if isinstance(column, exp.Alias) else column
            if not isinstance(found, (exp.Unnest, exp.Explode)):
                continue
            array = found.expressions[0] if isinstance(found, exp.Unnest) else found.this
            alias = column.alias
            element = exp.Lambda(this=exp.Anonymous(this="ROW", expressions=[exp.column("e")]), expressions=[exp.to_identifier("e")])
            wrapped = exp.Unnest(expressions=[exp.Anonymous(this="transform", expressions=[array.copy(), element])],
                                 alias=exp.TableAlias(this=exp.to_identifier(f"of_{alias}"), columns=[exp.to_identifier(alias)]))
            column.replace(exp.column(alias))
            select.append("joins", exp.Join(this=wrapped, kind="CROSS"))
            self.say(UNNEST)

    def anti_joins(self, select):
        for join in list(select.args.get("joins") or []):
            if join.kind != "ANTI" and join.args.get("side") != "ANTI" and "ANTI" not in join.sql("duckdb"):
                continue
            join.pop()
            there = exp.select("1").from_(join.this.copy()).where(join.args["on"].copy())
            select.where(exp.not_(exp.Exists(this=there)), copy=False)
            self.say(ANTI)

    def sql(self):
        return self.tree.sql("trino", pretty=True, comments=False, unsupported_level=sqlglot.ErrorLevel.RAISE)


def replaced(tree, by):
    """A tree in which the struct that it makes is something else."""
    if isinstance(tree, exp.Anonymous) and tree.name == "named_struct":
        return by
    for made in list(tree.find_all(exp.Anonymous)):
        if made.name == "named_struct":
            made.replace(by)
    return tree


def schema(binary):
    """Columns and types by kind and table, as `snowtrail lake schema` tells them."""
    said = subprocess.run([binary, "lake", "schema", "--format", "json"], capture_output=True, text=True)
    if said.returncode:
        sys.exit(said.stderr)
    kinds = {}
    for row in map(json.loads, said.stdout.splitlines()):
        if "." not in row["column"]:
            kinds.setdefault(row["kind"], {}).setdefault(row["table"], {})[row["column"]] = row["type"]
    return kinds


def in_order(views):
    """Views after those that they name."""
    done, waiting = [], dict(views)
    while waiting:
        ready = [name for name, needs in waiting.items() if not needs & waiting.keys()]
        if not ready:
            sys.exit(f"error: these views need each other: {sorted(waiting)}")
        for name in sorted(ready):
            done.append(name)
            del waiting[name]
    return done


def quoted(name):
    return f'"{name}"'


def stored(table, columns):
    """The Delta table, and the view that makes its times plain."""
    folder = "findings" if table == "findings_history" else table
    shown = [f"CAST({quoted(c)} AS timestamp(3)) AS {quoted(c)}" if kind == "timestamp (UTC)" else quoted(c) for c, kind in columns.items()]
    yield f"CREATE EXTERNAL TABLE stored_{table}\nLOCATION 's3://LAKE/{folder}/'\nTBLPROPERTIES ('table_type' = 'DELTA')"
    yield f"CREATE OR REPLACE VIEW {quoted(table)} AS\nSELECT\n  " + ",\n  ".join(shown) + f"\nFROM stored_{table}"


def empty(table, columns):
    shown = [f"CAST(NULL AS {TYPES[kind]}) AS {quoted(name)}" for name, kind in columns.items()]
    return f"CREATE OR REPLACE VIEW {quoted(table)} AS\nSELECT\n  " + ",\n  ".join(shown) + "\nWHERE false"


FINDINGS = """CREATE OR REPLACE VIEW "findings" AS
SELECT {columns}
FROM (
  SELECT *, row_number() OVER (PARTITION BY key ORDER BY revision DESC, found_at DESC, state) AS newest
  FROM findings_history
)
WHERE newest = 1 AND state = 'open'"""


def made(binary):
    kinds = schema(binary)
    statements = []
    for table, columns in kinds["table"].items():
        statements += [("", statement) for statement in stored(table, columns)]
    history = kinds["table"]["findings_history"]
    statements.append(("", FINDINGS.format(columns=", ".join(map(quoted, history)))))
    for table, columns in [*kinds["policy table"].items(), *KNOWN.items()]:
        statements.append(("", empty(table, columns)))
    files = {path.stem: path.read_text() for path in VIEWS.glob("*.sql")}
    rewritten = {name: Rewriting(text).rewrite() for name, text in files.items()}
    needs = {name: {table.name for table in view.tree.find_all(exp.Table)} & files.keys() - {name} for name, view in rewritten.items()}
    for name in in_order(needs):
        said = rewritten[name].said
        told = "".join(f"-- {words}.\n" for words in said) or "-- As it is, but for the spelling of functions and intervals.\n"
        statements.append((f"-- queries/views/{name}.sql\n{told}", f"CREATE OR REPLACE VIEW {quoted(name)} AS\n{rewritten[name].sql()}"))
    return HEAD + "".join(f"\n{comment}{statement};\n" for comment, statement in statements)


def faults(text):
    """What is no SQL of Athena's, and names that nothing makes."""
    there = set()
    for statement in sqlglot.parse(text, read="athena"):
        if statement is None:
            continue
        if not isinstance(statement, exp.Create):
            yield f"no CREATE: {statement.sql('athena')[:80]}"
            continue
        common = {cte.alias for cte in statement.find_all(exp.CTE)}
        named = {table.name for table in statement.find_all(exp.Table)} - common
        name = statement.this.find(exp.Table).name if statement.this else ""
        yield from (f"{name} names {missing}, which nothing before it makes" for missing in sorted(named - there - {name} - {""}))
        there.add(name)
        said = statement.sql("athena", comments=False).lower()
        yield from (f"{name} still has {dead}" for dead in NOT_ATHENAS if dead in said)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", type=Path, metavar="FILE")
    what.add_argument("--check", type=Path, metavar="FILE")
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
    parser.add_argument("--binary", default=f"{target}/release/snowtrail")
    options = parser.parse_args()
    text = made(options.binary)
    wrong = list(faults(text))
    if options.write:
        options.write.write_text(text)
    elif options.check.read_text() != text:
        wrong.append(f"{options.check} is not what is made now; run: python3 deploy/athena.py --write {options.check}")
    for fault in wrong:
        print(fault, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
