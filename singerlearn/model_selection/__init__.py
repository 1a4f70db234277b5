"""Splitters that keep singers or songs apart, and an audit of what both sides share.

Splitters work like scikit-learn's, for example in
``cross_val_score(net, X, y, cv=NewSongFolds(songs=s))``. One sample is one recording,
and y is its singer. Anything else that a splitter needs, such as the songs, is passed
to its constructor, so that no metadata routing has to be switched on; songs that were
not passed there are taken from the ``groups`` of ``split``.

===================== ============================= =================================
splitter              tests                         may train on
===================== ============================= =================================
`SingerFolds`         a recording of every singer   all other recordings
`NewSongFolds`        songs                         recordings of other songs
`NewSingerFolds`      singers                       recordings by other singers
`NewSingerSongFolds`  songs as some singers sing    other songs by other singers
                      them
===================== ============================= =================================

**Songs** may have several groupings, such as a lyric and a melody: recordings are of
the same song if they share all of them, and two songs are related if they share any.
Songs related to one that is tested are left out of training.

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
