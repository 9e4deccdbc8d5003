"""Which language lyrics are in, by their commonest small words; Japanese by its script, or by its morae in romaji."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

from svs.g2p import straight

SMALL_WORDS = {
    "en": "the and of to in my is you that it thy with for on me be your all we are thee not this no when so his "
    "but her was from oh shall will what they have where there our she he at as love i a o let",
    "de": "und der die das ich in du nicht mein ein ist zu den mir mich dich es so wie dir auf im dem sie er von "
    "mit da sich was nur ihr ach wenn noch auch wo nun am des dein hat aus war bei bin wir uns ihn o",
    "fr": "de la le les et l'amour je que mon un une des tu dans ma qui est à pour ton se du vous sur nous ne ce "
    "au plus me te il elle mes ta c'est en pas toi moi où sa son ses tes comme quand par ô si",
    "it": "che di la il e non mi è un in per ti mio del si al amor le una io se tu con da ma più lo gli nel della "
    "cor sono mia come o ah bella ed chi quel ch'io",
    "es": "de la que el en y no mi los se las un por con una tu es del yo te al me lo su para más como si cuando "
    "ya mis sin amor ay muy sus qué ni",
    "la": "et in domine est deus deo non qui dominus tu te ad nobis pater sancto gloria cum quia spiritu sanctus "
    "mihi nostra eius meum a ave eleison kyrie tuam filius patris ora alleluia sine miserere",
}
WORDS = {code: frozenset(words.split()) for code, words in SMALL_WORDS.items()}
FEWEST_WORDS = 8  # below so many nothing is concluded
MORA = "(?:[kgnhbpmr]y|sh|ch|ts|[kgsztdnhbpmyrwfj])?[aiueo]|n"  # of Japanese in romaji
MARGIN = 1.25  # how far another language must lead English


def detect(words: Iterable[str]) -> str | None:
    """Language code of some lyrics; None where they are too few, or none of the languages known here."""
    plain = [re.sub(r"[^\w']", "", straight(word.lower())) for word in words]
    plain = [word for word, _ in groupby(filter(None, plain))]  # la la la is one
    kana = sum(any("\u3040" <= c <= "\u30ff" for c in word) for word in plain)
    if kana and kana * 2 >= len(plain):
        return "ja"
    if len(plain) < FEWEST_WORDS:
        return None
    morae = [word for word in plain if re.fullmatch(MORA, word)]
    if len(morae) >= 0.9 * len(plain) and len(set(morae)) >= FEWEST_WORDS:  # sa ku ra ya yo i no so ra wa
        return "ja"
    shares = {code: sum(word in known for word in plain) / len(plain) for code, known in WORDS.items()}
    best = max(shares, key=lambda code: shares[code])
    if shares[best] < 0.08:
        return None
    return best if best == "en" or shares[best] > MARGIN * shares["en"] else "en"
