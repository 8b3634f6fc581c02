"""A process that runs one workload with one library whenever the parent asks; see runner.py.

It reads commands from its input, a line each, and answers each with a line of JSON.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import resource
import sys
import timeit

from benchmarks import catalogue, machine
from benchmarks.workload import Place, Statement

STATUS = "/proc/self/status"
COMPARED = 1000  # values of a result, about


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library", choices=catalogue.LIBRARIES)
    parser.add_argument("title", help="of the workload")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="of one timing")
    parser.add_argument("--folder", default="", help="of files that workers share")
    args = parser.parse_args()
    if args.library == "jax":  # XLA has as many threads as there are cores for it
        os.sched_setaffinity(0, machine.cores()[: args.threads])
    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no answer

    def answer(value):
        print(json.dumps(value), file=answers, flush=True)

    try:
        place = Place(args.threads, args.folder)
        bench = Bench(args.library, args.title, place, args.seconds)
    except Exception as error:
        lacking = (AttributeError, NotImplementedError)
        if args.library != "cnn":
            lacking += (ImportError,)  # PyTorch may be absent as a whole
        outcome = "absent" if isinstance(error, lacking) else "failed"
        return answer({outcome: f"{type(error).__name__}: {error}".splitlines()[0]})
    answer({"result": bench.result, "calls": bench.calls})
    for line in sys.stdin:
        command, *arguments = line.split()
        answer(getattr(bench, command)(*map(int, arguments)))


class Bench:
    """A built workload: warm, and with as many calls in a timing as take the seconds wanted."""

    def __init__(self, library, title, place, seconds):
        name = library.removesuffix(".compile")
        module = importlib.import_module(name)
        if name in catalogue.TORCHES:
            module.set_num_threads(place.threads)
        self.resident_before = status("VmRSS")
        workload = catalogue.find(title, name)
        if name in catalogue.TORCHES:
            module.manual_seed(0)
            compiler = (module.compile,) if library == "torch.compile" else ()
            function = workload.build(module, *compiler)
        else:
            function = workload.others[name](module, place)
        self.result = (values if workload.by_values else magnitude)(function())
        plain = isinstance(function, Statement)
        self.statement = function.text if plain else function
        self.names = {"gc": gc} | (function.names if plain else {})
        self.calls = self.calls_for(seconds, workload.calls)

    def calls_for(self, seconds, most):
        """Calls that take about the seconds given; a quick run may do fewer than the row says."""
        calls = 1
        while (taken := self.timed(calls)) < seconds / 4:
            calls *= 4
        calls = max(1, round(calls * seconds / taken))
        return min(calls, most) if most else calls

    def timed(self, calls):
        return timeit.Timer(self.statement, "gc.enable()", globals=self.names).timeit(calls)

    def time(self):
        """Seconds of one call, after calls that make caches and threads warm again."""
        self.timed(max(1, self.calls // 10))
        return self.timed(self.calls) / self.calls

    def faults(self, windows, calls):
        """Page faults of one call in each window of calls, after as many calls to get steady."""
        marks = []
        for _ in range(windows + 1):
            self.timed(calls)
            marks.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
        return [(b - a) / calls for a, b in zip(marks, marks[1:])]

    def memory(self, calls):
        """Bytes: the highest resident memory of the process, less what it had after importing."""
        self.timed(calls)
        return status("VmHWM") - self.resident_before


def magnitude(result):
    """The mean absolute value of a result: all libraries must find the same."""
    if hasattr(result, "detach"):
        return float(result.detach().double().abs().mean())
    return float(abs(result).mean()) if hasattr(result, "__array__") else None


def values(result):
    """Some values of a result, from all over it."""
    flat = result.reshape(-1)
    return flat[:: max(1, flat.shape[0] // COMPARED)].tolist()


def status(name):
    """Bytes, from the process's status; unlike ru_maxrss it starts anew with the program."""
    with open(STATUS) as lines:
        for line in lines:
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
    raise RuntimeError(f"{STATUS} has no {name}")


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # a library's slow farewell would only hold up the parent
