"""Options that are strings, given wrong ones and other things: PyTorch's type of error, or the same result."""

from __future__ import annotations

import warnings

import pytest

import cnn

torch = pytest.importorskip("torch")

WRONG = ("'x'", "''", "'Mean'", "None", "3", "2.5")
LOSSES = """l1_loss mse_loss smooth_l1_loss huber_loss binary_cross_entropy
    binary_cross_entropy_with_logits kl_div soft_margin_loss hinge_embedding_loss""".split()
# T is the library, F its functional, S an optimizer's schedules of the optimizer O; % is the option. Of $ only strings
# are tried: with others PyTorch fails to put the message together, and raises TypeError for that.
CALLS = """
    F.nll_loss(T.ones(2, 3), T.tensor([0, 1]), reduction=%)
    F.cross_entropy(T.ones(2, 3), T.tensor([0, 1]), reduction=%)
    F.cross_entropy(T.ones(2, 3), T.ones(2, 3), reduction=%)
    F.multi_margin_loss(T.ones(2, 3), T.tensor([0, 1]), reduction=%)
    F.multilabel_margin_loss(T.ones(2, 3), T.zeros(2, 3, dtype=T.int64), reduction=%)
    F.gaussian_nll_loss(T.ones(2, 3), T.ones(2, 3), T.ones(2, 3), reduction=$)
    F.cosine_embedding_loss(T.ones(2, 3), T.ones(2, 3), T.ones(2), reduction=%)
    F.margin_ranking_loss(T.ones(2), T.ones(2), T.ones(2), reduction=%)
    F.triplet_margin_loss(T.ones(2, 3), T.ones(2, 3), T.ones(2, 3), reduction=%)
    F.ctc_loss(T.ones(5, 1, 3), T.ones(1, 2).long(), T.tensor([5]), T.tensor([2]), reduction=%)
    T.nn.L1Loss(reduction=%)
    T.nn.KLDivLoss(reduction=%)(T.ones(2, 3), T.ones(2, 3))
    T.nn.PoissonNLLLoss(reduction=$)(T.ones(2, 3), T.ones(2, 3))
    T.nn.Conv2d(2, 2, 3, padding_mode=%)
    T.nn.Conv1d(2, 2, 3, padding=%)
    T.nn.ConvTranspose2d(2, 2, 3, padding_mode=%)
    F.conv2d(T.ones(1, 1, 4, 4), T.ones(1, 1, 3, 3), padding=%)
    F.pad(T.ones(1, 1, 4, 4), (1, 1), mode=%)
    F.pad(T.ones(1, 1, 4, 4), (1, 1, 1, 1), mode=%)
    F.interpolate(T.ones(1, 1, 4, 4), size=3, mode=%)
    F.interpolate(T.ones(1, 1, 4, 4), scale_factor=2, mode=%, antialias=True)
    T.nn.Upsample(2, mode=%)(T.ones(1, 1, 4, 4))
    F.grid_sample(T.ones(1, 1, 4, 4), T.zeros(1, 2, 2, 2), mode=%, align_corners=False)
    F.grid_sample(T.ones(1, 1, 4, 4), T.zeros(1, 2, 2, 2), padding_mode=%, align_corners=False)
    F.gelu(T.ones(3), approximate=%)
    F.embedding_bag(T.tensor([0, 1]), T.ones(3, 2), T.tensor([0]), mode=%)
    T.nn.EmbeddingBag(3, 2, mode=%)(T.tensor([[0, 1]]))
    F.embedding(T.tensor([0]), T.ones(2, 2), max_norm=1.0, norm_type=%)
    F.pairwise_distance(T.ones(3, 2), T.ones(3, 2), p=%)
    F.fold(T.ones(1, 4, 4), %, 2)
    T.nn.RNN(2, 3, nonlinearity=%)
    T.nn.RNNCell(2, 3, nonlinearity=%)(T.ones(1, 2))
    T.nn.RNNBase(%, 2, 3)
    T.nn.TransformerEncoderLayer(4, 2, activation=%)
    T.nn.Transformer(4, 2, activation=%)
    T.nn.init.kaiming_uniform_(T.ones(3, 3), mode=%)
    T.nn.init.kaiming_normal_(T.ones(3, 3), nonlinearity=%)
    T.nn.init.calculate_gain(%)
    T.nn.init.calculate_gain("leaky_relu", %)
    T.div(T.ones(2), T.ones(2), rounding_mode=%)
    T.ones(2).div_(2, rounding_mode=%)
    T.cdist(T.ones(2, 3), T.ones(2, 3), compute_mode=%)
    T.searchsorted(T.ones(3), T.ones(2), side=%)
    T.norm(T.ones(2, 2), p=%)
    T.norm(T.ones(2, 2), %, dim=1)
    T.linalg.qr(T.ones(2, 2), mode=%)
    T.quantile(T.ones(3), 0.5, interpolation=%)
    T.nanquantile(T.ones(3), 0.5, interpolation=%)
    T.meshgrid(T.ones(2), T.ones(2), indexing=%)
    T.scatter(T.ones(3), 0, T.tensor([0]), T.ones(1), reduce=%)
    T.scatter_reduce(T.ones(3), 0, T.tensor([0]), T.ones(1), reduce=%)
    T.index_reduce(T.ones(3), 0, T.tensor([0]), T.ones(1), reduce=%)
    T.ones(2, 2).clone(memory_format=%)
    T.nn.utils.clip_grad_norm_([T.nn.Parameter(T.ones(2))], 1.0, norm_type=%)
    T.nn.utils.rnn.pad_sequence([T.ones(2)], padding_side=%)
    T.nn.utils.rnn.pad_packed_sequence(%)
    T.nn.utils.rnn.unpack_sequence(%)
    F.poisson_nll_loss(T.ones(2, 3), T.ones(2, 3), reduction=$)
    F.multilabel_soft_margin_loss(T.ones(2, 3), T.ones(2, 3), reduction=$)
    S.CyclicLR(O, 0.1, 0.2, mode=%)
    S.OneCycleLR(O, 0.1, total_steps=5, anneal_strategy=%)
    S.ReduceLROnPlateau(O, mode=$)
    S.ReduceLROnPlateau(O, threshold_mode=$)
""".strip().splitlines()
CALLS += [f"F.{loss}(T.ones(2, 3), T.ones(2, 3), reduction=%)" for loss in LOSSES]

# An optimizer's flags are whatever counts as true.
FLAGS = """
    T.optim.SGD([P], lr=0.1, maximize=1)
    T.optim.SGD([P], lr=0.1, momentum=0.9, nesterov=1)
    T.optim.Adam([P], amsgrad=1, maximize=0)
    T.optim.Adam([P], weight_decay=0.1, decoupled_weight_decay=1)
    T.optim.Adagrad([P], maximize=1)
    T.optim.RMSprop([P], centered=1, maximize=1)
""".strip().splitlines()


def outcome(lib, call):
    """The type of error, or None."""
    optimizer = lib.optim.SGD([lib.nn.Parameter(lib.ones(2))], lr=0.1, momentum=0.9)
    names = {"T": lib, "F": lib.nn.functional, "S": lib.optim.lr_scheduler, "O": optimizer}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            eval(call, names)
    except Exception as e:
        return type(e).__name__


@pytest.mark.parametrize("call", [c.strip() for c in CALLS])
def test_a_wrong_option(call):
    for wrong in WRONG[:3] if "$" in call else WRONG:
        given = call.replace("%", wrong).replace("$", wrong)
        assert outcome(cnn, given) == outcome(torch, given), given


@pytest.mark.parametrize("call", [c.strip() for c in FLAGS])
def test_a_flag_that_is_a_number(call):
    found = []
    for lib in (cnn, torch):
        p = lib.nn.Parameter(lib.ones(3))
        optimizer = eval(call, {"T": lib, "P": p})
        for _ in range(2):
            p.grad = lib.tensor([1.0, -2.0, 3.0])
            optimizer.step()
        found.append(p.tolist())
    assert found[0] == pytest.approx(found[1], rel=1e-6)
