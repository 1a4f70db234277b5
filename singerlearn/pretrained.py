"""Networks that were trained before: weights in a file, and a card that tells of them.

A pretrained network is a folder with ``weights.safetensors`` and ``card.json``. The
card holds what the weights cannot say: the estimator's parameters, how recordings
become chunks, and, for people, who trained it on what and how well it does.
"""

import json
from pathlib import Path

from sklearn.utils.validation import check_is_fitted

import singerlearn
from singerlearn.features import CQTChunker, MelChunker

WEIGHTS, CARD = "weights.safetensors", "card.json"
CHUNKERS = {"mel": MelChunker, "cqt": CQTChunker}
# What a card keeps of an estimator's parameters: those that the weights depend on.
KEPT = (
    "n_components", "loss", "margin", "loss_params",
    "block", "cardinality", "filters", "downsampling",
    "aggregation", "head_norm", "dense", "dropout",
)  # fmt: skip


class PretrainedMixin:
    """Estimators that can be had fitted, and be kept for others."""

    @classmethod
    def from_pretrained(cls, pretrained, **parameters):
        """Return an embedder that was trained before.

        It embeds recordings at once. `fit` trains it further, on singers of your own,
        and so does `fit` of its clones, in cross-validation say.

        Parameters
        ----------
        pretrained : str or Path
            A folder that `save_pretrained` wrote.
        **parameters
            What shall differ: of the training, say, or the device.

        Returns
        -------
        SingerEmbedder
            Fitted.

        Raises
        ------
        FileNotFoundError
            If there is no such embedder.
        ValueError
            If parameters build another network than the one that was trained.
        """
        card = read_card(pretrained)
        front_end = dict(card["front_end"] or {})
        if kind := front_end.pop("spectrogram", None):
            _, chunk_frames = card["shape"]
            chunker = CHUNKERS[kind](chunk_frames=chunk_frames, **front_end)
            parameters = {"chunker": chunker} | parameters
        known = {"pretrained": pretrained} | card["parameters"]
        embedder = cls(**(known | parameters))
        embedder._restore(card)
        return embedder

    def save_pretrained(self, folder, **about):
        """Keep the fitted network for `from_pretrained`: its weights, and a card.

        Parameters
        ----------
        folder : str or Path
            Made if need be.
        **about
            What else the card shall say, of numbers, words and lists: on whom it was
            trained, how well it does.
        """
        check_is_fitted(self, "net_")
        parameters = self.get_params(deep=False)
        card = {
            "parameters": {name: parameters[name] for name in KEPT},
            "front_end": self.front_end_,
            "shape": [self.n_features_in_, self.chunk_frames_],
            "singerlearn": singerlearn.__version__,
        }
        save(self.net_.module_, card | about, folder)


def read_card(pretrained):
    """Return the card of a pretrained network.

    Parameters
    ----------
    pretrained : str or Path
        Its folder.

    Returns
    -------
    dict
        With ``parameters``, ``front_end`` and ``shape`` at least.

    Raises
    ------
    FileNotFoundError
        If there is no such network.
    """
    card = Path(pretrained) / CARD
    if not card.is_file():
        raise FileNotFoundError(
            f"no pretrained network {str(pretrained)!r}: a folder with {CARD} is "
            "needed, as save_pretrained writes it"
        )
    return json.loads(card.read_text(encoding="utf-8"))


def load_weights(module, pretrained):
    """Put the weights of a pretrained network into a `SingerNet`.

    Raises
    ------
    ValueError
        If the network is of another shape.
    """
    from safetensors.torch import load_file

    weights = load_file(Path(pretrained) / WEIGHTS)
    own = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    differ = [
        name
        for name in own.keys() | weights.keys()
        if name not in weights or own.get(name) != tuple(weights[name].shape)
    ]
    if differ:
        raise ValueError(
            f"the network is built otherwise than pretrained={str(pretrained)!r} "
            f"({sorted(differ)[0]} differs); leave its parameters as from_pretrained "
            "has them"
        )
    module.load_state_dict(weights)


def save(module, card, folder):
    """Write a network's weights and its card into a folder, made if need be."""
    from safetensors.torch import save_file

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.contiguous() for name, value in module.state_dict().items()}
    save_file(weights, folder / WEIGHTS)
    text = json.dumps(card, indent=1, ensure_ascii=False)
    (folder / CARD).write_text(text + "\n", encoding="utf-8")
