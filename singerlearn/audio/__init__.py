"""The one place that opens audio: recordings of any kind become mono float32.

A *recording* is a path, a 1-D waveform, or a ``(waveform, sampling_rate)`` pair; ``X``
is a list with one entry per recording. Float waveforms are taken as they are, whatever
their scale; integers are PCM and are divided by the full scale of their type. Channels
are averaged.
"""

from singerlearn.audio.loading import load
from singerlearn.audio.recordings import check_recordings, describe, naming
from singerlearn.audio.surveys import Survey, survey
from singerlearn.audio.threads import map_in_threads

__all__ = [
    "Survey",
    "check_recordings",
    "describe",
    "load",
    "map_in_threads",
    "naming",
    "survey",
]
