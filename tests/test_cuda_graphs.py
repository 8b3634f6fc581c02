"""CUDA graphs: recorded work runs again with new values, in memory that is its own, and what cannot
be recorded raises and leaves everything usable.
"""

import os
import threading

import pytest

import cnn
from cnn.cuda import CUDAGraph, graph, graph_pool_handle
from emulation import counted

pytestmark = pytest.mark.cuda
F = cnn.nn.functional


@pytest.fixture(autouse=True)
def seed():
    cnn.manual_seed(0)
    yield
    cnn.cuda.synchronize()
    assert not cnn.cuda.is_current_stream_capturing()


def near(got, want):
    cnn.testing.assert_close(got.cpu(), want.cpu(), rtol=1e-5, atol=1e-6)


# Replays ------------------------------------------------------------------------------------------


def test_a_replay_reads_new_values_and_writes_in_place():
    x = cnn.arange(4.0, device="cuda")
    g = CUDAGraph()
    with graph(g):
        assert cnn.cuda.is_current_stream_capturing()
        y = x * 2 + 1
        z = (y @ y).sqrt()
    assert not cnn.cuda.is_current_stream_capturing()
    places = y.data_ptr(), z.data_ptr()
    for start in range(3):
        x.copy_(cnn.arange(4.0) + start)
        g.replay()
        near(y, (cnn.arange(4.0) + start) * 2 + 1)
        near(z, y.cpu().square().sum().sqrt())
    assert (y.data_ptr(), z.data_ptr()) == places


def test_nothing_runs_while_it_is_recorded():
    x = cnn.zeros(3, device="cuda")
    g = CUDAGraph()
    with graph(g):
        x += 1
    assert x.tolist() == [0, 0, 0]
    for _ in range(3):
        g.replay()
    assert x.tolist() == [3, 3, 3]


def test_a_replay_is_one_launch():
    x = cnn.randn(8, 8).cuda()
    g = CUDAGraph()

    def record():
        with graph(g):
            y = x
            for _ in range(5):
                y = (y @ x).relu() + 1
            x.copy_(y)

    cost = counted(record)
    assert cost.launches == 0 and cost.copies == 0
    cost = counted(g.replay)
    assert cost == (1, 0, 0, 0)


# Memory -------------------------------------------------------------------------------------------


def test_the_memory_of_a_graph_is_its_own():
    cnn.cuda.empty_cache()
    before = cnn.cuda.memory_reserved()
    x = cnn.ones(1000, device="cuda")
    with_x = cnn.cuda.memory_reserved()
    g = CUDAGraph()
    with graph(g):
        for _ in range(3):
            inner = x + 1  # freed inside, and used again inside alone
        y = inner * 2
    place, inner = inner.data_ptr(), None
    assert cnn.cuda.memory_reserved() > with_x
    others = [cnn.zeros(1000, device="cuda") for _ in range(20)]
    assert place not in {t.data_ptr() for t in others}
    g.replay()
    near(y, cnn.full((1000,), 4.0))
    assert all(not t.any().item() for t in others)
    del others
    cnn.cuda.empty_cache()
    g.replay()
    near(y, cnn.full((1000,), 4.0))
    del g, y
    cnn.cuda.empty_cache()
    assert cnn.cuda.memory_reserved() == with_x
    del x
    cnn.cuda.empty_cache()
    assert cnn.cuda.memory_reserved() == before


def test_results_outlive_their_graph():
    x = cnn.ones(5, device="cuda")
    g = CUDAGraph()
    with graph(g):
        y = x + 1
    g.replay()
    g.reset()
    cnn.cuda.empty_cache()
    near(y, cnn.full((5,), 2.0))
    with pytest.raises(RuntimeError, match="replay without a preceding successful capture"):
        g.replay()
    with graph(g):  # and it can be used again
        z = x + 2
    g.replay()
    near(z, cnn.full((5,), 3.0))


def test_graphs_share_a_pool():
    cnn.cuda.empty_cache()
    before = cnn.cuda.memory_reserved()
    x = cnn.ones(300, 1000, device="cuda")
    first, second, third = CUDAGraph(), CUDAGraph(), CUDAGraph()
    with graph(first):
        a = x + 1
        b = a * 2
    del a
    reserved = cnn.cuda.memory_reserved()
    with graph(second, pool=first.pool()):
        c = b + 1
    assert second.pool() == first.pool()
    if not_cached():
        assert cnn.cuda.memory_reserved() > reserved
    else:
        assert cnn.cuda.memory_reserved() == reserved  # where `a` was
    pool = graph_pool_handle()
    with graph(third, pool=pool):
        d = c + 1
    assert third.pool() == pool != first.pool()
    first.replay(), second.replay(), third.replay()
    near(d[0], cnn.full((1000,), 6.0))
    del first
    x.fill_(2)
    second.replay()
    near(c[0], cnn.full((1000,), 5.0))
    del second, third, b, c, d, x
    cnn.cuda.empty_cache()
    assert cnn.cuda.memory_reserved() == before


def not_cached():
    return os.environ.get("PYTORCH_NO_CUDA_MEMORY_CACHING") == "1" or "guarded" in os.environ.get(
        "CNN_EMULATION", ""
    )


def test_tensors_that_die_during_a_capture():
    x = cnn.ones(1000, device="cuda")
    side = cnn.cuda.Stream()
    for _ in range(3):
        old = cnn.ones(1000, device="cuda")
        old.record_stream(side)
        pinned = cnn.ones(10).pin_memory()
        there = pinned.to("cuda", non_blocking=True)
        g = CUDAGraph()
        with graph(g):
            y = x + old
            z = y * 2
            y.record_stream(side)
            del old, pinned, y  # graphs that use memory which is gone are not run again
            z += x
        del g, there, z
    fresh = cnn.zeros(1000, device="cuda")
    cnn.cuda.synchronize()
    assert not fresh.any().item()


def test_pinned_memory_is_read_at_each_replay():
    source = cnn.zeros(4).pin_memory()
    x = cnn.zeros(4, device="cuda")
    result = cnn.zeros(4).pin_memory()
    g = CUDAGraph()
    with graph(g):
        x.copy_(source, non_blocking=True)
        result.copy_(x * 2, non_blocking=True)
    for i in range(3):
        source.fill_(i)
        g.replay()
        cnn.cuda.synchronize()
        assert result.tolist() == [2 * i] * 4
    source.fill_(7)
    place = source.data_ptr()
    del source  # the graph holds its memory
    others = [cnn.zeros(4).pin_memory() for _ in range(5)]
    assert place not in {t.data_ptr() for t in others}
    g.replay()
    cnn.cuda.synchronize()
    assert result.tolist() == [14] * 4
    active = cnn.cuda.host_memory_stats()["active_requests.current"]
    del g, others
    cnn.cuda.synchronize()
    cnn.zeros(4).pin_memory()
    assert cnn.cuda.host_memory_stats()["active_requests.current"] == active - 6


# What cannot be recorded --------------------------------------------------------------------------


def test_random_numbers_go_on_from_run_to_run():
    w = cnn.arange(1.0, 1001.0, device="cuda")

    def draw():
        mask = F.dropout(w, 0.3)
        return (
            mask,
            cnn.randn(7, 3, device="cuda"),
            w.clone().uniform_(),
            cnn.randperm(9, device="cuda"),
        )

    cnn.manual_seed(3)
    expected = [[t.clone() for t in draw()] for _ in range(4)]
    after = cnn.cuda.get_rng_state()
    cnn.manual_seed(3)
    g = CUDAGraph()
    with graph(g):
        static = draw()
    for values in expected:
        g.replay()
        for got, want in zip(static, values):
            assert cnn.equal(got, want)
    assert cnn.equal(cnn.cuda.get_rng_state(), after)
    # A seed that is set between runs is taken up, on whatever stream they are.
    cnn.manual_seed(3)
    with cnn.cuda.stream(cnn.cuda.Stream()):
        g.replay()
    g.replay()
    cnn.cuda.synchronize()
    assert cnn.equal(static[1], expected[1][1])


REFUSED = {
    "item": lambda x: x[0].item(),
    "cpu": lambda x: x.cpu(),
    "tolist": lambda x: x.tolist(),
    "bool": lambda x: bool(x.any()),
    "nonzero": lambda x: x.nonzero(),
    "mask": lambda x: x[x > 0],
    "from the CPU": lambda x: x.copy_(cnn.zeros(4)),
    "from pinned memory, waiting": lambda x: x.copy_(cnn.zeros(4).pin_memory()),
    "numbers": lambda x: cnn.tensor([1.0, 2.0], device="cuda"),
    "the state of a generator": lambda x: cnn.cuda.get_rng_state(),
    "synchronize": lambda x: cnn.cuda.synchronize(),
    "Stream.synchronize": lambda x: cnn.cuda.current_stream().synchronize(),
    "Stream.synchronize of another": lambda x: cnn.cuda.default_stream().synchronize(),
    "Stream.query": lambda x: cnn.cuda.current_stream().query(),
    "Event": lambda x: cnn.cuda.current_stream().record_event().synchronize(),
    "query": lambda x: cnn.cuda.current_stream().record_event().query(),
    "print": lambda x: repr(x),
    "capture": lambda x: CUDAGraph().capture_begin(),
    "another GPU": lambda x: x.to("cuda:1"),
    "step": lambda x: cnn.optim.NAdam([x.requires_grad_()]).step(),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_waits_is_refused(name):
    if name == "another GPU" and cnn.cuda.device_count() < 2:
        pytest.skip("one GPU")
    x = cnn.arange(4.0, device="cuda")
    text = "operation not permitted when stream is capturing: |param_groups' capturable is False"
    g = CUDAGraph()
    with pytest.raises(RuntimeError, match=text), graph(g):
        x + 1
        REFUSED[name](x)
    assert x.tolist() == [0, 1, 2, 3] and not cnn.cuda.is_current_stream_capturing()
    # The capture was not void: it goes on behind a refusal, too.
    g = CUDAGraph()
    with graph(g):
        y = x.detach() + 1
        with pytest.raises(RuntimeError, match=text):
            REFUSED[name](x)
        y *= 2
    g.replay()
    assert y.tolist() == [2, 4, 6, 8]


def test_errors_inside_end_the_capture():
    x = cnn.ones(3, device="cuda")
    g = CUDAGraph()
    with pytest.raises(KeyError), graph(g):
        x += 1
        raise KeyError
    assert not cnn.cuda.is_current_stream_capturing() and x.tolist() == [1, 1, 1]
    with pytest.raises(RuntimeError, match="already owns a captured graph"), graph(g):
        pass
    assert cnn.cuda.current_stream() == cnn.cuda.default_stream()


def test_calls_in_the_wrong_order():
    g = CUDAGraph()
    with pytest.raises(RuntimeError, match="replay without a preceding successful capture"):
        g.replay()
    with pytest.raises(RuntimeError, match="pool.. without a preceding successful capture"):
        g.pool()
    with pytest.raises(RuntimeError, match="must be captured on a non-default stream"):
        g.capture_begin()
    with pytest.raises(RuntimeError, match="capture_end"):
        g.capture_end()
    with pytest.raises(RuntimeError, match="Unknown capture error mode"):
        g.capture_begin(capture_error_mode="none")
    with pytest.warns(UserWarning, match="The CUDA Graph is empty"), graph(g):
        pass
    g.replay()
    g.reset()
    with pytest.warns(UserWarning, match="debug not enabled"):
        g.debug_dump("nowhere")
    with pytest.raises(RuntimeError, match="keep_graph=true"):
        g.instantiate()
    with pytest.raises(RuntimeError, match="Expected a 'cuda' device type for generator"):
        g.register_generator_state(cnn.default_generator)
    g.register_generator_state(cnn.cuda.default_generators[0])
    side, other = cnn.cuda.Stream(), cnn.cuda.Stream()
    x = cnn.ones(2, device="cuda")
    with cnn.cuda.stream(side):
        g.capture_begin()
        x += 1
        with cnn.cuda.stream(other), pytest.raises(RuntimeError, match="same stream it began on"):
            g.capture_end()
        assert side.is_capturing() and not other.is_capturing()
        g.capture_end()
    g.replay()
    assert x.tolist() == [2, 2]


def test_what_was_recorded_can_be_kept(tmp_path):
    x = cnn.ones(2, device="cuda")
    g = CUDAGraph(keep_graph=True)
    with graph(g):
        x += 1
        x *= 2
    assert g.raw_cuda_graph()
    with pytest.raises(RuntimeError, match="until instantiate"):
        g.raw_cuda_graph_exec()
    g.replay()
    g.instantiate()
    assert g.raw_cuda_graph_exec()
    g.replay()
    assert x.tolist() == [10, 10]
    g = CUDAGraph()
    g.enable_debug_mode()
    with graph(g):
        x += 1
        x *= 2
    g.debug_dump(tmp_path / "graph.dot")
    assert "digraph" in (tmp_path / "graph.dot").read_text()
    with pytest.raises(RuntimeError, match="keep_graph=true"):
        g.raw_cuda_graph()
    g.replay()
    assert x.tolist() == [22, 22]


# Streams ------------------------------------------------------------------------------------------


def test_other_streams_take_part():
    x = cnn.ones(1000, device="cuda")
    side = cnn.cuda.Stream()
    g = CUDAGraph()
    with graph(g):
        here = cnn.cuda.current_stream()
        a = x + 1
        side.wait_stream(here)
        with cnn.cuda.stream(side):
            assert cnn.cuda.is_current_stream_capturing()
            b = a * 2
            b = b * 2
        c = x * 3
        here.wait_stream(side)
        d = b + c
    assert not side.is_capturing()
    for i in range(3):
        x.fill_(i)
        g.replay()
        near(d, cnn.full((1000,), (i + 1) * 4.0 + 3 * i))
    side.synchronize()


def test_a_stream_that_does_not_come_back_makes_it_void():
    x = cnn.ones(10, device="cuda")
    side = cnn.cuda.Stream()
    g = CUDAGraph()
    with pytest.raises(RuntimeError, match="ending to record a graph"), graph(g):
        x += 1
        side.wait_stream(cnn.cuda.current_stream())
        with cnn.cuda.stream(side):
            x += 1
    with pytest.raises(RuntimeError, match="replay without"):
        g.replay()
    with graph(g):
        x += 1
    g.replay()
    assert x.tolist() == [2] * 10 and side.query()


def test_replays_follow_their_stream():
    x = cnn.zeros(100, device="cuda")
    g = CUDAGraph()
    with graph(g):
        x *= 2
        x += 1
    sides = [cnn.cuda.Stream() for _ in range(2)]
    want = 0
    for i in range(6):
        side = sides[i % 2]
        side.wait_stream(cnn.cuda.current_stream())
        with cnn.cuda.stream(side):
            g.replay()
        cnn.cuda.current_stream().wait_stream(side)
        x += 3
        want = want * 2 + 4
    assert x.tolist() == [want] * 100


def test_other_threads_go_on():
    x = cnn.ones(10, device="cuda")
    found = []

    def work():
        y = cnn.ones(3000, 100, device="cuda") + 1
        z = y.sum()
        del y
        found.append(z)

    g = CUDAGraph()
    with graph(g, capture_error_mode="thread_local"):
        thread = threading.Thread(target=work)
        y = x + 1
        thread.start()
        thread.join()
        y += 1
    g.replay()
    assert y.tolist() == [3] * 10 and found[0].item() == 600000


def test_on_another_gpu():
    if cnn.cuda.device_count() < 2:
        pytest.skip("one GPU")
    x = cnn.ones(4, device="cuda:1")
    with cnn.cuda.device(1):
        g = CUDAGraph()
        with graph(g):
            y = x * 3
    g.replay()
    assert y.device.index == 1 and y.tolist() == [3] * 4
    g2 = CUDAGraph()
    with graph(g2):
        z = cnn.ones(4, device="cuda") * 2
    g2.replay()
    assert z.device.index == 0 and z.tolist() == [2] * 4


# Values that must not be used ---------------------------------------------------------------------


def test_a_replay_tells_of_a_bad_index():
    table = cnn.arange(10.0, device="cuda").view(5, 2)
    index = cnn.tensor([0, 1], device="cuda")
    g = CUDAGraph()
    with graph(g):
        y = table[index] + 1
    g.replay()
    assert y.tolist() == [[1, 2], [3, 4]]
    for bad in (7, -9):
        index.copy_(cnn.tensor([1, bad]))
        g.replay()
        with pytest.raises(IndexError, match=f"index {bad} is out of bounds"):
            cnn.cuda.synchronize()
        index.copy_(cnn.tensor([4, 0]))
        g.replay()
        assert y.tolist() == [[9, 10], [1, 2]]
    # Notes of others do not take its place.
    fine = cnn.tensor([1], device="cuda")
    for _ in range(20):
        table[fine]
    index.copy_(cnn.tensor([5, 0]))
    g.replay()
    with pytest.raises(IndexError, match="index 5 is out of bounds"):
        cnn.cuda.synchronize()
    del g
    g = CUDAGraph()
    with graph(g):
        z = table[fine]
    g.replay()
    assert z.tolist() == [[2, 3]]


def test_there_are_notes_for_every_kernel():
    table, out = cnn.arange(5.0, device="cuda"), cnn.empty(2, device="cuda")
    fine, index = cnn.tensor([0, 1], device="cuda"), cnn.tensor([2, 3], device="cuda")
    g = CUDAGraph()
    with graph(g):
        for _ in range(65):  # one more than a piece of memory holds
            cnn.index_select(table, 0, fine, out=out)
        cnn.index_select(table, 0, index, out=out)
    g.replay()
    assert out.tolist() == [2, 3]
    index.fill_(6)
    g.replay()
    with pytest.raises(IndexError, match="6"):
        out.tolist()


def test_a_bad_target_is_told_at_a_replay():
    x, target = cnn.randn(3, 4).cuda(), cnn.tensor([0, 1, 2], device="cuda")
    g = CUDAGraph()
    with graph(g):
        loss = F.cross_entropy(x, target)
    target.fill_(9)
    g.replay()
    with pytest.raises(IndexError, match="Target 9 is out of bounds"):
        loss.item()
    target.fill_(3)
    g.replay()
    near(loss, F.cross_entropy(x.cpu(), cnn.tensor([3, 3, 3])))
