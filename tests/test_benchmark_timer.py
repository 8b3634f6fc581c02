"""utils.benchmark: what a Timer measures, what is said of it, and tables of several."""

import pickle

import pytest

import cnn
from cnn.utils import benchmark
from cnn.utils.benchmark import Compare, Measurement, TaskSpec, Timer


def measured(times, number=10, **names):
    spec = TaskSpec(**{"stmt": "f(x)", "setup": "pass", **names})
    return Measurement(number, [t * number for t in times], spec)


class Clock:
    """Goes on by a second for each run of `tick`."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def tick(self):
        self.now += 1.0


def test_timeit_counts_its_runs():
    clock = Clock()
    timer = Timer("tick()", timer=clock, globals={"tick": clock.tick}, label="ticks")
    m = timer.timeit(50)
    assert m.times == [1.0] and m.raw_times == [50.0] and m.number_per_run == 50
    assert clock.now == 52  # two runs to warm up
    assert m.median == m.mean == 1.0 and m.iqr == 0 and m.label == "ticks"


def test_statements_see_torch_and_their_globals():
    x = cnn.ones(3)
    timer = Timer(
        """
        y = torch.relu(x)
        z.append(y)
        """,
        setup="z = seen",
        globals={"x": x, "seen": (seen := [])},
    )
    timer.timeit(2)
    assert len(seen) == 4 and seen[0].tolist() == [1.0] * 3


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_set_while_it_runs(threads):
    before, seen = cnn.get_num_threads(), set()
    timer = Timer("seen.add(torch.get_num_threads())", globals={"seen": seen}, num_threads=threads)
    timer.timeit(2)
    assert seen == {threads} and cnn.get_num_threads() == before
    with pytest.raises(ZeroDivisionError):
        Timer("1 / 0", num_threads=threads).timeit(1)
    assert cnn.get_num_threads() == before


def test_blocks():
    seen = []
    m = Timer("pass").blocked_autorange(lambda n, t: seen.append((n, t)), min_run_time=0.02)
    assert m.number_per_run >= 1000 and 0 < m.median < 1e-5
    assert seen == [(m.number_per_run, t) for t in m.raw_times]
    assert sum(m.raw_times) >= 0.02


def test_adaptive_runs_stop_when_times_are_steady_or_at_the_end():
    clock = Clock()
    m = Timer("tick()", timer=clock, globals={"tick": clock.tick}).adaptive_autorange()
    assert m.times == [1.0] * 4
    steps = iter(range(10_000))

    def uneven():
        clock.now += 1 + 9 * (next(steps) % 2)

    m = Timer("f()", timer=clock, globals={"f": uneven}).adaptive_autorange(max_run_time=100)
    assert len(m.times) > 10 and 100 < sum(m.raw_times) <= 110


def test_statistics():
    m = measured([4e-6, 1e-6, 3e-6, 2e-6])
    assert m.median == pytest.approx(2.5e-6) and m.mean == pytest.approx(2.5e-6)
    assert m.iqr == pytest.approx(1.5e-6) and m.has_warnings
    assert not m.meets_confidence() and m.meets_confidence(0.61)
    steady = measured([1e-3] * 8)
    assert steady.significant_figures == 4 and not steady.has_warnings
    assert m.significant_figures == 1
    assert m.stmt == "f(x)" and m.num_threads == 1 and m.as_row_name == "f(x)"
    with pytest.raises(AttributeError, match="'nothing'"):
        m.nothing  # noqa: B018
    merged = Measurement.merge([measured([1.0, 2.0]), measured([3.0], number=2)])
    assert len(merged) == 1 and merged[0].times == [1.0, 2.0, 3.0]
    assert pickle.loads(pickle.dumps(m)).times == m.times


def test_what_is_printed():
    lines = repr(
        measured([5.7e-6, 4.0e-6, 6.3e-6, 5.8e-6], number=100, sub_label="(4x8)")
    ).splitlines()
    assert lines[1:4] == ["f(x): (4x8)", "  Median: 5.75 us", "  IQR:    0.65 us (5.27 to 5.93)"]
    assert lines[4] == "  4 measurements, 100 runs per measurement, 1 thread"
    assert lines[5].startswith("  WARNING: Interquartile range is 11.3% of the median measurement.")
    assert lines[6].strip() == "This could indicate system fluctuation."
    single = repr(measured([2.0], num_threads=2, label="L", description="d", setup="a = 1"))
    assert single.splitlines()[1:] == [
        "L", "d", "setup: a = 1", "  2.00 s", "  1 measurement, 10 runs , 2 threads",
    ]  # fmt: skip


def test_tables():
    results = [
        measured([t * 1e-6] * 4, label="sizes", sub_label=row, description=column)
        for row, column, t in (
            ("[1]", "add", 1), ("[1]", "mul", 2), ("[1000]", "add", 12.5), ("[1000]", "mul", 345),
        )
    ]  # fmt: skip
    assert str(Compare(results)) == (
        "[----------- sizes -----------]\n"
        "              |  add   |   mul \n"
        "1 threads: --------------------\n"
        "      [1]     |   1.0  |    2.0\n"
        "      [1000]  |  12.5  |  345.0\n"
        "\n"
        "Times are in microseconds (us).\n"
    )
    colored = Compare(results)
    colored.colorize(rowwise=True)
    assert "\033[92m" in str(colored) and "\033[31m" in str(colored)
    trimmed = Compare(results)
    trimmed.trim_significant_figures()
    assert "345" in str(trimmed) and "345.0" not in str(trimmed)
    uneven = Compare([measured([1e-3, 2e-3, 3e-3, 4e-3], label="u", description="d")])
    uneven.highlight_warnings()
    assert "(! 60%)" in str(uneven) and "high variance" in str(uneven)
    with pytest.raises(ValueError, match="Expected an instance of `Measurement`"):
        Compare([1.0])


def test_what_is_refused():
    with pytest.raises(ValueError, match="Only|Currently"):
        Timer(lambda: None)
    with pytest.raises(ValueError, match="C\\+\\+ only"):
        Timer("pass", global_setup="#include <x>")
    with pytest.raises(NotImplementedError, match="C\\+\\+"):
        Timer("pass", language="c++")
    with pytest.raises(ValueError, match="Invalid language"):
        Timer("pass", language="fortran")
    for method in ("repeat", "autorange"):
        with pytest.raises(NotImplementedError, match="blocked_autorange"):
            getattr(Timer("pass"), method)()


def test_numbers():
    assert benchmark.select_unit(2e-7) == ("ns", 1e-9)
    assert benchmark.select_unit(2e-4) == ("us", 1e-6) and benchmark.select_unit(5) == ("s", 1)
    assert benchmark.trim_sigfig(3.14159, 2) == pytest.approx(3.1)
    assert benchmark.trim_sigfig(1234.0, 2) == 1200
    assert benchmark.ordered_unique([2, 1, 2]) == [2, 1]
    assert benchmark.unit_to_english("ms") == "millisecond"
