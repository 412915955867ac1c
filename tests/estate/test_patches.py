"""The patch rules that clients lean on, one by one."""

import pytest

from .kubernetes.patches import json_patch, merge_patch, strategic_patch
from .kubernetes.selectors import label_selector, matches
from .kubernetes.status import ApiError

POD = {"containers": [{"name": "a", "image": "x", "env": [{"name": "ONE", "value": "1"}]}, {"name": "b", "image": "y"}],
       "tolerations": [{"key": "old"}], "finalizers": ["one"]}


def test_merge_patch_follows_the_rfc():
    assert merge_patch({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": None, "e": {"f": None}}, "d": [2]}) == {"a": {"c": 2, "e": {}}, "d": [2]}
    assert merge_patch([1], {"a": 1}) == {"a": 1} and merge_patch({"a": 1}, "text") == "text"


def test_strategic_lists_merge_by_key_or_are_replaced():
    found = strategic_patch(POD, {"containers": [{"name": "b", "image": "z"}, {"name": "c", "image": "n"}], "tolerations": [{"key": "new"}]})
    assert [(entry["name"], entry["image"]) for entry in found["containers"]] == [("a", "x"), ("b", "z"), ("c", "n")]
    assert found["containers"][0]["env"] and found["tolerations"] == [{"key": "new"}]
    assert POD["containers"][1]["image"] == "y", "a patch never changes what it was applied to"


def test_strategic_directives():
    assert strategic_patch(POD, {"containers": [{"name": "a", "$patch": "delete"}]})["containers"] == [{"name": "b", "image": "y"}]
    assert strategic_patch(POD, {"$patch": "replace", "x": 1}) == {"x": 1}
    ordered = strategic_patch(POD, {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}], "containers": [{"name": "a", "image": "q"}]})
    assert [entry["name"] for entry in ordered["containers"]] == ["b", "a"]
    assert strategic_patch(POD, {"finalizers": ["two"]})["finalizers"] == ["one", "two"]
    assert strategic_patch(POD, {"$deleteFromPrimitiveList/finalizers": ["one"]})["finalizers"] == []
    with pytest.raises(ApiError, match="merge key"):
        strategic_patch(POD, {"containers": [{"image": "nameless"}]})


@pytest.mark.parametrize("step", [{"op": "remove", "path": "/nothing"}, {"op": "replace", "path": "/list/9", "value": 1},
                                  {"op": "test", "path": "/list/0", "value": 2}, {"op": "fly", "path": "/list"}, {"op": "add", "path": "list"}])
def test_json_patch_fails_whole(step):
    target = {"list": [1]}
    with pytest.raises(ApiError) as caught:
        json_patch(target, [{"op": "add", "path": "/list/-", "value": 2}, step])
    assert caught.value.code == 422 and target == {"list": [1]}


def test_json_patch_steps():
    steps = [{"op": "add", "path": "/list/0", "value": 0}, {"op": "copy", "from": "/list", "path": "/a~1b"},
             {"op": "move", "from": "/list/0", "path": "/first"}, {"op": "replace", "path": "/list/0", "value": 9}]
    assert json_patch({"list": [1]}, steps) == {"list": [9], "a/b": [0, 1], "first": 0}


def test_selectors():
    def chosen(text, **labels):
        return label_selector(text)({"metadata": {"labels": labels}})
    assert chosen("a=1,b in (2,3),c", a="1", b="3", c="") and not chosen("a=1,!b", a="1", b="2")
    assert chosen("a!=1,b notin (2)") and chosen("")
    with pytest.raises(ApiError):
        label_selector("a ~ b")
    assert matches({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, {"a": "2"})
    assert not matches({}, {"a": "1"})
