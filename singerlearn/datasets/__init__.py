"""Recordings with the names of their singers: one data set, one module.

Each function returns a Bunch: ``recordings`` (paths or waveforms), their ``singers``
and ``songs``, the ``sampling_rate`` to read them at, a description in ``DESCR``, and
what else the set knows; or ``(recordings, singers)`` with ``return_X_y=True``.
"""

from singerlearn.datasets.folder import load_folder
from singerlearn.datasets.ravdess_song import load_ravdess_song
from singerlearn.datasets.synthetic import make_singers

__all__ = ["load_folder", "load_ravdess_song", "make_singers"]
