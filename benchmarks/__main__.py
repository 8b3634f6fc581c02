"""Times cnn and PyTorch in separate processes, by turns; prints tables of medians."""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import sys

from benchmarks import chart, process, roofline, runner, table
from benchmarks.catalogue import MEANS, workloads

DOCS = runner.ROOT / "docs"
PAGES = {1: "benchmarks_one_thread.md"}  # by number of threads; others: benchmarks.md
BEGIN, END = "<!-- figures: python -m benchmarks --threads {} --docs -->", "<!-- end of figures -->"
PICTURE = "![PyTorch's time over cnn's](benchmarks.svg)"
# What the chart shows: the rest is too much for one picture.
CHARTED = {"calls", "training steps", "geometric means"}


def main(arguments=None):
    args = parse(arguments)
    quick = {"rounds": 2, "seconds": 0.005} if args.quick else {}
    libraries = ("cnn",) if args.alone else ("cnn", "torch")
    options = runner.Options(args.threads, libraries=libraries, compile=args.compile, **quick)
    wanted = re.compile(args.only).search
    if args.what == "roofline":
        outcomes = roofline.measure(options, wanted, say)
        print(roofline.report(outcomes, wanted) or "the products and the copy could not be run")
        return 0
    rows, roofs = measure(options, wanted)
    print(table.markdown(rows), roofs, table.summary(rows), sep="\n\n")
    if args.json:
        figures = [row.as_json() for row in rows]
        args.json.write_text(json.dumps({"threads": args.threads, "rows": figures}, indent=1))
    if args.docs:
        write_docs(rows, roofs, args.threads)
    return 1 if any(row.failed for row in rows) else 0


def parse(arguments):
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("all", "roofline"), default="all")
    parser.add_argument("--threads", type=int, default=2, help="of both libraries (2)")
    parser.add_argument("--only", metavar="REGEX", default="", help="in 'section: workload'")
    parser.add_argument("--quick", action="store_true", help="few and short rounds: a try")
    parser.add_argument("--alone", action="store_true", help="cnn without PyTorch")
    parser.add_argument("--compile", action="store_true", help="torch.compile as a further rival")
    parser.add_argument("--json", metavar="FILE", type=pathlib.Path, help="every round's figures")
    parser.add_argument(
        "--docs", action="store_true", help="into the page in docs/ for that many threads"
    )
    return parser.parse_args(arguments)


def say(text):
    print(text, file=sys.stderr, flush=True)


def measure(options, wanted):
    """The rows of the tables, and how near the kernels come to their roofs."""
    rows, outcomes = [], []
    for title, workload in workloads().items():
        if wanted(title):
            outcomes.append(runner.run(workload, options))
            new = table.rows_of(outcomes[-1])
            rows += new
            say("\n".join(f"{row.section}: {' '.join(row.cells())}" for row in new))
    for section, target in MEANS.items():
        count = sum(workload.section == section for workload in workloads().values())
        mean = table.geometric_mean(rows, section, count, target)
        rows += [mean] if mean else []
    for row in process.rows(options, wanted):
        say(f"{row.section}: {' '.join(row.cells())}")
        rows.append(row)
    return rows, roofline.report(outcomes)


def write_docs(rows, roofs, threads):
    """Puts the tables between the marks of their page; with two threads, draws the chart."""
    page, mark = DOCS / PAGES.get(threads, "benchmarks.md"), BEGIN.format(threads)
    head, rest = page.read_text().split(mark)
    tail = rest.split(END, 1)[1]
    tables = table.markdown(rows) + (f"\n\n### Roofline\n\n{roofs}" if roofs else "")
    if threads == 2:
        (DOCS / "benchmarks.svg").write_text(chart.svg([r for r in rows if r.section in CHARTED]))
        tables = f"{PICTURE}\n\n{tables}"
    page.write_text(f"{head}{mark}\n\n{tables}\n\n{END}{tail}")


if __name__ == "__main__":
    sys.exit(main())
