from fractions import Fraction
from pathlib import Path

import pytest

from v2a.errors import NotFoundError, UsageError
from v2a.request import Cue, Layer
from v2a_plugin.cut_table import CutTable, Shot, table_for_cut
from v2a_plugin.prompt_table import PromptTable, read_prompts
from v2a_plugin.words import Words, settle

RATE = Fraction(25)


def bound(table: PromptTable, rate: Fraction = RATE, origin_s: Fraction = Fraction(0)) -> CutTable:
    return table_for_cut(table, rate, origin_s)


def words_for(table: PromptTable, shot: Shot, rate: Fraction = RATE, origin_s: Fraction = Fraction(0)) -> Words | None:
    """None where no row speaks of the shot."""
    said = bound(table, rate, origin_s).said(shot)
    return settle(said) if said else None


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
    words = words_for(read_prompts(path), Shot(3, "reel", start_s=Fraction(10)))
    assert words is not None
    assert words.seed == 7
    cues = tuple(Cue(Fraction(10) + time_s) for time_s in (Fraction(3, 2), Fraction(4, 5), Fraction(16, 5)))
    assert words.layers == (
        Layer("effects", "steps, on gravel", "music", cues),
        Layer("ambience", "Straße"),
    )
    assert words_for(read_prompts(path), Shot(1, "unknown")) is None
    other = words_for(read_prompts(path), Shot(1, "other"))
    assert other is not None
    assert other.layers == (Layer("mix"),)


def test_a_row_for_the_event_wins_over_one_for_its_clip(tmp_path: Path) -> None:
    found = read_prompts(table(tmp_path, "event,clip,prompt\n2,,door\n,reel,rain\n3,reel,wind\n"))
    prompts = [words_for(found, Shot(number, "reel")) for number in (1, 2, 3)]
    assert [words.layers[0].prompt for words in prompts if words] == ["rain", "door", "wind"]


def test_silence_can_be_asked_for(tmp_path: Path) -> None:
    words = words_for(read_prompts(table(tmp_path, "event,layer\n1,silent\n")), Shot(1, ""))
    assert words is not None
    assert words.silent


def test_semicolons_divide_cues_and_stand_in_drop_frame_timecode(tmp_path: Path) -> None:
    words = words_for(
        read_prompts(table(tmp_path, "event,cues\n1,1; 02; 00:00:01;02@0.25;3 @ .5\n")),
        Shot(1, ""),
        Fraction(30000, 1001),
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
        words_for(read_prompts(table(tmp_path, text)), Shot(1, ""))


def test_other_encodings_and_missing_files_are_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="UTF-8"):
        read_prompts(table(tmp_path, "clip,prompt\nreel,Straße\n", "latin-1"))
    with pytest.raises(NotFoundError, match="no prompts file"):
        read_prompts(tmp_path / "missing.csv")


def test_a_row_that_names_event_and_clip_speaks_only_where_both_are_so(tmp_path: Path) -> None:
    found = read_prompts(table(tmp_path, "event,clip,prompt\n2,door,slam\n,street,rain\n"))
    assert words_for(found, Shot(2, "street")) == words_for(found, Shot(9, "street"))
    assert words_for(found, Shot(2, "door")) != words_for(found, Shot(2, "street"))
    assert words_for(found, Shot(3, "door")) is None


def test_layers_of_an_event_with_two_seeds_are_refused(tmp_path: Path) -> None:
    found = read_prompts(table(tmp_path, "event,layer,seed\n1,effects,7\n1,music,\n1,ambience,9\n"))
    with pytest.raises(UsageError, match=r"line 4: seed 9, and line 2 says 7"):
        words_for(found, Shot(1, ""))


def test_empty_columns_that_spreadsheets_leave_at_the_end_are_passed_over(tmp_path: Path) -> None:
    words = words_for(read_prompts(table(tmp_path, "event,prompt,,\n1,rain,,,\n,,,,\n")), Shot(1, ""))
    assert words is not None
    assert words.layers == (Layer("mix", "rain"),)


def prompts_of(table: PromptTable, shots: list[Shot], origin_s: Fraction = Fraction(0)) -> list[str | None]:
    """The first layer's prompt of each shot."""
    found = (words_for(table, shot, origin_s=origin_s) for shot in shots)
    return [words.layers[0].prompt if words and words.layers else None for words in found]


def test_number_wins_over_range_over_clip_over_reel(tmp_path: Path) -> None:
    found = read_prompts(
        table(
            tmp_path,
            "reel,clip,from,to,event,prompt\n"
            "A1,,,,,reel\n"
            ",door,,,,clip\n"
            ",,10,20,,range\n"
            ",,,,7,number\n"
            "A1,door,,,,both\n",
        )
    )
    shots = [
        Shot(1, "x", "A1"),
        Shot(2, "door", "B2"),
        Shot(3, "door", "A1"),
        Shot(4, "door", "A1", Fraction(10)),
        Shot(7, "door", "A1", Fraction(10)),
        Shot(8, "x", "B2"),
    ]
    assert prompts_of(found, shots) == ["reel", "clip", "both", "range", "number", None]


def test_a_range_holds_the_events_that_start_in_it(tmp_path: Path) -> None:
    found = read_prompts(
        table(
            tmp_path,
            "from,to,prompt\n01:00:10:00,01:00:20:00,one\n20,750f,two\n,01:00:02:00,start\n01:01:00:00,,end\n",
        )
    )
    starts: list[int | Fraction] = [0, 2, 10, Fraction(1999, 100), 20, 29, 30, 61]
    shots = [Shot(number, "", start_s=Fraction(start)) for number, start in enumerate(starts, start=1)]
    heard = ["start", None, "one", "one", "two", "two", None, "end"]
    assert prompts_of(found, shots, origin_s=Fraction(3600)) == heard


def test_ranges_that_overlap_are_found_and_contradictions_refused(tmp_path: Path) -> None:
    text = "from,to,layer,prompt\n0,100,effects,long\n10,20,ambience,short\n"
    words = words_for(read_prompts(table(tmp_path, text)), Shot(1, "", start_s=Fraction(15)))
    assert words is not None
    assert [layer.name for layer in words.layers] == ["effects", "ambience"]
    alike = read_prompts(table(tmp_path, text.replace("ambience", "effects")))
    assert prompts_of(alike, [Shot(1, "", start_s=Fraction(50))]) == ["long"]
    with pytest.raises(UsageError, match=r"line 3: says layer 'effects' of event 2 again \(first in line 2\)"):
        words_for(alike, Shot(2, "", start_s=Fraction(15)))


def test_what_the_winner_leaves_empty_the_others_fill_in(tmp_path: Path) -> None:
    found = read_prompts(
        table(
            tmp_path,
            "event,clip,prompt,negative,cues,seed\n1,,steps,,,\n2,,,,0.5,9\n3,,-,,,\n,reel,rain,music,1,4\n",
        )
    )
    heard = [words_for(found, Shot(number, "reel")) for number in (1, 2, 3)]
    assert [words.layers[0] for words in heard if words] == [
        Layer("mix", "steps", "music", (Cue(Fraction(1)),)),
        Layer("mix", "rain", "music", (Cue(Fraction(1, 2)),)),
        Layer("mix", "", "music", (Cue(Fraction(1)),)),
    ]
    assert [words.seed for words in heard if words] == [4, 9, 4]


def test_silence_for_a_reel_is_broken_by_words_for_an_event_and_not_by_a_seed(tmp_path: Path) -> None:
    found = read_prompts(table(tmp_path, "event,reel,layer,prompt,seed\n1,,,steps,\n2,,,,5\n,A1,silent,,\n"))
    heard = [words_for(found, Shot(number, "x", "A1")) for number in (1, 2, 3)]
    assert [words.silent for words in heard if words] == [False, True, True]


def test_a_preset_fills_in_what_the_row_leaves_empty(tmp_path: Path) -> None:
    words = words_for(read_prompts(table(tmp_path, "event,preset,negative\n1,Rain,birds\n")), Shot(1, ""))
    assert words is not None
    assert words.layers == (Layer("mix", "rain, rain falling", "birds"),)
    with pytest.raises(UsageError, match=r"prompts.csv, line 2: unknown preset 'reign': choose from room tone"):
        read_prompts(table(tmp_path, "event,preset\n1,reign\n"))


def test_rows_that_speak_of_nothing_are_named(tmp_path: Path) -> None:
    found = bound(
        read_prompts(table(tmp_path, "event,clip,reel,from,to\n1,,,,\n9,,,,\n,garden,,,\n,,B2,,\n,,,100,200\n"))
    )
    found.said(Shot(1, "door", "A1"))
    assert found.unused() == [
        "prompts.csv, line 3: the timeline has no such event (number 9)",
        "prompts.csv, line 4: the timeline has no such event (garden)",
        "prompts.csv, line 5: the timeline has no such event (reel B2)",
        "prompts.csv, line 6: the timeline has no such event (from 100 to 200)",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [("from,to\n20,10\n", "from 20 to 10 is empty"), ("from,to\nsoon,10\n", "'soon' is no time")],
)
def test_ranges_that_do_not_exist_are_named_with_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=rf"prompts.csv, line 2: .*{message}"):
        bound(read_prompts(table(tmp_path, text)))
