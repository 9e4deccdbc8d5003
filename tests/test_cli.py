"""The command line: what a composer types, and what is said to one who errs."""

import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import soundfile
from singers import melody

from svs.articulation import articulate
from svs.audio import Audio, digest
from svs.cli import main
from svs.pitch import exact
from svs.score import read_score, select_part
from svs.timing import TypicalDurations, delay, place
from svs.tuning import Tuning, tune

SCORES = Path(__file__).parent.parent / "assets" / "scores"
ROW = SCORES / "row_your_boat.musicxml"
RATE = 16_000


@pytest.fixture
def svs(monkeypatch, capsys):
    """Run `svs …`; returns status, standard output and standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["svs", *map(str, arguments)])
        try:
            main()
            status = 0
        except SystemExit as stop:
            status = stop.code or 0
        captured = capsys.readouterr()
        return SimpleNamespace(status=status, out=captured.out, err=captured.err)

    return run


@pytest.fixture
def voice(monkeypatch):
    """A stand-in for the singing module: half a second of silence, and a record of what it was asked."""
    asked = []

    def sing(score, **options):
        asked.append({"score": score, **options})
        options["progress"]("singing", 1, 2)
        audio = Audio(np.zeros(RATE // 2, np.float32), RATE)
        audio.write(options["to"])
        return SimpleNamespace(audio=audio, real_time_factor=0.125, likeness=None, to_json=lambda: {"seed": options["seed"]})

    module = ModuleType("svs.sing")
    module.sing = sing
    monkeypatch.setitem(sys.modules, "svs.sing", module)
    return asked


def is_one_line(text):
    return text.endswith("\n") and text.count("\n") == 1 and "Traceback" not in text


def test_help_costs_less_than_half_a_second_of_the_processor():
    seconds = []
    for _ in range(3):  # the first may still read from disk; the processor's time is the same on a busy machine
        before = os.times()
        subprocess.run([sys.executable, "-m", "svs", "--help"], check=True, capture_output=True)
        after = os.times()
        seconds.append(after.children_user - before.children_user + after.children_system - before.children_system)
    assert min(seconds) < 0.5


@pytest.mark.parametrize("command", ["sing", "score", "evaluate", "listen-test", "voices", "train"])
def test_every_command_explains_itself(svs, command):
    result = svs(command, "--help")
    assert result.status == 0
    assert "Usage: svs" in result.out


def test_sing_writes_the_song_and_its_take_and_says_how_it_went(svs, voice, tmp_path):
    out = tmp_path / "song.wav"
    result = svs("sing", ROW, "-o", out, "--seed", 7, "--verse", "all", "--transpose", "-2.5", "--pitch", "exact")
    assert result.status == 0, result.err
    assert Audio.read(out).seconds == pytest.approx(0.5)
    assert json.loads((tmp_path / "song.json").read_text()) == {"seed": 7, "digest": digest(out)}
    last = result.out.splitlines()[-1]
    assert last == f"0.5 s sung at 0.125 × real time by voice default with seed 7: {out}"
    asked = voice[0]
    assert (asked["score"], asked["verse"], asked["transpose"], asked["pitch"]) == (ROW, "all", -2.5, "exact")


def test_a_warning_takes_one_line_and_the_song_is_sung(svs, voice, monkeypatch, tmp_path):
    silent = sys.modules["svs.sing"].sing

    def strained(score, **options):
        warnings.warn("notes outside the range in bars 3, 4", stacklevel=2)
        return silent(score, **options)

    monkeypatch.setattr(sys.modules["svs.sing"], "sing", strained)
    result = svs("sing", ROW, "-o", tmp_path / "song.wav")
    assert (result.status, result.err) == (0, "svs: warning: notes outside the range in bars 3, 4\n")


def test_a_rendering_that_fails_leaves_no_file(svs, monkeypatch, voice, tmp_path):
    def fail(score, **options):
        raise ValueError("out of breath")

    monkeypatch.setattr(sys.modules["svs.sing"], "sing", fail)
    with pytest.raises(ValueError, match="out of breath"):  # raised outside svs: a fault, not a user's mistake
        svs("sing", ROW, "-o", tmp_path / "song.wav")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("nowhere/song.wav", "there is no folder"),
        ("song.mp3", "let the name end in .wav"),
        ("taken.wav", "taken.json: is a folder"),
    ],
)
def test_an_unwritable_output_is_found_before_a_note_is_sung(svs, voice, tmp_path, output, message):
    (tmp_path / "taken.json").mkdir()
    result = svs("sing", ROW, "-o", tmp_path / output)
    assert result.status == 2
    assert is_one_line(result.err)
    assert message in result.err
    assert voice == []


def run(*arguments, **options):
    """`svs …` in a process of its own."""
    return subprocess.run([sys.executable, "-m", "svs", *map(str, arguments)], stderr=subprocess.PIPE, text=True, **options)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_standard_output_is_one_line():
    with open("/dev/full", "w") as full:
        result = run("score", ROW, stdout=full)
    assert result.returncode == 2 and is_one_line(result.stderr), result.stderr
    assert "cannot be written: No space left" in result.stderr


def test_the_table_of_a_score_shows_where_a_breath_is_taken_that_is_not_written(svs):
    shown = svs("score", SCORES / "amazing_grace.musicxml").out
    assert [line.split("'")[0].split()[-1] for line in shown.splitlines() if " '" in line] == ["sound,", "me!", "found,"]


def test_phrasing_is_handed_on(svs, voice, tmp_path):
    for options, wanted in (((), None), (("--phrasing", "written"), "written")):
        assert svs("sing", ROW, "-o", tmp_path / "song.wav", *options).status == 0
        assert voice[-1]["phrasing"] == wanted


@pytest.mark.skipif(os.name != "posix", reason="no shell that closes streams")
def test_a_closed_standard_output_is_nowhere():
    result = run("score", ROW, preexec_fn=lambda: os.close(1))
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("option", ["--part=all", "--json", "--check"])  # a table, much and little
def test_a_reader_that_has_seen_enough_ends_the_command_in_silence(option):
    command = [sys.executable, "-m", "svs", "score", str(SCORES / "amazing_grace.musicxml"), option]
    singer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    singer.stdout.close()
    assert singer.stderr.read() == b""
    assert singer.wait() == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_of_somebody_else_is_refused(svs, voice, tmp_path):
    tmp_path.chmod(0o500)
    result = svs("sing", ROW, "-o", tmp_path / "song.wav")
    assert (result.status, voice) == (2, [])
    assert "cannot be written" in result.err


@pytest.fixture
def broken(tmp_path):
    (tmp_path / "text.musicxml").write_text("this is no score")
    (tmp_path / "wordless.musicxml").write_text(
        '<score-partwise version="4.0"><part-list><score-part id="P1"><part-name>V</part-name></score-part></part-list>'
        '<part id="P1"><measure number="1"><attributes><divisions>1</divisions></attributes><note><pitch><step>C</step>'
        "<octave>4</octave></pitch><duration>4</duration></note></measure></part></score-partwise>"
    )
    (tmp_path / "take.json").write_text("{")
    (tmp_path / "noise.wav").write_bytes(b"noise")
    Audio(np.zeros(RATE, np.float32), RATE).write(tmp_path / "silence.wav")
    return tmp_path


def test_a_melody_without_words_is_sung_on_the_syllable_asked_for(svs, broken, voice):
    shown = svs("score", broken / "wordless.musicxml", "--missing-lyric", "la", "--json")
    assert json.loads(shown.out)["parts"][0]["notes"][0]["phonemes"] == ["L", "AA1"]
    assert svs("sing", broken / "wordless.musicxml", "--missing-lyric", "la", "-o", broken / "song.wav").status == 0
    assert voice[0]["missing_lyric"] == "la"
    checked = svs("score", broken / "wordless.musicxml", "--missing-lyric", "la", "--check")
    assert checked.out == "everything in the file is sung\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["score", "missing.musicxml"], "missing.musicxml: no such file"),
        (["score", "text.musicxml"], "text.musicxml"),
        (["score", "wordless.musicxml"], "export the score again, or name one for all notes (--missing-lyric la)"),
        (["score", ROW, "--part", "Tuba"], "'Tuba' is not a part"),
        (["score", ROW, "--verse", "9"], "verse"),
        (["score", ROW, "--verse", "two"], "verse"),
        (["score", ROW, "--tempo", "0"], "tempo is 0"),
        (["score", ROW, "--language", "xx"], "language 'xx' is not supported"),
        (["evaluate", "silence.wav"], "nothing to measure it against"),
        (["evaluate", "missing.wav", "--score", ROW], "missing.wav: no such file"),
        (["evaluate", "noise.wav", "--score", ROW], "noise.wav: not a sound file"),
        (["evaluate", "silence.wav", "--take", "take.json"], "take.json: not JSON"),
        (["evaluate", "silence.wav", "--take", "take.json", "--score", ROW], "--take and --score: give one of them"),
        (["evaluate", "silence.wav", "--score", ROW, "--json", "no/where.json"], "there is no folder"),
        (["train", "missing.yaml"], "missing.yaml: no such file"),
    ],
)
def test_a_mistake_is_answered_in_one_line(svs, broken, monkeypatch, arguments, message):
    monkeypatch.chdir(broken)
    before = sorted(broken.iterdir())
    result = svs(*arguments)
    assert result.status == 2
    assert is_one_line(result.err), result.err
    assert result.err.startswith("svs: ")
    assert message in result.err
    assert sorted(broken.iterdir()) == before


def test_score_shows_every_note_with_its_word(svs):
    result = svs("score", ROW)
    assert result.status == 0, result.err
    assert "Row, Row, Row Your Boat, Voice (en): 27 notes, 14.5 s" in result.out
    assert "Gent-" in result.out
    assert "JH EH1 N T" in result.out


def test_score_as_json_has_seconds_cents_and_phonemes(svs):
    part = json.loads(svs("score", ROW, "--json", "--transpose", "2", "--tempo", "2").out)["parts"][0]
    first, last = part["notes"][0], part["notes"][-1]
    assert (first["lyric"], first["phonemes"], first["cents"], first["bar"]) == ("Row,", ["R", "OW1"], 6200, 1)
    assert first["duration"] == pytest.approx(60 / 66 / 2)
    assert last["onset"] + last["duration"] == pytest.approx(16 * 60 / 66 / 2)


@pytest.fixture
def sung_take(tmp_path):
    """A buzz that sings Row, Row exactly, and its take."""
    notes = delay([note for note in read_score(ROW).parts[0].notes][:8])
    with_vowels = [type(note)(note.onset, note.duration, note.cents, note.lyric, phonemes=("AA1",)) for note in notes]
    spans = place(with_vowels, TypicalDurations())
    curve = exact(with_vowels, spans)
    times = np.arange(round(spans[-1].end * RATE)) / RATE
    frames = np.minimum((times / curve.hop_seconds + 0.5).astype(int), len(curve.cents) - 1)
    phase = 2 * np.pi * np.cumsum(440 * 2 ** ((curve.cents[frames] - 6900) / 1200)) / RATE
    buzz = sum(np.sin(k * phase) / k for k in range(1, 9)) * curve.voiced[frames] * 0.2
    Audio(buzz.astype(np.float32), RATE).write(tmp_path / "buzz.wav")
    take = {
        "notes": [{"onset": n.onset, "duration": n.duration, "cents": n.cents, "lyric": n.lyric} for n in notes],
        "f0": {"hop_seconds": 0.01, "cents": curve.cents.tolist(), "voiced": curve.voiced.tolist()},
    }
    (tmp_path / "buzz.json").write_text(json.dumps(take))
    return tmp_path / "buzz.wav"


def test_evaluate_finds_the_take_beside_the_audio(svs, sung_take, tmp_path):
    result = svs("evaluate", sung_take, "--json", tmp_path / "result.json")
    assert result.status == 0, result.err
    summary = json.loads((tmp_path / "result.json").read_text())["summary"]
    assert summary["notes"] == 8
    assert summary["mean_abs_error_cents"] < 3
    assert "mean |error| ¢" in result.out


def test_evaluate_refuses_a_take_that_is_not_of_the_sound_beside_it(svs, sung_take, tmp_path):
    take = json.loads((tmp_path / "buzz.json").read_text())
    (tmp_path / "buzz.json").write_text(json.dumps(take | {"digest": digest(sung_take)}))
    assert svs("evaluate", sung_take).status == 0
    sound = Audio.read(sung_take)
    Audio(0.5 * sound.samples, RATE).write(sung_take)
    result = svs("evaluate", sung_take)
    assert result.status == 2 and len(result.err.splitlines()) == 1
    assert "is not the sound that buzz.json was written with" in result.err and "--take" in result.err
    result = svs("evaluate", sung_take, "--take", tmp_path / "buzz.json")
    assert result.status == 0 and "is not the sound that buzz.json was written with" in result.err
    soundfile.write(tmp_path / "buzz.flac", sound.samples, RATE)
    result = svs("evaluate", tmp_path / "buzz.flac", "--take", tmp_path / "buzz.json")
    assert result.status == 0 and not result.err


def test_evaluate_against_the_score_knows_of_the_lead_in(svs, sung_take, tmp_path):
    svs("evaluate", sung_take, "--score", ROW, "--json", tmp_path / "result.json")
    rows = json.loads((tmp_path / "result.json").read_text())["notes"]
    assert np.median([row["abs_error_cents"] for row in rows[:8]]) < 3


def test_evaluate_against_the_score_in_its_tuning(svs, tmp_path):
    """Sung in just intonation at 442 Hz: in tune when the evaluator is told so, 7.9 cents sharp or more when it is not."""
    notes = delay(tune(select_part(read_score(ROW), None).notes, Tuning.read(442, "just", "C")))
    melody(notes)[0].write(tmp_path / "just.wav")
    told = ("--tuning", "442", "--temperament", "just", "--tonic", "C")
    found = {}
    for options in ((), told):
        svs("evaluate", tmp_path / "just.wav", "--score", ROW, *options, "--json", tmp_path / "result.json")
        found[options] = json.loads((tmp_path / "result.json").read_text())["summary"]["mean_abs_error_cents"]
    assert found[told] < 1 < 7 < found[()]


def test_a_staccato_note_is_measured_for_as_long_as_it_is_sung(svs, tmp_path):
    text = Path(ROW).read_text().replace("</note>", "<notations><articulations><staccato/></articulations></notations></note>")
    text = re.sub(r"(<lyric.*?</lyric>)(\s*)(<notations>.*?</notations>)", r"\3\1", text, flags=re.S)
    (tmp_path / "short.musicxml").write_text(text)
    notes = articulate(delay(select_part(read_score(tmp_path / "short.musicxml"), None).notes))
    assert max(note.duration for note in notes) < 0.7 * max(n.duration for n in select_part(read_score(ROW), None).notes)
    melody(notes)[0].write(tmp_path / "short.wav")
    svs("evaluate", tmp_path / "short.wav", "--score", tmp_path / "short.musicxml", "--json", tmp_path / "result.json")
    result = json.loads((tmp_path / "result.json").read_text())
    assert min(note["voiced_fraction"] for note in result["notes"]) > 0.9


def test_voices_lists_every_singer_with_range_and_licence(svs, monkeypatch, tmp_path):
    facts = {
        "name": "choir", "singer": "ann", "languages": ["en"], "licence": "CC0",
        "singers": {"ann": {"range_cents": [5700, 7600]}, "bob": {"range_cents": [4500, 6400]}},
        "blends": {"low": {"of": {"ann": 1.0}, "range_cents": [4800, 6700], "formant_shift": -3.0}},
    }  # fmt: skip
    (tmp_path / "voice.json").write_text(json.dumps(facts))
    monkeypatch.setattr("svs.voice.installed", lambda: [tmp_path])
    result = svs("voices")
    assert result.status == 0, result.err
    assert "ann (default)" in result.out
    assert "A3 to E5" in result.out
    assert "A2 to E4" in result.out
    assert "C3 to G4" in result.out
    assert "low is made of ann, formants 3 semitones lower" in result.out


def test_without_a_voice_the_recipe_is_named(svs, monkeypatch):
    monkeypatch.setattr("svs.voice.installed", lambda: [])
    result = svs("voices")
    assert (result.status, result.err) == (2, "svs: no voice is installed; recipes/default makes one\n")


def test_an_unknown_voice_is_answered_in_one_line(svs, tmp_path):
    result = svs("sing", ROW, "-o", tmp_path / "song.wav", "--voice", "nobody")
    assert result.status == 2
    assert is_one_line(result.err), result.err
    assert "voice 'nobody' is not installed" in result.err
    assert list(tmp_path.iterdir()) == []


def test_evaluate_against_a_recording_and_as_a_page(svs, sung_take, tmp_path):
    result = svs("evaluate", sung_take, "--reference", sung_take, "--html", tmp_path / "report.html")
    assert result.status == 0, result.err
    assert "raw pitch accuracy: 1" in result.out
    assert "<html" in (tmp_path / "report.html").read_text()


def test_svs_sing_is_the_function_even_after_its_module_was_imported(voice):
    import svs

    import_of_module = sys.modules["svs.sing"]
    assert svs.sing is import_of_module.sing
    svs.sing = import_of_module  # what the import system does
    assert svs.sing is import_of_module.sing


def test_unknown_names_of_the_package_are_refused():
    import svs

    assert svs.Audio is Audio
    assert "sing" in dir(svs)
    with pytest.raises(AttributeError, match="no attribute 'shout'"):
        svs.shout  # noqa: B018


def test_songs_that_differ_in_their_ending_only_have_a_page_and_a_figure_each(svs, sung_take, tmp_path):
    sound, rate = soundfile.read(sung_take)
    for name in ("one.wav", "one.flac", "index.wav"):
        soundfile.write(tmp_path / name, sound, rate)
    pages, figures = tmp_path / "pages", tmp_path / "figures"
    files = [tmp_path / name for name in ("one.wav", "one.flac", "index.wav")]
    result = svs("evaluate", *files, "--reference", sung_take, "--figures", "none", "--html", pages, "--png", figures)
    assert result.status == 0, result.err
    assert {path.name for path in pages.iterdir()} == {"one.wav.html", "one.flac.html", "index.wav.html", "index.html"}
    assert {path.name for path in figures.iterdir()} == {"one.wav.png", "one.flac.png", "index.wav.png"}
    index = (pages / "index.html").read_text()
    assert all(f'href="{name}.html"' in index for name in ("one.wav", "one.flac", "index.wav"))


@pytest.mark.parametrize("offset", ["nan", "inf", "1e9"])
def test_an_offset_that_is_no_time_is_one_line(svs, sung_take, offset):
    result = svs("evaluate", sung_take, "--score", ROW, "--offset", offset)
    assert result.status == 2 and is_one_line(result.err)
    assert "--offset is" in result.err and "seconds of audio before the score begins are wanted" in result.err


def test_a_damaged_sound_is_named(svs, sung_take, tmp_path):
    sound, rate = soundfile.read(sung_take)
    sound[1000] = np.nan
    soundfile.write(tmp_path / "damaged.wav", sound, rate, subtype="FLOAT")
    soundfile.write(tmp_path / "slow.wav", sound[:500], 100)
    for name, wanted in (("damaged.wav", "samples contain NaN or infinity"), ("slow.wav", "a sample rate of 100 Hz")):
        result = svs("evaluate", tmp_path / name, "--score", ROW)
        assert result.status == 2 and is_one_line(result.err)
        assert f"{name}: {wanted}" in result.err


def test_a_hum_of_the_mains_is_remarked_on(svs, sung_take, tmp_path):
    sound, rate = soundfile.read(sung_take)
    sound += 0.02 * np.sin(2 * np.pi * 50 * np.arange(len(sound)) / rate)
    soundfile.write(tmp_path / "hum.wav", sound, rate)
    result = svs("evaluate", tmp_path / "hum.wav", "--reference", sung_take, "--figures", "none")
    assert result.status == 0
    assert re.search(r"hum\.wav: hums at 50 Hz, \d+ dB below the sound", result.err), result.err


def test_a_clipped_recording_is_remarked_on(svs, sung_take, tmp_path):
    sound, rate = soundfile.read(sung_take)
    soundfile.write(tmp_path / "clipped.wav", np.clip(20 * sound / np.abs(sound).max(), -1, 1), rate)
    result = svs("evaluate", tmp_path / "clipped.wav", "--score", ROW)
    assert result.status == 0 and re.search(r"clipped\.wav: is clipped \(\d+% of its samples\)", result.err), result.err


@pytest.mark.parametrize("late", [-0.06, 0.0, 0.04, 0.08])
def test_a_recording_out_of_step_with_its_reference_is_remarked_on(svs, sung_take, tmp_path, late):
    sound, rate = soundfile.read(sung_take)
    soundfile.write(tmp_path / "late.wav", np.roll(sound, round(late * rate)), rate)
    said = svs("evaluate", tmp_path / "late.wav", "--reference", sung_take, "--figures", "none").err
    if late:
        assert f"lies {abs(late):.2f} s {'behind' if late > 0 else 'before'} its reference" in said
    else:
        assert said == ""


def test_silence_beside_a_reference_is_told(svs, sung_take, tmp_path):
    sound, rate = soundfile.read(sung_take)
    soundfile.write(tmp_path / "silent.wav", 0 * sound, rate)
    result = svs("evaluate", tmp_path / "silent.wav", "--reference", sung_take, "--figures", "none")
    assert result.status == 0 and "voicing recall: 0" in result.out
    assert "silent.wav: nothing is sung in it: praat finds no voiced frame" in result.err


def test_many_takes_at_once_give_means_intervals_rows_and_pages(svs, sung_take, tmp_path):
    for name in ("one", "two"):
        for suffix in (".wav", ".json"):
            (tmp_path / f"{name}{suffix}").write_bytes(sung_take.with_suffix(suffix).read_bytes())
    (tmp_path / "broken.wav").write_bytes(b"noise")
    (tmp_path / "broken.json").write_text("{}")
    out = {"--json": "all.json", "--csv": "all.csv", "--notes-csv": "notes.csv", "--html": "pages", "--png": "figures"}
    options = [item for key, name in out.items() for item in (key, tmp_path / name)]
    result = svs("evaluate", *(tmp_path / f"{n}.wav" for n in ("one", "two", "broken")), "--take-dir", tmp_path, *options)
    assert result.status == 2
    assert "broken.wav: not a sound file" in result.err and result.err.endswith("1 of 3 sound files could not be evaluated\n")
    whole = json.loads((tmp_path / "all.json").read_text())
    assert whole["all"]["mean_abs_error_cents"]["count"] == 2 and len(whole["failed"]) == 1
    assert len((tmp_path / "all.csv").read_text().splitlines()) == 4
    assert len((tmp_path / "notes.csv").read_text().splitlines()) == 1 + 2 * 8
    assert {path.name for path in (tmp_path / "pages").iterdir()} == {"one.html", "two.html", "index.html"}
    assert "broken.wav was not evaluated" in (tmp_path / "pages" / "index.html").read_text()
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"one.png", "two.png"}
    assert "95 % interval" in result.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["SUNG", "--score", ROW, "--align", "guess"], "choose auto, time or dtw"),
        (["SUNG", "--tracker", "ear"], "no tracker 'ear'; choose one of praat, harvest, harvest+stonemask, pyin, swiftf0, all"),
        (["SUNG", "--reference", "DIR/short.wav"], "cut the longer, or measure against a score"),
        (["SUNG", "--lyrics", "DIR/none.txt"], "none.txt: no such file"),
        (["SUNG", "--reference", "SUNG", "--figures", "beauty"], "figure 'beauty' is not known"),
        (["SUNG", "SUNG", "--take", "x.json"], "2 sound files have not one take"),
        (["SUNG", "--take-dir", "DIR/none"], "holds no buzz.json"),
        (["SUNG", "--take", "DIR/empty.json"], "empty.json: not a take of svs, no 'notes' in its notes"),
        (["SUNG", "--take", "DIR/parts.json"], "several parts at once"),
        (["DIR/empty.wav", "--score", ROW], "empty.wav: the audio is empty"),
        (["SUNG", "--fad", "DIR/none"], "no sound files there"),
    ],
)
def test_an_evaluation_that_cannot_be_is_answered_in_one_line(svs, sung_take, tmp_path, arguments, message):
    (tmp_path / "none").mkdir()
    (tmp_path / "empty.json").write_text("{}")
    (tmp_path / "parts.json").write_text('{"parts": []}')
    Audio(np.zeros(0, np.float32), RATE).write(tmp_path / "empty.wav")
    Audio(np.zeros(RATE, np.float32), RATE).write(tmp_path / "short.wav")
    places = {"SUNG": sung_take, "DIR": tmp_path}
    named = [re.sub(r"SUNG|DIR", lambda m: str(places[m[0]]), str(each)) for each in arguments]
    result = svs("evaluate", *named)
    assert result.status == 2
    assert is_one_line(result.err), result.err
    assert message in result.err


def test_a_listening_test_is_made_and_scored(svs, sung_take, tmp_path):
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "song.wav").write_bytes(sung_take.read_bytes())
    result = svs("listen-test", tmp_path / "ours", tmp_path / "theirs", "-o", tmp_path / "test.html", "--kind", "ab")
    assert result.status == 0, result.err
    assert "1 songs by 2 systems" in result.out and "Version" in (tmp_path / "test.html").read_text()
    head = "test,kind,question,listener,trial,song,system,other,answer,seconds\n"
    rows = "".join(f"t,ab,Better?,l{i},1,song,ours,theirs,{a},2\n" for i, a in enumerate(["system"] * 3 + ["neither"]))
    (tmp_path / "answers.csv").write_text(head + rows)
    result = svs("listen-test", "--score", tmp_path / "answers.csv", "--json", tmp_path / "figures.json")
    assert result.status == 0, result.err
    assert json.loads((tmp_path / "figures.json").read_text())["systems"]["ours"]["mean"] == 87.5
    assert "87.50" in result.out and "4 listeners" in result.out
    result = svs("listen-test", tmp_path / "ours")
    assert result.status == 2 and is_one_line(result.err)
