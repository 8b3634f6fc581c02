"""tests/gpu.py notices what fails, and goes on to its table."""

import subprocess
import sys

import pytest

import cnn
from gpu import HERE, Results, table


def test_rows(tmp_path):
    results = Results(tmp_path, True)
    results.attempt("right", lambda: (1.5, "ms"))
    results.attempt("absent", lambda: cnn._C._nothing())
    results.attempt("wrong", lambda: False)

    def missing():
        raise NotImplementedError("not yet")

    results.attempt("missing", missing)
    rows = results.rows()
    assert [row["failed"] for row in rows] == [False, True, True, False]
    assert rows[0]["value"] == 1.5 and "AttributeError" in rows[1]["note"]
    text = "\n".join(table(rows))
    assert text.count("**failed**") == 2 and "| 1.5 ms |" in text


@pytest.mark.skipif(cnn.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_stops_at_once(tmp_path):
    command = [sys.executable, str(HERE / "gpu.py"), "--tiny", "--out", str(tmp_path)]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    assert run.returncode == 1
    assert "1 results, 1 failed" in run.stdout and "AssertionError" in run.stdout
    assert "**failed**" in (tmp_path / "table.md").read_text()
