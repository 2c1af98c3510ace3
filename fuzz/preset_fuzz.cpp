// Files of presets: any bytes end in presets, of which a model's own win over those for all, or in
// an Error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "router/preset_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llm::router;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const PresetFile file = parse_preset_file(text, "fuzz.ini");
    for (const auto& [name, preset] : file.models) {
      if (name.empty() || name == "*") std::abort();
      Preset both = file.all;
      both.lay_over(preset);
      const bool same_pin = !preset.pinned || both.pinned == preset.pinned;
      const bool same_start =
          !preset.load_on_startup || both.load_on_startup == preset.load_on_startup;
      const bool same_timeout =
          !preset.stop_timeout_s || both.stop_timeout_s == preset.stop_timeout_s;
      if (!same_pin || !same_start || !same_timeout) std::abort();
    }
  } catch (const llm::Error&) {
  }
  return 0;
}
