// Rotary parameters from the file's keys and the command line's overrides.
#pragma once

#include <string_view>

#include "model/reader.h"

namespace llm {

/// Reads "rope.freq_base", "rope.scaling.*" and the factor tensors (rope_freqs, or the long or
/// short set of longrope).
compute::Rope read_rope(ModelReader& reader, compute::Rope::Pairing pairing);

/// The same for files that also hold "rope.scaling.yarn_beta_fast", ".yarn_beta_slow" and
/// ".yarn_log_multiplier".
compute::Rope read_detailed_rope(ModelReader& reader, compute::Rope::Pairing pairing);

/// Rope with sections for time, height and width ("rope.dimension_sections"), as text sees it: all
/// sections at the same position, but pairs that belong to none of the three do not turn.
/// `interleaved`: pairs take turns among the sections instead of following each other.
compute::Rope read_text_mrope(ModelReader& reader, bool interleaved);

/// For layers with a sliding window: base from "rope.freq_base_swa", no scaling, no factors.
compute::Rope read_window_rope(ModelReader& reader, compute::Rope::Pairing pairing,
                               float default_base);

/// The same where windows share the main rope, scaling included, but for a base of their own if the
/// file has one.
compute::Rope read_window_rope(ModelReader& reader, const compute::Rope& main);

/// The rope without its scaling.
compute::Rope unscaled(compute::Rope rope);

}  // namespace llm
