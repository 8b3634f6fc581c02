"""The worker processes of a DataLoader, seen from the main process."""

import os
import pickle
import sys
import time

from . import MP_STATUS_CHECK_INTERVAL
from .transport import receive
from .worker import UnreadableAnswer, _ResumeIteration, _worker_loop


class WorkerPool:
    """Starts worker processes, hands them tasks and receives their answers.

    Each worker has a queue for tasks and a pipe of its own for answers, so that one that is killed
    in the middle of a message closes only its own pipe and blocks nobody.
    """

    def __init__(self, loader, base_seed, context):
        context = context or _default_context()
        self.owner = os.getpid()
        self.closed = False
        self.processes, self.tasks, self.connections = [], [], []
        # A plain byte: a worker that is killed while it holds an Event's lock stops all others.
        self.stopping = context.RawValue("b", 0)
        try:
            for i in range(loader.num_workers):
                self._start(context, i, loader, base_seed)
        except BaseException:
            self.shutdown()
            raise

    def _start(self, context, i, loader, base_seed):
        ours, theirs = context.Pipe(duplex=False)
        tasks = context.Queue()
        # At exit, tasks that nobody took must not keep the main process.
        tasks.cancel_join_thread()
        process = context.Process(
            target=_worker_loop,
            args=(
                i,
                loader.num_workers,
                base_seed,
                loader._dataset_kind,
                loader.dataset,
                loader._auto_collation,
                loader.collate_fn,
                loader.drop_last,
                loader.worker_init_fn,
                tasks,
                theirs,
                self.stopping,
            ),
            daemon=True,
        )
        self.connections.append(ours)
        try:
            process.start()
        finally:
            # Only the worker may hold the writing end, or its death would not end the pipe.
            theirs.close()
        self.tasks.append(tasks)
        self.processes.append(process)

    def submit(self, worker, task):
        """Hand over a task. Raises whatever its parts raise on being pickled."""
        from multiprocessing.reduction import ForkingPickler

        # The queue pickles in a thread, which could tell nobody.
        self.tasks[worker].put(bytes(ForkingPickler.dumps(task)))

    def receive(self, timeout, waited_for):
        """The next answer from any worker: (worker, (number, value)); the value may be an
        UnreadableAnswer.

        `waited_for` are the workers that owe one. Raises RuntimeError when one of them has died, or
        after `timeout` seconds, unless that is 0.
        """
        from multiprocessing.connection import wait

        deadline = time.monotonic() + timeout
        # The others may have ended in order: their closed pipes are no news.
        waiting = {self.connections[i]: i for i in waited_for}
        while True:
            if self.closed:
                raise RuntimeError("the DataLoader's workers have been shut down")
            pause = MP_STATUS_CHECK_INTERVAL
            if timeout > 0:
                pause = min(pause, max(0.0, deadline - time.monotonic()))
            for connection in wait(waiting, pause):
                try:
                    number, value_of = receive(connection)
                except (EOFError, OSError):
                    self._fail([waiting[connection]])
                except BaseException:  # the rest of a message is in the pipe
                    self.shutdown()
                    raise
                return waiting[connection], (number, _value_or_error(value_of))
            # A pipe stays open, dead worker or not, in a child that the worker has forked itself.
            dead = [i for i in waited_for if not self.processes[i].is_alive()]
            if dead and not wait(waiting, 0):
                self._fail(dead)
            if timeout > 0 and time.monotonic() >= deadline:
                raise RuntimeError(f"DataLoader timed out after {timeout} seconds")

    def _fail(self, workers):
        for i in workers:
            self.processes[i].join(MP_STATUS_CHECK_INTERVAL)
        ends = ", ".join(_how_it_ended(self.processes[i]) for i in workers)
        pids = ", ".join(str(self.processes[i].pid) for i in workers)
        self.shutdown()
        raise RuntimeError(f"DataLoader worker (pid(s) {pids}) exited unexpectedly: {ends}")

    def resume(self):
        """Start the dataset over in every worker, and drop the answers to older tasks."""
        for i in range(len(self.processes)):
            self.submit(i, _ResumeIteration())
        silent = set(range(len(self.processes)))
        while silent:
            worker, (_, value) = self.receive(0, silent)
            if isinstance(value, _ResumeIteration):
                silent.discard(worker)

    def shutdown(self):
        """End all workers: by word, then by signal."""
        # In a forked child, the workers belong to somebody else.
        if self.closed or os.getpid() != self.owner:
            return
        self.closed = True
        self.stopping.value = 1
        for tasks in self.tasks:
            tasks.put(pickle.dumps(None))
        for connection in self.connections:
            connection.close()
        deadline = time.monotonic() + MP_STATUS_CHECK_INTERVAL
        for process in self.processes:
            process.join(max(0.0, deadline - time.monotonic()))
        for end in ("terminate", "kill"):
            for process in self.processes:
                if process.is_alive():
                    getattr(process, end)()
                    process.join(MP_STATUS_CHECK_INTERVAL)
        for tasks in self.tasks:
            tasks.close()


def _value_or_error(value_of):
    try:
        return value_of()
    except Exception as error:
        return UnreadableAnswer(error)


def _default_context():
    """Fork on Linux, unless the script has chosen otherwise; elsewhere the platform's default."""
    import multiprocessing

    chosen = multiprocessing.get_start_method(allow_none=True)
    if chosen is None and sys.platform == "linux":
        chosen = "fork"
    return multiprocessing.get_context(chosen)


def _how_it_ended(process):
    import signal

    code = process.exitcode
    if code is None or code >= 0:
        return f"exit code {code}"
    return f"killed by signal: {signal.strsignal(-code) or -code}"
