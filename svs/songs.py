"""Several songs by one command: one that fails does not stop the others, and processes of their own may sing some at once."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svs.mistakes import is_mistake, one_line


@dataclass(frozen=True)
class Song:
    """A score, and where its sound goes. stems: folder of its parts, if they are wanted too."""

    score: Path
    output: Path
    stems: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a song. said: of one that was sung how it went, else why not: a line, or of a fault of ours a traceback."""

    song: Song
    said: str
    sung: bool = False
    fault: bool = False


Work = Callable[[Song], str]  # sings, and returns what there is to say


def outcomes(work: Work, songs: Sequence[Song], workers: int = 1) -> Iterator[Outcome]:
    """Sing every song; yields each when it is finished or has failed.

    workers: processes that sing, each on its share of this machine's threads; with several, work must be picklable.
    """
    if workers == 1 or len(songs) == 1:
        return (attempt(work, song) for song in songs)
    return _at_once(work, songs, min(workers, len(songs)))


def attempt(work: Work, song: Song) -> Outcome:
    try:
        return Outcome(song, work(song), sung=True)
    except Exception as error:
        if is_mistake(error):
            reason = one_line(error)
            return Outcome(song, reason if song.score.name in reason else f"{song.score}: {reason}")
        return Outcome(song, "".join(traceback.format_exception(error)).rstrip(), fault=True)


def _at_once(work: Work, songs: Sequence[Song], workers: int) -> Iterator[Outcome]:
    from multiprocessing.connection import wait

    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, _cores() // workers)))
    waiting = deque(songs)
    idle: list[_Worker] = []
    busy: dict[Any, _Worker] = {}
    try:
        while waiting or busy:
            while waiting and len(busy) < workers:
                worker = idle.pop() if idle else _Worker(work)
                busy[worker.pipe] = worker
                worker.begin(waiting.popleft())
            for pipe in wait(list(busy)):
                worker = busy.pop(pipe)
                outcome = worker.outcome()
                if worker.process.is_alive():
                    idle.append(worker)
                yield outcome
    finally:
        for worker in busy.values():
            worker.process.terminate()
        for worker in idle:
            worker.end()


class _Worker:
    """A process that sings one song after another."""

    def __init__(self, work: Work):
        from multiprocessing import get_context

        context = get_context("spawn")  # not forked: threads of this process would leave their locks held
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=_sing_all, args=(other, work), daemon=True)
        self.process.start()
        other.close()  # so that the pipe ends with the process

    def begin(self, song: Song) -> None:
        self.song = song
        self.pipe.send(song)

    def end(self) -> None:
        """Let it finish, and wait for that: at this process's own end it would be killed while it tidies up."""
        self.pipe.close()
        self.process.join()

    def outcome(self) -> Outcome:
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            code = self.process.exitcode
            return Outcome(self.song, f"{self.song.score}: the process that sang it ended ({code}); is the memory full?")


def _sing_all(pipe: Any, work: Work) -> None:
    """What a worker does until the pipe ends, as it does when its parent is gone, even killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    signal.signal(signal.SIGTERM, _end)  # which ends its workers so that they leave nothing half-written
    try:
        while True:
            pipe.send(attempt(work, pipe.recv()))
    except (EOFError, OSError):
        pass


def _end(*_: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # told once is enough: a second time would break into the tidying up
    sys.exit(1)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
