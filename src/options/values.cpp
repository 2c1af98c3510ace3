#include "options/values.h"

#include <fmt/ranges.h>

#include <charconv>
#include <cmath>

#include "base/error.h"
#include "options/texts.h"

namespace llm::options {
namespace {

constexpr double kIntMin = std::numeric_limits<int>::min();
constexpr double kIntMax = std::numeric_limits<int>::max();

/// "an integer from 0 to 9", "a number of at least 0", "a number".
std::string expectation(std::string_view kind, double low, double high) {
  const bool has_low = low > -kUnlimited, has_high = high < kUnlimited;
  if (has_low && has_high) return fmt::format("{} from {} to {}", kind, low, high);
  if (has_low) return fmt::format("{} of at least {}", kind, low);
  if (has_high) return fmt::format("{} of at most {}", kind, high);
  return std::string(kind);
}

void set_integer(Pending& pending, Ref<int> to, const Row& row, std::string_view flag,
                 std::string_view value) {
  to(pending.options) =
      static_cast<int>(integer(flag, value, static_cast<std::int64_t>(std::max(row.low, kIntMin)),
                               static_cast<std::int64_t>(std::min(row.high, kIntMax))));
}

void set_number(Pending& pending, Ref<float> to, const Row& row, std::string_view flag,
                std::string_view value) {
  to(pending.options) = static_cast<float>(number(flag, value, row.low, row.high));
}

void set_text(Pending& pending, Ref<std::string> to, const Row& row, std::string_view flag,
              std::string_view value) {
  if (!row.choices.empty()) {
    const auto known = split(row.choices, '|');
    if (std::find(known.begin(), known.end(), value) == known.end())
      fail("{}: expected one of {}, got '{}'", flag, fmt::join(known, ", "), value);
  }
  to(pending.options) = value;
}

}  // namespace

std::int64_t integer(std::string_view flag, std::string_view text, std::int64_t low,
                     std::int64_t high) {
  std::int64_t parsed = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), parsed);
  const bool is_whole = end == text.data() + text.size() && !text.empty();
  if (problem != std::errc{} || !is_whole || parsed < low || parsed > high)
    fail("{}: expected {}, got '{}'", flag,
         expectation("an integer", static_cast<double>(low),
                     high == kIntMax ? kUnlimited : static_cast<double>(high)),
         text);
  return parsed;
}

double number(std::string_view flag, std::string_view text, double low, double high) {
  double parsed = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), parsed);
  const bool is_whole = end == text.data() + text.size() && !text.empty();
  const bool is_float = std::isfinite(static_cast<float>(parsed));
  if (problem != std::errc{} || !is_whole || !is_float || parsed < low || parsed > high)
    fail("{}: expected {}, got '{}'", flag, expectation("a number", low, high), text);
  return parsed;
}

std::optional<bool> bool_word(std::string_view text) {
  for (const auto word : {"true", "1", "on", "enabled"})
    if (text == word) return true;
  for (const auto word : {"false", "0", "off", "disabled"})
    if (text == word) return false;
  return std::nullopt;
}

void apply_value(Pending& pending, const Row& row, std::string_view flag, std::string_view value) {
  if (row.apply) return row.apply(pending, flag, value);
  if (const auto* to_int = std::get_if<Ref<int>>(&row.to)) {
    set_integer(pending, *to_int, row, flag, value);
  } else if (const auto* to_float = std::get_if<Ref<float>>(&row.to)) {
    set_number(pending, *to_float, row, flag, value);
  } else if (const auto* to_text = std::get_if<Ref<std::string>>(&row.to)) {
    set_text(pending, *to_text, row, flag, value);
  } else if (const auto* to_unsigned = std::get_if<Ref<std::uint32_t>>(&row.to)) {
    // -1 is the largest value: for seeds, "random".
    (*to_unsigned)(pending.options) = static_cast<std::uint32_t>(integer(
        flag, value, static_cast<std::int64_t>(row.low), static_cast<std::int64_t>(row.high)));
  } else {
    number(flag, value, row.low, row.high);  // only checked: the row's notice says why
  }
}

void apply_switch(Pending& pending, const Row& row, std::string_view flag, bool on) {
  if (row.apply) return row.apply(pending, flag, on ? "on" : "off");
  if (const auto* to_bool = std::get_if<Ref<bool>>(&row.to)) (*to_bool)(pending.options) = on;
}

}  // namespace llm::options
