"""Networks that were trained before: weights in a file, and a card that tells of them.

A pretrained network is a folder with ``weights.safetensors`` and ``card.json``. The
card holds what the weights cannot say: the estimator's parameters, how recordings
become chunks, and, for people, who trained it on what and how well it does. Beside them
may lie ``space.safetensors``, the space in which `VoiceFeatures` sees voices. One comes
with the library.
"""

import json
import os
from pathlib import Path
from zlib import crc32

import numpy as np
from sklearn.utils.validation import check_is_fitted

import singerlearn
from singerlearn.features import CQTChunker, MelChunker

WEIGHTS, CARD, SPACE = "weights.safetensors", "card.json", "space.safetensors"
# What comes with the library has a name; everything else is a folder.
SHIPPED = "synthetic-singers"
ENCODERS = {SHIPPED: Path(__file__).resolve().parent / "encoders" / SHIPPED}
CHUNKERS = {"mel": MelChunker, "cqt": CQTChunker}
# Parameters of the network's body, which a card keeps with whatever else the weights
# depend on.
BODY = (
    "block", "cardinality", "filters", "downsampling", "n_cepstra",
    "aggregation", "head_norm", "dense", "dropout",
)  # fmt: skip
# What cards cannot do without.
NEEDED = {
    "parameters": dict,
    "front_end": (dict, type(None)),
    "shape": list,
    "hop_frames": int,
}


class TransferMixin:
    """Estimators whose network can begin where another one's training has ended."""

    _kept = BODY

    @classmethod
    def from_pretrained(cls, pretrained=SHIPPED, **parameters):
        """Return an estimator whose network was trained before, on other singers.

        An embedder embeds recordings at once, and `fit` trains it further, on singers
        of your own; a classifier has to be told by `fit` who they are. Clones, in
        cross-validation say, begin from the same weights.

        Parameters
        ----------
        pretrained : str or Path, default="synthetic-singers"
            A folder that :meth:`SingerEmbedder.save_pretrained` wrote; or the name of
            the encoder that comes with the library and was trained on synthetic singers
            alone (a folder of this name is a `Path`). Its card tells how, and how well
            it does: ``read_card()``.
        **parameters
            What shall differ: of the training, say, or the device.

        Returns
        -------
        SingerEmbedder or SingerNetClassifier
            The embedder is fitted.

        Raises
        ------
        FileNotFoundError
            If there is no such network.
        ValueError
            If its files cannot be read, or if parameters build another network than the
            one that was trained.
        """
        card = read_card(pretrained)
        known = {k: v for k, v in card["parameters"].items() if k in cls._kept}
        front_end = dict(card["front_end"] or {})
        if (kind := front_end.pop("spectrogram", None)) in CHUNKERS:
            known["chunker"] = CHUNKERS[kind](
                chunk_frames=card["shape"][1],
                hop_frames=card["hop_frames"],
                **front_end,
            )
        estimator = cls(**(known | {"pretrained": pretrained} | parameters))
        estimator._restore(card)
        return estimator

    def _restore(self, card):
        """Make what `fit` makes of a pretrained network, where that needs no data."""


class PretrainedMixin(TransferMixin):
    """Estimators that can be had fitted, and be kept for others."""

    _kept = (*BODY, "n_components", "loss", "margin", "loss_params")

    def save_pretrained(self, folder, **about):
        """Keep the fitted network for `from_pretrained`: its weights, and a card.

        Parameters
        ----------
        folder : str or Path
            Made if need be.
        **about
            What else the card shall say, of numbers, words and lists: on whom it was
            trained, how well it does.

        Raises
        ------
        TypeError, ValueError
            If the card cannot be written, or would say something else than it has to;
            nothing is written then.
        """
        check_is_fitted(self, "net_")
        card = {
            "parameters": self._kept_parameters,
            "front_end": self.front_end_,
            "shape": [self.n_features_in_, self.chunk_frames_],
            "hop_frames": self.hop_frames_,
            "singerlearn": singerlearn.__version__,
        }
        if taken := card.keys() & about.keys():
            raise ValueError(f"the card says {min(taken)!r} itself: give another name")
        save(self.net_.module_, card | about, folder)


def read_card(pretrained=SHIPPED):
    """Return the card of a pretrained network.

    Parameters
    ----------
    pretrained : str or Path, default="synthetic-singers"
        Its folder, or its name if it comes with the library.

    Returns
    -------
    dict
        With ``parameters``, ``front_end``, ``shape`` and ``hop_frames`` at least.

    Raises
    ------
    FileNotFoundError
        If there is no such network.
    ValueError
        If the card cannot be read, lacks something, or tells of chunks that this
        version of the library does not know.
    """
    path = locate(pretrained) / CARD
    if not path.is_file():
        raise FileNotFoundError(
            f"no pretrained network {str(pretrained)!r} (looked from {os.getcwd()!r}): "
            f"a folder with {CARD} is needed, as save_pretrained writes it, or the "
            f"name {SHIPPED!r}"
        )
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        missing = [k for k, kind in NEEDED.items() if not isinstance(card[k], kind)]
        missing += [name for name in BODY if name not in card["parameters"]]
    except (ValueError, TypeError, KeyError) as error:  # no JSON, no dict, no such key
        raise ValueError(f"{path} is no card of a network: {error!r}") from error
    if missing:
        raise ValueError(f"{path} is no card of a network: it lacks {missing[0]!r}")
    if fault := _fault(card["shape"], card["hop_frames"], card["front_end"]):
        raise ValueError(f"{path} is no card of a network: {fault}")
    kind = (card["front_end"] or {}).get("spectrogram")
    if kind in CHUNKERS:  # an older one lacks what has come since
        card["front_end"] = CHUNKERS[kind]().front_end | card["front_end"]
    return card


def _fault(shape, hop_frames, front_end):
    """Return what is wrong with the chunks that a card tells of, or None."""
    if len(shape) != 2 or not all(isinstance(n, int) and n > 0 for n in shape):
        return f"its shape {shape} is not a number of bands and one of frames"
    if hop_frames < 1:
        return f"its chunks lie {hop_frames} frames apart, which must be at least 1"
    kind = (front_end or {}).get("spectrogram", "")
    if not isinstance(kind, str):
        return f"its front end has no spectrogram {kind!r}"
    if kind not in CHUNKERS:  # of somebody's own, who brings chunks
        return None
    if unknown := front_end.keys() - CHUNKERS[kind]().front_end.keys():
        return (
            f"{min(unknown)!r} of its front end is unknown to singerlearn "
            f"{singerlearn.__version__}"
        )
    return None


def locate(pretrained):
    """Return the folder of a pretrained network."""
    return ENCODERS.get(pretrained) or Path(pretrained).expanduser()


def load_weights(module, pretrained, *, output=True):
    """Put the weights of a pretrained network into a `SingerNet`.

    Parameters
    ----------
    module : SingerNet
    pretrained : str or Path
        As for `read_card`.
    output : bool, default=True
        Whether the output layer's, too; else it stays as it is.

    Raises
    ------
    ValueError
        If the weights cannot be read, or are of a network of another shape.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = locate(pretrained) / WEIGHTS
    try:
        weights = load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    own = module.state_dict()
    if not output:
        body = {k: v for k, v in weights.items() if not k.startswith("output.")}
        weights = body | {k: v for k, v in own.items() if k.startswith("output.")}
    differ = [
        name
        for name in own.keys() | weights.keys()
        if name not in weights
        or name not in own
        or own[name].shape != weights[name].shape
    ]
    # What it hears, and some ways to sum frames up, have no weights.
    trained = read_card(pretrained)["parameters"]
    weightless = "n_cepstra", "aggregation"
    differ += [name for name in weightless if getattr(module, name) != trained[name]]
    if differ:
        raise ValueError(
            f"the network is built otherwise than pretrained={str(pretrained)!r} "
            f"({sorted(differ)[0]} differs); leave its parameters as from_pretrained "
            "has them"
        )
    module.load_state_dict(weights)


def save(module, card, folder):
    """Write a network's weights and its card into a folder, made if need be."""
    from safetensors.torch import save as as_bytes

    folder = Path(folder).expanduser()
    text = json.dumps(card, indent=1, ensure_ascii=False, default=_plain)
    weights = {name: value.contiguous() for name, value in module.state_dict().items()}
    folder.mkdir(parents=True, exist_ok=True)
    # Both lie there before either takes its place, lest one be left with an old other.
    unfinished = {name: folder / f"{name}.unfinished" for name in (WEIGHTS, CARD)}
    _write(unfinished[WEIGHTS], as_bytes(weights))
    _write(unfinished[CARD], f"{text}\n".encode())
    for name, path in unfinished.items():
        path.replace(folder / name)


def _write(path, content):
    # Not by safetensors, whose files their owner alone may read.
    try:
        path.write_bytes(content)
    except OSError as error:
        raise OSError(f"{path} cannot be written: {error}") from error


def _plain(value):
    """Return what numpy holds as Python has it, for a card."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"a card holds numbers, words and lists, not {value!r}")


def save_space(pretrained, scalings, offset):
    """Keep, beside a pretrained network, how features are seen as those of voices.

    Parameters
    ----------
    pretrained : str or Path
        As for `read_card`.
    scalings : ndarray of shape (n_features, n_dimensions)
    offset : ndarray of shape (n_dimensions,)
    """
    from safetensors.numpy import save as as_bytes

    space = {"scalings": scalings, "offset": offset}
    space = {k: np.ascontiguousarray(v, np.float32) for k, v in space.items()}
    space["weights"] = fingerprint(pretrained)
    _write(locate(pretrained) / SPACE, as_bytes(space))


def load_space(pretrained):
    """Return scalings and offset that `save_space` kept, in double precision.

    Raises
    ------
    FileNotFoundError
        If there are none.
    ValueError
        If the file cannot be read, or belongs to other weights.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = locate(pretrained) / SPACE
    if not path.is_file():
        raise FileNotFoundError(
            f"no {SPACE} beside the pretrained network {str(pretrained)!r}; let "
            "singerlearn.voices.learn_space make one, or set whiten=False"
        )
    try:
        space = load(path.read_bytes())
        scalings, offset = space["scalings"], space["offset"]
        belongs = space["weights"] == fingerprint(pretrained)
    except (OSError, SafetensorError, KeyError) as error:
        raise ValueError(f"{path} cannot be read: {error!r}") from error
    if not belongs:
        raise ValueError(
            f"{path} was learned with other weights than those beside it; let "
            "singerlearn.voices.learn_space make it anew"
        )
    return scalings.astype(float), offset.astype(float)


def fingerprint(pretrained):
    """Return a number that tells a network's weights from others, shape (1,)."""
    weights = (locate(pretrained) / WEIGHTS).read_bytes()
    return np.array([crc32(weights)], np.uint32)
