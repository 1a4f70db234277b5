import re
from pathlib import Path

from setuptools import find_packages, setup


def read(name):
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


extras = {
    "plots": ["matplotlib>=3.10"],
    "m4a": ["av>=14"],
    "fetch": ["pooch>=1.8"],
    "search": ["optuna>=4.0,<6", "optuna-integration[sklearn]>=4.0"],
    "docs": ["sphinx>=7", "numpydoc>=1.6", "matplotlib>=3.10"],
    "test": [
        "av>=14",
        "hypothesis>=6.90",
        "matplotlib>=3.10",
        "numpydoc>=1.6",
        "optuna>=4.0,<6",
        "optuna-integration[sklearn]>=4.0",
        "pandas>=2.2.2",
        "pooch>=1.8",
        "pytest>=8",
        "pytest-xdist>=3.5",
        "ruff>=0.6",
    ],
}

setup(
    name="singerlearn",
    version=re.search(r'__version__ = "(.+)"', read("singerlearn/__init__.py"))[1],
    description="Learns who is singing: scikit-learn estimators over recordings",
    long_description=read("README.md"),
    long_description_content_type="text/markdown",
    license="BSD-3-Clause",
    python_requires=">=3.11",
    packages=find_packages(include=["singerlearn", "singerlearn.*"]),
    package_data={"singerlearn": ["encoders/*/*"]},
    install_requires=[
        "filelock>=3.12",
        "joblib>=1.3",
        "librosa>=0.10.2",
        "numpy>=2.0",
        "safetensors>=0.4",
        "scikit-learn>=1.8",
        "scipy>=1.13",
        "skorch>=1.2",
        "soundfile>=0.13",
        "soxr>=0.4",
        "threadpoolctl>=3.1",
        "torch>=2.5",
        "tqdm>=4.60",
    ],
    extras_require=extras,
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Topic :: Multimedia :: Sound/Audio :: Analysis",
    ],
)
