"""Times cnn and PyTorch in separate, alternating processes and prints a table of medians."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

ROUNDS = 3


def main():
    runs = {"cnn": [], "torch": []}
    for _ in range(ROUNDS):
        for library, results in runs.items():
            command = [sys.executable, "-m", "benchmarks.calls", library]
            results.append(
                json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            )
    print("| workload | cnn us | PyTorch us | ratio |\n| --- | --- | --- | --- |")
    for name in runs["cnn"][0]:
        ours, theirs = (statistics.median(r[name] for r in runs[k]) for k in ("cnn", "torch"))
        print(f"| {name} | {ours:.2f} | {theirs:.2f} | {theirs / ours:.1f}x |")


if __name__ == "__main__":
    main()
