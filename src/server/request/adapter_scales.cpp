#include "server/request/adapter_scales.h"

#include <cmath>
#include <limits>

#include "base/error.h"
#include "server/request/fields.h"

namespace llm::server {
namespace {

/// Ids that no adapter can have are the same as unknown ones.
int read_id(const std::string& name, const Json& value) {
  if (!value.is_number()) wrong_type(name, "number", value);
  const double id = value.get<double>();
  const bool is_id = id >= 0 && id <= std::numeric_limits<int>::max() && id == std::trunc(id);
  return is_id ? static_cast<int>(id) : -1;
}

float read_scale(const std::string& name, const Json& value) {
  if (!value.is_number()) wrong_type(name, "number", value);
  const double scale = value.get<double>();
  if (std::abs(scale) > std::numeric_limits<float>::max()) {
    bad_field(name, fmt::format("Field '{}': {} is not a finite 32-bit number", name, scale));
  }
  return static_cast<float>(scale);
}

}  // namespace

std::vector<AdapterScale> read_adapter_scales(const std::string& field, const Json& list) {
  std::vector<AdapterScale> scales;
  for (const Json& item : list) {
    if (!item.is_object()) wrong_type(field, "object", item);
    AdapterScale& one = scales.emplace_back();
    if (const Json* id = find(item, "id")) one.id = read_id(field + ".id", *id);
    if (const Json* name = find(item, "name")) one.name = read_string(field + ".name", *name);
    if (const Json* scale = find(item, "scale")) one.scale = read_scale(field + ".scale", *scale);
  }
  return scales;
}

}  // namespace llm::server
