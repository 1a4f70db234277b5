r"""What a classifier gains from augmentation and synthetic singers, here and elsewhere.

    python benchmarks/augmentation.py --data <folder of RAVDESS song> --seed 0 1 2
    python benchmarks/augmentation.py --data <folder of RAVDESS song> --development

A network is trained on one lyric and melody and names the singers of the crossed one;
both ways (with --development, on the quarters that choices are made on). It is tested
on the recordings as they are, and "elsewhere": on each recording through a channel of
its own. The channels are of the kind that synthetic singers have, drawn once for all
rows: the curve of a microphone, echo, noise, now and then a codec, a compressor or a
gate. None of them is heard in training, but the synthetic singers there have others of
the same kind.

Rows are what `SingerNetClassifier` does to a chunk in training: nothing; crops at any
frame; channels, a smooth curve over the bands; masks; "augmented", all three; and
"singers", nothing, but in batches of several singers with four chunks each. Where a
row's name says so, synthetic singers have to be told apart, too; they double an epoch
and bring channels of their own. --network selects the library's defaults, the network
of the encoder that comes with the library (for as many epochs), or that encoder itself
as a start. Figures are means of both directions over seeds, with Student's interval of
95 % over seeds in brackets; chunks, then recordings. Fits are kept in --output: a run
that is stopped continues where it was.
"""

import time
from functools import cache, partial
from itertools import product

import collection
import machine
import numpy as np
from accuracies import accuracies_of
from command_line import make_parser
from frozen_embeddings import fingerprints
from past_the_paper import NETWORK
from runs import Runs, interval_over_seeds, markdown

from singerlearn import MelChunker, SingerNetClassifier
from singerlearn.audio import load
from singerlearn.pretrained import ENCODERS, SHIPPED
from singerlearn.synthesis import draw_channel
from singerlearn.synthesis.waveform import transmit

AUGMENTED = {
    "nothing": (),
    "crops": ("crops",),
    "crops-channels": ("crops", "channels"),
    "crops-masks": ("crops", "masks"),
    "augmented": ("crops", "channels", "masks"),
}
TRAININGS = {name: dict(augment=augment) for name, augment in AUGMENTED.items()}
TRAININGS["singers"] = dict(augment=(), chunks_per_singer=4)
ROWS = {
    name + suffix: training | dict(synthetic_singers=synthetic_singers)
    for suffix, synthetic_singers in (("", 0), ("-synthetic", "auto"))
    for name, training in TRAININGS.items()
}
NETWORKS = {
    "defaults": SingerNetClassifier,
    "encoder": partial(SingerNetClassifier, **NETWORK),
    "pretrained": SingerNetClassifier.from_pretrained,
}
PLACES = ("as recorded", "elsewhere")


def elsewhere(recordings):
    """Return the recordings, each over a channel of its own, float32 at 22,050 Hz."""
    rngs = map(np.random.RandomState, range(len(recordings)))
    return [
        transmit(load(recording), draw_channel(rng), 22_050, rng)
        for recording, rng in zip(recordings, rngs, strict=True)
    ]


def run(model, heard, singers, train, test):
    """Fit, and return accuracies of both places, and seconds."""
    here = heard("as recorded")
    start = time.perf_counter()
    model.fit([here[i] for i in train], singers[train])
    fit = {"seconds": time.perf_counter() - start}
    for place in PLACES:
        probabilities = model.predict_proba_chunks([heard(place)[i] for i in test])
        right = accuracies_of(probabilities, model.classes_, singers[test])
        fit |= {f"{place}: {what}": share for what, share in right.items()}
    return fit


def summarise(measured):
    """Yield a line for each row: means of the directions, with intervals over seeds."""
    for row in dict.fromkeys(fit["row"] for fit in measured):
        own = [fit for fit in measured if fit["row"] == row]
        line = {"row": row, "fits": len(own)}
        for place, what in product(PLACES, ("chunks", "recordings")):
            name = f"{place}: {what}"
            line[name] = interval_over_seeds(own, name)
        yield line | {"seconds": f"{np.mean([fit['seconds'] for fit in own]):.0f}"}


def main():
    """Run what is asked for and missing, print and save."""
    parser = make_parser(__doc__, tuple(ROWS), {}, default=",".join(AUGMENTED))
    parser.add_argument(
        "--development",
        action="store_true",
        help="use the quarters that choices are made on, not those that are reported",
    )
    parser.add_argument(
        "--network",
        choices=NETWORKS,
        default="defaults",
        help="the library's defaults, the encoder's network, or the encoder's weights",
    )
    parser.add_argument(
        "--epochs", type=collection.positive, default=30, help="epochs of each fit"
    )
    arguments = parser.parse_args()
    voices = collection.load(arguments)
    kind = "development" if arguments.development else "crossed"
    folds = list(collection.crossed_directions(voices, kind))
    settings = {name: getattr(arguments, name) for name in ("network", "epochs")}
    settings |= {"quarters": kind}
    if arguments.network == "pretrained":
        settings["encoder"] = fingerprints(ENCODERS[SHIPPED])
    runs = Runs(arguments.output, settings | voices.identity)
    print(machine.describe(), voices, sep="\n")

    @cache
    def heard(place):
        recordings = voices.recordings
        if place == "elsewhere":
            recordings = elsewhere(recordings)
        return MelChunker(n_jobs=-1).transform(recordings)

    about, fits = {}, {}
    for seed, (fold, train, test), row in product(
        arguments.seed, folds, arguments.rows
    ):
        model = NETWORKS[arguments.network](
            **ROWS[row],
            max_epochs=arguments.epochs,
            device=arguments.device,
            random_state=seed,
            verbose=0,
        )
        key = f"{fold}_seed{seed}_{row}"
        about[key] = {"row": row, "fold": fold, "seed": seed}
        fits[key] = partial(run, model, heard, voices.singers, train, test)
    runs.complete(fits)
    measured = [
        about[key] | {name: float(value) for name, value in runs.read(key).items()}
        for key in fits
    ]
    table = list(summarise(measured))
    print(markdown(table))
    runs.write(table, measured, f"{voices}, {kind} quarters, {arguments.network}.")
    print(f"Written to {runs.folder.resolve()}")


if __name__ == "__main__":
    main()
