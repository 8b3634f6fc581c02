"""torchrun's place: ranks with its variables, their output, failures and signals."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest
from jobs import PROGRAMS, end, finish, gone_within, mark, needs_mpi, start, torchrun

from cnn.distributed._starting import mpiexec_command

pytestmark = needs_mpi
PROGRAM = PROGRAMS / "launched.py"


def runs(*arguments, status=0, **variables):
    """(stdout, stderr) of a job that ends with an exit status."""
    ended, out, err = finish(start(torchrun(*arguments), **variables))
    assert ended == status, f"{ended}\n{out}\n{err}"
    return out, err


def test_ranks_find_torchruns_variables():
    options = ["--nproc_per_node=2", "--standalone", "--rdzv-id", "job", "--role", "worker"]
    options += ["--master-addr", "somewhere", "--master-port", "1234"]
    out, _ = runs(*options, PROGRAM, "variables", "--lr", "3", OMP_NUM_THREADS="2")
    common = (
        "MASTER_ADDR=somewhere MASTER_PORT=1234 ROLE_NAME=worker GROUP_RANK=0 "
        "TORCHELASTIC_RUN_ID=job TORCHELASTIC_RESTART_COUNT=0 OMP_NUM_THREADS=2 CNN_NUM_THREADS=1 "
        "--lr 3"
    )
    assert sorted(out.splitlines()) == [
        f"RANK={rank} LOCAL_RANK={rank} WORLD_SIZE=2 LOCAL_WORLD_SIZE=2 {common}"
        for rank in range(2)
    ]


@pytest.mark.parametrize("module", ["torch.distributed.run", "torch.distributed.launch"])
def test_torchs_launchers_start_programs_for_torch(module):
    command = [sys.executable, "-m", "cnn", "-m", module, "--nproc-per-node", "2"]
    command += ["--use-env"] if module.endswith("launch") else []
    status, out, err = finish(start([*command, PROGRAM, "sums"]))
    assert status == 0, err
    assert out.splitlines() == ["sum [2.0, 2.0] 1"] * 2
    assert err.count("MPI carries the messages") == 1


def test_launch_hands_over_the_local_rank():
    command = [sys.executable, "-W", "ignore", "-m", "cnn.distributed.launch", "--nproc-per-node=2"]
    status, out, err = finish(start([*command, "--no-python", "echo", "done"]))
    assert status == 0 and out.splitlines() == ["done"] * 2, err
    status, out, err = finish(start([*command, PROGRAM, "--lr", "3"]))
    assert sorted(out.splitlines()) == [f"--local-rank={rank} --lr 3" for rank in range(2)], err


@pytest.mark.parametrize(
    "options, address",
    [
        (["--local-addr=here"], "here"),
        (["--local-addr=here", "--master-addr=there"], "there"),
        (["--local-addr=here", "--master-addr=127.0.0.1"], "127.0.0.1"),
        (["--local-addr=here", "--rdzv-endpoint=there:1"], "there"),
        ([], "127.0.0.1"),
    ],
)
def test_the_address_of_the_job(options, address):
    out, _ = runs("--nproc-per-node=1", *options, PROGRAM, "variables")
    assert f" MASTER_ADDR={address} " in out


def test_the_address_in_the_environment():
    options = ["--nproc-per-node=1", "--local-addr=here", PROGRAM, "variables"]
    out, _ = runs(*options, PET_MASTER_ADDR="there")
    assert " MASTER_ADDR=there " in out


def test_modules_and_other_programs():
    out, _ = runs("--nproc-per-node=2", "--no-python", "echo", "hello")
    assert out.splitlines() == ["hello"] * 2
    out, _ = runs("--nproc-per-node=2", "-m", "timeit", "-n", "1", "-r", "1", "pass")
    assert out.count("1 loop, best of 1") == 2


def test_the_first_failing_ranks_exit_status_is_handed_on():
    begun, word = time.monotonic(), mark()
    runs("--nproc-per-node=2", PROGRAM, "fails", word, status=7)
    assert time.monotonic() - begun < 30
    assert gone_within(10, word)


def test_a_traceback_is_printed_once():
    command = [sys.executable, "-m", "cnn", "-m", "torch.distributed.run", "--nproc-per-node=2"]
    status, out, err = finish(start([*command, PROGRAM, "raises"]))
    assert status == 1
    assert err.count("[rank1]: ValueError: one of us") == 1 and err.count("Traceback") == 1


def test_a_job_that_failed_is_started_anew():
    command = [sys.executable, "-m", "cnn", "-m", "torch.distributed.run", "--nproc-per-node=2"]
    status, out, err = finish(start([*command, "--max-restarts=1", PROGRAM, "restarts"]))
    assert status == 0 and out.splitlines() == ["sum [2.0, 2.0] 1"] * 2, err


def test_output_goes_to_files_or_both_ways(tmp_path):
    options = ["--nproc-per-node=2", "--log-dir", tmp_path, "--redirects=0:1,1:3", "--tee=0:2"]
    out, err = runs(*options, PROGRAM, "streams")
    assert out == "" and err == "[default0]:err of 0\n"
    for rank in range(2):
        folder = tmp_path / "attempt_0" / str(rank)
        assert (folder / "stdout.log").read_text() == f"out of {rank}\n"
        assert (folder / "stderr.log").read_text() == f"err of {rank}\n"
    out, _ = runs("--nproc-per-node=2", "--local-ranks-filter=1", PROGRAM, "streams")
    assert out == "out of 1\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_signals_end_all_ranks(number):
    word = mark()
    options = ["--nproc-per-node=2", "--shutdown-timeout=5"]
    process = start(torchrun(*options, PROGRAM, "waits", word))
    try:
        assert process.stdout.readline() and process.stdout.readline()
        os.kill(process.pid, number)
        assert process.wait(20) == (-9 if number == signal.SIGKILL else 128 + number)
        assert gone_within(10, word)
    finally:
        end(process)
        process.communicate()


def test_ctrl_c_reaches_the_ranks_of_mpiexec():
    command = [*mpiexec_command(2), sys.executable, PROGRAMS / "leaves.py", "waits", word := mark()]
    process = start(command)
    try:
        assert process.stdout.readline() and process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) != 0
        assert gone_within(10, word)
    finally:
        end(process)
        process.communicate()


def test_a_killed_rank_ends_the_job_it_is_in():
    word = mark()
    process = start(torchrun("--nproc-per-node=3", PROGRAMS / "leaves.py", "waits", word))
    try:
        pids = [int(process.stdout.readline().split()[-1]) for _ in range(3)]
        os.kill(pids[1], signal.SIGKILL)
        assert process.wait(10) != 0
        assert gone_within(10, word)
    finally:
        end(process)
        process.communicate()


def test_a_program_that_is_not_there():
    _, err = runs("--nproc-per-node=1", "--no-python", "no-such-program", status=127)
    assert "cannot run no-such-program" in err


def test_spawned_ranks_are_told_how_to_start():
    command = [sys.executable, "-m", "cnn", PROGRAMS / "spawned.py"]
    status, out, err = finish(start(command))
    assert status == 0, err
    assert "MPI does not bring together processes that were started otherwise" in out
    assert f"python -m cnn.distributed.run --nproc-per-node 2 {PROGRAMS / 'spawned.py'}" in out


def test_torchs_variables_and_mpis_ranks_agree():
    command = [*mpiexec_command(2), sys.executable, "-c"]
    program = (
        "import os\n"
        "os.environ['RANK'] = str(1 - int(os.environ.get('PMI_RANK', os.environ.get('OMPI_COMM_WORLD_RANK'))))\n"
        "os.environ['WORLD_SIZE'] = '2'\n"
        "from cnn import distributed as dist\n"
        "dist.init_process_group()\n"
        "assert dist.get_rank() == int(os.environ['RANK'])\n"
        "assert dist.get_node_local_rank() == int(os.environ['LOCAL_RANK']) == 1 - dist.get_rank()\n"
        "assert os.environ['LOCAL_WORLD_SIZE'] == '2'\n"
    )
    status, out, err = finish(start([*command, program]))
    assert status == 0, err
