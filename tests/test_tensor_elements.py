"""Python functions called element by element; what a dense and real tensor says of itself."""

from __future__ import annotations

import math

import numpy as np
import pytest

import cnn


def test_functions_of_elements():
    x = cnn.arange(6.0).reshape(2, 3).t()
    assert x.apply_(lambda v: v * v + 1) is x
    assert x.tolist() == [[1, 10], [2, 17], [5, 26]]
    assert cnn.arange(3).apply_(lambda v: v + 0.7).tolist() == [0, 1, 2]
    y = cnn.ones(3, 2).map_(cnn.tensor([2.0, 3.0]), lambda a, b: a - b)
    assert y.tolist() == [[-1, -2]] * 3
    z = cnn.ones(2).map2_(cnn.tensor([2.0, 3.0]), cnn.tensor([5.0]), lambda a, b, c: a + b * c)
    assert z.tolist() == [11, 16]
    assert cnn.ones(0).apply_(lambda v: 1 / 0).shape == (0,)


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        (RuntimeError, lambda: cnn.ones(2, requires_grad=True).apply_(abs)),
        (RuntimeError, lambda: cnn.ones(2).map_(cnn.ones(2, requires_grad=True), max)),
        (RuntimeError, lambda: cnn.ones(2).map_(cnn.ones(3), max)),
        (TypeError, lambda: cnn.ones(2).map_(cnn.ones(2).double(), max)),
        (TypeError, lambda: cnn.ones(2).map2_(cnn.ones(2), cnn.arange(2), max)),
        (TypeError, lambda: cnn.ones(2).apply_(3)),
        (TypeError, lambda: cnn.ones(2).apply_(lambda v: [v])),
        (ZeroDivisionError, lambda: cnn.ones(2).apply_(lambda v: v / 0)),
    ],
)
def test_functions_of_elements_refuse(kind, call):
    with pytest.raises(kind):
        call()


def test_what_raises_leaves_the_elements():
    x = cnn.tensor([1.0, 0.0])
    with pytest.raises(ZeroDivisionError):
        x.apply_(lambda v: 1 / v)
    assert x.tolist() == [1, 0] and x._version == 0


def test_order_of_dimensions():
    x = cnn.ones(2, 3, 4, 5)
    assert x.dim_order() == (0, 1, 2, 3)
    assert x.transpose(1, 2).dim_order() == (0, 2, 1, 3)
    assert x.to(memory_format=cnn.channels_last).dim_order() == (0, 2, 3, 1)
    assert cnn.ones(()).dim_order() == ()
    assert x.dim_order(ambiguity_check=True) == (0, 1, 2, 3)
    formats = [cnn.contiguous_format, cnn.channels_last]
    assert x.dim_order(ambiguity_check=formats) == (0, 1, 2, 3)
    for call in (
        lambda: cnn.ones(1, 1, 3).dim_order(ambiguity_check=True),
        lambda: cnn.ones(2, 1, 4, 5).dim_order(ambiguity_check=formats),
    ):
        with pytest.raises(RuntimeError, match="unique dim order"):
            call()
    with pytest.raises(TypeError):
        x.dim_order(ambiguity_check=1)


def test_real_tensors_are_their_own_conjugates():
    x = cnn.tensor([[1.0, -2.0, math.nan]], requires_grad=True)
    for y in (
        x.conj(), x.resolve_conj(), x.resolve_neg(), x.conj_physical(), cnn.real(x), cnn.conj(x)
    ):  # fmt: skip
        assert y is x
    assert x.adjoint().shape == (3, 1) and x.adjoint()._base is x
    with pytest.warns(UserWarning, match="0-D"):
        assert cnn.adjoint(cnn.tensor(2.0)) == 2
    with pytest.raises(RuntimeError, match="imag is not implemented"):
        cnn.imag(x)
    angle = cnn.angle(x)
    assert angle.tolist()[0][:2] == [0.0, pytest.approx(math.pi, rel=1e-6)]
    assert math.isnan(angle[0, 2])
    assert cnn.angle(cnn.tensor([1, -1])).dtype == cnn.float32
    with pytest.raises(RuntimeError, match="leaf"):
        x.conj_physical_()


def test_dense_tensors():
    x = cnn.ones(2, 3)
    assert x.to_dense() is x and x.to_dense(cnn.float64).dtype == cnn.float64
    assert (x.dense_dim(), x.sparse_dim()) == (2, 0)
    for name, layout in (
        ("coalesce", "sparse coordinate"), ("indices", "sparse coordinate"),
        ("is_coalesced", "sparse coordinate"), ("values", "sparse"),
        ("crow_indices", "sparse row compressed"), ("col_indices", "sparse row compressed"),
        ("ccol_indices", "sparse column compressed"), ("row_indices", "sparse column compressed"),
    ):  # fmt: skip
        with pytest.raises(RuntimeError, match=f"{name} expected {layout} tensor layout but got"):
            getattr(x, name)()
    with pytest.raises(NotImplementedError, match="quantized"):
        x.q_scale()
    with pytest.raises(AssertionError, match="XPU"):
        x.xpu()
    assert x.dequantize() is x and x.half().dequantize().dtype == cnn.float32
    assert not any((x.is_xla, x.is_vulkan, x.is_ipu, x.is_maia, x.is_mtia, x.is_sparse_csr))
    with pytest.raises(NotImplementedError, match="record_stream"):
        x.record_stream(None)
    with pytest.warns(UserWarning, match="volatile was removed"):
        assert x.volatile is False
    assert x.grad_dtype is cnn.float32
    with pytest.raises(AttributeError):
        x.grad_dtype = cnn.float64
    with pytest.raises(RuntimeError, match=r"reinforce\(\) was removed"):
        x.reinforce(1)


def test_one_element_that_is_not_zero():
    assert cnn.is_nonzero(cnn.tensor([[3]])) and not cnn.tensor(0.0).is_nonzero()
    for size, words in ((0, "no values"), (2, "more than one value")):
        with pytest.raises(RuntimeError, match=words):
            cnn.ones(size).is_nonzero()


def test_filling_the_diagonal():
    for shape, wrap in (
        ((3, 3), False),
        ((2, 4), False),
        ((7, 3), False),
        ((7, 3), True),
        ((9, 2), True),
    ):
        want = np.zeros(shape)
        np.fill_diagonal(want, 5, wrap)
        x = cnn.zeros(shape)
        assert x.fill_diagonal_(5, wrap) is x and x.tolist() == want.tolist()
        y = cnn.zeros(shape[::-1]).t()
        assert y.fill_diagonal_(5, wrap).tolist() == want.tolist()
    cube = cnn.zeros(3, 3, 3).fill_diagonal_(2)
    assert cube.sum() == 6 and cube[1, 1, 1] == 2
    leaf = cnn.ones(2, 2, requires_grad=True)
    (leaf * 1).fill_diagonal_(7).sum().backward()
    assert leaf.grad.tolist() == [[0, 1], [1, 0]]
    for call, words in (
        (lambda: cnn.ones(3).fill_diagonal_(1), "larger than 1"),
        (lambda: cnn.ones(2, 3, 2).fill_diagonal_(1), "equal length"),
        (lambda: cnn.ones(2, 2, dtype=cnn.uint8).fill_diagonal_(300), "overflow"),
    ):
        with pytest.raises(RuntimeError, match=words):
            call()


def test_strides_of_new_tensors():
    x = cnn.ones(2, dtype=cnn.float64).new_empty_strided((2, 3), (1, 2))
    assert (x.dtype, x.shape, x.stride()) == (cnn.float64, (2, 3), (1, 2))
    assert cnn.ones(2).const_data_ptr() != 0


def test_copies_of_views_do_not_share_memory():
    x = cnn.arange(6.0).reshape(2, 3)
    for y in (
        cnn.view_copy(x, (3, 2)), cnn.select_copy(x, 0, 0), cnn.t_copy(x), cnn.detach_copy(x),
        cnn.expand_copy(x, (2, 2, 3)), cnn.view_copy(x, cnn.int32), *cnn.split_copy(x, 1),
    ):  # fmt: skip
        assert y._base is None and y.is_contiguous()
        y.zero_()
    assert x.tolist() == [[0, 1, 2], [3, 4, 5]]
    out = [cnn.empty(0), cnn.empty(0)]
    assert cnn.split_copy(x, 1, out=out) is None and out[1].tolist() == [[3, 4, 5]]
    with pytest.raises(RuntimeError, match="size 2"):
        cnn.unbind_copy(x, out=out[:1])


def test_convolution_over_time():
    rng = np.random.default_rng(0)
    x, w, b = (
        cnn.from_numpy(rng.normal(size=s)).requires_grad_() for s in ((7, 2, 3), (3, 3, 4), (4,))
    )
    y = cnn.conv_tbc(x, w, b, 1)
    padded = np.pad(x.detach().numpy(), ((1, 1), (0, 0), (0, 0)))
    want = sum(padded[k : k + 7] @ w.detach().numpy()[k] for k in range(3)) + b.detach().numpy()
    np.testing.assert_allclose(y.detach().numpy(), want)
    assert y.is_contiguous()
    assert cnn.autograd.gradcheck(lambda *a: cnn.conv_tbc(*a, 1), (x, w, b))
    with pytest.raises(RuntimeError, match="input channels"):
        cnn.conv_tbc(x, w.transpose(1, 2), b)
    with pytest.raises(RuntimeError, match="3 dims"):
        cnn.conv_tbc(x[0], w, b)
    with pytest.raises(RuntimeError, match="Bias size"):
        cnn.conv_tbc(x, w, b[:2])


def test_functions_of_layers_at_the_top():
    x, y, t = cnn.rand(4, 3), cnn.rand(4, 3), cnn.tensor([1, -1, 1, -1])
    F = cnn.nn.functional
    for (
        name
    ) in "bilinear channel_shuffle cosine_similarity pairwise_distance pdist pixel_shuffle".split():
        assert getattr(cnn, name) is getattr(F, name)
    image = cnn.rand(1, 4, 2, 2)
    assert cnn.equal(cnn.native_channel_shuffle(image, 2), F.channel_shuffle(image, 2))
    for number, name in enumerate(("none", "mean", "sum")):
        assert cnn.equal(
            cnn.cosine_embedding_loss(x, y, t, 0.1, number),
            F.cosine_embedding_loss(x, y, t, 0.1, reduction=name),
        )
        assert cnn.equal(
            cnn.poisson_nll_loss(x, y, True, False, 1e-8, number),
            F.poisson_nll_loss(x, y, reduction=name),
        )
    assert cnn.kl_div(x.log(), y) == F.kl_div(x.log(), y, reduction="none").mean()
    with pytest.raises(RuntimeError, match="reduction must be"):
        cnn.kl_div(x, y, 3)
    grid = cnn.rand(1, 3, 3, 2) * 2 - 1
    assert cnn.equal(
        cnn.grid_sampler_2d(image, grid, 1, 2, True),
        F.grid_sample(image, grid, "nearest", "reflection", True),
    )
    for call in (
        lambda: cnn.grid_sampler(image, grid, 3, 0, True),
        lambda: cnn.grid_sampler_3d(image, grid, 0, 0, True),
    ):
        with pytest.raises(RuntimeError):
            call()
    out, mean, rstd = cnn.native_group_norm(image, None, None, 1, 4, 4, 2, 1e-5)
    assert cnn.equal(out, F.group_norm(image, 2)) and mean.shape == rstd.shape == (1, 2)
    np.testing.assert_allclose(mean.numpy(), image.reshape(1, 2, -1).mean(-1).numpy(), rtol=1e-5)
    out, mean, rstd = cnn.native_batch_norm(image, None, None, None, None, True, 0.1, 1e-5)
    assert cnn.equal(out, F.batch_norm(image, None, None, training=True)) and mean.shape == (4,)


def test_products_of_groups():
    def f(*shape):
        return cnn.rand(shape, dtype=cnn.float64).requires_grad_()

    def near(a, b):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy())

    mm, ends = cnn.nn.functional.grouped_mm, cnn.tensor([2, 2, 5], dtype=cnn.int32)
    a, b = f(3, 4, 6), f(3, 6, 2)
    near(mm(a, b), a @ b)
    rows, columns, inner = f(6, 6), f(6, 6), f(4, 5)
    by_rows, by_columns = mm(rows, b, offs=ends), mm(a, columns, offs=ends)
    sums = mm(inner, inner.t(), offs=ends)
    for g, (start, end) in enumerate(((0, 2), (2, 2), (2, 5))):
        near(by_rows[start:end], rows[start:end] @ b[g])
        near(by_columns[:, start:end], a[g] @ columns[:, start:end])
        near(sums[g], inner[:, start:end] @ inner.t()[start:end])
    assert not by_rows[5:].any() and not by_columns[:, 5:].any()
    assert cnn.autograd.gradcheck(lambda x, y: mm(x, y, offs=ends), (rows, b))
    for call, words in (
        (lambda: mm(rows, b), "provide offsets"),
        (lambda: mm(a, b, offs=ends), "provide offsets"),
        (lambda: mm(rows, b, offs=ends.long()), "int32"),
        (lambda: mm(rows, b, offs=ends[:2]), "batch sizes"),
        (lambda: mm(rows, b, offs=cnn.tensor([2, 1, 5], dtype=cnn.int32)), "ascend"),
        (lambda: mm(rows, b, offs=cnn.tensor([2, 3, 7], dtype=cnn.int32)), "ascend"),
        (lambda: mm(rows[:, :5], b, offs=ends), "contraction dimension"),
        (lambda: mm(rows[0], b, offs=ends), "2 or 3d"),
        (lambda: mm(a, b[:2]), "batched dimension"),
        (lambda: mm(a, b.float()), "one dtype"),
        (lambda: mm(a, b, bias=b), "Bias"),
        (lambda: mm(a, b, out_dtype=cnn.float32), "output dtype"),
    ):
        with pytest.raises(RuntimeError, match=words):
            call()


def test_names_of_the_functional_module():
    F = cnn.nn.functional
    assert F.BroadcastingList2[int] is None
    assert not F.has_torch_function((1, cnn.ones(1))) and not F.has_torch_function_unary(
        cnn.ones(1)
    )
    assert F.GRID_SAMPLE_INTERPOLATION_MODES["bicubic"] == 2
