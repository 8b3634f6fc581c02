"""Finding subgraphs."""

from .... import _absent

_absent.explain(__name__, ("matcher_utils",))
