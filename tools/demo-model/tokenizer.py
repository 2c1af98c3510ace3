"""Byte-level BPE: word split of the "qwen2" pre-tokeniser, training, encoding."""

import json
import re
import unicodedata
from collections import Counter, defaultdict

CONTROL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|fim_prefix|>",
                  "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>",
                  "<|file_sep|>"]
USER_TOKENS = ["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"]
SPECIAL_TOKENS = CONTROL_TOKENS + USER_TOKENS
SPECIAL_SPLIT = re.compile("(" + "|".join(re.escape(t) for t in SPECIAL_TOKENS) + ")")


def _category_class(letter):
    """Text of a character class with all code points of one Unicode category group."""
    parts, start = [], None
    for c in range(0x30000):
        inside = unicodedata.category(chr(c))[0] == letter
        if inside and start is None:
            start = c
        if not inside and start is not None:
            parts.append("\\U%08x-\\U%08x" % (start, c - 1))
            start = None
    return "".join(parts)


_L, _N = _category_class("L"), _category_class("N")
_S = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
WORD = re.compile(
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
    rf"|[^\r\n{_L}{_N}]?[{_L}]+|[{_N}]| ?[^{_S}{_L}{_N}]+[\r\n]*|[{_S}]*[\r\n]+"
    rf"|[{_S}]+(?![^{_S}])|[{_S}]+")


def byte_letters():
    """The printable stand-in for each byte, as byte-level vocabularies use it."""
    keep = list(range(0x21, 0x7F)) + list(range(0xA1, 0xAD)) + list(range(0xAE, 0x100))
    table, extra = {}, 0x100
    for b in range(256):
        if b in keep:
            table[b] = chr(b)
        else:
            table[b] = chr(extra)
            extra += 1
    return table


LETTER = byte_letters()
BYTE = {v: k for k, v in LETTER.items()}


def to_letters(word):
    """A word as byte stand-ins."""
    return "".join(LETTER[b] for b in word.encode("utf-8"))


def train(texts, size):
    """Learns merges from an iterable of texts; returns (tokens, merges)."""
    counts = Counter()
    for text in texts:
        for part in SPECIAL_SPLIT.split(text):
            if part not in SPECIAL_TOKENS:
                counts.update(WORD.findall(part))
    words = [(list(to_letters(w)), n) for w, n in counts.items()]
    pairs, where = Counter(), defaultdict(set)
    for i, (w, n) in enumerate(words):
        for p in zip(w, w[1:]):
            pairs[p] += n
            where[p].add(i)
    tokens = [LETTER[b] for b in range(256)]
    merges = []
    while len(tokens) + len(SPECIAL_TOKENS) < size:
        best = max(pairs, key=lambda p: (pairs[p], p))
        if pairs[best] < 2:
            break
        merges.append(best)
        joined = "".join(best)
        tokens.append(joined)
        for i in list(where[best]):
            w, n = words[i]
            for p in zip(w, w[1:]):
                pairs[p] -= n
            new, j = [], 0
            while j < len(w):
                if j + 1 < len(w) and (w[j], w[j + 1]) == best:
                    new.append(joined)
                    j += 2
                else:
                    new.append(w[j])
                    j += 1
            words[i] = (new, n)
            for p in zip(new, new[1:]):
                pairs[p] += n
                where[p].add(i)
        del pairs[best], where[best]
    return tokens + SPECIAL_TOKENS, merges


class Tokenizer:
    """Encodes and decodes with a trained vocabulary."""

    def __init__(self, tokens, merges):
        self.tokens = tokens
        self.merges = [tuple(m) for m in merges]
        self.id = {t: i for i, t in enumerate(tokens)}
        self.rank = {m: i for i, m in enumerate(self.merges)}
        self.words = {}

    @classmethod
    def load(cls, path):
        """Reads the JSON file written by save()."""
        with open(path, encoding="utf-8") as f:
            data = json.load(f)
        return cls(data["tokens"], data["merges"])

    def save(self, path):
        """Writes tokens and merges as JSON."""
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"tokens": self.tokens, "merges": self.merges}, f, ensure_ascii=False)

    def _word(self, word):
        ids = self.words.get(word)
        if ids is None:
            parts = list(to_letters(word))
            while len(parts) > 1:
                ranks = [self.rank.get(p, 1 << 30) for p in zip(parts, parts[1:])]
                low = min(ranks)
                if low == 1 << 30:
                    break
                i = ranks.index(low)
                parts[i:i + 2] = [parts[i] + parts[i + 1]]
            ids = self.words[word] = [self.id[p] for p in parts]
        return ids

    def encode(self, text, special=True):
        """Token ids of a text; `special` recognises the special tokens in it."""
        ids = []
        for part in SPECIAL_SPLIT.split(text) if special else [text]:
            if special and part in SPECIAL_TOKENS:
                ids.append(self.id[part])
            else:
                for word in WORD.findall(part):
                    ids.extend(self._word(word))
        return ids

    def decode(self, ids):
        """Text of token ids; special tokens appear as their names."""
        out = b""
        for i in ids:
            token = self.tokens[i]
            out += token.encode() if token in SPECIAL_TOKENS else bytes(BYTE[c] for c in token)
        return out.decode("utf-8", "replace")
