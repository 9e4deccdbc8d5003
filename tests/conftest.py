"""A short line to sing, built without files or models."""

import os

import pytest

from svs.score import Note


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Phrases that the tests sing are kept apart from the user's."""
    os.environ["SVS_CACHE"] = str(tmp_path_factory.mktemp("phrases"))


@pytest.fixture
def line():
    """Seven notes with a melisma, a rest and an elided pair of vowels; score time starts at 0."""
    return (
        Note(0.0, 0.5, 6000, "My", phonemes=("M", "AY1")),
        Note(0.5, 0.5, 6400, "bon", "begin", phonemes=("B", "AA1")),
        Note(1.0, 0.5, 6200, "nie", "end", phonemes=("N", "IY0")),
        Note(1.5, 0.5, 6000, None, melisma=True, slurred=True),
        Note(2.0, 1.0, 6700, "lies", bar=2, phonemes=("L", "AY1", "Z")),
        Note(3.5, 0.5, 6500, "strengths", bar=3, phonemes=("S", "T", "R", "EH1", "NG", "K", "TH", "S")),
        Note(4.0, 0.5, 6500, "do I", bar=3, phonemes=("D", "UW1", "AY1")),
    )


@pytest.fixture(scope="session")
def features(tmp_path_factory):
    """Folder of features with the labelled shard `synthetic`; not to be written to."""
    from tiny_corpus import write_features

    return write_features(tmp_path_factory.mktemp("corpus"))
