"""Projects of singing editors (.vsqx, .vpr, .svp, .svip, .s5p …), read through libresvip, an optional package.

    pip install 'svs[editors]'

OpenUtau's .ustx needs none of it (svs/ustx.py). What is taken over are notes, lyrics, tempo and time signatures; tuned
curves are the other program's own.
"""

from __future__ import annotations

import warnings
from fractions import Fraction
from pathlib import Path

from svs.ustx import fill
from svs.written import ScoreError, WrittenPart, WrittenScore, place_in, regular_measures

TICKS = 480  # of a quarter, in libresvip's model
LATER_TEMPOS = (
    ".svp",
    ".s5p",
    ".acep",
)  # of which libresvip counts all tempos but the first a bar later than the notes


def read_project(path) -> WrittenScore:
    """Read the project of a singing editor: a part for each of its tracks with notes. Raises ScoreError of one line."""
    path = Path(path)
    try:
        from libresvip.extension.manager import get_svs_plugin_by_suffix
    except ImportError:
        raise ScoreError(
            f"{path.name}: projects of singing editors are read through libresvip; pip install 'svs[editors]', "
            "or export the project as MusicXML or .ustx"
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plugin = get_svs_plugin_by_suffix(path.suffix.lower().lstrip("."))
            if plugin is None:
                raise ValueError(f"libresvip does not know {path.suffix}")
            project = plugin.load(path, {})
    except Exception as error:  # libresvip raises whatever its parsers meet
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ScoreError(f"{path.name}: not a project that libresvip can read ({reason[:200]})") from None
    return _written(project, path.name)


def _written(project, file) -> WrittenScore:
    tracks = [track for track in project.track_list if getattr(track, "note_list", None)]
    if not tracks:
        raise ScoreError(f"{file}: a project without notes; there is nothing to sing")
    score = WrittenScore(file)
    signatures = {
        each.bar_index: Fraction(4 * each.numerator, each.denominator) for each in project.time_signature_list
    }
    end = max(note.start_pos + note.length for track in tracks for note in track.note_list)
    score.measures = regular_measures(signatures, Fraction(end, TICKS), file)
    starts = score.starts()
    shift = starts[1] if Path(file).suffix.lower() in LATER_TEMPOS else Fraction(0)
    for tempo in project.song_tempo_list:
        quarters = max(Fraction(0), Fraction(tempo.position, TICKS) - (shift if tempo.position else 0))
        score.tempos.append((*place_in(starts, quarters), float(tempo.bpm)))
    for number, track in enumerate(tracks, 1):
        part = WrittenPart(track.title or f"Track {number}", f"P{number}", legato=Fraction(1, 16))
        notes = [
            (Fraction(note.start_pos, TICKS), Fraction(note.length, TICKS), 100.0 * note.key_number, note.lyric or "", ())
            for note in track.note_list
        ]
        fill(part, starts, notes)
        score.parts.append(part)
    return score
