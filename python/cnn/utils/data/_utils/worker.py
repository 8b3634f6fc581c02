"""What runs in a worker process of a DataLoader."""

import os
import pickle

from .... import _C
from . import MP_STATUS_CHECK_INTERVAL, ExceptionWrapper
from .collate import default_collate

_worker_info = None


class WorkerInfo:
    """Which worker this is: `id` of `num_workers`, its `seed`, and its copy of the `dataset`."""

    __slots__ = ("dataset", "id", "num_workers", "seed")

    def __init__(self, id, num_workers, seed, dataset):
        for name, value in zip(
            ("id", "num_workers", "seed", "dataset"),
            (id, num_workers, seed, dataset),
            strict=True,
        ):
            object.__setattr__(self, name, value)

    def __setattr__(self, name, value):
        raise AttributeError(f"cannot assign to field {name!r}")

    def __repr__(self):
        fields = ", ".join(f"{n}={getattr(self, n)!r}" for n in ("id", "num_workers", "seed"))
        return f"WorkerInfo({fields}, dataset={self.dataset!r})"


def get_worker_info():
    """In a worker, its WorkerInfo; in the main process, None."""
    return _worker_info


class _ResumeIteration:
    """To a worker: start the dataset over. From a worker: done, nothing older will come."""


class _IterableDatasetStopIteration:
    """From a worker: its copy of an IterableDataset has no more samples."""

    def __init__(self, worker_id):
        self.worker_id = worker_id


class ManagerWatchdog:
    """In a worker: whether the process that started it is still there."""

    def __init__(self):
        self.manager_pid = os.getppid()
        self.manager_dead = False

    def is_alive(self):
        self.manager_dead = self.manager_dead or os.getppid() != self.manager_pid
        return not self.manager_dead


class UnreadableAnswer:
    """An answer that raised `error` when it was unpickled here."""

    def __init__(self, error):
        self.error = error

    def reraise(self):
        raise self.error


def _worker_loop(
    worker_id,
    num_workers,
    base_seed,
    dataset_kind,
    dataset,
    batched,
    collate_fn,
    drop_last,
    init_fn,
    tasks,
    connection,
    stopping,
):
    """Answer the tasks of one worker until it is told to stop or the main process is gone.

    A task is (number, what the sampler yielded), `_ResumeIteration` or None, which ends the worker;
    an answer is (number, batch), (number, _IterableDatasetStopIteration),
    (number, ExceptionWrapper) or (None, _ResumeIteration).
    """
    import queue

    from ..dataloader import _DatasetKind

    global _worker_info
    watchdog = ManagerWatchdog()
    _C.set_num_threads(1)
    _seed_everything(base_seed, worker_id)
    _worker_info = WorkerInfo(worker_id, num_workers, base_seed + worker_id, dataset)
    answers = _Answers(worker_id, connection, keep=collate_fn is not default_collate)
    ready, ended = init_fn is None, False

    def start():
        """(fetcher, None), or (None, what hinders it): every task of the epoch is answered so."""
        nonlocal ready
        try:
            if not ready:
                init_fn(worker_id)
                ready = True
            return _DatasetKind.create_fetcher(
                dataset_kind, dataset, batched, collate_fn, drop_last
            ), None
        except Exception as e:
            return None, answers.error(e)

    try:
        fetcher, failure = start()
        while watchdog.is_alive():
            try:
                packed = tasks.get(timeout=MP_STATUS_CHECK_INTERVAL)
            except queue.Empty:
                continue
            task = pickle.loads(packed)
            if task is None:
                break
            if isinstance(task, _ResumeIteration):
                ended = False
                fetcher, failure = start()
                answers.put(None, task)
                continue
            if stopping.value or ended:
                continue
            number, index = task
            if failure is not None:
                answers.put(number, failure)
                continue
            try:
                answers.put(number, fetcher.fetch(index))
            except StopIteration as e:
                ended = dataset_kind == _DatasetKind.Iterable
                end = _IterableDatasetStopIteration(worker_id) if ended else answers.error(e)
                answers.put(number, end)
            except Exception as e:
                answers.put(number, answers.error(e))
    except KeyboardInterrupt:
        # The main process got it too, and says so.
        pass
    finally:
        answers.close(wanted=watchdog.is_alive())


class _Answers:
    """Sends answers from a thread, so that the worker fetches on while the pipe is full."""

    def __init__(self, worker_id, connection, keep):
        import queue
        import threading

        self.keep = keep
        self.where = f"in DataLoader worker process {worker_id}"
        self.connection = connection
        self.outbox = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._send_all, daemon=True)
        self.thread.start()

    def put(self, number, value):
        """Queue an answer. What cannot be pickled raises here."""
        from .transport import pack

        self.outbox.put(pack(number, value, self.keep))

    def error(self, exception):
        kind = type(exception)
        error = ExceptionWrapper((kind, exception, exception.__traceback__), self.where)
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            # A type that the main process cannot look up.
            error.exc_type = RuntimeError
        return error

    def close(self, wanted):
        self.outbox.put(None)
        # Without a reader, a full pipe would be waited for without end: others may hold its end.
        if wanted:
            self.thread.join()
            self.connection.close()

    def _send_all(self):
        import traceback

        from .transport import send

        try:
            while (packed := self.outbox.get()) is not None:
                send(self.connection, packed)
        except (BrokenPipeError, ConnectionError):
            # The main process has closed its end: it needs no more answers.
            pass
        except BaseException:
            # Without answers the main process would wait; a worker that is gone it notices.
            traceback.print_exc()
            os._exit(1)


def _seed_everything(base_seed, worker_id):
    """Seed Python's, our own and NumPy's generators as PyTorch's workers do."""
    import random

    import numpy as np

    random.seed(base_seed + worker_id)
    _C.default_generator.manual_seed(base_seed + worker_id)
    np.random.seed(_generate_state(base_seed, worker_id))


def _generate_state(base_seed, worker_id):
    """Four numbers of 32 bits that seed NumPy's generator in a worker."""
    import numpy as np

    entropy = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    return np.random.SeedSequence(entropy).generate_state(4).tolist()
