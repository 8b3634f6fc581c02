"""Memory pools of the program's own: cuda.MemPool and use_mem_pool."""

from __future__ import annotations

import copy
import threading

import pytest

import cnn
from cnn import _C, cuda
from cnn.cuda import MemPool, use_mem_pool

pytestmark = [pytest.mark.cuda, pytest.mark.caching]
MIB = 1 << 20


def taken(size=MIB, device="cuda"):
    return cnn.empty(size, dtype=cnn.uint8, device=device)


def lies_in(x, pool):
    return any(
        s["address"] <= x.data_ptr() < s["address"] + s["total_size"] for s in pool.snapshot()
    )


def test_blocks_come_from_the_pool_and_go_back_there():
    pool = MemPool()
    assert pool.use_count() == 1 and pool.snapshot() == [] and pool.allocator is None
    with use_mem_pool(pool):
        assert pool.use_count() == 2
        first = taken()
    assert pool.use_count() == 1
    with use_mem_pool(pool):
        assert len(pool.snapshot()) == 1
        second = taken()
        assert len(pool.snapshot()) == 1
        third = taken()
        assert len(pool.snapshot()) == 2
    assert all(lies_in(x, pool) for x in (first, second, third))
    assert {s["segment_pool_id"] for s in pool.snapshot()} == {pool.id}
    assert sum(s["allocated_size"] for s in pool.snapshot()) == 3 * MIB
    address = second.data_ptr()
    del second
    others = [taken() for _ in range(8)]
    assert not any(lies_in(x, pool) for x in others)
    cuda.empty_cache()
    assert len(pool.snapshot()) == 2  # kept, as the pool is
    with use_mem_pool(pool):
        assert taken().data_ptr() == address
    assert MemPool().id != pool.id


def test_a_pool_that_is_gone_gives_its_memory_back():
    cuda.empty_cache()
    reserved = cuda.memory_reserved()
    pool = MemPool()
    with use_mem_pool(pool):
        free, alive = taken(30 * MIB), taken(40 * MIB)
    del free
    assert cuda.memory_reserved() == reserved + 70 * MIB
    del pool
    assert cuda.memory_reserved() == reserved + 40 * MIB
    alive.fill_(3)
    assert int(alive[-1]) == 3
    del alive
    assert cuda.memory_reserved() == reserved
    with use_mem_pool(MemPool()):  # nobody else holds it
        x = taken(30 * MIB)
        assert cuda.memory_reserved() == reserved + 30 * MIB
        del x
    assert cuda.memory_reserved() == reserved


def test_of_pools_inside_each_other_the_innermost_serves():
    outer, inner = MemPool(), MemPool()
    with use_mem_pool(outer):
        a = taken()
        with use_mem_pool(inner), use_mem_pool(inner):
            b = taken()
        c = taken()
    assert lies_in(a, outer) and lies_in(b, inner) and lies_in(c, outer)
    assert not lies_in(taken(), outer)
    with pytest.raises(ZeroDivisionError), use_mem_pool(outer):
        raise ZeroDivisionError
    assert outer.use_count() == 1 and not lies_in(taken(), outer)


def test_a_pool_serves_one_thread():
    pool, found = MemPool(), []

    def other():
        found.append(taken())
        with use_mem_pool(pool):
            found.append(taken())

    with use_mem_pool(pool):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert [lies_in(x, pool) for x in found] == [False, True]
    context = use_mem_pool(pool)
    context.__enter__()
    errors = []

    def leave():
        try:
            context.__exit__(None, None, None)
        except RuntimeError as error:
            errors.append(str(error))

    thread = threading.Thread(target=leave)
    thread.start()
    thread.join()
    assert len(errors) == 1 and "in the thread" in errors[0] and lies_in(taken(), pool)
    _C._cuda_leave_pool(0, pool.id[1])
    assert pool.use_count() == 1 and not lies_in(taken(), pool)


def test_a_pool_serves_the_device_that_it_is_used_for():
    if cuda.device_count() < 2:
        pytest.skip("needs two devices")
    pool = MemPool()
    with use_mem_pool(pool, "cuda:1"):
        here, there = taken(), taken(device="cuda:1")
    assert lies_in(there, pool) and not lies_in(here, pool)
    assert [s["device"] for s in pool.snapshot()] == [1] and pool.use_count() == 1


def test_graphs():
    pool = MemPool()
    stream = cuda.Stream()
    x = cnn.ones(1000, device="cuda")
    graph = cuda.CUDAGraph()
    with use_mem_pool(pool), cuda.graph(graph, stream=stream):
        y = x + 1
    assert not lies_in(y, pool)  # a graph's memory is its own
    shares = cuda.CUDAGraph()
    with cuda.graph(shares, pool=pool.id, stream=stream):
        z = x * 3
    assert lies_in(z, pool) and pool.use_count() == 2
    graph.replay(), shares.replay()
    assert float(y[-1]) == 2 and float(z[-1]) == 3
    reserved = cuda.memory_reserved()
    del pool
    shares.replay()
    assert float(z[0]) == 3 and cuda.memory_reserved() == reserved  # the graph keeps it
    del z
    shares.reset()
    cuda.synchronize()
    taken(512)  # takes over what other streams have done with
    assert cuda.memory_reserved() < reserved


def test_blocks_are_not_split():
    pool = MemPool(no_split=True)
    with use_mem_pool(pool):
        kept = [taken(1000) for _ in range(3)]
    assert len(pool.snapshot()) == 3 and all(len(s["blocks"]) == 1 for s in pool.snapshot())
    address = kept.pop().data_ptr()
    with use_mem_pool(pool):
        assert taken(2000).data_ptr() == address


def test_blocks_for_others_before_memory_runs_out():
    cuda.empty_cache()
    pools = [MemPool(use_on_oom=spare) for spare in (False, True)]
    for pool in pools:
        with use_mem_pool(pool):
            taken(40 * MIB)
    _, total = cuda.mem_get_info()
    cuda.set_per_process_memory_fraction((cuda.memory_reserved() + MIB) / total)
    try:
        x = taken(40 * MIB)
        assert lies_in(x, pools[1])
        with pytest.raises(cnn.OutOfMemoryError):
            taken(40 * MIB)
    finally:
        cuda.set_per_process_memory_fraction(1.0)


def test_results_are_right_in_a_pool():
    model = cnn.nn.Sequential(cnn.nn.Linear(40, 30), cnn.nn.ReLU(), cnn.nn.Linear(30, 1)).cuda()
    x = cnn.randn(64, 40, device="cuda")
    results = []
    for pool in (None, MemPool()):
        model.zero_grad()
        if pool is None:
            model(x).square().mean().backward()
        else:
            with use_mem_pool(pool):
                model(x).square().mean().backward()
        results.append([p.grad.clone() for p in model.parameters()])
        assert pool is None or all(lies_in(p.grad, pool) for p in model.parameters())
    assert all(cnn.equal(a, b) for a, b in zip(*results))


def test_errors():
    with pytest.raises(RuntimeError, match="cannot be replaced"):
        MemPool(object())
    for pool in (None, (0, 1), cuda.graph_pool_handle()):
        with pytest.raises(TypeError, match="expected a MemPool"), use_mem_pool(pool):
            pass
    with pytest.raises(RuntimeError, match="invalid device"), use_mem_pool(MemPool(), 77):
        pass
    with pytest.raises(TypeError, match="cannot pickle"):
        copy.copy(MemPool())
