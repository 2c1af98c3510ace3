// Names, aliases and letters of the samplers.
#include <array>
#include <stdexcept>
#include <string_view>

#include "sampling/sampling.h"

namespace llm {
namespace {

struct Row {
  SamplerKind kind;
  const char* name;
  char letter;
  std::array<std::string_view, 4> aliases;  // without separators, lower case
};

constexpr Row kRows[] = {
    {SamplerKind::penalties, "penalties", 'e', {"penalties"}},
    {SamplerKind::dry, "dry", 'd', {"dry"}},
    {SamplerKind::top_n_sigma, "top_n_sigma", 's', {"topnsigma"}},
    {SamplerKind::top_k, "top_k", 'k', {"topk"}},
    {SamplerKind::typical_p, "typ_p", 'y', {"typp", "typical", "typicalp", "typ"}},
    {SamplerKind::top_p, "top_p", 'p', {"topp", "nucleus"}},
    {SamplerKind::min_p, "min_p", 'm', {"minp"}},
    {SamplerKind::xtc, "xtc", 'x', {"xtc"}},
    {SamplerKind::temperature, "temperature", 't', {"temperature", "temp"}},
    {SamplerKind::adaptive_p, "adaptive_p", 'a', {"adaptivep"}},
    {SamplerKind::infill, "infill", 'i', {"infill"}},
};

}  // namespace

const char* sampler_name(SamplerKind kind) {
  for (const Row& row : kRows)
    if (row.kind == kind) return row.name;
  return "";
}

SamplerKind sampler_kind(const std::string& name) {
  std::string plain;  // '-', '_' and case do not matter
  for (const char c : name)
    if (c != '-' && c != '_') plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  for (const Row& row : kRows)
    for (const std::string_view alias : row.aliases)
      if (!alias.empty() && alias == plain) return row.kind;
  throw std::out_of_range("unknown sampler '" + name + "'");
}

std::vector<SamplerKind> samplers_from_chars(const std::string& chars) {
  std::vector<SamplerKind> kinds;
  for (const char c : chars) {
    const Row* found = nullptr;
    for (const Row& row : kRows)
      if (row.letter == c) found = &row;
    if (!found) throw std::out_of_range(std::string("unknown sampler letter '") + c + "'");
    kinds.push_back(found->kind);
  }
  return kinds;
}

}  // namespace llm
