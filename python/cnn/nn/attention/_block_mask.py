"""Masks of attention in blocks: which blocks of scores are looked at, what hides within them."""

from __future__ import annotations

import inspect
import itertools
import math
import warnings

from ... import _C
from ...autograd import no_grad

__all__ = ["BlockMask", "and_masks", "create_block_mask", "create_mask", "noop_mask", "or_masks"]

_DEFAULT_SPARSE_BLOCK_SIZE = 128
_LARGE_SPARSE_BLOCK_SIZE = 1 << 30


def noop_mask(batch, head, token_q, token_kv):
    """True: hides nothing."""
    return batch.new_ones((), dtype=_C.bool)


def _sliced_mask_mod_error(batch, head, token_q, token_kv):
    raise RuntimeError(
        "Cannot use mask_mod from a sliced BlockMask. When you slice a BlockMask using [], the "
        "mask_mod attribute is reset. You must set it from the original BlockMask's mask_mod."
    )


def _combined(mask_mods, start, join):
    if not all(callable(mod) for mod in mask_mods):
        raise RuntimeError(f"All inputs should be callable mask_mods: {mask_mods}")

    def combined(b, h, q_idx, kv_idx):
        result = b.new_full((), start, dtype=_C.bool)
        for mod in mask_mods:
            result = join(result, mod(b, h, q_idx, kv_idx))
        return result

    return combined


def or_masks(*mask_mods):
    """A mask that shows what any of these shows."""
    return _combined(mask_mods, False, lambda a, b: a | b)


def and_masks(*mask_mods):
    """A mask that shows what all of these show."""
    return _combined(mask_mods, True, lambda a, b: a & b)


# Functions of one score or one place --------------------------------------------------------------


def _number_of_arguments(mod):
    """How many arguments without a default: 4 of a mask, 5 of a change of scores."""
    parameters = inspect.signature(mod).parameters.values()
    number = sum(1 for p in parameters if p.default is p.empty)
    if number not in (4, 5):
        raise AssertionError(f"Expected 4 or 5 positional args, got {number}")
    return number


def apply_mod(mod, sizes, device, scores=None):
    """A function of one place (and its score) at every place, as a tensor of `sizes` (B, H, Q, K).

    It is called once, with indices that broadcast against each other, and again at two places: one
    that looks further than its own place would give other values there, and raises.
    """
    places = []
    for dim, size in enumerate(sizes):
        shape = [1] * len(sizes)
        shape[dim] = size
        places.append(_C.arange(size, device=device).view(shape))
    first = () if scores is None else (scores,)
    result = mod(*first, *places)
    if not isinstance(result, _C.Tensor):
        raise TypeError(
            f"flex_attention: {getattr(mod, '__name__', mod)} gave a {type(result).__name__}; a "
            "mask_mod or score_mod gives a tensor"
        )
    try:
        result = result.expand(sizes)
    except RuntimeError:
        _refuse(mod, f"gave the shape {tuple(result.shape)} for {tuple(sizes)}")
    if math.prod(sizes) and result.device.type != "meta":
        _check_places(mod, result.detach(), sizes, device, scores)
    return result


def _check_places(mod, result, sizes, device, scores):
    with no_grad():
        for corner in (False, True):
            place = [
                size - 1 if corner else size * (dim + 1) // 7 for dim, size in enumerate(sizes)
            ]
            alone = [_C.tensor(index, device=device) for index in place]
            first = () if scores is None else (scores.detach()[tuple(place)],)
            value = mod(*first, *alone).detach()
            found = result[tuple(place)]
            if value.numel() != 1 or not _C.isclose(
                value.reshape(()).double(), found.double(), rtol=1e-3, atol=1e-5, equal_nan=True
            ):
                _refuse(mod, "gives other values for all places at once than for one")


def _refuse(mod, why):
    raise NotImplementedError(
        f"flex_attention: {getattr(mod, '__name__', mod)} {why}; write it element by element, with "
        "the indices as they come, without sums over what they select and without sizes of them"
    )


# Blocks -------------------------------------------------------------------------------------------


def _ordered_to_dense(num_blocks, indices, columns):
    """[..., rows, columns] of int32 that are 1 where a row lists a column."""
    listed = _C.arange(indices.shape[-1], device=indices.device) < num_blocks.unsqueeze(-1)
    dense = _C.zeros((*indices.shape[:-1], columns + 1), dtype=_C.int32, device=indices.device)
    targets = _C.where(listed, indices, columns).long()  # what is not listed goes past the end
    dense.scatter_(-1, targets, 1)
    return dense[..., :columns].contiguous()


def _dense_to_ordered(dense):
    dense = dense.to(_C.int32)
    order = _C.argsort(dense, dim=-1, descending=True, stable=True)
    return dense.sum(-1).to(_C.int32).contiguous(), order.to(_C.int32).contiguous()


def _transpose_ordered(num_blocks, indices):
    dense = _ordered_to_dense(num_blocks, indices, indices.shape[-1])
    return _dense_to_ordered(dense.transpose(-2, -1))


def _adjusted(num_blocks, indices, rows, columns):
    indices = indices[:, :, :rows, :columns]
    num_blocks = num_blocks[:, :, :rows].clamp(max=columns)
    return (indices < num_blocks[:, :, :, None]).sum(-1).to(_C.int32), indices


class BlockMask:
    """Which blocks of scores attention looks at, and a `mask_mod` for what hides within them.

    For each row of blocks `kv_num_blocks` [B, H, rows] says how many, and `kv_indices`
    [B, H, rows, columns] which, nothing of the full ones being hidden. The same by columns is in
    `q_num_blocks` and `q_indices`.
    """

    _TENSOR_ATTRS = [
        "kv_num_blocks",
        "kv_indices",
        "full_kv_num_blocks",
        "full_kv_indices",
        "q_num_blocks",
        "q_indices",
        "full_q_num_blocks",
        "full_q_indices",
        "dq_write_order",
        "dq_write_order_full",
        "dq_kv_order",
    ]
    _CONTEXT_ATTRS = ["seq_lengths", "BLOCK_SIZE", "mask_mod", "dq_kv_order_spt"]

    def __init__(
        self,
        seq_lengths,
        kv_num_blocks,
        kv_indices,
        full_kv_num_blocks,
        full_kv_indices,
        q_num_blocks,
        q_indices,
        full_q_num_blocks,
        full_q_indices,
        BLOCK_SIZE=(_DEFAULT_SPARSE_BLOCK_SIZE, _DEFAULT_SPARSE_BLOCK_SIZE),
        mask_mod=noop_mask,
        *,
        dq_write_order=None,
        dq_write_order_full=None,
        dq_kv_order=None,
        dq_kv_order_spt=None,
    ) -> None:
        if kv_num_blocks is None:
            raise AssertionError("kv_num_blocks must be provided")
        if kv_indices is None:
            raise AssertionError("kv_indices must be provided")
        if kv_indices.dim() < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        for way, one, other in (
            ("kv", full_kv_num_blocks, full_kv_indices),
            ("q", full_q_num_blocks, full_q_indices),
        ):
            if (one is None) != (other is None):
                raise AssertionError(
                    f"full_{way}_num_blocks and full_{way}_indices must be both provided or omitted"
                )
        if dq_write_order_full is not None and dq_write_order is None:
            raise ValueError("dq_write_order_full requires dq_write_order")
        self.seq_lengths = seq_lengths
        self.kv_num_blocks = kv_num_blocks
        self.kv_indices = kv_indices
        self.full_kv_num_blocks = full_kv_num_blocks
        self.full_kv_indices = full_kv_indices
        self.q_num_blocks = q_num_blocks
        self.q_indices = q_indices
        self.full_q_num_blocks = full_q_num_blocks
        self.full_q_indices = full_q_indices
        self.dq_write_order = dq_write_order
        self.dq_write_order_full = dq_write_order_full
        self.dq_kv_order = dq_kv_order
        self.dq_kv_order_spt = dq_kv_order_spt
        self.BLOCK_SIZE = BLOCK_SIZE
        self.mask_mod = mask_mod

    @classmethod
    def from_kv_blocks(
        cls,
        kv_num_blocks,
        kv_indices,
        full_kv_num_blocks=None,
        full_kv_indices=None,
        BLOCK_SIZE=_DEFAULT_SPARSE_BLOCK_SIZE,
        mask_mod=None,
        seq_lengths=None,
        compute_q_blocks=True,
        *,
        dq_write_order=None,
        dq_write_order_full=None,
        dq_kv_order=None,
    ):
        """A mask of the blocks in each row."""
        if kv_indices.dim() < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        if (full_kv_num_blocks is None) != (full_kv_indices is None):
            raise AssertionError(
                "full_kv_num_blocks and full_kv_indices must be both provided or omitted"
            )
        by_columns = full_by_columns = (None, None)
        if compute_q_blocks:
            by_columns = _transpose_ordered(kv_num_blocks, kv_indices)
            if full_kv_num_blocks is not None:
                full_by_columns = _transpose_ordered(full_kv_num_blocks, full_kv_indices)
        if isinstance(BLOCK_SIZE, int):
            BLOCK_SIZE = (BLOCK_SIZE, BLOCK_SIZE)
        if seq_lengths is None:
            rows, columns = kv_indices.shape[-2:]
            seq_lengths = (rows * BLOCK_SIZE[0], columns * BLOCK_SIZE[1])
        if dq_kv_order is not None and not isinstance(dq_kv_order, (bool, _C.Tensor)):
            raise ValueError("dq_kv_order must be a bool, Tensor, or None")
        return cls(
            seq_lengths,
            kv_num_blocks,
            kv_indices,
            full_kv_num_blocks,
            full_kv_indices,
            *by_columns,
            *full_by_columns,
            BLOCK_SIZE=BLOCK_SIZE,
            mask_mod=noop_mask if mask_mod is None else mask_mod,
            dq_write_order=dq_write_order,
            dq_write_order_full=dq_write_order_full,
            dq_kv_order=dq_kv_order if isinstance(dq_kv_order, _C.Tensor) else None,
            dq_kv_order_spt=dq_kv_order if isinstance(dq_kv_order, bool) else None,
        )

    def as_tuple(self, flatten=True):
        """All that it is made of."""
        lengths, size = self.seq_lengths, self.BLOCK_SIZE
        if not flatten:
            lengths, size = (lengths,), (size,)
        tensors = [getattr(self, name) for name in self._TENSOR_ATTRS]
        return (*lengths, *tensors, self.dq_kv_order_spt, *size, self.mask_mod)

    @property
    def shape(self):
        """(B, H, queries, keys)"""
        return (*self.kv_indices.shape[:-2], *self.seq_lengths)

    def numel(self):
        """How many scores there are, looked at or not."""
        return math.prod(self.shape)

    def sparsity(self):
        """The percentage of scores in blocks that are not looked at."""
        blocks = self.kv_num_blocks.sum().item()
        if self.full_kv_num_blocks is not None:
            blocks += self.full_kv_num_blocks.sum().item()
        return 100 * (1 - blocks * self.BLOCK_SIZE[0] * self.BLOCK_SIZE[1] / self.numel())

    def to_dense(self):
        """[B, H, rows, columns] of int32: 1 for the blocks that are looked at."""
        dense = _ordered_to_dense(self.kv_num_blocks, self.kv_indices, self.kv_indices.shape[-1])
        if self.full_kv_num_blocks is None:
            return dense
        columns = self.full_kv_indices.shape[-1]
        return dense | _ordered_to_dense(self.full_kv_num_blocks, self.full_kv_indices, columns)

    def __getitem__(self, index):
        if self.dq_kv_order is not None:
            raise NotImplementedError("Slicing BlockMask with tensor dq_kv_order is not supported")
        index = index if isinstance(index, tuple) else (index,)
        padded = (*index, slice(None), slice(None), slice(None))[:3]
        index = tuple(
            (slice(i + n, i + n + 1) if -n <= i < 0 else slice(i, i + 1))
            if isinstance(i, int)
            else i
            for i, n in zip(padded, self.kv_num_blocks.shape[:3])
        )
        full = self.full_kv_num_blocks is not None
        return BlockMask.from_kv_blocks(
            self.kv_num_blocks[index],
            self.kv_indices[index],
            self.full_kv_num_blocks[index] if full else None,
            self.full_kv_indices[index] if full else None,
            BLOCK_SIZE=self.BLOCK_SIZE,
            mask_mod=_sliced_mask_mod_error,
            seq_lengths=self.seq_lengths,
            compute_q_blocks=self.q_indices is not None,
        )

    def _adjust(self, new_q_len, new_kv_len):
        """The upper left corner of these lengths."""
        rows = -(-new_q_len // self.BLOCK_SIZE[0])
        columns = -(-new_kv_len // self.BLOCK_SIZE[1])
        blocks = _adjusted(self.kv_num_blocks, self.kv_indices, rows, columns)
        full = (None, None)
        if self.full_kv_num_blocks is not None:
            full = _adjusted(self.full_kv_num_blocks, self.full_kv_indices, rows, columns)
        return self.from_kv_blocks(
            *blocks,
            *full,
            BLOCK_SIZE=self.BLOCK_SIZE,
            mask_mod=self.mask_mod,
            seq_lengths=(new_q_len, new_kv_len),
            compute_q_blocks=self.q_indices is not None,
        )

    def to(self, device):
        """The same with its tensors on a device."""
        tensors = {name: getattr(self, name) for name in self._TENSOR_ATTRS}
        moved = {name: t if t is None else t.to(device) for name, t in tensors.items()}
        return BlockMask(
            self.seq_lengths,
            **moved,
            BLOCK_SIZE=self.BLOCK_SIZE,
            mask_mod=self.mask_mod,
            dq_kv_order_spt=self.dq_kv_order_spt,
        )

    def to_string(self, grid_size=(20, 20), limit=4):
        """A picture: full, partly filled and empty blocks, at most grid_size rows and columns."""
        dense = self.to_dense()
        *batch, rows, columns = dense.shape
        most_rows, most_columns = (
            (grid_size, grid_size) if isinstance(grid_size, int) else grid_size
        )
        row_step = max(1, -(-rows // most_rows))
        column_step = max(1, -(-columns // most_columns))
        pictures = []
        for number, place in enumerate(itertools.product(*map(range, batch))):
            if number == limit:
                pictures += [
                    "...",
                    "To print out more, set BlockMask.to_string(limit=N)",
                    "You can also index (BlockMask[batch, head]) to choose a specific batch or "
                    "head",
                ]
                break
            picture = f"{place}\n"
            for r in range(0, rows, row_step):
                for c in range(0, columns, column_step):
                    part = dense[place][r : r + row_step, c : c + column_step]
                    filled = part.float().mean().item()
                    picture += ("█" if filled == 1 else "░" if filled else " ") * 2
                picture += "\n"
            pictures.append(picture)
        return "\n".join(pictures)

    def __str__(self):
        head = f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%, \n"
        return head + self.to_string().strip() + "\n)"

    def __repr__(self):
        names = ["kv_num_blocks", "kv_indices", "full_kv_num_blocks", "full_kv_indices"]
        names += ["q_num_blocks", "q_indices", "full_q_num_blocks", "full_q_indices"]
        tensors = [(name, getattr(self, name)) for name in names]
        lines = [f"    {name}={t if t is None else t.shape},\n" for name, t in tensors]
        mod = getattr(self.mask_mod, "__name__", self.mask_mod)
        return (
            f"BlockMask(\n{''.join(lines)}    BLOCK_SIZE={self.BLOCK_SIZE},\n"
            f"    shape={self.shape},\n    sparsity={self.sparsity():.2f}%,\n    mask_mod={mod}\n)"
        )


# Masks of functions -------------------------------------------------------------------------------


def create_mask(mod_fn, B, H, Q_LEN, KV_LEN, device=None):
    """[B, H, Q_LEN, KV_LEN] of bool: what a mask_mod shows, or a score_mod does not make -inf."""
    sizes = (1 if B is None else B, 1 if H is None else H, Q_LEN, KV_LEN)
    device = "cpu" if device is None else device
    if _number_of_arguments(mod_fn) == 4:
        return apply_mod(mod_fn, sizes, device).contiguous()
    scores = _C.zeros(sizes, device=device)
    return ~_C.isneginf(apply_mod(mod_fn, sizes, device, scores))


def _blocks(mask, block_size, separate_full_blocks):
    """(partly filled, full or None) of a mask: [B, H, rows, columns] of int8."""
    rows, columns = (-(-n // size) for n, size in zip(mask.shape[-2:], block_size))
    missing = [
        n * size - have for n, size, have in zip((rows, columns), block_size, mask.shape[2:])
    ]
    mask = _C.constant_pad_nd(mask.to(_C.int8), (0, missing[1], 0, missing[0]))
    batch, heads = mask.shape[:2]
    filled = mask.view(batch, heads, rows, block_size[0], columns, block_size[1]).sum((3, 5))
    if not separate_full_blocks:
        return (filled > 0).to(_C.int8), None
    whole = block_size[0] * block_size[1]
    return ((filled > 0) & (filled < whole)).to(_C.int8), (filled == whole).to(_C.int8)


def create_block_mask(
    mask_mod,
    B,
    H,
    Q_LEN,
    KV_LEN,
    device=None,
    BLOCK_SIZE=_DEFAULT_SPARSE_BLOCK_SIZE,
    _compile=False,
    separate_full_blocks=True,
    compute_dq_write_order=False,
    dq_kv_order=True,
):
    """The BlockMask of a mask_mod: a function (b, h, q_idx, kv_idx) that is true for what is seen.

    Nothing is compiled, whatever `_compile` says. The order in which a kernel on GPUs writes
    gradients (`compute_dq_write_order`) is not there: NotImplementedError.
    """
    if _number_of_arguments(mask_mod) != 4:
        raise AssertionError(f"create-block_mask requires a mask_mod function! Got {mask_mod}")
    if _compile:
        warnings.warn(
            "_compile flag on create_block_mask was originally added to work around a "
            "torch.compile limitation; it will be removed in the future.",
            DeprecationWarning,
            stacklevel=2,
        )
    if not isinstance(dq_kv_order, bool):
        raise ValueError("dq_kv_order must be a bool when using create_block_mask")
    if compute_dq_write_order:
        raise NotImplementedError(
            "create_block_mask: compute_dq_write_order=True is for a kernel on GPUs; leave it False"
        )
    size = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else tuple(BLOCK_SIZE)
    mask = create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device)
    if mask.dtype != _C.bool:
        raise AssertionError(f"mask.dtype must be torch.bool, got {mask.dtype}")
    partial, full = _blocks(mask, size, separate_full_blocks)
    return BlockMask.from_kv_blocks(
        *_dense_to_ordered(partial),
        *((None, None) if full is None else _dense_to_ordered(full)),
        BLOCK_SIZE=size,
        mask_mod=mask_mod,
        seq_lengths=(Q_LEN, KV_LEN),
    )
