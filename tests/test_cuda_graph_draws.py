"""Generators whose numbers a graph draws, graphs of `cnn.accelerator`, and programs that use graphs
wrongly: they are told so, and the capture, the graph and the GPU stay as they were.
"""

import copy
import gc
import pickle
import subprocess
import sys
import threading

import pytest

import cnn
from cnn import Generator
from cnn.cuda import CUDAGraph, Stream, default_generators, graph, stream

pytestmark = pytest.mark.cuda
two = pytest.mark.skipif("cnn.cuda.device_count() < 2")
CAPTURING = "operation not permitted when stream is capturing: "


def drawn(generator, n=3, device="cuda"):
    return [cnn.rand(5, device=device, generator=generator).tolist() for _ in range(n)]


# Generators ---------------------------------------------------------------------------------------


def test_a_graph_draws_from_any_generator():
    own, other = Generator("cuda").manual_seed(3), Generator("cuda").manual_seed(4)
    want = [drawn(g) for g in (own, other)]
    own.manual_seed(3), other.manual_seed(4)
    g = CUDAGraph()
    g.register_generator_state(own)
    with graph(g):
        x = cnn.rand(5, device="cuda", generator=own)
        y = cnn.rand(5, device="cuda", generator=other)
    assert own.get_offset() == 0  # nothing is drawn while it is recorded
    for a, b in zip(*want):
        g.replay()
        assert (x.tolist(), y.tolist()) == (a, b)
    assert own.get_offset() == other.get_offset() == 12
    own.manual_seed(3)
    del other
    gc.collect()
    g.replay()  # of the one that is gone it goes on
    assert x.tolist() == want[0][0] and y.tolist() not in want[1]


def test_generators_share_a_state():
    a = Generator("cuda").manual_seed(5)
    want = drawn(a)
    a.manual_seed(5)
    b = a.graphsafe_get_state()
    assert b is not a and b.device == a.device
    assert drawn(a, 1) + drawn(b, 1) + drawn(a, 1) == want
    b.manual_seed(5)
    assert a.get_offset() == 0 and drawn(a, 1) == want[:1]
    c = a.clone_state()  # goes on alone
    assert drawn(c, 2) == want[1:] and a.get_offset() == 4
    c.manual_seed(5)
    assert a.graphsafe_set_state(c) is a and drawn(a, 1) == want[:1] and c.get_offset() == 4
    assert b.get_offset() == 4 and drawn(b, 1) == want[1:2]
    # The GPU's own one; a graph stays with the state that it has drawn from.
    mine = default_generators[0].graphsafe_get_state()
    try:
        default_generators[0].graphsafe_set_state(Generator("cuda").manual_seed(5))
        g = CUDAGraph()
        with graph(g):
            x = cnn.rand(5, device="cuda")
        recorded = default_generators[0].graphsafe_get_state()
    finally:
        default_generators[0].graphsafe_set_state(mine)
    before = mine.get_offset()
    for numbers in want:
        g.replay()
        assert x.tolist() == numbers
    assert mine.get_offset() == before and recorded.get_offset() == 12


def test_states_that_cannot_be_shared():
    cpu, gpu = cnn.Generator(), Generator("cuda")
    for call in (cpu.graphsafe_get_state, lambda: cpu.graphsafe_set_state(cpu)):
        with pytest.raises(NotImplementedError, match="not supported in this Generator"):
            call()
    with pytest.raises(TypeError, match="expected a Generator, but got int"):
        gpu.graphsafe_set_state(3)
    with pytest.raises(RuntimeError, match="a generator of cuda:0, got one of cpu"):
        gpu.graphsafe_set_state(cpu)
    with pytest.raises(RuntimeError, match="Expected a 'cuda' device type for generator"):
        CUDAGraph().register_generator_state(cpu)
    with pytest.raises(TypeError, match="expected a Generator"):
        CUDAGraph().register_generator_state(3)


@two
def test_generators_of_other_gpus():
    # A generator serves every GPU; what is recorded is that of the tensor's.
    g1 = Generator("cuda:1").manual_seed(6)
    want = drawn(g1, device="cuda:0")
    g1.manual_seed(6)
    g = CUDAGraph()
    with graph(g):
        x = cnn.rand(5, device="cuda:0", generator=g1)
    for numbers in want:
        g.replay()
        assert x.tolist() == numbers
    with pytest.raises(RuntimeError, match="a generator of cuda:0, got one of cuda:1"):
        Generator("cuda:0").graphsafe_set_state(g1)


def test_states_are_not_asked_for_while_they_are_recorded():
    own = Generator("cuda").manual_seed(7)
    state, seed = own.get_state(), cnn.cuda.initial_seed() + 1
    x = cnn.zeros(5, device="cuda")
    g = CUDAGraph()
    with graph(g):
        x.uniform_(generator=own)
        for call in (
            own.get_state,
            own.get_offset,
            own.initial_seed,
            own.seed,
            own.clone_state,
            lambda: own.set_state(state),
            lambda: own.set_offset(8),
            lambda: own.manual_seed(8),
            lambda: cnn.manual_seed(seed),
            lambda: cnn.cuda.manual_seed_all(seed),
            lambda: cnn.random.fork_rng([0]).__enter__(),
        ):
            with pytest.raises(RuntimeError, match=CAPTURING + ".* of a GPU's|another seed"):
                call()
        own.manual_seed(7)  # the same: nothing is to be done
        cnn.Generator().manual_seed(1)
        x += 1
    own.manual_seed(7)
    want = [[v + 1 for v in row] for row in drawn(own)]
    own.manual_seed(7)
    for row in want:
        g.replay()
        assert x.tolist() == pytest.approx(row)


@pytest.mark.filterwarnings("ignore:The CUDA Graph is empty")
def test_recomputation_is_refused_where_it_would_draw_other_numbers():
    x = cnn.ones(50, device="cuda", requires_grad=True)
    g = CUDAGraph()

    def step():
        y = cnn.utils.checkpoint.checkpoint(cnn.nn.functional.dropout, x, use_reentrant=False)
        return cnn.autograd.grad(y.sum(), x)

    step()
    with pytest.raises(RuntimeError, match=CAPTURING), graph(g):
        step()
    assert not cnn.cuda.is_current_stream_capturing()
    (gradient,) = step()
    assert set(gradient.tolist()) == {0.0, 2.0}


# cnn.accelerator ------------------------------------------------------------------------------------


def test_a_graph_is_a_context():
    x = cnn.zeros(3, device="cuda")
    g = cnn.accelerator.Graph()
    with cnn.Stream(), g:
        x += 1
        assert cnn.cuda.is_current_stream_capturing()
    assert x.tolist() == [0, 0, 0] and g.graph_pool is None
    g.replay(), g.replay()
    assert x.tolist() == [2, 2, 2]
    second = cnn.accelerator.graphs.Graph(pool=g.pool(), capture_error_mode="thread_local")
    with cnn.Stream(), second:
        x *= 2
    assert second.pool() == g.pool() == second.graph_pool
    second.replay()
    assert x.tolist() == [4, 4, 4]
    g.reset()
    g.capture_error_mode = "relaxed"
    with cnn.Stream(), g:
        x -= 1
    g.replay()
    assert x.tolist() == [3, 3, 3]
    g.reset()
    with pytest.raises(RuntimeError, match="must be captured on a non-default stream"), g:
        pass
    with pytest.raises(RuntimeError, match="Unknown capture error mode"):
        with cnn.Stream(), cnn.accelerator.Graph(capture_error_mode="none"):
            pass
    kept = cnn.accelerator.Graph(keep_graph=True)
    with cnn.Stream(), kept:
        x += 5
    kept.instantiate()
    kept.replay()
    assert x.tolist() == [8, 8, 8] and kept.raw_cuda_graph() != 0
    assert isinstance(kept, CUDAGraph) and cnn.accelerator.memory.memory_allocated() > 0


# Wrong programs -------------------------------------------------------------------------------------


def test_a_replay_is_not_recorded():
    x = cnn.zeros(3, device="cuda")
    inner, outer = CUDAGraph(), CUDAGraph()
    with graph(inner):
        y = x + cnn.rand(3, device="cuda")
    with graph(outer):
        x += 1
        with pytest.raises(RuntimeError, match=CAPTURING + "replaying a graph"):
            inner.replay()
        x += 1
    outer.replay()
    inner.replay()
    assert x.tolist() == [2, 2, 2] and y.min() >= 2


def test_pools_are_those_of_graphs():
    for pool in ((0, 10**9), (1, 1), (0, -1), (0, 0)):
        g = CUDAGraph()
        with (
            pytest.raises(RuntimeError, match="the pool is neither a graph's"),
            graph(g, pool=pool),
        ):
            pass
        with graph(g):
            x = cnn.ones(3, device="cuda") + 1
        g.replay()
        assert x.tolist() == [2, 2, 2]
    for pool in (5, "pool", (1,), (0, 1, 2), (0, 1.5), [0, 1], (None, 0)):
        with pytest.raises(TypeError, match="pool: expected what"), graph(CUDAGraph(), pool=pool):
            pass
    assert not cnn.cuda.is_current_stream_capturing()


@pytest.mark.parametrize("mode", ("global", "thread_local", "relaxed"))
def test_another_thread_ends_a_capture(mode):
    x = cnn.zeros(3, device="cuda")
    side, errors = Stream(), []
    g = CUDAGraph()

    def end(s):
        try:
            with stream(s):
                g.capture_end()
        except RuntimeError as error:
            errors.append(str(error))

    def elsewhere(s):
        thread = threading.Thread(target=end, args=(s,))
        thread.start()
        thread.join()

    with stream(side):
        g.capture_begin(capture_error_mode=mode)
        x += 1
        elsewhere(Stream())
        assert "same stream it began on" in errors[-1]
        assert cnn.cuda.is_current_stream_capturing()
        elsewhere(side)
        if mode != "relaxed":  # only who has begun may end it; it goes on
            assert len(errors) == 2 and cnn.cuda.is_current_stream_capturing()
            x += 1
            g.capture_end()
        assert not cnn.cuda.is_current_stream_capturing()
    g.replay()
    assert x.tolist() == [1 if mode == "relaxed" else 2] * 3


def test_a_graph_dies_while_it_is_recorded():
    x = cnn.zeros(3, device="cuda")
    side = Stream()
    side.wait_stream(cnn.cuda.current_stream())
    with stream(side):
        g = CUDAGraph()
        g.capture_begin()
        y = x + cnn.rand(3, device="cuda")
        del g
        gc.collect()
        assert not cnn.cuda.is_current_stream_capturing()
        x += 1
    side.synchronize()
    del y
    assert x.tolist() == [1, 1, 1]
    cnn.cuda.empty_cache()


def test_a_graph_is_forgotten_while_it_runs():
    # Its memory, and that of its random numbers, is not given to others before its runs are over.
    for _ in range(3):
        cnn.cuda.manual_seed(1)
        x = cnn.zeros(1 << 16, device="cuda")
        g = CUDAGraph()
        with graph(g):
            for _ in range(4):
                x += cnn.rand(1 << 16, device="cuda")
        pool, side = g.pool(), Stream()
        side.wait_stream(cnn.cuda.current_stream())
        with stream(side):
            g.replay()
            g.replay()
        again = CUDAGraph()
        g.reset()
        with graph(again, pool=pool):
            z = cnn.rand(1 << 16, device="cuda").mul_(0) + 7
        with stream(side):
            again.replay()
        del g
        side.synchronize()
        assert z.eq(7).all()
        cnn.cuda.manual_seed(1)
        want = cnn.zeros(1 << 16, device="cuda")
        for _ in range(8):
            want += cnn.rand(1 << 16, device="cuda")
        assert cnn.equal(x, want)


def test_nothing_of_the_runtime_is_copied():
    g = CUDAGraph()
    with graph(g):
        x = cnn.ones(3, device="cuda") + 1
    mark = cnn.cuda.Event()
    mark.record()
    for owner in (g, mark, Stream(), cnn.Stream("cpu")):
        for call in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="cannot pickle '(CUDAGraph|Event|Stream)' object"):
                call(owner)
    gc.collect()
    g.replay()
    mark.synchronize()
    assert x.tolist() == [2, 2, 2]


def test_calls_of_what_was_recorded_have_its_arguments():
    sample = cnn.ones(2, 3, device="cuda", requires_grad=True)
    net = cnn.nn.Linear(3, 3).cuda()
    for made in (
        cnn.cuda.make_graphed_callables(lambda a: a * 2, (sample,)),
        cnn.cuda.make_graphed_callables(net, (sample,)),
    ):
        for wrong in ((), (sample, sample), (3.0,), ([sample, sample],)):
            with pytest.raises(TypeError, match="expected 1 tensors, as many as sample_args had"):
                made(*wrong)
        for shape in ((1, 3), (3,), (2, 2), (2, 3, 1)):
            with pytest.raises(
                RuntimeError, match=r"a tensor of shape \[2, 3\], as in sample_args"
            ):
                made(cnn.ones(shape, device="cuda"))
        assert made(sample).shape == (2, 3)


def test_the_first_number_of_a_process_may_be_recorded():
    program = """
import cnn
g = cnn.cuda.CUDAGraph()
with cnn.cuda.graph(g):
    x = cnn.rand(5, device="cuda")
g.replay()
first = x.tolist()
g.replay()
assert first != x.tolist() and max(first) < 1
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_debugging_is_switched_on_too_late(tmp_path):
    g = CUDAGraph()
    with graph(g):
        x = cnn.ones(3, device="cuda") + 1
    g.enable_debug_mode()
    with pytest.raises(RuntimeError, match="enable_debug_mode.. was called after the capture"):
        g.debug_dump(tmp_path / "graph.dot")
    g.replay()
    assert x.tolist() == [2, 2, 2]


def test_errors_in_the_middle_of_an_operation():
    x = cnn.ones(3, device="cuda")
    for wrong in (
        lambda: x + cnn.ones(4, device="cuda"),
        lambda: x.view(7),
        lambda: cnn.multinomial(x, 5),
        lambda: cnn.poisson(x.long()),
        lambda: x.item(),
        lambda: cnn.empty(1 << 59, dtype=cnn.uint8, device="cuda"),
        lambda: cnn.cuda.synchronize(),
        lambda: graph(CUDAGraph()).__enter__(),
    ):
        g = CUDAGraph()
        with graph(g):
            y = x + 1
            with pytest.raises(RuntimeError):
                wrong()
            z = y * 2
        g.replay()
        assert z.tolist() == [4, 4, 4]
    assert cnn.cuda.current_stream() == cnn.cuda.default_stream()


@two
def test_numbers_of_another_gpu_are_not_recorded():
    side, there = Stream("cuda:0"), Stream("cuda:1")
    g = CUDAGraph()
    with stream(side):
        g.capture_begin()
        there.wait_stream(side)
        with stream(there), pytest.raises(RuntimeError, match=CAPTURING + "drawing on another GPU"):
            cnn.rand(3, device="cuda:1")
        side.wait_stream(there)
        x = cnn.ones(3, device="cuda") + 1
        g.capture_end()
    g.replay()
    assert x.tolist() == [2, 2, 2]
