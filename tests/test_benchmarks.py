"""The benchmarks run, each workload once with cnn, and they tell what they found. Nothing is timed."""

import json
import math
import os
import pathlib
import sys
from types import SimpleNamespace

import pytest

import cnn

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import __main__ as program  # noqa: E402
from benchmarks import (  # noqa: E402
    catalogue,
    chart,
    distributed,
    machine,
    process,
    ranks,
    roofline,
    runner,
    table,
    worker,
)
from benchmarks.workload import Target, Work, Workload  # noqa: E402

STAGE = pathlib.Path(cnn.__file__).absolute().parent.parent  # what is there may be links
WORKLOADS = catalogue.workloads()
ADD = WORKLOADS["calls: a + b, 4 floats"]


@pytest.mark.parametrize("title", WORKLOADS)
def test_workload_runs(title):
    cnn.manual_seed(0)
    function = WORKLOADS[title].build(cnn)
    for _ in range(2):
        result = worker.magnitude(function())
        assert result is None or 0 < result < math.inf


def test_catalogue():
    assert len(WORKLOADS) >= 90
    assert {title for title, _ in process.STEPS.values()} | {process.LENET} <= set(WORKLOADS)
    for section in ("64K elements", "1M elements", "16M elements"):
        assert sum(w.section == section for w in WORKLOADS.values()) == 12
    for workload in WORKLOADS.values():
        target = workload.target
        if target.must and target.aim:
            assert target.must < target.aim


@pytest.fixture
def torch_is_cnn(tmp_path, monkeypatch):
    """The worker processes find a torch that is cnn under another name."""
    (tmp_path / "torch.py").write_text("import sys, cnn\nsys.modules[__name__] = cnn\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{STAGE}")


def test_two_processes_take_turns(torch_is_cnn, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(machine, "CHANGED", float("inf"))  # keeps all rounds
    file = tmp_path / "figures.json"
    arguments = ["--quick", "--only", r"^calls: (x|nn.Linear)|^import", "--json", str(file)]
    assert program.main(arguments) == 0
    rows = json.loads(file.read_text())["rows"]
    assert [row["workload"] for row in rows] == [
        "x[3]",
        "nn.Linear(8, 8)",
        "import, warm bytecode",
    ]
    for row in rows:
        assert {len(rounds) for rounds in row["rounds"].values()} == {2}
        assert set(row["rounds"]) == {"cnn", "torch"} and row["ratio"] > 0
    assert "| x[3] |" in capsys.readouterr().out


def test_what_is_measured_of_processes(torch_is_cnn):
    options = runner.Options(rounds=1, seconds=0.001)
    rows = list(process.rows(options, lambda title: title.endswith("LeNet, batch 32")))
    assert [row.section for row in rows] == [process.FAULTS, process.MEMORY, process.CONTENTION]
    faults, memory, contention = rows
    assert faults.median("cnn") >= 0 and memory.median("cnn") > 2**20
    assert contention.median("cnn") > 0 and contention.ratio > 0


def test_a_worker_that_cannot_start_says_why(tmp_path, monkeypatch):
    with pytest.raises(runner.Failed, match="KeyError.*no such row") as failure:
        runner.Worker("cnn", Workload("calls", "no such row", None), runner.Options())
    assert not failure.value.absent
    (tmp_path / "torch.py").write_text("raise ImportError('not today')\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{STAGE}")
    outcome = runner.run(ADD, runner.Options(rounds=1, seconds=0.001))
    assert outcome.reasons == {"torch": "ImportError: not today"} and not outcome.failed
    (row,) = table.rows_of(outcome)
    assert (
        row.verdict == "n/a: ImportError: not today" and row.median("cnn") > 0 and row.ratio is None
    )


def test_different_results_are_a_failure():
    outcome = runner.Outcome(ADD)
    workers = {"cnn": SimpleNamespace(result=1.0), "torch": SimpleNamespace(result=1.01)}
    runner.compare_results(ADD, workers, outcome)
    (row,) = table.rows_of(outcome)
    assert row.verdict == "FAILED: mean magnitude 1.01 where cnn has 1"


@pytest.mark.parametrize(
    "ours, theirs, target, verdict",
    [
        (1.0, 0.8, Target(0.9, 1), "MISSED"),
        (1.0, 0.9, Target(0.9, 1), "must"),
        (1.0, 1.0, Target(0.9, 1), "aim"),
        (1.0, 0.9, Target(aim=1), "below aim"),
        (1.0, 2.0, Target(), ""),
        (0.0, 9.0, Target(0, 0, of="ours"), "aim"),
        (1.0, 9.0, Target(0, 0, of="ours"), "MISSED"),
        (0.03, 9.0, Target(0.04, 0.025, of="ours"), "must"),
    ],
)
def test_verdicts(ours, theirs, target, verdict):
    row = table.Row("s", "n", values={"cnn": [ours] * 3, "torch": [theirs] * 3}, target=target)
    assert row.verdict == verdict


def test_figures_of_a_row():
    row = table.Row("s", "n", values={"cnn": [1.0, 2.0, 2.0], "torch": [4.0, 4.0, 4.0]})
    assert row.ratio == 2 and row.spread == pytest.approx(0.25)
    rows = [table.Row("s", "n", values={"cnn": [1.0], "torch": [t]}) for t in (2.0, 8.0)]
    assert table.geometric_mean(rows, "s", 2, Target()).ratio == pytest.approx(4)
    assert table.geometric_mean([*rows, table.Row("s", "absent")], "s", 3, Target()) is None
    shown = {7.9e-10: "0.79 ns", 1.234e-5: "12.3 us", 0.4321: "432 ms", 12.0: "12.0 s"}
    assert {value: table.amount(value, "s") for value in shown} == shown


def test_documents(tmp_path, monkeypatch):
    marks = {threads: program.BEGIN.format(threads) for threads in (1, 2)}
    pages = {1: tmp_path / "benchmarks_one_thread.md", 2: tmp_path / "benchmarks.md"}
    for threads, page in pages.items():
        page.write_text(f"before\n{marks[threads]}\nold\n{program.END}\nafter\n")
    monkeypatch.setattr(program, "DOCS", tmp_path)
    row = table.Row("calls", "a & b", values={"cnn": [1.0], "torch": [4.0]})
    program.write_docs([row], "| roof |", threads=2)
    text = pages[2].read_text()
    assert text.startswith("before\n") and "old" not in text
    assert text.endswith(f"{program.END}\nafter\n") and "old" in pages[1].read_text()
    assert "| a & b | 1.00 s | 4.00 s | 4.00x |" in text and "| roof |" in text
    picture = (tmp_path / "benchmarks.svg").read_text()
    assert "a &amp; b" in picture and ">4.0x<" in picture
    program.write_docs([row], "", threads=1)
    assert "4.00x" in pages[1].read_text() and "old" not in pages[1].read_text()
    for threads, page in pages.items():
        assert (ROOT / "docs" / page.name).read_text().count(marks[threads]) == 1
    assert chart.place(1) < chart.place(2) < chart.place(4)


def test_roofline():
    def outcome(section, seconds, work):
        return runner.Outcome(Workload(section, "w", None, work=work), {"cnn": [seconds]})

    product = outcome("matrix products", 2.0, Work(400e9, 1e9))
    copy = outcome(roofline.COPIES, 0.02, Work(0, 1e9))
    half = outcome("matrix products", 1.0, Work(400e9, 1e9, "bfloat16"))
    assert roofline.measured_peaks([product, copy]) is None
    peaks = roofline.measured_peaks([product, half, copy])
    assert peaks.flops == {"float32": 200e9, "bfloat16": 400e9}
    assert peaks.bytes == pytest.approx(50e9)
    line = roofline.line(outcome("kernels", 0.2, Work(0, 1e9)), peaks)
    assert line == "| kernels: w | 5.0 GB/s | 10% |  |  | memory |"
    assert "| 200.0 GF/s | 100% |" in roofline.line(product, peaks)


def test_roofline_measures_its_peaks_whatever_is_wanted(monkeypatch):
    def run(workload, options):
        assert WORKLOADS[workload.title] is workload
        return runner.Outcome(workload, {"cnn": [1e-3], "torch": [2e-3]})

    monkeypatch.setattr(runner, "run", run)
    outcomes = roofline.measure(runner.Options(), lambda title: "layer norm" in title, len)
    report = roofline.report(outcomes, lambda title: "layer norm" in title)
    assert report.startswith("Peaks: copy 134.2 GB/s, float32 product 17180 GF/s, bfloat16 product")
    assert report.count("\n| ") == 3 and "layer norm" in report


def test_what_more_ranks_would_do():
    time = distributed.all_reduce_time
    # Two ranks: as measured; few bytes go in the fewest messages, many in the fewest bytes.
    assert time(1, 100, 1.0, 1.0) == 0
    assert time(2, 1 << 20, 1e-6, 1e-9) == pytest.approx(1e-6 + 2**20 * 1e-9)
    assert time(1024, 4, 1e-6, 1e-9) == pytest.approx(10 * (1e-6 + 4e-9))
    assert time(1024, 1 << 30, 1e-6, 1e-9) == pytest.approx(
        2**30 * 1e-9 * 2 * 1023 / 1024, rel=1e-3
    )
    lines = distributed.model(0.1, 60 << 20, 1e-5, 1e-9)
    assert [ranks for ranks, *_ in lines] == [2**i for i in range(1, 11)]
    assert lines[0][1] == pytest.approx(0.1 + (60 << 20) * 1e-9 + 3e-5)
    assert all(0 < b[2] < a[2] < 1 for a, b in zip(lines, lines[1:]))


@pytest.mark.parametrize("mpi", ["PMI", "OMPI_COMM_WORLD"])
def test_a_rank_knows_its_place(mpi, monkeypatch):
    for name in ("PMI_RANK", "PMI_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert ranks.place() == (0, 1)
    monkeypatch.setenv(f"{mpi}_RANK", "2")
    monkeypatch.setenv(f"{mpi}_SIZE", "3")
    assert ranks.place() == (2, 3)


def test_a_job_of_ranks_has_a_time_limit(monkeypatch):
    pytest.importorskip("mpi4py")
    monkeypatch.setenv("PYTHONPATH", str(STAGE))
    for name in [name for name in os.environ if name.startswith(("PMI_", "OMPI_"))]:
        monkeypatch.delenv(name)
    figures = distributed.job("cnn", 2, 0.001, ["4 KB"])
    assert list(figures) == ["4 KB"] and 0 < figures["4 KB"] < 10
    monkeypatch.setattr(distributed, "PATIENCE", 0.01)  # no program starts in that
    assert distributed.job("cnn", 2, 0.001, ["4 KB"]) == {"failure": "not over after 0 s"}


def test_a_table_of_ranks():
    figures = {(distributed.SUMS, "4 KB"): 1e-4, (distributed.SUMS, "64 MB"): 0.05}
    figures |= {(distributed.STEPS, f"{name}, 1 rank"): 1.0 for name in distributed.NETS}
    rows = [table.Row(*title, values={"cnn": [value]}) for title, value in figures.items()]
    text = distributed.modelled(rows)
    assert "the latency (100 us) and the bandwidth (1.34 GB/s" in text
    assert text.splitlines()[-1].startswith("| 1024 | 1.0")
    assert distributed.modelled(rows[:1]) == ""
