from __future__ import annotations

import json
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackc.errors import Finding, RenderError
from stackc.render.quoting import (
    comment,
    dockerfile_copy,
    dockerfile_json,
    dockerfile_word,
    json_literal,
    markdown_cell,
    markdown_code,
    plain,
    shell,
)

CONTROLS = ["\n", "\r", "\0", "\x1b", "\x7f", "\x85", "\u2028", "\u202e", "\ufeff", "\ud800"]

PRINTABLE = st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]), max_size=30)


@pytest.mark.parametrize("quote", [plain, shell, dockerfile_word, comment, markdown_cell, markdown_code])
@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
def test_every_grammar_refuses_every_control_character(quote: object, control: str) -> None:
    assert callable(quote)
    with pytest.raises(RenderError) as caught:
        quote(f"a{control}b")
    assert caught.value.findings == (
        Finding(
            code="S504",
            message=f"a value holds the control character U+{ord(control):04X}, which no generated file may hold",
            found=ascii(f"a{control}b"),
            hint="remove the character: a value is one line of printable text",
        ),
    )


@pytest.mark.parametrize("words", [["a\nb"], ["a", "\x1b[31m"]])
def test_lists_refuse_control_characters_too(words: list[str]) -> None:
    with pytest.raises(RenderError):
        dockerfile_json(words)
    with pytest.raises(RenderError):
        dockerfile_copy(words)


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("plain-1.0+cu124", "plain-1.0+cu124"),
        ("", "''"),
        ("two words", "'two words'"),
        ("it's", "'it'\"'\"'s'"),
        ("$(reboot)", "'$(reboot)'"),
        ("`reboot`", "'`reboot`'"),
        ("end\\", "'end\\'"),
        ("#no comment", "'#no comment'"),
        ("a>=1,<2", "'a>=1,<2'"),
    ],
)
def test_a_shell_word_is_quoted_unless_it_is_plainly_safe(value: str, quoted: str) -> None:
    assert shell(value) == quoted


@settings(max_examples=15, deadline=None)
@given(st.lists(PRINTABLE, min_size=5, max_size=40))
def test_a_shell_gives_back_the_words_that_were_quoted(words: list[str]) -> None:
    script = f"printf '%s\\n' {' '.join(map(shell, words))}"
    done = subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, check=True)
    assert done.stdout.decode().split("\n")[:-1] == words


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("/opt/venv", "/opt/venv"),
        ("", '""'),
        ("a b", '"a b"'),
        ('say "hi"', r'"say \"hi\""'),
        ("it's", '"it\'s"'),
        ("$HOME/${X:-y}", r'"\$HOME/\${X:-y}"'),
        ("end\\", r'"end\\"'),
        ("#x", '"#x"'),
        ("--from=x", '"--from=x"'),
        ("<<EOF", '"<<EOF"'),
        ("`id`", '"`id`"'),
    ],
)
def test_a_dockerfile_word_keeps_its_value_and_expands_nothing(value: str, word: str) -> None:
    assert dockerfile_word(value) == word


@given(PRINTABLE)
def test_the_dockerfile_grammar_gives_back_the_word_that_was_quoted(value: str) -> None:
    assert unquoted(dockerfile_word(value)) == value


@given(st.lists(PRINTABLE.filter(lambda word: word and not word.startswith("-")), min_size=1))
def test_the_dockerfile_grammar_gives_back_the_operands_of_copy(words: list[str]) -> None:
    operands = dockerfile_copy(words)
    parsed = json.loads(operands) if operands.startswith("[") else operands.split(" ")
    assert [unquoted(word) for word in parsed] == words


def unquoted(word: str) -> str:
    """Process one word as BuildKit and buildah do, with every variable empty: see their `shell_parser`."""
    result, rest, quoted = "", list(word), False
    while rest:
        character = rest.pop(0)
        if character == '"':
            quoted = not quoted
        elif character == "\\" and (not quoted or rest[0] in '"$\\'):
            result += rest.pop(0)
        elif character == "$" or (character == "'" and not quoted):
            pytest.fail(f"{word} expands or quotes")
        else:
            result += character
    assert not quoted
    return result


@pytest.mark.parametrize(
    ("words", "operands"),
    [
        (["app/", "./app/"], "app/ ./app/"),
        (["my app/", "./my app/"], '["my app/", "./my app/"]'),
        (["--from=evil", "./x"], "./--from=evil ./x"),
        (["$HOME", "./x"], r'["\\$HOME", "./x"]'),
        (['"it\'s"\\', "./x"], r"""["\\\"it\\'s\\\"\\\\", "./x"]"""),
        (["<<EOF", "./x"], '["<<EOF", "./x"]'),
        (["[a]", "./x"], '["[a]", "./x"]'),
    ],
)
def test_copy_uses_json_only_where_a_bare_word_would_break(words: list[str], operands: str) -> None:
    assert dockerfile_copy(words) == operands


@given(st.lists(PRINTABLE))
def test_an_exec_form_is_the_json_of_its_words_on_one_line(words: list[str]) -> None:
    text = dockerfile_json(words)
    assert "\n" not in text
    assert json.loads(text) == words


@pytest.mark.parametrize("value", ["'''", "\\", "\\'''\\", '"""', "\u2028\U0001f600", "a\nb"])
def test_a_json_literal_survives_a_raw_python_string(value: str) -> None:
    data = {"a": value, "b": [value, {"c": value}], "d": {value: value}, "e": [], "f": {}, "g": None}
    namespace: dict[str, str] = {}
    exec(f"text = r'''\n{json_literal(data)}\n'''", namespace)
    assert json.loads(namespace["text"]) == data


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("cu124", "cu124"),
        ("a|b", r"a\|b"),
        ("`a`", r"\`a\`"),
        ("<img src=x>&amp;", "&lt;img src=x&gt;&amp;amp;"),
        ("[x](y)", r"\[x\](y)"),
        ("# head_ing*", r"\# head\_ing\*"),
        ("end\\", r"end\\"),
    ],
)
def test_a_markdown_cell_shows_its_text_and_nothing_else(value: str, cell: str) -> None:
    assert markdown_cell(value) == cell


@pytest.mark.parametrize(
    ("value", "code"), [("<2,>=1", "`<2,>=1`"), ("a|b", r"a\|b"), ("a`b", r"a\`b"), ("end\\", r"end\\"), ("", "")]
)
def test_markdown_code_is_a_span_where_a_span_can_hold_the_text(value: str, code: str) -> None:
    assert markdown_code(value) == code
