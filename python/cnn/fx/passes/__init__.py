"""Things to do with graphs."""

from ... import _absent

_absent.explain(__name__, ("shape_prop", "utils"))
