"""What every exception of the package shares: a user's mistake is told in one line."""

from __future__ import annotations

LONGEST = 800  # characters


class Mistake(ValueError):
    """A message in one printable line, whatever the file it quotes holds; what is too long loses its middle."""

    def __init__(self, message: object = ""):
        text = " ".join(str(message).split())
        if len(text) > LONGEST:
            text = f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"
        super().__init__("".join(c if c.isprintable() else "\ufffd" for c in text))
