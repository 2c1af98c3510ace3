// Rotary parameters from the file's keys and the command line's overrides.
#pragma once

#include <string_view>

#include "model/reader.h"

namespace llm {

/// Reads "rope.freq_base", "rope.scaling.*" and the factor tensors (rope_freqs, or the long or
/// short set of longrope).
compute::Rope read_rope(ModelReader& reader, compute::Rope::Pairing pairing);

/// For layers with a sliding window: base from "rope.freq_base_swa", no scaling, no factors.
compute::Rope read_window_rope(ModelReader& reader, compute::Rope::Pairing pairing,
                               float default_base);

}  // namespace llm
