"""Descriptions of singing ("soft, breathy") as vectors, by a frozen text encoder; only an adapter behind it is trained.

    hashed          character n-grams by their hashes, 256 numbers; computed, needs nothing, knows no synonyms
    a hub's name    such as sentence-transformers/all-MiniLM-L6-v2, fetched on first use; wants pip install .[text]
    a local folder  with the same files
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import cache

import numpy as np

from svs.mistakes import Mistake

HASHED = "hashed"
NUMBERS = 256  # of the built-in encoder
LENGTHS = (3, 4, 5)  # of its n-grams
LONGEST = 1000  # characters of a description

Encode = Callable[[str], np.ndarray]


class DescriptionError(Mistake):
    """A description that says nothing, or an encoder that cannot be had here; the message says what to do."""


@cache
def text_encoder(name: str) -> Encode:
    """The function text → (numbers,) float32 of length 1. Raises DescriptionError where it cannot be loaded."""
    return hashed if name == HASHED else _transformer(name)


def describe(text: str, encoder: str) -> np.ndarray:
    """(numbers,) float32 of length 1 of a description. Raises DescriptionError."""
    if not re.search(r"\w", text):
        raise DescriptionError(f"description {text!r}: says nothing; words such as 'soft, breathy' are wanted")
    if len(text) > LONGEST:
        raise DescriptionError(f"description: is {len(text)} characters long; {LONGEST} at most are read")
    return text_encoder(encoder)(text)


def hashed(text: str) -> np.ndarray:
    """Words and their n-grams, each added with a sign at a place that its hash gives (Weinberger et al. 2009).

    Spelling alone decides how near two texts are (as in fastText; Bojanowski et al. 2017): soft, softly and softer are
    near, soft and gentle are not. Case and order do not count.
    """
    vector = np.zeros(NUMBERS)
    for word in re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()):
        whole = f"<{word}>"
        grams = {whole, *(whole[i : i + n] for n in LENGTHS for i in range(len(whole) - n + 1))}
        for gram in grams:
            number = int.from_bytes(hashlib.blake2b(gram.encode(), digest_size=8).digest(), "big")
            vector[(number >> 1) % NUMBERS] += (1 if number & 1 else -1) / len(grams) ** 0.5  # a long word is no louder
    return _unit(vector)


def _unit(vector: np.ndarray) -> np.ndarray:
    return (vector / max(float(np.linalg.norm(vector)), 1e-9)).astype(np.float32)


def _reachable() -> bool:
    """Whether the hub answers at all; asked once, since its library asks many times with a pause."""
    try:
        urllib.request.urlopen(os.environ.get("HF_ENDPOINT", "https://huggingface.co"), timeout=10).close()
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _transformer(name: str) -> Encode:
    """The mean of a transformer's last layer over the tokens (Reimers & Gurevych 2019)."""
    try:
        from transformers import AutoModel, AutoTokenizer, logging
    except ImportError as error:
        raise DescriptionError(
            f"text encoder {name!r}: {error.name} is missing: pip install 'svs[text]' brings it; or take {HASHED!r}"
        ) from None
    import torch

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    local = os.path.isdir(name) or not _reachable()
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=local)
        network = AutoModel.from_pretrained(name, local_files_only=local, use_safetensors=True).eval()
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        reason = "its hub is not reached, and it is neither a folder nor kept from before"
        if not local or os.path.isdir(name):
            reason = " ".join(str(error).split())[:160]
        raise DescriptionError(
            f"text encoder {name!r} cannot be loaded ({reason}); name a folder that holds it, or {HASHED!r}"
        ) from None

    def encode(text: str) -> np.ndarray:
        tokens = tokenizer(text, return_tensors="pt", truncation=True)
        with torch.inference_mode():
            states = network(**tokens).last_hidden_state[0]
        keep = tokens["attention_mask"][0, :, None].to(states)
        mean = ((states * keep).sum(dim=0) / keep.sum()).double().numpy()
        return _unit(mean)

    return encode
