"""Times cnn and PyTorch in separate processes, by turns; prints tables of medians."""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import signal
import sys
import tempfile

from benchmarks import chart, distributed, machine, process, roofline, runner, table
from benchmarks.catalogue import MEANS, inference_workloads, workloads

WHAT = ("all", "inference", "roofline", "distributed")
DOCS = runner.ROOT / "docs"
PAGES = {1: "benchmarks_one_thread.md"}  # by number of threads; others: benchmarks.md
BEGIN, END = "<!-- figures: python -m benchmarks --threads {} --docs -->", "<!-- end of figures -->"
BEGIN_INFERENCE = BEGIN.replace("benchmarks", "benchmarks inference")
PICTURE = "![PyTorch's time over cnn's](benchmarks.svg)"
# What the chart shows: the rest is too much for one picture.
CHARTED = {"calls", "training steps", "geometric means"}


def main(arguments=None):
    args = parse(arguments)
    with tempfile.TemporaryDirectory() as folder:
        return run(args, folder)


def run(args, folder):
    quick = {"rounds": 2, "seconds": 0.005} if args.quick else {}
    libraries = ("cnn",) if args.alone else ("cnn", "torch")
    latency, neighbours = machine.CoreLatency(), machine.Neighbours()
    options = runner.Options(
        args.threads, libraries=libraries, compile=args.compile, folder=folder, latency=latency,
        **quick,
    )  # fmt: skip
    wanted = re.compile(args.only).search
    processor = machine.processor()
    print(processor, flush=True)
    if args.what == "roofline":
        outcomes = roofline.measure(options, wanted, say)
        print(about_rounds(outcomes, latency, neighbours), end="\n\n")
        print(roofline.report(outcomes, wanted) or "the products and the copy could not be run")
        return 0
    if args.what == "distributed":
        return together(args, wanted, latency, neighbours)
    inference = args.what == "inference"
    outcomes = timed(inference_workloads() if inference else workloads(), options, wanted)
    about = about_rounds(outcomes, latency, neighbours)
    rows = [row for outcome in outcomes for row in table.rows_of(outcome)]
    if not inference:
        rows += [*means(rows), *measured_processes(options, wanted)]
    roofs = roofline.report(outcomes)
    parts = about, table.markdown(rows), roofs, table.summary(rows)
    print(*(part for part in parts if part), sep="\n\n")
    if args.json:
        figures = [row.as_json() for row in rows]
        facts = {"threads": args.threads, "processor": processor, "rounds": about}
        args.json.write_text(json.dumps(facts | {"rows": figures}, indent=1))
    if args.docs:
        head = f"{processor}; {about}."
        write_docs(rows, roofs, args.threads, inference, head)
    return 1 if any(row.failed for row in rows) else 0


def together(args, wanted, latency, neighbours):
    """Prints what several processes do together, and what more of them would."""
    rounds, seconds = (1, 0.02) if args.quick else (5, 1.0)
    libraries = ("cnn",) if args.alone else ("cnn", "torch", "mpi4py")
    rows = distributed.measure(rounds, seconds, wanted, libraries, say)
    parts = (
        about_rounds([], latency, neighbours), table.markdown(rows), distributed.modelled(rows),
        table.summary(rows),
    )  # fmt: skip
    print(*(part for part in parts if part), sep="\n\n")
    if args.json:
        args.json.write_text(json.dumps({"rows": [row.as_json() for row in rows]}, indent=1))
    return 1 if any(row.failed for row in rows) else 0


def parse(arguments):
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="?", choices=WHAT, default="all")
    parser.add_argument("--threads", type=int, default=2, help="of both libraries (2)")
    parser.add_argument("--only", metavar="REGEX", default="", help="in 'section: workload'")
    parser.add_argument("--quick", action="store_true", help="few and short rounds: a try")
    parser.add_argument("--alone", action="store_true", help="cnn without others")
    parser.add_argument("--compile", action="store_true", help="torch.compile as a further rival")
    parser.add_argument("--json", metavar="FILE", type=pathlib.Path, help="every round's figures")
    parser.add_argument(
        "--docs", action="store_true", help="into the page in docs/ for that many threads"
    )
    return parser.parse_args(arguments)


def say(text):
    print(text, file=sys.stderr, flush=True)


def timed(among, options, wanted):
    """The outcomes of the wanted workloads."""
    outcomes = []
    for title, workload in among.items():
        if wanted(title):
            outcomes.append(runner.run(workload, options))
            for row in table.rows_of(outcomes[-1]):
                say(f"{row.section}: {' '.join(row.cells())}")
    return outcomes


def about_rounds(outcomes, latency, neighbours):
    """Drops the rounds that met another state of the machine, and says how many."""
    lacking = latency.lacking or "no rounds"
    about = runner.drop_rounds(outcomes) or f"core to core and back: not measured ({lacking})"
    return f"{neighbours.report()}; {about}"


def means(rows):
    for section, target in MEANS.items():
        count = sum(workload.section == section for workload in workloads().values())
        mean = table.geometric_mean(rows, section, count, target)
        if mean:
            yield mean


def measured_processes(options, wanted):
    for row in process.rows(options, wanted):
        say(f"{row.section}: {' '.join(row.cells())}")
        yield row


def write_docs(rows, roofs, threads, inference=False, about=""):
    """Puts the tables between the marks of their page; with two threads, draws the chart."""
    page = DOCS / PAGES.get(threads, "benchmarks.md")
    mark = (BEGIN_INFERENCE if inference else BEGIN).format(threads)
    head, rest = page.read_text().split(mark)
    tail = rest.split(END, 1)[1]
    tables = table.markdown(rows) + (f"\n\n### Roofline\n\n{roofs}" if roofs else "")
    if threads == 2 and not inference:
        (DOCS / "benchmarks.svg").write_text(chart.svg([r for r in rows if r.section in CHARTED]))
        tables = f"{PICTURE}\n\n{tables}"
    tables = "\n\n".join(part for part in (about, tables) if part)
    page.write_text(f"{head}{mark}\n\n{tables}\n\n{END}{tail}")


if __name__ == "__main__":
    # A run that is ended takes its folder with it: exported networks are large.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
