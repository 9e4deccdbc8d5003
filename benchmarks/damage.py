"""Damage to files, for fuzzing: wounds to their bytes, and to the tree, the events or the archive that they stand for.

Every function takes the bytes of a whole file and a random.Random, and returns bytes that depend on these two alone.
"""

from __future__ import annotations

import copy
import json
import math
import pickle
import random
import re
import struct
import warnings
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Callable
from functools import lru_cache
from io import BytesIO

EXTREME = (
    *("0", "-1", "1e308", "-1e308", "nan", "inf", "1e-308", "9" * 30, "9" * 5000, "1/0", "4294967296", "", "é", "\x00"),
    *("\ud800", "1e999999999", "0x10", "²", "٣", "1_000", "-0", "0.1", "1000000", "65536"),
    *("\u2028", "a\r\nb", "+", "~", "-"),
)
VALUES = (
    *(None, True, False, -1, 0, 1, 2**63, 10**400, 1e308, -1e308, float("nan"), float("inf"), -0.5, 1e-308),
    *("", "x" * 3000),
    *([], {}, [[]], [None], {"": ""}, "\ud800", "\x00", "1", "+", "~", "R", "a\nb", "²"),
)
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")


def wounded(seeds: list[bytes], rng: random.Random, by_structure: Callable | None = None) -> bytes:
    """A seed with one to six wounds: mostly by its structure where it has one, else to its bytes."""
    data = rng.choice(seeds)
    if by_structure is not None and rng.random() < 0.7:
        try:
            return by_structure(data, rng)
        except Exception:  # mido, zipfile and yaml raise what the bytes lead them to
            pass  # a seed that is damaged already has no structure
    for _ in range(rng.choice([1, 1, 2, 3, 6])):
        data = wound(data, rng, seeds)
    return data


def wound(data: bytes, rng: random.Random, seeds: list[bytes]) -> bytes:
    """One wound: a piece cut, doubled, overwritten, taken from another seed, a number made extreme, lines moved."""
    a, b = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    b = min(b, a + rng.choice([1, 4, 40, 400]))
    kind = rng.randrange(8)
    if kind == 0:
        return data[:a] + data[b:]
    if kind == 1:
        return data[:b] + data[a:b] * rng.choice([1, 2, 20]) + data[b:]
    if kind == 2:
        return data[:a] + bytes(rng.randrange(256) for _ in range(min(b - a, 8))) + data[b:]
    if kind == 3:
        other = rng.choice(seeds)
        c = rng.randrange(len(other) + 1)
        return data[:a] + other[c : c + (b - a)] + data[b:]
    if kind == 4:
        return data[:a]
    if kind in (5, 6) and (numbers := list(NUMBER.finditer(data))):
        found = rng.choice(numbers)
        value = rng.choice(EXTREME).encode("utf-8", "surrogatepass")
        return data[: found.start()] + value + data[found.end() :]
    lines = data.split(b"\n")
    rng.shuffle(lines) if rng.random() < 0.2 else lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))
    return b"\n".join(lines)


# Trees ------------------------------------------------------------------------------------------------------------


def xml(data: bytes, rng: random.Random) -> bytes:
    """Elements removed, doubled, moved, nested and renamed; texts and attributes made extreme."""
    root = ElementTree.fromstring(data)
    for _ in range(rng.choice([1, 1, 2, 3, 8])):
        _wound_element(root, rng)
    text = _written(root)
    return text if rng.random() < 0.9 else b'<?xml version="1.0" encoding="utf-16"?>' + text


def _written(root) -> bytes:
    """What ElementTree.tostring writes, but for names in namespaces, in a third of its time."""
    parts: list[str] = []

    def write(element):
        parts.append(f"<{element.tag}")
        for name, value in element.items():
            parts.append(f' {name}="{_escaped(value, QUOTED)}"')
        if element.text or len(element):
            parts.append(f">{_escaped(element.text or '', PLAIN)}")
            for child in element:
                write(child)
            parts.append(f"</{element.tag}>")
        else:
            parts.append(" />")
        if element.tail:
            parts.append(_escaped(element.tail, PLAIN))

    if any(element.tag.startswith("{") or any(name.startswith("{") for name in element.attrib) for element in root.iter()):
        return ElementTree.tostring(root, encoding="us-ascii", xml_declaration=False)
    write(root)
    return "".join(parts).encode("us-ascii", "xmlcharrefreplace")


PLAIN = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
QUOTED = PLAIN | str.maketrans({'"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#09;"})


def _escaped(text: str, table) -> str:
    return text if text.isalnum() or (text.isspace() and table is PLAIN) else text.translate(table)


def _wound_element(root, rng: random.Random) -> None:
    pairs = [(parent, child) for parent in root.iter() for child in parent]
    if not pairs:
        return
    (parent, child), (_, other) = rng.choice(pairs), rng.choice(pairs)
    at = list(parent).index(child)
    kind = rng.randrange(9)
    if kind == 0:
        parent.remove(child)
    elif kind == 1:
        for _ in range(rng.choice([1, 2, 30])):
            parent.insert(at, copy.deepcopy(child))
    elif kind == 2:
        parent.insert(at, copy.deepcopy(other))
    elif kind == 3:
        child.tag = other.tag
    elif kind == 4:
        deep = child
        for _ in range(rng.choice([1, 50])):
            deep = ElementTree.SubElement(deep, other.tag, other.attrib)
    elif kind == 5 and child.attrib:
        child.set(rng.choice(list(child.attrib)), rng.choice(EXTREME))
    elif kind == 6:
        for name, value in other.attrib.items():
            child.set(name, value)
    else:
        leaves = [each for each in root.iter() if not len(each)]
        rng.choice(leaves).text = rng.choice(EXTREME) if rng.random() < 0.8 else rng.choice(leaves).text


def json_tree(data: bytes, rng: random.Random) -> bytes:
    """JSON with values removed, doubled, exchanged and replaced by others of any type."""
    return json.dumps(_tree_wounded(json.loads(data), rng)).encode()


def yaml_tree(data: bytes, rng: random.Random) -> bytes:
    """YAML (in the flow style that it shares with JSON) wounded like JSON, and at times with aliases."""
    text = json.dumps(_tree_wounded(pickle.loads(_yaml_value(data)), rng))
    for name, value in (("NaN", ".nan"), ("-Infinity", "-.inf"), ("Infinity", ".inf"), ("1e+308", "1.0e+308")):
        text = text.replace(name, value)
    if rng.random() < 0.1:
        text = re.sub(r"\{", "&a {", text, count=1).replace("null", "*a")
    return text.encode()


@lru_cache(maxsize=64)
def _yaml_value(data: bytes) -> bytes:
    """The value, as a pickle: quicker to make anew than to copy."""
    import yaml

    return pickle.dumps(yaml.load(data, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def _tree_wounded(value, rng: random.Random):
    """The value, changed where it is."""
    for _ in range(rng.choice([1, 1, 2, 3, 8])):
        places = _places(value)
        if not places:
            return copy.deepcopy(rng.choice(VALUES))
        # a place of each depth as likely as the next, else long lists hide all others
        holder, key = rng.choice(rng.choice(places))
        kind = rng.randrange(6)
        if kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder, list):
            holder[key:key] = [holder[key]] * rng.choice([1, 30])
        elif kind == 2:
            other, name = rng.choice([place for level in places for place in level])
            if name in other if isinstance(other, dict) else name < len(other):
                holder[key] = copy.deepcopy(other[name])
        elif kind == 3 and isinstance(holder, dict):
            holder[rng.choice(EXTREME)] = holder.pop(key)
        else:
            # a copy, else the wounds to come would be to the list above
            holder[key] = copy.deepcopy(rng.choice(VALUES)) if rng.random() < 0.7 else rng.choice(EXTREME)
    return value


def _places(value) -> list[list[tuple]]:
    """(what holds something, key or index) of everything in a tree, level by level."""
    levels, holders = [], [value]
    while holders:
        level = []
        for holder in holders:
            if isinstance(holder, dict):
                level += [(holder, key) for key in holder]
            elif isinstance(holder, list):
                level += [(holder, index) for index in range(len(holder))]
        if level:
            levels.append(level)
        holders = [each for holder, key in level if isinstance(each := holder[key], dict | list)]
    return levels


# Events, words, archives ------------------------------------------------------------------------------------------


def midi(data: bytes, rng: random.Random) -> bytes:
    """Events with other times, notes, texts and order; headers with other counts."""
    import mido

    song = mido.MidiFile(file=BytesIO(data), clip=True)
    for _ in range(rng.choice([1, 2, 5])):
        track = rng.choice(song.tracks)
        if not track:
            continue
        at = rng.randrange(len(track))
        kind = rng.randrange(7)
        if kind == 0:
            del track[at]
        elif kind == 1:
            track[at:at] = [track[at]] * rng.choice([1, 40])
        elif kind == 2:
            track[at] = track[at].copy(time=rng.choice([0, 1, 2**20, 2**28 - 1]))
        elif kind == 3:
            track.insert(at, mido.MetaMessage("set_tempo", tempo=rng.choice([0, 1, 500_000, 2**24 - 1]), time=0))
        elif kind == 4:
            numerator, denominator = rng.choice([0, 1, 7, 255]), 2 ** rng.choice([0, 2, 8, 15])
            track.insert(at, mido.MetaMessage("time_signature", numerator=numerator, denominator=denominator, time=0))
        elif kind == 5:
            text = "".join(chr(rng.randrange(256)) for _ in range(rng.choice([0, 1, 3, 200])))
            track.insert(at, mido.MetaMessage(rng.choice(["lyrics", "text"]), text=text, time=rng.choice([0, 480])))
        else:
            song.tracks.append(mido.MidiTrack(track))
    song.ticks_per_beat = rng.choice([song.ticks_per_beat] * 6 + [1, 32_767])
    out = BytesIO()
    song.save(file=out)
    data = out.getvalue()
    if rng.random() < 0.1:
        kind, tracks, beat = rng.choice([0, 1, 2, 9]), rng.randrange(65_536), rng.choice([-1, 0, 480])
        data = data[:8] + struct.pack(">HHh", kind, tracks, beat) + data[14:]
    return data


LETTERS = (
    *("abcdefghijklmnopqrstuvwxyz", "ABCXYZ", "äöüßéèêçñøåœæıİſﬁ", "'’-‿_&.,;!?()[]", "0123456789²½Ⅷ"),
    *(" \t\u00a0\u2009",),
    *("あいうかがきゃっんー", "アイウヴァッン", "漢字楽", "абв", "שלום"),
    *("\u0301\u0308\u200d\u202e\ufeff", "🎵👩‍🎤", "\x00\x01\x7f\x85\u2028"),
)


def words(data: bytes, rng: random.Random) -> bytes:
    """Words of letters of all kinds, and of the seed's words with letters put in."""
    found = data.decode("utf-8", "replace").split()
    made = []
    for _ in range(rng.choice([1, 3, 8])):
        word = list(rng.choice(found)) if found and rng.random() < 0.5 else []
        letters = rng.choice(LETTERS) + rng.choice(LETTERS)
        for _ in range(rng.choice([0, 1, 3, 10, 60])):
            word.insert(rng.randrange(len(word) + 1), rng.choice(letters))
        made.append("".join(word))
    return " ".join(made).encode("utf-8", "surrogatepass")


def archive(data: bytes, rng: random.Random) -> bytes:
    """A zip whose members are damaged and which is whole itself."""
    names = ["../../escape.xml", "/tmp/escape.xml", "META-INF/container.xml", "x" * 300, "a\nb.xml", "", "é\ud7ff.xml"]
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name)
            if rng.random() < 0.7:
                content = wounded([content], rng, xml)
            _add(target, rng.choice(names) if rng.random() < 0.1 else name, content)
    return out.getvalue()


def voice(data: bytes, rng: random.Random) -> bytes:
    """An archive of a voice folder with one or two of its files damaged: JSON, headers of weights, weights."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as source, zipfile.ZipFile(out, "w") as target:
        names = source.namelist()
        chosen = rng.sample(names, rng.choice([1, 1, 2]))
        for name in names:
            content = source.read(name)
            if name in chosen:
                content = _voice_file(name, content, rng)
            if content is not None:
                _add(target, name, content)
    return out.getvalue()


def _voice_file(name: str, content: bytes, rng: random.Random) -> bytes | None:
    kind = rng.random()
    if kind < 0.03:
        return None
    if name.endswith(".json"):
        return wounded([content], rng, json_tree)
    if kind < 0.2:
        return wound(content, rng, [content])
    length = int.from_bytes(content[:8], "little")
    if kind < 0.4:
        return _other_numbers(content, 8 + length, rng)
    header = json.loads(content[8 : 8 + length])
    if kind < 0.7 and "__metadata__" in header:
        facts = header["__metadata__"]
        key = rng.choice(sorted(facts))
        facts[key] = json.dumps(_tree_wounded(json.loads(facts[key]), rng))
    else:
        header = _tree_wounded(header, rng)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


NUMBERS_16 = [struct.pack("<e", value) for value in (0.0, -1.0, 100.0, 65504.0, -65504.0, 6e-8, math.nan, math.inf)]
NUMBERS_32 = [struct.pack("<f", value) for value in (0.0, -1.0, 100.0, 1e30, -3e38, 1e-40, math.nan, -math.inf)]


def _other_numbers(content: bytes, begin: int, rng: random.Random) -> bytes:
    """Weights of which some in a row are others: the file keeps its length, and mostly loads."""
    number = rng.choice(NUMBERS_16) if rng.random() < 0.7 else rng.choice(NUMBERS_32)
    at = begin + len(number) * rng.randrange(max(1, (len(content) - begin) // len(number)))
    count = min(rng.choice([1, 1, 16, 1000]), (len(content) - at) // len(number))
    return content[:at] + number * count + content[at + len(number) * count :]


def _add(target: zipfile.ZipFile, name: str, content: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        target.writestr(name, content)
