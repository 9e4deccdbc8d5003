"""Languages whose spelling tells their sound: a table of rules, read from left to right, the first that fits wins.

A line of a table is `letters = phones`. Letters are a regular expression, which may look behind and ahead. A phone may
be written "Y/IY": sung as the first, or as the second where the score gives the word more syllables; "-" is nothing.
A line that begins with "~" is for letters with a vowel somewhere before them in the word.
Vowels get stress 1, the weak ə and ɐ stress 0.
"""

from __future__ import annotations

import itertools
import re
import unicodedata

from svs.g2p import Context, Pronouncer, straight
from svs.inventory import VOWELS

# letters that sound so in every language whose table says nothing else
PLAIN = """
b = B
c = K
d = D
f = F
g = G
h = -
k = K
l = L
m = M
n = N
p = P
q = K
s = S
t = T
v = V
w = W
x = K S
"""
# consonants that sound no longer for being written twice
DOUBLED = """
bb = B
dd = D
ff = F
gg = G
ll = L
mm = M
nn = N
pp = P
tt = T
"""
WEAK = {"ə", "ɐ"}
AND = {"de": "und", "es": "y", "fr": "et", "it": "e", "la": "et"}  # what & says
MOST_LETTERS = 500  # whose rules are kept
MOST_ALTERNATIVES = 5  # phones of a word that may go two ways


class RuleBased(Pronouncer):
    """A language by rules. exceptions: word → phones, for spellings that mislead."""

    def __init__(self, language: str, table: str, exceptions: str = ""):
        self.language = language
        lines = (line.strip() for line in (table + PLAIN).splitlines())
        self.rules = [_rule(line) for line in lines if line and line[0] != "#"]
        self.first = [first_letters(pattern.pattern) for _, pattern, _ in self.rules]
        self.beginning: dict[str, list[tuple[bool, re.Pattern, list[str]]]] = {}  # letter → the rules that it may begin
        rows = (line.split("=") for line in exceptions.strip().splitlines() if "=" in line)
        self.exceptions = {word: phones.split() for words, phones in rows for word in words.split()}

    def pronunciations(self, word: str, context: Context | None = None) -> list[tuple[str, ...]]:
        text = self.normalize(word)
        if not any(letter.isalpha() for letter in text):
            raise self.unreadable(word)
        phones = self.spoken(text, context)
        if not phones and not re.search("[a-z]", text):
            raise self.unreadable(word)
        if not phones:
            raise ValueError(f"{word!r} has no sound by the rules of {self.language!r}")
        return ways(phones)

    def spoken(self, text: str, context: Context | None) -> list[str]:
        """Phones of a normalized word, with their alternatives."""
        return [phone for piece in re.split(r"[^\w'·]+|_", text) if piece for phone in self.piece(piece)]

    def piece(self, text: str) -> list[str]:
        return self.exceptions.get(text) or self.transcribe(text)

    def normalize(self, word: str) -> str:
        """Lower case, one kind of apostrophe, no punctuation around."""
        text = unicodedata.normalize("NFC", word).lower().replace("&", AND[self.language])
        return straight(text).strip(' .,;:!?¡¿«»„“”"()[]…-–—')

    def transcribe(self, text: str) -> list[str]:
        phones: list[str] = []
        place, after_vowel = 0, False
        while place < len(text):
            for needs_vowel, pattern, sounds in self._beginning_with(text[place]):
                match = pattern.match(text, place) if after_vowel or not needs_vowel else None
                if match and match.end() > place:
                    phones += sounds
                    place = match.end()
                    after_vowel = after_vowel or any(map(is_vowel, sounds))
                    break
            else:
                plain = unicodedata.normalize("NFD", text[place])[0]
                if plain != text[place]:  # an accent no rule knows
                    text = text[:place] + plain + text[place + 1 :]
                else:
                    place += 1
        return phones

    def _beginning_with(self, letter: str) -> list[tuple[bool, re.Pattern, list[str]]]:
        """The rules but for those that begin with another letter, in their order."""
        found = self.beginning.get(letter)
        if found is None:
            found = [rule for rule, first in zip(self.rules, self.first, strict=True) if first is None or letter in first]
            if len(self.beginning) < MOST_LETTERS:
                self.beginning[letter] = found
        return found


def first_letters(pattern: str) -> set[str] | None:
    """The letters that a pattern of a table can begin with; None where it may be any."""
    found: set[str] = set()
    for way in _alternatives(pattern):
        while (look := re.match(r"\(\?<?[=!]", way)) or way[:1] == "^":
            way = way[_end_of_group(way) :] if look else way[1:]
        if group := re.match(r"\((\?:)?(?!\?)", way):
            end = _end_of_group(way)
            letters = first_letters(way[group.end() : end - 1])
        elif way[:1] == "[" and way[1:2] != "^":
            end = way.index("]") + 1
            letters = set(way[1 : end - 1]) if re.fullmatch(r"[^\W\d_]+", way[1 : end - 1]) else None
        else:
            end = 1
            letters = {way[0]} if way[:1].isalpha() else None
        if letters is None or way[end : end + 1] in ("?", "*", "{"):
            return None
        found |= letters
    return found


def _alternatives(pattern: str) -> list[str]:
    """The parts of a pattern between the bars that stand in no group."""
    found, depth = [""], 0
    for letter in pattern:
        depth += (letter == "(") - (letter == ")")
        if letter == "|" and not depth:
            found.append("")
        else:
            found[-1] += letter
    return found


def _end_of_group(pattern: str) -> int:
    """Where the group that a pattern begins with ends."""
    depth = 0
    for place, letter in enumerate(pattern):
        depth += (letter == "(") - (letter == ")")
        if not depth:
            return place + 1
    return len(pattern)


def is_vowel(phone: str) -> bool:
    return phone.split("/")[0] in VOWELS


def _rule(line: str) -> tuple[bool, re.Pattern, list[str]]:
    letters, _, phones = line.rpartition(" = ")
    letters, phones = letters.strip(), phones.strip()
    return letters[:1] == "~", re.compile(letters.lstrip("~")), [] if phones == "-" else phones.split()


def ways(phones: list[str]) -> list[tuple[str, ...]]:
    """All pronunciations, the first choice of every phone first, then with few of the second ones."""
    places = [i for i, phone in enumerate(phones) if "/" in phone][-MOST_ALTERNATIVES:]
    found = []
    for taken in sorted(itertools.product((0, 1), repeat=len(places)), key=sum):
        second = {place for place, take in zip(places, taken, strict=True) if take}
        chosen = [phone.split("/")[1 if i in second else 0] for i, phone in enumerate(phones)]
        found.append(tuple(_stressed(phone) for phone in chosen if phone != "-"))
    return [way for way in dict.fromkeys(found) if way] or [tuple(_stressed(p.split("/")[-1]) for p in phones)]


def _stressed(phone: str) -> str:
    if phone not in VOWELS:
        return phone
    return phone + ("0" if phone in WEAK else "1")
