"""Command-line options that several benchmarks share."""

import argparse
from pathlib import Path

import collection


class _Help(
    argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter
):
    """A document as it is, and the defaults of options that have one."""

    def _get_help_string(self, action):
        # None and False stand for what an option changes where it is given.
        if action.default is None or action.default is False:
            return action.help
        return super()._get_help_string(action)


def bare_parser(document):
    """Return a parser that asks for nothing, and whose help is a document as it is."""
    return argparse.ArgumentParser(description=document, formatter_class=_Help)


def make_parser(document, rows, groups, *, default, seeds=True):
    """Return a parser of recordings, rows, device, seeds and where to write.

    Parameters
    ----------
    document : str
        What the command does; its help.
    rows : sequence of str
        Names of rows; "all" is all of them.
    groups : dict of str to sequence of str
        Rows by a name for several.
    default : str
        Names of rows or groups, by comma.
    seeds : bool, default=True
        Whether it can be asked for seeds.

    Returns
    -------
    argparse.ArgumentParser
        To which a command adds what only it can be asked.
    """
    groups = {"all": rows} | groups | {name: [name] for name in rows}

    def listed(text):
        asked = text.split(",")
        if unknown := [name for name in asked if name not in groups]:
            raise argparse.ArgumentTypeError(
                f"no row {', '.join(unknown)}; the rows are {', '.join(groups)}"
            )
        return list(dict.fromkeys(row for name in asked for row in groups[name]))

    parser = bare_parser(document)
    collection.add_arguments(parser)
    parser.add_argument(
        "--rows",
        type=listed,
        default=default,
        help=f"separated by commas: {', '.join(groups)}",
    )
    parser.add_argument(
        "--device", default="auto", help="where networks run: cpu, cuda, ..."
    )
    if seeds:
        parser.add_argument(
            "--seed", type=int, nargs="+", default=[0], help="one or more seeds"
        )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(Path(parser.prog).stem),
        help="folder for fits and tables",
    )
    return parser


def add_regime(parser, *, n_folds, folds, epochs):
    """Let a command line say how many folds there are, and how networks are trained.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    n_folds : int
        By default.
    folds, epochs : str
        What a fold is, and how long the training without --epochs.
    """
    parser.add_argument(
        "--folds", type=collection.positive, default=n_folds, help=folds
    )
    parser.add_argument(
        "--regime",
        choices=("paper", "quick"),
        default="quick",
        help="the paper's training, or the library's, which is shorter",
    )
    parser.add_argument(
        "--epochs", type=collection.positive, help=f"at most ({epochs})"
    )
