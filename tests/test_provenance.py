"""What made a checkpoint is written beside it and into the voice's card, which otherwise stays its author's."""

import json
import subprocess
from importlib import metadata

import pytest

from svs import provenance
from svs.card import BEGIN, END, CardError, write_card
from svs.provenance import packages, record, recorded, revision

FACTS = {
    "name": "mine",
    "singer": "ann",
    "singers": {"ann": {"range_cents": [5500, 7200]}},
    "phonemes": ["SIL", "AA"],
    "languages": ["en"],
    "licence": "CC0-1.0",
}


def git(folder, *arguments):
    identity = ("-c", "user.name=ann", "-c", "user.email=ann@example.org")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def tree(tmp_path):
    """A source tree under git."""
    folder = tmp_path / "tree"
    (folder / "svs").mkdir(parents=True)
    (folder / "svs/provenance.py").write_text("1\n")
    git(tmp_path, "init", "-q", str(folder))
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


def test_the_revision_is_git_s_and_says_whether_files_differ(tree):
    asked = subprocess.run(["git", "-C", str(tree), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    commit = asked.stdout.strip()
    assert revision(tree) == commit and len(commit) == 40
    (tree / "notes.txt").write_text("not tracked")
    assert revision(tree) == commit
    (tree / "svs/provenance.py").write_text("2\n")
    assert revision(tree) == f"{commit} and changes"


def test_a_copy_that_git_does_not_track_has_no_revision(tree, tmp_path):
    (tree / "site-packages/svs").mkdir(parents=True)
    (tree / "site-packages/svs/provenance.py").write_text("1\n")
    assert revision(tree / "site-packages") == "unknown"  # not that of the repository around it
    assert revision(tmp_path / "nowhere") == "unknown"


def test_packages_are_those_that_svs_asks_for_as_installed():
    found = packages()
    assert found["torch"] == metadata.version("torch") and found["numpy"] == metadata.version("numpy")
    assert "pip" not in found and "ruff" not in found
    assert list(found) == sorted(found)


def test_a_run_that_goes_on_as_it_was_adds_nothing(tmp_path, monkeypatch):
    now = {"svs": "1", "revision": "a", "python": "3.11", "packages": {"torch": "2"}}
    monkeypatch.setattr(provenance, "provenance", lambda: dict(now))
    record(tmp_path)
    first = (tmp_path / "provenance.json").read_bytes()
    record(tmp_path, 500)
    assert (tmp_path / "provenance.json").read_bytes() == first
    now["revision"] = "b"
    record(tmp_path, 700)
    assert [(entry["from_batch"], entry["revision"]) for entry in recorded(tmp_path)] == [(0, "a"), (700, "b")]
    now["revision"] = "c"
    record(tmp_path, 600)  # an older checkpoint went on instead
    assert [(entry["from_batch"], entry["revision"]) for entry in recorded(tmp_path)] == [(0, "a"), (600, "c")]
    record(tmp_path)  # begun anew
    assert [(entry["from_batch"], entry["revision"]) for entry in recorded(tmp_path)] == [(0, "c")]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"revision": "a"}]', "\0"])
def test_what_cannot_be_read_is_as_if_it_were_not_there(text, tmp_path):
    (tmp_path / "provenance.json").write_text(text)
    assert recorded(tmp_path) == []


@pytest.fixture
def voice(tmp_path):
    """A voice's folder, and the checkpoints it came from: what made `codec` is known, of the others nothing."""
    (tmp_path / "voice").mkdir()
    (tmp_path / "voice/voice.json").write_text(json.dumps(FACTS))
    record(tmp_path / "codec")
    (tmp_path / "codec/config.yaml").write_text("model: {steps: 7}\n")
    return tmp_path / "voice", {part: tmp_path / part / "trained.ckpt" for part in ("codec", "timing", "acoustic")}


def test_a_card_begins_with_what_is_known(voice):
    folder, checkpoints = voice
    assert write_card(folder, checkpoints) is False
    text = (folder / "CARD.md").read_text()
    assert text.startswith("# The voice mine\n") and "- ann: 5500 to 7200 cents" in text and "CC0-1.0" in text
    (made,) = recorded(checkpoints["codec"].parent)
    assert f"| codec | 0 | {made['svs']} | {made['revision']} | {made['python']} |" in text
    assert "| timing | unknown | unknown | unknown | unknown |" in text
    assert f"torch {made['packages']['torch']}" in text
    assert "```yaml\nmodel: {steps: 7}\n```" in text


def test_a_card_keeps_its_author_s_words_on_both_sides(voice):
    folder, checkpoints = voice
    (folder / "CARD.md").write_text("# My voice\n\nBy me.\n")
    assert write_card(folder, checkpoints) is True
    text = (folder / "CARD.md").read_text()
    assert text.startswith(f"# My voice\n\nBy me.\n\n{BEGIN}\n") and text.endswith(f"{END}\n")
    (folder / "CARD.md").write_text(text + "\n## Limits\n\nMany.\n")
    (checkpoints["codec"].parent / "config.yaml").write_text("model: {steps: 8}\n")
    write_card(folder, checkpoints)
    after = (folder / "CARD.md").read_text()
    assert after.startswith("# My voice\n\nBy me.\n") and after.endswith("\n## Limits\n\nMany.\n")
    assert "steps: 8" in after and "steps: 7" not in after
    assert (after.count(BEGIN), after.count(END)) == (1, 1)


def test_a_card_that_lost_its_closing_mark_loses_no_words(voice):
    folder, checkpoints = voice
    (folder / "CARD.md").write_text(f"# My voice\n{BEGIN}\n\nWords that may be mine.\n")
    write_card(folder, checkpoints)
    text = (folder / "CARD.md").read_text()
    assert "Words that may be mine." in text
    write_card(folder, checkpoints)
    assert "Words that may be mine." in (folder / "CARD.md").read_text()


def test_a_card_that_is_no_text_is_left_as_it_was(voice):
    folder, checkpoints = voice
    (folder / "CARD.md").write_bytes(b"\xff\xfe\0")
    with pytest.raises(CardError, match=r"CARD\.md: not a text in UTF-8"):
        write_card(folder, checkpoints)
    assert (folder / "CARD.md").read_bytes() == b"\xff\xfe\0"
