"""Results in a folder, each written as soon as it is ready and never computed twice."""

import csv
import json
import os
import shlex
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

import machine
import numpy as np
from scipy.stats import t as student
from tqdm.auto import tqdm


class Runs:
    """The fits of a benchmark, kept where a second start finds them.

    Parameters
    ----------
    folder : Path
        Made if need be. ``run.json`` in it says the settings, and the command and the
        machine of every start; ``fits/`` holds one file a fit.
    settings : dict
        What the figures depend on. A folder with other settings is refused.

    Attributes
    ----------
    folder : Path
    starts : list of dict of str to str
        The ``command`` and the ``machine`` of each start, this one last.
    """

    def __init__(self, folder, settings):
        self.folder = Path(folder)
        self.fits = self.folder / "fits"
        try:
            self.fits.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SystemExit(f"--output {folder}: {error}") from error
        note = self.folder / "run.json"
        settings = json.loads(json.dumps(settings))
        about = {"settings": settings, "starts": []}
        if note.exists():
            about |= json.loads(note.read_text())
            if about["settings"] != settings:
                raise SystemExit(
                    f"{folder} holds results of other settings ({about['settings']}, "
                    f"now {settings}); choose another --output, or the settings of then"
                )
        start = {
            "command": shlex.join(["python", *sys.argv]),
            "machine": machine.describe(),
        }
        if start not in about["starts"]:
            about["starts"].append(start)
        self.starts = about["starts"]
        with _whole(note) as file:
            file.write(json.dumps(about, indent=1).encode() + b"\n")

    def complete(self, fits):
        """Run what is missing; one line says how many are done, and the time left.

        Parameters
        ----------
        fits : dict of str to function
            By their keys; each returns a dict of arrays, for `read`.
        """
        missing = [key for key in fits if key not in self]
        with tqdm(
            total=len(fits), initial=len(fits) - len(missing), unit="fold"
        ) as line:
            for key in missing:
                line.set_description(key)
                try:
                    self._keep(key, fits[key])
                except KeyboardInterrupt:
                    raise SystemExit(
                        "stopped; the same command goes on from here"
                    ) from None
                line.update()

    def read(self, key):
        """Return what the fit of this key returned, a dict of arrays, from its file."""
        with np.load(self._path(key)) as saved:
            return dict(saved)

    def write(self, table, fits, caption, prefix=""):
        """Write a table and the figures of each fit beside what they were made with.

        Parameters
        ----------
        table, fits : list of dict
            Rows with the same keys; of `fits`, numbers and words.
        caption : str
            A sentence to stand under the table.
        prefix : str, default=""
            Of the files' names: ``table.md``, ``.json`` and ``.csv``, ``fits.csv``.
        """
        told = [f"`{start['command']}`\n\n{start['machine']}" for start in self.starts]
        about = "\n\n".join([caption, *told])
        path = self.folder / f"{prefix}table"
        path.with_suffix(".md").write_text(f"{markdown(table)}\n\n{about}\n")
        whole = {"table": table, "fits": fits, "starts": self.starts}
        path.with_suffix(".json").write_text(json.dumps(whole, indent=1) + "\n")
        for name, rows in (("table", table), ("fits", fits)):
            path = self.folder / f"{prefix}{name}.csv"
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, rows[0])
                writer.writeheader()
                writer.writerows(rows)

    def __contains__(self, key):
        return self._path(key).exists()

    def _path(self, key):
        return self.fits / f"{key}.npz"

    def _keep(self, key, fit):
        """Run a fit, and write its file."""
        # Stopped from the keyboard, an estimator warns and keeps what it has learnt
        # so far; among the results it would pass for a whole fit.
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "training was interrupted")
            try:
                result = fit()
            except UserWarning as stopped:
                raise KeyboardInterrupt from stopped
        with _whole(self._path(key)) as file:
            np.savez_compressed(file, **result)


@contextmanager
def _whole(path):
    """Open a file that comes into being, by a rename, when it is whole."""
    unfinished = path.with_suffix(f".{os.getpid()}")
    with unfinished.open("wb") as file:
        yield file
    unfinished.replace(path)


def markdown(rows):
    """Return rows, dicts with the same keys, as a Markdown table."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(row.values() for row in rows)]
    return "\n".join("| " + " | ".join(map(str, cells)) + " |" for cells in lines)


def mean_and_spread(values):
    """Return the mean of the runs and, of several, their standard deviation."""
    text = f"{np.mean(values):.3f}"
    return text if len(values) < 2 else f"{text} ± {np.std(values, ddof=1):.3f}"


def mean_and_interval(values, confidence=0.95):
    """Return the mean of the runs and, of several, Student's interval of it."""
    n = len(values)
    text = f"{np.mean(values):.3f}"
    if n < 2:
        return text
    half = student.ppf((1 + confidence) / 2, n - 1) * np.std(values, ddof=1) / n**0.5
    low, high = np.clip(np.mean(values) + np.array([-half, half]), 0, 1)
    return f"{text} [{low:.3f}, {high:.3f}]"


def interval_over_seeds(fits, figure):
    """Return the mean of a figure, with Student's interval of it over seeds.

    The folds of a seed count as one, by their mean.
    """
    of_seeds = {}
    for fit in fits:
        of_seeds.setdefault(fit["seed"], []).append(fit[figure])
    return mean_and_interval([np.mean(folds) for folds in of_seeds.values()])
