"""Case 54: the encoding of a log is recognised in every language, with and without a mark."""

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.agent_logs.zip.encodings import detect
from actions.agent_logs.zip.lines import read_page
from actions.agent_logs.zip.search import search
from tests.agent_logs.zip.test_lines import make

MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
TEXTS = {
    "english": "ERROR cannot connect to the server, 3 attempts",
    "german": "FEHLER: die Größe der Übertragung ist ungültig",
    "russian": "ОШИБКА не удалось подключиться к серверу, попытка",
    "greek": "ΣΦΑΛΜΑ δεν είναι δυνατή η σύνδεση με τον διακομιστή",
    "hebrew": "שגיאה לא ניתן להתחבר לשרת",
    "arabic": "خطأ تعذر الاتصال بالخادم",
    "chinese": "错误 一个 不是 有效的 服务器 地址 用户 无法 连接 中国 人民",
    "japanese": "エラー サーバーに接続できません。もう一度お試しください",
    "korean": "오류 서버에 연결할 수 없습니다",
    "emoji": "💥 crash 🚀 of the rocket",
}


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("marked", [False, True])
@pytest.mark.parametrize("codec", MARKS)
@pytest.mark.parametrize("language", TEXTS)
def test_case_54_every_language_in_every_unicode_encoding(language, codec, marked, end):
    lines = [f"2026-11-22 10:00:{second:02} {TEXTS[language]}" for second in range(60)]
    data = (MARKS[codec] if marked else b"") + end.join([*lines, ""]).encode(codec)
    member = make(data)
    assert [line.text for line in read_page(member, 1).lines] == lines
    assert member.encoding.codec.removesuffix("-sig") == codec
    assert not member.binary
    word = TEXTS[language].split()[0]
    for phrase in (word, word.lower(), word.upper()):
        assert len(search(member, phrase, limit=99).hits) == 60


@pytest.mark.parametrize(
    ("text", "page"),
    [(TEXTS["russian"], "cp1251"), (TEXTS["german"], "cp1252"), ("größe", "cp1252")],
)
def test_a_code_page_is_a_guess_and_told_as_one(text, page):
    member = make(f"INFO start\r\n{text}\r\n".encode(page))
    assert [line.text for line in read_page(member, 1).lines] == ["INFO start", text]
    assert member.encoding.label == f"Unknown encoding, shown as Windows-{page[2:]} (a guess)"
    assert search(member, text.split()[-1].capitalize()).hits


def test_one_bad_byte_does_not_spoil_the_letters_of_a_utf_8_log():
    member = make(f"{TEXTS['german']}\n".encode() * 3 + b"cut \xe2\x82 here\n")
    assert read_page(member, 1).lines[0].text == TEXTS["german"]
    assert read_page(member, 1).lines[3].text == "cut \\xe2\\x82 here"


@pytest.mark.parametrize(
    "data",
    [
        b"<script>alert(1)</script>\x1b[31m\x00 red\tcell\n",
        b"key\x00 value\n" * 200,
        (TEXTS["russian"] + "\0 \n").encode() * 50,
        bytes(4096),
        b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0\xb8\0\0\0" + bytes(range(256)) * 8,
        b"SQLite format 3\0\x10\0\2\2\0@  \0\0\0\x1b\0\0\0\x0a" + bytes(60) + b"\0 \0 " * 4,
    ],
)
def test_bytes_with_zeros_that_are_not_wide_text_stay_marked_as_no_text(data):
    found = detect(data)
    assert (found.codec[:4], found.has_zeros) in {("utf-", True), ("cp12", True)}
    assert not found.codec.startswith(("utf-16", "utf-32"))


LETTERS = st.characters(
    categories=("Lu", "Ll", "Lo", "Nd"), max_codepoint=0xFFFF, exclude_characters="\u01c5"
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.text(LETTERS, min_size=1, max_size=30), min_size=3, max_size=20),
    st.sampled_from(["utf-16-le", "utf-16-be", "utf-8"]),
)
def test_case_54_lines_with_a_time_survive_any_encoding(words, codec):
    lines = [f"2026-11-22 10:00:00 INFO {word}" for word in words]
    member = make("\r\n".join([*lines, ""]).encode(codec))
    assert [line.text for line in read_page(member, 1).lines] == lines


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=3000))
def test_no_bytes_crash_the_detection(data):
    member = make(data)
    for line in read_page(member, 1).lines:
        assert isinstance(line.text.encode(), bytes)
