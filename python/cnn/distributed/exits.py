"""How a process leaves its job."""


def watch(world):
    """Sees to it that the others hear when this process ends."""
