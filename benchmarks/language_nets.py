"""Transformers in their published forms; `torch` is cnn or PyTorch.

The names in their state dicts are those of Hugging Face's BERT and of GPT-2 as nanoGPT has it.
"""

from __future__ import annotations


def initialized(torch, net):
    """Small normal weights, as both were published with."""
    for module in net.modules():
        if isinstance(module, (torch.nn.Linear, torch.nn.Embedding)):
            torch.nn.init.normal_(module.weight, std=0.02)
    return net


def heads_of(x, heads):
    """[batch, heads, places, width / heads] of x [batch, places, width]."""
    batch, places, width = x.shape
    return x.view(batch, places, heads, width // heads).transpose(1, 2)


def bert(torch, layers=12, width=768, heads=12, inner=3072, vocabulary=30522, places=512):
    """The encoder of BERT-base with its embeddings: hidden states of the tokens given."""
    nn, functional = torch.nn, torch.nn.functional

    class Embeddings(nn.Module):
        def __init__(self):
            super().__init__()
            self.word_embeddings = nn.Embedding(vocabulary, width)
            self.position_embeddings = nn.Embedding(places, width)
            self.token_type_embeddings = nn.Embedding(2, width)
            self.LayerNorm, self.dropout = nn.LayerNorm(width, eps=1e-12), nn.Dropout(0.1)
            self.register_buffer("position_ids", torch.arange(places).unsqueeze(0))

        def forward(self, tokens):
            position_ids = self.position_ids[:, : tokens.shape[1]]
            x = self.word_embeddings(tokens)
            x = x + self.token_type_embeddings(torch.zeros_like(tokens))
            x = x + self.position_embeddings(position_ids)
            return self.dropout(self.LayerNorm(x))

    class SelfAttention(nn.Module):
        def __init__(self):
            super().__init__()
            self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
            self.value = nn.Linear(width, width)

        def forward(self, x):
            q, k, v = (heads_of(part(x), heads) for part in (self.query, self.key, self.value))
            y = functional.scaled_dot_product_attention(q, k, v)
            return y.transpose(1, 2).reshape(x.shape)

    class Output(nn.Module):
        """Back to the residual stream: a linear layer, the sum and its norm."""

        def __init__(self, inputs):
            super().__init__()
            self.dense, self.dropout = nn.Linear(inputs, width), nn.Dropout(0.1)
            self.LayerNorm = nn.LayerNorm(width, eps=1e-12)

        def forward(self, y, x):
            return self.LayerNorm(self.dropout(self.dense(y)) + x)

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.self, self.output = SelfAttention(), Output(width)

        def forward(self, x):
            return self.output(self.self(x), x)

    class Intermediate(nn.Module):
        def __init__(self):
            super().__init__()
            self.dense = nn.Linear(width, inner)

        def forward(self, x):
            return functional.gelu(self.dense(x))

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention, self.intermediate = Attention(), Intermediate()
            self.output = Output(inner)

        def forward(self, x):
            x = self.attention(x)
            return self.output(self.intermediate(x), x)

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.ModuleList([Layer() for _ in range(layers)])

        def forward(self, x):
            for layer in self.layer:
                x = layer(x)
            return x

    class Bert(nn.Module):
        def __init__(self):
            super().__init__()
            self.embeddings, self.encoder = Embeddings(), Encoder()

        def forward(self, tokens):
            return self.encoder(self.embeddings(tokens))

    return initialized(torch, Bert())


def gpt(torch, layers=12, width=768, heads=12, vocabulary=50257, places=1024):
    """GPT-2 in its small form: logits of the next token at each place."""
    nn, functional = torch.nn, torch.nn.functional

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

        def forward(self, x):
            q, k, v = (heads_of(part, heads) for part in self.c_attn(x).split(width, dim=2))
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.c_proj(y.transpose(1, 2).reshape(x.shape))

    class Mlp(nn.Module):
        def __init__(self):
            super().__init__()
            self.c_fc, self.c_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x):
            return self.c_proj(functional.gelu(self.c_fc(x), approximate="tanh"))

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.ln_1, self.attn = nn.LayerNorm(width), Attention()
            self.ln_2, self.mlp = nn.LayerNorm(width), Mlp()

        def forward(self, x):
            x = x + self.attn(self.ln_1(x))
            return x + self.mlp(self.ln_2(x))

    class Gpt(nn.Module):
        def __init__(self):
            super().__init__()
            self.transformer = nn.ModuleDict(
                {
                    "wte": nn.Embedding(vocabulary, width),
                    "wpe": nn.Embedding(places, width),
                    "h": nn.ModuleList([Block() for _ in range(layers)]),
                    "ln_f": nn.LayerNorm(width),
                }
            )
            self.lm_head = nn.Linear(width, vocabulary, bias=False)

        def forward(self, tokens):
            parts = self.transformer
            x = parts["wte"](tokens) + parts["wpe"](torch.arange(tokens.shape[1]))
            for block in parts["h"]:
                x = block(x)
            return self.lm_head(parts["ln_f"](x))

    net = initialized(torch, Gpt())
    net.transformer["wte"].weight = net.lm_head.weight
    return net
