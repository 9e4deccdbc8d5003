"""Standard MIDI, type 1: a track of tempo and meter, and a track for each part with its lyrics.

A syllable that goes on ends in a hyphen, the last of a word in a space. Pitches between keys are bent (± 2 semitones).
"""

from __future__ import annotations

import io

from svs.export import Beats

TICKS = 480  # of a quarter
VELOCITY = 80
BEND_RANGE = 200.0  # cents


def write(takes: list[dict], title: str) -> bytes:
    import mido

    file = mido.MidiFile(type=1, ticks_per_beat=TICKS)
    beats = Beats(takes[0])
    conductor = [(0, mido.MetaMessage("track_name", name=_latin(title)))]
    for quarters, bpm in beats.tempos():
        tempo = min(max(round(60e6 / bpm), 1), 0xFFFFFF)
        conductor.append((_tick(quarters), mido.MetaMessage("set_tempo", tempo=tempo)))
    for _, quarters, count, unit in beats.meters():
        signature = mido.MetaMessage("time_signature", numerator=min(count, 255), denominator=unit)
        conductor.append((_tick(quarters), signature))
    file.tracks.append(_track(conductor))
    for number, take in enumerate(takes):
        beats, channel = Beats(take), number % 16 + (number % 16 >= 9)  # not that of drums
        channel = min(channel, 15)
        events = [(0, mido.MetaMessage("track_name", name=_latin(take["part"])))]
        bent = 0
        for note in take["notes"]:
            key = min(max(round(note["cents"] / 100), 0), 127)
            bend = round((note["cents"] - 100 * key) / BEND_RANGE * 8192)
            begin = _tick(beats.quarters(note["onset"]))
            end = max(begin + 1, _tick(beats.quarters(note["onset"] + note["duration"])))
            if note["lyric"] is not None:
                goes_on = note.get("syllabic") in ("begin", "middle")
                events.append(
                    (begin, mido.MetaMessage("lyrics", text=_latin(note["lyric"] + ("-" if goes_on else " "))))
                )
            if bend != bent:
                bent = min(max(bend, -8192), 8191)
                events.append((begin, mido.Message("pitchwheel", channel=channel, pitch=bent)))
            events.append((begin, mido.Message("note_on", channel=channel, note=key, velocity=VELOCITY)))
            events.append((end, mido.Message("note_off", channel=channel, note=key)))
        file.tracks.append(_track(events))
    stream = io.BytesIO()
    file.save(file=stream)
    return stream.getvalue()


def _tick(quarters: float) -> int:
    return max(0, round(quarters * TICKS))


def _track(events):
    """Events at absolute ticks as a track; of one tick note-offs come first."""
    import mido

    track, now = mido.MidiTrack(), 0
    for tick, message in sorted(events, key=lambda event: (event[0], event[1].type != "note_off")):
        track.append(message.copy(time=tick - now))
        now = tick
    return track


def _latin(text: str) -> str:
    """mido writes Latin-1; other programs expect UTF-8, whose bytes are handed to it."""
    return text.encode("utf-8").decode("latin-1")
