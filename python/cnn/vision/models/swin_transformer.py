"""Liu et al., "Swin Transformer", 2021; "Swin Transformer V2", 2022."""

from __future__ import annotations

import math
from functools import partial

import cnn
from cnn import nn
from cnn.nn import functional as F
from cnn.nn import init

from ..ops.misc import MLP, Permute
from ..ops.stochastic import StochasticDepth
from ._api import define


class PatchMerging(nn.Module):
    """Four pixels become one, normed first."""

    _norm_first = True

    def __init__(self, dim, norm_layer=nn.LayerNorm):
        super().__init__()
        self.dim = dim
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer((4 if self._norm_first else 2) * dim)

    def forward(self, x):
        h, w, _ = x.shape[-3:]
        x = F.pad(x, (0, 0, 0, w % 2, 0, h % 2))
        parts = [x[..., i::2, j::2, :] for j in (0, 1) for i in (0, 1)]
        x = cnn.cat(parts, -1)
        return self.reduction(self.norm(x)) if self._norm_first else self.norm(self.reduction(x))


class PatchMergingV2(PatchMerging):
    """Four pixels become one, normed then."""

    _norm_first = False


def _windows(x, window):
    """[B, H, W, C] in windows: [B * windows, pixels of one, C]."""
    b, h, w, c = x.shape
    x = x.view(b, h // window[0], window[0], w // window[1], window[1], c)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, window[0] * window[1], c)


def _from_windows(x, window, b, h, w):
    x = x.view(b, h // window[0], w // window[1], window[0], window[1], -1)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, -1)


def _apart(x, window, shift, h, w):
    """[windows, pixels, pixels]: -100 between pixels that came together by the shift alone."""
    region, count = x.new_zeros((h, w)), 0
    borders = [(slice(0, -m), slice(-m, -s), slice(-s, None)) for m, s in zip(window, shift)]
    for rows in borders[0]:
        for columns in borders[1]:
            region[rows, columns] = count
            count += 1
    of = _windows(region[None, :, :, None], window).squeeze(-1)
    other = of.unsqueeze(1) - of.unsqueeze(2)
    return other.masked_fill(other != 0, -100.0)


class ShiftedWindowAttention(nn.Module):
    """Attention within windows, which may be shifted, by content and relative position."""

    def __init__(
        self,
        dim,
        window_size,
        shift_size,
        num_heads,
        qkv_bias=True,
        proj_bias=True,
        attention_dropout=0.0,
        dropout=0.0,
    ):
        super().__init__()
        if len(window_size) != 2 or len(shift_size) != 2:
            raise ValueError("window_size and shift_size must be of length 2")
        self.window_size = window_size
        self.shift_size = shift_size
        self.num_heads = num_heads
        self.attention_dropout = attention_dropout
        self.dropout = dropout
        self.qkv = nn.Linear(dim, dim * 3, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim, bias=proj_bias)
        self._define_table()
        height, width = window_size
        axes = cnn.arange(height), cnn.arange(width)
        places = cnn.flatten(cnn.stack(cnn.meshgrid(*axes, indexing="ij")), 1)
        y, x = places[:, :, None] - places[:, None, :]
        index = (y + height - 1) * (2 * width - 1) + x + width - 1
        self.register_buffer("relative_position_index", index.flatten())

    def _define_table(self):
        height, width = self.window_size
        table = cnn.zeros((2 * height - 1) * (2 * width - 1), self.num_heads)
        self.relative_position_bias_table = nn.Parameter(table)
        init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def _bias_of(self, table):
        n = self.window_size[0] * self.window_size[1]
        bias = table[self.relative_position_index].view(n, n, -1)
        return bias.permute(2, 0, 1).contiguous().unsqueeze(0)

    def _position_bias(self):
        return self._bias_of(self.relative_position_bias_table)

    def _qkv_bias(self):
        return self.qkv.bias

    def _scores(self, q, k):
        return (q * q.shape[-1] ** -0.5).matmul(k.transpose(-2, -1))

    def forward(self, x):
        b, height, width, c = x.shape
        window = self.window_size
        pad_w, pad_h = -width % window[1], -height % window[0]
        position_bias = self._position_bias()
        x = F.pad(x, (0, 0, 0, pad_w, 0, pad_h))
        h, w = height + pad_h, width + pad_w
        # One window does not wander.
        shift = [0 if m >= size else s for m, size, s in zip(window, (h, w), self.shift_size)]
        if sum(shift) > 0:
            x = cnn.roll(x, shifts=(-shift[0], -shift[1]), dims=(1, 2))
        x = _windows(x, window)
        n, pixels = x.shape[:2]
        qkv = F.linear(x, self.qkv.weight, self._qkv_bias())
        qkv = qkv.reshape(n, pixels, 3, self.num_heads, c // self.num_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        scores = self._scores(q, k) + position_bias
        if sum(shift) > 0:
            apart = _apart(x, window, shift, h, w)
            scores = scores.view(b, n // b, self.num_heads, pixels, pixels)
            scores = (scores + apart.unsqueeze(1).unsqueeze(0)).view(n, -1, pixels, pixels)
        weights = F.dropout(F.softmax(scores, dim=-1), self.attention_dropout, self.training)
        x = weights.matmul(v).transpose(1, 2).reshape(n, pixels, c)
        x = F.dropout(self.proj(x), self.dropout, self.training)
        x = _from_windows(x, window, b, h, w)
        if sum(shift) > 0:
            x = cnn.roll(x, shifts=(shift[0], shift[1]), dims=(1, 2))
        return x[:, :height, :width, :].contiguous()


class ShiftedWindowAttentionV2(ShiftedWindowAttention):
    """By the cosine, and by relative position through two layers."""

    def __init__(
        self,
        dim,
        window_size,
        shift_size,
        num_heads,
        qkv_bias=True,
        proj_bias=True,
        attention_dropout=0.0,
        dropout=0.0,
    ):
        super().__init__(
            dim,
            window_size,
            shift_size,
            num_heads,
            qkv_bias,
            proj_bias,
            attention_dropout,
            dropout,
        )
        self.logit_scale = nn.Parameter(cnn.log(10 * cnn.ones((num_heads, 1, 1))))
        self.cpb_mlp = nn.Sequential(
            nn.Linear(2, 512), nn.ReLU(inplace=True), nn.Linear(512, num_heads, bias=False)
        )
        if qkv_bias:
            with cnn.no_grad():
                self.qkv.bias[dim : 2 * dim].zero_()

    def _define_table(self):
        axes = [cnn.arange(-(size - 1), size, dtype=cnn.float32) for size in self.window_size]
        table = cnn.stack(cnn.meshgrid(axes, indexing="ij"), dim=-1).unsqueeze(0)
        table = table / cnn.tensor([size - 1.0 for size in self.window_size]) * 8
        table = cnn.sign(table) * cnn.log2(cnn.abs(table) + 1.0) / 3.0
        self.register_buffer("relative_coords_table", table)

    def _position_bias(self):
        table = self.cpb_mlp(self.relative_coords_table).view(-1, self.num_heads)
        return 16 * cnn.sigmoid(self._bias_of(table))

    def _qkv_bias(self):
        bias = self.qkv.bias
        if bias is None:
            return None
        bias, third = bias.clone(), bias.numel() // 3
        bias[third : 2 * third].zero_()
        return bias

    def _scores(self, q, k):
        cosine = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)
        return cosine * self.logit_scale.clamp(max=math.log(100.0)).exp()


class SwinTransformerBlock(nn.Module):
    """Attention and two layers, each of what is normed, and added."""

    _attention = ShiftedWindowAttention

    def __init__(
        self,
        dim,
        num_heads,
        window_size,
        shift_size,
        mlp_ratio=4.0,
        dropout=0.0,
        attention_dropout=0.0,
        stochastic_depth_prob=0.0,
        norm_layer=nn.LayerNorm,
    ):
        super().__init__()
        self.norm1 = norm_layer(dim)
        self.attn = self._attention(
            dim,
            window_size,
            shift_size,
            num_heads,
            attention_dropout=attention_dropout,
            dropout=dropout,
        )
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.norm2 = norm_layer(dim)
        self.mlp = MLP(
            dim,
            [int(dim * mlp_ratio), dim],
            activation_layer=nn.GELU,
            inplace=None,
            dropout=dropout,
        )
        for m in self.mlp.modules():
            if isinstance(m, nn.Linear):
                init.xavier_uniform_(m.weight)
                init.normal_(m.bias, std=1e-6)

    def forward(self, x):
        x = x + self.stochastic_depth(self.attn(self.norm1(x)))
        return x + self.stochastic_depth(self.mlp(self.norm2(x)))


class SwinTransformerBlockV2(SwinTransformerBlock):
    """Attention and two layers, normed, and added."""

    _attention = ShiftedWindowAttentionV2

    def forward(self, x):
        x = x + self.stochastic_depth(self.norm1(self.attn(x)))
        return x + self.stochastic_depth(self.norm2(self.mlp(x)))


class SwinTransformer(nn.Module):
    """Stages of blocks over ever larger patches."""

    def __init__(
        self,
        patch_size,
        embed_dim,
        depths,
        num_heads,
        window_size,
        mlp_ratio=4.0,
        dropout=0.0,
        attention_dropout=0.0,
        stochastic_depth_prob=0.1,
        num_classes=1000,
        norm_layer=None,
        block=None,
        downsample_layer=PatchMerging,
    ):
        super().__init__()
        self.num_classes = num_classes
        block = block or SwinTransformerBlock
        norm_layer = norm_layer or partial(nn.LayerNorm, eps=1e-5)
        patch = tuple(patch_size)
        layers = [
            nn.Sequential(
                nn.Conv2d(3, embed_dim, kernel_size=patch, stride=patch),
                Permute([0, 2, 3, 1]),
                norm_layer(embed_dim),
            )
        ]
        total, done = sum(depths), 0
        for i, depth in enumerate(depths):
            dim, stage = embed_dim * 2**i, []
            for j in range(depth):
                stage.append(
                    block(
                        dim,
                        num_heads[i],
                        window_size=window_size,
                        shift_size=[0 if j % 2 == 0 else size // 2 for size in window_size],
                        mlp_ratio=mlp_ratio,
                        dropout=dropout,
                        attention_dropout=attention_dropout,
                        stochastic_depth_prob=stochastic_depth_prob * float(done) / (total - 1),
                        norm_layer=norm_layer,
                    )
                )
                done += 1
            layers.append(nn.Sequential(*stage))
            if i < len(depths) - 1:
                layers.append(downsample_layer(dim, norm_layer))
        self.features = nn.Sequential(*layers)
        width = embed_dim * 2 ** (len(depths) - 1)
        self.norm = norm_layer(width)
        self.permute = Permute([0, 3, 1, 2])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten(1)
        self.head = nn.Linear(width, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                init.trunc_normal_(m.weight, std=0.02)
                if m.bias is not None:
                    init.zeros_(m.bias)

    def forward(self, x):
        x = self.permute(self.norm(self.features(x)))
        return self.head(self.flatten(self.avgpool(x)))


def _variant(width, third, heads, window, probability, **options):
    return {
        "patch_size": [4, 4],
        "embed_dim": width,
        "depths": [2, 2, third, 2],
        "num_heads": [heads * 2**i for i in range(4)],
        "window_size": [window, window],
        "stochastic_depth_prob": probability,
        **options,
    }


_SECOND = {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2}
_VARIANTS = {
    "swin_t": _variant(96, 6, 3, 7, 0.2),
    "swin_s": _variant(96, 18, 3, 7, 0.3),
    "swin_b": _variant(128, 18, 4, 7, 0.5),
    "swin_v2_t": _variant(96, 6, 3, 8, 0.2, **_SECOND),
    "swin_v2_s": _variant(96, 18, 3, 8, 0.3, **_SECOND),
    "swin_v2_b": _variant(128, 18, 4, 8, 0.5, **_SECOND),
}
define(SwinTransformer, _VARIANTS)
__all__ = ["SwinTransformer", *_VARIANTS]
