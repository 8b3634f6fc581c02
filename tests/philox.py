"""The random numbers of GPUs in NumPy: Philox 4x32-10, and which of its words PyTorch's kernels give
to which element. Written without a look at the library's kernels: it is what they are compared with.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

BLOCK = 256  # threads


def philox(counter, key):
    """The four words of each counter, arrays of uint32."""
    c = [np.asarray(word, np.uint32) for word in counter]
    k0, k1 = (int(word) for word in key)
    for _ in range(10):
        first = c[0].astype(np.uint64) * np.uint64(0xD2511F53)
        second = c[2].astype(np.uint64) * np.uint64(0xCD9E8D57)
        low = [(p & np.uint64(0xFFFFFFFF)).astype(np.uint32) for p in (first, second)]
        high = [(p >> np.uint64(32)).astype(np.uint32) for p in (first, second)]
        c = [high[1] ^ c[1] ^ np.uint32(k0), low[1], high[0] ^ c[3] ^ np.uint32(k1), low[0]]
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return c


class Model:
    """A generator of a GPU with so many processors, each of so many threads."""

    def __init__(self, seed, offset=0, processors=132, threads=2048):
        self.seed, self.offset = seed, offset
        self.most = processors * (threads // BLOCK) * BLOCK

    def threads(self, n):
        return min(self.most, -(-n // BLOCK) * BLOCK)

    def take(self, count):
        before = self.offset
        self.offset += -(-count // 4) * 4
        return before

    def words(self, sequence, number):
        """Block `number` from the offset on, of a sequence; an array with 4 columns."""
        sequence, number = np.broadcast_arrays(sequence, number)
        at, sequence = (
            number.astype(np.uint64) + np.uint64(self.offset // 4),
            sequence.astype(np.uint64),
        )
        mask, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
        counter = [at & mask, at >> shift, sequence & mask, sequence >> shift]
        counter = [c.astype(np.uint32) for c in counter]
        return np.stack(philox(counter, (self.seed % 2**32, self.seed >> 32)), axis=-1)

    def strided(self, n, lanes, numbers):
        """n numbers as kernels with a stride of all their threads draw them; `numbers` makes an array
        with `lanes` columns of words.
        """
        threads = self.threads(n)
        turns = (n - 1) // (threads * lanes) + 1
        turn, thread = np.divmod(np.arange(turns * threads), threads)
        drawn = numbers(self.words(thread, turn)).reshape(turns, threads, lanes)
        self.take(turns * 4)
        return drawn.transpose(0, 2, 1).reshape(-1)[:n]

    def units(self, n, double=False):
        return self.strided(n, 2 if double else 4, unit_doubles if double else unit_floats)

    def normals(self, n, double=False):
        return self.strided(n, 2 if double else 4, normal_doubles if double else normal_floats)

    def integers(self, n, wide):
        return self.strided(n, 2 if wide else 4, words64 if wide else words32)

    def side_by_side(self, n):
        """Uniform numbers of four elements from the first block of each sequence."""
        return unit_floats(self.words(np.arange(-(-n // 4)), 0)).reshape(-1)[:n]

    def by_chance(self, p):
        p = np.asarray(p)
        ones = self.side_by_side(p.size) <= p.reshape(-1)
        self.take(10)
        return ones

    def dropout(self, n, keep, pack):
        """Which elements are kept, in the order in which they lie, or with a pack of 1 in C order."""
        if pack == 1:
            return self.units(n).astype(np.float64) < keep
        threads, blocks = self.threads(n), 2 if pack > 4 else 1
        turns = (n - 1) // (threads * pack) + 1
        turn, thread = np.divmod(np.arange(turns * threads), threads)
        parts = [unit_floats(self.words(thread, turn * blocks + k)) for k in range(blocks)]
        self.take(turns * blocks * 4)
        return np.concatenate(parts, axis=1)[:, :pack].reshape(-1)[:n].astype(np.float64) < keep

    def stream(self, sequence):
        """The words of one sequence, one after the other."""
        for number in itertools.count():
            yield from (int(word) for word in self.words(sequence, number))

    def gammas(self, alphas, wide=False):
        out = [gamma(self.stream(i), a, wide) for i, a in enumerate(alphas)]
        self.take(10)
        return np.array(out)

    def poissons(self, rates):
        out = [poisson(self.stream(i), rate) for i, rate in enumerate(rates)]
        self.take(20)
        return np.array(out)

    def binomials(self, counts, chances, wide=False):
        """Eight elements to a thread, 128 apart, from one sequence."""
        out, n = np.empty(len(counts)), len(counts)
        for sequence in range(-(-n // 1024) * 128):
            words = self.stream(sequence)
            first = sequence // 128 * 1024 + sequence % 128
            for i in range(first, min(n, first + 1024), 128):
                out[i] = binomial(words, counts[i], chances[i], wide)
        self.take(42)
        return out

    def categories(self, weights, samples, rounded=lambda x: x, most_rows=65535):
        """With replacement, from the first word of a block for each row and sample."""
        shares = rounded(weights / rounded(weights.sum(-1, keepdims=True)))
        sums = rounded(shares.cumsum(-1, dtype=weights.dtype))
        rows, n = weights.shape
        grid = min(rows, most_rows)
        row, sample = np.divmod(np.arange(rows * samples), samples)
        stride = -(-samples // 128) * 128
        words = self.words(row % grid * stride + sample, row // grid)[:, 0]
        self.take(((rows - 1) // grid + 1) * 4)
        u = rounded(unit_floats(words).astype(weights.dtype))
        found = np.array([np.searchsorted(sums[r], x) for r, x in zip(row, u)])
        last = np.array([np.nonzero(s)[0][-1] for s in shares])
        return np.minimum(found, last[row]).reshape(rows, samples)

    def permutation(self, n):
        bits = min(64, math.ceil(math.log2(n - (6.0 * n * n + 1) / (12 * math.log(0.9)))))
        words = self.integers(n, wide=True)
        if bits <= 32:
            keys = (words % np.uint64(2**32 - 1)).astype(np.int64) - 2**31
        else:
            keys = (words % np.uint64(2**64 - 1) + np.uint64(2**63)).view(np.int64)
        if bits < 64 and bits != 32:
            keys &= (1 << bits) - 1
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        for first in range(n - 1):
            if keys[first] != keys[first + 1] or (first and keys[first] == keys[first - 1]):
                continue
            count = int((keys == keys[first]).sum())
            for drawn, k in enumerate(range(count - 1, 0, -1)):
                word = self.words(first, drawn // 4)[..., drawn % 4]
                other = int(word) % (k + 1)
                order[[first + k, first + other]] = order[[first + other, first + k]]
        self.take(n)
        return order


def unit_floats(words):
    return words.astype(np.float32) * np.float32(2**-32) + np.float32(2**-33)


def unit_doubles(words):
    words = words.astype(np.uint64)
    joined = words[..., 0::2] ^ (words[..., 1::2] << np.uint64(21))
    return joined.astype(np.float64) * 2.0**-53 + 2.0**-54


def normal_floats(words):
    """In double from the rounded angle, which is what float32's last digits are compared with."""
    turn = np.float32(2**-32) * np.float32(2 * np.pi)
    u = unit_floats(words[..., 0::2]).astype(np.float64)
    v = words[..., 1::2].astype(np.float32).astype(np.float64) * float(turn) + float(turn) / 2
    return box_muller(u, v)


def normal_doubles(words):
    units = unit_doubles(words)
    return box_muller(units[..., 0:1], 2 * np.pi * units[..., 1:2])


def box_muller(u, v):
    radius = np.sqrt(-2 * np.log(u))
    z = np.stack((radius * np.sin(v), radius * np.cos(v)), axis=-1)
    return z.reshape(*z.shape[:-2], -1)


def words32(words):
    return words.astype(np.uint64)


def words64(words):
    words = words.astype(np.uint64)
    return words[..., 0::2] << np.uint64(32) | words[..., 1::2]


# Numbers that take as many words as they happen to need. `real` is the type that is computed in.


def normals_of(words):
    """One after the other; each pair of words gives the sine's, then the cosine's."""
    while True:
        yield from normal_floats(np.array([next(words), next(words)], np.uint32))


def gamma(words, alpha, wide):
    """Marsaglia and Tsang 2000; of less than 1 from alpha + 1."""
    real = np.float64 if wide else np.float32

    def unit():  # 1 less a number of (0, 1]
        return 1 - real(unit_floats(np.uint32(next(words))))

    alpha, scale = real(alpha), real(1)
    least = np.finfo(real).tiny
    if alpha == 0:
        return least
    if alpha < 1:
        scale = unit() ** (1 / alpha)
        alpha += real(1)
    d = alpha - real(np.float32(1) / np.float32(3))
    c = 1 / np.sqrt(9 * d)
    drawn = normals_of(words)
    while True:
        x = real(next(drawn))
        if (y := 1 + c * x) <= 0:
            continue
        v, u = y**3, unit()
        with np.errstate(divide="ignore"):
            if u < 1 - real(np.float32(0.0331)) * x**4 or np.log(u) < x * x / 2 + d * (
                1 - v + np.log(v)
            ):
                return max(scale * d * v, least)


def poisson(words, rate):
    if rate < 64:  # events before the product of numbers is less than exp(-rate)
        product = np.exp(np.float32(rate)) * unit_floats(np.uint32(next(words)))
        for events in itertools.count():
            if product <= 1:
                return events
            product *= unit_floats(np.uint32(next(words)))
    if rate > 4000:
        z = normal_doubles(np.array([next(words) for _ in range(4)], np.uint32))[0]
        return math.floor(math.sqrt(rate) * z + rate + 0.5)

    def unit():
        return float(unit_doubles(np.array([next(words), next(words)], np.uint32))[0])

    # Hoermann's PTRS (1993)
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    while True:
        u, v = unit() - 0.5, unit()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + rate + 0.43)
        if us >= 0.07 and v <= 0.9277 - 3.6224 / (b - 2):
            return k
        if k < 0 or (us < 0.013 and v > us):
            continue
        height = math.log(v * (1.1239 + 1.1328 / (b - 3.4)) / (a / us**2 + b))
        if height <= k * math.log(rate) - rate - math.lgamma(k + 1):
            return k


def binomial(words, count, p, wide):
    """By inversion, or from ten expected successes on Hoermann's BTRS (1993), in float64."""
    if count <= 0 or p <= 0 or p >= 1:
        return count if p >= 1 and count > 0 else 0
    real = np.float64 if wide else np.float32
    if p > 0.5:
        return count - binomial(words, count, float(1 - real(p)), wide)

    def fraction():
        return next(words) % 2**24 / 2**24

    def log_choices(k):
        return math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1)

    if real(count) * real(p) < 10:
        trials = successes = 0
        while True:
            u = fraction()
            trials += math.ceil(math.log(u) / math.log1p(-p)) if u else math.inf
            if trials > count:
                return successes
            successes += 1
    deviation = math.sqrt(count * p * (1 - p))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    mode, odds = math.floor((count + 1) * p), math.log(p / (1 - p))
    while True:
        u, v = fraction() - 0.5, fraction()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + count * p + 0.5) if us else -1
        if us >= 0.07 and v <= 0.92 - 4.2 / b:
            return k
        if not 0 <= k <= count:
            continue
        height = math.log(v * (2.83 + 5.1 / b) * deviation / (a / us**2 + b)) if v else -math.inf
        if height <= log_choices(k) - log_choices(mode) + (k - mode) * odds:
            return k
