"""Results in a folder, each written as soon as it is there and never computed twice."""

import json
import os
import sys
from pathlib import Path

import machine
import numpy as np


class Runs:
    """The fits of a benchmark, kept where a second start finds them.

    Parameters
    ----------
    folder : Path
        Made if need be. ``run.json`` in it says the command, the settings and the
        machine; ``fits/`` holds one file a fit.
    settings : dict
        What the figures depend on. A folder with other settings is refused.
    """

    def __init__(self, folder, settings):
        self.fits = Path(folder) / "fits"
        self.fits.mkdir(parents=True, exist_ok=True)
        note = Path(folder) / "run.json"
        settings = json.loads(json.dumps(settings))
        if note.exists():
            known = json.loads(note.read_text())["settings"]
            if known != settings:
                raise SystemExit(
                    f"{folder} holds results of other settings ({known}, now "
                    f"{settings}); choose another --output, or the settings of then"
                )
        else:
            about = {
                "command": " ".join(["python", *sys.argv]),
                "machine": machine.describe(),
                "settings": settings,
            }
            note.write_text(json.dumps(about, indent=1) + "\n")

    def get(self, key, fit):
        """Return what `fit`, a function, returned for this key: a dict of arrays."""
        path = self.fits / f"{key}.npz"
        if not path.exists():
            result = fit()
            # Renamed when it is whole: a killed run leaves no half a fit.
            unfinished = path.with_suffix(f".{os.getpid()}")
            with unfinished.open("wb") as file:
                np.savez_compressed(file, **result)
            unfinished.replace(path)
        with np.load(path) as saved:
            return dict(saved)

    def __contains__(self, key):
        return (self.fits / f"{key}.npz").exists()


def markdown(rows):
    """Return rows, dicts with the same keys, as a Markdown table."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(row.values() for row in rows)]
    return "\n".join("| " + " | ".join(map(str, cells)) + " |" for cells in lines)


def mean_and_spread(values):
    """Return the mean of the runs and, of several, the standard deviation."""
    text = f"{np.mean(values):.3f}"
    return text if len(values) < 2 else f"{text} ± {np.std(values):.3f}"
