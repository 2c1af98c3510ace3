// Full case mappings that simple one-to-one tables lack.
#pragma once

#include <array>
#include <span>

namespace llm::chat::jinja::unicode {

/// Unused places are 0.
struct SpecialCase {
  char32_t code_point;
  std::array<char32_t, 3> upper;
  std::array<char32_t, 3> title;
};

std::span<const SpecialCase> special_cases() noexcept;

}  // namespace llm::chat::jinja::unicode
