"""How gradients are sent: as they are, or rounded to 16 bits."""

from __future__ import annotations

from .... import _C

__all__ = [
    "allreduce_hook",
    "bf16_compress_hook",
    "bf16_compress_wrapper",
    "fp16_compress_hook",
    "fp16_compress_wrapper",
]


def _group(process_group):
    from ... import group

    return process_group if process_group is not None else group.WORLD


def _all_reduced(tensor, process_group):
    """The Future of the sum of all ranks' tensors."""
    from ... import all_reduce

    return all_reduce(tensor, group=process_group, async_op=True).get_future()


def allreduce_hook(process_group, bucket):
    """The mean of all ranks, as without a hook."""
    process_group = _group(process_group)
    tensor = bucket.buffer().div_(process_group.size())
    return _all_reduced(tensor, process_group).then(lambda future: future.value()[0])


def _compress_hook(dtype, process_group, bucket):
    process_group, buffer = _group(process_group), bucket.buffer()
    rounded = buffer.to(dtype).div_(process_group.size())
    sums = _all_reduced(rounded, process_group)
    return sums.then(lambda future: buffer.copy_(future.value()[0]))


def fp16_compress_hook(process_group, bucket):
    """The mean of gradients rounded to float16: half the bytes are sent."""
    return _compress_hook(_C.float16, process_group, bucket)


def bf16_compress_hook(process_group, bucket):
    """The mean of gradients rounded to bfloat16: half the bytes are sent."""
    return _compress_hook(_C.bfloat16, process_group, bucket)


def _compress_wrapper(dtype, hook, name):
    def wrapper(hook_state, bucket):
        buffer = bucket.buffer()
        bucket.set_buffer(buffer.to(dtype))
        return hook(hook_state, bucket).then(lambda future: buffer.copy_(future.value()))

    wrapper.__name__ = name
    wrapper.__qualname__ = f"{name.removesuffix('_hook')}.<locals>.{name}"
    return wrapper


def fp16_compress_wrapper(hook):
    """`hook` on gradients rounded to float16, whose result is theirs again."""
    return _compress_wrapper(_C.float16, hook, "fp16_compress_wrapper_hook")


def bf16_compress_wrapper(hook):
    """`hook` on gradients rounded to bfloat16, whose result is theirs again."""
    return _compress_wrapper(_C.bfloat16, hook, "bf16_compress_wrapper_hook")
