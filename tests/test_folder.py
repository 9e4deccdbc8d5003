"""A folder of one's own: every kind of label beside the recordings, corpus.yaml, and what is wrong with them."""

import json
import re
from pathlib import Path

import pytest
from tiny_corpora import hts, sound, text, textgrid

from data_prep import prepare
from data_prep.corpus import CorpusError
from data_prep.synthetic import sing_phones
from svs.dataset import read_manifest
from svs.export.musicxml import write as write_musicxml
from svs.pitch import natural
from svs.score import Note, note_to_json, read_score
from svs.timing import TypicalDurations, delay, place

SONG = Path(__file__).parent.parent / "recipes" / "tiny" / "song.musicxml"
MILLISECOND = 1e-3
LA = [(0, 0.5, "SP"), (0.5, 0.6, "L"), (0.6, 1.2, "AA1"), (1.2, 2.0, "SP")]
FOUND = [("SIL", 0, 0.5), ("L", 0.5, 0.6), ("AA", 0.6, 1.2), ("SIL", 1.2, 2.0)]


def prepared(folder, name="manifest"):
    prepare.main(["folder", "--source", str(folder), "--out", str(folder.parent / name)])
    return {clip["id"]: clip for clip in read_manifest(folder.parent / name / "folder.jsonl")}


def spans(clip):
    return [
        (p["symbol"], pytest.approx(p["start"], abs=MILLISECOND), pytest.approx(p["end"], abs=MILLISECOND))
        for p in clip["phones"]
    ]


def line(**changes):
    said = {
        "name": "a", "ph_seq": "SP L AA SP", "ph_dur": "0.5 0.1 0.6 0.8", "note_seq": "rest D4 E4 rest",
        "note_dur": "0.6 0.4 0.2 0.8",
        "note_slur": "0 0 1 0", "text": "la",
    }  # fmt: skip
    return {**said, **changes}


def write(folder, kind):
    sound(folder / "a.wav", 2.0)
    if kind == "TextGrid":
        text(folder / "a.TextGrid", textgrid(2.0, phones=LA))
    elif kind == "ds":
        text(folder / "a.ds", json.dumps([line()]))
    elif kind == "lab":
        text(folder / "a.lab", hts(*LA))
    else:
        rows = line()
        place = folder.parent if folder.name == "wavs" else folder
        text(place / "transcriptions.csv", ",".join(rows) + "\n" + ",".join(rows.values()) + "\n")


@pytest.mark.parametrize("kind", ["TextGrid", "ds", "lab", "csv"])
def test_each_kind_of_label_gives_the_same_phones_and_seconds(kind, tmp_path):
    write(tmp_path / "anna", kind)
    clip = prepared(tmp_path / "anna")["folder/a"]
    assert spans(clip) == FOUND
    assert (clip["speaker"], clip["language"]) == ("anna", "en")
    if kind in ("ds", "csv"):
        notes = [(n["onset"], n["duration"], n["cents"], n["lyric"]) for n in clip["notes"]]
        assert notes == [(0.6, 0.4, 6200, ""), (1.0, 0.2, 6400, None)]


def test_the_table_of_diffsinger_may_lie_above_its_recordings(tmp_path):
    write(tmp_path / "anna" / "wavs", "csv")
    clips = prepared(tmp_path / "anna")
    assert spans(clips["folder/wavs/a"]) == FOUND and clips["folder/wavs/a"]["speaker"] == "anna"


def test_a_textgrid_counts_before_a_ds_and_a_ds_before_a_lab(tmp_path):
    for kind in ("TextGrid", "ds", "lab"):
        write(tmp_path / "anna", kind)
    assert "notes" not in prepared(tmp_path / "anna", "one")["folder/a"]
    (tmp_path / "anna/a.TextGrid").unlink()
    assert "notes" in prepared(tmp_path / "anna", "two")["folder/a"]


def test_singers_have_folders_and_languages_of_their_own(tmp_path):
    write(tmp_path / "choir/anna", "TextGrid")
    sound(tmp_path / "choir/ken/b.wav", 2.0)
    text(tmp_path / "choir/ken/b.lab", hts((0, 0.5, "pau"), (0.5, 0.6, "sh"), (0.6, 2.0, "I")))
    text(tmp_path / "choir/anna/corpus.yaml", "singer: Anna B\nlicence: CC BY 4.0\n")
    text(tmp_path / "choir/ken/corpus.yaml", "")
    clips = prepared(tmp_path / "choir")
    told = {name: (clip["speaker"], clip["language"]) for name, clip in clips.items()}
    assert told == {"folder/anna/a": ("Anna B", "en"), "folder/ken/b": ("ken", "ja")}
    assert [p["symbol"] for p in clips["folder/ken/b"]["phones"]] == ["SIL", "ɕ", "IY"]
    assert clips["folder/anna/a"]["licence"] == "CC BY 4.0" and "licence" not in clips["folder/ken/b"]


def test_symbols_of_ones_own_are_what_corpus_yaml_says(tmp_path):
    sound(tmp_path / "anna/a.wav", 2.0)
    text(
        tmp_path / "anna/a.TextGrid",
        textgrid(2.0, phones=[(0, 0.5, "Q"), (0.5, 0.6, "l2"), (0.6, 1.2, "A"), (1.2, 2.0, "Q")]),
    )
    text(tmp_path / "anna/corpus.yaml", "language: en\nsymbols: {Q: SIL, l2: L, A: AA1}\n")
    assert spans(prepared(tmp_path / "anna")["folder/a"]) == FOUND


def test_ipa_wants_a_language_and_has_then_its_phones(tmp_path):
    sound(tmp_path / "anna/a.wav", 2.0)
    text(
        tmp_path / "anna/a.TextGrid",
        textgrid(2.0, phones=[(0, 0.5, ""), (0.5, 0.6, "ʁ"), (0.6, 1.2, "øː"), (1.2, 2.0, "")]),
    )
    with pytest.raises(
        CorpusError, match=r"a\.wav: its labels do not tell the language; write a corpus\.yaml .* `language: de`"
    ):
        prepared(tmp_path / "anna")
    text(tmp_path / "anna/corpus.yaml", "language: de\n")
    clip = prepared(tmp_path / "anna")["folder/a"]
    assert [p["symbol"] for p in clip["phones"]] == ["SIL", "ʁ", "ø", "SIL"] and clip["language"] == "de"


def test_what_has_no_times_stays_without_phones_and_says_why(tmp_path, capsys):
    for name in ("a", "b"):
        sound(tmp_path / f"anna/{name}.wav", 1.0)
    text(tmp_path / "anna/b.txt", "la la\nla")
    clips = prepared(tmp_path / "anna")
    assert clips["folder/a"]["unlabelled"] == "no label file of its name beside it"
    assert clips["folder/b"]["text"] == "la la la" and clips["folder/b"]["unlabelled"] == "words without times"
    assert "folder: 2 of 2 clips are left without phones" in capsys.readouterr().err


TUNE = [(0.0, 0.6, 5700), (0.6, 0.6, 6000), (1.2, 0.9, 6400), (2.4, 0.6, 6200), (3.0, 1.2, 5700)]


def test_a_score_is_found_in_singing_of_another_tempo_and_key(tmp_path):
    """Sung a tenth slower and a semitone higher than written; onsets within 50 ms, and vowels on them."""
    notes = [Note(a, d, c, "sa", phonemes=("S", "AA1")) for a, d, c in TUNE]
    slower = [Note(a / 0.9 + 0.5, d / 0.9, c + 100, "sa", phonemes=("S", "AA1")) for a, d, c in TUNE]
    sung = delay(slower)
    phones = place(sung, TypicalDurations())
    (tmp_path / "anna").mkdir()
    sing_phones(phones, natural(sung, phones, seed=0), seed=0).write(tmp_path / "anna/a.wav")
    take = {
        "part": "a", "notes": [note_to_json(n) for n in notes], "phones": [], "f0": {"hop_seconds": 0.01,
        "cents": [], "voiced": []},
    }  # fmt: skip
    (tmp_path / "anna/a.musicxml").write_bytes(write_musicxml([take], "a"))
    assert [n.cents for n in read_score(tmp_path / "anna/a.musicxml", language="en").parts[0].notes] == [
        c for _, _, c in TUNE
    ]
    clip = prepared(tmp_path / "anna")["folder/a"]
    assert [n["cents"] for n in clip["notes"]] == [c + 100 for _, _, c in TUNE]
    assert [n["onset"] for n in clip["notes"]] == pytest.approx([n.onset for n in sung], abs=0.05)
    vowels = [p["start"] for p in clip["phones"] if p["symbol"] == "AA"]
    assert vowels == pytest.approx([n["onset"] for n in clip["notes"]], abs=MILLISECOND)


def test_what_a_singer_leaves_out_of_the_score_is_left_out_of_the_labels(tmp_path):
    words = ("sa", "na", "sa", "na", "sa")
    notes = [Note(a, d, c, word, phonemes=(word[0].upper(), "AA1")) for (a, d, c), word in zip(TUNE, words, strict=True)]
    sung = delay([note for i, note in enumerate(notes) if i != 2])
    phones = place(sung, TypicalDurations())
    (tmp_path / "anna").mkdir()
    sing_phones(phones, natural(sung, phones, seed=0), seed=0).write(tmp_path / "anna/a.wav")
    take = {"part": "a", "notes": [note_to_json(n) for n in notes], "phones": [], "f0": {}}
    (tmp_path / "anna/a.musicxml").write_bytes(write_musicxml([take], "a"))
    text(tmp_path / "anna/corpus.yaml", "language: en\n")
    clip = prepared(tmp_path / "anna")["folder/a"]
    found = [(n["cents"], n["lyric"]) for n in clip["notes"] if n["duration"] > 0.1]
    assert found == [(n.cents, n.lyric) for n in sung]
    assert [n["onset"] for n in clip["notes"] if n["duration"] > 0.1] == pytest.approx([n.onset for n in sung], abs=0.06)


def test_a_score_of_another_song_is_not_forced_upon_a_recording(tmp_path):
    sound(tmp_path / "anna/a.wav", 3.0)
    (tmp_path / "anna/a.musicxml").write_bytes(SONG.read_bytes())
    assert (
        "only 0 % of the notes in a.musicxml are sung as written"
        in prepared(tmp_path / "anna")["folder/a"]["unlabelled"]
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("singer: [", "corpus.yaml: no YAML"),
        ("- anna", "corpus.yaml: list is not understood; the keys are singer, language, phones, symbols, licence"),
        ("voice: anna", "corpus.yaml: voice is not understood"),
        ("phones: klingon", "corpus.yaml: phones is 'klingon'; choose japanese, pinyin"),
        ("singer: [anna, bea]", "corpus.yaml: singer is ['anna', 'bea']; one text is wanted, such as singer: anna"),
        ("language: no", "corpus.yaml: language is False; one text is wanted, such as language: en"),
        ("symbols: {a: QQ}", "corpus.yaml: symbols.a is 'QQ'; svs has the phones AA"),
        ("symbols: {a: ''}", "corpus.yaml: symbols.a is empty"),
    ],
)
def test_a_corpus_yaml_that_says_nothing_sensible_is_named(content, said, tmp_path):
    write(tmp_path / "anna", "lab")
    text(tmp_path / "anna/corpus.yaml", content)
    with pytest.raises(CorpusError) as caught:
        prepared(tmp_path / "anna")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("a.TextGrid", textgrid(2.0, voices=LA), "a.TextGrid: no tier called phones; it has voices"),
        ("a.TextGrid", textgrid(2.0, phones=LA, notes=[(0, 2, "X9")]), "a.TextGrid: tier of notes: 'X9' is no note"),
        ("a.ds", json.dumps([line(ph_dur="0.5 0.1")]), "a.ds: no .ds file with ph_seq and ph_dur"),
        ("a.ds", json.dumps([line(note_seq="rest D4 Y4 rest")]), "a.ds: .*'Y4' is no note"),
        (
            "transcriptions.csv",
            "name,ph_seq,ph_dur\na,L AA,0.1\n",
            "transcriptions.csv, line 2: name, ph_seq and as many ph_dur",
        ),
        ("a.musicxml", "<score/>", "a.musicxml"),
    ],
)
def test_a_broken_label_is_named_in_one_line(file, content, said, tmp_path):
    sound(tmp_path / "anna/a.wav", 2.0)
    text(tmp_path / "anna" / file, content)
    with pytest.raises(CorpusError) as caught:
        prepared(tmp_path / "anna")
    assert re.search(said, str(caught.value))
    assert "\n" not in str(caught.value)
