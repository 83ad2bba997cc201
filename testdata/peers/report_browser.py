#!/usr/bin/env python3
"""Opens every report in a real browser, at a phone's and at a desk's size, light and dark, and holds what it shows against SQL.

    testdata/peers/report_browser.py --binary target/release/snowtrail
    testdata/peers/report_browser.py --binary … --lake ./lake --policy policy.toml --secret prod/db --shots FOLDER

Without --lake the story of testdata/story is taken in. Needs python3 and Chromium (`install.sh --peer chromium`). For each
report: nothing wider than the screen, no script, nothing fetched, charts with marks and titles, the drawing that fits the
screen and not the other, and the numbers of the page equal to what a query gives. Exit: 0 good, 1 a claim does not hold,
2 wrong use, 3 failed.
"""

import argparse
import html
import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SIZES = {"phone": (390, 844), "desk": (1280, 900)}
REPORTS = ["access", "secret", "rotation", "least-privilege", "cost"]
STORY_END = "2026-11-11T08:00:00Z"

# A page around the report: the report itself may run no script, and headless Chromium makes no window as narrow as a
# phone. What is measured is written into the page's title, which --dump-dom prints.
HARNESS = """<!doctype html><meta charset="utf-8"><style>body{margin:0}iframe{border:0;display:block}</style>
<iframe id="r" src="%(src)s" width="%(width)d" height="%(height)d"></iframe>
<script>
document.getElementById("r").onload = e => {
  const w = e.target.contentWindow, d = w.document, root = d.documentElement;
  const seen = s => [...d.querySelectorAll(s)].filter(x => x.getBoundingClientRect().width > 0);
  const over = [...d.querySelectorAll("main *")].filter(x => !x.closest(".scroll,pre,svg,thead"))
    .filter(x => x.getBoundingClientRect().right > root.clientWidth + 1).map(x => x.tagName + "." + x.className);
  const told = {
    inner: root.clientWidth, scroll: root.scrollWidth, over: over.slice(0, 5), height: root.scrollHeight,
    scripts: d.scripts.length, handlers: [...d.querySelectorAll("*")].filter(x => [...x.attributes]
      .some(a => a.name.startsWith("on"))).length,
    fetched: w.performance.getEntriesByType("resource").map(x => x.name),
    drawn: seen("figure > svg").map(x => x.getAttribute("class")),
    charts: Object.fromEntries(seen("figure").map(f => [f.dataset.chart, {
      marks: f.querySelectorAll("svg .fill > title").length, named: f.querySelectorAll("svg > title, svg > desc").length,
      bars: [...f.querySelectorAll("svg.wide rect.fill.plain > title")].map(t => t.textContent)}])),
    facts: Object.fromEntries(seen(".fact").map(f => [f.querySelector(".name").textContent, f.querySelector("strong").textContent])),
    tables: Object.fromEntries(seen(".table").map(t => [t.dataset.table, t.querySelectorAll("tbody tr").length])),
    background: w.getComputedStyle(d.body).backgroundColor,
  };
  document.title = JSON.stringify(told);
};
</script>"""


def fail(message):
    sys.exit(f"report_browser.py: {message}")


def claim(holds, message):
    if not holds:
        fail(message)


class Snowtrail:
    """The binary over one lake."""

    def __init__(self, binary, lake, policy, now):
        self.binary, self.lake = binary, lake
        self.common = ["--lake", str(lake)] + (["--policy", policy] if policy else [])
        self.now = now

    def run(self, *arguments):
        ran = subprocess.run([self.binary, *arguments], capture_output=True, text=True)
        if ran.returncode not in (0, 1):
            print(ran.stderr, file=sys.stderr)
            sys.exit(3)
        return ran.stdout

    def report(self, kind, out, *more):
        now = ["--now", self.now] if self.now else []
        self.run("report", kind, *self.common, *now, *more, "--out", str(out))

    def number(self, query):
        rows = self.run("sql", query, *self.common, "--format", "json")
        return next(iter(json.loads(rows).values()))


def measure(chromium, folder, page, size, dark, shot):
    width, height = SIZES[size]
    harness = folder / "harness.html"
    harness.write_text(HARNESS % {"src": page.name, "width": width, "height": height if not shot else 2600})
    base = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
            "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND", "--allow-file-access-from-files",
            f"--user-data-dir={folder / 'profile'}", f"--window-size={max(width, 500)},{2600 if shot else height}",
            "--virtual-time-budget=4000"]
    if dark:
        base.append("--blink-settings=preferredColorScheme=0")
    if shot:
        subprocess.run([*base, f"--screenshot={shot}", harness.as_uri()], capture_output=True, timeout=120, check=True)
        claim(shot.stat().st_size > 10_000, f"{shot} is empty")
    dumped = subprocess.run([*base, "--dump-dom", harness.as_uri()], capture_output=True, text=True, timeout=120)
    told = re.search(r"<title>(.*?)</title>", dumped.stdout, re.S)
    if not told:
        fail(f"{page.name} was not measured: {dumped.stderr[-400:]}")
    return json.loads(html.unescape(told.group(1)))


def check_page(told, name, size):
    where = f"{name} at the size of a {size}"
    claim(told["scroll"] <= told["inner"] and not told["over"], f"{where} is wider than the screen: {told['over']}")
    claim(told["scripts"] == 0 and told["handlers"] == 0, f"{where} runs something")
    claim(not told["fetched"], f"{where} fetched {told['fetched']}")
    shown = "narrow" if size == "phone" else "wide"
    claim(set(told["drawn"]) <= {shown}, f"{where} shows drawings for the other size: {told['drawn']}")
    for chart, seen in told["charts"].items():
        claim(not told["drawn"] or seen["named"] in (0, 4), f"{where}: chart {chart} lacks its titles")
        claim(seen["named"] == 0 or seen["marks"] > 0, f"{where}: chart {chart} has no marks")


def number(text):
    return int(text.replace(",", ""))


def check_numbers(told, snowtrail, kind, secret):
    """Facts, bars and rows of the page against queries that the report does not use."""
    if kind in ("access", "secret"):
        only = f" AND secret_name = '{secret}'" if kind == "secret" else ""
        reads = snowtrail.number(f"SELECT count(*) FROM reads WHERE rotation IS NULL{only}")
        claim(number(told["facts"]["Reads"]) == reads, f"{kind}: {told['facts']['Reads']} reads, SQL says {reads}")
        bars = sum(number(title.rsplit(": ", 1)[1]) for title in told["charts"]["reads-over-time"]["bars"])
        claim(bars == reads, f"{kind}: the bars add up to {bars}, SQL says {reads}")
    if kind == "rotation":
        attempts = snowtrail.number("SELECT count(*) FROM rotations")
        claim(number(told["facts"]["Attempts"]) == attempts, f"rotation: SQL says {attempts} attempts")
        claim(told["tables"]["rotations"] == attempts, "rotation: the table lacks rows")
    if kind == "cost":
        calls = snowtrail.number("SELECT count(*) FROM actions WHERE event_source = 'secretsmanager.amazonaws.com' "
                                 "AND event_type <> 'AwsServiceEvent' AND principal IS NOT NULL")
        claim(number(told["facts"]["Calls"]) == calls, f"cost: SQL says {calls} calls")


def story(binary, folder):
    lake = folder / "lake"
    policy = str(HERE.parent / "story" / "policy.toml")
    snowtrail = Snowtrail(binary, lake, policy, STORY_END)
    snowtrail.run("ingest", str(HERE.parent / "story"), "--lake", str(lake))
    snowtrail.run("detect", *snowtrail.common, "--now", STORY_END)
    return snowtrail


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--binary", required=True)
    options.add_argument("--chromium", default="chromium")
    options.add_argument("--lake")
    options.add_argument("--policy")
    options.add_argument("--secret", default="prod/blizzard-checkout/db")
    options.add_argument("--iam")
    options.add_argument("--shots", type=pathlib.Path, help="keep screenshots here")
    chosen = options.parse_args()
    if chosen.shots:
        chosen.shots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if chosen.lake:
            snowtrail = Snowtrail(chosen.binary, chosen.lake, chosen.policy, None)
        else:
            snowtrail = story(chosen.binary, folder)
        for kind in REPORTS:
            page = folder / f"{kind}.html"
            more = {"secret": ["--secret", chosen.secret], "least-privilege": ["--iam", chosen.iam] if chosen.iam else []}
            snowtrail.report(kind, page, *more.get(kind, []))
            grounds = {}
            for size in SIZES:
                for dark in (False, True):
                    look = f"{kind}-{size}-{'dark' if dark else 'light'}"
                    shot = chosen.shots / f"{look}.png" if chosen.shots else None
                    told = measure(chosen.chromium, folder, page, size, dark, shot)
                    check_page(told, kind, size)
                    grounds[dark] = told["background"]
                if size == "desk":
                    check_numbers(told, snowtrail, kind, chosen.secret)
            claim(grounds[True] != grounds[False], f"{kind} looks the same by night")
            print(f"{kind}: {len(told['charts'])} charts, {len(told['tables'])} tables, good at {len(SIZES)} sizes")


if __name__ == "__main__":
    main()
