r"""Voices that nothing was trained on, and which embedding recognises them untrained.

    python benchmarks/strangers.py --data <folder of <singer>/<recording>>
    python benchmarks/strangers.py --data folder --root <folder with a metadata.csv>

Nothing is learned from the singers of the collection. Among recordings that share no
song ("crossed"), the nearest neighbour names the singer, and pairs are verified. Scores
are the angle between means (hand-crafted features, alone or side by side with the
encoder, are standardised over the collection), and the same relative to what the two
recordings score with the whole collection (s-norm), including their own singer, since
no names are used. The songs come from the table's column ``song``, or from the files'
names. Brackets hold the 95 % interval over other singers of the same kind, by a
bootstrap of those there are; with fewer than ten it is a rough guide. The rows are
those of ``past_the_paper.py`` that need no training.
"""

from functools import partial

import collection
import machine
import numpy as np
from command_line import make_parser
from frozen_embeddings import add_encoder, fingerprints, hear
from past_the_paper import FROZEN
from readings import as_they_come, crossed, interval_over_singers
from runs import Runs, markdown

DEFAULT = ("hand-crafted", "synthetic-lda", "encoder", "side-by-side", "voices")


def embed(row, heard):
    """Return how alike readings find the recordings, (n_recordings, n_recordings)."""
    chunks = heard(FROZEN[row])
    return dict(as_they_come(row, chunks, chunks))


def judge(alike, voices, n_resamples=1000):
    """Return both figures with their intervals, for the table."""
    outcome = crossed(alike, voices)
    return {
        what: interval_over_singers([outcome], what, n_resamples) for what in outcome
    }


def rehearse(voices):
    """Judge noise: what cannot be judged is refused before anything is computed."""
    n = len(voices.singers)
    try:
        judge(np.random.default_rng(0).normal(size=(n, n)), voices, n_resamples=2)
    except ValueError as error:
        raise SystemExit(
            f"{voices} in {len(set(voices.songs))} songs cannot be judged ({error}); "
            "several singers are needed, with several songs each that differ in the "
            "column song of metadata.csv, or in the names of the files"
        ) from error


def main():
    """Run what is asked for and missing, print and save."""
    parser = make_parser(
        __doc__, tuple(FROZEN), {}, default=",".join(DEFAULT), seeds=False
    )
    add_encoder(parser)
    arguments = parser.parse_args()
    voices = collection.load(arguments, n_singers=12, n_songs=4, duration=8.0)
    rehearse(voices)
    settings = {"encoder": fingerprints(arguments.encoder)} | voices.identity
    runs = Runs(arguments.output, settings)
    print(machine.describe(), voices, sep="\n")
    kept = collection.listen(voices.recordings, runs.folder / "spectrograms")
    heard = hear(voices.recordings, kept, arguments)
    runs.complete({row: partial(embed, row, heard) for row in arguments.rows})
    table, fits = [], []
    for row in arguments.rows:
        for reading, alike in runs.read(row).items():
            line, figures = {"row": row, "read by": reading}, judge(alike, voices)
            table.append(line | {what: str(own) for what, own in figures.items()})
            fits.append(line | {what: own.estimate for what, own in figures.items()})
    print(markdown(table))
    runs.write(table, fits, f"Nothing was trained on the {voices}.")
    print(f"Written to {runs.folder.resolve()}")


if __name__ == "__main__":
    main()
