"""Corpora: one contract for every loader, on miniature copies of the folders that their publishers made."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from tiny_corpora import WRITERS
from tiny_corpus import FewClips

from data_prep import prepare
from data_prep.corpus import CorpusError
from data_prep.kumi import BANKS, Kumi
from data_prep.philipp import Philipp
from data_prep.synthetic import PHONES, SINGER
from data_prep.vocobox import Vocobox
from svs.audio import Audio
from svs.dataset import read_manifest
from svs.phonemes import is_vowel

BEEP = Audio(np.zeros(4410, np.float32), 44_100)


def write(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        BEEP.write(folder / name)


def write_kumi(folder):
    for bank in BANKS:
        write(folder / bank, "ああいあうあえ_a-a-i-a-u-a-e.wav", "かかきかくかけ_ka-ka-ki.wav", "br1.wav")
        (folder / bank / "oto.ini").write_bytes("ああいあうあえ.wav=- あ,1,2,3,4,5".encode("shift-jis"))
    write(folder / "_Core_Whisper", "ああ_a-a.wav")  # a bank that is not used


def write_philipp(folder):
    write(folder, "LJ001-0001.wav", "LJ001-0009.wav")
    rows = ("LJ001-0001|Printing, ré|printing, ré", "LJ001-0009|The Golden|the golden")
    (folder / "transcript.csv").write_text("\n".join(rows), "utf-8")
    (folder / "hyperparams.py").write_text("")


def write_vocobox(folder):
    singer = folder / "data" / "voices" / "martin"
    write(singer / "notes" / "exports" / "mono", "A2.wav", "A#2.wav")
    write(singer / "notes" / "exports" / "stereo", "A2.wav")
    write(singer / "voyels" / "exports" / "mono", "_-a-c3.wav")


REAL = {"kumi": (Kumi, write_kumi), "philipp": (Philipp, write_philipp), "vocobox": (Vocobox, write_vocobox)}


def make(name, tmp_path):
    """A loader and its manifest's clips, from a miniature copy."""
    if name == "synthetic":
        return FewClips(), read_manifest(FewClips().prepare(tmp_path / "out"))
    loader, write_copy = REAL[name] if name in REAL else (lambda: prepare.CORPORA[name], WRITERS[name])
    write_copy(tmp_path / "copy")
    return loader(), read_manifest(loader().prepare(tmp_path / "out", tmp_path / "copy"))


@pytest.mark.parametrize("name", prepare.CORPORA)
def test_every_corpus_keeps_the_contract(name, tmp_path):
    corpus, clips = make(name, tmp_path)
    assert corpus.name == name and corpus.source
    assert clips
    assert len({clip["id"] for clip in clips}) == len(clips)
    for clip in clips:
        assert clip["id"].startswith(f"{name}/") and clip["speaker"]
        assert Audio.read(clip["audio"]).seconds > 0
        assert clip["audio"].startswith("/")  # a manifest can be read from anywhere
    again = make(name, tmp_path)[1]
    assert again == clips


@pytest.mark.parametrize("name", REAL)
def test_a_folder_that_holds_something_else_is_told_in_one_line(name, tmp_path):
    (tmp_path / "other").mkdir()
    with pytest.raises(CorpusError, match=f"{name} was expected, from https://github.com"):
        REAL[name][0]().prepare(tmp_path / "out", tmp_path / "other")
    assert not (tmp_path / "out" / f"{name}.jsonl").exists()


@pytest.mark.parametrize("name", REAL)
def test_a_corpus_is_fetched_once_and_unpacked_whole(name, tmp_path, monkeypatch):
    loader, write_copy = REAL[name]
    write_copy(tmp_path / "copy" / f"{name}-1a2b3c")
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        for path in sorted((tmp_path / "copy").rglob("*")):
            archive.write(path, path.relative_to(tmp_path / "copy"))
    monkeypatch.setattr(loader, "source", (tmp_path / "archive.zip").as_uri())
    fetched = read_manifest(loader().prepare(tmp_path / "out"))
    assert [c["id"] for c in fetched] == [c["id"] for c in make(name, tmp_path / "local")[1]]
    (tmp_path / "archive.zip").unlink()
    assert read_manifest(loader().prepare(tmp_path / "out")) == fetched
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [name, f"{name}.jsonl"]


def test_a_download_that_fails_says_how_to_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(Kumi, "source", (tmp_path / "gone.zip").as_uri())
    with pytest.raises(CorpusError, match=r"kumi: file://.*gone.zip cannot be fetched .*with --source"):
        Kumi().prepare(tmp_path / "out")
    (tmp_path / "gone.zip").write_bytes(b"<html>not found</html>")
    with pytest.raises(CorpusError, match="cannot be fetched"):
        Kumi().prepare(tmp_path / "out")


def test_kumi_is_its_four_pitches_and_their_morae(tmp_path):
    _, clips = make("kumi", tmp_path)
    assert {clip["id"].split("/")[1] for clip in clips} == {bank.strip("_") for bank in BANKS}
    assert {clip["text"] for clip in clips} == {"a a i a u a e", "ka ka ki", ""}
    assert all(clip["language"] == "ja" for clip in clips)


def test_philipp_has_the_text_of_every_sentence(tmp_path):
    _, clips = make("philipp", tmp_path)
    assert [clip["text"] for clip in clips] == ["printing, ré", "the golden"]


def test_labels_of_the_synthetic_singer_are_true(tmp_path):
    """Silence is silent, vowels sound, phones fill the clip and are those that the recipe's tables name."""
    from svs.dataset import measure_pitch

    for clip in make("synthetic", tmp_path)[1]:
        audio, phones = Audio.read(clip["audio"]), clip["phones"]
        assert clip["speaker"] == SINGER and {p["symbol"] for p in phones} <= {"SIL", *PHONES}
        assert phones[0]["start"] == 0 and phones[-1]["end"] == pytest.approx(audio.seconds, abs=1e-4)
        curve = measure_pitch(audio)
        for phone, following in zip(phones, [*phones[1:], None], strict=True):
            assert following is None or phone["end"] == following["start"]
            inside = audio.samples[round((phone["start"] + 0.01) * 44_100) : round((phone["end"] - 0.01) * 44_100)]
            power = np.sqrt(np.mean(inside**2)) if len(inside) else None
            if phone["symbol"] == "SIL":
                assert power is None or power < 1e-4
            elif is_vowel(phone["symbol"]):
                assert power > 0.03
                middle = round(50 * (phone["start"] + phone["end"]))
                assert curve.voiced[middle]
                wanted = clip["notes"][phone["note"]]["cents"]
                assert abs(curve.cents[middle] - wanted) < 120  # the natural contour leans towards its neighbours


def prepare_stage(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "data_prep.prepare", *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_the_stage_takes_corpora_from_their_folders_and_does_nothing_twice(tmp_path, capsys):
    write_philipp(tmp_path / "source" / "philipp")
    write_vocobox(tmp_path / "source" / "vocobox")
    arguments = ["philipp", "vocobox", "--out", str(tmp_path / "out"), "--source", str(tmp_path / "source")]
    prepare.main(arguments)
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path}/out/philipp.jsonl: 2 clips", f"{tmp_path}/out/vocobox.jsonl: 3 clips"
    ]  # fmt: skip
    first = json.loads((tmp_path / "out/philipp.jsonl").read_text().splitlines()[0])
    assert first["audio"] == str(tmp_path / "source/philipp/LJ001-0001.wav")
    prepare.main(arguments)
    assert capsys.readouterr().out.count("already there") == 2


def test_the_stage_tells_a_mistake_in_one_line(tmp_path):
    done = prepare_stage("kumi", "--out", tmp_path, "--source", tmp_path / "none")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{tmp_path}/none: no such folder; --source is that of the recordings, or one that holds it as kumi\n"
