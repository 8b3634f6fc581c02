"""What mpiexec starts as a rank: sets torchrun's variables, starts the program, and tells the
launcher how it has ended, as mpiexec does not notice those that fail before they know of MPI.

A script of its own that imports nothing of cnn: it is small and quick.
"""

import ctypes
import json
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _first(*names):
    return next((os.environ[name] for name in names if name in os.environ), None)


def _set_variables():
    """Sets torchrun's variables; returns the rank on this machine."""
    rank = _first("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK") or "0"
    size = _first("PMI_SIZE", "OMPI_COMM_WORLD_SIZE") or "1"
    local = _first("MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK") or rank
    local_size = _first("MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE") or size
    os.environ.update(
        RANK=rank, ROLE_RANK=rank, LOCAL_RANK=local, WORLD_SIZE=size, ROLE_WORLD_SIZE=size,
        LOCAL_WORLD_SIZE=local_size, GROUP_RANK="0", GROUP_WORLD_SIZE="1",
    )  # fmt: skip
    return local


def _write_to(path, stream, shown, label):
    """Sends a stream to a file, and to where it went before if it is `shown`."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    if not shown:
        os.dup2(file, stream)
        return
    end, start = os.pipe()
    if os.fork():
        os.dup2(start, stream)
        for descriptor in (end, start, file):
            os.close(descriptor)
        return
    os.close(start)
    with os.fdopen(end, "rb") as lines:
        for line in lines:
            os.write(file, line)
            os.write(stream, label + line)
    os._exit(0)


def _place_output(plan, local):
    redirected, copied = (int(plan[key].get(local, 0)) for key in ("redirects", "tee"))
    seen = not plan["shown"] or int(local) in plan["shown"]
    for bit, stream, name in ((1, 1, "stdout"), (2, 2, "stderr")):
        if (redirected | copied) & bit:
            path = os.path.join(plan["log_dir"], local, f"{name}.log")
            label = f"[{os.environ.get('ROLE_NAME', 'default')}{local}]:".encode()
            _write_to(path, stream, seen and bool(copied & bit), label)
        elif not seen:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)


def _start(command):
    """The process of the program, which does not outlive this one."""
    parent = os.getpid()
    if child := os.fork():
        return child
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(128 + signal.SIGKILL)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"torchrun: cannot run {command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(127)


def _tell(path, text):
    try:
        pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return  # the launcher has ended
    os.write(pipe, text.encode())
    os.close(pipe)


def main():
    """Runs the program of the plan in the environment; returns its exit status."""
    plan = json.loads(os.environ.pop("CNN_RANK_PLAN"))
    local = _set_variables()
    _place_output(plan, local)
    command = plan["command"]
    if plan["local_rank_option"]:
        command.append(f"--local-rank={local}")
    child = _start(command + plan["arguments"])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, lambda number, frame: os.kill(child, number))
    os.closerange(3, 1024)  # mpiexec shall see it when the program closes what it was given
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    code = 128 - code if code < 0 else code
    if code:
        _tell(plan["failures"], f"{code}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
