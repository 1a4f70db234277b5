r"""Does an embedding tell the singer, or the song? Table 2, Figures 3, 4, 5 and 7.

    python benchmarks/singing_embedding.py --data damp-balanced --root DAMP \
        --regime paper --rows baselines,paper
    python benchmarks/singing_embedding.py --data <folder of RAVDESS song> --seed 0 1
    python benchmarks/singing_embedding.py --data synthetic

There are three protocols. *Balanced*, for DAMP-balanced, is the paper's: songs 11 to 14
are embedded, and fold i trains and validates on the i-th partition of the first ten.
*New songs*, for RAVDESS song: train on one lyric and melody, embed the crossed one;
both ways. *New singers*: train on two thirds of the singers (15 of RAVDESS song; three
quarters of sixty or more) and embed the others, drawn again for each seed. The
synthetic singers, 60 to train on and 20 others, have a strong song effect.

Everything is compared on the same recordings:

- hand-crafted: mean and deviation of classical features, standardised;
- LDA: the same clips, projected by discriminant analysis of the training singers;
- untrained: the library's network with its initial weights;
- contrastive, triplet, supervised-contrastive, margin-softmax: the library's network
  and training with these losses (pairs; batches of P singers with K chunks);
- the rows of Table 2, by the paper's recipe: contrastive pairs at a constant rate.

The paper's rows have two regimes: *paper* trains until its early-stopping test, on
other singers if the protocol has any, or until --epochs are over; *quick* trains for
--steps of 32 chunks (or --epochs), as everything else does in both regimes.

Fits are kept in --output: a run that is stopped continues where it was. The table (also
as CSV and JSON) gives mean and standard deviation over folds and seeds of

- singer and song accuracy of the k nearest neighbours, leave-one-out;
- crossed: the singer among recordings that share no song (neither lyric nor melody)
  with the query; with new songs, these are the recordings trained on;
- EER over crossed pairs of recordings;
- contrastive loss over pairs of test chunks of two recordings, as it is and in the unit
  of length that minimises the loss on the training chunks. The paper's loss, from Table
  2, is shown beside it; its pairs may also be of the same recording, which is easier.
"""

import time
from functools import partial
from itertools import islice
from typing import NamedTuple

import collection
import machine
import matplotlib
import numpy as np
import training_curves
from command_line import add_regime, make_parser
from embedding_measures import N_NEIGHBORS, measure, rehearse
from paper import EMBEDDERS, count_parameters
from runs import Runs, markdown, mean_and_spread
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch
from steps import EFFORT, STEPS_OF, Steps, steps_taken

from singerlearn import ClipEmbedder, EmbeddingDisplay, KNNDisplay, SingerEmbedder
from singerlearn.chunks import by_recording, mean_of_each
from singerlearn.datasets import balanced_split, iter_balanced_splits
from singerlearn.nn.losses import LOSSES

matplotlib.use("Agg")

N_COMPONENTS = 16  # as the paper's rows have
BATCH = 32
CLIPS = ("hand-crafted", "LDA")  # which draw nothing
BASELINES = (*CLIPS, "untrained")
COMPARING = tuple(loss for loss in LOSSES if loss != "margin-softmax")
RECIPE = "resnext-shallow-attention"  # the row whose shape the paper's Figure 6 shows
DEFAULT = (*BASELINES, *LOSSES, RECIPE)
AS_RECORDED = dict(stretches=(), synthetic_singers=0)  # no singers beyond the data
# Figures 4 and 7: the paper's three, and what goes further than they do.
DRAWN = (
    "hand-crafted",
    "LDA",
    "resnext-shallow-none",
    RECIPE,
    "supervised-contrastive",
)


class Split(NamedTuple):
    """One fold: what it is called, what is trained on, tested and validated on."""

    protocol: str
    fold: str
    seed: int
    train: np.ndarray
    test: np.ndarray
    valid: np.ndarray = np.array([], dtype=int)

    def seed_of(self, row):
        """Return the seed that a fit depends on; None where nothing is drawn."""
        return self.seed if self.protocol == "new singers" or row not in CLIPS else None

    def key(self, row):
        """Return the name under which a fit is kept."""
        seed = self.seed_of(row)
        drawn = "" if seed is None else f"seed{seed}"
        parts = (self.protocol, self.fold, drawn, row)
        return "_".join(part.replace(" ", "-") for part in parts if part)

    def among(self, used):
        """Return the split in places among the recordings that are used."""
        sides = {name: getattr(self, name) for name in ("train", "test", "valid")}
        return self._replace(
            **{name: np.searchsorted(used, side) for name, side in sides.items()}
        )


def balanced(voices, n_folds, seed):
    """Yield the paper's split, and of the next partitions of the first ten songs."""
    everything = Bunch(
        recordings=list(range(len(voices.singers))),
        singers=voices.singers,
        songs=voices.songs,
        song_titles=voices.song_titles,
    )
    partitions = islice(iter_balanced_splits(everything), n_folds)
    for i, partition in enumerate(partitions, 1):
        train, valid, test = (
            np.array(part.recordings)
            for part in balanced_split(
                everything, partition.train_songs, partition.valid_songs
            )
        )
        yield Split("balanced", f"fold{i}", seed, train, test, valid)


def new_songs(voices, n_folds, seed):
    """Yield one lyric and melody to train on, the crossed one to embed; and back."""
    for name, train, test in collection.crossed_directions(voices):
        yield Split("new songs", name, seed, train, test)


def new_singers(voices, n_folds, seed):
    """Yield some singers to train on, others to embed, women and men as in all."""
    singers, first = np.unique(voices.singers, return_index=True)
    share = 8 / 23 if len(singers) < 60 else 1 / 4
    test = train_test_split(
        singers,
        test_size=round(share * len(singers)),
        stratify=voices.gender[first],
        random_state=seed,
    )[1]
    new = np.isin(voices.singers, test)
    yield Split("new singers", "", seed, np.flatnonzero(~new), np.flatnonzero(new))


PROTOCOLS = {"balanced": balanced, "new-songs": new_songs, "new-singers": new_singers}
SYNTHETIC = dict(n_singers=80, n_songs=6, song_effect=2.0)


def build(row, seed, arguments):
    """Return an embedder, not fitted, that will be trained as long as it should."""
    if row == "hand-crafted":
        return ClipEmbedder(StandardScaler())
    if row == "LDA":
        return ClipEmbedder()
    common = dict(device=arguments.device, random_state=seed, verbose=0)
    if row in EMBEDDERS:
        make = partial(SingerEmbedder.paper, **EMBEDDERS[row].architecture)
        if arguments.regime == "paper":
            if arguments.epochs is not None:
                common["max_epochs"] = arguments.epochs
            return make(**common)
        common["early_stopping"] = False
    else:
        common |= AS_RECORDED | dict(n_components=N_COMPONENTS)
        if arguments.filters:
            common["filters"] = arguments.filters
        if row == "untrained":
            # Batch norm hears a chunk of each recording; the weights stay as drawn.
            still = dict(lr=1e-12, lr_schedule=None, max_epochs=1)
            return SingerEmbedder(
                loss="margin-softmax", chunks_per_recording=1, **still, **common
            )
        make = partial(SingerEmbedder, loss=row)
    if arguments.epochs is None:
        common["callbacks"] = [Steps(arguments.steps)]
    else:
        common["max_epochs"] = arguments.epochs
    return make(batch_size=BATCH, **common)


def embed(row, split, heard, voices, arguments):
    """Fit, and return where the chunks of all recordings of the split lie."""
    X = heard("clips" if row in CLIPS else "mel")
    train = [X[i] for i in split.train]
    model = build(row, split.seed, arguments)
    fitted, singers, options = split.train, voices.singers[split.train], {}
    if len(split.valid) and (row in EMBEDDERS or row in COMPARING):
        # Who sang all songs of both parts is in both, and here two singers.
        aside = np.char.add("to validate: ", voices.singers[split.valid])
        fitted = np.append(fitted, split.valid)
        singers = np.append(singers, aside)
        options["validation_singers"] = np.unique(aside)
    song = np.unique(np.stack(voices.groupings)[:, split.train], axis=1)
    if row in LOSSES and song.shape[1] > 1:
        # Partners of another song (or lyric), where the training side has such.
        options["songs"] = voices.groupings[0][fitted]
    start = time.perf_counter()
    model.fit([X[i] for i in fitted], singers, **options)
    seconds = time.perf_counter() - start
    return {
        "train": np.concatenate(model.transform_chunks(train)),
        "test": np.concatenate(model.transform_chunks([X[i] for i in split.test])),
        "seconds": seconds,
        "steps": steps_taken(model),
    } | training_curves.losses(model)


def summarise(measured):
    """Yield a line for each protocol and row: mean and spread over its fits."""
    shown = [
        f"{what} {k}" for what in ("singer", "crossed", "song") for k in N_NEIGHBORS
    ]
    for protocol, row in dict.fromkeys((m["protocol"], m["row"]) for m in measured):
        own = [m for m in measured if (m["protocol"], m["row"]) == (protocol, row)]
        line = {"protocol": protocol, "row": row, "fits": len(own)}
        total, paper = "", {}
        if row in EMBEDDERS:
            paper = EMBEDDERS[row].paper
            total = count_parameters(EMBEDDERS[row].architecture, N_COMPONENTS)[1]
        line |= {"total, k": total, "total, paper": paper.get("total", "")}
        for column in (*shown, "EER", "loss"):
            line[column] = mean_and_spread([m[column] for m in own])
        line["loss, paper"] = paper.get("loss", "")
        line["loss, scaled"] = mean_and_spread([m["loss, scaled"] for m in own])
        for what in EFFORT:
            line[what] = f"{np.mean([m[what] for m in own]):.0f}"
        yield line


def draw(protocol, measured, results, n_chunks, voices, folder):
    """Write Figure 5 of all fits of a protocol, and Figures 3, 4 and 7 of one fold.

    Parameters
    ----------
    protocol : str
    measured : list of dict
        Figures of the protocol's fits.
    results : dict of str to tuple of (Split, dict)
        By their rows, fits of the protocol's first fold, as `embed` returns them.
    n_chunks : ndarray of shape (n_recordings,)
    voices : Collection
    folder : Path
    """
    suffix = protocol.replace(" ", "_") + ".png"
    drawn = [row for row in DRAWN if row in results] or list(results)[:4]
    # No more rows than colours can tell apart.
    rows = list(results) if len(results) <= 8 else drawn

    def mean(what, own):
        return np.mean([fit[what] for fit in own])

    accuracies, chance = {}, {}
    for what in ("singer", "song"):
        chance[f"{what}s"] = mean(f"{what} chance", measured)
        accuracies[f"{what}s"] = {
            row: {
                k: mean(f"{what} {k}", [fit for fit in measured if fit["row"] == row])
                for k in N_NEIGHBORS
            }
            for row in rows
        }
    display = KNNDisplay(accuracies, chance=chance).plot()
    display.figure_.savefig(folder / f"figure5_{suffix}", dpi=120)

    split = next(split for split, _ in results.values())
    singers, songs = voices.singers[split.test], voices.songs[split.test]

    # More singers than colours can tell apart: ten of them, as in the paper.
    names = np.unique(singers)
    seen = np.isin(singers, names if len(names) <= 23 else names[:10])
    chunks = {}
    for row in drawn:
        each = by_recording(results[row][1]["test"], n_chunks[split.test])
        chunks[row] = [z for z, is_seen in zip(each, seen, strict=True) if is_seen]
    of_recordings = {row: mean_of_each(own) for row, own in chunks.items()}
    for number, embeddings in ((4, of_recordings), (7, chunks)):
        display = EmbeddingDisplay.from_embeddings(
            embeddings, singers=singers[seen], songs=songs[seen]
        ).plot()
        display.figure_.savefig(folder / f"figure{number}_{suffix}", dpi=120)

    # Only of the paper's loss, since others are not of one scale.
    networks = {row: EMBEDDERS[row].network for row in results if row in EMBEDDERS}
    networks |= {row: "library" for row in results if row == "contrastive"}
    training_curves.draw(
        {row: results[row][1] for row in networks},
        networks,
        folder / f"figure3_{suffix}",
    )


def parse():
    """Read the command line."""
    parser = make_parser(
        __doc__,
        (*BASELINES, *LOSSES, *EMBEDDERS),
        {"baselines": BASELINES, "losses": LOSSES, "paper": EMBEDDERS},
        default=",".join(DEFAULT),
    )
    add_regime(
        parser,
        n_folds=1,
        folds="folds of the balanced protocol, up to 210",
        epochs="quick: as many as make --steps; paper: no limit",
    )
    parser.add_argument(
        "--protocols",
        nargs="+",
        choices=PROTOCOLS,
        help="by default, those that suit the data",
    )
    parser.add_argument(
        "--steps",
        type=collection.positive,
        default=300,
        help="training steps of 32 chunks",
    )
    parser.add_argument(
        "--filters",
        type=collection.positive,
        nargs="+",
        help="channels of the library's network, instead of its default",
    )
    return parser.parse_args()


def plan(arguments, voices):
    """Return the folds that are asked for, and the recordings that they need."""
    protocols = arguments.protocols
    if not protocols:
        protocols = ["balanced"] if voices.song_titles else ["new-singers"]
        if len(voices.groupings) > 1:
            protocols = ["new-songs", *protocols]
    try:
        splits = [
            split
            for seed in arguments.seed
            for protocol in protocols
            for split in PROTOCOLS[protocol](voices, arguments.folds, seed)
        ]
    except ValueError as error:
        raise SystemExit(f"--protocols {' '.join(protocols)}: {error}") from error
    used = np.unique(np.concatenate([np.concatenate(split[3:]) for split in splits]))
    return [split.among(used) for split in splits], voices.take(used)


def main():
    """Run what is asked for and missing, print and save."""
    arguments = parse()
    voices = collection.load(arguments, **SYNTHETIC)
    chosen = "data", "duration", "regime", "steps", "epochs", "filters"
    settings = {name: getattr(arguments, name) for name in chosen} | voices.identity
    settings["steps of"] = STEPS_OF
    runs = Runs(arguments.output, settings)
    print(machine.describe(), voices, sep="\n")
    splits, voices = plan(arguments, voices)
    heard = collection.listen(voices.recordings, runs.folder / "spectrograms")
    n_chunks = np.array([len(x) for x in heard("mel")])
    about = {split.key(row): (split, row) for split in splits for row in arguments.rows}
    for split in splits:
        if any(split.key(row) not in runs for row in arguments.rows):
            rehearse(n_chunks, split, voices)
    runs.complete(
        {
            key: partial(embed, row, split, heard, voices, arguments)
            for key, (split, row) in about.items()
        }
    )
    fits, first = [], {}
    for key, (split, row) in about.items():
        # One by one: the chunks of hundreds of fits are more than memory holds.
        result = runs.read(key)
        fit = {"protocol": split.protocol, "fold": split.fold}
        fit |= {"seed": split.seed_of(row), "row": row}
        fits.append(fit | measure(result, n_chunks, split, voices))
        first.setdefault(split.protocol, {}).setdefault(row, (split, result))

    table = list(summarise(fits))
    print(markdown(table))
    regime = f"{arguments.regime} regime, {arguments.steps} steps of {BATCH} chunks"
    caption = f"{voices}; {regime}."
    runs.write(table, fits, caption)
    for protocol, of_row in first.items():
        own = [fit for fit in fits if fit["protocol"] == protocol]
        draw(protocol, own, of_row, n_chunks, voices, runs.folder)
    print(f"Table and pictures are in {runs.folder.resolve()}")


if __name__ == "__main__":
    main()
