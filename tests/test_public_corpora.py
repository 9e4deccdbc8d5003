"""Public corpora: phones, notes and seconds of miniature copies; what is missing or broken, in one line."""

import itertools
import json
import re
import tarfile
from pathlib import Path

import pytest
from test_corpora import prepare_stage
from tiny_corpora import EXPECTED, WRITERS, sound, text

from data_prep import prepare
from data_prep.corpus import CorpusError
from data_prep.csd import Csd
from data_prep.nit_song070 import NitSong070
from svs.audio import Audio
from svs.dataset import read_manifest
from svs.phonemes import is_vowel

MILLISECOND = 1e-3


def prepared(name, tmp_path):
    """Clips of the miniature copy, as the stage leaves them."""
    WRITERS[name](tmp_path / "copy")
    prepare.main([name, "--source", str(tmp_path / "copy"), "--out", str(tmp_path / "out")])
    return read_manifest(tmp_path / "out" / f"{name}.jsonl")


@pytest.mark.parametrize("name", EXPECTED)
def test_a_corpus_gives_its_phones_notes_and_seconds(name, tmp_path):
    count, end, speaker, language, phones, notes = EXPECTED[name]
    clips = prepared(name, tmp_path)
    assert len(clips) == count
    (clip,) = (clip for clip in clips if clip["id"].endswith(end))
    assert (clip["speaker"], clip.get("language")) == (speaker, language)
    if phones is not None:
        assert [p["symbol"] for p in clip["phones"]] == [symbol for symbol, _, _ in phones]
        times = [(p["start"], p["end"]) for p in clip["phones"]]
        assert times == [pytest.approx((a, b), abs=MILLISECOND) for _, a, b in phones]
    sung = [(n["onset"], n["duration"], n["cents"]) for n in clip.get("notes", [])]
    assert sung == [pytest.approx(note, abs=MILLISECOND) for note in notes]


@pytest.mark.parametrize("name", EXPECTED)
def test_phones_fill_the_sound_and_every_syllable_has_one_stretch_with_a_vowel(name, tmp_path):
    for clip in prepared(name, tmp_path):
        phones = clip.get("phones", [])
        assert not phones or phones[0]["start"] == 0
        assert not phones or phones[-1]["end"] == pytest.approx(Audio.read(clip["audio"]).seconds, abs=0.02)
        assert all(a["end"] == b["start"] for a, b in itertools.pairwise(phones))
        numbers = [p["note"] for p in phones if p["note"] >= 0]
        assert numbers == sorted(numbers) and set(numbers) == set(range(len(set(numbers))))
        assert all((p["note"] < 0) == (p["symbol"] in ("SIL", "BR")) for p in phones)
        assert all((p.get("stress") is not None) == is_vowel(p["symbol"]) for p in phones if p["note"] >= 0)


def test_a_vowel_that_is_carried_on_is_no_syllable_of_its_own_in_the_notes(tmp_path):
    (clip,) = prepared("m4singer", tmp_path)
    assert [note["lyric"] for note in clip["notes"]] == ["", "", None]


def test_syllables_of_csd_begin_with_their_vowel_on_the_onset(tmp_path):
    clips = prepared("csd", tmp_path)
    for clip, vowels in zip(clips, (["IH", "AH"], ["o", "e"]), strict=True):
        sung = [p for p in clip["phones"] if is_vowel(p["symbol"])]
        assert [p["symbol"] for p in sung] == vowels
        assert [p["start"] for p in sung] == pytest.approx([n["onset"] for n in clip["notes"]], abs=MILLISECOND)


def test_speech_beside_the_songs_is_left_out(tmp_path):
    for name in ("pjs", "gtsinger"):
        copied = [Path(clip["audio"]).relative_to(tmp_path) for clip in prepared(name, tmp_path / name)]
        assert len(copied) == 2 and not [path for path in copied if "speech" in str(path).lower()]


def test_techniques_are_told(tmp_path):
    assert [clip["technique"] for clip in prepared("vocalset", tmp_path)] == ["vibrato", "straight", "fast_forte"]
    assert [clip["technique"] for clip in prepared("gtsinger", tmp_path / "g")] == ["Breathy", "none"]


def test_vowels_of_a_bank_begin_where_oto_ini_says_within_a_millisecond(tmp_path):
    clips = {clip["id"].rpartition("/")[2]: clip for clip in prepared("utau", tmp_path)}
    vowels = [p["start"] for p in clips["_あかあさ"]["phones"] if is_vowel(p["symbol"])]
    assert vowels == pytest.approx([1.3, 1.9, 2.5, 3.1], abs=MILLISECOND)
    single = {p["symbol"]: p for p in clips["か"]["phones"]}
    assert single["a"]["start"] == pytest.approx(0.6, abs=MILLISECOND)
    assert single["K"]["start"] == pytest.approx(0.52, abs=0.02)  # heard: the voice stops there
    assert "is not a mora" in clips["breath"]["unlabelled"]


GONE = {  # what is taken away → what is said
    "nit_song070": ("data/raw", "data/raw: no .raw files there; nit_song070 was expected"),
    "kiritan": ("mono_label", "no mono_label/*.lab there; kiritan was expected"),
    "pjs": ("pjs001/pjs001_song.wav pjs002/pjs002_song.wav", "no .wav or .flac files there; pjs was expected"),
    "csd": ("english korean", "neither english nor korean there; csd was expected"),
    "vocalset": ("FULL/female1 FULL/male11", "no .wav or .flac files there; vocalset was expected"),
    "gtsinger": ("English", "no folder of a language there; gtsinger was expected"),
    "opencpop": ("segments/wavs/2001000002.wav", "transcriptions.txt, line 2: wavs/2001000002.wav is not there"),
    "m4singer": ("Alto-1#美错", "meta.json, item 0: .*0000.wav is not there"),
    "utau": ("A3/oto.ini CV/oto.ini", "no oto.ini there or one folder below"),
    "folder": ("first.wav second.wav", "no .wav or .flac files there; a folder of recordings is wanted"),
}

BROKEN = {  # file and what is written into it → what is said
    "nit_song070": ("data/labels/mono/nitech_jp_song070_f001_003.lab", "0 five pau\n",
    "_003.mono.lab, line 1: '0 five pau'"),
    "kiritan": ("mono_label/01.lab", "0 9000000 pau\n5000000 100 a\n", "01.lab: 'a' at 0.500 s does not follow 'pau'"),
    "pjs": ("pjs002/pjs002.lab", "0 1\n", "pjs002.lab, line 1"),
    "csd": ("english/csv/en001a.csv", "start,end,pitch,syllable\n1,2,C4,a\n",
    "en001a.csv, line 2: start, end and pitch are numbers"),
    "gtsinger": (
        "English/EN-Alto-1/Breathy/alone/Control_Group/0000.json", '[{"word": "a"}]',
        "0000.json: words with ph, ph_start, .* are wanted",
    ),
    "opencpop": ("segments/transcriptions.txt", "2001000001|a|b\n",
    "transcriptions.txt, line 1: no id|text|phones|notes"),
    "m4singer": ("meta.json", '[{"item_name": "a"}]',
    "meta.json, item 0: item_name, phs, ph_dur, notes and is_slur are wanted"),
    "utau": ("A3/oto.ini", "か.wav=か,1,2\n", "oto.ini, line 1: .* file=alias and five numbers are wanted"),
    "folder": ("second.TextGrid", 'File type = "ooTextFile"\nObject class = "TextGrid"\n',
    "second.TextGrid: a TextGrid that is cut short"),
}  # fmt: skip


def refused(name, folder, out, expected):
    with pytest.raises(CorpusError) as caught:
        prepare.main([name, "--source", str(folder), "--out", str(out)])
    assert re.search(expected.replace("|", r"\|").replace("*.lab", r"\*.lab"), str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (out / f"{name}.jsonl").exists()


@pytest.mark.parametrize("name", GONE)
def test_what_is_missing_is_said_in_one_line(name, tmp_path):
    WRITERS[name](tmp_path / "copy")
    gone, said = GONE[name]
    for place in gone.split():
        moved = tmp_path / "copy" / place
        moved.rename(tmp_path / f"away{moved.name}")
    refused(name, tmp_path / "copy", tmp_path / "out", said)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named_in_one_line(name, tmp_path):
    WRITERS[name](tmp_path / "copy")
    place, content, said = BROKEN[name]
    text(tmp_path / "copy" / place, content)
    refused(name, tmp_path / "copy", tmp_path / "out", said)


def test_the_stage_ends_in_one_line_and_status_2(tmp_path):
    WRITERS["pjs"](tmp_path / "copy")
    text(tmp_path / "copy/pjs001/pjs001.lab", "nothing\n")
    done = prepare_stage("pjs", "--out", tmp_path / "out", "--source", tmp_path / "copy")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"{tmp_path}/copy/pjs001/pjs001.lab, line 1: 'nothing'" in done.stderr


def test_a_symbol_that_svs_lacks_leaves_its_clip_without_phones_and_is_said_once(tmp_path, capsys):
    WRITERS["pjs"](tmp_path / "copy")
    text(tmp_path / "copy/pjs001/pjs001.lab", "0 3000000 pau\n3000000 4000000 qx\n4000000 9000000 a\n")
    prepare.main(["pjs", "--source", str(tmp_path / "copy"), "--out", str(tmp_path / "out")])
    said = capsys.readouterr()
    assert said.err == "pjs: 1 of 2 clips are left without phones; svs has no phone for qx\n"
    assert said.out == f"{tmp_path}/out/pjs.jsonl: 2 clips, 1 with phones\n"


def test_labels_beyond_the_end_of_the_sound_are_not_believed(tmp_path, capsys):
    WRITERS["pjs"](tmp_path / "copy")
    sound(tmp_path / "copy/pjs001/pjs001_song.wav", 0.35, 48_000)
    prepare.main(["pjs", "--source", str(tmp_path / "copy"), "--out", str(tmp_path / "out")])
    assert "pjs/pjs001: the labels go on until 0.90 s, but the sound ends at 0.35 s" in capsys.readouterr().err


@pytest.mark.parametrize("name", [name for name, corpus in prepare.CORPORA.items() if corpus.gated])
def test_a_corpus_that_must_be_asked_for_is_not_downloaded(name, tmp_path):
    with pytest.raises(CorpusError, match=rf"^{name} is not downloaded by itself: .*--source$"):
        prepare.main([name, "--out", str(tmp_path / "out")])


@pytest.mark.parametrize(
    "corpus", [c for c in prepare.CORPORA.values() if c.name in EXPECTED], ids=lambda corpus: corpus.name
)
def test_every_public_corpus_states_its_licence_and_citation(corpus):
    assert corpus.licence
    assert corpus.name in ("utau", "folder") or any(str(year) in corpus.citation for year in range(2010, 2026))


def test_the_demo_of_hts_is_fetched_as_a_tar_and_its_raw_sound_read(tmp_path, monkeypatch):
    WRITERS["nit_song070"](tmp_path / "HTS-demo_NIT-SONG070-F001")
    with tarfile.open(tmp_path / "demo.tar.bz2", "w:bz2") as archive:
        archive.add(tmp_path / "HTS-demo_NIT-SONG070-F001", "HTS-demo_NIT-SONG070-F001")
    monkeypatch.setattr(NitSong070, "source", (tmp_path / "demo.tar.bz2").as_uri())
    (clip,) = read_manifest(NitSong070().prepare(tmp_path / "out"))
    audio = Audio.read(clip["audio"])
    assert (audio.sample_rate, audio.seconds) == (48_000, 2.0)
    assert audio.samples.mean() == pytest.approx(327 / 32768, abs=1e-4)


def test_an_archive_with_another_checksum_is_refused_and_removed(tmp_path, monkeypatch):
    (tmp_path / "CSD.zip").write_bytes(b"something else")
    monkeypatch.setattr(Csd, "source", (tmp_path / "CSD.zip").as_uri())
    with pytest.raises(CorpusError, match="has the md5 .*, but 74d121dd8706fded26a15526a379f7a2 was expected"):
        Csd().prepare(tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_one_corpus_may_be_named_by_the_folder_around_it_or_its_own(tmp_path):
    WRITERS["pjs"](tmp_path / "all/pjs")
    prepare.main(["pjs", "--source", str(tmp_path / "all"), "--out", str(tmp_path / "a")])
    prepare.main(["pjs", "--source", str(tmp_path / "all/pjs"), "--out", str(tmp_path / "b")])
    assert (tmp_path / "a/pjs.jsonl").read_text() == (tmp_path / "b/pjs.jsonl").read_text()
    assert Path(json.loads((tmp_path / "a/pjs.jsonl").read_text().splitlines()[0])["audio"]).is_file()
