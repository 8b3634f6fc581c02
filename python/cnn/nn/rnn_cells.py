"""One step of a recurrent network."""

from __future__ import annotations

import math

from .. import _C
from . import init
from ._module import Module
from .parameter import Parameter


def reset_uniform(module):
    """Draws all parameters, in order, from U(-b, b) with b = 1 / sqrt(hidden_size)."""
    bound = 1.0 / math.sqrt(module.hidden_size) if module.hidden_size > 0 else 0
    for weight in module.parameters():
        init.uniform_(weight, -bound, bound)


class RNNCellBase(Module):
    """The weights of one step: weight_ih [chunks * hidden_size, input_size], weight_hh
    [chunks * hidden_size, hidden_size], bias_ih and bias_hh.
    """

    __constants__ = ["input_size", "hidden_size", "bias"]

    def __init__(self, input_size, hidden_size, bias, num_chunks, device=None, dtype=None):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        make = {"device": device, "dtype": dtype}
        self.weight_ih = Parameter(_C.empty((rows, input_size), **make))
        self.weight_hh = Parameter(_C.empty((rows, hidden_size), **make))
        if bias:
            self.bias_ih = Parameter(_C.empty(rows, **make))
            self.bias_hh = Parameter(_C.empty(rows, **make))
        else:
            self.register_parameter("bias_ih", None)
            self.register_parameter("bias_hh", None)
        self.reset_parameters()

    def extra_repr(self):
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.__dict__.get("bias", True) is not True:
            parts.append(f"bias={self.bias}")
        if self.__dict__.get("nonlinearity", "tanh") != "tanh":
            parts.append(f"nonlinearity={self.nonlinearity}")
        return ", ".join(parts)

    def reset_parameters(self):
        """Draws all parameters, in order, from U(-b, b) with b = 1 / sqrt(hidden_size)."""
        reset_uniform(self)

    def _weights(self):
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _check_input(self, input):
        """Is the input batched? Raises ValueError for other than [batch, in] and [in]."""
        if input.dim() not in (1, 2):
            raise ValueError(
                f"{type(self).__name__}: Expected input to be 1D or 2D, got {input.dim()}D instead"
            )
        return input.dim() == 2

    def _zero_state(self, input):
        return _C.zeros(input.size(0), self.hidden_size, dtype=input.dtype, device=input.device)

    def _one_state(self, cell, input, hx):
        """A step of a cell whose state is one tensor, [batch, hidden] or [hidden]."""
        is_batched = self._check_input(input)
        if hx is not None and hx.dim() not in (1, 2):
            raise ValueError(
                f"{type(self).__name__}: Expected hidden to be 1D or 2D, got {hx.dim()}D instead"
            )
        if not is_batched:
            input = input.unsqueeze(0)
        if hx is None:
            hx = self._zero_state(input)
        elif not is_batched:
            hx = hx.unsqueeze(0)
        result = cell(input, hx, *self._weights())
        return result if is_batched else result.squeeze(0)


class RNNCell(RNNCellBase):
    """One step: h = act(W_ih x + b_ih + W_hh h + b_hh), act tanh or ReLU."""

    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]

    def __init__(
        self, input_size, hidden_size, bias=True, nonlinearity="tanh", device=None, dtype=None
    ):
        super().__init__(input_size, hidden_size, bias, 1, device=device, dtype=dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input, hx=None):
        cells = {"tanh": _C.rnn_tanh_cell, "relu": _C.rnn_relu_cell}
        self._check_input(input)
        if self.nonlinearity not in cells:
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self._one_state(cells[self.nonlinearity], input, hx)


class LSTMCell(RNNCellBase):
    """One step of an LSTM: (h, c) from input [batch, in] and (h, c) [batch, hidden]."""

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 4, device=device, dtype=dtype)

    def forward(self, input, hx=None):
        is_batched = self._check_input(input)
        for i, state in enumerate(hx or ()):
            if state.dim() not in (1, 2):
                raise ValueError(
                    f"LSTMCell: Expected hx[{i}] to be 1D or 2D, got {state.dim()}D instead"
                )
        if not is_batched:
            input = input.unsqueeze(0)
        if hx is None:
            zeros = self._zero_state(input)
            hx = (zeros, zeros)
        elif not is_batched:
            hx = (hx[0].unsqueeze(0), hx[1].unsqueeze(0))
        h, c = _C.lstm_cell(input, hx, *self._weights())
        return (h, c) if is_batched else (h.squeeze(0), c.squeeze(0))


class GRUCell(RNNCellBase):
    """One step of gated recurrent units: h from input [batch, in] and h [batch, hidden]."""

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 3, device=device, dtype=dtype)

    def forward(self, input, hx=None):
        return self._one_state(_C.gru_cell, input, hx)
