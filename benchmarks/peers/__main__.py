"""`python -m benchmarks.peers`: run the contest, or go on with it."""

from __future__ import annotations

import argparse

from benchmarks.peers.contest import PART_ROWS, Asked, measure


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--data", help="banking77 where it is there, else snippets")
    parser.add_argument("--seeds", type=int, help="default: as settings.toml says")
    parser.add_argument(
        "--part",
        nargs="?",
        type=int,
        const=PART_ROWS,
        metavar="ROWS",
        help=f"only so many training rows ({PART_ROWS}), 2 epochs, 1 setting, 1 seed: minutes",
    )
    parser.add_argument("--threads", type=int, help="default: as settings.toml says")
    parser.add_argument("--only", nargs="+", default=[], help="contestants whose name has this")
    parser.add_argument("--again", nargs="+", default=[], help="forget the pieces of these first")
    given = parser.parse_args()
    measure(
        Asked(
            given.data,
            given.seeds,
            given.part,
            given.threads,
            tuple(given.only),
            tuple(given.again),
        )
    )


if __name__ == "__main__":
    main()
