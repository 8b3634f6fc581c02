"""Numbers that do not fit: dtypes of `out=`, values out of range, indices and sizes too large."""

from __future__ import annotations

from facts import fact, raised

HUGE = 2**63 - 1


def written(torch, op, into, *args, **kwargs):
    """The dtype and elements of out=, or the type of the error."""
    out = torch.empty(0, dtype=getattr(torch, into))
    try:
        op(*args, out=out, **kwargs)
    except Exception as error:
        return type(error).__name__
    return out.tolist()


@fact(
    [[0, 3], [0, 3], [True, True], [6.0, 15.0], [-6, 0], [1, 3, 0], "RuntimeError", "RuntimeError"]
)
def sums_are_computed_in_the_dtype_of_out(torch):
    x = torch.tensor([[1.7, 2.2, -3.4], [0.5, 1.0, 2.0]])
    i = torch.tensor([[1, 2, 3], [4, 5, 6]])
    return [
        written(torch, torch.sum, "int64", x, 1),
        written(torch, torch.sum, "uint8", x, 1),
        written(torch, torch.sum, "bool", x, 1),
        written(torch, torch.sum, "float16", i, 1),
        written(torch, torch.prod, "int32", x, 1),
        written(torch, torch.cumsum, "int64", x[0], 0),
        written(torch, torch.sum, "int64", x, 1, dtype=torch.float64),
        written(torch, torch.cumsum, "float32", x, 1, dtype=torch.float64),
    ]


@fact(
    [
        "RuntimeError",
        "RuntimeError",
        "NotImplementedError",
        "NotImplementedError",
        [1, 1],
        [True, True],
    ]
)
def out_of_other_reductions(torch):
    x = torch.tensor([[1.7, 2.2, -3.4], [0.5, 1.0, 2.0]])
    return [
        written(torch, torch.mean, "int64", x, 1),
        written(torch, torch.mean, "float32", x, 1, dtype=torch.float64),
        written(torch, torch.nansum, "int64", x, 1),
        written(torch, torch.cumsum, "bool", x, 1),
        written(torch, torch.any, "uint8", x, 1),
        written(torch, torch.any, "bool", x.to(torch.uint8), 1),
    ]


UNFIT = "value cannot be converted to type uint8_t without overflow"


@fact([[("RuntimeError", True)] * 9, [0, 0], [255, 253]])
def numbers_out_of_range_are_refused(torch):
    x = torch.zeros(2, dtype=torch.uint8)
    index, mask = torch.tensor([0]), torch.tensor([True, False])

    def assign():
        x[0] = 300

    refused = [
        assign,
        lambda: x.fill_(300),
        lambda: x.fill_(-1.5),
        lambda: x.fill_(float("nan")),
        lambda: torch.full((2,), 300, dtype=torch.uint8),
        lambda: torch.full_like(x, -256),
        lambda: x.masked_fill_(mask, 300),
        lambda: x.index_fill_(0, index, 300),
        lambda: x.clamp_(max=300),
    ]
    return [
        [raised(call, UNFIT) for call in refused],
        x.tolist(),
        [x.fill_(-1)[0].item(), torch.full((1,), -3, dtype=torch.uint8).item()],
    ]


@fact([("RuntimeError", True), ["inf", "-inf"], ("RuntimeError", True)])
def floats_out_of_range(torch):
    x = torch.zeros(1)
    kept = [str(x.fill_(float(v)).item()) for v in ("inf", "-inf")]
    return [
        raised(lambda: x.fill_(1e40), "value cannot be converted to type float without overflow"),
        kept,
        raised(
            lambda: torch.full((2,), 1e6, dtype=torch.float16),
            "value cannot be converted to type c10::Half without overflow",
        ),
    ]


@fact(["nan", "nan", "nan", "1.0"])
def clamp_to_nan_is_nan(torch):
    x, nan = torch.tensor([1.0]), float("nan")
    calls = [x.clamp(nan), x.clamp(max=nan), x.clamp(1, nan), x.clamp(2, 1)]
    return [str(y.item()) for y in calls]


@fact([["RuntimeError"] * 6, ["IndexError"] * 6])
def indices_out_of_range(torch):
    x = torch.arange(12.0).reshape(3, 4)
    far, wide = torch.tensor([7]), torch.tensor([[7]])
    functional = torch.nn.functional
    runtime = [
        lambda: x.gather(1, wide),
        lambda: x.scatter(1, wide, 1.0),
        lambda: x.scatter_add(1, -wide, x),
        lambda: x.scatter_reduce(1, wide, x, "amax"),
        lambda: x.index_add(0, far, x[:1]),
        lambda: functional.multi_margin_loss(x[:1], far),
    ]
    index = [
        lambda: x[far],
        lambda: x.index_select(0, far),
        lambda: x.index_copy(0, far, x[:1]),
        lambda: x.take(far + 9),
        lambda: functional.embedding(far, x),
        lambda: functional.cross_entropy(x[:1], far),
    ]
    return [[raised(call, "")[0] for call in calls] for calls in (runtime, index)]


@fact([("IndexError", True), ("IndexError", True)])
def the_text_of_an_embedding_s_index_out_of_range(torch):
    text = "index out of range in self"
    weight, far = torch.ones(3, 2), torch.tensor([7])
    return [
        raised(lambda: torch.nn.functional.embedding(far, weight), text),
        raised(lambda: weight.index_select(0, far), text),
    ]


@fact([[3.0, 7.0, 11.0], [3.0, 7.0, 11.0], [0.0, 4.0, 8.0]])
def take_along_dim_wraps_around(torch):
    x = torch.arange(12.0).reshape(3, 4)
    return [torch.take_along_dim(x, torch.tensor([[i]]), 1)[:, 0].tolist() for i in (-1, 7, -8)]


@fact([66.0, 0.0, 0.0, 66.0])
def triangles_far_from_the_diagonal(torch):
    x = torch.arange(12.0).reshape(3, 4)
    return [f(d).sum().item() for f in (x.tril, x.triu) for d in (HUGE, -HUGE)]


@fact([["RuntimeError"] * 6, [(3, 4)]])
def sizes_too_large(torch):
    x, functional = torch.arange(12.0).reshape(3, 4), torch.nn.functional
    image, kernel = x[None], torch.ones(3, 1, 2)
    calls = [
        lambda: x[None].expand(HUGE, 3, 4),
        lambda: functional.interpolate(image, size=HUGE),
        lambda: functional.avg_pool1d(image, 2, HUGE),
        lambda: functional.conv_transpose1d(image, kernel, output_padding=-1),
        lambda: functional.conv_transpose1d(image, kernel, stride=HUGE),
        lambda: torch.bincount(torch.tensor([0, HUGE])),
    ]
    return [[raised(call, "")[0] for call in calls], [tuple(t.shape) for t in x.split(HUGE)]]


@fact(["ValueError", "TypeError", "TypeError"])
def text_is_no_data(torch):
    return [raised(lambda d=d: torch.tensor(d), "")[0] for d in (["a"], [1, "bc"], "a")]


@fact({"int64": [10**10, -(10**10), 300, -300, -1], "int32": [-(2**31), -(2**31), 300, -300, -1]})
def floats_out_of_the_range_of_integers(torch):
    x = torch.tensor([1e10, -1e10, 300.0, -300.5, -1.0])
    return {name: x.to(getattr(torch, name)).tolist() for name in ("int64", "int32")}


@fact([[[0, 0, 44, -44, -1]] * 2, [[-(2**31)] * 3] * 2])
def floats_out_of_the_range_of_small_integers(torch):
    x = torch.tensor([1e10, -1e10, 300.0, -300.5, -1.0])
    no_numbers = torch.tensor([float("inf"), float("-inf"), float("nan")])
    return [
        [x.to(torch.int8).tolist(), x.double().to(torch.int8).tolist()],
        [no_numbers.to(torch.int32).tolist(), no_numbers.double().to(torch.int32).tolist()],
    ]


@fact([[1.0, 5.0]] * 2)
def pools_take_none_for_their_own_stride(torch):
    x, functional = torch.tensor([[[1.0, 1.0, 3.0, 7.0]]]), torch.nn.functional
    calls = [functional.avg_pool1d(x, 2, None), functional.avg_pool2d(x, (1, 2), stride=None)]
    return [y.flatten().tolist() for y in calls]
