"""docs/compatibility.md: what it says of PyTorch's names is what the package has."""

from __future__ import annotations

import importlib.util
import pathlib
import types

HERE = pathlib.Path(__file__).parent


def load():
    path = HERE / "tools" / "make_compatibility.py"
    spec = importlib.util.spec_from_file_location("make_compatibility", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


compatibility = load()


def test_the_page_is_of_this_package():
    page = compatibility.PAGE.read_text()
    assert page == compatibility.make(), "run python tests/tools/make_compatibility.py"


def test_every_difference_is_of_a_name_that_works():
    from differences import DIFFERENCES

    for path in DIFFERENCES:
        namespace, _, name = path.rpartition(".")
        place = compatibility.resolve("cnn", namespace.split(".")[1:])
        assert compatibility.what_is(place, name) == ("works", None), path


def test_what_a_name_is():
    def refuses():
        raise NotImplementedError

    refuses.__refuses__ = "use the other"
    place = types.SimpleNamespace(works=len, refuses=refuses)
    assert compatibility.what_is(place, "works") == ("works", None)
    assert compatibility.what_is(place, "refuses") == ("raises", "use the other")
    assert compatibility.what_is(place, "other")[0] == "absent"
