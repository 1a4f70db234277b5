"""Does an embedding hear the singer, or the song? The paper's Figures 4, 5 and 7.

    python benchmarks/singing_embedding.py --data <folder of RAVDESS song>
    python benchmarks/singing_embedding.py --data synthetic

Two protocols. *New songs*, of RAVDESS song: train on one lyric and melody, embed the
crossed one, both ways round. *New singers*: train on two thirds of the singers (15 of
RAVDESS song; three quarters of sixty or more), embed the others, drawn anew for each
seed. The synthetic singers, 60 to train on and 20 others, have a strong song effect.
Everything is compared on the same recordings:

- hand-crafted: mean and deviation of classical features, standardised;
- LDA: the same clips, projected by discriminant analysis of the training singers;
- untrained: the library's network with its initial weights;
- paper: the paper's network, loss and rate, for --steps rather than to its patience;
- contrastive, triplet, supervised-contrastive, margin-softmax: the library's network
  and training with these losses (pairs; batches of P singers with K chunks).

Every step holds 32 chunks. Fits are kept in --output: a run that is stopped goes on
where it was. The table (also as CSV) gives mean and standard deviation over seeds and
directions of

- singer and song accuracy of the k nearest neighbours, leave-one-out;
- crossed: the singer among recordings that share neither lyric nor melody with the
  query (with new songs, these are the recordings trained on);
- EER over crossed pairs of recordings;
- contrastive loss over pairs of test chunks of two recordings (Table 2), as it is and
  in the unit of length that makes the loss on the training chunks least.
"""

import argparse
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import collection
import machine
import matplotlib
import numpy as np
from runs import Runs, markdown, mean_and_spread
from scipy.optimize import minimize_scalar
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from singerlearn import ClipEmbedder, EmbeddingDisplay, KNNDisplay, SingerEmbedder
from singerlearn.metrics import (
    contrastive_loss,
    equal_error_rate,
    leave_one_out_knn,
    leave_one_out_predict,
    make_trials,
)
from singerlearn.nn.losses import LOSSES

matplotlib.use("Agg")

N_NEIGHBORS = (1, 3, 5, 7)
BATCH = 32
MODELS = ("hand-crafted", "LDA", "untrained", "paper", *LOSSES)
DRAWN = ("hand-crafted", "LDA", "paper", "supervised-contrastive")  # in Figures 4 and 7


class Split(NamedTuple):
    """One fit: what it is called, and on which recordings it is trained and tested."""

    protocol: str
    name: str
    seed: int
    train: np.ndarray
    test: np.ndarray


def new_songs(voices, seed):
    """Train on one lyric and melody, embed the crossed one, both ways round."""
    for name, train, test in collection.crossed_directions(voices):
        yield Split("new songs", name, seed, train, test)


def new_singers(voices, seed):
    """Embed singers who were not trained on, women and men in the shares of all."""
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


PROTOCOLS = {"new-songs": new_songs, "new-singers": new_singers}
SYNTHETIC = dict(n_singers=80, n_songs=6, song_effect=2.0)


def build(name, split, n_chunks, steps, network):
    """Return an embedder, not fitted, that will be trained for so many steps."""
    if name == "hand-crafted":
        return ClipEmbedder(StandardScaler())
    if name == "LDA":
        return ClipEmbedder()
    common = dict(batch_size=BATCH, random_state=split.seed, verbose=0)
    if name == "untrained":
        # Batch norm hears the recordings; the weights stay as they were drawn.
        still = dict(lr=1e-12, lr_schedule=None, max_epochs=1, chunks_per_recording=1)
        return SingerEmbedder(loss="margin-softmax", **still, **common, **network)
    if name == "paper":
        common["device"] = network["device"]
        make = partial(SingerEmbedder.paper, early_stopping=False)
        in_epoch = 2 * n_chunks.sum()
    else:
        make = partial(SingerEmbedder, loss=name, **network)
        in_epoch = np.minimum(n_chunks, 8).sum() * (2 if name == "contrastive" else 1)
    return make(max_epochs=max(1, round(steps * BATCH / in_epoch)), **common)


def embed(name, split, heard, voices, steps, network):
    """Fit, and return where the chunks of all recordings of the split lie."""
    X = heard("clips" if name in ("hand-crafted", "LDA") else "mel")
    train = [X[i] for i in split.train]
    model = build(name, split, np.array([len(x) for x in train]), steps, network)
    # Partners of another lyric or melody, where the training side has such.
    song = np.unique(np.stack(voices.groupings)[:, split.train], axis=1)
    songs = {}
    if name in LOSSES and song.shape[1] > 1:
        songs["songs"] = voices.groupings[0][split.train]
    start = time.perf_counter()
    model.fit(train, voices.singers[split.train], **songs)
    seconds = time.perf_counter() - start
    return {
        "train": np.concatenate(model.transform_chunks(train)),
        "test": np.concatenate(model.transform_chunks([X[i] for i in split.test])),
        "seconds": seconds,
    }


def measure(fit, n_chunks, split, voices):
    """Return every figure of one fit."""
    chunks = {
        side: np.split(fit[side], np.cumsum(n_chunks[getattr(split, side)])[:-1])
        for side in ("train", "test")
    }
    Z = {side: np.stack([z.mean(axis=0) for z in chunks[side]]) for side in chunks}
    singers = {side: voices.singers[getattr(split, side)] for side in chunks}

    # Crossed neighbours: among the new singers' own recordings, or those trained on.
    known = [] if split.protocol == "new singers" else [split.train]
    everything = np.concatenate([split.test, *known])
    placed = np.concatenate([Z["test"], *([Z["train"]] if known else [])])
    crossed = [grouping[everything] for grouping in voices.groupings]
    named = {
        k: leave_one_out_predict(
            placed,
            voices.singers[everything],
            n_neighbors=k,
            exclude_groups=crossed,
        )[: len(split.test)]
        for k in N_NEIGHBORS
    }
    trials = make_trials(voices.singers[everything], exclude_groups=crossed)
    row = {"EER": equal_error_rate(trials.is_target, trials.scores(placed))}
    row |= {
        f"crossed {k}": np.mean(labels == singers["test"])
        for k, labels in named.items()
    }
    for what, labels in (
        ("singer", singers["test"]),
        ("song", voices.songs[split.test]),
    ):
        found = leave_one_out_knn(Z["test"], labels, n_neighbors=N_NEIGHBORS)
        row |= {f"{what} {k}": accuracy for k, accuracy in found.items()}

    pairs = {side: chunk_pairs(chunks[side], singers[side]) for side in chunks}
    row["loss"] = contrastive_loss(*pairs["test"])
    unit = best_unit(*pairs["train"])
    is_target, distances = pairs["test"]
    row["loss, scaled"] = contrastive_loss(is_target, unit * distances)
    return row | {"seconds": float(fit["seconds"])}


def chunk_pairs(chunks, singers, n_pairs=20_000):
    """Return which pairs of chunks are of one singer, and their squared distances."""
    n_chunks = [len(z) for z in chunks]
    recordings = np.repeat(np.arange(len(chunks)), n_chunks)
    singers = np.repeat(singers, n_chunks)
    every = make_trials(singers, exclude_groups=recordings).is_target
    n_each = min(n_pairs, every.sum(), (~every).sum())
    trials = make_trials(
        singers,
        exclude_groups=recordings,
        n_targets=n_each,
        n_nontargets=n_each,
        random_state=0,
    )
    return trials.is_target, trials.distances(np.concatenate(chunks))


def best_unit(is_target, distances):
    """Return the factor on squared distances with the least contrastive loss."""

    def loss(log_factor):
        return contrastive_loss(is_target, np.exp(log_factor) * distances)

    return np.exp(minimize_scalar(loss, bounds=(-15, 15), method="bounded").x)


def summarise(measured):
    """Return one row a protocol and model: mean and spread over its fits."""
    shown = [
        f"{what} {k}" for what in ("singer", "crossed", "song") for k in N_NEIGHBORS
    ]
    for protocol, model in dict.fromkeys((m["protocol"], m["model"]) for m in measured):
        own = [m for m in measured if (m["protocol"], m["model"]) == (protocol, model)]
        row = {"protocol": protocol, "model": model, "fits": len(own)}
        for column in (*shown, "EER", "loss", "loss, scaled"):
            row[column] = mean_and_spread([m[column] for m in own])
        yield row | {"seconds": f"{np.mean([m['seconds'] for m in own]):.0f}"}


def draw(runs, measured, split, n_chunks, voices, output):
    """Write Figure 5 of all fits of a protocol, and Figures 4 and 7 of one of them."""
    protocol = split.protocol
    suffix = protocol.replace(" ", "_") + ".png"
    own = [m for m in measured if m["protocol"] == protocol]
    models = dict.fromkeys(m["model"] for m in own)
    accuracies = {
        f"{what}s": {
            model: {
                k: np.mean([m[f"{what} {k}"] for m in own if m["model"] == model])
                for k in N_NEIGHBORS
            }
            for model in models
        }
        for what in ("singer", "song")
    }
    singers, songs = voices.singers[split.test], voices.songs[split.test]
    chance = KNNDisplay.from_embeddings(
        {"any": np.zeros((len(singers), 1))}, singers=singers, songs=songs
    ).chance
    display = KNNDisplay(accuracies, chance=chance).plot()
    display.figure_.savefig(output / f"figure5_{suffix}", dpi=120)

    shown = [model for model in DRAWN if model in models]
    chunks = {
        model: np.split(
            runs.get(key(split, model), None)["test"],
            np.cumsum(n_chunks[split.test])[:-1],
        )
        for model in shown
    }
    of_recordings = {
        model: np.stack([z.mean(axis=0) for z in own]) for model, own in chunks.items()
    }
    for number, embeddings in ((4, of_recordings), (7, chunks)):
        display = EmbeddingDisplay.from_embeddings(
            embeddings, singers=singers, songs=songs
        ).plot()
        display.figure_.savefig(output / f"figure{number}_{suffix}", dpi=120)


def key(split, model):
    """Return the name under which a fit is kept."""
    parts = (split.protocol, split.name, f"seed{split.seed}", model)
    return "_".join(part.replace(" ", "-") for part in parts if part)


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    collection.add_arguments(parser)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--protocols", nargs="+", choices=PROTOCOLS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=300, help="of 32 chunks")
    parser.add_argument("--filters", type=int, nargs="+", help="library's network")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--output", type=Path, default=Path("singing_embedding"))
    return parser.parse_args()


def main():
    """Run what is asked for and missing, print and save."""
    arguments = parse()
    settings = {"data": arguments.data, "steps": arguments.steps}
    network = {"filters": arguments.filters} if arguments.filters else {}
    runs = Runs(arguments.output, settings | network)
    network["device"] = arguments.device

    voices = collection.load(arguments, **SYNTHETIC)
    print(machine.describe(), voices, sep="\n")
    heard = collection.listen(voices.recordings, arguments.output / "spectrograms")
    n_chunks = np.array([len(x) for x in heard("mel")])
    possible = PROTOCOLS if len(voices.groupings) > 1 else ["new-singers"]
    splits = [
        split
        for seed in arguments.seeds
        for protocol in arguments.protocols or possible
        for split in PROTOCOLS[protocol](voices, seed)
    ]
    about = {
        key(split, model): (split, model)
        for split in splits
        for model in arguments.models
    }
    results = runs.complete(
        {
            name: partial(embed, model, split, heard, voices, arguments.steps, network)
            for name, (split, model) in about.items()
        }
    )
    fits = []
    for name, (split, model) in about.items():
        row = {"protocol": split.protocol, "split": split.name, "seed": split.seed}
        row["model"] = model
        fits.append(row | measure(results[name], n_chunks, split, voices))

    table = list(summarise(fits))
    print(markdown(table))
    caption = f"{voices}, {arguments.steps} steps of {BATCH} chunks."
    runs.write(table, fits, caption)
    for protocol in dict.fromkeys(split.protocol for split in splits):
        split = next(split for split in splits if split.protocol == protocol)
        draw(runs, fits, split, n_chunks, voices, arguments.output)
    print(f"Table and pictures are in {arguments.output.resolve()}")


if __name__ == "__main__":
    main()
