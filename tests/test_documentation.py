"""The way of a new user: the README's lines, and the demo."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile as sf

ROOT = Path(__file__).resolve().parents[1]


def python_blocks(path):
    return re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.S)


@pytest.fixture(scope="module")
def folder(singers, tmp_path_factory):
    """The recordings of `singers`, as a user keeps them: <singer>/<song>.wav."""
    root = tmp_path_factory.mktemp("recordings")
    for y, singer, song in zip(
        singers.recordings, singers.singers, singers.songs, strict=True
    ):
        (root / singer).mkdir(exist_ok=True)
        sf.write(root / singer / f"{song}.wav", y, singers.sampling_rate)
    return root


def run(*command, cwd):
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=cwd, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_lines_of_the_readme_run(folder, tmp_path):
    code = python_blocks(ROOT / "README.md")[0]
    # As it stands, but for a network and a number of folds that a test can wait for.
    code = code.replace(
        "SingerNetClassifier()",
        "SingerNetClassifier(filters=(8, 16), dense=(32,), max_epochs=2)",
    ).replace("cv=10", "cv=3")
    (tmp_path / "recordings").symlink_to(folder)
    (tmp_path / "somebody_new.wav").symlink_to(next(folder.glob("singer02/*.wav")))
    (tmp_path / "readme.py").write_text(code)
    score, named = run("readme.py", cwd=tmp_path).splitlines()
    assert 0 <= float(score) <= 1 and re.fullmatch(r"\['singer0\d'\]", named)


def test_the_other_lines_of_the_readme_run():
    for code in python_blocks(ROOT / "README.md")[1:]:
        exec(compile(code, "README.md", "exec"), {})


def test_the_demo_on_the_users_own_folder(folder, tmp_path):
    output = tmp_path / "pictures"
    printed = run(
        ROOT / "examples" / "demo.py", folder, "--output", output, "--max-epochs", 1,
        cwd=tmp_path,
    )  # fmt: skip
    assert "12 recordings of 4 singers, 3 folds" in printed
    assert re.search(r"^SVM .*0\.\d{3} ± 0\.\d{3}|1\.000", printed, re.M)
    assert {p.name for p in output.iterdir()} == {
        "attention.png", "confusion_matrix.png", "embedding.png",
        "learning_curve.png", "neighbours.png",
    }  # fmt: skip
    assert str(output) in printed


def test_the_demo_needs_two_recordings_of_each_singer(folder, tmp_path):
    root = tmp_path / "few"
    for singer, songs in [("singer01", (1, 2)), ("singer02", (2, 3))]:
        (root / singer).mkdir(parents=True)
        for song in songs:
            (root / singer / f"song0{song}.wav").symlink_to(
                folder / singer / f"song0{song}.wav"
            )
    demo = ROOT / "examples" / "demo.py"
    printed = run(demo, root, "--max-epochs", 1, cwd=tmp_path)
    assert "4 recordings of 2 singers, 2 folds" in printed
    (root / "singer02" / "song02.wav").unlink()
    done = subprocess.run(
        [sys.executable, demo, root], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert "two recordings of each singer; 'singer02' has one" in done.stderr


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("demo.py", "nowhere"), "nowhere"),
        (("demo.py", "--max-epochs", "0"), "--max-epochs must be 1 or more"),
        (("search_hyperparameters.py", "--trials", "0"), "a trial"),
        (("search_hyperparameters.py", "--singers", "1"), "two singers"),
    ],
)
def test_examples_say_what_is_wrong_with_a_command(tmp_path, command, message):
    name, *options = command
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / name, *options],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert message in done.stderr
