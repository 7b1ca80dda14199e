"""Encodings, declared and detected: texts come back exactly, and what cannot be read is kept byte by byte."""

from __future__ import annotations

import codecs
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.duck.conversions import Convert, convert_bytes, table_of
from sluice.contract.model import Dialect
from sluice.errors import BadInputError

TABLE = table_of(n="int32", s="string")
GERMAN = ["Größe", "Müller", "Straße 5", "Äpfel", "Öl"]
FRENCH = ["café", "naïve", "don’t", "5 €", "« œuvre »", "17 °C"]


def text(words: list[str]) -> str:
    return "n,s\n" + "".join(f"{n},{w}\n" for n, w in enumerate(words))


@pytest.mark.parametrize(
    ("encoding", "mark", "confidence"),
    [
        ("utf-8", b"", "certain"), ("utf-8", codecs.BOM_UTF8, "certain"),
        ("utf-16-le", codecs.BOM_UTF16_LE, "certain"), ("utf-16-be", codecs.BOM_UTF16_BE, "certain"),
        ("utf-32-le", codecs.BOM_UTF32_LE, "certain"), ("utf-32-be", codecs.BOM_UTF32_BE, "certain"),
        ("utf-16-le", b"", "likely"), ("utf-16-be", b"", "likely"), ("utf-32-le", b"", "likely"),
        ("utf-32-be", b"", "likely"), ("cp1252", b"", "likely"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("words", [GERMAN, FRENCH])
def test_detected(run: Convert, encoding: str, mark: bytes, confidence: str, words: list[str]) -> None:
    found = run(mark + text(words).encode(encoding), TABLE)
    assert [s for _, s in found.rows] == words and not found.quarantine
    used = found.converted.dialect
    assert (used["encoding"], used["encodingConfidence"]) == (encoding, confidence) and "encoding" in used["detected"]


def test_detected_after_a_million_plain_bytes(run: Convert) -> None:
    words = ["plain"] * 200_000 + GERMAN
    assert [s for _, s in run(text(words).encode("cp1252"), TABLE).rows] == words


@pytest.mark.parametrize("encoding", ["cp1251", "cp1250", "cp932", "gb18030", "koi8-r"])
def test_detected_by_the_contracts_names(run: Convert, encoding: str) -> None:
    name, word = {"cp1250": ("wielkość", "żółć")}.get(encoding) or {
        "cp932": ("名前", "日本"),
        "gb18030": ("姓名", "北京"),
    }.get(encoding, ("имя", "Привет"))
    found = run(f"n,{name}\n1,{word}\n".encode(encoding), table_of(n="int32", **{name: "string"}))
    assert found.rows == [(1, word)] and found.converted.dialect["encodingConfidence"] == "certain"


@pytest.mark.parametrize("words", [["Привет", "мир"], ["żółć", "gęś"]])
def test_what_cannot_be_told_is_not_guessed(run: Convert, words: list[str]) -> None:
    raw = text(["plain", *words]).encode("cp1251" if words[0] == "Привет" else "cp1250")
    found = run(raw, TABLE)
    assert found.rows == [(0, "plain")] and found.codes == ["INVALID_ENCODING"] * 2
    assert [q["raw"] for q in found.quarantine] == raw.splitlines()[2:]


EASTERN = {
    "cp1250": ["rodz\u0105 si\u0119", "r\u00f3wni pod wzgl\u0119dem", "vlastn\u00ed p\u0159\u00edjem", "egyenl\u0151 m\u00e9lt\u00f3s\u00e1g", "bi\u0107a ra\u0111aju"],
    "iso8859-2": ["rodz\u0105 si\u0119", "d\u016fstojnosti sv\u011bdom\u00edm", "bratrstv\u00ed m\u011bsto"],
    "cp1254": ["bak\u0131m\u0131ndan e\u015fit", "karde\u015flik", "B\u00fct\u00fcn insanlar"],
    "cp1257": ["\u017emon\u0117s gimsta", "lyg\u016bs savo", "s\u0105\u017ein\u0117"],
    "koi8-r": ["\u0440\u0443\u0441\u0441\u043a\u0438\u0439 \u0442\u0435\u043a\u0441\u0442"],
}  # fmt: skip


@pytest.mark.parametrize("times", [1, 40])
@pytest.mark.parametrize("encoding", EASTERN)
def test_the_english_around_them_vouches_for_no_encoding(run: Convert, encoding: str, times: int) -> None:
    words = [f"{w} was delivered with the usual words of a description" for w in EASTERN[encoding]] * times
    raw = text(words).encode(encoding)
    found = run(raw, TABLE)
    assert all(row[1] in words for row in found.rows)
    assert [q["raw"] for q in found.quarantine] == [line for line in raw.splitlines() if not line.isascii()]


@pytest.mark.parametrize("stray", [b"\xff\xfe", b"\xe9\xe8", b"\x80", b"\xe6"])
def test_stray_bytes_in_plain_text_are_no_letters(run: Convert, stray: bytes) -> None:
    words = ["the product is rugged enough for peak performance"] * 20
    raw = text(words).encode() + b"20,AB-1012" + stray + b" and a description in plain words\n"
    found = run(raw, TABLE)
    assert [s for _, s in found.rows] == words and found.quarantine[0]["raw"] == raw.splitlines()[-1]


@pytest.mark.parametrize(
    "words",
    [
        ["voc\u00ea n\u00e3o sabe", "cora\u00e7\u00f5es"], ["\u00bfQu\u00e9 a\u00f1o?", "20 \u00baC", "n\u00ba 5"],
        ["bl\u00e5b\u00e6r", "sm\u00f8r"], ["perch\u00e9 cos\u00ec", "citt\u00e0"], ["12 m\u00b3", "\u0153uvre c\u0153ur", "for\u00eat"],
    ],
)  # fmt: skip
def test_western_languages_are_known(run: Convert, words: list[str]) -> None:
    assert [s for _, s in run(text(words).encode("cp1252"), TABLE).rows] == words


STEMS = [a + b + "n" for a in "bcdfglmprst" for b in "aeiou"]


def test_a_few_names_of_the_neighbours_are_western(run: Convert) -> None:
    words = [f"{stem}{end}" for stem in STEMS for end in ("ità", "olò", "è")]
    words += ["Châtillon", "Jovençan", "Rhêmes", "Hône", "Števerjan", "Nabrežina"]
    assert [s for _, s in run(text(words).encode("cp1252"), TABLE).rows] == words


def test_many_letters_of_the_neighbours_are_another_encoding(run: Convert) -> None:
    words = [f"{stem}{end}" for stem in STEMS for end in ("ič", "eš", "až")]  # in cp1252: ì, š, ž
    found = run(text(words).encode("cp1250"), TABLE)
    assert not found.rows and found.codes == ["INVALID_ENCODING"] * len(words)


def test_a_few_bad_bytes_do_not_make_it_another_encoding(run: Convert) -> None:
    raw = text(GERMAN).encode() + b"7,M\xfcller\n8,ok\n"
    found = run(raw, TABLE)
    assert [s for _, s in found.rows] == [*GERMAN, "ok"] and [q["raw"] for q in found.quarantine] == [b"7,M\xfcller"]


@pytest.mark.parametrize(
    "encoding", ["latin-1", "cp1252", "cp437", "cp1251", "utf-16", "utf-32-be", "cp932", "mac-roman"]
)
def test_declared(run: Convert, encoding: str) -> None:
    words = ["Привет"] if encoding == "cp1251" else ["日本", "ok"] if encoding == "cp932" else ["é", "Größe"]
    found = run(text(words).encode(encoding), TABLE, dialect=Dialect(encoding=encoding))
    assert [s for _, s in found.rows] == words
    assert found.converted.dialect["encodingConfidence"] == "declared"


def test_bytes_that_the_declared_encoding_does_not_know(run: Convert) -> None:
    for encoding, bad in (("cp1252", b"\x81"), ("utf-8", b"\xff"), ("cp932", b"\x81\xff"), ("ascii", b"\xe9")):
        raw = b"n,s\n1,a\n2,x" + bad + b"y\n3,b\n"
        found = run(raw, TABLE, dialect=Dialect(encoding=encoding))
        assert found.rows == [(1, "a"), (3, "b")], encoding
        (row,) = found.quarantine
        assert (row["reason_code"], row["raw"], row["line"]) == ("INVALID_ENCODING", b"2,x" + bad + b"y", 3)
        assert raw[row["byte_offset"] :].startswith(row["raw"])
    raw = "n,s\n1,a\n".encode("utf-16-le") + "2,x".encode("utf-16-le") + b"\x00\xd8" + "\n3,b\n".encode("utf-16-le")
    found = run(raw, TABLE, dialect=Dialect(encoding="utf-16-le"))
    assert found.rows == [(1, "a"), (3, "b")] and found.codes == ["INVALID_ENCODING"]


@pytest.mark.parametrize("encoding", ["iso2022_jp", "utf-7", "punycode", "hz", "nonsense"])
def test_encodings_that_cannot_be_used_are_named(run: Convert, encoding: str) -> None:
    with pytest.raises(BadInputError, match="UNKNOWN_ENCODING"):
        run(b"n,s\n1,a\n", TABLE, dialect=Dialect(encoding=encoding))


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(
    words=st.lists(st.text(st.characters(codec="cp1252", exclude_characters="\0\r\n\",", min_codepoint=32), max_size=8),
                   min_size=1, max_size=12),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"]),
)  # fmt: skip
def test_any_text_comes_back_from_any_declared_encoding(words, encoding) -> None:
    quoted = [f'"{w}"' for w in words]
    with tempfile.TemporaryDirectory() as folder:
        found = convert_bytes(Path(folder), text(quoted).encode(encoding), TABLE, dialect=Dialect(encoding=encoding))
    assert [s for _, s in found.rows] == words


def test_half_a_character_is_no_sign_of_another_encoding(run: Convert) -> None:
    found = run(b"n,s\n1,pole\n2,t\xc3o\n", table_of(n="int32", s="string"))
    assert found.rows == [(1, "pole")] and found.codes == ["INVALID_ENCODING"]
    assert run("n,s\n1,Ão\n2,não\n".encode("cp1252"), table_of(n="int32", s="string")).rows == [(1, "Ão"), (2, "não")]


@pytest.mark.parametrize("encoding", ["iso8859-3", "cp1255"])
def test_bytes_that_are_a_character_of_utf8_only_are_none_of_the_declared_encoding(run: Convert, encoding: str) -> None:
    unknown = {"iso8859-3": b"\xc3\xa5", "cp1255": b"\xd9\x81"}[encoding]
    rows = [b"1,x" + unknown + b"y", b"2,ok", b"3," + unknown]
    found = run(b"n,t\n" + b"\n".join(rows), table_of(n="int64", t="string"), dialect=Dialect(encoding=encoding))
    assert found.rows == [(2, "ok")] and found.codes == ["INVALID_ENCODING"] * 2
    assert [(q["line"], q["byte_offset"], q["raw"]) for q in found.quarantine] == [(2, 4, rows[0]), (4, 16, rows[2])]


def test_numbers_of_utf_32_that_are_no_character(run: Convert) -> None:
    good, unknown = "n,t\n1,x\n".encode("utf-32-le"), b"\xff\xff\xff\x7f"
    bad = "2,".encode("utf-32-le") + unknown
    content = good + bad + "\n3,".encode("utf-32-le") + unknown[:3]
    found = run(content, table_of(n="int64", t="string"), dialect=Dialect(encoding="utf-32-le"))
    assert found.rows == [(1, "x")] and found.codes == ["INVALID_ENCODING"] * 2
    assert [q["raw"] for q in found.quarantine] == [bad, content[len(good) + len(bad) + 4 :]]
    assert [q["byte_offset"] for q in found.quarantine] == [len(good), len(good) + len(bad) + 4]


@pytest.mark.parametrize("header", [b"junk\nn,t\n", b""])
def test_a_mark_before_the_first_row_is_read_as_in_any_other_row(run: Convert, header: bytes) -> None:
    dialect = Dialect(header_rows=(2,)) if header else Dialect(header=False, encoding="utf-16")
    content = header + "\ufeffa,1\nb,2\n\ufeffc,3\n".encode()
    if not header:
        content = codecs.BOM_UTF16_LE + content.decode().encode("utf-16-le")
    table = table_of(n="string", t="int64")
    assert run(content, table, dialect=dialect).rows == [("\ufeffa", 1), ("b", 2), ("\ufeffc", 3)]
