"""Does an embedding hear the singer, or the song? The paper's Figures 4, 5 and 7.

    python benchmarks/singing_embedding.py --data <folder of RAVDESS song>
    python benchmarks/singing_embedding.py --data synthetic

Two protocols. *New songs*: train on one lyric and melody, embed the crossed one, both
ways round. *New singers*: train on 15 singers, embed the 8 others, drawn anew for each
seed. Synthetic singers with a strong song effect have the second only: 60 train, 20
others are embedded. Everything is compared on the same recordings:

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
import csv
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import machine
import matplotlib
import numpy as np
from runs import Runs, markdown, mean_and_spread
from scipy.optimize import minimize_scalar
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tqdm.auto import tqdm

from singerlearn import (
    ClipEmbedder,
    EmbeddingDisplay,
    HandcraftedFeatures,
    KNNDisplay,
    MelChunker,
    SingerEmbedder,
)
from singerlearn.datasets import load_ravdess_song, make_singers
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


class Collection(NamedTuple):
    """Recordings, and what two of them must not share to be crossed."""

    recordings: list
    singers: np.ndarray
    songs: np.ndarray
    gender: np.ndarray
    groupings: list


class Split(NamedTuple):
    """One fit: what it is called, and on which recordings it is trained and tested."""

    protocol: str
    name: str
    seed: int
    train: np.ndarray
    test: np.ndarray


def load(data):
    """Return the recordings of RAVDESS song, or synthetic singers."""
    if data == "synthetic":
        made = make_singers(80, 6, song_effect=2.0, n_jobs=-1, random_state=0)
        return Collection(
            made.recordings, made.singers, made.songs, made.gender, [made.songs]
        )
    read = load_ravdess_song(data, unit="performance", n_jobs=-1)
    return Collection(
        read.recordings,
        read.singers,
        read.songs,
        read.gender,
        [read.statement, read.melody],
    )


def new_songs(collection, seed):
    """Train on one lyric and melody, embed the crossed one: kids x minor, dogs x major.

    These are the quarters that `crossed_ravdess.py` reports on, too.
    """
    lyric, melody = collection.groupings
    minor = (lyric == "kids") & (melody == "minor")
    major = (lyric == "dogs") & (melody == "major")
    for name, train, test in (("to-major", minor, major), ("to-minor", major, minor)):
        yield Split(
            "new songs", name, seed, np.flatnonzero(train), np.flatnonzero(test)
        )


def new_singers(collection, seed, share=8 / 23):
    """Embed singers who were not trained on, as many women and men as there are."""
    singers, first = np.unique(collection.singers, return_index=True)
    test = train_test_split(
        singers,
        test_size=round(share * len(singers)),
        stratify=collection.gender[first],
        random_state=seed,
    )[1]
    new = np.isin(collection.singers, test)
    yield Split("new singers", "", seed, np.flatnonzero(~new), np.flatnonzero(new))


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


def embed(name, split, inputs, collection, steps, network):
    """Fit, and return where the chunks of all recordings of the split lie."""
    X = inputs["clips" if name in ("hand-crafted", "LDA") else "chunks"]
    train = [X[i] for i in split.train]
    model = build(name, split, np.array([len(x) for x in train]), steps, network)
    # Partners of another lyric or melody, where the training side has such.
    song = np.unique(np.stack(collection.groupings)[:, split.train], axis=1)
    songs = {}
    if name in LOSSES and song.shape[1] > 1:
        songs["songs"] = collection.groupings[0][split.train]
    start = time.perf_counter()
    model.fit(train, collection.singers[split.train], **songs)
    seconds = time.perf_counter() - start
    return {
        "train": np.concatenate(model.transform_chunks(train)),
        "test": np.concatenate(model.transform_chunks([X[i] for i in split.test])),
        "seconds": seconds,
    }


def measure(fit, n_chunks, split, collection):
    """Return every figure of one fit."""
    chunks = {
        side: np.split(fit[side], np.cumsum(n_chunks[getattr(split, side)])[:-1])
        for side in ("train", "test")
    }
    Z = {side: np.stack([z.mean(axis=0) for z in chunks[side]]) for side in chunks}
    singers = {side: collection.singers[getattr(split, side)] for side in chunks}

    # Crossed neighbours: among the new singers' own recordings, or those trained on.
    known = [] if split.protocol == "new singers" else [split.train]
    everything = np.concatenate([split.test, *known])
    placed = np.concatenate([Z["test"], *([Z["train"]] if known else [])])
    crossed = [grouping[everything] for grouping in collection.groupings]
    named = {
        k: leave_one_out_predict(
            placed,
            collection.singers[everything],
            n_neighbors=k,
            exclude_groups=crossed,
        )[: len(split.test)]
        for k in N_NEIGHBORS
    }
    trials = make_trials(collection.singers[everything], exclude_groups=crossed)
    row = {"EER": equal_error_rate(trials.is_target, trials.scores(placed))}
    row |= {
        f"crossed {k}": np.mean(labels == singers["test"])
        for k, labels in named.items()
    }
    for what, labels in (
        ("singer", singers["test"]),
        ("song", collection.songs[split.test]),
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


def draw(runs, measured, split, n_chunks, collection, output):
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
    singers, songs = collection.singers[split.test], collection.songs[split.test]
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


def main():
    """Read the command line, run, print and save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="folder, or 'synthetic'")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--protocols", nargs="+", choices=("new-songs", "new-singers"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=300, help="of 32 chunks")
    parser.add_argument("--filters", type=int, nargs="+", help="library's network")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--output", type=Path, default=Path("singing_embedding"))
    arguments = parser.parse_args()
    if arguments.data == "synthetic":
        if "new-songs" in (arguments.protocols or ()):
            parser.error("synthetic singers have the protocol new-singers only")
        protocols = [partial(new_singers, share=1 / 4)]
    else:
        chosen = arguments.protocols or ("new-songs", "new-singers")
        named = {"new-songs": new_songs, "new-singers": new_singers}
        protocols = [named[protocol] for protocol in chosen]

    print(machine.describe())
    collection = load(arguments.data)
    print(
        f"{len(collection.recordings)} recordings of "
        f"{len(np.unique(collection.singers))} singers"
    )
    inputs = {
        "clips": HandcraftedFeatures(n_jobs=-1).fit_transform(collection.recordings),
        "chunks": MelChunker(n_jobs=-1).fit_transform(collection.recordings),
    }
    n_chunks = np.array([len(x) for x in inputs["chunks"]])
    settings = {"data": arguments.data, "steps": arguments.steps}
    network = {"filters": arguments.filters} if arguments.filters else {}
    runs = Runs(arguments.output, settings | network)
    network["device"] = arguments.device
    fits = [
        (split, model)
        for seed in arguments.seeds
        for protocol in protocols
        for split in protocol(collection, seed)
        for model in arguments.models
    ]
    measured = []
    for split, model in tqdm(fits, unit="fit"):
        fit = runs.get(
            key(split, model),
            partial(embed, model, split, inputs, collection, arguments.steps, network),
        )
        row = {"protocol": split.protocol, "split": split.name, "seed": split.seed}
        row["model"] = model
        measured.append(row | measure(fit, n_chunks, split, collection))

    table = markdown(list(summarise(measured)))
    print(table)
    (arguments.output / "table.md").write_text(table + "\n")
    with (arguments.output / "fits.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, measured[0])
        writer.writeheader()
        writer.writerows(measured)
    for protocol in dict.fromkeys(split.protocol for split, _ in fits):
        split = next(split for split, _ in fits if split.protocol == protocol)
        draw(runs, measured, split, n_chunks, collection, arguments.output)
    print(f"Table and pictures are in {arguments.output.resolve()}")


if __name__ == "__main__":
    main()
