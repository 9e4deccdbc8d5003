"""Where a singer breathes on a page without rests, and how loudness moves within a phrase."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from svs import phrasing
from svs.breath import breathe
from svs.dynamics import AMOUNTS, WRITTEN, Dynamics, natural, phrases
from svs.hand import HandError, read_settings
from svs.inventory import BR
from svs.phonemes import words
from svs.phrasing import BREATH_SECONDS, BREATH_SHARE, breaths, phrased
from svs.score import Note, read_score, select_part
from svs.timing import SILENCE, TypicalDurations, delay, place
from svs.units import PITCH_GRID

SCORES = Path(__file__).parent.parent / "assets" / "scores"


def notes_of(song: str) -> tuple[Note, ...]:
    return select_part(read_score(SCORES / f"{song}.musicxml")).notes


def line(text: str, seconds: float | list[float] = 0.5) -> list[Note]:
    """A syllable a note; a hyphen after one that its word goes on from, a _ for a vowel that goes on."""
    found, onset, goes_on = [], 0.0, False
    syllables = text.split()
    lengths = seconds if isinstance(seconds, list) else [seconds] * len(syllables)
    for syllable, length in zip(syllables, lengths, strict=True):
        held, ends = syllable == "_", not syllable.endswith("-")
        syllabic = {(False, True): "single", (False, False): "begin", (True, False): "middle", (True, True): "end"}[goes_on, ends]
        goes_on = goes_on if held else not ends
        lyric = None if held else syllable.removesuffix("-")
        found.append(Note(onset, length, 6000.0, lyric, "single" if held else syllabic, melisma=held, slurred=held))
        onset += length
    return found


def sung_phrases(notes) -> list[str]:
    texts, last = [], 0
    for index in [*breaths(notes), len(notes) - 1]:
        texts.append(" ".join(note.lyric for note in notes[last : index + 1] if note.lyric))
        last = index + 1
    return texts


# Breaths ----------------------------------------------------------------------------------------------------------


def test_a_hymn_is_breathed_line_by_line_as_congregations_sing_it():
    assert [phrase.split()[-1] for phrase in sung_phrases(notes_of("amazing_grace"))] == ["sound,", "me!", "found,", "see."]
    assert [phrase.split()[-1] for phrase in sung_phrases(notes_of("auld_lang_syne"))] == ["mind?", "syne?", "syne,", "syne."]
    assert len(sung_phrases(notes_of("twinkle_twinkle_little_star"))) == 6


@pytest.mark.parametrize("song", sorted(path.stem for path in SCORES.glob("*.musicxml")))
def test_no_word_and_no_melisma_is_torn_and_no_phrase_outlasts_a_breath(song):
    notes = notes_of(song)
    chosen = breaths(notes)
    inside_words = {index for word in words(notes) for index in range(word.notes[0], word.notes[-1])}
    assert not inside_words & set(chosen)
    assert not any(notes[index + 1].melisma for index in chosen)
    ends = [index for index in range(len(notes)) if index in chosen or index + 1 == len(notes)]
    ends = sorted({*ends, *(i for i in range(len(notes) - 1) if notes[i + 1].onset - notes[i].end >= 0.15)})
    begins = [0, *(end + 1 for end in ends[:-1])]
    longest = max(notes[end].end - notes[begin].onset for begin, end in zip(begins, ends, strict=True))
    assert longest < 12.0  # seconds; singers hold out 10 to 20


def test_words_of_a_clause_are_not_parted_where_a_line_end_is_near():
    notes = line("the sun is on the hill, the moon is in the sea. " * 2, ([0.5] * 5 + [1.0]) * 4)
    assert all(phrase[-1] in ",." for phrase in sung_phrases(notes))
    assert 2 <= len(sung_phrases(notes)) <= 4


def test_what_is_short_or_has_rests_of_its_own_is_sung_as_it_stands():
    assert breaths(line("row row row your boat")) == []
    assert breaths([]) == []
    rests = [replace(note, onset=note.onset + 0.3 * index) for index, note in enumerate(line("one, two, three, four, " * 8, 0.6))]
    assert breaths(rests) == []


def test_a_melody_without_words_is_breathed_after_its_long_notes():
    lengths = ([0.4] * 11 + [1.6]) * 4
    assert breaths(line("la " * 48, lengths)) == [11, 23, 35]


def test_a_song_of_hours_without_a_rest_costs_no_more_a_note_than_a_short_one(monkeypatch):
    weighed, strain = [], phrasing._strain
    monkeypatch.setattr(phrasing, "_strain", lambda seconds: weighed.append(seconds) or strain(seconds))
    asked = {}
    for count in (2_000, 20_000):
        weighed.clear()
        notes = line("la, " * count, 0.6)
        lengths = np.diff([-1, *breaths(notes), count - 1]) * 0.6
        assert 4.0 < lengths.mean() < 9.0 and lengths.max() < 12.0
        asked[count] = len(weighed)
    assert asked[20_000] < 10.5 * asked[2_000]


def test_a_long_note_among_notes_of_no_length_is_no_fault():
    assert breaths(line("la, " * 9, [0.0] * 4 + [9.0] + [0.0] * 4)) == []  # what is left would be no phrase


def test_where_no_note_can_spare_a_breath_none_is_taken():
    assert breaths(line("la " * 80, 0.2)) == []


def test_a_breath_takes_its_time_from_the_end_of_the_note_before_it():
    notes = notes_of("amazing_grace")
    sung, chosen = phrased(notes), breaths(notes)
    assert [note.onset for note in sung] == [note.onset for note in notes]
    for index, (before, after) in enumerate(zip(notes, sung, strict=True)):
        taken = min(BREATH_SECONDS, BREATH_SHARE * before.duration) if index in chosen else 0.0
        assert before.duration - after.duration == pytest.approx(taken)
    assert phrased(sung) == sung  # what has rests is left alone


def test_breaths_are_set_for_single_notes_by_hand():
    notes = notes_of("amazing_grace")
    settings = read_settings({"notes": [{"lyric": "sound,", "breath_seconds": 0}, {"lyric": "zing", "breath_seconds": 0.1}]})
    asked = settings.apply(notes).breaths
    sound, zing = (next(i for i, note in enumerate(notes) if note.lyric == lyric) for lyric in ("sound,", "zing"))
    sung = phrased(notes, asked)
    assert sung[sound] == notes[sound]
    assert notes[zing].duration - sung[zing].duration == pytest.approx(0.1)
    assert sum(a != b for a, b in zip(notes, sung, strict=True)) >= 3  # others are breathed after as before
    fixed = phrased(notes, asked, free=False)
    assert [index for index in range(len(notes)) if fixed[index] != notes[index]] == [zing]
    whole = phrased(notes, [5.0] * len(notes))
    assert all(note.duration >= 0.12 for note in whole)


def test_a_singer_who_breathes_is_heard_to_between_phrases():
    notes = delay(phrased(pronounced("amazing_grace")))
    spans = breathe(place(notes, TypicalDurations()))
    assert sum(span.symbol == BR for span in spans) >= 3


# Loudness ---------------------------------------------------------------------------------------------------------


def pronounced(song: str) -> tuple[Note, ...]:
    from svs import g2p
    from svs.phonemes import pronounce

    return pronounce(select_part(read_score(SCORES / f"{song}.musicxml")), g2p.load("en")).notes


def sung(notes):
    """(notes in line time, spans) of "la" on each."""
    notes = delay([replace(note, phonemes=() if note.melisma else ("L", "AA1")) for note in notes])
    return notes, place(notes, TypicalDurations())


def only(**amounts) -> Dynamics:
    return replace(WRITTEN, **amounts)


def at(swell, seconds: float) -> float:
    return float(swell[round(seconds / PITCH_GRID.hop_seconds)])


def scale_of(cents, seconds=1.0):
    notes = line("la " * len(cents), seconds)
    return sung([replace(note, cents=height) for note, height in zip(notes, cents, strict=True)])


def test_dynamics_of_nothing_add_nothing():
    assert natural(*scale_of([6000.0] * 4), WRITTEN) is None


def test_a_phrase_begins_and_ends_softer_than_its_middle():
    notes, spans = scale_of([6000.0] * 8)
    swell = natural(notes, spans, only(phrase_arch_db=3.0))
    first, middle, last = (at(swell, seconds) for seconds in (notes[0].onset, notes[4].onset, notes[-1].end - 0.02))
    assert middle - last == pytest.approx(3.0, abs=0.05)
    assert middle - first == pytest.approx(2.1, abs=0.05)
    assert np.abs(np.diff(swell[round(notes[0].onset * 100) : round(notes[-1].end * 100)])).max() < 0.05  # dB in 10 ms


def test_an_octave_higher_is_so_many_decibels_louder():
    notes, spans = scale_of([6000.0, 6000.0, 7200.0, 7200.0])
    swell = natural(notes, spans, only(high_loud_db=3.0))
    assert at(swell, notes[3].onset + 0.5) - at(swell, notes[0].onset + 0.5) == pytest.approx(3.0, abs=1e-6)


def test_a_long_note_swells_and_a_short_one_does_not():
    notes, spans = scale_of([6000.0], 3.0)
    swell = natural(notes, spans, only(swell_db=2.0))
    inside = swell[round(notes[0].onset * 100) + 1 : round(notes[0].end * 100) - 1]
    assert inside.max() - inside[0] == pytest.approx(2.0, abs=0.1)
    assert 0.5 < np.argmax(inside) / len(inside) < 0.7
    assert natural(*scale_of([6000.0] * 4, 0.3), only(swell_db=2.0)) == pytest.approx(0.0)


def test_a_vowel_dies_away_before_a_rest():
    notes, spans = scale_of([6000.0] * 2)
    swell = natural(notes, spans, only(release_db=6.0))
    end = round(notes[-1].end * 100)
    assert swell[end - 1] == pytest.approx(-6.0, abs=0.3)
    assert swell[end - 15] == 0.0


def test_the_mean_of_a_phrase_stays_as_it_is_written():
    for song in ("amazing_grace", "my_bonnie", "greensleeves"):
        notes = delay(phrased(pronounced(song)))
        spans = place(notes, TypicalDurations())
        swell = natural(notes, spans, replace(Dynamics(), release_db=0.0))
        for phrase in phrases(spans):
            inside = slice(*(np.ceil(np.round([phrase[0].start * 100, phrase[-1].end * 100], 6)).astype(int)))
            assert abs(swell[inside].mean()) < 0.05
            assert np.abs(swell[inside]).max() < 6.0


def test_another_note_changes_the_loudness_of_its_own_phrase_alone():
    notes = delay(phrased(pronounced("amazing_grace")))
    spans = place(notes, TypicalDurations())
    changed = [replace(note, cents=note.cents + (700.0 if index == len(notes) - 3 else 0.0)) for index, note in enumerate(notes)]
    before, after = natural(notes, spans), natural(changed, spans)
    begin = round(phrases(spans)[-1][0].start * 100) - 6
    assert np.array_equal(before[:begin], after[:begin]) and not np.array_equal(before, after)


def test_single_notes_and_lines_are_settled_by_hand():
    notes = notes_of("amazing_grace")
    settled = read_settings({"style": {"swell_db": 4}, "notes": [{"bar": 2, "high_loud_db": 0}]}).apply(notes)
    assert {d.swell_db for d in settled.dynamics} == {4.0}
    of_notes = zip(notes, settled.dynamics, strict=True)
    assert {(note.bar == 2, d.high_loud_db) for note, d in of_notes} == {(True, 0.0), (False, 3.0)}
    written = read_settings({}).apply(notes, moved=WRITTEN).dynamics
    assert set(written) == {WRITTEN}


@pytest.mark.parametrize("amount", [-1, 1000, float("nan"), "much", True])
@pytest.mark.parametrize("name", AMOUNTS)
def test_amounts_that_cannot_be_are_told(name, amount):
    with pytest.raises(HandError, match=name):
        read_settings({"style": {name: amount}})


def test_as_many_dynamics_as_notes_are_wanted():
    notes, spans = scale_of([6000.0] * 3)
    with pytest.raises(ValueError, match="2 dynamics for 3 notes"):
        natural(notes, spans, [Dynamics()] * 2)


def test_breaths_between_phrases_end_none_of_them_when_they_are_short():
    _, spans = scale_of([6000.0] * 4)
    assert len(phrases(spans)) == 1
    assert all(span.symbol != SILENCE for span in phrases(spans)[0])
