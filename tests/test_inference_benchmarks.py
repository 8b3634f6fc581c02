"""The benchmarks of inference run with cnn, and what a run says of its machine. Nothing is timed."""

import math
import pathlib
import sys

import pytest

import cnn

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import __main__ as program  # noqa: E402
from benchmarks import catalogue, inference, machine, runner, table, worker  # noqa: E402
from benchmarks.workload import Workload  # noqa: E402

NETS = {net.name: net for net in inference.nets()}
FEATURES = "AVX2, AVX-512, no AVX512_BF16, no AMX"


def values(net, form):
    cnn.manual_seed(0)
    return worker.values(inference.in_evaluation(cnn, net, form, tiny=True)())


@pytest.mark.parametrize("name", NETS)
def test_net_runs_in_every_form(name):
    expected = values(NETS[name], inference.AS_WRITTEN)
    assert all(map(math.isfinite, expected)) and len(set(expected)) > 1
    for form in NETS[name].forms[1:]:
        assert runner.disagreement(values(NETS[name], form), expected, 1e-4) == ""


@pytest.mark.parametrize(
    "name, parameters, entries, some",
    [
        ("ResNet-18, batch 1", 11689512, 122, {"layer2.0.downsample.0.weight": (128, 64, 1, 1)}),
        ("ResNet-50, batch 1", 25557032, 320, {"layer4.2.conv3.weight": (2048, 512, 1, 1)}),
        ("MobileNetV2, batch 1", 3504872, 314, {"features.2.conv.1.0.weight": (96, 1, 3, 3)}),
    ],
)
def test_published_form(name, parameters, entries, some):
    net = NETS[name].make(cnn)
    state = net.state_dict()
    assert sum(p.numel() for p in net.parameters()) == parameters and len(state) == entries
    assert {key: tuple(state[key].shape) for key in some} == some


def test_folding_leaves_no_batch_norm():
    net, _ = NETS["ResNet-18, batch 1"].prepared(cnn, inference.FOLDED, tiny=True)
    kinds = [type(module).__name__ for module in net.modules()]
    assert "BatchNorm2d" not in kinds and kinds.count("Identity") == kinds.count("Conv2d") == 20


def test_catalogue():
    workloads = catalogue.inference_workloads()
    assert len(workloads) == sum(len(net.forms) for net in NETS.values()) == 22
    assert not set(workloads) & set(catalogue.workloads())
    title = "inference: LeNet, batch 1"
    assert catalogue.find(title, "onnxruntime") is workloads[title]


def test_command(capsys):
    assert program.main(["inference", "--quick", "--alone", "--only", "LeNet"]) == 0
    out = capsys.readouterr().out
    assert "| LeNet, batch 1 | " in out and "### Inference" in out
    assert "core to core and back" in out and "% of one core" in out


def test_documents(tmp_path, monkeypatch):
    marks = [mark.format(2) for mark in (program.BEGIN, program.BEGIN_INFERENCE)]
    page = tmp_path / "benchmarks.md"
    page.write_text("".join(f"before\n{mark}\nold\n{program.END}\n" for mark in marks) + "after\n")
    monkeypatch.setattr(program, "DOCS", tmp_path)
    row = table.Row("inference", "a net", values={"cnn": [1.0], "torch": [4.0]})
    program.write_docs([row], "", 2, inference=True, about="A processor.")
    first, second = page.read_text().split(marks[1])
    assert "old" in first and "old" not in second and second.endswith(f"{program.END}\nafter\n")
    assert second.startswith("\n\nA processor.\n\n### Inference\n")
    assert (
        "| a net | 1.00 s | 4.00 s | 4.00x |" in second
        and not (tmp_path / "benchmarks.svg").exists()
    )
    for threads, name in ((1, "benchmarks_one_thread.md"), (2, "benchmarks.md")):
        mark = program.BEGIN_INFERENCE.format(threads)
        assert (ROOT / "docs" / name).read_text().count(mark) == 1


def outcome(name, latencies, seconds):
    workload = Workload("s", name, None)
    return runner.Outcome(workload, {"cnn": seconds, "torch": seconds[::-1]}, latencies=latencies)


def test_rounds_of_another_state_are_dropped():
    mixed = outcome("mixed", [(100, 110), (105, 180), (90, 100)], [1.0, 2.0, 3.0])
    usual = outcome("usual", [(100, 100)] * 3, [1.0, 2.0, 3.0])
    elsewhere = outcome("elsewhere", [(50, 50)], [5.0])
    said = runner.drop_rounds([mixed, usual, elsewhere])
    assert mixed.seconds == {"cnn": [1.0, 3.0], "torch": [3.0, 1.0]}
    assert usual.seconds["cnn"] == [1.0, 2.0, 3.0] and elsewhere.seconds["cnn"] == [5.0]
    assert "100 ns; 1 of 7 rounds dropped" in said and said.endswith("state: s: elsewhere")


def test_rounds_that_nothing_is_known_of_are_kept():
    unknown = outcome("unknown", [(None, None)] * 2, [1.0, 2.0])
    assert runner.drop_rounds([unknown]) == "" and unknown.seconds["cnn"] == [1.0, 2.0]


def test_processor(tmp_path):
    file = tmp_path / "cpuinfo"
    text = "processor\t: 0\nmodel name\t: A B\ncpu family\t: 6\nmodel\t\t: 85\n"
    file.write_text(text + "flags\t\t: fpu avx2 avx512f\n")
    said = machine.processor(file)
    assert said.startswith("A B (family 6, model 85), ") and said.endswith(FEATURES)
    file.write_text("Features\t: fp asimd bf16\n")
    assert machine.processor(file).endswith("cores, NEON, BF16")


def test_core_latency(monkeypatch):
    latency = machine.CoreLatency()
    assert latency.lacking or 10 < latency.measure() < 1e7
    monkeypatch.setattr(machine.shutil, "which", lambda name: None)
    monkeypatch.setattr(machine, "cores", lambda: [0, 1])
    latency = machine.CoreLatency()
    assert latency.measure() is None and latency.lacking == "there is no C compiler"


def test_further_rivals_are_columns():
    seconds = {"cnn": [1.0], "torch": [3.0], "onnxruntime": [2.0]}
    (row,) = table.rows_of(runner.Outcome(Workload("s", "n", None, columns=True), seconds))
    said = table.markdown([row])
    assert "| cnn | PyTorch | ONNX Runtime | ratio to PyTorch | ratio to ONNX Runtime |" in said
    assert "| n | 1.00 s | 3.00 s | 2.00 s | 3.00x | 2.00x |" in said
    rows = table.rows_of(runner.Outcome(Workload("s", "n", None), seconds))
    assert [r.section for r in rows] == ["s", "beside ONNX Runtime"] and rows[1].ratio == 2
    reasons = {"onnxruntime": "ImportError: none"}
    missing = runner.Outcome(Workload("s", "n", None, columns=True), {"cnn": [1.0]}, reasons)
    (row,) = table.rows_of(missing)
    assert row.verdict == "n/a: ONNX Runtime: ImportError: none"


def test_values_that_differ_are_a_failure():
    assert runner.disagreement([1.0, -1.0], [1.0, -1.0005], 1e-3) == ""
    assert "0.5 apart" in runner.disagreement([1.0, -1.0], [1.0, -2.0], 1e-3)
    assert "nan apart" in runner.disagreement([1.0, -1.0], [1.0, math.nan], 1e-3)
