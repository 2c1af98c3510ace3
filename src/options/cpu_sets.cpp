// Sets of CPUs as command lines write them.
#include "options/cpu_sets.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "options/texts.h"
#include "options/values.h"

namespace llm::options {
namespace {

// Twice as many as a Linux kernel can count.
constexpr int kMostCpus = 16384;

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

std::vector<int> cpus_of_mask(std::string_view flag, std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with("0x") || digits.starts_with("0X")) digits.remove_prefix(2);
  const bool is_hex = !digits.empty() && std::all_of(digits.begin(), digits.end(),
                                                     [](char c) { return digit_of(c) >= 0; });
  if (!is_hex) fail("{}: expected a hexadecimal mask such as f0 or 0xf0, got '{}'", flag, text);
  std::vector<int> cpus;
  int first = 0;  // CPU of the digit's lowest bit
  for (auto c = digits.rbegin(); c != digits.rend() && first < kMostCpus; ++c, first += 4) {
    for (int bit = 0; bit < 4; ++bit)
      if (digit_of(*c) >> bit & 1) cpus.push_back(first + bit);
  }
  if (cpus.empty()) fail("{}: the mask '{}' names no CPU", flag, text);
  return cpus;
}

std::vector<int> cpus_of_range(std::string_view flag, std::string_view text) {
  const auto dash = text.find('-');
  if (dash == text.npos || text == "-")
    fail("{}: expected a range of CPUs such as 4-7, 4- or -7, got '{}'", flag, text);
  const auto low = text.substr(0, dash), high = text.substr(dash + 1);
  const auto first = low.empty() ? 0 : integer(flag, low, 0, kMostCpus - 1);
  const auto last = high.empty() ? kMostCpus - 1 : integer(flag, high, 0, kMostCpus - 1);
  if (first > last) fail("{}: the range '{}' ends before it begins", flag, text);
  std::vector<int> cpus;
  for (auto cpu = first; cpu <= last; ++cpu) cpus.push_back(static_cast<int>(cpu));
  return cpus;
}

void apply_cpu_mask(Pending& p, std::string_view flag, std::string_view value) {
  p.options.threads.generating.mask = cpus_of_mask(flag, value);
}

void apply_cpu_range(Pending& p, std::string_view flag, std::string_view value) {
  p.options.threads.generating.range = cpus_of_range(flag, value);
}

void apply_cpu_mask_batch(Pending& p, std::string_view flag, std::string_view value) {
  p.options.threads.reading.mask = cpus_of_mask(flag, value);
}

void apply_cpu_range_batch(Pending& p, std::string_view flag, std::string_view value) {
  p.options.threads.reading.range = cpus_of_range(flag, value);
}

}  // namespace llm::options

namespace llm {

std::vector<int> TeamOptions::cpus() const {
  std::vector<int> both;
  std::set_union(mask.begin(), mask.end(), range.begin(), range.end(), std::back_inserter(both));
  return both;
}

}  // namespace llm
