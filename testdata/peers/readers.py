#!/usr/bin/env python3
"""Asks a lake some of the hunts without Snowtrail: DuckDB in SQL, Polars in expressions of its own.

    "$(testdata/peers/install.sh --peer readers)" testdata/peers/readers.py LAKE

Prints one JSON object: reader, then hunt, then rows. DuckDB runs the files of queries/ as they are, hunts with their
parameters bound by DuckDB, views after three changes of dialect (see `translated`). The policy's tables are empty: nothing
is declared, and nothing listed. Polars is told by hand what three hunts mean, so that it checks the SQL too and not only
its reader.
"""

import datetime
import itertools
import json
import pathlib
import re
import sys
import tomllib
import warnings

import duckdb
import polars
from deltalake import DeltaTable

QUERIES = pathlib.Path(__file__).parents[2] / "queries"
# In the order of their needs.
VIEWS = ["sightings", "secret_spellings", "watched", "corrected_events", "shared_actions", "actions", "touches",
         "secret_arns", "rotations", "rotation_spans", "filtered_batches", "reads"]
IN_SQL = ["access-key-trace", "blind-spots", "refusals", "what-did-principal-touch", "who-read-this-secret",
          "readers-by-version"]
# What holds beside the headers' defaults; the tests of Snowtrail ask with the same.
SILENT_SECONDS = 0
EMPTY_TABLES = {
    "inventory": "account_id VARCHAR, aws_region VARCHAR, secret_name VARCHAR, secret_arn VARCHAR, as_of TIMESTAMPTZ, "
                 "created_at TIMESTAMPTZ, deleted_at TIMESTAMPTZ",
    "known_sightings": "spelling VARCHAR, proven BOOLEAN, first_seen TIMESTAMPTZ",
    "policy_principals": "account_id VARCHAR, aws_region VARCHAR, secret_name VARCHAR, role VARCHAR, principal VARCHAR",
}


def translated(sql):
    """A view in DuckDB's dialect: anti joins, points in time and structs are written otherwise there."""
    sql = sql.replace("LEFT ANTI JOIN", "ANTI JOIN")
    sql = re.sub(r"arrow_cast\(TIMESTAMP ('[^']*'), '[^']*'\)", r"TIMESTAMPTZ \1", sql)
    while (start := sql.find("named_struct(")) >= 0:
        parts, end = split_arguments(sql, start + len("named_struct("))
        pairs = zip(parts[::2], parts[1::2])
        sql = sql[:start] + "{" + ", ".join(f"{name}: {value}" for name, value in pairs) + "}" + sql[end:]
    return sql


def split_arguments(sql, start):
    """The arguments of a call, from behind its bracket, and where it ends."""
    parts, depth, begin = [], 0, start
    for at in range(start, len(sql)):
        if sql[at] in "([":
            depth += 1
        elif sql[at] in ")]" and depth > 0:
            depth -= 1
        elif depth == 0 and sql[at] in ",)":
            parts.append(sql[begin:at].strip())
            begin = at + 1
            if sql[at] == ")":
                return parts, begin
    raise ValueError("a bracket is not closed")


def parameters(hunt):
    """A hunt's parameters, as its header declares them: TOML in the leading comment lines."""
    lines = itertools.takewhile(lambda line: line.startswith("--"), hunt.split("\n"))
    return tomllib.loads("\n".join(line.removeprefix("--").removeprefix(" ") for line in lines)).get("parameters", {})


def asked_of_duckdb(lake):
    table = DeltaTable(lake + "/events")
    files = [uri.removeprefix("file://") for uri in table.file_uris()]
    session = duckdb.connect()
    session.execute("SET TimeZone = 'UTC'")
    # As DataFusion sorts lists.
    session.execute("SET default_null_order = 'nulls_first'")
    session.read_parquet(files, hive_partitioning=True).create_view("events")
    for name, columns in EMPTY_TABLES.items():
        session.execute(f"CREATE TABLE {name} ({columns})")
    session.execute("CREATE MACRO to_char(moment, form) AS strftime(moment, form)")
    for view in VIEWS:
        session.execute(f"CREATE VIEW {view} AS " + translated((QUERIES / f"views/{view}.sql").read_text()))
    answers = {}
    for hunt in IN_SQL:
        text = (QUERIES / f"hunts/{hunt}.sql").read_text()
        given = {name: parameter["default"] for name, parameter in parameters(text).items()}
        if hunt == "blind-spots":
            given["silent"] = SILENT_SECONDS
        answers[hunt] = session.execute(text, given).to_arrow_table().to_pylist()
    return answers


def asked_of_polars(lake):
    events = polars.scan_delta(lake + "/events")
    column, time = polars.col, polars.col("event_time")
    distinct = lambda name: column(name).drop_nulls().n_unique()
    keys = ["access_key_id", "principal", "event_source", "event_name", "outcome"]
    target = column("targets").struct
    traced = (
        events.filter(column("access_key_id").is_not_null()).explode("targets").filter(column("targets").is_not_null())
        .with_columns(target_kind=target.field("kind"),
                      target_name=polars.coalesce(target.field("name"), target.field("arn")))
        .group_by([*keys, "target_kind", "target_name"])
        .agg(calls=polars.len(), addresses=distinct("source_ip"), first_call=time.min(), last_call=time.max())
    )
    source = ["account_id", "aws_region", "event_source"]
    newest = events.select(time.max()).collect().item()
    seconds = lambda span: span.dt.total_seconds()
    blind = (
        events.sort("event_time").with_columns(gap=seconds(time.diff().over(source)))
        .group_by(source)
        .agg(events=polars.len(), first_event=time.min(), last_event=time.max(), longest_gap_seconds=column("gap").max(),
             silent_seconds=seconds(polars.lit(newest) - time.max()))
        .filter(column("silent_seconds") >= SILENT_SECONDS)
    )
    refused = (
        events.filter((column("outcome") == "denied") & column("principal").is_not_null())
        .group_by(["principal", "event_source", "event_name", "error_code", "account_id", "aws_region"])
        .agg(refusals=polars.len(), actors=distinct("actor"), addresses=distinct("source_ip"),
             first_refusal=time.min(), last_refusal=time.max())
    )
    asked = {"access-key-trace": traced, "blind-spots": blind, "refusals": refused}
    return {hunt: answer.collect().to_dicts() for hunt, answer in asked.items()}


def about(lake):
    """What the table says of itself, to a reader that knows nothing but Delta."""
    table = DeltaTable(lake + "/events")
    comments = {field.name: field.metadata.get("comment") for field in table.schema().fields}
    return {"rows": table.to_pyarrow_dataset().count_rows(), "comments": comments}


def as_json(value):
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    raise TypeError(f"no JSON for {value!r}")


def main():
    warnings.simplefilter("ignore")
    lake = sys.argv[1]
    answers = {"deltalake": about(lake), "duckdb": asked_of_duckdb(lake), "polars": asked_of_polars(lake)}
    json.dump(answers, sys.stdout, default=as_json)


if __name__ == "__main__":
    main()
