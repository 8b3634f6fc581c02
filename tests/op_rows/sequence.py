"""Recurrent networks, their cells, and attention."""

from __future__ import annotations

import numpy as np

import cnn
from op_cases import Fixed, Mask, Op, Sizes, X, case, error

DOUBLE = (cnn.float32, cnn.float64)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# Steps of the cells: (gates from the input, gates from the state, states) -> states.


def lstm_step(a, b, states):
    i, f, g, o = np.split(a + b, 4, -1)
    c = sigmoid(f) * states[1] + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(a, b, states):
    (ar, az, an), (br, bz, bn) = np.split(a, 3, -1), np.split(b, 3, -1)
    z, n = sigmoid(az + bz), np.tanh(an + sigmoid(ar + br) * bn)
    return ((1 - z) * n + z * states[0],)


def tanh_step(a, b, states):
    return (np.tanh(a + b),)


def relu_step(a, b, states):
    return (np.maximum(a + b, 0),)


def cell(step):
    def reference(x, states, w_ih, w_hh, b_ih=0, b_hh=0):
        many = isinstance(states, list)
        states = tuple(states) if many else (states,)
        after = step(x @ w_ih.T + b_ih, states[0] @ w_hh.T + b_hh, states)
        return after if many else after[0]

    return reference


def one_direction(step, steps, states, weights, biases, reverse):
    """(outputs of each step, last states) of a list of [rows, in]; fewer rows in later steps."""
    w_ih, w_hh, *rest = weights
    b_ih, b_hh = rest[:2] if biases else (0, 0)
    w_hr = rest[-1] if len(rest) % 2 else None
    states = [s.copy() for s in states]
    outputs = [None] * len(steps)
    order = range(len(steps))
    for t in reversed(order) if reverse else order:
        rows = len(steps[t])
        before = [s[:rows] for s in states]
        after = step(steps[t] @ w_ih.T + b_ih, before[0] @ w_hh.T + b_hh, before)
        if w_hr is not None:
            after = (after[0] @ w_hr.T, *after[1:])
        for s, new in zip(states, after):
            s[:rows] = new
        outputs[t] = after[0]
    return outputs, states


def network(step):
    def run(steps, states, params, biases, layers, bidirectional):
        directions = 2 if bidirectional else 1
        each = len(params) // (layers * directions)
        last = []
        for layer in range(layers):
            found = []
            for d in range(directions):
                i = layer * directions + d
                weights = params[i * each : (i + 1) * each]
                outputs, after = one_direction(
                    step, steps, [s[i] for s in states], weights, biases, d == 1
                )
                found.append(outputs)
                last.append(after)
            steps = [np.concatenate(parts, -1) for parts in zip(*found)]
        return steps, tuple(np.stack(parts) for parts in zip(*last))

    def reference(x, second, third, *args):
        packed = isinstance(args[0], list)
        if packed:
            params, biases, layers, dropout, train, bidirectional = args
            hx, steps = third, np.split(x, np.cumsum(second)[:-1])
        else:
            biases, layers, dropout, train, bidirectional, batch_first = args
            hx, params = second, third
            steps = list(x.swapaxes(0, 1) if batch_first else x)
        states = hx if isinstance(hx, list) else [hx]
        steps, last = run(steps, states, params, biases, layers, bidirectional)
        if packed:
            return (np.concatenate(steps), *last)
        y = np.stack(steps)
        return (y.swapaxes(0, 1) if batch_first else y, *last)

    return reference


def params(gates, inputs, hidden, *, layers=1, directions=1, bias=True, proj=0):
    found = []
    state = proj or hidden
    for layer in range(layers):
        width = inputs if layer == 0 else state * directions
        for _ in range(directions):
            found += [
                X(gates * hidden, width, low=-1, high=1),
                X(gates * hidden, state, low=-1, high=1),
            ]
            found += [X(gates * hidden), X(gates * hidden)] if bias else []
            found += [X(proj, hidden)] if proj else []
    return found


SIZES = Sizes(3, 2, 2, 1)


def network_cases(gates, states):
    """Calls of a network whose first states `states(count, batch, hidden)` gives."""
    return [
        case(X(3, 2, 2), states(1, 2, 3), params(gates, 2, 3), True, 1, 0.0, True, False, False),
        case(X(2, 3, 2), states(1, 2, 2), params(gates, 2, 2, bias=False), False, 1, 0.0, False, False, True),
        case(X(2, 2, 2), states(4, 2, 2), params(gates, 2, 2, layers=2, directions=2), True, 2, 0.0, True, True, False),
        case(X(1, 1, 1), states(1, 1, 1), params(gates, 1, 1), True, 1, 0.0, True, False, False),
        case(X(8, 2), SIZES, states(2, 3, 2), params(gates, 2, 2, directions=2), True, 1, 0.0, True, True),
        case(X(8, 2), SIZES, states(1, 3, 3), params(gates, 2, 3, bias=False), False, 1, 0.0, True, False),
        case(X(3, 5, 7), states(1, 5, 35), params(gates, 7, 35), True, 1, 0.0, True, False, False).no_grad(),
    ]  # fmt: skip


def one_state(*shape):
    return X(*shape)


def two_states(*shape):
    return [X(*shape), X(*shape)]


def network_errors(gates, states):
    good = params(gates, 2, 3)
    flags = (True, 1, 0.0, True, False, False)
    return [
        error(RuntimeError, "sequence length to be larger than 0", X(0, 2, 2), states(1, 2, 3), good, *flags),
        error(RuntimeError, "3 dimensions", X(2, 2), states(1, 2, 3), good, *flags),
        error(RuntimeError, "hidden states", X(3, 2, 2), states(2, 2, 3), good, *flags),
        error(RuntimeError, "batch size 2", X(3, 2, 2), states(1, 1, 3), good, *flags),
        error(RuntimeError, "weight tensors", X(3, 2, 2), states(1, 2, 3), good[:3], *flags),
        error(RuntimeError, "weight_ih of layer 0", X(3, 2, 5), states(1, 2, 3), good, *flags),
        error(RuntimeError, "same dtype", X(3, 2, 2, dtype=cnn.float64), states(1, 2, 3), good, *flags),
        error(RuntimeError, "batch_sizes sum to 8", X(7, 2), SIZES, states(1, 3, 3), good, *flags[:5]),
        error(RuntimeError, "not rise", X(3, 2), Sizes(1, 2), states(1, 1, 3), good, *flags[:5]),
    ]  # fmt: skip


def large(gates, states):
    """Work for several threads, over steps that fall in size."""
    sizes = Sizes(40, 40, 40, 33, 20, 7, 1)
    weights = params(gates, 40, 130, directions=2)
    return case(X(181, 40), sizes, states(2, 40, 130), weights, True, 1, 0.0, True, True)


def network_row(name, step, gates, states):
    extra = []
    if step is lstm_step:  # projections
        hx = [X(2, 2, 2), X(2, 2, 3)]
        extra = [
            case(X(3, 2, 2), hx, params(4, 2, 3, layers=2, proj=2), True, 2, 0.0, True, False, False),
            case(X(8, 2), SIZES, [X(2, 3, 2), X(2, 3, 3)], params(4, 2, 3, directions=2, bias=False, proj=2), False, 1,
                 0.0, True, True),
        ]  # fmt: skip
    return Op(
        name,
        network(step),
        network_cases(gates, states) + extra,
        dtypes=DOUBLE,
        tolerance=20,
        large=large(gates, states),
        errors=network_errors(gates, states),
    )


def cell_row(name, step, gates, states):
    w = (X(gates * 3, 2), X(gates * 3, 3))
    b = (X(gates * 3), X(gates * 3))
    return Op(
        name,
        cell(step),
        [case(X(4, 2), states(4, 3), *w, *b), case(X(4, 2), states(4, 3), *w)],
        dtypes=DOUBLE,
        tolerance=20,
        large=case(X(300, 60), states(300, 70), X(gates * 70, 60), X(gates * 70, 70)),
        errors=[
            error(RuntimeError, "doesn't match hidden0 batch size 5", X(4, 2), states(5, 3), *w),
            error(RuntimeError, "inconsistent input_size: got 3 expected 2", X(4, 3), states(4, 3), *w),
            error(RuntimeError, "inconsistent hidden_size: got 2, expected 3", X(4, 2), states(4, 2), *w),
        ],
    )  # fmt: skip


# Attention ---------------------------------------------------------------------------------------


def attention(q, k, v, mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    if enable_gqa:
        k, v = (np.repeat(x, q.shape[-3] // x.shape[-3], -3) for x in (k, v))
    scale = 1 / np.sqrt(q.shape[-1]) if scale is None else scale
    s = q @ np.swapaxes(k, -1, -2) * scale
    if is_causal:
        s = np.where(np.tri(*s.shape[-2:], dtype=bool), s, -np.inf)
    if mask is not None:
        s = np.where(mask, s, -np.inf) if mask.dtype == bool else s + mask
    top = s.max(-1, keepdims=True, initial=-np.inf)
    p = np.exp(s - np.where(np.isinf(top), 0, top))
    total = p.sum(-1, keepdims=True)
    return (p / np.where(total == 0, 1, total)) @ v


Q, K, V = X(2, 2, 3, 4), X(2, 2, 5, 4), X(2, 2, 5, 3)
ONE_ROW_HIDDEN = Fixed([[True] * 5, [False] * 5, [True, False, True, True, False]], dtype=cnn.bool)
WIDE = X(1, 2, 150, 8), X(1, 2, 1100, 8), X(1, 2, 1100, 8)

ROWS = [
    network_row("lstm", lstm_step, 4, two_states),
    network_row("gru", gru_step, 3, one_state),
    network_row("rnn_tanh", tanh_step, 1, one_state),
    network_row("rnn_relu", relu_step, 1, one_state),
    cell_row("lstm_cell", lstm_step, 4, two_states),
    cell_row("gru_cell", gru_step, 3, one_state),
    cell_row("rnn_tanh_cell", tanh_step, 1, one_state),
    cell_row("rnn_relu_cell", relu_step, 1, one_state),
    Op(
        "scaled_dot_product_attention",
        attention,
        [
            case(Q, K, V),
            case(Q, K, X(2, 2, 5, 4), scale=0.3),
            case(Q, K, V, is_causal=True),
            case(X(2, 2, 5, 4), X(2, 2, 3, 4), X(2, 2, 3, 4), None, 0.0, True),
            case(Q, K, V, X(3, 5)),
            case(Q, K, V, X(2, 1, 3, 5, grad=False)),
            case(Q, K, V, X(1, 5, grad=False)),
            case(Q, K, V, Mask(2, 2, 3, 5)),
            case(Q, K, V, Mask(5)),
            case(Q, K, V, ONE_ROW_HIDDEN),
            case(X(1, 4, 3, 2), X(1, 2, 5, 2), X(1, 2, 5, 2), enable_gqa=True),
            case(X(3, 4), X(5, 4), X(5, 2)),
            case(X(2, 3, 4), X(5, 4), X(2, 5, 2)),
            case(X(2, 1, 2, 3, 2), X(2, 3, 2, 2, 2), X(2, 3, 2, 2, 2), X(3, 2, 3, 2)),
            case(X(2, 2, 3, 0), X(2, 2, 5, 0), V, scale=1.0),
            case(Q, X(2, 2, 0, 4), X(2, 2, 0, 3)),
            case(X(2, 2, 0, 4), K, V),
            case(*WIDE).no_grad(),
            case(*WIDE, is_causal=True).no_grad(),
            case(*WIDE, Mask(150, 1100)).no_grad(),
            case(X(1, 2, 600, 8), X(1, 1, 600, 8), X(1, 1, 600, 8), is_causal=True, enable_gqa=True).no_grad(),
        ],
        dtypes=(*DOUBLE, cnn.bfloat16),
        tolerance=10,
        large=case(X(3, 2, 300, 16), X(3, 2, 700, 16), X(3, 2, 700, 16), X(300, 700, grad=False)),
        errors=[
            error(RuntimeError, "at least 2 dimensional", X(4), K, V),
            error(RuntimeError, "same dtype", Q, X(2, 2, 5, 4, dtype=cnn.float64), V),
            error(RuntimeError, "equal last dimensions", Q, X(2, 2, 5, 3), V),
            error(RuntimeError, "as many rows", Q, K, X(2, 2, 4, 3)),
            error(RuntimeError, "attn_mask should not be set when is_causal", Q, K, V, X(3, 5), 0.0, True),
            error(RuntimeError, "attn_mask dtype to be bool or float", Q, K, V, X(3, 5, dtype=cnn.int64)),
            error(RuntimeError, "must match the size", Q, K, V, X(3, 4)),
            error(RuntimeError, "does not broadcast", Q, K, V, X(3, 2, 2, 3, 5)),
            error(RuntimeError, "between 0 and 1, but got 1.5", Q, K, V, None, 1.5),
            error(RuntimeError, "must match the size", X(2, 4, 3, 4), K, V),
            error(RuntimeError, "must divide the number of heads", X(2, 3, 3, 4), K, V, enable_gqa=True),
        ],
    ),
]  # fmt: skip
