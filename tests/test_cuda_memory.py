"""The memory of GPUs: what is counted, limits, pinned memory and copies that nobody waits for."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import cnn
from cnn import cuda
from cnn.utils.data import DataLoader, TensorDataset

pytestmark = [pytest.mark.cuda, pytest.mark.caching]


def grown(what, function):
    """How much `what` of memory_stats grows by while the function's result lives."""
    before = cuda.memory_stats()[what]
    result = function()
    grown = cuda.memory_stats()[what] - before
    del result
    return grown


def test_allocated_memory():
    assert grown("allocated_bytes.all.current", lambda: cnn.ones(100, device="cuda")) == 512
    assert grown("requested_bytes.all.current", lambda: cnn.ones(100, device="cuda")) == 400
    large = 3 << 20
    make = lambda: cnn.empty(large, dtype=cnn.uint8, device="cuda")  # noqa: E731
    assert grown("allocated_bytes.large_pool.current", make) == large
    assert grown("allocation.large_pool.allocated", make) == 1
    before = cuda.memory_allocated()
    x = make()
    assert cuda.memory_allocated() == before + large <= cuda.memory_reserved()
    del x
    assert cuda.memory_allocated() == before


def test_peaks_are_set_back():
    x = cnn.empty(5 << 20, dtype=cnn.uint8, device="cuda")
    del x
    now = cuda.memory_allocated()
    assert cuda.max_memory_allocated() >= now + (5 << 20)
    assert cuda.max_memory_reserved() >= cuda.max_memory_allocated()
    cuda.reset_peak_memory_stats()
    assert cuda.max_memory_allocated() == now
    cuda.reset_accumulated_memory_stats()
    stats = cuda.memory_stats()
    assert stats["allocation.all.allocated"] == stats["num_alloc_retries"] == 0
    assert cuda.memory_stats("cuda:0") == cuda.memory_stats(0) == stats
    with pytest.warns(FutureWarning, match="reset_peak_memory_stats"):
        cuda.reset_max_memory_allocated()
    with pytest.warns(FutureWarning, match="memory_reserved"):
        assert cuda.memory_cached() == cuda.memory_reserved()


def test_summary_and_snapshot():
    x = cnn.ones(1000, device="cuda")
    summary = cuda.memory_summary()
    lines = summary.splitlines()
    assert lines[1].startswith("|") and "CUDA memory summary, device ID 0" in lines[1]
    assert {len(line) for line in lines} == {77}
    assert any(line.startswith("|       from large pool") for line in lines)
    assert "large pool" not in cuda.memory_summary(abbreviated=True)
    snapshot = cuda.memory_snapshot()
    blocks = {b["address"]: b for segment in snapshot for b in segment["blocks"]}
    block = blocks[x.data_ptr()]
    assert block["state"] == "active_allocated" and block["requested_size"] == 4000
    assert sum(s["total_size"] for s in snapshot) == cuda.memory_reserved()
    assert sum(s["allocated_size"] for s in snapshot) == cuda.memory_allocated()
    for segment in snapshot:
        assert sum(b["size"] for b in segment["blocks"]) == segment["total_size"]


def test_cache_is_given_back():
    x = cnn.empty(30 << 20, dtype=cnn.uint8, device="cuda")
    reserved = cuda.memory_reserved()
    del x
    assert cuda.memory_reserved() == reserved
    cuda.empty_cache()
    assert cuda.memory_reserved() <= reserved - (30 << 20)


def test_out_of_memory():
    free, total = cuda.mem_get_info()
    assert 0 < free <= total
    ooms = cuda.memory_stats()["num_ooms"]
    with pytest.raises(
        cnn.OutOfMemoryError, match=r"CUDA out of memory. Tried to allocate .* GiB. GPU 0"
    ):
        cnn.empty(2 * total, dtype=cnn.uint8, device="cuda")
    assert issubclass(cnn.OutOfMemoryError, RuntimeError)
    assert cuda.memory_stats()["num_ooms"] == ooms + 1
    assert cnn.ones(3, device="cuda").sum().item() == 3


def test_a_part_of_the_memory():
    assert cuda.get_per_process_memory_fraction() == 1.0
    with pytest.raises(TypeError, match="must be `float`"):
        cuda.set_per_process_memory_fraction(1)
    with pytest.raises(ValueError, match="Allowed range: 0~1"):
        cuda.set_per_process_memory_fraction(1.5)
    _, total = cuda.mem_get_info()
    cuda.set_per_process_memory_fraction(0.25)
    try:
        assert cuda.get_per_process_memory_fraction() == 0.25
        with pytest.raises(cnn.OutOfMemoryError, match="This process may have"):
            cnn.empty(total // 2, dtype=cnn.uint8, device="cuda")
    finally:
        cuda.set_per_process_memory_fraction(1.0)


def test_without_a_cache():
    x = cnn.ones(7, device="cuda")
    with cuda.caching_allocator_disabled():
        segments = cuda.memory_stats()["segment.all.current"]
        y = cnn.ones(50, device="cuda")
        assert cuda.memory_stats()["segment.all.current"] == segments + 1
        assert y.sum().item() == 50
        del y
        assert cuda.memory_stats()["segment.all.current"] == segments
        with cuda.caching_allocator_disabled():
            pass
        y = cnn.ones(50, device="cuda")
        assert cuda.memory_stats()["segment.all.current"] == segments + 1
        del y
        assert cuda.memory_stats()["segment.all.current"] == segments
    assert cuda.get_allocator_backend() == "native" and x.sum().item() == 7


def test_memory_for_other_libraries():
    before = cuda.memory_allocated()
    address = cuda.caching_allocator_alloc(2000)
    assert address and cuda.memory_allocated() == before + 2048
    cuda.caching_allocator_delete(address)
    assert cuda.memory_allocated() == before
    with pytest.raises(RuntimeError, match="invalid device pointer"):
        cuda.caching_allocator_delete(address)
    other = cuda.caching_allocator_alloc(10, stream=cuda.Stream())
    cuda.caching_allocator_delete(other)


def test_names_that_raise():
    for name in ("CUDAPluggableAllocator", "change_current_allocator"):
        with pytest.raises(RuntimeError, match="allocator"):
            getattr(cuda, name)(None)


# Pinned memory ------------------------------------------------------------------------------------


def test_pinned_tensors():
    x = cnn.arange(12.0).reshape(3, 4)
    assert not x.is_pinned() and not x.cuda().is_pinned()
    p = x.t().pin_memory()
    assert p.is_pinned() and p[1:].is_pinned() and p.stride() == (1, 4) and (p == x.t()).all()
    assert p.pin_memory() is p and p.clone().is_pinned() is False
    assert p.untyped_storage().is_pinned()
    with pytest.raises(RuntimeError, match="only dense CPU tensors can be pinned"):
        x.cuda().pin_memory()
    with pytest.raises(RuntimeError, match="Only dense CPU tensors can be pinned"):
        cnn.ones(2, device="cuda", pin_memory=True)
    w = cnn.ones(2, requires_grad=True)
    (w.pin_memory() * 3).sum().backward()
    assert w.grad.tolist() == [3, 3]
    assert not pickle.loads(pickle.dumps(p)).is_pinned()


@pytest.mark.parametrize(
    "make",
    [
        lambda: cnn.empty(3, 2, pin_memory=True),
        lambda: cnn.ones(3, pin_memory=True, requires_grad=True),
        lambda: cnn.randn(20, pin_memory=True),
        lambda: cnn.full((2,), 4, pin_memory=True),
        lambda: cnn.tensor([1, 2, 3], pin_memory=True),
        lambda: cnn.zeros_like(cnn.ones(3), pin_memory=True),
        lambda: cnn.ones(5).new_empty(3, pin_memory=True),
        lambda: cnn.empty(0, pin_memory=True),
    ],
)
def test_tensors_made_in_pinned_memory(make):
    x = make()
    assert x.is_pinned() or x.numel() == 0
    assert (x.cuda().cpu() == x).all() or x.isnan().any()


def test_pinned_memory_is_counted_and_kept():
    cnn.accelerator.empty_host_cache()
    before = cuda.host_memory_stats()
    x = cnn.ones(1000).pin_memory()
    stats = cuda.host_memory_stats()
    assert stats["active_bytes.current"] == before["active_bytes.current"] + 4096
    address = x.data_ptr()
    del x
    assert cuda.host_memory_stats()["active_bytes.current"] == before["active_bytes.current"]
    y = cnn.ones(900).pin_memory()
    assert y.data_ptr() == address
    assert cuda.host_memory_stats()["num_host_alloc"] == stats["num_host_alloc"]
    cuda.reset_peak_host_memory_stats(), cuda.reset_accumulated_host_memory_stats()
    assert cuda.host_memory_stats()["allocations.allocated"] == 0


def test_a_loader_pins_its_batches():
    data = TensorDataset(cnn.arange(12.0).reshape(6, 2), cnn.arange(6))
    for x, y in DataLoader(data, batch_size=3, pin_memory=True):
        assert x.is_pinned() and y.is_pinned()
        moved = x.to("cuda", non_blocking=True), y.cuda(non_blocking=True)
        assert (moved[0].cpu() == x).all() and (moved[1].cpu() == y).all()


# Copies -------------------------------------------------------------------------------------------


def test_copies_that_nobody_waits_for():
    x = cnn.arange(5000.0).pin_memory()
    y = x.to("cuda", non_blocking=True)
    back = y.mul(2).to("cpu", non_blocking=True)
    assert back.is_pinned()
    into = cnn.empty(5000).pin_memory()
    into.copy_(y, non_blocking=True)
    plain = cnn.empty(5000)
    plain.copy_(y, non_blocking=True)  # pageable: it waits
    assert (plain == x).all()
    cuda.synchronize()
    assert (back == x * 2).all() and (into == x).all()


def test_memory_of_a_copy_under_way_is_not_handed_on():
    results = []
    for i in range(40):
        x = cnn.full((3000,), float(i)).pin_memory()
        results.append(x.to("cuda", non_blocking=True))
        del x
        scratch = cnn.full((3000,), -1.0).pin_memory()
        del scratch
    assert [r[2999].item() for r in results] == list(range(40))


def test_pageable_memory_may_change_at_once():
    for n in (1, 1000, 3_000_000):
        x = cnn.ones(n)
        y = x.to("cuda", non_blocking=True)
        x.fill_(2)
        assert y.sum().item() == n
        p = cnn.ones(n).pin_memory()
        y = p.cuda()
        p.fill_(2)
        assert y.sum().item() == n


def test_pageable_memory_passes_through_few_pinned_blocks():
    x, y = cnn.ones(1 << 20), cnn.empty(1 << 20, device="cuda")
    cuda.synchronize()
    cnn.accelerator.empty_host_cache()
    cuda.reset_peak_host_memory_stats()
    before = cuda.host_memory_stats()["active_bytes.current"]
    for i in range(60):
        y.copy_(x.fill_(float(i)))
    assert cuda.host_memory_stats()["active_bytes.peak"] <= before + (80 << 20)
    assert (y.cpu() == 59).all()


@pytest.mark.parametrize("dtype", [cnn.float32, cnn.float16, cnn.int64])
def test_copies_with_strides_and_other_dtypes(dtype):
    x = cnn.arange(24.0).reshape(2, 3, 4)
    for view in (x, x.permute(2, 0, 1), x[:, ::2], x[0, 0, 0], x[:0], x.expand(2, 3, 4)):
        there = view.to("cuda", dtype)
        assert (there.cpu().float() == view).all()
        target = cnn.zeros(view.shape, dtype=dtype, device="cuda")
        target.copy_(view)
        assert (target.cpu().float() == view).all()
        back = cnn.zeros(view.shape)
        back.copy_(target)
        assert (back == view).all()
    image = cnn.randn(2, 3, 4, 5).contiguous(memory_format=cnn.channels_last)
    moved = image.cuda()
    assert moved.is_contiguous(memory_format=cnn.channels_last) and (moved.cpu() == image).all()
    wide = cnn.zeros(4, 3, device="cuda")
    wide.copy_(cnn.arange(3.0))
    np.testing.assert_array_equal(wide.cpu().numpy(), np.tile(np.arange(3.0), (4, 1)))
