"""torchrun by its older name: it hands `--local-rank` to programs unless `--use-env` is given."""

from __future__ import annotations

import sys
import warnings

from . import run as _run

__all__ = ["launch", "main", "parse_args"]


def parse_args(args):
    """The options as a namespace."""
    parser = _run.get_args_parser()
    parser.add_argument(
        "--use-env", "--use_env", dest="use_env", action="store_true",
        help="ranks read LOCAL_RANK in the environment and get no --local-rank",
    )  # fmt: skip
    return parser.parse_args(args)


def launch(args):
    """Runs a job as the namespace of options says."""
    args.local_rank_option = not args.use_env and not args.no_python
    _run.run(args)


def main(args=None):
    """Does what the command line says."""
    warnings.warn(
        "The module torch.distributed.launch is deprecated and will be removed in future. Use "
        "torchrun.",
        FutureWarning,
        stacklevel=2,
    )
    parsed = parse_args(sys.argv[1:] if args is None else args)
    try:
        launch(parsed)
    except (ValueError, RuntimeError) as error:
        print(f"torchrun: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
