"""What `fit` refuses for want of partners or of sense, and what just suffices."""

import numpy as np
import pytest

from singerlearn import SingerEmbedder
from singerlearn.chunks import Chunks

ONE_OF_C = list("aaaabbbb") + ["c"]


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (["a"] * 9, {}, "y holds 'a' only; give recordings of 2 or more"),
        (ONE_OF_C, {}, "two recordings of each singer, and there is only one of 'c'"),
        (ONE_OF_C, {"loss": "triplet"}, "only one of 'c': give more"),
        (list("aaaabbbcc"), {"songs": [0, 1] * 3 + [0, 1, 1]}, "two songs .* of 'c'"),
        (list("aaaabbbbb"), {"songs": [0, 1]}, "songs holds 2 labels for 9"),
        (list("aaaabbbbb"), {"songs": ["x"] * 8 + [np.nan]}, "songs .* 8 but nan"),
        (list("aaaabbbbb"), {"groups": [None, *"xxxxxxxx"]}, "groups .* 0 but None"),
        (list("aaaabbbbb"), {"groups": [0, 1]}, "groups holds 2 labels for 9"),
        (list("aaaa"), {}, "y holds 4 labels for 9 recordings"),
        (np.linspace(0, 1, 9), {}, "continuous; y has 0.125 for recording 1"),
        (list("aabbccdde"), {"validation_singers": ["z"]}, "names 'z', not in y"),
        (list("aabbccdde"), {"validation_singers": "zoe"}, "names 'zoe', not in y"),
        (list("aabbccdde"), {"validation_singers": [None, "a"]}, "names None, not in"),
        (np.arange(9) // 2, {"validation_singers": ["1", "2"]}, "names '1', '2', not"),
        (np.arange(9) // 2, {"validation_singers": 9}, "names 9, not in y"),
        (list("aabbccdde"), {"validation_singers": [["a"]]}, r"names \['a'\], not in"),
        (list("aabbccdde"), {"validation_singers": list("abcde")}, "5 of 5 singers"),
        (list("aaabbbccc"), {"validation_singers": ["c"]}, "1 of 3 singers are valid"),
        (list("aaabbbccc"), {"validation_singers": list("bc")}, "2 of 3 singers are v"),
        (
            list("aabbccdda"),
            {"validation_singers": ["a", "b"], "loss": "margin-softmax"},
            "can only judge singers that it is trained on",
        ),
        (
            list("aabbccdda"),
            {"early_stopping": True, "groups": [0, 0, 1, 2, 3, 4, 5, 6, 0]},
            "no singer can spare one and keep 2; .*early_stopping=False",
        ),
        (
            list("aaaabbbbb"),
            {"early_stopping": True, "loss": "triplet", "groups": [0] * 8 + [1]},
            "cannot be made from recordings of one",
        ),
        (
            list("aaaabbbbb"),
            {"loss": "triplet", "batch_size": 7},
            "batch_size=7 does not hold two singers .* make it 8 or more",
        ),
        (list("aaaabbbbb"), {"loss": "cosine"}, "'cosine' is not one of contr"),
        (list("aaaabbbbb"), {"margin": 0}, "'margin' parameter"),
        (
            list("aaaabbbbb"),
            {"loss_params": {"foo": 1}},
            "has 'foo', but loss='supervised-contrastive' takes 'temperature'",
        ),
        (
            list("aaaabbbbb"),
            {"loss_params": {"temperature": "warm"}},
            "loss_params has temperature='warm', which is no number",
        ),
        (
            list("aaaabbbbb"),
            {"loss": "margin-softmax", "loss_params": {"scale": 9, "n_singers": 2}},
            "has 'n_singers', but loss='margin-softmax' takes 'angle' and 'scale'",
        ),
        (list("aaaabbbbb"), {"n_components": 0}, "'n_components' parameter"),
        (list("aaaabbbbb"), {"batch_size": 1}, "'batch_size' parameter"),
        (list("aaaabbbbb"), {"partners_from": "songs"}, "'partners_from' parameter"),
    ],
)
def test_bad_input_gets_one_clear_error(voices, small, y, options, message):
    fit_options = {
        k: options[k] for k in ("songs", "groups", "validation_singers") if k in options
    }
    parameters = {k: v for k, v in options.items() if k not in fit_options}
    embedder = SingerEmbedder(**small | parameters)
    with pytest.raises(ValueError, match=message):
        embedder.fit(voices[0][:9], y, **fit_options)


def test_a_single_chunk_has_no_partner_but_several_have(voices, small):
    X, _, _ = voices
    one = Chunks(X[0].spectrogram[:, :16], 16, 20)
    embedder = SingerEmbedder(partners_from="chunks", **small)
    embedder.fit(X[:2], ["a", "b"])
    with pytest.raises(ValueError, match="two chunks of each singer, .* of 'b'"):
        embedder.fit([X[0], one], ["a", "b"])


def test_the_margin_softmax_takes_singers_of_one_recording(voices, small):
    embedder = SingerEmbedder(loss="margin-softmax", **small)
    embedder.fit(voices[0][:3], ["a", "b", "c"])
    assert embedder.transform(voices[0]).shape == (24, 4)
