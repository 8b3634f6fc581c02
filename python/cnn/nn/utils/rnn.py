"""Sequences of several lengths: padded to one tensor, or packed step by step."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable

from ... import _C, _absent
from ..._refusals import require_string

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]

PackedSequence_ = namedtuple(
    "PackedSequence_", ["data", "batch_sizes", "sorted_indices", "unsorted_indices"]
)


def bind(optional, fn):
    """fn(optional), or None for None."""
    return None if optional is None else fn(optional)


def invert_permutation(permutation):
    """The permutation that undoes an int64 one [n]; None for None."""
    if permutation is None:
        return None
    output = _C.empty_like(permutation)
    output.scatter_(0, permutation, _C.arange(0, permutation.numel(), device=permutation.device))
    return output


def _packed_sequence_init_args(data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
    """The four fields of a PackedSequence: `data` may be the pair (data, batch_sizes)."""
    if unsorted_indices is None:
        unsorted_indices = invert_permutation(sorted_indices)
    if batch_sizes is None:
        if not isinstance(data, (list, tuple)) or len(data) != 2:
            raise AssertionError("Expected data to be a list or tuple of length 2")
        data, batch_sizes = data
    elif batch_sizes.device.type != "cpu":
        raise ValueError(
            "batch_sizes should always be on CPU. Instances of PackedSequence should never be "
            "created manually. They should be instantiated by functions like pack_sequence and "
            "pack_padded_sequences in nn.utils.rnn. "
            "https://pytorch.org/docs/stable/nn.html#torch.nn.utils.rnn.pack_sequence"
        )
    return data, batch_sizes, sorted_indices, unsorted_indices


class PackedSequence(PackedSequence_):
    """Sequences, longest first, as the steps that a recurrent network takes.

    `data` [sum of batch_sizes, *] holds all first elements, then all second ones, ...;
    `batch_sizes` int64 [steps] says how many there are of each. `sorted_indices` is the order in
    which the sequences were taken, `unsorted_indices` undoes it. Made by `pack_sequence` and
    `pack_padded_sequence`, not by hand.
    """

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        fields = _packed_sequence_init_args(data, batch_sizes, sorted_indices, unsorted_indices)
        return super().__new__(cls, *fields)

    def _with_data(self, data, convert):
        """With other data; the indices go where `convert` takes them."""
        if data is self.data:
            return self
        indices = bind(self.sorted_indices, convert), bind(self.unsorted_indices, convert)
        return type(self)(data, self.batch_sizes, *indices)

    def pin_memory(self):
        return self._with_data(self.data.pin_memory(), lambda index: index.pin_memory())

    def to(self, *args, **kwargs):
        """With data.to(...); itself if nothing changes. The indices stay int64."""
        data = self.data.to(*args, **kwargs)
        return self._with_data(data, lambda index: index.to(data.device))

    def cuda(self, *args, **kwargs):
        return self._to_device("cuda", args, kwargs)

    def cpu(self, *args, **kwargs):
        return self._to_device("cpu", args, kwargs)

    def _to_device(self, kind, args, kwargs):
        probe = _C.tensor((), dtype=self.data.dtype, device=self.data.device).to(*args, **kwargs)
        if probe.device.type != kind:
            kwargs["device"] = kind
        return self.to(*args, **kwargs)

    def double(self):
        return self.to(dtype=_C.float64)

    def float(self):
        return self.to(dtype=_C.float32)

    def half(self):
        return self.to(dtype=_C.float16)

    def long(self):
        return self.to(dtype=_C.int64)

    def int(self):
        return self.to(dtype=_C.int32)

    def short(self):
        return self.to(dtype=_C.int16)

    def char(self):
        return self.to(dtype=_C.int8)

    def byte(self):
        return self.to(dtype=_C.uint8)

    @property
    def is_cuda(self):
        return self.data.is_cuda

    def is_pinned(self):
        return self.data.is_pinned()


def _packed_sequence_init(data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
    return PackedSequence(data, batch_sizes, sorted_indices, unsorted_indices)


def _check_lengths(lengths, input, batch_first):
    """Raises RuntimeError unless there is one positive length per sequence, falling."""
    if lengths.device.type != "cpu" or lengths.dim() != 1:
        raise RuntimeError(
            "'lengths' argument should be a 1D CPU int64 tensor, but got "
            f"{lengths.dim()}D {lengths.device} Long tensor"
        )
    batch = input.size(0 if batch_first else 1)
    if input.numel() <= 0:
        raise RuntimeError("Cannot pack empty tensors.")
    if lengths.size(0) != batch:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {lengths.size(0)} "
            f"(batch_size={batch})"
        )
    values = lengths.tolist()
    if values[-1] <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    if any(a < b for a, b in zip(values, values[1:])):
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You "
            "can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            "sidestep this requirement if you do not need ONNX exportability."
        )
    steps = input.size(1 if batch_first else 0)
    if values[0] > steps:
        raise RuntimeError(f"Expected a length of at most {steps}, the input's, got {values[0]}")
    return values


def _checked_sizes(data, batch_sizes):
    """The batch sizes as a list. RuntimeError unless they fall and share out the rows of data."""
    sizes = batch_sizes.tolist()
    if not sizes:
        raise RuntimeError("batch_sizes can not be empty")
    falling = all(a >= b >= 0 for a, b in zip(sizes, sizes[1:] + [0]))
    if not falling or sum(sizes) != data.size(0):
        raise RuntimeError(
            f"pad_packed_sequence: expected batch_sizes that fall and share out {data.size(0)} "
            f"rows of data, but got {sizes}"
        )
    return sizes


def _packed_rows(batch_sizes, batch):
    """Where the rows of packed data lie in [steps * batch, *]."""
    return [step * batch + row for step, size in enumerate(batch_sizes) for row in range(size)]


def pack_padded_sequence(input, lengths, batch_first=False, enforce_sorted=True):
    """A PackedSequence of padded sequences [steps, batch, *] of the given lengths.

    With enforce_sorted the lengths must fall; else the sequences are sorted here. Raises
    RuntimeError for lengths that are not positive, do not fall, or are not one per sequence.
    """
    if isinstance(lengths, _C.Tensor):
        lengths = lengths.to(dtype=_C.int64)
    else:
        lengths = _C.as_tensor(lengths, dtype=_C.int64, device="cpu")
    sorted_indices = None
    if not enforce_sorted:
        lengths, sorted_indices = _C.sort(lengths, descending=True)
        sorted_indices = sorted_indices.to(input.device)
        input = input.index_select(0 if batch_first else 1, sorted_indices)
    values = _check_lengths(lengths, input, batch_first)
    if batch_first:
        input = input.transpose(0, 1)
    batch_sizes = [sum(length > step for length in values) for step in range(values[0])]
    rows = _C.tensor(_packed_rows(batch_sizes, len(values)), device=input.device)
    data = input.reshape(-1, *input.shape[2:]).index_select(0, rows)
    return PackedSequence(data, _C.tensor(batch_sizes), sorted_indices, None)


def pad_packed_sequence(sequence, batch_first=False, padding_value=0.0, total_length=None):
    """(padded [steps, batch, *], lengths int64 [batch]): what `pack_padded_sequence` took.

    Padded to total_length if that is given; raises ValueError where it is too short.
    """
    batch_sizes, data = sequence.batch_sizes, sequence.data
    unsorted_indices = sequence.unsorted_indices
    sizes = _checked_sizes(data, batch_sizes)
    steps = len(sizes)
    if total_length is not None:
        if total_length < steps:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in "
                f"input, but got total_length={total_length} and max sequence length being {steps}"
            )
        steps = total_length
    batch = sizes[0]
    rows = _C.tensor(_packed_rows(sizes, batch), dtype=_C.int64, device=data.device)
    padded = _C.full(
        (steps * batch, *data.shape[1:]), padding_value, dtype=data.dtype, device=data.device
    )
    padded = padded.index_copy(0, rows, data).reshape(steps, batch, *data.shape[1:])
    lengths = _C.tensor([sum(size > row for size in sizes) for row in range(batch)])
    if batch_first:
        padded = padded.transpose(0, 1)
    if unsorted_indices is None:
        return padded, lengths
    return (
        padded.index_select(0 if batch_first else 1, unsorted_indices),
        lengths[unsorted_indices.cpu()],
    )


def pad_sequence(sequences, batch_first=False, padding_value=0.0, padding_side="right"):
    """[steps, batch, *] of sequences [length, *], padded to the longest on one side.

    Raises RuntimeError for an empty list, for sequences that differ beyond their length, and for
    another side than 'left' or 'right'.
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    sequences = list(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    require_string("pad_sequence", "padding_side", padding_side)
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    longest = max(x.size(0) for x in sequences)
    padded = []
    for x in sequences:
        x = x.to(sequences[0].dtype)
        if x.shape[1:] != sequences[0].shape[1:]:
            raise RuntimeError(
                "pad_sequence: expected sequences of one shape beyond their length, got "
                f"{list(sequences[0].shape)} and {list(x.shape)}"
            )
        missing = longest - x.size(0)
        ends = (0, missing) if padding_side == "right" else (missing, 0)
        padded.append(_C.constant_pad_nd(x, (0, 0) * (x.dim() - 1) + ends, padding_value))
    return _C.stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences, lengths, batch_first=False):
    """The sequences [length, *] of a padded tensor, as a list."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    if len(padded_sequences) != len(lengths):
        raise ValueError(
            f"unpad_sequence: got {len(padded_sequences)} sequences and {len(lengths)} lengths"
        )
    return [x[: int(n)] for x, n in zip(padded_sequences, lengths)]


def pack_sequence(sequences, enforce_sorted=True):
    """A PackedSequence of sequences [length, *]."""
    lengths = _C.as_tensor([x.size(0) for x in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences):
    """The sequences of a PackedSequence, as a list of [length, *]."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


_absent.explain(__name__)
