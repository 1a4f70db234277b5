"""Folds that keep apart what must not be on both sides, and a look at what still is.

Splitters are scikit-learn's: ``cross_val_score(net, X, y, cv=NewSongFolds(songs=s))``.
One sample is one recording, y its singer. What a splitter needs to know beyond y it
carries, so that no metadata routing has to be switched on; songs that it does not carry
it takes from the ``groups`` of ``split``.

===================== ============================= =================================
splitter              tests                         may train on
===================== ============================= =================================
`SingerFolds`         a recording of every singer   all other recordings
`NewSongFolds`        songs                         recordings of other songs
`NewSingerFolds`      singers                       recordings by other singers
`NewSingerSongFolds`  songs as some singers sing    other songs by other singers
                      them
===================== ============================= =================================

**Songs** may have several groupings, such as a lyric and a melody: a song is then what
has the same of all, and two songs are related if they share any. What is related to a
song that is tested is left out of training.

A split that cannot be made, or that would test what cannot be learned from its training
side, is refused.
"""

from singerlearn.model_selection.audit import Overlap, SplitAudit, audit_split
from singerlearn.model_selection.folds import (
    NewSingerFolds,
    NewSingerSongFolds,
    NewSongFolds,
    SingerFolds,
)

__all__ = [
    "NewSingerFolds",
    "NewSingerSongFolds",
    "NewSongFolds",
    "Overlap",
    "SingerFolds",
    "SplitAudit",
    "audit_split",
]
