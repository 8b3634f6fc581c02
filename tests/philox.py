"""The random numbers of GPUs in NumPy: Philox 4x32-10, and which of its words PyTorch's kernels give
to which element. Written without a look at the library's kernels: it is what they are compared with.
"""

from __future__ import annotations

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
