"""Pretrained models of the package transformers, from a folder or the hub. Weights are safetensors, never pickles."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from svs.codec import CodecError

CONFIG = "config.json"
FILES = [CONFIG, "model.safetensors"]
SECONDS = 10.0  # that a hub may take to answer at all


def pretrained(name: str, kind: str, repository: str, sample_rate: int, weights: Path | None):
    """The model of a transformers class, in evaluation mode.

    name: of the codec, for messages. kind: model_type of its configuration, "encodec" or "dac". repository: on the
    hub, where no folder is given. Raises CodecError, in one line, where the package, the folder or the network is
    missing, or the folder holds another model.
    """
    from safetensors import SafetensorError

    try:
        transformers: Any = import_module("transformers")
    except ImportError:
        raise CodecError(
            f"codec {name}: the package transformers is missing; pip install 'svs[codecs]' brings it"
        ) from None
    folder = from_hub(name, repository) if weights is None else weights
    _check_config(name, kind, sample_rate, folder)
    model_class = {"encodec": transformers.EncodecModel, "dac": transformers.DacModel}[kind]
    log = transformers.utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()  # its reports of loading take many lines
    log.disable_progress_bar()
    try:
        model, report = model_class.from_pretrained(
            folder, use_safetensors=True, local_files_only=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise CodecError(f"{folder}: the weights of {name} cannot be read ({str(error)[:200]})") from None
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()
    lacking = sorted({*report["missing_keys"], *(str(key) for key in report.get("mismatched_keys", ()))})
    if lacking:
        raise CodecError(f"{folder}: the weights of {name} lack {len(lacking)} tensors, {lacking[0]} among them")
    return model.eval()


def from_hub(name: str, repository: str) -> Path:
    """The folder that a repository's configuration and weights lie in; fetched when they are not there yet."""
    try:
        hub: Any = import_module("huggingface_hub")
        constants: Any = import_module("huggingface_hub.constants")
    except ImportError:
        raise CodecError(
            f"codec {name}: the package huggingface_hub is missing; pip install 'svs[codecs]' brings it"
        ) from None
    try:
        found = Path(hub.snapshot_download(repository, allow_patterns=FILES, local_files_only=True))
        if all((found / file).is_file() for file in FILES):
            return found
    except hub.errors.LocalEntryNotFoundError:
        pass
    why = "this process is set to stay offline" if constants.HF_HUB_OFFLINE else _unreachable(constants.ENDPOINT)
    if why is None:
        try:
            return Path(hub.snapshot_download(repository, allow_patterns=FILES))
        except Exception as error:  # of whichever client the hub's library goes through
            why = " ".join(str(error).split())[:160]
    raise CodecError(
        f"codec {name}: the weights of {repository} are not on this machine and could not be fetched from "
        f"{constants.ENDPOINT} ({why}); connect once, or name a folder that holds {' and '.join(FILES)}: {name}:FOLDER"
    )


def _unreachable(endpoint: str) -> str | None:
    """Why a hub does not answer, or None where it does: asked once, for the library itself asks for half a minute."""
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    try:
        urlopen(Request(endpoint, method="HEAD"), timeout=SECONDS).close()
    except HTTPError:
        return None
    except (URLError, OSError) as error:
        return str(getattr(error, "reason", error))
    return None


def _check_config(name: str, kind: str, sample_rate: int, folder: Path) -> None:
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        found = config.get("model_type"), config.get("sampling_rate")
    except (OSError, ValueError, AttributeError) as error:
        raise CodecError(
            f"{path}: no configuration of a model there ({error}); a folder with {' and '.join(FILES)} is wanted"
        ) from None
    if found != (kind, sample_rate):
        raise CodecError(
            f"{path}: {found[0]} at {found[1]} Hz; "
            f"{name} wants the model_type {kind} and a sampling_rate of {sample_rate}"
        )
