"""python -m tests.fuzz: see the package."""

from __future__ import annotations

import argparse
import sys
import time

from . import call as calls
from . import devices
from .catalogue import targets
from .draw import TRIES, Draws
from .pool import Pool


class Campaign:
    """All calls of one seed: first those that are learned from, then the others."""

    def __init__(self, seed, jobs, all_targets=None, without=None, gpu=False):
        self.draws = Draws(seed, targets() if all_targets is None else all_targets, without)
        self.learned, self.findings, self.kinds = {}, [], {}
        self.run_call = devices.run if gpu else calls.run
        self.pool = Pool(self._run, jobs, self._report, devices.prepare if gpu else lambda: None)

    def _run(self, index, progress):
        return self.run_call(self.draws.call(index, self.learned), progress)

    def _report(self, finding):
        self.findings.append(finding)
        call = self.draws.call(finding.index, self.learned)
        kind = finding.kind, call.target.name, finding.stage
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if self.kinds[kind] == 1:
            place = f"--repro {self.draws.seed}:{finding.index}"
            print(f"\n{finding.kind} in {call.target.name}, {finding.stage}: {place}")
            print(f"    {finding.text}\n{call.script()}", end="", flush=True)

    def _learn(self, index):
        if index < self.draws.first_changed:
            self.learned.setdefault(index // TRIES, []).append(index)

    def learn(self, only=None, deadline=None):
        """Runs the fresh draws of every target, or of one."""
        begin = 0 if only is None else only * TRIES
        end = self.draws.first_changed if only is None else begin + TRIES
        self.pool.run(begin, end, deadline, self._learn)
        for indices in self.learned.values():
            indices.sort()

    def run(self, count, deadline=None):
        self.learn(deadline=deadline)
        first = self.draws.first_changed
        self.pool.run(first, max(first, count), deadline)

    def repeat(self, index):
        """One call, after those that it was learned from."""
        if index >= self.draws.first_changed:
            self.learn(only=self.draws.target_of(index))
            self.findings.clear()
            self.kinds.clear()
        print(self.draws.call(index, self.learned).script(), end="", flush=True)
        self.pool.run(index, index + 1)


def main():
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description="Calls everything with anything."
    )
    parser.add_argument(
        "--minutes", type=float, help="how long (otherwise as many calls as --calls says)"
    )
    parser.add_argument("--calls", type=int, default=10**9, help="at most so many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--repro", metavar="SEED:INDEX", help="one call, again")
    parser.add_argument(
        "--without", metavar="WORD", help="no arguments with it: a fault that is known"
    )
    parser.add_argument(
        "--gpu", action="store_true", help="each call on the CPU and on a GPU, which must agree"
    )
    options = parser.parse_args()
    if options.repro:
        seed, index = map(int, options.repro.split(":"))
        campaign = Campaign(seed, 1, without=options.without, gpu=options.gpu)
        campaign.repeat(index)
        return 1 if campaign.findings else 0
    if options.minutes is None and options.calls == 10**9:
        options.minutes = 1
    campaign = Campaign(options.seed, options.jobs, without=options.without, gpu=options.gpu)
    start = time.monotonic()
    campaign.run(options.calls, None if options.minutes is None else start + 60 * options.minutes)
    seconds = time.monotonic() - start
    print(f"{campaign.pool.done} calls in {seconds:.0f} s; of {len(campaign.draws.targets)} targets "
          f"{len(campaign.learned)} have succeeded")  # fmt: skip
    print(f"{len(campaign.findings)} findings of {len(campaign.kinds)} kinds")
    return 1 if campaign.findings else 0


if __name__ == "__main__":
    sys.exit(main())
