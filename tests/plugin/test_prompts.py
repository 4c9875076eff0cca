from fractions import Fraction
from pathlib import Path

import pytest

from v2a.errors import NotFoundError, UsageError
from v2a.request import Cue, Layer
from v2a_plugin.prompts import Marker, read_prompts, words_from_markers

RATE = Fraction(25)


def table(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "prompts.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_rows_give_layers_cues_and_seed(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "clip,layer,prompt,negative,cues,seed\r\n"
        'reel,effects,"steps, on gravel",music,1.5; 20f;00:00:03:05,7\r\n'
        "reel,ambience,Straße,,,\r\n"
        "\r\n"
        "other,,,,,\r\n",
        "utf-8-sig",
    )
    words = read_prompts(path).words_for(3, "reel", start_s=Fraction(10), rate=RATE)
    assert words is not None
    assert words.seed == 7
    cues = tuple(Cue(Fraction(10) + time_s) for time_s in (Fraction(3, 2), Fraction(4, 5), Fraction(16, 5)))
    assert words.layers == (
        Layer("effects", "steps, on gravel", "music", cues),
        Layer("ambience", "Straße"),
    )
    assert read_prompts(path).words_for(1, "unknown", rate=RATE) is None
    other = read_prompts(path).words_for(1, "other", rate=RATE)
    assert other is not None
    assert other.layers == (Layer("mix"),)


def test_a_row_for_the_event_wins_over_one_for_its_clip(tmp_path: Path) -> None:
    found = read_prompts(table(tmp_path, "event,clip,prompt\n2,,door\n,reel,rain\n3,reel,wind\n"))
    prompts = [found.words_for(number, "reel", rate=RATE) for number in (1, 2, 3)]
    assert [words.layers[0].prompt for words in prompts if words] == ["rain", "door", "wind"]


def test_silence_can_be_asked_for(tmp_path: Path) -> None:
    words = read_prompts(table(tmp_path, "event,layer\n1,silent\n")).words_for(1, "", rate=RATE)
    assert words is not None
    assert words.silent


def test_semicolons_divide_cues_and_stand_in_drop_frame_timecode(tmp_path: Path) -> None:
    words = read_prompts(table(tmp_path, "event,cues\n1,1; 02; 00:00:01;02@0.25;3 @ .5\n")).words_for(
        1, "", rate=Fraction(30000, 1001)
    )
    assert words is not None
    assert [cue.time_s for cue in words.layers[0].cues] == [1, 2, 32 * Fraction(1001, 30000), 3]
    assert [cue.strength for cue in words.layers[0].cues] == [1, 1, 0.25, 0.5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip,promt\nreel,x\n", "line 1: unknown column 'promt'"),
        ("prompt\nx\n", "line 1: the first line must name"),
        ("", "line 1: the first line must name"),
        ("clip;prompt\nreel;x\n", "line 1: the columns are not divided by commas"),
        ("clip,prompt,prompt\nreel,x,y\n", "line 1: a column is named twice"),
        ("clip,prompt\nreel,a,b\n", "line 2: 3 fields under 2 columns"),
        ("clip,layer\nreel,foley\n", "line 2: unknown layer 'foley'"),
        ("event\n0\n", "line 2: event must be a whole number from 1"),
        ("event,seed\n1,x\n", "line 2: seed must be"),
        ("clip,prompt\n,x\n", "line 2: says neither"),
        ("clip\nreel\nreel\n", "line 3: says layer 'mix' again"),
        ('clip,prompt\nreel,"x\n', "not CSV"),
    ],
)
def test_what_cannot_be_understood_is_named_with_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read_prompts(table(tmp_path, text))
    assert "prompts.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("event,cues\n1,soon\n", "'soon' is no time"),
        (f"event,prompt\n1,{'x' * 60_000}\n", "60,000 characters"),
    ],
)
def test_words_that_no_request_may_hold_are_named_with_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=rf"prompts.csv, line 2: .*{message}"):
        read_prompts(table(tmp_path, text)).words_for(1, "", rate=RATE)


def test_other_encodings_and_missing_files_are_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="UTF-8"):
        read_prompts(table(tmp_path, "clip,prompt\nreel,Straße\n", "latin-1"))
    with pytest.raises(NotFoundError, match="no prompts file"):
        read_prompts(tmp_path / "missing.csv")


def test_markers_speak() -> None:
    words = words_from_markers(
        [
            Marker(Fraction(3), "v2a-cue"),
            Marker(Fraction(1), "V2A: rain on a roof", "v2a-not: music"),
            Marker(Fraction(2), "", "v2a: distant thunder"),
            Marker(Fraction(2), "check the grade", "v2a is nice"),
        ]
    )
    assert words.layers == (Layer("mix", "rain on a roof, distant thunder", "music", (Cue(Fraction(3)),)),)
    assert not words.silent


def test_markers_may_ask_for_silence_or_say_nothing() -> None:
    assert words_from_markers([Marker(Fraction(0), "v2a-silent")]).silent
    assert words_from_markers([]).layers == (Layer("mix"),)


def test_a_row_that_names_event_and_clip_speaks_only_where_both_are_so(tmp_path: Path) -> None:
    found = read_prompts(table(tmp_path, "event,clip,prompt\n2,door,slam\n,street,rain\n"))
    assert found.words_for(2, "street", rate=RATE) == found.words_for(9, "street", rate=RATE)
    assert found.words_for(2, "door", rate=RATE) != found.words_for(2, "street", rate=RATE)
    assert found.words_for(3, "door", rate=RATE) is None


def test_layers_of_an_event_with_two_seeds_are_refused(tmp_path: Path) -> None:
    found = read_prompts(table(tmp_path, "event,layer,seed\n1,effects,7\n1,music,\n1,ambience,9\n"))
    with pytest.raises(UsageError, match=r"line 4: seed 9, and line 2 says 7"):
        found.words_for(1, "", rate=RATE)


def test_empty_columns_that_spreadsheets_leave_at_the_end_are_passed_over(tmp_path: Path) -> None:
    words = read_prompts(table(tmp_path, "event,prompt,,\n1,rain,,,\n,,,,\n")).words_for(1, "", rate=RATE)
    assert words is not None
    assert words.layers == (Layer("mix", "rain"),)
