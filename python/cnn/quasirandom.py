"""Points that fill a cube more evenly than random ones: Sobol's sequence."""

from __future__ import annotations

from . import _C

__all__ = ["SobolEngine"]

MAXBIT = 30
_DIMENSIONS = 1111  # whose direction numbers are here


def _beginnings(dimensions):
    """(polynomial, its degree, first numbers) of each dimension but the first."""
    import base64

    from ._sobol_numbers import BITS, POLYNOMIALS

    data = base64.b85decode("".join(BITS.split()))
    row, left = int.from_bytes(data, "big"), 8 * len(data)

    def take(count):
        nonlocal left
        left -= count
        return row >> left & (1 << count) - 1

    found = []
    for degree, count in enumerate(POLYNOMIALS, 1):
        for _ in range(count):
            if len(found) == dimensions - 1:
                return found
            polynomial = 1 << degree | take(degree - 1) << 1 | 1
            found.append((polynomial, degree, [take(i) << 1 | 1 for i in range(degree)]))
    return found


def _direction_numbers(dimensions):
    """[dimensions, MAXBIT] of int64."""
    rows = [[1] * MAXBIT]
    for polynomial, degree, row in _beginnings(dimensions):
        for j in range(degree, MAXBIT):
            value = row[j - degree]
            for k in range(1, degree + 1):
                if polynomial >> degree - k & 1:
                    value ^= row[j - k] << k
            row.append(value)
        rows.append(row)
    return _C.tensor([[v << MAXBIT - 1 - j for j, v in enumerate(row)] for row in rows])


class SobolEngine:
    """Draws the points of Sobol's sequence in a cube of some dimension, 1111 at most.

    `scramble` permutes them at random, by `seed` or the default generator: they stay as even, and
    are no longer always the same. (PyTorch's has numbers for 21201 dimensions.)
    """

    MAXBIT = MAXBIT
    MAXDIM = 21201

    def __init__(self, dimension, scramble=False, seed=None):
        if dimension > self.MAXDIM or dimension < 1:
            raise ValueError(
                f"Supported range of dimensionality for SobolEngine is [1, {self.MAXDIM}]"
            )
        if dimension > _DIMENSIONS:
            raise NotImplementedError(
                f"SobolEngine: direction numbers are here for {_DIMENSIONS} dimensions, not for "
                f"{dimension}"
            )
        self.seed = seed
        self.scramble = scramble
        self.dimension = dimension
        self.sobolstate = _direction_numbers(dimension)
        if scramble:
            self._scramble()
        else:
            self.shift = _C.zeros(dimension, dtype=_C.int64)
        self.quasi = self.shift.clone()
        self._first_point = (self.quasi / 2**MAXBIT).reshape(1, -1)
        self.num_generated = 0

    def draw(self, n=1, out=None, dtype=None):
        """The next n points, [n, dimension]."""
        dtype = _C.get_default_dtype() if dtype is None else dtype
        if self.num_generated == 0:
            result = _C.cat([self._first_point.to(dtype), self._walk(n - 1, 0).to(dtype)])
        else:
            result = self._walk(n, self.num_generated - 1).to(dtype)
        self.num_generated += n
        if out is not None:
            return out.resize_as_(result).copy_(result)
        return result

    def _walk(self, n, start):
        """The n points after point `start`, which `quasi` is, as float64."""
        import numpy

        index = numpy.arange(start, start + n + 1, dtype=numpy.int64)
        gray = index ^ index >> 1
        changed = gray[1:] ^ gray[0]  # the direction numbers in which a point differs from `quasi`
        points = numpy.repeat(self.quasi.numpy()[None], n, 0)
        for bit, numbers in enumerate(self.sobolstate.numpy().T):
            points ^= (changed >> bit & 1)[:, None] * numbers
        if n:
            self.quasi = _C.from_numpy(points[-1].copy())
        return _C.from_numpy(points * 2.0**-MAXBIT)

    def draw_base2(self, m, out=None, dtype=None):
        """The next 2**m points. ValueError if that would not complete a power of 2."""
        n = 2**m
        total = self.num_generated + n
        if total & (total - 1):
            raise ValueError(
                "The balance properties of Sobol' points require n to be a power of 2. "
                f"{self.num_generated} points have been previously generated, then: "
                f"n={self.num_generated}+2**{m}={total}. If you still want to do this, please use "
                "'SobolEngine.draw()' instead."
            )
        return self.draw(n=n, out=out, dtype=dtype)

    def reset(self):
        """Back to the first point."""
        self.quasi.copy_(self.shift)
        self.num_generated = 0
        return self

    def fast_forward(self, n):
        """Leaves n points out."""
        if self.num_generated == 0:
            self._walk(n - 1, 0)
        else:
            self._walk(n, self.num_generated - 1)
        self.num_generated += n
        return self

    def _scramble(self):
        """Owen's scrambling: random lower triangular matrices of bits, and a random shift."""
        import numpy

        generator = None
        if self.seed is not None:
            generator = _C.Generator()
            generator.manual_seed(self.seed)
        shift = _C.randint(2, (self.dimension, MAXBIT), generator=generator)
        self.shift = (shift * 2 ** _C.arange(MAXBIT)).sum(1)
        matrices = _C.randint(2, (self.dimension, MAXBIT, MAXBIT), generator=generator).tril()
        matrices.diagonal(0, -2, -1).fill_(1)
        weights = 2 ** numpy.arange(MAXBIT - 1, -1, -1)
        rows = (matrices.numpy() * weights).sum(-1)  # [dimension, MAXBIT] of bits in one number
        scrambled = numpy.zeros((self.dimension, MAXBIT), numpy.int64)
        for place, weight in enumerate(weights):
            overlap = rows[:, place, None] & self.sobolstate.numpy()
            for half in (16, 8, 4, 2, 1):  # its parity ends up in the lowest bit
                overlap ^= overlap >> half
            scrambled += (overlap & 1) * weight
        self.sobolstate = _C.from_numpy(scrambled)

    def __repr__(self):
        options = [f"dimension={self.dimension}"]
        if self.scramble:
            options.append("scramble=True")
        if self.seed is not None:
            options.append(f"seed={self.seed}")
        return f"{type(self).__name__}({', '.join(options)})"
