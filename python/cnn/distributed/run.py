"""torchrun: starts the ranks of a job on this machine, through mpiexec.

python -m cnn.distributed.run --nproc-per-node 2 train.py --its --arguments

Each rank finds torchrun's variables in its environment (RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR
and so on), and its share of the cores as its number of threads. If a rank fails, the others are
ended, and its exit status is handed on. Over several machines it is mpiexec that starts the ranks.
"""

from __future__ import annotations

import argparse
import os
import sys

from . import _starting

__all__ = ["get_args_parser", "main", "parse_args", "run"]

_STREAMS = "0: none, 1: stdout, 2: stderr, 3: both; or 0:1,1:3 of single ranks"
# Options of torchrun's for which there is nothing to be done here, and why.
_REFUSED = {
    "rdzv-conf": "MPI brings the ranks together",
    "monitor-interval": "mpiexec sees at once that a rank has ended",
    "start-method": "mpiexec starts the ranks",
    "event-log-handler": "there are no events of agents",
    "logs-specs": "--log-dir, --redirects and --tee say where output goes",
    "numa-binding": "mpiexec binds processes: its -bind-to",
    "virtual-local-rank": "there are no devices to be hidden",
}


class _Refused(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        reason = _REFUSED[option_string[2:].replace("_", "-")]
        parser.error(f"{option_string} is not here: {reason}")


class _Given(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        setattr(namespace, self.dest, values)
        setattr(namespace, f"{self.dest}_given", True)


def get_args_parser():
    """The parser of torchrun's options."""
    parser = argparse.ArgumentParser(
        prog="torchrun",
        description="Starts the ranks of a job on this machine, through mpiexec.",
    )

    def add(name, *short, **settings):
        """An option by both spellings; PET_NAME in the environment is its default."""
        dest = name.replace("-", "_")
        spellings = [f"--{name}", *([f"--{dest}"] if dest != name else [])]
        settings["default"] = os.environ.get(f"PET_{dest.upper()}", settings.get("default"))
        parser.add_argument(*short, *spellings, dest=dest, **settings)

    def flag(name, *short, **settings):
        dest = name.replace("-", "_")
        spellings = [f"--{name}", *([f"--{dest}"] if dest != name else [])]
        default = os.environ.get(f"PET_{dest.upper()}", "0") not in ("", "0")
        settings["default"] = default
        parser.add_argument(*short, *spellings, dest=dest, action="store_true", **settings)

    add("nnodes", default="1:1", help="machines: 1; mpiexec starts ranks on several")
    add("nproc-per-node", default="1", help="ranks: a number, or cpu, gpu or auto")
    add("node-rank", type=int, default=0, help="the number of this machine: 0")
    add("rdzv-backend", default="static", help="MPI brings the ranks together, whatever is given")
    add("rdzv-endpoint", default="", help="HOST[:PORT] for MASTER_ADDR and MASTER_PORT")
    add("rdzv-id", default="none", help="a name of the job, for TORCHELASTIC_RUN_ID")
    flag("standalone", help="the job is on this machine alone, as it is here")
    add("max-restarts", type=int, default=0, help="how often a job that failed is started anew")
    add("role", default="default", help="a name of the ranks, for ROLE_NAME")
    flag("module", "-m", help="the program is a module, as for `python -m`")
    flag("no-python", help="the program is no Python program")
    flag("run-path", help="the program is a Python file, as it is by default")
    add("log-dir", default=None, help="a folder for the output of ranks")
    add("redirects", "-r", default="0", help=f"output that goes to files alone ({_STREAMS})")
    add("tee", "-t", default="0", help=f"output that goes to files as well ({_STREAMS})")
    add("local-ranks-filter", default="", help="ranks whose output is shown: 0,2; all by default")
    add("master-addr", default="127.0.0.1", action=_Given, help="what MASTER_ADDR says")
    parser.set_defaults(master_addr_given="PET_MASTER_ADDR" in os.environ)
    add("master-port", type=int, default=29500, help="what MASTER_PORT says")
    add("local-addr", default=None, help="what MASTER_ADDR says without --master-addr")
    add("shutdown-timeout", type=int, default=30, help="seconds from a signal to the end of all")
    for name in _REFUSED:
        parser.add_argument(f"--{name}", action=_Refused, nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("training_script", help="the program")
    parser.add_argument("training_script_args", nargs=argparse.REMAINDER, help="its arguments")
    return parser


def parse_args(args):
    """The options as a namespace."""
    return get_args_parser().parse_args(args)


def _ranks(wanted):
    """The number of ranks that `--nproc-per-node` asks for."""
    cores = len(os.sched_getaffinity(0))
    if wanted == "gpu" or wanted == "auto":
        from .. import cuda

        if cuda.is_available():
            return cuda.device_count()
        if wanted == "gpu":
            raise ValueError("Cuda is not available.")
        return cores
    if wanted == "cpu":
        return cores
    try:
        count = int(wanted)
    except ValueError:
        raise ValueError(f"Unsupported nproc_per_node value: {wanted}") from None
    if count < 1:
        raise ValueError(f"Unsupported nproc_per_node value: {wanted}")
    return count


def _streams(text, ranks):
    """{rank: 0..3} from "3" or "0:1,1:3"."""
    if ":" not in str(text):
        return dict.fromkeys(range(ranks), int(text))
    pairs = (pair.split(":") for pair in text.split(","))
    return dict.fromkeys(range(ranks), 0) | {int(rank): int(which) for rank, which in pairs}


def run(args):
    """Runs a job as the namespace of options says, and returns when all ranks have ended.

    SystemExit with the exit status of the rank that failed first. ValueError for options that
    make no sense.
    """
    from .. import _torch_alias

    low, _, high = str(args.nnodes).partition(":")
    if int(low) != 1 or args.node_rank:
        raise ValueError(
            f"--nnodes {args.nnodes}: one mpiexec starts the ranks on all machines: "
            f"mpiexec -hosts A,B -ppn {args.nproc_per_node} -n N python {args.training_script}"
        )
    if args.module and args.no_python:
        raise ValueError("Don't use both the '--no-python' flag and the '--module' flag")
    ranks = _ranks(args.nproc_per_node)
    address, port = args.master_addr, args.master_port
    if args.local_addr and not args.master_addr_given:
        address = args.local_addr
    if args.rdzv_endpoint and not args.standalone:
        address, _, given = args.rdzv_endpoint.rpartition(":")
        address, port = (address, int(given)) if address else (args.rdzv_endpoint, port)
    if args.no_python:
        command = [args.training_script]
    else:
        command = [sys.executable, *(["-m", "cnn"] if _torch_alias.installed() else [])]
        command += ["-m"] * bool(args.module) + [args.training_script]
    job = _starting.Job(
        command,
        args.training_script_args,
        ranks,
        environment={
            "MASTER_ADDR": address,
            "MASTER_PORT": str(port),
            "ROLE_NAME": args.role,
            "TORCHELASTIC_MAX_RESTARTS": str(args.max_restarts),
            "TORCHELASTIC_RUN_ID": args.rdzv_id,
        },
        log_dir=args.log_dir,
        redirects=_streams(args.redirects, ranks),
        tee=_streams(args.tee, ranks),
        shown=[int(rank) for rank in args.local_ranks_filter.split(",") if rank],
        local_rank_option=getattr(args, "local_rank_option", False),
        patience=args.shutdown_timeout,
    )
    for restart in range(args.max_restarts + 1):
        status = job.run(restart)
        if status == 0 or job.stopped:
            break
    if status:
        raise SystemExit(status)


def main(args=None):
    """Does what the command line says."""
    parsed = parse_args(sys.argv[1:] if args is None else args)
    try:
        run(parsed)
    except (ValueError, RuntimeError) as error:
        print(f"torchrun: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
