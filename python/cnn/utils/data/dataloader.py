"""The loader: batches of a dataset, fetched here or in worker processes."""

import itertools
import os
import warnings
import weakref
from collections.abc import Callable
from types import GenericAlias
from typing import Any

from ... import _C
from ._utils import ExceptionWrapper
from ._utils.collate import default_collate, default_convert
from ._utils.fetch import _IterableDatasetFetcher, _MapDatasetFetcher
from ._utils.pin_memory import pin_memory
from ._utils.worker import UnreadableAnswer, _IterableDatasetStopIteration, get_worker_info
from .dataset import _T, IterableDataset, _T_co  # noqa: F401
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, draw_seed

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

# For annotations.
_collate_fn_t = Callable[[list[_T]], Any]
_worker_init_fn_t = Callable[[int], None]

_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


class _DatasetKind:
    """How samples come: by index, or as a stream."""

    Map = 0
    Iterable = 1

    @staticmethod
    def create_fetcher(kind, dataset, auto_collation, collate_fn, drop_last):
        """What fetches samples and batches of a dataset of that kind."""
        fetcher = _MapDatasetFetcher if kind == _DatasetKind.Map else _IterableDatasetFetcher
        return fetcher(dataset, auto_collation, collate_fn, drop_last)


class DataLoader:
    """Iterates over a dataset in batches.

    `batch_size=None` yields single samples, converted by `default_convert`. `shuffle` takes a new
    permutation each time. With `num_workers`, that many processes fetch ahead, `prefetch_factor`
    batches each; `timeout` is in seconds, 0 for none; an exception in a worker is raised here with
    the worker's traceback, and a worker that dies raises RuntimeError. With `in_order=False`,
    batches come as they are ready.

    The same seed gives the batches that PyTorch gives. Batches of a TensorDataset, or of Subsets of
    one, are sliced out of its tensors, not put together from samples.
    """

    __class_getitem__ = classmethod(GenericAlias)
    __initialized = False
    __multiprocessing_context = None
    _iterator = None

    def __init__(
        self,
        dataset,
        batch_size=1,
        shuffle=None,
        sampler=None,
        batch_sampler=None,
        num_workers=0,
        collate_fn=None,
        pin_memory=False,
        drop_last=False,
        timeout=0,
        worker_init_fn=None,
        multiprocessing_context=None,
        generator=None,
        *,
        prefetch_factor=None,
        persistent_workers=False,
        pin_memory_device="",
        in_order=True,
    ):
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        self._check_order(dataset, shuffle, sampler, batch_sampler)
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, "
                    "sampler, and drop_last"
                )
            batch_size, drop_last = None, False
        elif batch_size is None and drop_last:
            raise ValueError(
                "batch_size=None option disables auto-batching and is mutually exclusive with "
                "drop_last"
            )
        if sampler is None:
            if isinstance(dataset, IterableDataset):
                sampler = _InfiniteConstantSampler()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate

        self.dataset = dataset
        stream = isinstance(dataset, IterableDataset)
        self._dataset_kind = _DatasetKind.Iterable if stream else _DatasetKind.Map
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        self.collate_fn = collate_fn
        self.persistent_workers = persistent_workers
        self._IterableDataset_len_called = None
        self._iterator = None
        self.__initialized = True
        self.check_worker_number_rationality()

    @staticmethod
    def _check_order(dataset, shuffle, sampler, batch_sampler):
        if isinstance(dataset, IterableDataset):
            given = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
            for name, value in given.items():
                if value is not None:
                    raise ValueError(
                        f"DataLoader with IterableDataset: expected unspecified {name} option, "
                        f"but got {name}={value}"
                    )
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")

    @property
    def multiprocessing_context(self):
        return self.__multiprocessing_context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context):
        self.__multiprocessing_context = _as_context(context, self.num_workers)

    @property
    def _auto_collation(self):
        return self.batch_sampler is not None

    @property
    def _index_sampler(self):
        return self.batch_sampler if self._auto_collation else self.sampler

    def __setattr__(self, name, value):
        if self.__initialized and name in _FIXED:
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized"
            )
        super().__setattr__(name, value)

    def __iter__(self):
        if not self.persistent_workers or self.num_workers == 0:
            return self._get_iterator()
        if self._iterator is None or self._iterator.closed:
            self._iterator = self._get_iterator()
        else:
            self._iterator._reset(self)
        return self._iterator

    def _get_iterator(self):
        if self.num_workers == 0:
            return _SingleProcessDataLoaderIter(self)
        return _MultiProcessingDataLoaderIter(self)

    def __len__(self):
        """The number of batches; of samples without batching. TypeError if the dataset has none."""
        if self._dataset_kind == _DatasetKind.Map:
            return len(self._index_sampler)
        length = self._IterableDataset_len_called = len(self.dataset)
        if self.batch_size is None:
            return length
        full, rest = divmod(length, self.batch_size)
        return full if self.drop_last or rest == 0 else full + 1

    def check_worker_number_rationality(self):
        """Warn when there are more workers than processors to run them on."""
        if not self.num_workers:
            return
        cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        if cpus is None or self.num_workers > cpus:
            warnings.warn(
                f"This DataLoader will create {self.num_workers} worker processes in total. Our "
                f"suggested max number of worker in current system is {cpus}, which is smaller "
                "than what this DataLoader is going to create. Please be aware that excessive "
                "worker creation might get DataLoader running slow or even freeze, lower the "
                "worker number to avoid potential slowness/freeze if necessary.",
                stacklevel=3,
            )


class _InfiniteConstantSampler(Sampler):
    """Stands in for the sampler of a stream: as many places as anybody asks for."""

    def __iter__(self):
        return itertools.repeat(None)


class _BaseDataLoaderIter:
    """What both kinds of iteration share. The draws and their order are PyTorch's."""

    def __init__(self, loader):
        self._loader = loader
        self._pins = _pins_memory(loader)
        self._dataset = loader.dataset
        self._dataset_kind = loader._dataset_kind
        self._auto_collation = loader._auto_collation
        self._drop_last = loader.drop_last
        self._collate_fn = loader.collate_fn
        self._num_workers = loader.num_workers
        self._timeout = loader.timeout
        self._persistent_workers = loader.persistent_workers
        self._index_sampler = loader._index_sampler
        self._sampler_iter = iter(self._index_sampler)
        self._base_seed = draw_seed(loader.generator)
        self._num_yielded = 0

    def __iter__(self):
        return self

    def _reset(self, loader, first_iter=False):
        """Begin another epoch."""
        self._sampler_iter = iter(self._index_sampler)
        self._num_yielded = 0

    def _next_index(self):
        return next(self._sampler_iter)

    def _next_data(self):
        raise NotImplementedError

    def __len__(self):
        return len(self._index_sampler)

    def __getstate__(self):
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled")

    def __next__(self):
        if _C._is_recording():
            from ...autograd.profiler import record_function

            with record_function(f"enumerate(DataLoader)#{type(self).__name__}.__next__"):
                return self._next()
        return self._next()

    def _next(self):
        data = self._next_data()
        self._num_yielded += 1
        promised = self._loader._IterableDataset_len_called
        if promised is not None and self._num_yielded > promised:
            self._warn_of_excess()
        return pin_memory(data) if self._pins else data

    def _warn_of_excess(self):
        warnings.warn(
            f"Length of IterableDataset {self._loader.dataset} was reported to be "
            f"{self._loader._IterableDataset_len_called} (when accessing len(dataloader)), but "
            f"{self._num_yielded} samples have been fetched. With worker processes, each has to "
            "yield a part of its own: see get_worker_info().",
            stacklevel=3,
        )


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    def __init__(self, loader):
        super().__init__(loader)
        if self._timeout != 0:
            raise AssertionError("timeout must be 0 when num_workers is 0")
        self._dataset_fetcher = _DatasetKind.create_fetcher(
            self._dataset_kind,
            self._dataset,
            self._auto_collation,
            self._collate_fn,
            self._drop_last,
        )

    def _next_data(self):
        return self._dataset_fetcher.fetch(self._next_index())


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """Hands the sampler's yields to the workers in turn, numbered, and puts answers in order."""

    def __init__(self, loader):
        import threading

        from ._utils.pool import WorkerPool

        self._one_at_a_time = threading.Lock()  # threads may share an iterator
        super().__init__(loader)
        self._in_order = loader.in_order
        self._most = loader.prefetch_factor * loader.num_workers
        if self._most <= 0:
            raise AssertionError("prefetch_factor must be greater than 0")
        self._pool = WorkerPool(loader, self._base_seed, loader.multiprocessing_context)
        # Ends the workers when the iterator is collected, at the latest at exit.
        weakref.finalize(self, self._pool.shutdown)
        self._reset(loader, first_iter=True)

    @property
    def closed(self):
        return self._pool.closed

    @property
    def _workers(self):
        return self._pool.processes

    def _shutdown_workers(self):
        self._pool.shutdown()

    def _reset(self, loader, first_iter=False):
        """Begin an epoch, with the same workers as before."""
        super()._reset(loader, first_iter)
        if not first_iter:
            self._pool.resume()
        self._sent = 0  # the number of the next task
        self._due = 0  # the number of the next batch to yield
        self._worker_of = {}  # tasks out, by number
        self._ready = {}  # batches that came before their turn
        self._live = [True] * self._num_workers
        self._turns = itertools.cycle(range(self._num_workers))
        for _ in range(self._most):
            self._send_next()

    def _send_next(self):
        try:
            index = self._next_index()
        except StopIteration:
            return
        worker = self._next_worker()
        if worker is None:
            return
        self._pool.submit(worker, (self._sent, index))
        self._worker_of[self._sent] = worker
        self._sent += 1

    def _next_worker(self):
        for worker in itertools.islice(self._turns, self._num_workers):
            if not self._live[worker]:
                continue
            if self._in_order:
                return worker
            load = list(self._worker_of.values()).count(worker)
            if load < self._most // sum(self._live):
                return worker
        return None

    def _next_data(self):
        with self._one_at_a_time:
            return self._next_due()

    def _next_due(self):
        while self._worker_of or self._ready:
            while self._due not in self._worker_of and self._due not in self._ready:
                self._due += 1
            if self._due in self._ready:
                return self._yield(self._ready.pop(self._due))
            owing = set(self._worker_of.values())
            worker, (number, value) = self._pool.receive(self._timeout, owing)
            if isinstance(value, _IterableDatasetStopIteration):
                self._end_stream(worker)
                self._send_next()
                continue
            del self._worker_of[number]
            if number == self._due or not self._in_order:
                return self._yield(value)
            self._ready[number] = value
        if not self._persistent_workers:
            self._pool.shutdown()
        elif self._pool.closed:
            raise RuntimeError("the DataLoader's workers have been shut down")
        raise StopIteration

    def _end_stream(self, worker):
        self._live[worker] = False
        self._worker_of = {n: w for n, w in self._worker_of.items() if w != worker}
        if not self._persistent_workers:
            self._pool.submit(worker, None)

    def _yield(self, value):
        self._send_next()
        if isinstance(value, (ExceptionWrapper, UnreadableAnswer)):
            value.reraise()
        return value


def _check_workers(num_workers, timeout, prefetch_factor, persistent_workers):
    if num_workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; use num_workers=0 to disable "
            "multiprocessing."
        )
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if prefetch_factor is not None:
        if num_workers == 0:
            raise ValueError(
                "prefetch_factor option could only be specified in multiprocessing. let "
                "num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
            )
        if prefetch_factor < 0:
            raise ValueError("prefetch_factor option should be non-negative")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _as_context(context, num_workers):
    if context is None:
        return None
    if num_workers == 0:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading "
            f"(num_workers > 0), but got num_workers={num_workers}"
        )
    import multiprocessing
    from multiprocessing.context import BaseContext

    if isinstance(context, str):
        methods = multiprocessing.get_all_start_methods()
        if context not in methods:
            raise ValueError(
                "multiprocessing_context option should specify a valid start method in "
                f"{methods!r}, but got multiprocessing_context={context!r}"
            )
        return multiprocessing.get_context(context)
    if not isinstance(context, BaseContext):
        raise TypeError(
            "multiprocessing_context option should be a valid context object or a string "
            f"specifying the start method, but got multiprocessing_context={context}"
        )
    return context


def _pins_memory(loader):
    """Whether batches go to page-locked memory: asked for, and a GPU there to profit from it."""
    if not loader.pin_memory:
        return False
    from ... import cuda

    if not cuda.is_available():
        warnings.warn(
            "'pin_memory' argument is set as true but no accelerator is found, then device pinned "
            "memory won't be used.",
            stacklevel=4,
        )
        return False
    return True
