"""What fuzzing found, each fault once; and the fuzzer itself, which must tell a fault from a refusal."""

import argparse
import copy
import json
import math
import os
import pickle
import random
import resource
import time
import xml.etree.ElementTree as ElementTree
from fractions import Fraction

import pytest
import torch
from tiny_voices import write_voice

from benchmarks import audit, damage, fuzz
from svs import g2p
from svs.evaluation import take_curve, take_notes
from svs.export import ExportError, export
from svs.files import load_yaml
from svs.g2p.rules import first_letters
from svs.hand import HandError, read_settings
from svs.mistakes import LONGEST, Mistake
from svs.score import ScoreError, read_score
from svs.tuning import TuningError, read_scale
from svs.voice import Voice, VoiceError
from svs.written import MOST_NOTES

DIGITS = "9" * 5000  # more than int() takes of a text
# lists of ten lists of ten lists …: 10¹² values by way of aliases, in a kilobyte
BOMB = "- &a0 [la]\n" + "".join(f"- &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 13))


@pytest.fixture
def file(tmp_path):
    def write(name, content):
        (tmp_path / name).write_text(content, encoding="utf-8")
        return tmp_path / name

    return write


def refused(kind, read, *arguments, **options):
    began = time.process_time()
    with pytest.raises(kind) as caught:
        read(*arguments, **options)
    text = str(caught.value)
    assert len(text.splitlines()) == 1 and len(text) <= LONGEST + 10
    assert time.process_time() - began < 10
    return text


def note(inside="", lyric="la", pitch="<step>A</step><octave>4</octave>"):
    return f"<note><pitch>{pitch}</pitch><duration>1</duration>{inside}<lyric><text>{lyric}</text></lyric></note>"


def page(measures):
    parts = '<part-list><score-part id="P"><part-name>V</part-name></score-part></part-list>'
    return f'<score-partwise>{parts}<part id="P">{measures}</part></score-partwise>'


# One line ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["a\nb", "a\u2028b", "a\x85b", "a\x1b[2Jb", "a\ud800b", "a\x00b", "x" * 10**6])
def test_a_mistake_is_one_short_printable_line_whatever_it_quotes(text):
    message = str(Mistake(f"song.xml: {text!s}; wanted"))
    assert len(message.splitlines()) == 1 and message.isprintable() and len(message) <= LONGEST + 10
    assert message.startswith("song.xml: ") and message.endswith("; wanted")


# Numbers -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [DIGITS, "²", "٣", "1e9"])
def test_odd_numbers_of_bars_verses_and_repeats_are_read_past(file, number):
    text = note(lyric=f"la</text></lyric><lyric number='{number}'><text>lo")
    repeat = f'<barline><repeat direction="backward" times="{number}"/></barline>'
    time = f"<attributes><time><beats>{number}</beats><beat-type>{number}</beat-type></time></attributes>"
    path = file("song.musicxml", page(f'<measure number="{number}">{time}{text}{repeat}</measure>'))
    try:
        assert read_score(path).parts[0].notes[0].lyric == "la"
    except ScoreError as error:
        assert "repeats" in str(error)
    volta = f'<barline><ending number="{number}" type="start"/></barline>'
    read_score(file("song.musicxml", page(f"<measure number='1'>{volta}{note()}</measure>")))


@pytest.mark.parametrize("beats", ["1e999999999", "0+0", "3+", "1/0"])
def test_time_signatures_that_are_none_are_read_past(file, beats):
    time = f"<attributes><time><beats>{beats}</beats><beat-type>4</beat-type></time></attributes>"
    path = file("song.musicxml", page(f"<measure number='1'>{time}{note()}</measure>"))
    assert len(read_score(path).parts[0].notes) == 1


def test_compound_time_signatures_are_still_summed(file):
    from svs.musicxml import _bar_length

    assert _bar_length("3+2", "8") == Fraction(5, 2)
    assert _bar_length("4", "4") == 4


def test_loudness_before_its_first_mark_is_that_of_the_mark():
    from svs.musicxml import _level_at

    assert _level_at([(1.0, -3.0), (2.0, -5.0)], 0.0) == -3.0
    assert _level_at([(1.0, -3.0), (2.0, -5.0)], 1.5) == -4.0
    assert _level_at([(1.0, -3.0), (1.0, -9.0)], 1.0) == _level_at([(1.0, -3.0), (1.0, -9.0)], 5.0) == -9.0


USTX = {"voice_parts": [{"notes": [{"position": 0, "duration": 480, "tone": 60, "lyric": "la"}]}]}


@pytest.mark.parametrize(
    "change",
    [
        {"resolution": ".inf"},
        {"time_signatures": [{"bar_position": 0, "beat_per_bar": 4, "beat_unit": 0}]},
        {"beat_unit": ".inf"},
        {"tempos": [{"position": ".inf", "bpm": 120}]},
        {"tempos": [{"position": 0, "bpm": 10**400}]},
        {"resolution": 0.25},
        {"voice_parts": [{"notes": [{"position": 10**300, "duration": 9, "tone": 60, "lyric": "la"}]}]},
        {"voice_parts": [{"notes": [{"position": 0, "duration": 9, "tone": ".inf"}]}]},
        {"voice_parts": [{"notes": [{"position": 0, "duration": 9, "tone": 60, "tuning": 1e308}]}]},
        {"voice_parts": [{"notes": [{"position": 0, "duration": ".inf", "tone": 60}]}]},
        {"voice_parts": [{"notes": [{"position": 0, "duration": 9, "tone": 10**400}]}]},
    ],
)
def test_infinite_numbers_of_ustx_are_refused(file, change):
    text = json.dumps(USTX | change).replace('".inf"', ".inf")
    refused(ScoreError, read_score, file("song.ustx", text))


@pytest.mark.parametrize("line", ["#BPM:1e999999999", f"#BPM:{DIGITS}", "#BPM:nan", f"#BPM:240\n: {DIGITS} 4 0 la"])
def test_ultrastar_numbers_without_bounds_are_refused(file, line):
    refused(ScoreError, read_score, file("song.txt", f"#TITLE:x\n{line}\nE\n"))


def test_ultrastar_is_read_in_time_that_grows_with_its_length(file):
    def seconds(count):
        path = file("song.txt", "#TITLE:x\n#BPM:9000\n" + "".join(f": {n} 1 4 la\n" for n in range(count)))
        began = time.process_time()
        assert len(read_score(path).parts[0].notes) == count
        return time.process_time() - began

    seconds(500)
    assert seconds(16_000) < 20 * max(seconds(2000), 0.05)


@pytest.mark.parametrize("value", [DIGITS, f"6/{DIGITS}", f"{DIGITS}/{'9' * 4000}", f"{DIGITS}."])
def test_scala_pitches_of_thousands_of_digits_are_refused_or_read(file, value):
    path = file("a.scl", f"a\n 2\n {value}\n 2/1\n")
    try:
        assert all(map(math.isfinite, read_scale(path).degrees))
    except TuningError as error:
        assert len(str(error)) <= LONGEST + 10
    refused(TuningError, read_scale, file("b.scl", f"a\n {DIGITS}\n 2/1\n"))


# Aliases and many notes ----------------------------------------------------------------------------------------------


def test_aliases_stay_small_wherever_a_text_is_wanted(file):
    for place in ("bar", "lyric", "part", "note", "time"):
        text = f"bomb:\n{BOMB}".replace("bomb:", "notes:") + f"- {{{place}: *a12, vibrato_cents: 1}}\n"
        refused(HandError, read_settings, file("song.yaml", text))
    bomb = "x:\n" + BOMB
    for text in ("name: *a12\n", "tracks: [{track_name: *a12}]\n"):
        notes = "voice_parts: [{notes: [{position: 0, duration: 480, tone: 60, lyric: la}]}]\n"
        assert len(read_score(file("song.ustx", bomb + text + notes)).parts[0].notes) == 1
    refused(ScoreError, read_score, file("song.ustx", bomb + notes.replace("la}", "*a12}")))


def test_merged_keys_stay_few():
    merged = "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12))
    began = time.process_time()
    assert len(load_yaml("a0: &a0 {x: 1, y: 2}\n" + merged)) == 12
    assert time.process_time() - began < 2


def test_two_voices_in_one_endless_bar_are_read_in_linear_time(file):
    voices = [note(f"<voice>{v}</voice>") * 4000 for v in (1, 2)]
    bar = f"<measure number='1'>{voices[0]}<backup><duration>4000</duration></backup>{voices[1]}</measure>"
    began = time.process_time()
    assert [len(part.notes) for part in read_score(file("song.musicxml", page(bar))).parts] == [4000, 4000]
    assert time.process_time() - began < 8


def test_notes_outside_a_line_are_those_that_never_sound_with_it():
    from svs.score import _outside
    from svs.written import WrittenNote

    rng = random.Random(0)
    for _ in range(300):
        line, notes = (
            [
                WrittenNote(rng.randrange(2), Fraction(rng.randrange(8)), Fraction(rng.randrange(1, 4)), 6000.0)
                for _ in range(rng.randrange(6))
            ]
            for _ in range(2)
        )

        def together(a, b):
            return a.measure == b.measure and a.offset < b.offset + b.duration and b.offset < a.offset + a.duration

        assert _outside(notes, line) == [n for n in notes if not any(together(n, other) for other in line)]


def test_repeats_that_multiply_a_song_beyond_all_bounds_are_refused(file):
    repeat = '<barline><repeat direction="backward" times="9999"/></barline>'
    path = file("song.musicxml", page(f"<measure number='7'>{note() * 100}{repeat}</measure>"))
    assert "bar 7" in refused(ScoreError, read_score, path)


def test_a_million_notes_are_refused_in_every_format(file):
    many = 1_000_000
    assert many > MOST_NOTES
    refused(ScoreError, read_score, file("song.txt", "#TITLE:x\n#BPM:9000\n" + ": 1 1 4 la\n" * many))
    notes = "{position: 0}," * many
    refused(ScoreError, read_score, file("song.ustx", f'{{"voice_parts": [{{"notes": [{notes}]}}]}}'))
    refused(ScoreError, read_score, file("song.mid", "MThd" + "\x00\x01\x02\x03\x04\x05\x06" * many))
    assert "tags" in refused(ScoreError, read_score, file("song.musicxml", "<score-partwise>" + "<a/>" * 5_000_001))


# Takes and voices ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["", "0x10", None, [], {}, 10**400, "é"])
def test_takes_of_other_values_are_no_takes(value):
    good = {"onset": 0.0, "duration": 1.0, "cents": 6000.0}
    for key in good:
        with pytest.raises(ValueError, match="not a take"):
            take_notes({"notes": [good | {key: value}]})
    with pytest.raises(ValueError, match="not a take"):
        take_curve({"f0": {"cents": [value], "voiced": [True], "hop_seconds": value}})


@pytest.mark.parametrize("change", [{"lyric": "\ud800"}, {"onset": 10**400}, {"duration": 1e9}])
@pytest.mark.parametrize("suffix", [".musicxml", ".TextGrid", ".csv", ".ustx", ".ds", ".mid"])
def test_takes_that_no_format_can_hold_are_refused_or_written_short(change, suffix):
    take = fuzz._take()
    take["notes"][1] |= change
    try:
        assert len(export(take, f"take{suffix}")) < 1_000_000
    except ExportError as error:
        assert "\n" not in str(error)


def test_bars_that_all_begin_at_once_do_not_fill_the_memory():
    take = fuzz._take()
    take["grid"]["bars"] = [[0.0, 1], [0.0, 1]]
    assert b"<measure" in export(take, "take.musicxml")


@pytest.mark.parametrize(
    "facts",
    [
        {"singer": ["ann"]},
        {"singer": {"a": 1}},
        {"steps": 10**9},
        {"steps": True},
        {"steps": float("nan")},
        {"singers": {"ann": {"range_cents": [0, 10**400]}, "bob": {"range_cents": [0, 1]}}},
        {"guidance": {"lyrics": 10**400}},
        {"guidance": {"lyrics": float("inf")}},
        {"fast": {"steps": 10**9}},
        {"sampler": "\u2028"},
        {"phonemes": "x" * 10**6},
        {"name": 7},
    ],
)
def test_facts_of_a_voice_that_no_singer_has_are_refused(tmp_path, facts):
    assert "voice.json" in refused(VoiceError, Voice.load, write_voice(tmp_path / "voice", **facts))


@pytest.mark.parametrize("vector", [[10**400], [], [[1.0]], ["x"], [float("nan")], [0.0], None, {"a": 1}])
def test_embeddings_of_singers_that_are_no_numbers_are_refused(file, vector):
    from svs.speaker import ENCODER, SpeakerError, read_embeddings

    path = file("speakers.json", json.dumps({"encoder": ENCODER, "embeddings": {"ann": vector, "bob": vector}}))
    refused(SpeakerError, read_embeddings, path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_other_files_of_a_voice_folder_are_not_opened(tmp_path):
    """Neither pipes, which would be waited for, nor what links lead to."""
    from svs.cache import PhraseCache
    from svs.score import Score
    from svs.sing import sing

    folder = write_voice(tmp_path / "voice")
    os.mkfifo(folder / "more.safetensors")
    (folder / "endless.safetensors").symlink_to("/dev/zero")
    (folder / "CARD.md").symlink_to("/dev/zero")
    line = Score.from_notes([(0.0, 0.3, "A4", "la")])
    assert sing(line, Voice.load(folder), cache=PhraseCache(tmp_path / "cache")).seconds > 0
    for name in ("codec.safetensors", "acoustic.safetensors", "timing.safetensors", "voice.json"):
        whole = (folder / name).read_bytes()
        (folder / name).unlink()
        (folder / name).symlink_to("/dev/zero")
        refused(VoiceError, Voice.load, folder)
        (folder / name).unlink()
        os.mkfifo(folder / name)
        refused(VoiceError, Voice.load, folder)
        (folder / name).unlink()
        (folder / name).write_bytes(whole)


def test_weights_of_other_shapes_are_refused_before_they_are_read(tmp_path):
    """A sparse file of a gigabyte, whose header tells tensors of a gigabyte."""
    folder = write_voice(tmp_path / "voice")
    for name in ("codec", "acoustic"):
        path = folder / f"{name}.safetensors"
        whole = path.read_bytes()
        length = int.from_bytes(whole[:8], "little")
        sizes = json.loads(whole[8 : 8 + length])["__metadata__"]
        tensor = {"dtype": "F16", "shape": [2**29], "data_offsets": [0, 2**30]}
        header = json.dumps({"__metadata__": sizes, "w": tensor})
        with open(path, "wb") as file:
            file.write(len(header).to_bytes(8, "little") + header.encode())
            file.truncate(8 + len(header) + 2**30)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        refused(VoiceError, Voice.load, folder)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB
        path.write_bytes(whole)


def test_a_run_is_not_resumed_from_a_pickle_that_would_run(tmp_path, features):
    from tiny_corpus import fit

    from benchmarks.crash import _timing
    from svs.release import ReleaseError, timing_of

    class Bad:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"state_dict": Bad(), "pytorch-lightning_version": "2.6"}, tmp_path / "last.ckpt")
    with pytest.raises(pickle.UnpicklingError):
        fit(*_timing(features), 1, resume=str(tmp_path / "last.ckpt"))
    refused(ReleaseError, timing_of, tmp_path / "last.ckpt")
    assert not (tmp_path / "ran").exists()


# The fuzzer ----------------------------------------------------------------------------------------------------------


def options(**changed):
    facts = {"inputs": 25, "seconds": 20.0, "limit": 10.0, "megabytes": 3000, "first": 0, "seeds": None, "keep": None}
    return argparse.Namespace(**facts | {"engine": "numbered"} | changed)


@pytest.fixture(autouse=True)
def unbounded(monkeypatch):
    monkeypatch.setattr(fuzz, "_bound", lambda megabytes: None)  # a limit would hold for the tests that follow


@pytest.mark.parametrize("name", list(fuzz.FORMATS))
def test_every_format_meets_damage_without_a_fault(name, capsys):
    assert fuzz.fuzz(name, options()) == 0
    assert capsys.readouterr().out.startswith(f"{name}: 25 inputs")


@pytest.mark.parametrize("name", list(fuzz.FORMATS))
def test_every_seed_is_read_whole(name, tmp_path):
    kind = fuzz.FORMATS[name]
    for seed in kind.seeds() + (kind.whole() if kind.whole else []):
        path = tmp_path / f"input{kind.suffix}"
        path.write_bytes(seed)
        assert fuzz.attempt(kind.read, path, 60.0) == ("read", None)


@pytest.mark.parametrize(
    "read, told",
    [
        (lambda path: 1 // 0, "ZeroDivisionError"),
        (lambda path: float("no"), "ValueError"),
        (lambda path: (path.parent.parent / "escaped").write_text("x"), "writes"),
        (lambda path: time.sleep(1.5), "too slow"),
        (lambda path: read_score(path.with_name("none")), None),
    ],
)
def test_a_fault_is_told_from_a_refusal(read, told, monkeypatch, capsys):
    monkeypatch.setitem(fuzz.FORMATS, "scale", fuzz.Format(".scl", lambda: [b"x 1"], read))
    faults = fuzz.fuzz("scale", options(inputs=1, limit=0.1))
    assert faults == (told is not None)
    assert told is None or told in capsys.readouterr().err


def test_damage_is_the_same_for_the_same_number_whatever_was_damaged_before():
    values = copy.deepcopy(damage.VALUES)
    for name, kind in fuzz.FORMATS.items():
        seeds = kind.seeds()[:2] if name != "voice" else [b"no archive"]
        once, again = (damage.wounded(seeds, random.Random(f"{name}/5"), kind.wound) for _ in range(2))
        assert once == again
    tree = json.dumps({"notes": [[1, 2], {"a": [3]}]}).encode()
    for number in range(2000):  # 400 of them put a list or a mapping in and wound it further
        damage.json_tree(tree, random.Random(number))
    assert repr(damage.VALUES) == repr(values)


def test_reading_by_first_letters_is_reading_by_all_rules():
    """In every language of a table, of words of any letters; the rules' first letters only spare the time of the others."""
    rng = random.Random(0)
    for language in ("de", "es", "fr", "it", "la"):
        short, full = g2p.load(language), g2p.load(language)
        assert short is full  # loaded once
        words = ["".join(rng.choice(damage.LETTERS[0] + "äöüßéèêçñœàùâîôûïë'") for _ in range(length)) for length in range(1, 40)]
        found = [short.transcribe(word) for word in words]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(short), "_beginning_with", lambda self, letter: self.rules)
            assert [full.transcribe(word) for word in words] == found


@pytest.mark.parametrize(
    "pattern, letters",
    [
        ("sch", {"s"}),
        ("ei|ai|ey", {"e", "a"}),
        ("(?<=[a-z])h(?=aft|eit)", {"h"}),
        ("(?:ueil|œil)(?!s)", {"u", "œ"}),
        ("[iy]e", {"i", "y"}),
        ("e?n", None),
        ("([bdf])?x", None),
        ("[^a]b", None),
        (".", None),
    ],
)
def test_first_letters_of_a_rule(pattern, letters):
    assert first_letters(pattern) == letters


@pytest.mark.parametrize("extra", ["", 'é<&>"\n\t ', "a b", "\ud800"])
def test_xml_is_written_as_by_the_library(extra):
    for score in fuzz._scores():
        root = ElementTree.fromstring(score)
        root[0].text, root[1].tail = extra, extra
        root[0].set("id", extra)
        assert damage._written(root) == ElementTree.tostring(root, encoding="us-ascii")
    named = ElementTree.fromstring('<a xmlns="urn:x"><b/></a>')
    assert damage._written(named) == ElementTree.tostring(named, encoding="us-ascii")


# Dependencies --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "version, affected, told",
    [
        ("2.0", "<2.1,>=2.0", True),
        ("2.1", "<2.1,>=2.0", False),
        ("2.0.1+cpu", "==2.0.1", True),
        ("2.0", "", False),
        ("2.0", "of old", False),
        ("of today", "<2.1", False),
    ],
)
def test_a_version_is_within_an_advisory_or_not(version, affected, told):
    assert audit.within(version, affected) == told


def test_an_audit_names_what_is_installed_and_known_to_be_weak(file, capsys):
    import numpy

    about = {"id": "X-1", "specs": [f"=={numpy.__version__}", "<0.1"], "advisory": "counts\nwrong"}
    assert audit.main([str(file("db.json", json.dumps({"$meta": {}, "NumPy": [about], "none": [about]})))]) == 1
    out = capsys.readouterr().out
    assert "X-1" in out and "counts wrong" in out and ": 1 are met" in out
    assert audit.main([str(file("db.json", json.dumps({"numpy": [about | {"specs": ["<0.1"]}]})))]) == 0
    assert ": 0 are met" in capsys.readouterr().out
