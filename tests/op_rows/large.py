"""Cases of about a million elements, for the rows that do not state one: above every threshold of parallel work."""

from __future__ import annotations

import cnn
from op_cases import Fixed, Index, Mask, X, case

BIG = X(1024, 1030)
DISTINCT = X(1024, 1030, distinct=True)
POSITIVE = X(1024, 1030, low=0.5, high=2.0)
ROW = X(64, 16500)
FLAT = X(1 << 20)
VECTOR, COLUMN = X(1030), X(1024)
ROWS = Index(1000, below=1024, distinct=True)
EVERYWHERE = Index(1024, 1030, below=1024)
MASK = Mask(1024, 1030)
BATCH, PRODUCT = X(16, 128, 128), X(128, 128)
EDGES = Fixed([-1.0, 0.0, 0.5, 1.5], grad=False)
SIDE = 1024


def image(n):
    return X(*(8, 16, 8, 32, 32)) if n == 3 else X(*(8, 32, 64, 64)[: 2 + n])


def resized(n, *rest):
    return case(image(n), (96, 96, 96)[:n] if n < 3 else (10, 40, 40), *rest)


REDUCTIONS = {
    "count_nonzero": case(BIG, 0),
    "trace": case(X(1030, 1030)),
    "norm": case(BIG, 2, 0),
    "dist": case(BIG, X(1024, 1030, low=3, high=5)),
    "aminmax": case(DISTINCT, dim=0),
    "argmax": case(BIG, 0),
    "argmin": case(BIG, 1),
    "var_mean": case(BIG, 0),
    "std_mean": case(BIG, 1),
    "cumprod": case(X(64, 16500, low=0.99, high=1.01), 1),
    "logcumsumexp": case(ROW, 1),
    "cummax": case(ROW, 1),
    "cummin": case(ROW, 1),
    "argsort": case(ROW),
    "msort": case(X(4096, 256)),
    "kthvalue": case(ROW, 7),
    "median": case(ROW, 1),
    "nanmedian": case(ROW, 1),
    "mode": case(X(64, 16500, low=0, high=4), 1).no_grad(),
    "_softmax_backward_data": case(ROW, ROW, 1, cnn.float32),
    "_log_softmax_backward_data": case(ROW, ROW, 1, cnn.float32),
    "sum_to_size": case(BIG, (1, 1030)),
    "vdot": case(FLAT, FLAT),
    "polygamma": case(1, POSITIVE),
}

VIEWS = {
    "view": case(BIG, -1),
    "reshape": case(BIG, (-1,)),
    "view_as": case(BIG, X(1030, 1024, grad=False)),
    "reshape_as": case(BIG, X(1030, 1024, grad=False)),
    "ravel": case(BIG),
    "flatten": case(BIG),
    "unflatten": case(BIG, 0, (32, 32)),
    "expand": case(X(1, 1030), 1024, 1030),
    "expand_as": case(X(1, 1030), X(1024, 1030, grad=False)),
    "broadcast_to": case(X(1, 1030), (1024, 1030)),
    "permute": case(BIG, (1, 0)),
    "transpose": case(BIG, 0, 1),
    "swapaxes": case(BIG, 0, 1),
    "swapdims": case(BIG, 0, 1),
    "t": case(BIG),
    "movedim": case(BIG, 0, 1),
    "moveaxis": case(BIG, 0, 1),
    "select": case(X(2, 1024, 1030), 0, 1),
    "narrow": case(BIG, 1, 1, 1028),
    "squeeze": case(X(1024, 1, 1030)),
    "unsqueeze": case(BIG, 1),
    "diagonal": case(X(1024, 1024, 2)),
    "unfold": case(FLAT, 0, 4, 2),
    "split": case(BIG, 500),
    "split_with_sizes": case(BIG, [24, 1000]),
    "chunk": case(BIG, 3),
    "tensor_split": case(BIG, 3),
    "unbind": case(X(3, 1024, 1030)),
    "as_strided": case(FLAT, (1023, 1023), (1024, 1), 1),
    "broadcast_tensors": case([X(1024, 1), X(1, 1030)]),
    "detach": case(BIG),
}

COPIES = {
    "as_strided_scatter": case(FLAT, X(1000, 1000), (1000, 1000), (1024, 1), 1),
    "repeat": case(X(64, 1030), 16, 1),
    "repeat_interleave": case(X(64, 1030), 16, 0),
    "diag_embed": case(VECTOR),
    "diag": case(VECTOR),
    "concat": case([BIG, BIG]),
    "concatenate": case([BIG, BIG], 1),
    "clone": case(BIG),
    "contiguous": case(BIG),
    **{
        name: case(BIG)
        for name in "float double half bfloat16 byte char short int long bool".split()
    },
    "to": case(BIG, cnn.float64),
    "type_as": case(BIG, X(1, dtype=cnn.float64, grad=False)),
    "dropout": case(BIG, 1.0, True),
    "fill": case(BIG, 1),
}

INDEXING = {
    "index_copy": case(BIG, 0, ROWS, X(1000, 1030)),
    "index_fill": case(BIG, 0, ROWS, 2),
    "scatter": case(BIG, 1, Fixed([list(range(1030))] * SIDE, cnn.int64), BIG),
    "scatter_reduce": case(BIG, 0, EVERYWHERE, BIG, "sum"),
    "take": case(BIG, Index(1 << 20, below=1024 * 1030)),
    "take_along_dim": case(BIG, EVERYWHERE, 0),
    "masked_scatter": case(BIG, MASK, BIG),
    "nonzero": case(BIG),
    "argwhere": case(BIG),
    "_nonzero_tuple": case(BIG),
    "searchsorted": case(EDGES, BIG),
    "bucketize": case(BIG, EDGES),
    "bincount": case(X(1 << 20, low=0, high=100)),
    "one_hot": case(Index(1 << 14, below=64), 64),
}

PRODUCTS = {
    "ger": case(COLUMN, VECTOR),
    "addmv": case(COLUMN, BIG, VECTOR),
    "addr": case(BIG, COLUMN, VECTOR),
    "baddbmm": case(BATCH, BATCH, BATCH),
    "addbmm": case(PRODUCT, BATCH, BATCH),
    "convolution": case(
        X(8, 16, 64, 64), X(16, 16, 3, 3), X(16), (1, 1), (1, 1), (1, 1), False, (0, 0), 1
    ),
    **{f"max_pool{n}d_with_indices": case(image(n), 3, 2, 1) for n in (1, 2, 3)},
    "native_layer_norm": case(BIG, (1030,), VECTOR, VECTOR, 1e-5),
    "nll_loss_nd": case(X(8192, 130), Index(8192, below=130)),
}

CREATION = {
    "zeros": case((SIDE, SIDE)),
    "ones": case((SIDE, SIDE)),
    "full": case((SIDE, SIDE), 1.5),
    "arange": case(1 << 20),
    "linspace": case(0.0, 1.0, 1 << 20),
    "logspace": case(0.0, 1.0, 1 << 20),
    "eye": case(SIDE),
    "scalar_tensor": case(2.5),  # has one element
    "zeros_like": case(BIG),
    "ones_like": case(BIG),
    "full_like": case(BIG, 2),
    "new_zeros": case(BIG, (SIDE, SIDE)),
    "new_ones": case(BIG, (SIDE, SIDE)),
    "new_full": case(BIG, (SIDE, SIDE), 1),
}

RESIZING = {
    **{f"upsample_nearest{n}d": resized(n) for n in (1, 2, 3)},
    **{f"_upsample_nearest_exact{n}d": resized(n) for n in (1, 2, 3)},
    "upsample_linear1d": resized(1, False),
    "upsample_bilinear2d": resized(2, False),
    "upsample_trilinear3d": resized(3, False),
    "upsample_bicubic2d": resized(2, False),
    "_upsample_bilinear2d_aa": resized(2, False),
    "_upsample_bicubic2d_aa": resized(2, False),
}

CASES = REDUCTIONS | VIEWS | COPIES | INDEXING | PRODUCTS | CREATION | RESIZING
