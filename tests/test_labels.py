"""Label files of others: miniature ones with known answers, and real ones at ../shared/cases where those are."""

import difflib
import itertools
import json
from pathlib import Path

import pytest
from tiny_corpora import sound, text, textgrid

from data_prep.labels import (
    Interval,
    LabelError,
    cents_of,
    labelled,
    phones_of,
    read_ds,
    read_hts,
    read_text,
    read_textgrid,
    tier,
)  # fmt: skip
from data_prep.nit_song070 import full_context_notes
from data_prep.phonesets import SETS, UnknownPhone, convert
from svs import g2p
from svs.audio import AudioFile
from svs.export import ds as ds_export
from svs.export import textgrid as textgrid_export
from svs.inventory import PHONES, strip_stress
from svs.phonemes import pronounce
from svs.score import read_score

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"
ITAKO, NIT, DIFFSINGER = (CASES / name for name in ("11_ja_itako50_pd", "12_ja_nit_song070", "13_ds_diffsinger"))
MICROSECOND = 1e-6
SHORT = '''File type = "ooTextFile"
Object class = "TextGrid"

0
1.5
<exists>
2
"IntervalTier"
"anna - phones"
0
1.5
2
0
0.5
"a ""b"""
0.5
1.5
""
"TextTier"
"points"
0
1.5
1
0.7
"5"
'''


def test_both_formats_of_praat_and_its_encodings_are_read(tmp_path):
    for name, content, encoding in (
        ("a", SHORT, "utf-8"),
        ("b", SHORT, "utf-16"),
        ("c", textgrid(1.5, phones=[(0, 0.5, "a")]), "utf-8"),
    ):
        text(tmp_path / name, content, encoding)
        first = tier(read_textgrid(tmp_path / name), "phones")[0]
        assert (first.start, first.end) == (0, 0.5)
    assert list(read_textgrid(tmp_path / "a")) == ["anna - phones"]
    assert tier(read_textgrid(tmp_path / "b"), "phones")[0].text == 'a "b"'
    assert tier(read_textgrid(tmp_path / "a"), "words") is None


def test_tiers_of_numbers_keep_their_text(tmp_path):
    """A label that looks like a number, or like a line of Praat's own, is still a label."""
    rows = [(0, 1, "60"), (1, 2, "intervals [1]:"), (2, 3, "xmin = 5"), (3, 4, "")]
    text(tmp_path / "x.TextGrid", textgrid(4, notes=rows))
    assert [i.text for i in tier(read_textgrid(tmp_path / "x.TextGrid"), "notes")] == [row[2] for row in rows]


def test_shift_jis_is_read_and_other_bytes_are_told(tmp_path):
    text(tmp_path / "sjis.lab", "0 5 あ\n", "cp932")
    assert read_hts(tmp_path / "sjis.lab") == [Interval(0, 5e-7, "あ")]
    (tmp_path / "bytes.lab").write_bytes(b"\x81\xff\xff\xfd")
    with pytest.raises(LabelError, match=r"bytes\.lab: neither UTF-8, UTF-16 nor Shift-JIS"):
        read_text(tmp_path / "bytes.lab")


@pytest.mark.parametrize(
    ("name", "cents"),
    [
        ("A4", 6900),
        ("C4", 6000),
        ("F#4", 6600),
        ("C#4/Db4", 6100),
        ("Bb3+12", 5812),
        ("B3-20", 5880),
        ("69", 6900),
        ("60.5", 6050),
    ],
)
def test_note_names_are_cents(name, cents):
    assert cents_of(name) == pytest.approx(cents)


@pytest.mark.parametrize("name", ["", "H", "C", "Q4", "++", "C4+x"])
def test_what_is_no_note_is_refused(name):
    with pytest.raises(ValueError, match="is no note"):
        cents_of(name)


@pytest.mark.parametrize("phone_set", SETS)
def test_every_symbol_of_a_set_is_phones_of_svs(phone_set):
    for symbol in SETS[phone_set]:
        assert all(strip_stress(phone) in PHONES and share > 0 for phone, share in convert(symbol, phone_set))


def test_symbols_without_a_phone_are_all_named():
    intervals = [Interval(0, 1, "a"), Interval(1, 2, "@@"), Interval(2, 3, "%")]
    with pytest.raises(UnknownPhone, match="@@ %"):
        phones_of(intervals, "japanese", 3.0)


def test_gaps_are_silence_but_those_of_a_few_milliseconds():
    phones = phones_of([Interval(0.2, 0.5, "s"), Interval(0.51, 1.0, "a"), Interval(1.5, 2.0, "a")], "japanese", 2.0)
    assert [(p["symbol"], p["start"], p["end"]) for p in phones] == [
        ("SIL", 0, 0.2), ("S", 0.2, 0.51), ("a", 0.51, 1.0), ("SIL", 1.0, 1.5), ("a", 1.5, 2.0)
    ]  # fmt: skip


def test_syllables_end_with_their_words_where_words_are_known():
    phones = [Interval(n / 10, (n + 1) / 10, symbol) for n, symbol in enumerate(["AH0", "N", "AE1", "P"])]
    assert [p["note"] for p in phones_of(phones, "arpabet", 0.4)] == [0, 1, 1, 1]  # a nap
    words = [Interval(0, 0.2, "an"), Interval(0.2, 0.4, "app")]
    assert [p["note"] for p in phones_of(phones, "arpabet", 0.4, words)] == [0, 0, 1, 1]


def test_what_svs_exports_comes_back_to_a_microsecond(tmp_path):
    symbols, notes = (
        [("SIL", 0, 0.6, -1), ("M", 0.6, 0.7, 0), ("AY", 0.7, 1.4, 0), ("SIL", 1.4, 1.6, -1)],
        [(0.7, 0.7, 6150.0)],
    )
    take = {
        "part": "a", "phones": [dict(zip(("symbol", "start", "end", "note"), row, strict=True)) for row in symbols],
        "notes": [{"onset": a, "duration": d, "cents": c, "lyric": "my", "syllabic": "single"} for a, d, c in notes],
        "f0": {"hop_seconds": 0.01, "cents": [6150.0] * 160, "voiced": [True] * 160},
    }  # fmt: skip
    sound(tmp_path / "a.wav", 1.6)
    text(tmp_path / "a.TextGrid", textgrid_export.write([take], "a"))
    text(tmp_path / "a.ds", ds_export.write([take], "a"))
    (line,) = read_ds(tmp_path / "a.ds")
    for intervals in (tier(read_textgrid(tmp_path / "a.TextGrid"), "phones"), line.phones):
        clip = labelled({"audio": str(tmp_path / "a.wav")}, intervals, "svs")
        times = [(p["symbol"], p["start"], p["end"], p["note"]) for p in clip["phones"]]
        assert times == [
            (s, pytest.approx(a, abs=MICROSECOND), pytest.approx(b, abs=MICROSECOND), n) for s, a, b, n in symbols
        ]
    assert [(n["onset"], n["duration"], n["cents"]) for n in line.notes] == [pytest.approx(note) for note in notes]


@pytest.mark.skipif(not ITAKO.is_dir(), reason="the labels of Itako are not at ../shared/cases")
def test_a_real_mono_label_is_phones_from_end_to_end():
    intervals = read_hts(ITAKO / "itako50.lab")
    assert [i.text for i in intervals[:5]] == ["sil", "pau", "u", "r", "i"]
    assert (intervals[3].start, intervals[3].end) == pytest.approx((3.133224, 3.155178))
    phones = phones_of(intervals, "japanese", intervals[-1].end)
    assert (phones[0]["start"], phones[-1]["end"]) == (0, pytest.approx(intervals[-1].end, abs=1e-4))
    sung = sum(i.end - i.start for i in intervals if i.text not in ("sil", "pau", "br"))
    assert sum(p["end"] - p["start"] for p in phones if p["note"] >= 0) == pytest.approx(sung, abs=0.01)


@pytest.mark.skipif(not NIT.is_dir(), reason="the labels of NIT-SONG070 are not at ../shared/cases")
def test_real_full_context_labels_and_their_mono_copies_say_the_same():
    for path in NIT.glob("neutrino_*_full.lab"):
        mono = read_hts(str(path).replace("_full", "_mono"))
        full = read_hts(path)
        assert [(i.text, i.start, i.end) for i in full] == [(i.text, i.start, i.end) for i in mono]
        assert {i.text for i in full} <= {"pau", "sil", "br", *SETS["japanese"]}


@pytest.mark.skipif(not NIT.is_dir(), reason="the labels of NIT-SONG070 are not at ../shared/cases")
def test_a_real_song_of_nit_has_phones_over_its_sound_and_its_notes_in_its_range():
    name = NIT / "nitech_jp_song070_f001_004"
    seconds = AudioFile.open(f"{name}.wav").seconds
    clip = labelled({"audio": f"{name}.wav"}, read_hts(f"{name}.lab"), "japanese")
    assert clip["phones"][-1]["end"] == pytest.approx(seconds, abs=0.02)
    notes = full_context_notes(f"{name}.lab")
    assert all(4800 <= n["cents"] <= 8400 and n["duration"] > 0 for n in notes)
    assert all(a["onset"] + a["duration"] <= b["onset"] + 1e-4 for a, b in itertools.pairwise(notes))
    nuclei = {p["start"] for p in clip["phones"] if p["stress"] or p["symbol"] in ("ɴ", "ʔ")}
    assert all(min(abs(n["onset"] - start) for start in nuclei) < 1e-4 for n in notes)


@pytest.mark.skipif(not DIFFSINGER.is_dir(), reason="samples of DiffSinger are not at ../shared/cases")
def test_a_real_line_of_diffsinger_has_its_phones_and_notes_in_seconds():
    path = DIFFSINGER / "03.ds"
    (said,) = json.loads(path.read_text(encoding="utf-8"))
    (line,) = read_ds(path)
    assert [p.text for p in line.phones] == said["ph_seq"].split()
    assert line.phones[0].start == said["offset"]
    assert line.phones[-1].end == pytest.approx(said["offset"] + sum(map(float, said["ph_dur"].split())))
    assert sum(n["lyric"] is None for n in line.notes) == said["note_slur"].split().count("1") > 0
    assert len(line.notes) == sum(name != "rest" for name in said["note_seq"].split())
    numbers, starts = list(map(int, said["ph_num"].split())), [p.start for p in line.phones]
    firsts = [starts[sum(numbers[:place])] for place in range(len(numbers))]  # of each group: it begins with its vowel
    onsets = [n["onset"] for n in line.notes if n["lyric"] is not None]
    assert (
        max(min(abs(onset - first) for first in firsts) for onset in onsets) < 0.15
    )  # the file's own sums differ by 0.12 s
    phones = phones_of(line.phones, "pinyin", line.phones[-1].end)
    assert phones[-1]["end"] == pytest.approx(line.phones[-1].end, abs=1e-4)


@pytest.mark.skipif(not DIFFSINGER.is_dir(), reason="samples of DiffSinger are not at ../shared/cases")
def test_a_real_line_without_durations_is_no_label():
    with pytest.raises(
        LabelError, match=r"07\.ds: no \.ds file with ph_seq and ph_dur \(the key 'ph_dur' is missing\)"
    ):
        read_ds(DIFFSINGER / "07.ds")


@pytest.mark.skipif(not ITAKO.is_dir(), reason="the score of Itako is not at ../shared/cases")
def test_a_real_label_has_the_phones_of_its_score_in_order():
    """What the corpus's own MusicXML sings, by svs's Japanese, against what its label says."""
    (part,) = read_score(ITAKO / "itako50.musicxml", language="ja").parts[:1]
    sung = [strip_stress(p) for n in pronounce(part, g2p.load("ja")).notes for p in n.phonemes]
    labels = phones_of(read_hts(ITAKO / "itako50.lab"), "japanese", 1e6)
    heard = [p["symbol"] for p in labels if p["note"] >= 0]
    assert difflib.SequenceMatcher(None, sung, heard, autojunk=False).ratio() > 0.95
