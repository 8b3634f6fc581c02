"""What runs in a worker process of a DataLoader."""

import os
import pickle

from .... import _C
from .collate import default_collate
from .fetch import make_fetcher

# How often, in seconds, either side looks whether the other is still there.
CHECK_INTERVAL = 5.0

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


class Resume:
    """To a worker: start the dataset over. From a worker: done, nothing older will come."""


class StreamEnd:
    """From a worker: its copy of an IterableDataset has no more samples."""


class WorkerError:
    """An exception, with its traceback as text, on the way to the main process."""

    def __init__(self, exception, where):
        import traceback

        self.kind = type(exception)
        lines = traceback.format_exception(self.kind, exception, exception.__traceback__)
        self.text = "".join(lines)
        self.where = where

    def reraise(self):
        """Raise the same type again, with the worker's traceback in the message."""
        message = f"Caught {self.kind.__name__} {self.where}.\nOriginal {self.text}"
        if self.kind is KeyError:
            message = _Verbatim(message)
        try:
            exception = self.kind(message)
        except Exception:
            # A type that cannot be made from a message alone.
            raise RuntimeError(message) from None
        raise exception


class UnreadableAnswer:
    """An answer that raised `error` when it was unpickled here."""

    def __init__(self, error):
        self.error = error

    def reraise(self):
        raise self.error


class _Verbatim(str):
    """A string that a KeyError shows with its line breaks."""

    __slots__ = ()

    def __repr__(self):
        return str(self)


def run_worker(
    worker_id,
    num_workers,
    base_seed,
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

    A task is (number, what the sampler yielded), `Resume` or None, which ends the worker; an answer
    is (number, batch), (number, StreamEnd), (number, WorkerError) or (None, Resume).
    """
    import queue

    global _worker_info
    parent = os.getppid()
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
            return make_fetcher(dataset, batched, collate_fn, drop_last), None
        except Exception as e:
            return None, answers.error(e)

    try:
        fetcher, failure = start()
        while os.getppid() == parent:
            try:
                packed = tasks.get(timeout=CHECK_INTERVAL)
            except queue.Empty:
                continue
            task = pickle.loads(packed)
            if task is None:
                break
            if isinstance(task, Resume):
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
                answers.put(number, fetcher(index))
            except StopIteration as e:
                ended = _is_stream(dataset)
                answers.put(number, StreamEnd() if ended else answers.error(e))
            except Exception as e:
                answers.put(number, answers.error(e))
    except KeyboardInterrupt:
        # The main process got it too, and says so.
        pass
    finally:
        answers.close(wanted=os.getppid() == parent)


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
        error = WorkerError(exception, self.where)
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            # A type that the main process cannot look up.
            error.kind = RuntimeError
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


def _is_stream(dataset):
    from ..dataset import IterableDataset

    return isinstance(dataset, IterableDataset)


def _seed_everything(base_seed, worker_id):
    """Seed Python's, our own and NumPy's generators as PyTorch's workers do."""
    import random

    import numpy as np

    random.seed(base_seed + worker_id)
    _C.default_generator.manual_seed(base_seed + worker_id)
    entropy = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    np.random.seed(np.random.SeedSequence(entropy).generate_state(4))
