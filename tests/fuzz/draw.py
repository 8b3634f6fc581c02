"""Calls, each drawn from a seed and an index alone.

The first `TRIES` indices of each target are fresh draws. What succeeded among them is learned, and most later calls are
such a call with something changed, so that they come past the checks of arguments.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from .catalogue import Parameter, Target
from .examples import examples
from .grammar import EDGES, Grammar, TensorText, pick

TRIES = 24
PREAMBLE = (
    "import functools, operator\nimport numpy as np\nimport cnn\nfrom tests.fuzz.values import *\n"
)
MEDDLING = ("scribble", "scribble", "empty", "resize", "write", "unpack", "autocast")
GRADIENTS = ("sum", "sum", "ones", "expanded", "step", "wrong", "twice")
USES = ("", "", "repr", "list", "save", "copy", "numpy", "sum", "all")


@dataclass(frozen=True)
class Call:
    target: Target
    arguments: tuple[tuple[Parameter, str], ...]
    meddling: str = ""  # what happens around the call, or to its tensors before backward
    gradient: str = "sum"
    use: str = "all"

    def expression(self):
        made = ", ".join(_written(p, text) for p, text in self.arguments if not p.second)
        if not self.target.module:
            return f"{self.target.expression}({made})"
        called = ", ".join(_written(p, text) for p, text in self.arguments if p.second)
        return f"{self.target.expression}({made})({called})"

    def script(self):
        after = f"{self.meddling + ', ' if self.meddling else ''}backward of {self.gradient}, use: {self.use or 'none'}"
        return f"{PREAMBLE}y = {self.expression()}  # then {after}\n"


def _written(parameter, text):
    return f"{parameter.name}={text}" if parameter.keyword else text


def _as_keyword(p):
    return Parameter(p.name, p.type, p.required, True, p.second)


def _fresh(rng, target):
    grammar = Grammar(rng)
    form = pick(rng, target.forms)
    arguments, skipped = [], {False: False, True: False}
    for p in form:
        if not p.required and rng.random() < (0.75 if len(form) < 8 else 0.9):
            skipped[p.second] = True
            continue
        if skipped[p.second] or (not p.required and rng.random() < 0.3):
            p = _as_keyword(p)
        if p.keyword:
            skipped[p.second] = True
        arguments.append((p, grammar.of_type(p.type, p.name)))
    return arguments


def _changed(rng, target, arguments, others):
    """The arguments with one to three changes; `others` are those of another call of the target."""
    grammar = Grammar(rng)
    for _ in range(1 + int(rng.random() * 2.3)):
        if not arguments:
            return _fresh(rng, target)
        i = int(rng.random() * len(arguments))
        p, text = arguments[i]
        way = rng.random()
        if way < 0.25:
            text = grammar.of_type(p.type, p.name)
        elif way < 0.33:
            text = grammar.odd()
        elif way < 0.68 and isinstance(text, TensorText):
            text = _other_tensor(rng, grammar, text)
        elif way < 0.75:
            text = pick(rng, arguments)[1]
        elif way < 0.82:
            missing = [
                p for p in _form(target, arguments) if p.name not in {q.name for q, _ in arguments}
            ]
            if missing:
                p = _as_keyword(pick(rng, missing))
                arguments.append((p, grammar.of_type(p.type, p.name)))
            continue
        elif way < 0.86 and not p.required:
            arguments = [
                (q if j < i else _as_keyword(q), t) for j, (q, t) in enumerate(arguments) if j != i
            ]
            continue
        elif way < 0.92 and others:
            same = [t for q, t in others if q.name == p.name]
            text = same[0] if same else text
        elif text.lstrip("-").isdigit():
            text = pick(rng, EDGES) if rng.random() < 0.3 else grammar.integer()
        else:
            text = grammar.of_type(p.type, p.name)
        arguments[i] = p, text
    return arguments


def _form(target, arguments):
    names = {p.name for p, _ in arguments}
    return max(target.forms, key=lambda form: len(names & {p.name for p in form}))


def _other_tensor(rng, grammar, text):
    """The tensor with one property changed."""
    drawn = grammar.tensor()
    if not isinstance(drawn, TensorText):  # a huge one
        return drawn
    old, new = list(text.properties), drawn.properties
    way = pick(rng, ("layout", "layout", "grad", "dtype", "values", "shape"))
    if way == "layout":
        old[3] = pick(
            rng, ("step", "transposed", "expanded", "part", "overlapping", "numpy", "meta", "sub")
        )
    elif way == "grad":
        old[4] = pick(rng, ("leaf", "inner", "view", ""))
    elif way == "dtype":
        old[1] = new[1]
    elif way == "values":
        old[2] = new[2]
    else:  # one size, or one dimension, more or less
        old[0] = _other_shape(rng, old[0]) if rng.random() < 0.6 else new[0]
    return TensorText(tuple(old))


def _other_shape(rng, shape):
    shape = list(shape)
    i = int(rng.random() * (len(shape) + 1))
    way = rng.random()
    if way < 0.5 and i < len(shape):
        shape[i] = pick(rng, (0, 1, 2, 3, 5, shape[i] + 1, 2 * shape[i], 33))
    elif way < 0.75:
        shape.insert(i, pick(rng, (1, 2, 0)))
    elif i < len(shape):
        del shape[i]
    size = 1
    for n in shape:
        size *= n
    return tuple(shape) if size < 2000 else (2, 2)


class Draws:
    def __init__(self, seed, targets, without=None):
        self.seed, self.targets, self.without = seed, targets, without
        self.first_changed = TRIES * len(targets)  # indices below are fresh draws
        self.examples = examples(targets)

    def _rng(self, index):
        return random.Random((self.seed << 44) + index)

    def target_of(self, index):
        """Of which target this call is."""
        if index < self.first_changed:
            return index // TRIES
        return int(self._rng(index).random() * len(self.targets))

    def call(self, index, learned):
        """The call with this index. `learned` holds, for a target's number, the indices that succeeded."""
        rng = self._rng(index)
        if index < self.first_changed:
            number = index // TRIES
            arguments = self._first(index)
        else:
            number = int(rng.random() * len(self.targets))
            arguments = self._later(rng, number, learned.get(number, ()))
        without = [self.without] if self.without else []
        if any(text.startswith(("A(", "np.")) for _, text in arguments):
            without.append("clearing")  # NumPy reads on in a list that is empty by then
        arguments = [
            (p, "None" if any(w in text for w in without) else text) for p, text in arguments
        ]
        meddling = pick(rng, MEDDLING) if rng.random() < 0.3 else ""
        return Call(
            self.targets[number], tuple(arguments), meddling, pick(rng, GRADIENTS), pick(rng, USES)
        )

    def _first(self, index):
        """A call to learn from: an example, or a fresh draw."""
        number, turn = divmod(index, TRIES)
        known = self.examples.get(number, ())
        return (
            list(known[turn])
            if turn < len(known)
            else _fresh(self._rng(index), self.targets[number])
        )

    def _later(self, rng, number, successes):
        target = self.targets[number]
        if not successes or rng.random() < 0.1:
            return _fresh(rng, target)
        base, other = pick(rng, successes), pick(rng, successes)
        others = self._first(other) if rng.random() < 0.3 else []
        return _changed(rng, target, self._first(base), others)
