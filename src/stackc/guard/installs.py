"""Commands that install projects, among those of a shell script: pip, uv, conda and its like, poetry, pdm, pipenv."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from stackc.guard.names import Named, canonical, of_requirement
from stackc.guard.occurrence import Include, Item, Occurrence, Option, Redirect
from stackc.guard.requirements import read_text
from stackc.guard.shell import Command, Word, commands
from stackc.guard.source import Joined
from stackc.guard.values import Value

__all__ = ["CONDA_SPEC", "INDEX_VARIABLES", "looks_like_requirements", "of_conda", "of_script"]

CONDA_SPEC = re.compile(r"\s*(?:[^\s:\"']+::)?([A-Za-z0-9_][A-Za-z0-9._-]*)")

INDEX_VARIABLES = {
    "PIP_INDEX_URL": "--index-url",
    "PIP_EXTRA_INDEX_URL": "--extra-index-url",
    "UV_EXTRA_INDEX_URL": "--extra-index-url",
    "UV_INDEX_URL": "--index-url",
    "UV_DEFAULT_INDEX": "--index-url",
}
_REQUIREMENTS_FILE = re.compile(r"(?:^|/)[^/]*(?:requirements|reqs)[^/]*\.(?:txt|in)$", re.IGNORECASE)
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_PYTHON = re.compile(r"(?:python|pypy|py)[\d.]*(?:\.exe)?|\$\{\w*PYTHON\w*\}", re.IGNORECASE)
_PIP = re.compile(r"pip[\d.]*(?:\.exe)?|\$\{\w*PIP\w*\}", re.IGNORECASE)
_SHELL = re.compile(r"(?:ba|da|a|z|k)?sh")
_CONDA = {"conda", "mamba", "micromamba"}
_LOOKS_LIKE_VERSION = re.compile(r"=|\d")
_DEEPEST = 6

# Programs that run the command which follows them.
_WRAPPERS = {
    "builtin",
    "chroot",
    "command",
    "conda",
    "doas",
    "eatmydata",
    "env",
    "exec",
    "gosu",
    "hatch",
    "ionice",
    "mamba",
    "micromamba",
    "nice",
    "nohup",
    "pdm",
    "pipenv",
    "poetry",
    "retry",
    "setpriv",
    "stdbuf",
    "su-exec",
    "sudo",
    "time",
    "timeout",
    "tini",
    "uv",
    "xargs",
}
# The options of `install` that take the next word as their value, where it is no `--option=value`.
_WITH_VALUE_TEXT = """
    --abi --all-releases --build-constraint --build-constraints --cache-dir --cert --channel --client-cert --config-setting
    --config-settings --constraint --constraints --default-index --directory --editable --exclude-newer --exists-action
    --extra --extra-index-url --file --find-links --global-option --group --implementation --index --index-strategy
    --index-url --install-option --keyring-provider --link-mode --log --name --no-binary --no-build-isolation-package
    --no-build-package --no-binary-package --only-binary --only-final --optional --override --overrides --package --platform
    --prefix --prerelease --progress-bar --proxy --python --python-platform --python-preference --python-version
    --refresh-package --reinstall-package --report --requirement --requirements --resolution --resume-retries --retries
    --root --root-user-action --source --src --target --timeout --torch-backend --trusted-host --upgrade-package
    --upgrade-strategy --uploaded-prior-to --use-deprecated --use-feature --branch --tag --rev -C -G -P -b -c -d -e -f -i -n
    -p -r -t
"""
_WITH_VALUE = frozenset(_WITH_VALUE_TEXT.split())
_POETRY_FLAGS = {"-d", "-e", "-n", "-D"}
_FULL = {"-r": "--requirement", "-c": "--constraint", "-e": "--editable", "-i": "--index-url", "-f": "--find-links"}
_INCLUDES = {"--requirement": False, "--requirements": False, "--constraint": True, "--constraints": True}
_INDEXES = {
    "--index-url": "--index-url",
    "--default-index": "--index-url",
    "--extra-index-url": "--extra-index-url",
    "--index": "--extra-index-url",
    "--no-index": "--no-index",
}

Located = Callable[[str], tuple[str, ...]]
"""Returns where a requirements file that a command names may lie, as paths beside the file that is read."""


class _Install(Value):
    """One command that installs: the words that follow it, and in whose grammar."""

    tool: Literal["pip", "uv", "conda", "poetry"]
    words: Sequence[Word]
    sync: bool = False


class _Argument(Value):
    """One argument of it: an option in its full name, or a requirement where the name is empty."""

    name: str
    value: str
    word: Word


def of_script(
    script: Joined,
    *,
    located: Located = lambda path: (path,),
    variables: dict[str, str] | None = None,
    comments: tuple[str, ...] = (),
    depth: int = 0,
) -> Iterator[Item]:
    """Yield what the commands of a script install, and the files that they write requirements into.

    `comments` count for every command of it. `variables` are known to it, and those that it sets are added.
    """
    known = {} if variables is None else variables
    for command in commands(script, known):
        noted = command._replace(comments=(*command.comments, *comments))
        yield from _of_command(noted, located=located, variables=known, depth=depth)


def of_conda(text: str) -> Named:
    """Return what a match specification of conda names: the channel and the version are left off."""
    name = CONDA_SPEC.match(text)
    return Named((canonical(name[1]),)) if name is not None else Named((), valid=False)


def looks_like_requirements(path: str) -> bool:
    """Say whether a path is named like a requirements file."""
    return _REQUIREMENTS_FILE.search(path) is not None


def _of_command(command: Command, *, located: Located, variables: dict[str, str], depth: int) -> Iterator[Item]:
    words = list(command.words)
    assigned = []
    while words and (match := _ASSIGNMENT.fullmatch(words[0].text)):
        assigned.append((match[1], match[2], words.pop(0)))
    words = _unwrapped(words)
    install = _install(words)
    if install is not None:
        group = command.script.at(words[0].at) + 1
        yield from _of_environment(assigned, command, install, group)
        yield from _of_install(install, command, group, located)
        yield from _of_redirections(command)
    elif words and depth < _DEEPEST:
        yield from _of_inner(words, command, located=located, variables=variables, depth=depth + 1)
    elif not words:
        yield from _of_heredocs(command, as_script=True, located=located, variables=variables, depth=depth + 1)


def _unwrapped(words: list[Word]) -> list[Word]:
    """Return the command that a wrapper such as sudo runs, else the command itself."""
    if not words or _base(words[0]) not in _WRAPPERS or _install(words) is not None:
        return words
    for number in range(1, min(len(words), 24)):
        if _install(words[number:]) is not None or _is_shell(words[number:]):
            return words[number:]
    return words


def _install(words: Sequence[Word]) -> _Install | None:  # noqa: PLR0911 (one for each program)
    """Return what a command installs, if it is one that installs."""
    if not words:
        return None
    names, program = [word.text for word in words], _base(words[0])
    if _PYTHON.fullmatch(program):
        module = next((number for number, name in enumerate(names[1:8], 1) if name == "-m"), None)
        return _install(words[module + 1 :]) if module is not None and not names[module - 1].endswith(".py") else None
    first = _after_options(names, 1)
    verb = names[first] if first < len(names) else ""
    if _PIP.fullmatch(program) or (program == "pipenv" and verb == "install"):
        return _Install("pip", words[first + 1 :]) if verb == "install" else None
    if program == "uv":
        second = _after_options(names, first + 1)
        action = names[second] if verb == "pip" and second < len(names) else ""
        if action in {"install", "sync"}:
            return _Install("uv", words[second + 1 :], sync=action == "sync")
        return _Install("uv", words[first + 1 :]) if verb == "add" else None
    if program in {"poetry", "pdm"} and verb == "add":
        return _Install("poetry" if program == "poetry" else "pip", words[first + 1 :])
    if program in _CONDA and verb in {"create", "install", "update"}:
        return _Install("conda", words[first + 1 :])
    return None


def _after_options(names: Sequence[str], start: int) -> int:
    """Return the number of the first word that is no option, nor the value of one of the options that pip and uv share."""
    number = start
    while number < len(names) and names[number].startswith("-"):
        number += 2 if names[number] in _WITH_VALUE else 1
    return number


def _of_install(install: _Install, command: Command, group: int, located: Located) -> Iterator[Item]:
    for name, value, word in _arguments(install):
        at = command.script.at(word.at)
        if name in _INCLUDES and install.tool != "conda":
            yield Include(at, value, located(value), constraint=_INCLUDES[name], sure=False)
        elif name == "--file" and install.tool == "conda":
            yield Include(at, value, located(value), sure=False)
        elif name in _INDEXES and install.tool != "conda":
            tool: Literal["pip", "uv"] = "uv" if install.tool == "uv" else "pip"
            yield Option(
                at, word.text, _INDEXES[name], value, tool=tool, where="command", comments=command.comments, group=group
            )
        elif name == "--editable":
            named = of_requirement(value, editable=True)
            yield Occurrence(at, value, named.candidates, by_url=True, comments=command.comments, group=group)
        elif not name:
            yield from _of_argument(install, value, at, command, group, located)


def _of_argument(install: _Install, value: str, at: int, command: Command, group: int, located: Located) -> Iterator[Item]:
    if install.sync:
        yield Include(at, value, located(value), sure=False)
        return
    if install.tool == "conda":
        named = of_conda(value)
    elif install.tool == "poetry" and not value.startswith(("git+", "http", ".", "/")):
        named = of_requirement(value.partition("@")[0])
    else:
        named = of_requirement(value)
    yield Occurrence(
        at=at,
        text=value,
        candidates=named.candidates,
        reader="conda" if install.tool == "conda" else "poetry" if install.tool == "poetry" else "pip",
        valid=named.valid,
        by_url=named.by_url,
        comments=command.comments,
        group=group,
    )


def _arguments(install: _Install) -> Iterator[_Argument]:
    words, flags = iter(install.words), _POETRY_FLAGS if install.tool == "poetry" else set()
    for word in words:
        text = word.text
        if not text.startswith("-") or text == "-":
            yield _Argument("", text, word)
        elif text.startswith("--"):
            name, equals, value = text.partition("=")
            follows = not equals and name in _WITH_VALUE
            yield _Argument(name, _next(words) if follows else value, word)
        elif text[:2] in _FULL and len(text) > 2:
            yield _Argument(_FULL[text[:2]], text[2:].removeprefix("="), word)
        elif text in _WITH_VALUE and text not in flags:
            yield _Argument(_FULL.get(text, text), _next(words), word)


def _next(words: Iterator[Word]) -> str:
    following = next(words, None)
    return following.text if following is not None else ""


def _of_environment(
    assigned: Sequence[tuple[str, str, Word]], command: Command, install: _Install, group: int
) -> Iterator[Item]:
    for name, value, word in assigned:
        tool: Literal["pip", "uv"] = "uv" if name.startswith("UV_") else "pip"
        if name in INDEX_VARIABLES and (install.tool == "uv") == (tool == "uv"):
            option, at = INDEX_VARIABLES[name], command.script.at(word.at)
            yield Option(at, word.text, option, value, tool=tool, where="command", comments=command.comments, group=group)


def _of_redirections(command: Command) -> Iterator[Redirect]:
    """Yield the redirects that were meant as specifiers: they stick to a word, or a version follows the sign."""
    for begin, operator, target, before in command.redirections:
        stuck = before is not None and _LOOKS_LIKE_VERSION.match(target.text)
        if operator in {">", "<"} and not target.quoted and (stuck or target.text.startswith("=")):
            word = before.text if before is not None else ""
            at = command.script.at(before.at if before is not None else begin)
            yield Redirect(at, f"{word}{operator}{target.text}", word, operator, target.text, command.comments)


def _of_inner(
    words: list[Word], command: Command, *, located: Located, variables: dict[str, str], depth: int
) -> Iterator[Item]:
    """Yield what a command installs by way of another shell, or writes into a requirements file."""
    if not _is_shell(words):
        yield from _of_heredocs(command, as_script=False, located=located, variables=variables, depth=depth)
        return
    inline = next((number for number, word in enumerate(words[1:], 1) if re.fullmatch(r"-[a-z]*c", word.text)), None)
    if _base(words[0]) == "eval":
        script = Joined((f"{word.text} ", command.script.at(word.at)) for word in words[1:])
    elif inline is not None and inline + 1 < len(words):
        script = _inside(words[inline + 1], command.script)
    else:
        yield from _of_heredocs(command, as_script=True, located=located, variables=variables, depth=depth)
        return
    yield from of_script(script, located=located, variables=dict(variables), comments=command.comments, depth=depth)


def _inside(word: Word, script: Joined) -> Joined:
    """Return a quoted script, placed where it stands if its quotes hide nothing of it, else at its beginning."""
    if script.text[word.at + 1 : word.end - 1] == word.text:
        return script.cut(word.at + 1, word.end - 1)
    at = script.at(word.at)
    return Joined((char, at) for char in word.text)


def _of_heredocs(
    command: Command, *, as_script: bool, located: Located, variables: dict[str, str], depth: int
) -> Iterator[Item]:
    targets = [redirection.target.text for redirection in command.redirections if redirection.operator in {">", ">>", ">|"}]
    targets += [word.text for word in command.words[1:] if command.words[0].text == "tee"]
    for heredoc in command.heredocs:
        body = command.script.cut(heredoc.start, heredoc.end)
        if as_script and _is_shell_script(body.text) and depth < _DEEPEST:
            yield from of_script(body, located=located, variables=variables, comments=command.comments, depth=depth)
        elif any(map(looks_like_requirements, targets)):
            for item in read_text(body.text, group=command.script.at(heredoc.start) + 1):
                yield _placed(item, body.at(item.at or 0))
    if command.words and command.words[0].text in {"echo", "printf"} and any(map(looks_like_requirements, targets)):
        for word in command.words[1:]:
            yield from (_placed(item, command.script.at(word.at)) for item in read_text(word.text.replace("\\n", "\n")))


def _placed(item: Item, at: int) -> Item:
    """Return what was read of an inner text, as it stands in the outer one; no line of that can be deleted."""
    placed = item._replace(at=at)
    return placed._replace(removal=None) if isinstance(placed, Occurrence) else placed


def _is_shell_script(text: str) -> bool:
    """Say whether a script without a first line that says otherwise is one for the shell."""
    first = text.lstrip().partition("\n")[0]
    return not first.startswith("#!") or _SHELL.fullmatch(re.split(r"[/\s]", first.strip())[-1]) is not None


def _is_shell(words: Sequence[Word]) -> bool:
    return bool(words) and (_SHELL.fullmatch(_base(words[0])) is not None or _base(words[0]) in {"eval", "su"})


def _base(word: Word) -> str:
    return word.text.rpartition("/")[2]
