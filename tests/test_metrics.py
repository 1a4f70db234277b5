import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score

from singerlearn.metrics import chunk_accuracy, recording_accuracy

singers = st.sampled_from(["Ann", "Bob", "Cid"])


@given(
    st.lists(st.tuples(singers, st.lists(singers, min_size=1, max_size=5)), min_size=1)
)
def test_accuracies_count_what_a_loop_counts(recordings):
    y_true = [singer for singer, _ in recordings]
    y_pred_chunks = [np.array(labels) for _, labels in recordings]
    right = total = 0
    for singer, labels in recordings:
        for label in labels:
            right += label == singer
            total += 1
    assert chunk_accuracy(y_true, y_pred_chunks) == pytest.approx(right / total)
    y_pred = [labels[0] for labels in y_pred_chunks]
    assert recording_accuracy(y_true, y_pred) == accuracy_score(y_true, y_pred)


@pytest.mark.parametrize("dtype", [int, str, object])
def test_any_labels(dtype):
    y = np.array([1, 2, 2]).astype(dtype)
    chunks = [y[[0, 1]], y[[1, 1, 1, 1]], y[[0, 0]]]
    assert recording_accuracy(y, y) == 1.0
    assert recording_accuracy(y, y[[0, 0, 1]]) == pytest.approx(2 / 3)
    assert chunk_accuracy(y, chunks) == 5 / 8


def test_one_chunk_a_recording_makes_the_two_equal():
    y_true, y_pred = np.array(["b", "a", "c"]), np.array(["b", "b", "c"])
    assert chunk_accuracy(y_true, y_pred[:, None]) == recording_accuracy(y_true, y_pred)


@pytest.mark.parametrize(
    ("metric", "y_true", "predictions", "message"),
    [
        (recording_accuracy, [], [], r"y_true has shape \(0,\)"),
        (chunk_accuracy, [], [], r"y_true has shape \(0,\)"),
        (recording_accuracy, [[1, 2]], [1], r"y_true has shape \(1, 2\)"),
        (recording_accuracy, [1, 2], [1], "y_true holds 2 recordings but y_pred 1"),
        (chunk_accuracy, [1], [[1], [1]], "1 recordings but y_pred_chunks 2"),
        (recording_accuracy, [1, 2], ["1", "2"], "numbers such as .*, y_pred names"),
        (chunk_accuracy, ["1"], [[1, 1]], "names such as .*, y_pred_chunks numbers"),
        (recording_accuracy, ["a"], [b"a"], "names such as .*, y_pred bytes"),
        (recording_accuracy, pd.Series(["1", "2"]), [1, 2], "names such as .*numbers"),
        (recording_accuracy, np.array(["1"], object), [1], "names such as .*numbers"),
        (chunk_accuracy, ["a", "b"], [["a"], [1]], "names such as .*numbers"),
        (recording_accuracy, ["a", None], ["a", None], "y_true has no label for .* 1"),
        (recording_accuracy, [1, np.nan], [1, 2], "y_true has no label for .* 1"),
        (recording_accuracy, [1, 2], [np.nan, 2], "y_pred has no label for .* 0"),
        (chunk_accuracy, ["a", None], [["a"], ["b"]], "y_true has no label for .* 1"),
        (recording_accuracy, [1, 2], [[1], [2]], r"y_pred has shape \(2, 1\)"),
        (chunk_accuracy, [1, 2], [[1], []], r"y_pred_chunks\[1\] has shape \(0,\)"),
        (chunk_accuracy, ["Ann"], ["Ann"], r"\[0\] has shape \(\).*predict_chunks"),
    ],
)
def test_malformed_input_is_refused(metric, y_true, predictions, message):
    with pytest.raises(ValueError, match=message):
        metric(y_true, predictions)
