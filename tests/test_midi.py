"""MIDI and karaoke: every syllable on its note, syllables in their words, seconds by the tempo map."""

from pathlib import Path

import numpy as np
import pytest

from svs.midi import read_midi
from svs.score import ScoreError, read_score

mido = pytest.importorskip("mido")
CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"
BEAT = 480


def track(*events, name=""):
    """A MIDI track of (tick, message) pairs."""
    messages, now = [mido.MetaMessage("track_name", name=name)] if name else [], 0
    for tick, message in sorted(events, key=lambda e: (e[0], e[1].type == "note_on")):
        messages.append(message.copy(time=tick - now))
        now = tick
    return mido.MidiTrack(messages)


def notes(*keys, beats=1.0, start=0.0, channel=0, gap=0):
    """Events of notes one after another; None is a rest."""
    events = []
    for i, key in enumerate(keys):
        if key is not None:
            begin = int((start + i * beats) * BEAT)
            events.append((begin, mido.Message("note_on", note=key, velocity=80, channel=channel)))
            events.append((begin + int(beats * BEAT) - gap, mido.Message("note_off", note=key, channel=channel)))
    return events


def lyrics(*texts, beats=1.0, start=0.0, kind="lyrics"):
    return [
        (int((start + i * beats) * BEAT), mido.MetaMessage(kind, text=text)) for i, text in enumerate(texts) if text
    ]


@pytest.fixture
def read(tmp_path):
    def read(*tracks, name="song.mid", **options):
        file = mido.MidiFile(ticks_per_beat=BEAT, tracks=list(tracks))
        file.save(tmp_path / name)
        return read_score(tmp_path / name, **options)

    return read


def words(score, part=0):
    return [(n.lyric, n.syllabic) for n in score.parts[part].notes if n.lyric]


def test_syllables_sit_on_the_notes_that_begin_with_them(read):
    score = read(track(*notes(69, 71, 72, gap=20), *lyrics("one", "", "two"), name="Melody"))
    assert [(n.lyric, n.cents, n.onset, n.melisma) for n in score.parts[0].notes] == [
        ("one", 6900.0, 0.0, False),
        (None, 7100.0, 0.5, True),
        ("two", 7200.0, 1.0, False),
    ]
    assert score.parts[0].name == "Melody"


def test_a_melisma_leaves_no_gap_but_a_rest_stays(read):
    first, second, third = read(track(*notes(69, 71, None, 72, gap=40), *lyrics("glo", "", "", "ry"))).parts[0].notes
    assert first.end == second.onset
    assert second.end < third.onset


def test_tempo_changes_move_the_notes_after_them(read):
    tempo = [(0, mido.MetaMessage("set_tempo", tempo=500_000)), (BEAT, mido.MetaMessage("set_tempo", tempo=1_000_000))]
    score = read(track(*tempo), track(*notes(69, 71, 72), *lyrics("a", "b", "c")))
    assert [n.onset for n in score.parts[0].notes] == [0.0, 0.5, 1.5]


def test_bars_follow_the_time_signature(read):
    waltz = [(0, mido.MetaMessage("time_signature", numerator=3, denominator=4))]
    score = read(track(*waltz), track(*notes(*[69] * 7), *lyrics(*"abcdefg")))
    assert [n.bar for n in score.parts[0].notes] == [1, 1, 1, 2, 2, 2, 3]


def test_lyric_tracks_of_their_own_are_verses_of_the_melody(read):
    tracks = (
        track(*notes(48, 48, channel=1, beats=2), name="Piano"),
        track(*notes(69, 71, 72, 74), name="Melody"),
        track(*lyrics("one", "two", "three", "four,"), name="Words"),
        track(*lyrics("five", "six", "sev-", "en")),
    )
    assert words(read(*tracks)) == [("one", "single"), ("two", "single"), ("three", "single"), ("four,", "single")]
    assert words(read(*tracks, verse=2))[2:] == [("sev", "begin"), ("en", "end")]
    assert len(read(*tracks).parts) == 1


def test_karaoke_text_begins_words_with_spaces_and_lines_with_slashes(read):
    text = [
        *lyrics("\\Twin", "kle,", " lit", "tle", "/star", kind="text"),
        (0, mido.MetaMessage("text", text="@TStar")),
    ]
    score = read(track(*text, name="Words"), track(*notes(69, 71, 72, 74, 76)), name="song.kar")
    assert words(score) == [("Twin", "begin"), ("kle,", "end"), ("lit", "begin"), ("tle", "end"), ("star", "single")]
    assert score.title == "Star"


def test_texts_that_begin_with_notes_are_words_though_nothing_says_so(read):
    score = read(track(*notes(69, 71, 72), *lyrics("one ", "more ", "time ", kind="text"), name="Melody"))
    assert words(score) == [("one", "single"), ("more", "single"), ("time", "single")]
    with pytest.raises(ScoreError, match="no lyrics"):
        read(track(*notes(69, 71, 72), *lyrics("verse", "chorus", beats=0.7, start=0.1, kind="text"), name="Melody"))


def test_headers_among_the_lyrics_are_not_sung(read):
    score = read(track((0, mido.MetaMessage("lyrics", text="{@LATIN}")), *notes(69, 71), *lyrics("one ", "more ")))
    assert words(score) == [("one", "single"), ("more", "single")]


def test_signs_of_xf_part_lines_and_words(read):
    score = read(track(*notes(69, 71, 72, 74, 76), *lyrics("A", "ma", "zing^", "grace<", ">how^")))
    assert words(score) == [("A", "begin"), ("ma", "middle"), ("zing", "end"), ("grace", "single"), ("how", "single")]


def test_a_karaoke_file_may_name_its_language_and_english_is_no_name(read):
    sung = ("\\Stil", "le", " Nacht", "/al", "les", " schläft")
    for header, language in (("@LGER", "de"), ("@LENGL", "en")):
        named = track((0, mido.MetaMessage("text", text=header)), *lyrics(*sung, kind="text"))
        assert read(named, track(*notes(*range(60, 66))), name="a.kar").parts[0].language == language


def test_tuning_and_a_still_pitch_wheel_move_every_note_and_a_moving_one_bends_it(read):
    def control(*pairs):
        return [(0, mido.Message("control_change", control=number, value=value)) for number, value in pairs]

    def cents(*events):
        return [n.cents for n in read(track(*events, *notes(69, 71), *lyrics("a ", "b "))).parts[0].notes]

    fine = control((101, 0), (100, 1), (6, 96), (38, 0))
    assert cents(*fine) == [6950.0, 7150.0]
    assert cents(*control((101, 0), (100, 2), (6, 62))) == [6700.0, 6900.0]
    assert cents((0, mido.Message("pitchwheel", pitch=4096))) == [7000.0, 7200.0]  # of two semitones
    reach = control((101, 0), (100, 0), (6, 12), (38, 0))
    assert cents(*reach, (0, mido.Message("pitchwheel", pitch=-4096))) == [6300.0, 6500.0]
    scoop = [(0, mido.Message("pitchwheel", pitch=-4096)), (100, mido.Message("pitchwheel", pitch=0))]
    assert cents(*scoop) == [6900.0, 7100.0]
    bent, plain = read(track(*scoop, *notes(69, 71), *lyrics("a ", "b "))).parts[0].notes
    assert np.interp([0.0, 0.08, 100 / 960, 0.3], *np.transpose(bent.bend)) == pytest.approx([-100, -100, 0, 0])
    assert plain.bend == ()
    score = read(track(*scoop, *notes(69, 71), *lyrics("a ", "b ")), tempo=0.5)
    assert score.parts[0].notes[0].bend[-1] == pytest.approx((200 / 960, 0.0))


def test_trailing_spaces_end_words(read):
    assert words(read(track(*notes(69, 71, 72, 74), *lyrics("lit", "tle ", "star ", "how ")))) == [
        ("lit", "begin"),
        ("tle", "end"),
        ("star", "single"),
        ("how", "single"),
    ]


def test_syllables_without_hyphens_are_joined_by_the_english_word_list(read):
    pytest.importorskip("wordsegment")
    syllables = ("Glo", "ry", "to", "the", "new", "born", "King;", "re", "deem", "ing", "love,", "heav", "en", "ly")
    score = read(track(*notes(*[69] * len(syllables)), *lyrics(*syllables)))
    assert [place for _, place in words(score)] == [
        "begin",
        "end",
        "single",
        "single",
        "begin",
        "end",
        "single",
        "begin",
        "middle",
        "end",
        "single",
        "begin",
        "middle",
        "end",
    ]
    german = read(track(*notes(*[69] * len(syllables)), *lyrics(*syllables)), language="de")
    assert {place for _, place in words(german)} == {"single"}


def test_a_word_in_no_list_takes_no_known_words_with_it(read):
    pytest.importorskip("wordsegment")
    syllables = ("my", "path", "il", "lum", "ing,", "ho", "ly", "hymn", "ing")
    score = read(track(*notes(*[69] * len(syllables)), *lyrics(*syllables)), language="en")
    places = "single single begin middle end begin end begin end"
    assert [place for _, place in words(score)] == places.split()


def test_chords_are_sung_at_the_top(read):
    chords = notes(60, 62) + notes(64, 65) + notes(69, 71)
    score = read(track(*chords, *lyrics("one", "two")))
    assert [n.cents for n in score.parts[0].notes] == [6900, 7100]


def test_utf8_and_windows_lyrics_are_both_read(read):
    for encoding in ("utf-8", "cp1252"):
        text = "für".encode(encoding).decode("latin-1")
        assert words(read(track(*notes(69), *lyrics(text)))) == [("für", "single")]


def test_shift_jis_lyrics_are_kana(read):
    syllables = [kana.encode("cp932").decode("latin-1") for kana in "さくら"]
    score = read(track(*notes(69, 71, 72), *lyrics(*syllables)))
    assert [n.lyric for n in score.parts[0].notes] == ["さ", "く", "ら"]


def test_drums_never_sing(read):
    score = read(track(*notes(35, 35, channel=9)), track(*notes(69, 71)), track(*lyrics("la", "la")))
    assert [n.cents for n in score.parts[0].notes] == [6900, 7100]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "an empty file"),
        (b"nonsense", "not a MIDI file"),
        (b"MThd\x00\x00\x00\x06\x00\x01\x00\x01\x01\xe0MTrk\x00\x00\x00\xff\x00", "damaged MIDI file|no notes"),
        (b"MThd\x00\x00\x00\x06\x00\x01\x00\x00\xe7\x28", "film frames"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "bad.mid"
    path.write_bytes(content)
    with pytest.raises(ScoreError, match=message) as caught:
        read_score(path)
    assert "\n" not in str(caught.value) and str(caught.value).startswith("bad.mid")


def test_midi_without_lyrics_says_so(read):
    with pytest.raises(ScoreError, match=r"song\.mid: no lyrics in any part \(Melody: 2 notes\)"):
        read(track(*notes(69, 71), name="Melody"))


def hymns():
    folder = CASES / "07_hymns_midi_lyrics"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: the hymns are not part of the project")
    return sorted(folder.glob("*.mid"))[:20]


def test_lyric_events_of_hymns_all_find_a_note_that_begins_with_them():
    events = placed = 0
    for path in hymns():
        file = mido.MidiFile(path, clip=True)
        events += sum(m.type == "lyrics" and any(c.isalnum() for c in m.text) for t in file.tracks for m in t)
        placed += sum(len(n.lyrics) for part in read_midi(path).parts for n in part.notes)
    assert placed / events >= 0.99
