"""The teacher corpus: words held out, consonants before the beat, contours as commanded, clips measured and resumed."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from data_prep import songs, teacher
from svs import g2p
from svs.audio import Audio
from svs.phonemes import pronounce
from svs.score import Note, Part
from svs.timing import VOWELS, place
from svs.units import cents_to_hz

ENGLISH = g2p.load("en")
ASSETS = Path(__file__).parent.parent / "assets" / "scores"
CENT = 0.01


class Humming:
    """A teacher without a network: a harmonic tone at the commanded pitch on vowels, hiss elsewhere."""

    sample_rate = 24_000
    voices = ("hibari",)

    def __init__(self, detune_cents=0.0):
        self.detune = detune_cents

    def natural_durations(self, voice, phones, words=None):
        return np.full(len(phones), 0.075)

    def sing(self, voice, phones, durations, f0, words=None, f0_hop=0.0125):
        seconds = np.maximum(np.round(np.asarray(durations) / 0.0125), 1) * 0.0125
        edges = np.concatenate([[0.0], np.cumsum(seconds)])
        times = np.arange(round(edges[-1] * self.sample_rate)) / self.sample_rate
        hz = np.interp(times, np.arange(len(f0)) * f0_hop, f0) * 2 ** (self.detune / 1200)
        phase = 2 * np.pi * np.cumsum(hz) / self.sample_rate
        tone = sum(np.sin(k * phase) / k for k in range(1, 8))
        vowel = np.zeros(len(times), dtype=bool)
        for phone, (start, end) in zip(phones, pairwise(edges), strict=True):
            if phone.rstrip("012") in VOWELS:
                vowel |= (times >= start) & (times < end)
        hiss = 0.01 * np.random.default_rng(0).standard_normal(len(times))
        return np.where(vowel, 0.1 * tone, hiss).astype(np.float32), seconds


def phrase(text="the bright sun is rising", seconds=0.5, cents=6000.0):
    words = text.split()
    notes, onset = [], 0.0
    for word in words:
        syllables = songs.spell(word, len(songs.nuclei(ENGLISH.phones(word))))
        for index, syllable in enumerate(syllables):
            place_in_word = "single" if len(syllables) == 1 else "begin" if index == 0 else "end"
            notes.append(Note(onset, seconds, cents + 200 * (len(notes) % 3), syllable, place_in_word))
            onset += seconds
    part = pronounce(Part("test", "en", tuple(notes)), ENGLISH)
    return songs.Phrase("test.000", "test", text, part.notes)


# Words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Bishop_Henry__Home_Sweet_Home", "'Mid pleasures"),
        ("Sullivan_Arthur__The_Long_Day_Closes", "anything"),
        ("Untitled", "Twinkle, twinkle, little star"),
        ("Untitled", "Should auld acquaintance be forgot"),
        ("Untitled", "be it ever so humble, there's no place like home"),
    ],
)
def test_held_out_songs_are_recognised_by_title_or_words(title, words):
    assert songs.is_heldout(title, words, songs.read_heldout())


def test_other_songs_are_not_held_out():
    assert not songs.is_heldout("The Tyger", "Tyger tyger, burning bright", songs.read_heldout())


def test_no_held_out_song_is_in_the_texts_or_in_the_plan(tmp_path):
    heldout = songs.read_heldout()
    for title, lines in songs.read_texts():
        assert not songs.is_heldout(title, " ".join(lines), heldout), title
    lieder = tmp_path / "lieder.jsonl"
    sung = [(0, 1, 60, "Home,"), (1, 1, 62, "sweet"), (2, 9, 64, "home")]
    notes = [[onset, length, key, [["1", text, "single"]]] for onset, length, key, text in sung]
    rows = [{"file": f"en/{title}__lc1.mxl", "part": "P1", "notes": notes} for title in ("X__Home_Sweet_Home", "X__Allowed")]
    lieder.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = {p.song for p, take in teacher.plan("hibari", lieder, 0, heldout, takes=1)}
    assert "X__Allowed" in found and "X__Home_Sweet_Home" not in found


def test_the_songs_shipped_as_scores_are_held_out():
    heldout = songs.read_heldout()
    found = list(songs.scores(ASSETS, ENGLISH, teacher.rng_of, 0))
    assert found
    for p in found:
        whole = " ".join(q.words for q in found if q.song == p.song)
        assert songs.is_heldout(p.song, whole, heldout), p.song


def test_every_english_phone_is_sung():
    phrases = [*songs.texts(songs.HERE / "songs.txt", ENGLISH, teacher.rng_of, 0), *songs.drills(teacher.rng_of, 0)]
    sung = {phone.rstrip("012") for p in phrases for note in p.notes for phone in note.phonemes}
    assert sung >= {*songs.CONSONANTS, *songs.CODAS, *songs.VOWELS}


def test_patter_is_of_open_syllables_eight_to_thirteen_a_second():
    for p in songs.patter(teacher.rng_of, 0, count=20):
        assert len(p.notes) / 13 <= p.seconds <= len(p.notes) / 8
        for note in p.notes:
            consonant, vowel = note.phonemes
            assert consonant in songs.CONSONANTS and vowel.rstrip("1") in songs.VOWELS


def test_phrases_are_of_a_length_to_sing_in_one_breath():
    for p in songs.texts(songs.HERE / "songs.txt", ENGLISH, teacher.rng_of, 0):
        assert songs.SHORTEST <= p.seconds <= songs.LONGEST, p.name


def test_split_cuts_between_words_only():
    notes = [Note(i * 1.0, 1.0, 6000.0, "la", "begin" if i % 2 == 0 else "end") for i in range(16)]
    for part in songs.split(notes):
        assert part[0].syllabic == "begin" and part[-1].syllabic == "end"


def test_verse_number_and_melisma_of_a_lied():
    rows = [[0, 1, 60, [["1", "1. For", "begin"]]], [1, 1, 62, []], [2, 1, 64, [["1", "ever", "end"]]]]
    (run,) = songs._verse_notes(rows, "1", np.random.default_rng(0))
    assert [note.lyric for note in run] == ["For", None, "ever"]
    assert [note.melisma for note in run] == [False, True, False]


# Timing and pitch --------------------------------------------------------------------------------------------------


def test_vowels_meet_the_beat_and_no_phone_is_lost():
    clip = teacher.sing_clip(Humming(), "hibari", phrase(), 0)
    first_vowels = {}
    for phone in clip.phones:
        if phone["symbol"] in VOWELS:
            first_vowels.setdefault(phone["note"], phone["start"])
    for number, note in enumerate(clip.notes):
        assert abs(first_vowels[number] - note["onset"]) < 0.03
    sung = [phone["symbol"] for phone in clip.phones if phone["symbol"] != "SIL"]
    assert sung == [p.rstrip("012") for note in phrase().notes for p in note.phonemes]
    assert [p["start"] for p in clip.phones[1:]] == [p["end"] for p in clip.phones[:-1]]
    assert abs(clip.phones[-1]["end"] - clip.audio.seconds) < 0.001


def test_consonants_are_between_the_table_and_the_teachers_reading():
    p = phrase()
    notes = tuple(songs.replace(note, onset=note.onset + 0.5) for note in p.notes)
    line = teacher.line_of(notes)
    slow = place(notes, teacher.SpokenDurations(line, np.full(len(line.phones), 0.15)))
    quick = place(notes, teacher.SpokenDurations(line, np.full(len(line.phones), 0.03)))
    length = [sum(s.end - s.start for s in spans if s.symbol not in VOWELS and s.symbol != "SIL") for spans in (slow, quick)]
    assert length[0] > 1.2 * length[1]


def test_stress_and_word_starts_follow_the_words():
    p = phrase("wonder above")
    notes = tuple(songs.replace(note, onset=note.onset + 0.5) for note in p.notes)
    line = teacher.line_of(notes)
    spans = place(notes, teacher.SpokenDurations(line, np.full(len(line.phones), 0.07)))
    phones, starts = teacher.stressed(line, spans)
    assert phones == ["SIL", "W", "AH1", "N", "D", "ER0", "AH0", "B", "AH1", "V", "SIL"]
    assert [phones[i] for i in starts] == ["W", "AH0"]


def test_transposition_stays_in_range_by_whole_semitones():
    notes = phrase().notes
    for seed in range(20):
        moved = teacher.transpose(notes, 200.0, 400.0, np.random.default_rng(seed))
        assert all(200.0 <= cents_to_hz(note.cents) <= 400.0 for note in moved)
        assert abs((moved[0].cents - notes[0].cents) % 100) < CENT
    assert teacher.transpose(notes, 300.0, 310.0, np.random.default_rng(0)) is None


def test_a_true_teacher_is_kept_and_an_octave_low_one_dropped():
    good = teacher.sing_clip(Humming(), "hibari", phrase(), 0)
    assert good.f0_error_median < 5 and good.reason_to_drop() is None
    assert "pitch" in teacher.sing_clip(Humming(-1200), "hibari", phrase(), 0).reason_to_drop()
    assert "pitch" in teacher.sing_clip(Humming(60), "hibari", phrase(), 0).reason_to_drop()


def test_the_measured_error_is_the_detuning():
    detuned = teacher.sing_clip(Humming(20), "hibari", phrase(), 0)
    assert abs(detuned.f0_error_median - 20) < 3


def test_rests_become_silent_and_the_last_phone_ends_where_its_sound_does():
    rate = 24_000
    times = np.arange(rate) / rate
    sound = np.where((times > 0.2) & (times < 0.72), 0.3, 0.0) * np.sin(2 * np.pi * 200 * times)
    breath = np.where(times < 0.2, 0.05, 0.0) * np.sin(2 * np.pi * 3000 * times)
    audio, edges = teacher.settle_rests(
        Audio((sound + breath).astype(np.float32), rate), np.array([0.0, 0.25, 0.8, 1.0]), ["SIL", "AA", "SIL"]
    )
    assert abs(edges[2] - 0.72) <= 0.006 and edges[1] == 0.25
    assert np.abs(audio.samples[: int(0.24 * rate)]).max() < 0.001
    np.testing.assert_allclose(audio.samples[7200:16800], (sound + breath)[7200:16800], atol=1e-6)


def test_missed_words_drop_a_clip():
    clip = teacher.sing_clip(Humming(), "hibari", phrase(), 0)
    clip.wer = 0.9
    assert clip.reason_to_drop().startswith("words")


def test_error_rates_are_charged_to_the_clip_they_belong_to():
    assert teacher.error_rates([["a", "b"], ["c", "d"]], ["a", "b", "c", "x"]) == [0.0, 0.5]
    assert teacher.error_rates([["a", "b"], ["c", "d"]], ["c", "d"]) == [1.0, 0.0]
    assert teacher.error_rates([["a"]], []) == [1.0]


# The folder --------------------------------------------------------------------------------------------------------


def test_corpus_is_deterministic_and_resumes(tmp_path):
    def entries(folder):
        return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]

    teacher.teach(Humming(), "hibari", 0.5, teacher.Corpus(tmp_path / "whole"))
    teacher.teach(Humming(), "hibari", 0.2, teacher.Corpus(tmp_path / "parts"))
    teacher.teach(Humming(), "hibari", 0.5, teacher.Corpus(tmp_path / "parts"))
    whole, parts = entries(tmp_path / "whole"), entries(tmp_path / "parts")
    assert sum(e["seconds"] for e in whole) >= 30
    assert len({e["id"] for e in parts}) == len(parts)
    first = {e["id"]: e for e in whole}
    shared = [e for e in parts if e["id"] in first]
    assert shared and all(e == first[e["id"]] for e in shared)
    audio = Audio.read(tmp_path / "whole" / whole[0]["audio"])
    assert audio.sample_rate == 24_000 and abs(audio.seconds - whole[0]["seconds"]) < 0.001


def test_an_unmeasured_voice_is_refused(tmp_path):
    with pytest.raises(ValueError, match="range of voice 'nobody' is not known"):
        teacher.teach(Humming(), "nobody", 1.0, teacher.Corpus(tmp_path))


# Hibari ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hibari():
    for package in ("hibari", "onnx", "onnxruntime"):
        pytest.importorskip(package, reason=f"the teacher Hibari needs {package}")
    from data_prep.hibari import HibariTeacher

    return HibariTeacher()


@pytest.mark.parametrize("hz", [180, 300, 440, 560, 800])
def test_hibari_sings_the_commanded_pitch_for_the_commanded_time(hibari, hz):
    phones = ["SIL", "L", "AA1", "M", "OW1", "SIL"]
    wanted = np.array([0.25, 0.08, 0.8, 0.08, 0.8, 0.25])
    curve = np.full(240, float(hz))
    audio, seconds = hibari.sing("hibari", phones, wanted, curve, words=[1], f0_hop=0.01)
    np.testing.assert_allclose(np.cumsum(seconds), np.cumsum(wanted), atol=0.0063)
    assert len(audio) == round(seconds.sum() * hibari.sample_rate)
    commanded = teacher.PitchCurve(np.full(226, float(teacher.hz_to_cents(hz))), np.ones(226, dtype=bool))
    edges = np.concatenate([[0.0], np.cumsum(seconds)])
    median, _, stray = teacher.pitch_errors(Audio(audio, 24_000), commanded, [p.rstrip("012") for p in phones], edges)
    assert median < 3 and stray < 0.1


def test_hibari_holds_a_long_vowel_without_fading(hibari):
    phones, wanted = ["SIL", "M", "IY1", "SIL"], [0.25, 0.08, 2.0, 0.25]
    audio, _ = hibari.sing("hibari", phones, wanted, np.full(300, 250.0))
    early, late = (20 * np.log10(audio[int(t * 24_000) : int((t + 0.2) * 24_000)].std()) for t in (0.5, 1.8))
    assert abs(early - late) < 3  # dB


def test_hibari_says_what_it_cannot_sing(hibari):
    with pytest.raises(ValueError, match="unknown phone 'XX'"):
        hibari.natural_durations("hibari", ["SIL", "XX", "SIL"])
    with pytest.raises(ValueError, match="2 phones but 1 durations"):
        hibari.sing("hibari", ["SIL", "AA1"], [0.2], np.full(20, 200.0))
