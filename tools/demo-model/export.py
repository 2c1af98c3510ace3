"""Turns a checkpoint into a GGUF file: matrices as Q8_0, norms as F32.

    export.py DIR/model.pt DIR/tokenizer.json demo.gguf [average]

With `average` the running average of the weights is taken instead of the last weights.
"""

import os
import sys

import torch

import gguf
from model import Config, DemoModel
from tokenizer import CONTROL_TOKENS, USER_TOKENS, Tokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
LAYER_NAMES = {
    "attn_norm.weight": "attn_norm", "attn.q.weight": "attn_q", "attn.k.weight": "attn_k", "attn.v.weight": "attn_v",
    "attn.o.weight": "attn_output", "attn.q_norm.weight": "attn_q_norm", "attn.k_norm.weight": "attn_k_norm",
    "ffn_norm.weight": "ffn_norm", "gate.weight": "ffn_gate", "up.weight": "ffn_up", "down.weight": "ffn_down",
}


def tensor_names(layers):
    """[(name in the network, name in the file)]."""
    names = [("embed.weight", "token_embd.weight")]
    for i in range(layers):
        names += [(f"layers.{i}.{ours}", f"blk.{i}.{theirs}.weight") for ours, theirs in LAYER_NAMES.items()]
    return names + [("norm.weight", "output_norm.weight")]


def metadata(config, tokenizer):
    """All keys of the file."""
    with open(os.path.join(HERE, "template.jinja"), encoding="utf-8") as f:
        template = f.read().rstrip("\n")
    ids = tokenizer.id
    kinds = [3 if t in CONTROL_TOKENS else 4 if t in USER_TOKENS else 1 for t in tokenizer.tokens]
    u32 = gguf.U32
    arch, tok = "qwen3.", "tokenizer.ggml."
    return [
        ("general.architecture", gguf.STRING, "qwen3"),
        ("general.type", gguf.STRING, "model"),
        ("general.name", gguf.STRING, "llama-server demo"),
        ("general.description", gguf.STRING, "A very small chat model to try llama-server with. It knows a few simple things."),
        ("general.author", gguf.STRING, "the llama-server authors"),
        ("general.license", gguf.STRING, "MIT"),
        ("general.size_label", gguf.STRING, "4M"),
        ("general.languages", gguf.ARRAY, (gguf.STRING, ["en"])),
        ("general.quantization_version", u32, 2),
        ("general.file_type", u32, 7),
        (arch + "vocab_size", u32, config.vocab),
        (arch + "context_length", u32, config.context),
        (arch + "embedding_length", u32, config.width),
        (arch + "block_count", u32, config.layers),
        (arch + "feed_forward_length", u32, config.ffn),
        (arch + "attention.head_count", u32, config.heads),
        (arch + "attention.head_count_kv", u32, config.kv_heads),
        (arch + "attention.key_length", u32, config.head_dim),
        (arch + "attention.value_length", u32, config.head_dim),
        (arch + "attention.layer_norm_rms_epsilon", gguf.FLOAT, config.eps),
        (arch + "rope.dimension_count", u32, config.head_dim),
        (arch + "rope.freq_base", gguf.FLOAT, config.rope_base),
        (tok + "model", gguf.STRING, "gpt2"),
        (tok + "pre", gguf.STRING, "qwen2"),
        (tok + "tokens", gguf.ARRAY, (gguf.STRING, tokenizer.tokens)),
        (tok + "token_type", gguf.ARRAY, (gguf.I32, kinds)),
        (tok + "merges", gguf.ARRAY, (gguf.STRING, [" ".join(m) for m in tokenizer.merges])),
        (tok + "bos_token_id", u32, ids["<|endoftext|>"]),
        (tok + "eos_token_id", u32, ids["<|im_end|>"]),
        (tok + "eot_token_id", u32, ids["<|im_end|>"]),
        (tok + "padding_token_id", u32, ids["<|endoftext|>"]),
        (tok + "fim_pre_token_id", u32, ids["<|fim_prefix|>"]),
        (tok + "fim_suf_token_id", u32, ids["<|fim_suffix|>"]),
        (tok + "fim_mid_token_id", u32, ids["<|fim_middle|>"]),
        (tok + "fim_pad_token_id", u32, ids["<|fim_pad|>"]),
        (tok + "fim_rep_token_id", u32, ids["<|repo_name|>"]),
        (tok + "fim_sep_token_id", u32, ids["<|file_sep|>"]),
        (tok + "add_bos_token", gguf.BOOL, False),
        (tok + "add_eos_token", gguf.BOOL, False),
        ("tokenizer.chat_template", gguf.STRING, template),
    ]


def export(checkpoint, tokenizer_file, path, part="model"):
    """Writes the GGUF file of a checkpoint; `part` is "model" or "average"."""
    state = torch.load(checkpoint, map_location="cpu")
    config, tokenizer = Config(**state["config"]), Tokenizer.load(tokenizer_file)
    tensors = []
    for ours, theirs in tensor_names(config.layers):
        array = state[part][ours].float().numpy()
        tensors.append((theirs, array, gguf.Q8_0 if array.ndim == 2 else gguf.F32))
    gguf.write(path, metadata(config, tokenizer), tensors)
    print(path, os.path.getsize(path), "bytes, step", state.get("step"), "tokens", state.get("tokens"))


def load(path):
    """(network, tokenizer) of an exported file, with the dequantised weights."""
    reader = gguf.Reader(path)
    k = reader.keys
    config = Config(vocab=k["qwen3.vocab_size"], width=k["qwen3.embedding_length"], layers=k["qwen3.block_count"],
                    heads=k["qwen3.attention.head_count"], kv_heads=k["qwen3.attention.head_count_kv"],
                    head_dim=k["qwen3.attention.key_length"], ffn=k["qwen3.feed_forward_length"],
                    rope_base=k["qwen3.rope.freq_base"], eps=k["qwen3.attention.layer_norm_rms_epsilon"], context=k["qwen3.context_length"])
    model = DemoModel(config)
    names = {ours: theirs for ours, theirs in tensor_names(config.layers)}
    model.load_state_dict({ours: torch.from_numpy(reader.tensors[theirs].copy()) for ours, theirs in names.items()})
    merges = [m.split(" ", 1) for m in k["tokenizer.ggml.merges"]]
    return model.eval(), Tokenizer(k["tokenizer.ggml.tokens"], merges)


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    export(*sys.argv[1:])
