r"""How much each part of the synthetic singers' model teaches about real ones.

    python benchmarks/realism.py --data <folder of RAVDESS song> <folder of FSDD>

A projection of cepstral statistics, the quickest model that learns from synthetic
singers alone, is fitted to a crowd of them: as they are, and with one part of the model
fixed or left out. How much worse it then recognises real voices shows what that part is
worth. The real voices are the singers of a collection that choices may be made on (for
RAVDESS song, the 15 of 23 that ``past_the_paper.py`` trains on in its first draw).
Among recordings that share no song, or neither lyric nor melody ("crossed"), the
nearest neighbour by angle names the singer, and pairs are verified.

Figures are means over crowds, with Student's interval of 95 %; all rows use crowds of
the same seeds. Moods still vary the fixed parts a little. Fits are kept in --output: a
run that is stopped continues where it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import product
from pathlib import Path

import collection
import machine
import numpy as np
from command_line import bare_parser
from frozen_embeddings import cepstral_statistics, fit_on_synthetic_singers
from past_the_paper import sides
from readings import as_they_come, crossed, figures_of
from runs import Runs, markdown, mean_and_interval

from singerlearn.chunks import by_recording
from singerlearn.synthesis import SyntheticSingers
from singerlearn.synthesis.phonemes import CONSONANTS, LANGUAGES, VOWELS
from singerlearn.synthesis.singer import N_FORMANTS


@dataclass(frozen=True)
class AlteredSingers(SyntheticSingers):
    """Synthetic singers of whom something is the same in all, or in all their songs.

    Parameters
    ----------
    voice, text : mapping, default={}
        Attributes of every `Singer` and, by functions of the song, of every `Song`.
    """

    voice: Mapping = field(default_factory=dict)
    text: Mapping = field(default_factory=dict)

    def singer(self, singer):
        """Draw the `Singer` of a number, but for what is the same in all."""
        return replace(super().singer(singer), **self.voice)

    def song(self, singer, song):
        """Draw the `Song` of two numbers, but for what is changed in all."""
        drawn = super().song(singer, song)
        return replace(drawn, **{name: of(drawn) for name, of in self.text.items()})


def in_one_language(song):
    """Return the song's vowels as those of Italian that stand in their places."""
    italian = np.array(LANGUAGES[3])
    return italian[song.vowels % len(italian)]


def without_consonants(song):
    """Return the consonant that is none, for each note."""
    return np.full(len(song.consonants), len(CONSONANTS) - 1)


PARTS = {
    "as they are": {},
    "no accents": dict(voice=dict(vowel_offsets=np.ones(VOWELS.shape))),
    "one throat and mouth": dict(voice=dict(formant_offsets=np.ones(N_FORMANTS))),
    "no nasal habit": dict(voice=dict(nasality=0.0)),
    "no singer's formant, no notch": dict(voice=dict(ring=0.0, dip=0.0)),
    "one register": dict(
        voice=dict(head_tilt=0.0, head_first_harmonic=0.0, head_breath=0.0)
    ),
    "no creaky habit": dict(voice=dict(creak=0.0)),
    "steady breath": dict(voice=dict(breath_drift=0.0)),
    "no ageing of held notes": dict(voice=dict(fading=0.0)),
    "vowels of one language": dict(text=dict(vowels=in_one_language)),
    "no consonants": dict(text=dict(consonants=without_consonants)),
    "sung only": dict(spoken=0.0),
    "spoken only": dict(spoken=1.0),
    "songs alike": dict(song_effect=0.0),
    "no moods": dict(mood_effect=0.0),
    "one channel": dict(channel_effect=0.0),
}


def load(data):
    """Return the recordings of a folder whom choices may be made on."""
    voices = collection.of_folder(data)
    if len(voices.groupings) == 2:  # a lyric and a melody: RAVDESS song
        ((_, train, _),) = sides("new-singers", voices, 0)
        voices = voices.take(train)
    return voices


def project(part, seed, n_singers, heard):
    """Fit the projection to a crowd, and return where all recordings' chunks lie.

    Keys are "data" and "n" with the number of the collection, values of shape
    (n_chunks, n_components) and (n_recordings,).
    """
    crowd = AlteredSingers(n_singers, random_state=seed, **PARTS[part])
    fitted = fit_on_synthetic_singers(crowd)
    fit = {}
    for number, statistics in enumerate(heard()):
        fit[f"data{number}"] = fitted.transform(np.concatenate(statistics))
        fit[f"n{number}"] = [len(own) for own in statistics]
    return fit


def judge(fit, number, voices):
    """Return both figures of a collection."""
    chunks = by_recording(fit[f"data{number}"], fit[f"n{number}"])
    _, alike = next(as_they_come("synthetic-lda", chunks, chunks))
    return figures_of(crossed(alike, voices))


def main():
    """Run what is missing, print and save."""
    parser = bare_parser(__doc__)
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        required=True,
        help="folders of real recordings, one collection each",
    )
    parser.add_argument(
        "--singers",
        type=collection.positive,
        default=400,
        help="synthetic singers in a crowd",
    )
    parser.add_argument(
        "--seed", type=int, nargs="+", default=[0, 1, 2], help="one for each crowd"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("realism"),
        help="folder for fits and tables",
    )
    arguments = parser.parse_args()
    collections = [load(folder) for folder in arguments.data]
    settings = {"singers": arguments.singers}
    settings |= {"data": [voices.identity for voices in collections]}
    runs = Runs(arguments.output, settings)
    print(machine.describe(), *collections, sep="\n")
    store = runs.folder / "spectrograms"

    @cache
    def heard():
        return [
            [
                cepstral_statistics(c)
                for c in collection.listen(own.recordings, store)("mel")
            ]
            for own in collections
        ]

    fits = {
        (part, seed): f"{part.replace(' ', '-')}_seed{seed}"
        for part, seed in product(PARTS, arguments.seed)
    }
    runs.complete(
        {
            key: partial(project, *asked, arguments.singers, heard)
            for asked, key in fits.items()
        }
    )
    table, measured = [], []
    for part in PARTS:
        line = {"singers": part}
        for number, voices in enumerate(collections):
            figures = [
                judge(runs.read(fits[part, seed]), number, voices)
                for seed in arguments.seed
            ]
            for what in figures[0]:
                name = f"{arguments.data[number].name}, {what}"
                values = [own[what] for own in figures]
                line[name] = mean_and_interval(values)
                measured += [
                    {"singers": part, "seed": seed, "figure": name, "value": value}
                    for seed, value in zip(arguments.seed, values, strict=True)
                ]
        table.append(line)
    print(markdown(table))
    runs.write(table, measured, f"{arguments.singers} synthetic singers a crowd.")
    print(f"Written to {runs.folder.resolve()}")


if __name__ == "__main__":
    main()
