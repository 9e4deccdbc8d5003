"""English words of one spelling and two pronunciations, told apart by their neighbours."""

from __future__ import annotations

from svs.g2p import Context

# What songs mean unless a neighbour says otherwise.
USUAL = {
    "bow": "B AW1",
    "close": "K L OW1 Z",
    "lead": "L IY1 D",
    "live": "L IH1 V",
    "lives": "L AY1 V Z",
    "read": "R IY1 D",
    "tear": "T IH1 R",
    "tears": "T IH1 R Z",
    "wind": "W IH1 N D",
    "winds": "W IH1 N D Z",
    "wound": "W UW1 N D",
    "wounds": "W UW1 N D Z",
}


def choose(word: str, context: Context) -> str | None:
    """Phones in one string of a heteronym in its line, None where the word has one pronunciation."""
    return USUAL.get(word)
