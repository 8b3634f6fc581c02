"""Lists and dictionaries of a node's arguments, which change as a whole: `node.args = ...`."""

from __future__ import annotations

from ..utils import _pytree, _pytree_nodes

__all__ = ["immutable_list", "immutable_dict"]


def _no_mutation(self, *args, **kwargs):
    raise TypeError(
        f"{type(self).__name__!r} object does not support mutation. If you are attempting to "
        "modify the kwargs or args of a torch.fx.Node object, instead create a new copy of it and "
        "assign the copy to the node: new_args = ... # copy and mutate args, node.args = new_args"
    )


class immutable_list(list):
    """A list that does not change."""

    __delitem__ = __iadd__ = __imul__ = __setitem__ = _no_mutation
    append = clear = extend = insert = pop = remove = reverse = sort = _no_mutation

    def __hash__(self):
        return hash(tuple(self))

    def __reduce__(self):
        return type(self), (tuple(self),)


class immutable_dict(dict):
    """A dictionary that does not change."""

    __delitem__ = __ior__ = __setitem__ = _no_mutation
    clear = pop = popitem = setdefault = update = _no_mutation

    def __hash__(self):
        return hash(frozenset(self.items()))

    def __reduce__(self):
        return type(self), (tuple(self.items()),)


_pytree.register_pytree_node(
    immutable_list,
    lambda d: (list(d), None),
    lambda values, context: immutable_list(values),
    serialized_type_name="torch.fx.immutable_collections.immutable_list",
    flatten_with_keys_fn=_pytree_nodes._list_flatten_with_keys,
)
_pytree.register_pytree_node(
    immutable_dict,
    lambda d: (list(d.values()), list(d.keys())),
    lambda values, context: immutable_dict(zip(context, values)),
    serialized_type_name="torch.fx.immutable_collections.immutable_dict",
    flatten_with_keys_fn=_pytree_nodes._dict_flatten_with_keys,
)
