"""Singers that never lived: a voice, a song and a channel as numbers, and their sound.

`draw_singer`, `draw_song` and `draw_channel` draw the numbers, `perform` turns singer
and song into curves over time, and `render` those, behind a channel, into a waveform.
"""

from singerlearn.synthesis.performance import perform
from singerlearn.synthesis.voices import draw_channel, draw_singer, draw_song
from singerlearn.synthesis.waveform import render

__all__ = ["draw_channel", "draw_singer", "draw_song", "perform", "render"]
