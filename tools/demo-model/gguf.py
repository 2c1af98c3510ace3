"""Writes and reads GGUF version 3 files with F32 and Q8_0 tensors (numpy only)."""

import struct

import numpy as np

ALIGNMENT = 32
F32, Q8_0 = 0, 8
U32, I32, FLOAT, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}


def quantize_q8_0(values):
    """Bytes of a float32 array in blocks of 32: half-precision scale, 32 signed bytes."""
    blocks = np.ascontiguousarray(values, dtype=np.float32).reshape(-1, 32)
    scale = np.abs(blocks).max(axis=1) / np.float32(127)
    inverse = np.divide(np.float32(1), scale, out=np.zeros_like(scale), where=scale > 0)
    scaled = blocks * inverse[:, None]
    rounded = np.trunc(scaled + np.copysign(np.float32(0.5), scaled)).astype(np.int8)
    out = np.empty((len(blocks), 34), dtype=np.uint8)
    out[:, :2] = scale.astype("<f2").view(np.uint8).reshape(-1, 2)
    out[:, 2:] = rounded.view(np.uint8)
    return out.tobytes()


def dequantize_q8_0(data, count):
    """Float32 values of Q8_0 bytes."""
    raw = np.frombuffer(data, dtype=np.uint8, count=count // 32 * 34).reshape(-1, 34)
    scale = raw[:, :2].copy().view("<f2").astype(np.float32)
    return (raw[:, 2:].copy().view(np.int8).astype(np.float32) * scale).reshape(-1)


def _string(text):
    data = text.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def _value(kind, value):
    if kind == STRING:
        return _string(value)
    if kind == ARRAY:
        element, items = value
        return struct.pack("<iQ", element, len(items)) + b"".join(_value(element, v) for v in items)
    return struct.pack(SCALARS[kind], value)


def write(path, keys, tensors):
    """Writes a file. keys: [(name, type, value)], tensors: [(name, float32 array, type)]."""
    head = [b"GGUF", struct.pack("<Iqq", 3, len(tensors), len(keys))]
    for name, kind, value in keys:
        head.append(_string(name) + struct.pack("<i", kind) + _value(kind, value))
    offset, bodies = 0, []
    for name, array, kind in tensors:
        body = quantize_q8_0(array) if kind == Q8_0 else np.ascontiguousarray(array, dtype="<f4").tobytes()
        dims = array.shape[::-1]
        head.append(_string(name) + struct.pack("<I", len(dims)) + b"".join(struct.pack("<q", d) for d in dims)
                    + struct.pack("<iQ", kind, offset))
        body += b"\0" * (-len(body) % ALIGNMENT)
        offset += len(body)
        bodies.append(body)
    header = b"".join(head)
    with open(path, "wb") as f:
        f.write(header + b"\0" * (-len(header) % ALIGNMENT))
        f.writelines(bodies)


class Reader:
    """Keys and dequantised tensors of a file."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = f.read()
        magic, version, n_tensors, n_keys = struct.unpack_from("<4sIqq", self.data)
        if magic != b"GGUF" or version != 3:
            raise ValueError(f"{path} is not a GGUF version 3 file")
        self.at = 24
        self.keys, self.tensors = {}, {}
        for _ in range(n_keys):
            name = self._text()
            self.keys[name] = self._read(self._number("<i"))
        infos = []
        for _ in range(n_tensors):
            name = self._text()
            dims = [self._number("<q") for _ in range(self._number("<I"))]
            infos.append((name, dims, self._number("<i"), self._number("<Q")))
        start = self.at + -self.at % ALIGNMENT
        for name, dims, kind, offset in infos:
            count = int(np.prod(dims))
            if kind == Q8_0:
                flat = dequantize_q8_0(self.data[start + offset:start + offset + count // 32 * 34], count)
            elif kind == F32:
                flat = np.frombuffer(self.data, dtype="<f4", count=count, offset=start + offset)
            else:
                raise ValueError(f"tensor {name} has type {kind}; only F32 and Q8_0 are read")
            self.tensors[name] = flat.reshape(dims[::-1])

    def _number(self, form):
        value = struct.unpack_from(form, self.data, self.at)[0]
        self.at += struct.calcsize(form)
        return value

    def _text(self):
        size = self._number("<Q")
        self.at += size
        return self.data[self.at - size:self.at].decode("utf-8")

    def _read(self, kind):
        if kind == STRING:
            return self._text()
        if kind == ARRAY:
            element, count = self._number("<i"), self._number("<Q")
            return [self._read(element) for _ in range(count)]
        return self._number(SCALARS[kind])
