"""State dicts of models on many processes."""

from ... import _unavailable

INSTEAD = "use state_dict() and load_state_dict() of the module or the optimizer"

__all__ = _unavailable.declare(
    __name__,
    INSTEAD,
    functions="""
        get_model_state_dict get_optimizer_state_dict get_state_dict set_model_state_dict
        set_optimizer_state_dict set_state_dict""",
    classes="StateDictOptions",
    error=NotImplementedError,
)
