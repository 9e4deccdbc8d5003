"""The docs: commands they show are ones that the real command lines take, links lead somewhere, examples run."""

import argparse
import ast
import os
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from tiny_voices import write_voice

from svs.audio import Audio
from svs.voice import Voice

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCED = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
OTHERS = {"tensorboard", "aplay", "cd", "git", "ls", "cp", "mkdir", "mv"}  # programs that are not ours
QUICK = {  # that are run as they stand
    "svs score assets/scores/amazing_grace.musicxml",
    "svs score assets/scores/amazing_grace.musicxml --check",
    "svs voices",
    "python -m benchmarks.voice --help",
}
RUN = {"read_score"}  # Python examples that name one of these are run; all are compiled


def blocks(language):
    for page in PAGES:
        for found in FENCED.finditer(page.read_text(encoding="utf-8")):
            if found[1] == language:
                yield page.relative_to(ROOT), found[2]


def commands():
    """(page, command) of every line of a shell block, without remarks; lines that end in a backslash are joined."""
    found = []
    for page, text in blocks("sh"):
        for line in text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            for command in _split(words, "|"):
                if command:
                    found.append((page, command))
    return found


def _split(words, mark):
    groups = [[]]
    for word in words:
        if word == mark:
            groups.append([])
        else:
            groups[-1].append(word)
    return groups


COMMANDS = commands()


class Parsed(Exception):
    """The arguments were taken; nothing is run."""


def test_there_are_commands_of_every_kind():
    programs = {command[0] for _, command in COMMANDS}
    assert {"svs", "python", "make", "pip", "recipes/tiny/run.sh"} <= programs
    assert len(COMMANDS) > 60


@pytest.mark.parametrize(
    ("page", "command"), COMMANDS, ids=[f"{page}: {shlex.join(command)[:70]}" for page, command in COMMANDS]
)
def test_a_command_that_is_shown_is_one_that_is_taken(page, command, monkeypatch):
    program, *arguments = command
    if program == "svs":
        _typer(arguments)
    elif program == "python":
        _module(arguments, monkeypatch)
    elif program.endswith("run.sh"):
        _recipe(program, arguments)
    elif program == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert {word for word in arguments if "=" not in word} <= set(targets)
    elif program == "pip":
        assert arguments[0] == "install"
        for extra in re.findall(r"\[(.*?)\]", " ".join(arguments)):
            assert set(extra.split(",")) <= extras()
    else:
        assert program in OTHERS, f"{page}: {shlex.join(command)}: which program is that?"


def extras():
    import tomllib

    return set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])


def _typer(arguments):
    import typer

    from svs.cli import app

    group = typer.main.get_command(app)
    name, *rest = arguments
    assert name in group.commands, f"svs has no command {name}"
    group.commands[name].make_context(name, list(rest))


def _module(arguments, monkeypatch):
    flag, name, *rest = arguments
    assert flag == "-m"
    if name.partition(".")[0] not in ("svs", "data_prep", "benchmarks", "assets"):
        return
    source = (ROOT / name.replace(".", "/")).with_suffix(".py")
    if not source.is_file():
        source = ROOT / name.replace(".", "/") / "__main__.py"
    if "argparse" not in source.read_text() and "parser(" not in source.read_text():
        assert not rest
        return
    real = argparse.ArgumentParser.parse_args

    def parse(self, given=None, namespace=None):
        real(self, given, namespace)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    if "--help" in rest:
        with pytest.raises(SystemExit) as ended:
            import_module(name).main(rest)
        assert ended.value.code == 0
        return
    with pytest.raises(Parsed):
        import_module(name).main(rest)


def _recipe(program, arguments):
    """The script reads its arguments in order, and --help ends it with status 0 if it took those before."""
    assert (ROOT / program).is_file()
    at = arguments.index("--") if "--" in arguments else len(arguments)
    line = [str(ROOT / program), *arguments[:at], "--help"]
    environment = {**os.environ, "PYTHON": sys.executable}
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    for option in arguments[at + 1 :]:
        assert option.startswith(("--trainer.", "--model.", "--data.")) or option.isdecimal() or option == "gpu"


@pytest.mark.parametrize("command", sorted(QUICK))
def test_a_quick_command_runs(command, tmp_path):
    assert command.split() in [shown for _, shown in COMMANDS]
    words = command.split()
    words[:1] = [sys.executable, "-m", "svs"] if words[0] == "svs" else [sys.executable]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=240, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize(("page", "code"), list(blocks("python")))
def test_an_example_in_python_is_one(page, code, monkeypatch, capsys):
    tree = compile(code, str(page), "exec", ast.PyCF_ONLY_AST)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                assert hasattr(import_module(node.module), alias.name)
    if any(word in code for word in RUN):
        monkeypatch.chdir(ROOT)
        exec(compile(code, str(page), "exec"), {"__name__": "example"})
        assert capsys.readouterr().out.strip()


def test_every_benchmark_has_a_row_in_their_readme():
    page = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    runnable = [path for path in (ROOT / "benchmarks").glob("*.py") if "__main__" in path.read_text(encoding="utf-8")]
    packages = [path.parent for path in (ROOT / "benchmarks").glob("*/__main__.py")]
    assert len(runnable) > 20 and len(packages) >= 2
    for path in (*runnable, *packages):
        assert f"| `{path.stem}` |" in page, path.stem


@pytest.mark.filterwarnings("ignore:.*outside the range of ann")
def test_the_readmes_example_sings_and_streams(monkeypatch, tmp_path, capsys):
    """With a voice of random weights in the place of the default one."""
    voice = Voice.load(write_voice(tmp_path / "tiny"))
    monkeypatch.setattr(import_module("svs.sing"), "load_voice", {"default": voice}.__getitem__)
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    monkeypatch.chdir(tmp_path)
    (code,) = (code for page, code in blocks("python") if page.name == "README.md")
    names = {"__name__": "example"}
    exec(compile(code, "README.md", "exec"), names)
    assert Audio.read(tmp_path / "song.wav").seconds == names["take"].seconds > 20
    assert names["piece"].seconds > 0
    assert "'lyric': 'A'" in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        if path.startswith(("http:", "https:", "mailto:")):
            continue
        there = (page.parent / path).resolve() if path else page
        if "reference" in there.parts:
            module = ROOT / there.stem.replace(".", "/")
            assert module.with_suffix(".py").is_file() or (module / "__init__.py").is_file(), target
            continue
        assert there.exists(), f"{page.name}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-") for text in headings}


def test_help_that_pages_ask_for_is_that_of_commands_there_are():
    asked = [help for page in PAGES for help in re.findall(r"<!-- help: (.+) -->", page.read_text(encoding="utf-8"))]
    assert len(asked) >= 12
    for command in asked:
        program, *rest = command.split()
        if program == "python":
            assert (ROOT / rest[1].replace(".", "/")).with_suffix(".py").is_file()
        elif program == "svs":
            _known(rest[0])
        else:
            assert (ROOT / program).is_file()


def _known(name):
    import typer

    from svs.cli import app

    assert name in typer.main.get_command(app).commands


def test_the_site_is_built_without_warnings(tmp_path):
    pytest.importorskip("mkdocs", reason="mkdocs is not installed; pip install '.[docs]' brings it")
    pytest.importorskip("mkdocstrings", reason="mkdocstrings is not installed; pip install '.[docs]' brings it")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
    sung = (tmp_path / "site/reference/svs.sing.html").read_text(encoding="utf-8")
    assert "svs.sing.Take" in sung
    assert "--singer-from" in (tmp_path / "site/command-line.html").read_text(encoding="utf-8")
