"""Calls that are right, for what the grammar seldom guesses: sizes that depend on each other. They are drawn first."""

from __future__ import annotations

import ast

from .catalogue import Parameter
from .grammar import TensorText

CALLS = """
cnn.conv1d(T((2, 4, 9), grad='leaf'), T((6, 2, 3), grad='leaf'), T((6,), grad='leaf'), 2, 1, 1, 2)
cnn.conv2d(T((2, 4, 7, 6), grad='leaf'), T((3, 4, 3, 3), grad='leaf'), T((3,), grad='leaf'), 1, 1)
cnn.conv2d(T((2, 17, 8, 8), grad='leaf'), T((17, 17, 3, 3), grad='leaf'), None, 1, 'same')
cnn.conv2d(T((1, 4, 9, 9), grad='leaf'), T((8, 1, 3, 3), grad='leaf'), None, (2, 1), (1, 2), (1, 2), 4)
cnn.conv3d(T((1, 2, 4, 5, 4), grad='leaf'), T((3, 2, 2, 3, 2), grad='leaf'), T((3,)), 2, 1)
cnn.conv_transpose1d(T((2, 4, 5), grad='leaf'), T((4, 3, 3), grad='leaf'), T((3,), grad='leaf'), 2, 1, 1)
cnn.conv_transpose2d(T((2, 4, 3, 4), grad='leaf'), T((4, 2, 3, 3), grad='leaf'), None, 2, 1, 1, 2)
cnn.conv_transpose3d(T((1, 2, 3, 2, 3), grad='leaf'), T((2, 2, 2, 2, 2), grad='leaf'), T((2,)), 2)
cnn.convolution(T((1, 2, 5), grad='leaf'), T((2, 2, 3), grad='leaf'), None, [1], [1], [1], False, [0], 1)
cnn.avg_pool2d(T((2, 3, 6, 5), grad='leaf'), 3, 2, 1, True, False)
cnn.avg_pool3d(T((2, 3, 4, 5, 4), grad='leaf'), 2, 1)
cnn.max_pool2d(T((2, 3, 6, 5), grad='leaf'), 3, 2, 1, 1, True)
cnn.max_pool3d(T((2, 3, 4, 5, 4), grad='leaf'), 2, 2, 1)
cnn.nn.functional.max_pool2d(T((2, 3, 6, 6), 'float32', 'rising', grad='leaf'), 2, return_indices=True)
cnn.nn.functional.max_pool3d_with_indices(T((1, 2, 4, 4, 4), grad='leaf'), 2)
cnn.nn.functional.max_unpool2d(T((1, 1, 2, 2), grad='leaf'), T((1, 1, 2, 2), 'int64', 'rising'), 2)
cnn.nn.functional.max_unpool3d(T((1, 1, 2, 2, 2), grad='leaf'), T((1, 1, 2, 2, 2), 'int64', 'rising'), 2)
cnn.nn.functional.lp_pool2d(T((1, 2, 4, 4), 'float32', 'unit', grad='leaf'), 2, 2)
cnn.nn.functional.lp_pool3d(T((1, 2, 4, 4, 4), 'float32', 'unit', grad='leaf'), 2, 2)
cnn.nn.functional.adaptive_max_pool2d(T((2, 3, 5, 6), grad='leaf'), (2, 3), True)
cnn.nn.functional.adaptive_avg_pool2d(T((2, 3, 5, 6), grad='leaf'), (2, 3))
cnn.nn.functional.fractional_max_pool2d(T((2, 3, 7, 7), grad='leaf'), 2, 3)
cnn.nn.functional.fractional_max_pool3d(T((1, 2, 6, 6, 6), grad='leaf'), 2, 3, return_indices=True)
cnn.reflection_pad1d(T((2, 3, 4), grad='leaf'), [1, 2])
cnn.reflection_pad2d(T((2, 3, 4, 4), grad='leaf'), [1, 2, 3, 0])
cnn.reflection_pad3d(T((1, 2, 3, 3, 3), grad='leaf'), [1, 1, 1, 2, 0, 1])
cnn.replication_pad2d(T((2, 3, 2, 2), grad='leaf'), [1, 2, 3, 0])
cnn.nn.functional.pad(T((2, 3, 4), grad='leaf'), (1, 2), 'circular')
cnn.nn.functional.fold(T((2, 12, 6), grad='leaf'), (3, 4), (2, 2))
cnn.nn.functional.unfold(T((2, 3, 4, 5), grad='leaf'), 2, 1, 1, 2)
cnn.nn.functional.interpolate(T((2, 3, 4, 5), grad='leaf'), None, 1.7, 'bilinear', False)
cnn.nn.functional.interpolate(T((2, 3, 4, 5), grad='leaf'), (7, 3), None, 'bicubic', True)
cnn.nn.functional.interpolate(T((1, 2, 3, 4, 2), grad='leaf'), (2, 5, 3), mode='trilinear')
cnn.nn.functional.interpolate(T((2, 3, 8), grad='leaf'), scale_factor=0.4, mode='linear')
cnn.nn.functional.upsample_bilinear(T((2, 3, 4, 5), grad='leaf'), (2, 7))
cnn.upsample_bicubic2d(T((1, 2, 3, 4), grad='leaf'), [5, 6], False, None)
cnn.upsample_bilinear2d(T((1, 2, 3, 4), grad='leaf'), [5, 6], True, None)
cnn.upsample_linear1d(T((1, 2, 3), grad='leaf'), [5], False, None)
cnn.upsample_nearest2d(T((1, 2, 3, 4), grad='leaf'), [5, 2], None)
cnn.upsample_trilinear3d(T((1, 2, 3, 4, 2), grad='leaf'), [5, 2, 3], False, None)
cnn.nn.functional.grid_sample(T((2, 3, 4, 5), grad='leaf'), T((2, 3, 2, 2), grad='leaf'), 'bilinear', 'reflection',
    True)
cnn.nn.functional.grid_sample(T((1, 2, 3, 4, 3), grad='leaf'), T((1, 2, 2, 2, 3), grad='leaf'), 'nearest', 'border',
    False)
cnn.nn.functional.affine_grid(T((2, 2, 3), grad='leaf'), (2, 1, 4, 5), False)
cnn.nn.functional.batch_norm(T((4, 3, 2), grad='leaf'), T((3,)), T((3,), 'float32', 'unit'), T((3,), grad='leaf'),
    T((3,), grad='leaf'), True)
cnn.nn.functional.group_norm(T((2, 6, 3), grad='leaf'), 3, T((6,), grad='leaf'), T((6,), grad='leaf'))
cnn.nn.functional.instance_norm(T((2, 3, 4, 4), grad='leaf'), T((3,)), T((3,), 'float32', 'unit'), T((3,)), T((3,)))
cnn.nn.functional.layer_norm(T((2, 3, 4), grad='leaf'), (3, 4), T((3, 4), grad='leaf'), T((3, 4), grad='leaf'))
cnn.nn.functional.rms_norm(T((2, 3, 4), grad='leaf'), (4,), T((4,), grad='leaf'))
cnn.nn.functional.local_response_norm(T((2, 5, 3, 3), grad='leaf'), 3)
cnn.nn.functional.cross_entropy(T((5, 4), grad='leaf'), T((5,), 'int64', 'three', 'numpy'),
    T((4,), 'float32', 'unit'), ignore_index=1)
cnn.nn.functional.cross_entropy(T((2, 4, 3, 3), grad='leaf'), T((2, 3, 3), 'int64', 'three', 'numpy'),
    label_smoothing=0.1)
cnn.nn.functional.cross_entropy(T((5, 4), grad='leaf'), T((5, 4), 'float32', 'unit', grad='leaf'), reduction='none')
cnn.nn.functional.nll_loss(T((5, 4), grad='leaf'), T((5,), 'int64', 'three', 'numpy'), T((4,), 'float32', 'unit'))
cnn.nll_loss(T((2, 4, 3), grad='leaf'), T((2, 3), 'int64', 'three', 'numpy'), None, 1)
cnn.nn.functional.ctc_loss(T((6, 2, 4), grad='leaf'), T((2, 3), 'int64', 'ones', 'numpy'),
    T((2,), 'int64', 'rising', 'numpy'), T((2,), 'int64', 'two', 'numpy'))
cnn.nn.functional.ctc_loss(T((6, 2, 4), grad='leaf'), T((2, 3), 'int64', 'ones'), (6, 5), (2, 3), 0, 'sum', True)
cnn.nn.functional.multi_margin_loss(T((3, 4), grad='leaf'), T((3,), 'int64', 'three', 'numpy'), weight=T((4,)))
cnn.nn.functional.multilabel_margin_loss(T((3, 4), grad='leaf'), T((3, 4), 'int64', 'three', 'numpy'))
cnn.nn.functional.cosine_embedding_loss(T((3, 4), grad='leaf'), T((3, 4), grad='leaf'), T((3,), 'float32', 'ones'))
cnn.nn.functional.linear_cross_entropy(T((5, 3), grad='leaf'), T((4, 3), grad='leaf'),
    T((5,), 'int64', 'three', 'numpy'))
cnn.nn.functional.embedding(T((2, 3), 'int64', 'three', 'numpy'), T((5, 4), grad='leaf'), 1, 2.0)
cnn.nn.functional.embedding_bag(T((6,), 'int64', 'three', 'numpy'), T((5, 4), grad='leaf'),
    T((2,), 'int64', 'two', 'numpy'), mode='sum')
cnn.nn.functional.embedding_bag(T((2, 3), 'int64', 'three'), T((5, 4), grad='leaf'), mode='max')
cnn.nn.functional.one_hot(T((2, 3), 'int64', 'three', 'numpy'), 4)
cnn.scaled_dot_product_attention(T((2, 4, 5, 8), grad='leaf'), T((2, 4, 6, 8), grad='leaf'),
    T((2, 4, 6, 3), grad='leaf'), T((5, 6), 'bool'))
cnn.scaled_dot_product_attention(T((1, 4, 5, 8), grad='leaf'), T((1, 2, 5, 8), grad='leaf'), T((1, 2, 5, 8)), None,
    0.0, True, enable_gqa=True)
cnn.nn.functional.multi_head_attention_forward(T((3, 2, 4), grad='leaf'), T((3, 2, 4)), T((3, 2, 4)), 4, 2,
    T((12, 4), grad='leaf'), T((12,)), None, None, False, 0.0, T((4, 4)), T((4,)))
cnn.gru_cell(T((2, 3), grad='leaf'), T((2, 4), grad='leaf'), T((12, 3), grad='leaf'), T((12, 4), grad='leaf'),
    T((12,)), T((12,)))
cnn.lstm_cell(T((2, 3), grad='leaf'), (T((2, 4)), T((2, 4))), T((16, 3), grad='leaf'), T((16, 4), grad='leaf'),
    T((16,)), T((16,)))
cnn.rnn_tanh_cell(T((2, 3), grad='leaf'), T((2, 4), grad='leaf'), T((4, 3), grad='leaf'), T((4, 4), grad='leaf'))
cnn.bilinear(T((2, 3), grad='leaf'), T((2, 4), grad='leaf'), T((5, 3, 4), grad='leaf'), T((5,)))
cnn.einsum('bij,bjk->bik', T((2, 3, 4), grad='leaf'), T((2, 4, 5), grad='leaf'))
cnn.einsum('ij,j->i', [T((3, 4), grad='leaf'), T((4,))])
cnn.multinomial(T((2, 3), 'float32', 'unit'), 2, True)
cnn.nanquantile(T((2, 3), grad='leaf'), 0.5, 1)
cnn.baddbmm(T((2, 3, 5), grad='leaf'), T((2, 3, 4), grad='leaf'), T((2, 4, 5), grad='leaf'), beta=0.5)
cnn.addmm(T((5,), grad='leaf'), T((3, 4), grad='leaf'), T((4, 5), grad='leaf'))
cnn.Tensor.bmm(T((2, 3, 4), grad='leaf'), T((2, 4, 5), grad='leaf'))
cnn.Tensor.cross(T((2, 3), grad='leaf'), T((2, 3), grad='leaf'), 1)
cnn.scatter_add(T((3, 4), grad='leaf'), 1, T((2, 3), 'int64', 'three', 'numpy'), T((3, 4), grad='leaf'))
cnn.Tensor.scatter_add(T((3, 4), grad='leaf'), 0, T((2, 3), 'int64', 'three', 'numpy'), T((3, 4), grad='leaf'))
cnn.scatter_reduce(T((3, 4), grad='leaf'), 1, T((2, 3), 'int64', 'three', 'numpy'), T((3, 4), grad='leaf'), 'prod')
cnn.gather(T((3, 4), grad='leaf'), 1, T((3, 2), 'int64', 'three', 'numpy'))
cnn.index_put(T((3, 4), grad='leaf'), [T((2,), 'int64', 'two', 'numpy'), T((2,), 'int64', 'three')],
    T((2,), grad='leaf'), True)
cnn.index_add(T((3, 4), grad='leaf'), 0, T((2,), 'int64', 'two', 'numpy'), T((2, 4), grad='leaf'))
cnn.index_copy(T((3, 4), grad='leaf'), 0, T((2,), 'int64', 'two', 'numpy'), T((2, 4), grad='leaf'))
cnn.Tensor.__getitem__(T((3, 4, 5), grad='leaf'),
    (T((2,), 'int64', 'two', 'numpy'), slice(None), T((2,), 'int64', 'three')))
cnn.Tensor.__setitem__(T((3, 4, 5), grad='inner'), (slice(None, None, 2), ..., T((5,), 'bool')), T((), grad='leaf'))
operator.setitem(T((3, 4, 5), grad='inner'), (T((2,), 'int64', 'two', 'numpy'), 1), T((2, 5), grad='leaf'))
cnn.as_strided(T((4, 5), grad='leaf'), (3, 3), (1, 2), 1)
cnn.Tensor.as_strided_scatter(T((4, 5), grad='leaf'), T((2, 3), grad='leaf'), (2, 3), (1, 3), 1)
cnn.Tensor.unfold(T((6, 3), grad='leaf'), 0, 3, 2)
cnn.Tensor.bincount(T((5,), 'int64', 'three'), T((5,)), 4)
cnn.Tensor.permute(T((2, 3, 4), grad='leaf'), (2, 0, 1))
cnn.Tensor.expand(T((1, 3), grad='leaf'), (4, 3))
cnn.tril_indices(3, 4, 1)
cnn.frombuffer(bytearray(16), dtype=cnn.float32)
cnn.from_numpy(A((3,)))
cnn.autograd.grad(T((2,), grad='inner').sum(), [T((2,), grad='leaf')], allow_unused=True)
cnn.autograd.functional.vjp(cnn.sin, T((3,), grad='leaf'), T((3,)))
cnn.autograd.functional.hvp((lambda x: x.sin().sum()), T((3,), grad='leaf'), T((3,)))
cnn.nn.utils.rnn.pack_padded_sequence(T((4, 3, 2), grad='leaf'), (4, 3, 1))
cnn.nn.utils.rnn.pad_packed_sequence(cnn.nn.utils.rnn.pack_padded_sequence(T((4, 3, 2), grad='leaf'), (4, 3, 1)))
cnn.nn.utils.rnn.unpad_sequence(T((4, 3, 2), grad='leaf'), T((3,), 'int64', 'ones'))
cnn.testing.make_tensor((2, 3), dtype=cnn.float32, device='cpu')
cnn.nn.Conv1d(4, 6, 3, 2, 1)(T((2, 4, 9), grad='leaf'))
cnn.nn.Conv2d(4, 8, 3, padding=1, groups=2, padding_mode='reflect')(T((2, 4, 5, 5), grad='leaf'))
cnn.nn.Conv3d(2, 3, 2)(T((1, 2, 3, 4, 3), grad='leaf'))
cnn.nn.ConvTranspose1d(4, 6, 3, 2, 1)(T((2, 4, 9), grad='leaf'))
cnn.nn.ConvTranspose2d(4, 6, 3, 2, 1, 1)(T((2, 4, 3, 3), grad='leaf'))
cnn.nn.ConvTranspose3d(2, 3, 2)(T((1, 2, 3, 2, 3), grad='leaf'))
cnn.nn.LazyConv2d(3, 3)(T((2, 4, 5, 5), grad='leaf'))
cnn.nn.BatchNorm1d(3)(T((4, 3, 2), grad='leaf'))
cnn.nn.BatchNorm2d(3)(T((4, 3, 2, 2), grad='leaf'))
cnn.nn.BatchNorm3d(3)(T((2, 3, 2, 2, 2), grad='leaf'))
cnn.nn.GroupNorm(2, 4)(T((3, 4, 5), grad='leaf'))
cnn.nn.RMSNorm((4,))(T((2, 4), grad='leaf'))
cnn.nn.LocalResponseNorm(2)(T((2, 5, 3), grad='leaf'))
cnn.nn.AvgPool1d(2)(T((2, 3, 5), grad='leaf'))
cnn.nn.FractionalMaxPool2d(2, 3)(T((2, 3, 7, 7), grad='leaf'))
cnn.nn.LPPool2d(2, 2)(T((1, 2, 4, 4), 'float32', 'unit', grad='leaf'))
cnn.nn.CircularPad2d(1)(T((2, 3, 4, 4), grad='leaf'))
cnn.nn.ConstantPad2d(1, 0.5)(T((2, 3, 4, 4), grad='leaf'))
cnn.nn.ReflectionPad3d(1)(T((1, 2, 3, 3, 3), grad='leaf'))
cnn.nn.ReplicationPad2d((1, 2, 0, 1))(T((1, 2, 3, 3), grad='leaf'))
cnn.nn.Fold((3, 4), (2, 2))(T((2, 12, 6), grad='leaf'))
cnn.nn.Upsample(scale_factor=2, mode='bilinear')(T((2, 3, 4, 4), grad='leaf'))
cnn.nn.Embedding(5, 4, 1)(T((2, 3), 'int64', 'three', 'numpy'))
cnn.nn.EmbeddingBag(5, 4, mode='mean')(T((6,), 'int64', 'three', 'numpy'), T((2,), 'int64', 'two'))
cnn.nn.CTCLoss()(T((6, 2, 4), grad='leaf'), T((2, 3), 'int64', 'ones', 'numpy'), T((2,), 'int64', 'ones', 'numpy'),
    T((2,), 'int64', 'ones'))
cnn.nn.CosineEmbeddingLoss()(T((3, 4), grad='leaf'), T((3, 4), grad='leaf'), T((3,), 'float32', 'ones'))
cnn.nn.MultiMarginLoss()(T((3, 4), grad='leaf'), T((3,), 'int64', 'three', 'numpy'))
cnn.nn.LinearCrossEntropyLoss(3, 4)(T((5, 3), grad='leaf'), T((5,), 'int64', 'three', 'numpy'))
cnn.nn.AdaptiveLogSoftmaxWithLoss(4, 6, [2, 4])(T((3, 4), grad='leaf'), T((3,), 'int64', 'three', 'numpy'))
cnn.nn.RNN(3, 4, 2, nonlinearity='relu')(T((5, 2, 3), grad='leaf'))
cnn.nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True)(T((2, 5, 3), grad='leaf'))
cnn.nn.LSTM(3, 4, proj_size=2)(T((5, 2, 3), grad='leaf'), (T((1, 2, 2)), T((1, 2, 4))))
cnn.nn.GRU(3, 4, dropout=0.5, num_layers=2)(T((5, 2, 3), grad='leaf'), T((2, 2, 4), grad='leaf'))
cnn.nn.RNNCell(3, 4)(T((2, 3), grad='leaf'))
cnn.nn.GRUCell(3, 4)(T((2, 3), grad='leaf'), T((2, 4), grad='leaf'))
cnn.nn.LSTMCell(3, 4)(T((2, 3), grad='leaf'))
cnn.nn.MultiheadAttention(8, 2, batch_first=True)(T((2, 5, 8), grad='leaf'), T((2, 4, 8)), T((2, 4, 8)),
    T((2, 4), 'bool', 'zeros'))
cnn.nn.Transformer(8, 2, 1, 1, 16)(T((3, 2, 8), grad='leaf'), T((4, 2, 8), grad='leaf'))
cnn.nn.TransformerEncoderLayer(8, 2, 16)(T((3, 2, 8), grad='leaf'))
cnn.nn.TransformerDecoderLayer(8, 2, 16)(T((3, 2, 8), grad='leaf'), T((4, 2, 8), grad='leaf'))
cnn.nn.TransformerEncoder(cnn.nn.TransformerEncoderLayer(4, 2, 8), 2)(T((3, 2, 4), grad='leaf'))
cnn.nn.Softmax2d()(T((2, 3, 4, 4), grad='leaf'))
cnn.nn.Unflatten(1, (2, 3))(T((2, 6), grad='leaf'))
cnn.nn.Module.load_state_dict(cnn.nn.Linear(2, 2), {'weight': T((2, 2)), 'bias': T((2,))})
cnn.nn.Module.get_parameter(cnn.nn.Linear(2, 2), 'weight')
cnn.nn.Module.register_parameter(cnn.nn.Linear(2, 2), 'x', cnn.nn.Parameter(T((2, 2))))
cnn.UntypedStorage.resize_(T((3,)).untyped_storage(), 8)
cnn.UntypedStorage.__setitem__(T((3,)).untyped_storage(), 1, 2)
cnn.Tensor.backward(T((2,), grad='inner'), T((2,)))
cnn.Tensor.set_(T((3,)), T((4,)).untyped_storage(), 1, (2,), (1,))
"""


def _text(node):
    """The source of an argument; a tensor's in the form in which the grammar knows it."""

    def T(shape=(), dtype="float32", values="small", layout="", grad=""):
        return TensorText((shape, dtype, values, layout, grad))

    text = ast.unparse(node)
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "T":
        return eval(text, {"T": T})
    return text


def _arguments(node, parameters, second=False):
    """Pairs of parameter and text, as a draw has them."""
    parameters = [p for p in parameters if p.second == second]
    names = {p.name: p for p in parameters}
    for i, argument in enumerate(node.args):
        p = parameters[min(i, len(parameters) - 1)]
        yield Parameter(p.name, p.type, p.required, False, p.second), _text(argument)
    for keyword in node.keywords:
        p = names.get(keyword.arg, Parameter(keyword.arg, "any", False, True, second))
        yield Parameter(p.name, p.type, p.required, True, p.second), _text(keyword.value)


def _form(target, node):
    fitting = [form for form in target.forms if len(node.args) <= len(form)]
    return (fitting or target.forms)[0]


def examples(targets):
    """For the number of a target, the arguments of its calls above."""
    numbers = {target.expression: number for number, target in enumerate(targets)}
    found = {}
    for statement in ast.parse(CALLS).body:
        call = statement.value
        made = call.func if isinstance(call.func, ast.Call) else None
        number = numbers.get(ast.unparse((made or call).func))
        if number is None:
            continue
        form = _form(targets[number], made or call)
        arguments = [*_arguments(made or call, form)]
        if made:
            arguments += _arguments(call, form, second=True)
        found.setdefault(number, []).append(arguments)
    return found
