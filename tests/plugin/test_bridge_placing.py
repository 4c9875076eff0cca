"""Where sounds go in a host with channels, and whether they are there."""

from typing import Any

import pytest

from tests.plugin.hosting import job_for
from v2a.errors import ConflictError, UsageError
from v2a_plugin.bridge.fields import Fields
from v2a_plugin.bridge.journal import Record
from v2a_plugin.bridge.placing import plan, read_wishes, verify


def record(*layers: str, takes: int = 1, **changes: Any) -> Record:
    """A job of the presented seconds 10 to 12, with a second of handles before it and half a second after it."""
    parameters = job_for({"film": "/f.mp4"}, name="door", range=["10", "12"])
    rows = [
        {"layer": layer, "take": take + 1, "path": f"/s/{layer}{take + 1}.wav", "seed": 7, "sha256": "ab",
         "n_samples": 168_000, "rate_hz": 48_000}
        for layer in layers for take in range(takes)
    ]  # fmt: skip
    words = ({"name": "effects", "prompt": "a door", "negative": "music"},)
    model = {"name": "pocket", "licence": "Apache-2.0", "commercial_use": True, "digest": "d"}
    found = Record("0123456789", "", parameters, "/s", "succeeded", handles=("1", "1/2"), takes=tuple(rows))
    return Record(**{**vars(found), "layers": words, "model": model, "request_id": "v2a-1", **changes})


def channel(number: int, name: str = "", *taken: tuple[int, int], **more: bool) -> dict[str, Any]:
    return {"number": number, "name": name or f"Channel {number}", "taken": [list(one) for one in taken], **more}


def planned(of: Record, *channels: dict[str, Any], rate: str = "24", **wishes: Any) -> list[dict[str, Any]]:
    params = Fields({"rate": rate, "channels": list(channels), **wishes}, "plan")
    found = plan(of, read_wishes(params))
    params.close()
    return found


def lies(items: list[dict[str, Any]]) -> list[tuple[int, str, bool, bool]]:
    return [(item["channel"], item["channel_name"], item["new_channel"], item["muted"]) for item in items]


def test_an_item_says_all_that_a_host_needs() -> None:
    (item,) = planned(record("effects"), channel(1, "", (0, 1000)))
    assert {key: item[key] for key in ("start", "end", "offset", "tail")} == {
        "start": 240, "end": 288, "offset": 24, "tail": 12,
    }  # fmt: skip
    assert lies([item]) == [(2, "V2A SFX", True, False)]
    assert (item["name"], item["path"], item["color"]) == ("door · seed 7", "/s/effects1.wav", 5)
    provenance = item["provenance"]
    assert provenance["synthetic"] is True
    assert {provenance[key] for key in ("job", "prompt", "model", "licence")} == {
        "0123456789", "a door", "pocket", "Apache-2.0",
    }  # fmt: skip


def test_layers_and_takes_lie_above_all_that_is_there_and_further_takes_are_muted() -> None:
    items = planned(record("mix", "effects", takes=2), channel(3, "", (200, 230)), channel(7, "", (300, 400)))
    assert lies(items) == [
        (4, "V2A SFX", True, False),
        (5, "V2A SFX 2", True, True),
        (6, "V2A MIX", True, False),
        (7, "V2A MIX 2", True, True),
    ]
    assert items[1]["name"] == "door · effects · seed 7 · take 2"


@pytest.mark.parametrize("taken", [(200, 217), (299, 400), (250, 251)])
def test_handles_need_room_too(taken: tuple[int, int]) -> None:
    assert lies(planned(record("effects"), channel(1, "V2A SFX", taken)))[0][0] == 2


@pytest.mark.parametrize("taken", [(200, 216), (300, 400)])
def test_a_channel_of_the_layers_name_is_used_again_where_it_is_free(taken: tuple[int, int]) -> None:
    channels = channel(2, "V2A SFX", taken), channel(5, "", (240, 250))
    assert lies(planned(record("effects"), *channels)) == [(2, "V2A SFX", False, False)]


@pytest.mark.parametrize("state", [{"locked": True}, {"muted": True}])
def test_locked_and_muted_channels_are_left_alone(state: dict[str, bool]) -> None:
    channels = channel(1, "", (0, 999)), channel(2, "", **state), channel(3, "V2A SFX", **state)
    assert lies(planned(record("effects"), *channels)) == [(4, "V2A SFX 2", True, False)]


def test_empty_channels_that_somebody_named_are_left_alone() -> None:
    channels = channel(1, "Dialogue"), channel(2, "Canal 2")
    assert lies(planned(record("effects"), *channels)) == [(2, "V2A SFX", True, False)]


def test_the_lowest_channel_and_the_takes_may_be_chosen() -> None:
    items = planned(record("effects", takes=3), first=10, takes=[3, 1])
    assert [(item["take"], item["channel"], item["muted"]) for item in items] == [(3, 10, False), (1, 11, True)]
    with pytest.raises(ConflictError, match="no such sounds"):
        planned(record("effects"), takes=[2])
    with pytest.raises(ConflictError, match="no such sounds"):
        planned(record())


def test_what_is_replaced_gives_its_place() -> None:
    there = channel(2, "V2A SFX", (216, 300)), channel(3, "", (0, 999))
    assert lies(planned(record("effects"), *there)) == [(4, "V2A SFX 2", True, False)]
    cleared = [{"channel": 2, "start": 216, "end": 300}]
    assert lies(planned(record("effects"), *there, replace=cleared)) == [(2, "V2A SFX", False, False)]
    partly = [{"channel": 2, "start": 216, "end": 280}]
    assert lies(planned(record("effects"), *there, replace=partly)) == [(4, "V2A SFX 2", True, False)]


def test_no_room_is_said() -> None:
    with pytest.raises(UsageError, match="no room for V2A SFX"):
        planned(record("effects"), channel(128, "", (0, 999)))


def test_odd_rates_are_rounded_at_each_boundary() -> None:
    (item,) = planned(record("effects"), rate="30000/1001")
    assert (item["start"], item["end"]) == (300, 360)


def test_long_names_stay_whole_where_hosts_cut_them() -> None:
    (item,) = planned(record("effects", parameters={**record().parameters, "name": "ü" * 100}))
    assert item["name"].endswith("ü · seed 7")
    assert len(item["name"].encode()) <= 60


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"channels": []}, r"plan\.rate is missing"),
        ({"rate": "24"}, r"plan\.channels is missing"),
        ({"rate": "24", "channels": [{}]}, r"plan\.channels\[0\]\.number is missing"),
        ({"rate": "24", "channels": [{"number": 1, "taken": [[0]]}]}, r"taken must list \[START, END\]"),
        ({"rate": "24", "channels": [], "first": 0}, r"plan\.first must be a channel"),
        ({"rate": "24", "channels": [], "takes": ["1"]}, r"plan\.takes must be numbers"),
    ],
)
def test_bad_wishes_are_refused_by_name(params: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_wishes(Fields(params, "plan"))


def found(item: dict[str, Any], **changes: Any) -> dict[str, Any]:
    keys = ("layer", "take", "path", "name", "channel", "start", "end", "offset", "muted")
    return {**{key: item[key] for key in keys}, **changes}


def differences(item: dict[str, Any], *there: dict[str, Any]) -> list[str]:
    return verify([Fields(item, "items[0]")], [Fields(one, f"found[{n}]") for n, one in enumerate(there)])


def test_what_lies_as_planned_makes_no_difference() -> None:
    (item,) = planned(record("effects"))
    assert differences(item, found(item)) == []
    assert differences(item, found(item, name="door · seed 7.001", path="/s/../s/effects1.wav")) == []


def test_differences_are_told_in_sentences() -> None:
    (item,) = planned(record("effects"))
    assert differences(item) == ["take 1 of effects is missing on channel 1"]
    assert differences(
        item, found(item, path="/x.wav", channel=9, start=241, end=287, offset=0, muted=True, name="else")
    ) == [
        "take 1 of effects plays /x.wav instead of /s/effects1.wav",
        "take 1 of effects lies on channel 9 instead of 1",
        "take 1 of effects starts at frame 241 instead of 240",
        "take 1 of effects ends at frame 287 instead of 288",
        "take 1 of effects hides 0 frames before it instead of 24",
        "take 1 of effects is muted, and should not be",
        "take 1 of effects is named 'else' instead of 'door · seed 7'",
    ]
