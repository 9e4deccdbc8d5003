"""DiffSinger .ds: phones and notes with their seconds, and the F0. A note's phones last from its onset to the next.

So the consonants before a vowel stand with the note or rest before it, as DiffSinger's corpora count them, and the
durations of phones add up to those of notes. https://github.com/openvpi/DiffSinger
"""

from __future__ import annotations

import json

from svs.export import only_one
from svs.units import cents_to_hz, note_name

SILENCES = {"SIL": "SP", "BR": "AP"}


def write(takes: list[dict], title: str) -> str:
    take = only_one(takes, "a .ds file")
    phones, f0 = take["phones"], take["f0"]
    end = phones[-1]["end"]
    segments = _segments(take["notes"], phones, end)
    groups: list[list[dict]] = []  # the phones of each note that is no slur
    starts = [segment["start"] for segment in segments if not segment["slur"]]
    for start, stop in zip(starts, [*starts[1:], float("inf")], strict=True):
        groups.append([p for p in phones if start - 1e-6 <= p["start"] < stop - 1e-6])
    line = {
        "offset": 0.0,
        "text": " ".join(segment["text"] for segment in segments if not segment["slur"]),
        "ph_seq": " ".join(SILENCES.get(phone["symbol"], phone["symbol"]) for phone in phones),
        "ph_dur": " ".join(_seconds(phone["end"] - phone["start"]) for phone in phones),
        "ph_num": " ".join(str(len(group)) for group in groups),
        "note_seq": " ".join(segment["name"] for segment in segments),
        "note_dur": " ".join(_seconds(segment["seconds"]) for segment in segments),
        "note_slur": " ".join(str(int(segment["slur"])) for segment in segments),
        "f0_seq": " ".join(f"{float(cents_to_hz(cents)):.2f}" for cents in f0["cents"]),
        "f0_timestep": str(f0["hop_seconds"]),
        "input_type": "phoneme",
    }
    return json.dumps([line], ensure_ascii=False, indent=2) + "\n"


def _segments(notes: list[dict], phones: list[dict], end: float) -> list[dict]:
    """Notes and the rests between them. A rest in which no phone begins is too short to stand; its note takes it."""
    segments: list[dict] = []
    now = 0.0
    for index in range(len(notes) + 1):
        onset = notes[index]["onset"] if index < len(notes) else end
        if onset > now + 1e-6:
            if not segments or any(now - 1e-6 <= phone["start"] < onset - 1e-6 for phone in phones):
                segments.append({"start": now, "seconds": onset - now, "slur": False, "text": "SP", "name": "rest"})
            else:
                segments[-1]["seconds"] += onset - now
        if index == len(notes):
            break
        note = notes[index]
        held = note["lyric"] is None and segments and segments[-1]["text"] != "SP"
        text = "-" if note["lyric"] is None else "‿".join(note["lyric"].split()) or "-"
        segment = {"start": onset, "seconds": note["duration"], "slur": bool(held), "text": text}
        segments.append({**segment, "name": _name(note["cents"])})
        now = note["onset"] + note["duration"]
    return segments


def _name(cents: float) -> str:
    beside = round(cents - 100 * round(cents / 100))
    return note_name(cents).replace("Eb", "D#").replace("Bb", "A#") + (f"{beside:+d}" if beside else "")


def _seconds(seconds: float) -> str:
    return f"{seconds:.6f}".rstrip("0").rstrip(".")
