"""Recordings with the names of their singers: one data set, one module.

Each loader returns a Bunch: ``recordings`` (paths or waveforms), their ``singers`` and
``songs``, the ``sampling_rate`` to read them at, a description in ``DESCR``, and
whatever else the set knows; or ``(recordings, singers)`` with ``return_X_y=True``. The
open sets can be fetched, `check_dataset` looks for faults in any set, and `take`
selects recordings.
"""

from singerlearn.datasets.check import DatasetReport, check_dataset
from singerlearn.datasets.damp import load_damp, select_singers
from singerlearn.datasets.damp_balanced import (
    BalancedSplit,
    balanced_split,
    iter_balanced_splits,
    load_damp_balanced,
    make_balanced,
)
from singerlearn.datasets.fetch import fetch_ravdess_song, fetch_vocalset
from singerlearn.datasets.folder import load_folder
from singerlearn.datasets.ravdess_song import load_ravdess_song
from singerlearn.datasets.recordings import take
from singerlearn.datasets.synthetic import make_singers
from singerlearn.datasets.vocalset import load_vocalset

__all__ = [
    "BalancedSplit",
    "DatasetReport",
    "balanced_split",
    "check_dataset",
    "fetch_ravdess_song",
    "fetch_vocalset",
    "iter_balanced_splits",
    "load_damp",
    "load_damp_balanced",
    "load_folder",
    "load_ravdess_song",
    "load_vocalset",
    "make_balanced",
    "make_singers",
    "select_singers",
    "take",
]
