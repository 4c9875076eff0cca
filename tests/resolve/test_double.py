"""The double of Resolve has no method and no parameter that Resolve has not."""

from tests.doubles.resolve import Behaviour, Resolve
from tests.doubles.resolve.stubs import differences, double_methods, methods, published


def test_its_methods_and_parameters_are_those_of_the_published_stubs() -> None:
    assert differences(methods(published())) == []
    assert len(double_methods()) > 80


def test_a_method_that_the_stubs_lose_is_named() -> None:
    without = published().replace("def GetSourceStartFrame(", "def GetSourceFirstFrame(")
    assert "TimelineItem.GetSourceStartFrame is not in the stubs" in differences(methods(without))


def test_a_parameter_that_changes_in_the_stubs_is_named() -> None:
    changed = published().replace(
        "def GetTrackName(self, trackType: TrackType, trackIndex: int)", "def GetTrackName(self, index: int)"
    )
    (sentence,) = differences(methods(changed))
    assert sentence.startswith("Timeline.GetTrackName takes ('trackType', 'trackIndex'), in the stubs [('index',)]")


def test_what_a_version_does_not_have_is_there_and_is_none() -> None:
    item = Resolve(Behaviour(version=(18, 6)))._put(None, 0, 24)
    assert hasattr(item, "GetSourceStartFrame")
    assert hasattr(item, "NoSuchThing")
    assert item.GetSourceStartFrame is None
    assert "GetSourceStartFrame" not in dir(item)
    assert "GetStart" in dir(item)


def test_after_a_call_for_studio_nothing_works_until_its_window_is_closed() -> None:
    resolve = Resolve(Behaviour(version=(19, 1)))
    assert resolve._fusion.UIManager is None
    assert resolve.OpenPage("edit") is None
    resolve._desk.modal = ""
    assert resolve.OpenPage("edit")
