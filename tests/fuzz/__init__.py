"""A fuzzer: every public callable of cnn, with arguments drawn from a grammar; then backward, then use of the results.

    python -m tests.fuzz --minutes 10 --seed 3 --jobs 2     # exit status 1 if anything was found
    python -m tests.fuzz --repro 3:51200                    # that one call again, with its script

It looks for signals, hangs, SystemError, exceptions with the words of C++'s library, and results that lie
of themselves. `catalogue` lists what is called, `grammar` draws arguments as Python text, `values` holds the
words of that text, `draw` makes calls of them, `examples` are calls to begin with, `call` runs one and judges
what came of it, and `pool` watches the processes that do so.
With `--gpu` each call is made on the CPU and on a GPU, which must agree (`devices`); the emulation will do.
"""
