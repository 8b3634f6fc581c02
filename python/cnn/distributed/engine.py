"""Operations under way: who drives them, who waits for them, and what ends them.

An operation is a generator that starts requests, yields them, and goes on when they are done. Those
of a group follow one another, as every rank must start them in the same order; messages from one
process to another go side by side. Whoever waits for an operation drives it; while nobody waits, a
thread does. An operation that fails ends all of its group, as the others may be left halfway; but
not one that fails before its first request, of which the others have seen nothing.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque

from .. import futures
from ..autograd.grad_mode import inference_mode
from . import exits
from .constants import _seconds
from .stores import DistBackendError

# Who waits asks MPI so often at a time, lets others have the core between, and sleeps at last.
_ASKED = 16
_AT_ONCE, _LONGEST_SLEEP = 4, 5e-4
_spinning = 5e-3  # seconds until then
_LOOK = 0.1  # seconds between looks at who has left


class Work:
    """An operation under way, of which `async_op=True` hands out one."""

    def __init__(self, name="", steps=None, seconds=None, result=None):
        self._name, self._steps, self._result = name, steps, result
        self._pending = self._queue = self._error = None
        self._done, self._lock, self._future, self._announced = False, threading.Lock(), None, False
        self._launch = None  # on a GPU (gpu_launches.py)
        self._source = -1
        self._key, self._number, self._peers, self._any_peer = None, None, (), False
        self._begun = False  # whether a request has been started
        self._seconds = seconds
        self._deadline = None if seconds is None else time.monotonic() + seconds

    def is_completed(self):
        """Whether it is over, well or with an error."""
        if not self._done and self._queue is not None and not self._queue.advance():
            self._queue.look()
        if self._done and self._error is None and self._launch is not None:
            return self._launch.is_done()
        return self._done

    def is_success(self):
        """Whether it is over without an error."""
        return self.is_completed() and self._error is None

    def exception(self):
        """The error that ended it, or None."""
        return self._error

    def _source_rank(self):
        """The rank that a message came from."""
        return self._source

    def result(self):
        """The tensors that are written. RuntimeError before it is over, or launched on a GPU."""
        if not self._done:
            raise RuntimeError("result() of work that is not completed: wait() waits for it")
        return self._result

    def wait(self, timeout=None):
        """Waits until it is over; True, or its error raised. What is done on a GPU is launched
        then, and the current stream waits for it; with a `timeout` this thread does.

        `timeout`, a timedelta, bounds the wait; beyond it, or beyond the group's own, every
        operation of the group ends with DistBackendError. One of 0 is none.
        """
        seconds = _seconds(timeout, 0)
        if not self._done:
            self._drive(seconds)
        self._announce()
        if self._error is not None:
            raise self._error
        if self._launch is not None:
            self._launch.hold(seconds)
        return True

    def synchronize(self):
        """`wait()`."""
        self.wait()

    def get_future(self):
        """A Future of the tensors that are written."""
        with self._lock:
            if self._future is None:
                launch = self._launch
                self._future = futures.Future() if launch is None else launch.future()
        self._announce()
        return self._future

    source_rank = _source_rank

    def _note_source(self, rank):
        self._source = rank

    def _drive(self, seconds):
        queue, rounds, begun = self._queue, 0, time.monotonic()
        limit = begun + seconds if seconds > 0 else None
        queue.count_waiters(1)
        try:
            while not self._done:
                if queue.advance(_ASKED):
                    rounds, begun = 0, time.monotonic()
                    continue
                rounds += 1
                if rounds < _AT_ONCE:
                    continue
                now = time.monotonic()
                if now - begun < _spinning:
                    os.sched_yield()
                    continue
                # Another rank is late: leave the core to whoever has work.
                time.sleep(min((now - begun) / 100, _LONGEST_SLEEP))
                if limit is not None and now > limit:
                    queue.fail(_timed_out(self, seconds))
                queue.look()
        finally:
            queue.count_waiters(-1)

    def _step(self, tries):
        """Goes on if its requests are done, after so many questions. True if something happened."""
        pending = self._pending
        if pending is not None:
            while not pending.done():
                tries -= 1
                if tries > 0:
                    continue
                if self._deadline is not None and time.monotonic() > self._deadline:
                    raise _timed_out(self, self._seconds)
                return False
        try:
            with inference_mode():  # which writes to its own tensors as well
                self._pending = next(self._steps)
                if self._pending is None:  # it is ready
                    self._pending = next(self._steps)
            self._begun = True
        except StopIteration:
            self._finish(None)
        return True

    def _finish(self, error):
        self._error, self._done = error, True
        if error is None:
            self._steps = self._pending = None

    def _announce(self):
        """Sets the Future, if there is one and the time has come; what waits for it runs here."""
        with self._lock:
            if not self._done or self._future is None or self._announced:
                return
            self._announced = True
        if self._error is not None:
            self._future.set_exception(self._error)
        else:
            self._future.set_result(self._result)


def wait_for(pending, seconds, what, ranks):
    """Waits for a request of so many ranks outside of any group. DistBackendError after so many
    seconds.
    """
    queue = Queue()
    work = Work(what, iter([pending]), seconds)
    work._key, work._peers = ("outside",), range(ranks)
    work._number = exits.begin(work._key)
    queue.put(work, follow=False).wait()


def _timed_out(work, seconds):
    return DistBackendError(
        f"Timed out waiting {round(seconds * 1000)}ms for {work._name} to complete: not every rank "
        "has called it with the same arguments, or one has ended. The group cannot be used any more"
    )


def _left(work, rank):
    who = "every other rank" if work._any_peer else f"rank {rank}"
    return DistBackendError(
        f"{work._name}: {who} has ended its program without taking part. The group cannot be used "
        "any more"
    )


# What operations that failed have left behind: MPI may still write to the memory of their tensors.
_abandoned = []


class Queue:
    """The operations of a group: those `in_order` one after the other, messages side by side."""

    def __init__(self):
        self.waiters, self.error, self._next_look = 0, None, 0.0
        self._lock, self._counting = threading.Lock(), threading.Lock()
        self._in_order, self._messages, self._over = deque(), [], deque()
        self.links, self.launched = [], deque()  # to GPUs, and what is under way there
        self._looking, self._next_question = threading.Lock(), 0.0

    def count_waiters(self, more):
        """Who waits drives the queue; without anybody the follower does."""
        with self._counting:
            self.waiters += more

    def put(self, work, in_order=True, follow=True):
        """Enters an operation and starts it if it is its turn; `follow` it if nobody waits."""
        work._queue = self
        if _follower.stopped:
            raise DistBackendError(f"{work._name}: this process has left its job")
        if self.error is not None:
            raise DistBackendError(f"{work._name}: the group has failed before: {self.error}")
        with self._lock:
            (self._in_order if in_order else self._messages).append(work)
            self._advance()
        self._announce()
        if follow and not work._done:
            _follower.watch(self)
        return work

    def __len__(self):
        return len(self._in_order) + len(self._messages)

    def advance(self, tries=1):
        """Drives what is under way, unless another thread does. True if something happened."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            moved = self._advance(tries)
        finally:
            self._lock.release()
        if moved:
            self._announce()
        return moved

    def _announce(self):
        """Tells of what is over, without the lock: what waits for it may begin operations."""
        while self._over:
            self._over.popleft()._announce()

    def _advance(self, tries=1):
        moved = False
        try:
            while self._in_order and self._move(self._in_order[0], tries):
                moved = True
                if self._in_order[0]._done:
                    self._over.append(self._in_order.popleft())
            for work in list(self._messages):
                while not work._done and self._move(work, tries):
                    moved = True
                if work._done:
                    self._messages.remove(work)
                    self._over.append(work)
        except BaseException as error:
            self._fail(error)
            return True
        return moved

    def _move(self, work, tries):
        try:
            return work._step(tries)
        except Exception as error:
            if work._begun and not getattr(error, "group_goes_on", False):
                raise
            work._finish(error)
            return True

    def look(self):
        """Ends all operations if one of them waits for a rank that has left; asks now and then."""
        now = time.monotonic()
        if now < self._next_look or not self._lock.acquire(blocking=False):
            return
        self._next_look = now + _LOOK
        try:
            for work in (*self._in_order, *self._messages):
                gone = exits.missing(work._key, work._number, work._peers, work._any_peer)
                if gone is not None:
                    self._fail(_left(work, gone))
                    break
        finally:
            self._lock.release()
        self._announce()

    def note_launch(self, launch):
        """A GPU does this from now on; the follower looks after it."""
        self.launched.append(launch)
        _follower.keep_watching(self)

    def look_at_launched(self):
        """Forgets what GPUs are done with, and ends what one of them will never be done with."""
        now, launched, trouble = time.monotonic(), self.launched, None
        with self._looking:
            try:
                while launched and launched[0].is_done():
                    launched.popleft()
                if launched and now > self._next_question:
                    self._next_question = now + _LOOK
                    trouble = launched[0].trouble()
            except Exception as error:  # of the GPU itself
                launched.clear()
                trouble = error
        if trouble is not None:
            self.abort(trouble)

    def abort(self, error):
        """Ends all operations with an error, on GPUs too."""
        for link in list(self.links):
            with contextlib.suppress(DistBackendError):  # what counts is the first error
                link.abort(error)
        self.fail(error)

    def drain(self, seconds):
        """Waits until nothing is under way. False if that takes longer, or the group has failed."""
        end = time.monotonic() + seconds
        while (len(self) or self.launched) and time.monotonic() < end:
            if not self.advance():
                self.look()
                self.look_at_launched()
                time.sleep(1e-4)
        return not len(self) and not self.launched and self.error is None

    def fail(self, error):
        """Ends all operations with an error; the group is of no use afterwards."""
        with self._lock:
            self._fail(error)
        self._announce()

    def _fail(self, error):
        self.error = error
        works = [*self._in_order, *self._messages]
        self._in_order, self._messages = deque(), []
        _abandoned.extend(works)
        for work in works:
            if work._pending is not None:
                work._pending.cancel()
            work._finish(error)
        self._over.extend(works)


def share_cores(ranks):
    """Tells how many ranks this machine has: with more of them than cores nobody spins."""
    global _spinning
    if ranks > len(os.sched_getaffinity(0)):
        _spinning = 0.0


class _Follower:
    """The thread that drives operations nobody waits for."""

    def __init__(self):
        self._ready = threading.Condition()
        self._queues, self._thread, self._pid, self.stopped = [], None, None, False
        self._called = False  # since the thread last looked

    def watch(self, queue):
        with self._ready:
            if queue not in self._queues:
                self._queues.append(queue)
            if self._thread is None or self._pid != os.getpid():
                self._pid = os.getpid()
                self._thread = threading.Thread(target=self._run, name="cnn-mpi", daemon=True)
                self._thread.start()
            self._called = True
            self._ready.notify()

    def keep_watching(self, queue):
        """`watch`, unless it does."""
        if queue not in self._queues:
            self.watch(queue)

    def stop(self):
        """Ends the thread, before MPI is left."""
        with self._ready:
            self.stopped = True
            self._ready.notify()
        if self._thread is not None and self._pid == os.getpid():
            self._thread.join()

    def _run(self):
        idle = 0
        while True:
            with self._ready:
                self._queues = [q for q in self._queues if len(q) or q.launched]
                while not self._queues and not self.stopped:
                    self._ready.wait()
                if not self._called and not any(map(len, self._queues)):
                    self._ready.wait(_LOOK)  # for GPUs alone
                if self.stopped:
                    return
                queues, self._called = list(self._queues), False
            moved = [queue.advance(_ASKED) for queue in queues if not queue.waiters]
            idle = 0 if any(moved) else idle + 1
            if idle:
                for queue in queues:
                    queue.look()
                    queue.look_at_launched()
            time.sleep(min(5e-5 * (1 + idle), 1e-3))


_follower = _Follower()
stop = _follower.stop
