"""Shell scripts, as far as to know which commands they run with which words (POSIX shell, chapter 2, and bash's redirects).

Nothing is run. A variable whose value the script itself sets is replaced by it, any other stays as `${NAME}`. Text that a shell
would refuse, such as an open quote, is read to its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stackc.guard.source import Joined
from stackc.guard.values import Value

__all__ = ["Command", "Heredoc", "Redirection", "Word", "commands"]

_DEEPEST = 6
_PLAIN = re.compile(r"[^\s'\"\\$`;&|<>()]+")
_BLANK = re.compile(r"(?:[ \t\r\f\v]|\\\r?\n)+")
_OPERATOR = re.compile(r"&&|\|\||;;&?|;&|\|&|[;&|()]")
_REDIRECT = re.compile(r"&>>?|<<<|<<-?|>>|>\||<>|[<>]&|[<>]")
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)(?P<rest>[^{}]*)\}|(?P<bare>[A-Za-z_][A-Za-z0-9_]*))")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_IN_DOUBLE_QUOTES = re.compile(r'["\\$`]')
_DIGITS = re.compile(r"[0-9]+")
_RESERVED = {"!", "{", "}", "do", "done", "elif", "else", "fi", "if", "then", "time", "until", "while"}
_EXPORTING = {"export", "readonly", "declare", "local", "typeset", "set"}


class Word(Value):
    """One word of a command after quotes are taken off; `at` and `end` are offsets into the script, as it is written there."""

    text: str
    at: int
    end: int
    quoted: bool = False


class Redirection(Value):
    """A redirect: where it begins, its operator, the word that it leads to, and the word that it sticks to, if any."""

    at: int
    operator: str
    target: Word
    before: Word | None


class Heredoc(Value):
    """The stretch of the script that is a command's input."""

    start: int
    end: int


class Command(Value):
    """One simple command; `script` is what the offsets of its words lead into. `comments` stand above it or behind it."""

    script: Joined
    words: tuple[Word, ...]
    redirections: tuple[Redirection, ...] = ()
    heredocs: tuple[Heredoc, ...] = ()
    comments: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        """Return its words as plain text."""
        return tuple(word.text for word in self.words)


def commands(script: Joined, variables: dict[str, str] | None = None, *, depth: int = 0) -> Iterator[Command]:
    """Yield the simple commands of a script in their order, those of its substitutions after the command that they stand in.

    Values that the script gives to variables are added to `variables`.
    """
    reader = _Reader(script, {} if variables is None else variables, depth)
    yield from reader.read()


class _Reader:
    """One pass over a script."""

    def __init__(self, script: Joined, variables: dict[str, str], depth: int) -> None:
        self._script = script
        self._text = script.text
        self._at = 0
        self._variables = variables
        self._depth = depth
        self._nested: list[tuple[int, int]] = []
        self._delimiters: list[tuple[str, bool]] = []
        self._above = ""
        self._reset()

    def _reset(self) -> None:
        self._words: list[Word] = []
        self._redirections: list[Redirection] = []
        self._line: list[Command] = []

    def read(self) -> Iterator[Command]:
        while self._at < len(self._text):
            self._skip_blank()
            char = self._text[self._at : self._at + 1]
            if char == "#":
                self._comment()
            elif char == "\n":
                self._at += 1
                yield from self._line_ended()
            elif redirect := _REDIRECT.match(self._text, self._at):
                self._redirect(redirect[0])
            elif operator := _OPERATOR.match(self._text, self._at):
                self._at = operator.end()
                self._command_ended()
            elif char:
                self._words += self._word()
        yield from self._line_ended()

    def _skip_blank(self) -> None:
        blank = _BLANK.match(self._text, self._at)
        if blank is not None:
            self._at = blank.end()

    def _comment(self) -> None:
        end = self._text.find("\n", self._at)
        end = len(self._text) if end < 0 else end
        comment, self._at = self._text[self._at : end], end
        if self._words or self._line:
            self._command_ended()
            self._line = [command._replace(comments=(*command.comments, comment)) for command in self._line]
        else:
            self._above = comment

    def _command_ended(self) -> None:
        words = self._words
        while words and words[0].text in _RESERVED and not words[0].quoted:
            words = words[1:]
        if words or self._redirections or (self._delimiters and not self._line):
            above = (self._above,) if self._above else ()
            self._line.append(Command(self._script, tuple(words), tuple(self._redirections), (), above))
            self._assign(words)
        self._words, self._redirections = [], []

    def _line_ended(self) -> Iterator[Command]:
        """End a line: its here-documents follow, and belong to its last command."""
        self._command_ended()
        if self._line:
            self._above = ""
        if self._delimiters:
            heredocs = tuple(self._heredoc(delimiter, tabs=tabs) for delimiter, tabs in self._delimiters)
            self._delimiters = []
            if self._line:
                self._line[-1] = self._line[-1]._replace(heredocs=heredocs)
        found, self._line = self._line, []
        yield from found
        nested, self._nested = self._nested, []
        if self._depth < _DEEPEST:
            for start, end in nested:
                yield from commands(self._script.cut(start, end), self._variables, depth=self._depth + 1)

    def _heredoc(self, delimiter: str, *, tabs: bool) -> Heredoc:
        start = self._at
        while self._at < len(self._text):
            began = self._at
            end = self._text.find("\n", began)
            self._at = len(self._text) if end < 0 else end + 1
            line = self._text[began : self._at].rstrip("\r\n")
            if (line.lstrip("\t") if tabs else line) == delimiter:
                return Heredoc(start, began)
        return Heredoc(start, self._at)

    def _redirect(self, operator: str) -> None:
        begin = self._at
        last = self._words[-1] if self._words and self._words[-1].end == begin else None
        self._at += len(operator)
        if self._text.startswith("(", self._at) and operator in {"<", ">"}:
            self._at += 1
            self._nest(")")
            self._words.append(Word("", begin, self._at, quoted=True))
            return
        self._skip_blank()
        target = self._word() if self._at < len(self._text) and not self._ends_word() else []
        if operator in {"<<", "<<-"}:
            if target:
                self._delimiters.append((target[0].text, operator == "<<-"))
            return
        if last is not None and _DIGITS.fullmatch(last.text) and not last.quoted:
            self._words.pop()
            last = None
        if target:
            self._redirections.append(Redirection(begin, operator, target[0], last))

    def _ends_word(self) -> bool:
        char = self._text[self._at]
        return char in "\n;&|()<>"

    def _word(self) -> list[Word]:
        """Return the word that begins here; an unquoted variable may make several of it, or none."""
        begin, fields, quoted = self._at, [""], False
        while self._at < len(self._text):
            char = self._text[self._at]
            if plain := _PLAIN.match(self._text, self._at):
                fields[-1] += plain[0]
                self._at = plain.end()
            elif char == "'":
                quoted = True
                fields[-1] += self._single_quoted()
            elif char == '"':
                quoted = True
                fields[-1] += self._double_quoted()
            elif char == "\\":
                fields[-1] += self._escaped()
            elif char in "$`":
                self._expand(fields)
            else:
                break
        if self._at == begin:  # a character that begins nothing here
            self._at += 1
        return [Word(field, begin, self._at, quoted) for field in fields if field or quoted]

    def _single_quoted(self) -> str:
        end = self._text.find("'", self._at + 1)
        end = len(self._text) if end < 0 else end
        text, self._at = self._text[self._at + 1 : end], end + 1
        return text

    def _double_quoted(self) -> str:
        self._at += 1
        parts: list[str] = []
        while self._at < len(self._text) and self._text[self._at] != '"':
            char = self._text[self._at]
            if char == "\\":
                parts.append(self._escaped(only='"\\$`\n'))
            elif char in "$`":
                parts.append(self._substituted())
            else:
                special = _IN_DOUBLE_QUOTES.search(self._text, self._at)
                stop = special.start() if special else len(self._text)
                parts.append(self._text[self._at : stop])
                self._at = stop
        self._at += 1
        return "".join(parts)

    def _escaped(self, only: str | None = None) -> str:
        char = self._text[self._at + 1 : self._at + 2]
        self._at += 2
        if char == "\r" and self._text.startswith("\n", self._at):
            self._at += 1
            return ""
        if char == "\n":
            return ""
        return char if only is None or char in only else f"\\{char}"

    def _expand(self, fields: list[str]) -> None:
        known = _VARIABLE.match(self._text, self._at)
        value = self._substituted()
        if known is None or value.startswith("${"):
            fields[-1] += value
            return
        first, *rest = value.split() or [""]
        fields[-1] += first
        fields.extend(rest)

    def _substituted(self) -> str:
        """Return what stands for an expansion, and pass over it; the commands of a substitution are kept for later."""
        begin = self._at
        if variable := _VARIABLE.match(self._text, begin):
            self._at = variable.end()
            name = variable["braced"] or variable["bare"]
            default = re.fullmatch(r":?-(.*)", variable["rest"] or "", re.DOTALL)
            value = self._variables.get(name)
            if value is not None and (default is not None or not variable["rest"]):
                return value
            return default[1] if default is not None else f"${{{name}}}"
        if self._text.startswith("$(", begin):
            self._at += 2
            self._nest(")")
        elif self._text.startswith("${", begin):
            end = self._text.find("}", begin)
            self._at = len(self._text) if end < 0 else end + 1
        elif self._text[begin] == "`":
            self._at += 1
            self._nest("`")
        else:
            self._at += 1
            return "$"
        return "${}"

    def _nest(self, closing: str) -> None:
        """Pass over a substitution up to its closing mark, and keep the stretch."""
        start, level = self._at, 1
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == "\\":
                self._at += 1
            elif char == "'" and closing == ")":
                end = self._text.find("'", self._at + 1)
                self._at = len(self._text) if end < 0 else end
            elif char == "(" and closing == ")":
                level += 1
            elif char == closing:
                level -= 1
            self._at += 1
            if not level:
                break
        self._nested.append((start, max(self._at - 1, start)))

    def _assign(self, words: list[Word]) -> None:
        """Note the values that a command of nothing but assignments gives."""
        if words and words[0].text in _EXPORTING:
            words = words[1:]
        found = [_ASSIGNMENT.fullmatch(word.text) for word in words]
        if all(found):
            self._variables.update((match[1], match[2]) for match in found if match and "${" not in match[2])
