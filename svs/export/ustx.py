"""OpenUtau projects: a track for each part; "+" sings the next syllable of a word, "+~" holds its vowel."""

from __future__ import annotations

from svs.export import Beats, joined_words

TICKS = 480


def write(takes: list[dict], title: str) -> str:
    import yaml

    beats = Beats(takes[0])
    project = {
        "name": title,
        "comment": "",
        "output_dir": "Vocal",
        "cache_dir": "UCache",
        "ustx_version": "0.6",
        "resolution": TICKS,
        "bpm": round(beats.tempos()[0][1], 6),
        "beat_per_bar": beats.meters()[0][2],
        "beat_unit": beats.meters()[0][3],
        "time_signatures": [
            {"bar_position": index, "beat_per_bar": count, "beat_unit": unit} for index, _, count, unit in beats.meters()
        ],
        "tempos": [{"position": _tick(at), "bpm": round(bpm, 6)} for at, bpm in beats.tempos()],
        "expressions": {},
        "tracks": [{"track_name": take["part"], "phonemizer": "OpenUtau.Core.DefaultPhonemizer"} for take in takes],
        "voice_parts": [_voice_part(take, number) for number, take in enumerate(takes)],
        "wave_parts": [],
    }
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return yaml.dump(project, Dumper=dumper, allow_unicode=True, sort_keys=False, width=200)


def _voice_part(take: dict, number: int) -> dict:
    beats = Beats(take)
    words = {first: word for word, first, _ in joined_words(take["notes"])}
    notes = []
    for index, note in enumerate(take["notes"]):
        begin = _tick(beats.quarters(note["onset"]))
        end = max(begin + 1, _tick(beats.quarters(note["onset"] + note["duration"])))
        lyric = words.get(index) or ("+~" if note["lyric"] is None else "+")
        tone = round(note["cents"] / 100)
        written = {"position": begin, "duration": end - begin, "tone": tone, "lyric": lyric}
        beside = round(note["cents"] - 100 * tone)
        notes.append(written | ({"tuning": beside} if beside else {}) | _shape())
    return {"name": take["part"], "comment": "", "track_no": number, "position": 0, "notes": notes, "curves": []}


def _shape() -> dict:
    """A plain join and no vibrato: what OpenUtau wants of every note."""
    return {
        "pitch": {"data": [{"x": -40, "y": 0, "shape": "io"}, {"x": 40, "y": 0, "shape": "io"}], "snap_first": True},
        "vibrato": {"length": 0, "period": 175, "depth": 25, "in": 10, "out": 10, "shift": 0, "drift": 0},
        "phoneme_expressions": [],
        "phoneme_overrides": [],
    }


def _tick(quarters: float) -> int:
    return max(0, round(quarters * TICKS))
