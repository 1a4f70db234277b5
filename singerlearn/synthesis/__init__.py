"""Synthetic singers: a voice, a song and a channel as numbers, and their sound.

`draw_singer`, `draw_song` and `draw_channel` draw the numbers, `in_mood` changes a
voice for one recording, and `perform` turns singer and song into curves over time.
Through a channel, `render` turns the curves into a waveform, and `render_mel`, hundreds
of times faster than real time, into the spectrogram that `log_mel` would make of it.
`SyntheticSingers` does all this for training.
"""

from singerlearn.synthesis.channel import draw_channel
from singerlearn.synthesis.crowd import SyntheticSingers
from singerlearn.synthesis.mel import render_mel
from singerlearn.synthesis.performance import perform
from singerlearn.synthesis.singer import draw_singer, in_mood
from singerlearn.synthesis.song import draw_song
from singerlearn.synthesis.waveform import render

__all__ = [
    "SyntheticSingers",
    "draw_channel",
    "draw_singer",
    "draw_song",
    "in_mood",
    "perform",
    "render",
    "render_mel",
]
