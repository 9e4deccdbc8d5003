"""A take handed to other programs comes back from their own readers with the same notes, words and times."""

import csv
import io
import json

import numpy as np
import pytest
from tiny_voices import write_voice

from svs.cli import app
from svs.export import ExportError, export
from svs.score import Score, read_score
from svs.sing import sing
from svs.voice import Voice

MILLISECOND = 1e-3
ABC = "X:1\nT:Round\nM:3/4\nL:1/4\nQ:1/4=90\nK:C\nc c2|(ed) z|c>de|\nw: Row, gent-ly * down the stream\n"


@pytest.fixture(scope="module")
def take(tmp_path_factory):
    folder = tmp_path_factory.mktemp("take")
    (folder / "round.abc").write_text(ABC)
    voice = Voice.load(write_voice(folder / "tiny"))
    return json.loads(json.dumps(sing(folder / "round.abc", voice, steps=1, pitch="exact").to_json()))


def sung(take):
    """(onset, duration, cents, lyric, place in its word) of every note."""
    return [(n["onset"], n["duration"], n["cents"], n["lyric"], n["syllabic"]) for n in take["notes"]]


def assert_same_notes(mine, other, seconds=MILLISECOND):
    assert [n[2:] for n in mine] == [n[2:] for n in other]
    assert np.allclose([n[:2] for n in mine], [n[:2] for n in other], atol=seconds)


def test_the_take_has_what_is_asked_of_it(take):
    assert [n[3] for n in sung(take)] == ["Row,", "gent", "ly", None, "down", "the", "stream"]
    assert take["grid"]["points"][:2] == [[0.0, 0.0], [0.3, 1.0]]
    assert [bar[0] for bar in take["grid"]["bars"]] == [0, 1, 4, 7, 10]  # a beat of lead-in, then three bars of three


def test_textgrid_comes_back_from_praat(take, tmp_path):
    parselmouth = pytest.importorskip("parselmouth")
    path = tmp_path / "song.TextGrid"
    path.write_bytes(export(take, path))
    grid = parselmouth.praat.call(parselmouth.Data.read(str(path)), "Down to Table", False, 9, True, False)
    rows = [row.split("\t") for row in parselmouth.praat.call(grid, "List", False).splitlines()[1:]]
    read = {}
    for start, tier, text, end in rows:
        read.setdefault(tier, []).append((float(start), float(end), text))
    phones = [(p["start"], p["end"], p["symbol"]) for p in take["phones"] if p["symbol"] != "SIL"]
    back = [row for row in read["phones"] if row[2]]
    assert [p[2] for p in phones] == [p[2] for p in back]
    assert np.allclose([p[:2] for p in phones], [p[:2] for p in back], atol=1e-6)
    words = [row for row in read["words"] if row[2]]
    assert [w[2] for w in words] == ["Row,", "gently", "down", "the", "stream"]
    gently = [n for n in take["notes"] if n["lyric"] in ("gent", "ly", None)]
    assert words[1][:2] == pytest.approx((gently[0]["onset"], gently[-1]["onset"] + gently[-1]["duration"]), abs=1e-6)


def test_textgrid_comes_back_from_praatio(take, tmp_path):
    textgrid = pytest.importorskip("praatio.textgrid")
    path = tmp_path / "song.TextGrid"
    path.write_bytes(export(take, path))
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
    assert grid.tierNames == ("words", "syllables", "phones")
    syllables = grid.getTier("syllables").entries
    assert [entry.label for entry in syllables] == ["Row,", "gent", "ly", "down", "the", "stream"]
    starts = [n["onset"] for n in take["notes"] if n["lyric"] is not None]
    assert np.allclose([entry.start for entry in syllables], starts, atol=1e-6)


def test_midi_comes_back_from_mido_and_from_this_reader(take, tmp_path):
    mido = pytest.importorskip("mido")
    path = tmp_path / "song.mid"
    path.write_bytes(export(take, path))
    now, held, notes, texts = 0.0, {}, [], {}
    for message in mido.MidiFile(path):  # in seconds, by mido's own tempo map
        now += message.time
        if message.type == "lyrics":
            texts[round(now, 4)] = message.text
        elif message.type == "note_on":
            held[message.note] = now
        elif message.type == "note_off":
            begin = held.pop(message.note)
            notes.append((begin, now - begin, 100.0 * message.note, texts.get(round(begin, 4))))
    mine = [(*n[:3], None if n[3] is None else n[3] + ("-" if n[4] == "begin" else " ")) for n in sung(take)]
    assert_same_notes(mine, notes)
    assert_same_notes(
        sung(take), [(n.onset, n.duration, n.cents, n.lyric, n.syllabic) for n in read_score(path).parts[0].notes]
    )


def test_openutau_project_comes_back(take, tmp_path):
    path = tmp_path / "song.ustx"
    path.write_bytes(export(take, path))
    back = [(n.onset, n.duration, n.cents, n.lyric, n.syllabic) for n in read_score(path).parts[0].notes]
    assert_same_notes(sung(take), back)


@pytest.mark.parametrize("suffix", ["ustx", "ds", "mid"])
def test_projects_come_back_from_libresvip(take, tmp_path, suffix):
    manager = pytest.importorskip("libresvip.extension.manager")
    path = tmp_path / f"song.{suffix}"
    path.write_bytes(export(take, path))
    plugin = manager.get_svs_plugin_by_suffix(suffix)
    project = plugin.load(path, {"dict_name": ""} if suffix == "ds" else {})
    track = next(track for track in project.track_list if getattr(track, "note_list", None))
    mine = [(n["onset"], n["onset"] + n["duration"], n["cents"] / 100) for n in take["notes"]]
    bpm = project.song_tempo_list[0].bpm  # of the lead-in beat; libresvip has its .ds at one tempo throughout

    def tick(seconds):
        return 480 * bpm / 60 * seconds if suffix == "ds" else 480 * (1 + (seconds - 0.3) * 90 / 60)

    notes = [(n.start_pos, n.start_pos + n.length, n.key_number) for n in track.note_list]
    assert [n[2] for n in notes] == [n[2] for n in mine]
    assert np.allclose([n[:2] for n in notes], [(tick(a), tick(b)) for a, b, _ in mine], atol=1.01)
    held = {"mid": "la"}.get(suffix, "-")  # "la" is libresvip's for a note without a lyric event
    words = ["gently", "+"] if suffix == "ustx" else ["gent", "ly"]
    assert [n.lyric.strip("- ") or "-" for n in track.note_list] == ["Row,", *words, held, "down", "the", "stream"]


def test_diffsinger_phones_add_up_to_the_notes_they_belong_to(take):
    (line,) = json.loads(export(take, "song.ds"))
    numbers = {key: [float(x) for x in line[key].split()] for key in ("ph_dur", "ph_num", "note_dur", "note_slur")}
    assert len(numbers["ph_dur"]) == len(line["ph_seq"].split()) == sum(numbers["ph_num"])
    assert sum(numbers["ph_dur"]) == pytest.approx(sum(numbers["note_dur"]), abs=1e-3)
    assert len(numbers["note_dur"]) == len(line["note_seq"].split()) == len(numbers["note_slur"])
    assert len(line["text"].split()) == len(numbers["ph_num"]) == numbers["note_slur"].count(0)
    names = [name for name in line["note_seq"].split() if name != "rest"]
    assert names == ["C5", "C5", "E5", "D5", "C5", "D5", "E5"]
    starts = np.cumsum([0, *numbers["note_dur"]])[:-1]
    onsets = [t for t, name in zip(starts, line["note_seq"].split(), strict=True) if name != "rest"]
    assert np.allclose(onsets, [n["onset"] for n in take["notes"]], atol=MILLISECOND)
    hz = np.array([float(x) for x in line["f0_seq"].split()])
    assert len(hz) == len(take["f0"]["cents"]) and float(line["f0_timestep"]) == take["f0"]["hop_seconds"]
    assert np.allclose(1200 * np.log2(hz / 440) + 6900, take["f0"]["cents"], atol=0.1)


def test_f0_comes_back_as_it_was_commanded(take):
    rows = list(csv.DictReader(io.StringIO(export(take, "song.csv").decode())))
    assert [float(row["cents"]) for row in rows] == take["f0"]["cents"]
    assert [row["voiced"] == "1" for row in rows] == take["f0"]["voiced"]
    assert float(rows[10]["seconds"]) == pytest.approx(10 * take["f0"]["hop_seconds"])
    voiced = [row for row in rows if row["voiced"] == "1"]
    assert float(voiced[0]["hz"]) == pytest.approx(440 * 2 ** ((float(voiced[0]["cents"]) - 6900) / 1200), abs=1e-3)


def test_musicxml_comes_back_with_bars_and_phonemes_as_second_verse(take, tmp_path):
    path = tmp_path / "song.musicxml"
    path.write_bytes(export(take, path))
    back = read_score(path)
    assert_same_notes(sung(take), [(n.onset, n.duration, n.cents, n.lyric, n.syllabic) for n in back.parts[0].notes])
    assert [n.bar for n in back.parts[0].notes] == [n["bar"] for n in take["notes"]]
    music21 = pytest.importorskip("music21")
    notes = [n for n in music21.converter.parse(path).recurse().notes if n.lyrics]
    assert [n.lyrics[1].text for n in notes] == [" ".join(n["phonemes"]) for n in take["notes"] if n["phonemes"]]
    assert notes[0].getContextByClass("TimeSignature").ratioString == "3/4"


def test_a_note_over_a_barline_is_tied_and_odd_pitches_are_kept(tmp_path):
    song = Score.from_notes([(0.0, 3.0, 6925.0, "long"), (3.5, 0.5, 6000.0, "note")])
    take = json.loads(json.dumps(sing(song, Voice.load(write_voice(tmp_path / "tiny")), steps=1).to_json()))
    path = tmp_path / "song.musicxml"
    path.write_bytes(export(take, path))
    back = read_score(path).parts[0].notes
    assert [(n.cents, n.lyric) for n in back] == [(6925.0, "long"), (6000.0, "note")]
    assert np.allclose([(n.onset, n.duration) for n in back], [(0.3, 3.0), (3.8, 0.5)], atol=MILLISECOND)


def test_musicxml_of_a_line_in_another_tuning_is_that_of_the_page(take, tmp_path):
    music21 = pytest.importorskip("music21")
    written = [note["cents"] for note in take["notes"]]
    quarter = [cents + 50 * (i == 3) for i, cents in enumerate(written)]
    sharp = [cents + 7.85 + 10 * (-1) ** i for i, cents in enumerate(quarter)]  # A4 = 442 Hz, and a temperament
    tuned = {**take, "notes": [{**note, "cents": cents} for note, cents in zip(take["notes"], sharp, strict=True)]}
    path = tmp_path / "song.musicxml"
    path.write_bytes(export(tuned, path))
    assert [note.cents for note in read_score(path).parts[0].notes] == quarter
    theirs = [n for n in music21.converter.parse(path).recurse().notes if not (n.tie and n.tie.type == "stop")]
    assert [100 * n.pitch.ps for n in theirs] == quarter


def test_parts_sung_together_are_tracks_of_one_file_where_the_format_has_them(take):
    both = {"part": "all", "parts": [take, {**take, "part": "Alto"}]}
    assert export(both, "song.mid").count(b"MTrk") == 3
    assert export(both, "song.TextGrid").count(b'name = "Alto: words"') == 1
    assert export(both, "song.musicxml").count(b"<score-part ") == 2
    for name in ("song.ds", "song.csv"):
        with pytest.raises(ExportError, match="holds one part and the take 2; export the takes that --stems writes"):
            export(both, name)


@pytest.mark.parametrize(
    "content, name, message",
    [({}, "out.pdf", r"out\.pdf: written are \.TextGrid"), ({"notes": []}, "out.mid", "not a whole take")],
)
def test_what_cannot_be_exported_is_said_in_one_line(content, name, message):
    with pytest.raises(ExportError, match=message):
        export(content, name)


def test_export_is_a_command(take, tmp_path):
    runner = pytest.importorskip("typer.testing").CliRunner()
    (tmp_path / "song.json").write_text(json.dumps(take))
    for name in ("song.TextGrid", "song.mid", "song.csv", "song.ds", "song.ustx", "song.musicxml"):
        done = runner.invoke(app, ["export", str(tmp_path / "song.json"), str(tmp_path / name)])
        assert done.exit_code == 0, done.output
        assert (tmp_path / name).stat().st_size > 100
