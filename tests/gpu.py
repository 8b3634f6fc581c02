"""All that a machine with a GPU can prove of the CUDA plug-in, in under 8 minutes.

python tests/gpu.py --out FOLDER [--only 2,6] [--tiny]

Steps run in processes of their own, each with a limit, so that a fault ends one of them. What they find is written to
FOLDER/results.jsonl as it comes, their output to FOLDER/step_N.txt, and a table to FOLDER/table.md at the end. With
--tiny everything is small enough for the host's emulation of CUDA. The exit status is 0 if no step failed.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent

# Number, name, seconds that it may take.
STEPS = (
    (1, "starts", 40),
    (2, "tests", 110),
    (3, "sanitizer", 70),
    (4, "training", 50),
    (5, "bandwidth", 60),
    (6, "speed", 90),
    (7, "numbers", 30),
    (8, "faults", 40),
    (9, "profile", 40),
)
TOTAL = 470


class Results:
    """Rows in a file, one by one: a step that dies leaves what it has found."""

    def __init__(self, folder, tiny):
        self.path = pathlib.Path(folder) / "results.jsonl"
        self.folder = pathlib.Path(folder)
        self.tiny = tiny
        self.step = 0

    def add(self, what, value, unit="", *, failed=False, note=""):
        row = {"step": self.step, "what": what, "value": value, "unit": unit, "note": note}
        row["failed"] = failed
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(f"  {what}: {shown(value)} {unit} {note}{' FAILED' if failed else ''}", flush=True)

    def attempt(self, what, function):
        """The function's result is the row's value; what it raises fails the row, unless it is not implemented."""
        try:
            value = function()
        except NotImplementedError as error:
            return self.add(what, "not implemented", note=first_line(error))
        except Exception as error:
            return self.add(
                what, "raised", failed=True, note=f"{type(error).__name__}: {first_line(error)}"
            )
        value, unit = value if isinstance(value, tuple) else (value, "")
        self.add(what, value, unit, failed=value is False)

    def rows(self):
        return [json.loads(line) for line in self.path.read_text().splitlines()]


def first_line(error):
    return (str(error).splitlines() or [""])[0][:160]


def shown(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def run_step(number, name, limit, options):
    """In a process of its own; None if all went well, else why not."""
    log = options.out / f"step_{number}.txt"
    command = [sys.executable, __file__, "--out", str(options.out), "--step", str(number)]
    command += ["--tiny"] * options.tiny
    print(f"{number} {name}", flush=True)
    began = time.perf_counter()
    with log.open("w") as output:
        try:
            status = subprocess.run(
                command, stdout=output, stderr=subprocess.STDOUT, timeout=limit
            ).returncode
            why = f"ended with status {status}" if status else None
        except subprocess.TimeoutExpired:
            why = f"took more than {limit} s"
    print(log.read_text()[-3000:], flush=True)
    print(f"  {time.perf_counter() - began:.0f} s {why or ''}", flush=True)
    return why


def table(rows):
    yield "| step | what | value | |"
    yield "|---|---|---|---|"
    for row in rows:
        mark = "**failed** " if row["failed"] else ""
        note = (mark + row["note"]).replace("|", "/")
        yield f"| {row['step']} | {row['what']} | {shown(row['value'])} {row['unit']} | {note} |"


def parsed():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--only", default="", help="numbers of steps")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--step", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    options = parsed()
    options.out.mkdir(parents=True, exist_ok=True)
    results = Results(options.out, options.tiny)
    if options.step:
        import gpu_steps

        results.step = options.step
        getattr(gpu_steps, dict(s[:2] for s in STEPS)[options.step])(results)
        return
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(HERE), os.environ.get("PYTHONPATH")])
    )
    results.path.write_text("")
    wanted = [int(n) for n in options.only.split(",")] if options.only else [s[0] for s in STEPS]
    began = time.perf_counter()
    for number, name, limit in STEPS:
        if number not in wanted:
            continue
        results.step = number
        left = TOTAL - (time.perf_counter() - began)
        if left < 10:
            results.add(name, "no time left", failed=True)
            continue
        if why := run_step(number, name, min(limit, left), options):
            results.add(name, why, failed=True)
            if number == 1:
                break  # nothing else can work
    rows = results.rows()
    text = "\n".join(table(rows)) + "\n"
    (options.out / "table.md").write_text(text)
    failed = sum(row["failed"] for row in rows)
    print(
        text, f"{len(rows)} results, {failed} failed, {time.perf_counter() - began:.0f} s", sep="\n"
    )
    sys.exit(bool(failed) or not rows)


if __name__ == "__main__":
    main()
