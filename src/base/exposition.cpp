#include "base/exposition.h"

#include <fmt/format.h>

#include <cmath>

namespace llm {
namespace {

/// Backslash and line feed in help texts; in label values the quote, too.
std::string escaped(std::string_view text, bool is_label) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && is_label) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
  return out;
}

/// The shortest digits that give the same double.
std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

}  // namespace

void Exposition::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name,
                 escaped(help, /*is_label=*/false), name, type);
}

void Exposition::sample(Labels labels, double value) {
  line("", labels, "", value);
}

void Exposition::histogram(Labels labels, const HistogramValues& values) {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < values.counts.size(); ++i) {
    below += values.counts[i];
    const std::string bound = i < values.bounds.size() ? number(values.bounds[i]) : "+Inf";
    line("_bucket", labels, bound, static_cast<double>(below));
  }
  if (values.counts.empty()) return;
  line("_sum", labels, "", values.sum);
  line("_count", labels, "", static_cast<double>(below));
}

void Exposition::line(std::string_view suffix, Labels labels, std::string_view bound,
                      double value) {
  text_ += name_;
  text_ += suffix;
  char before = '{';
  const auto add = [&](std::string_view name, std::string_view content) {
    if (content.empty()) return;
    fmt::format_to(std::back_inserter(text_), "{}{}=\"{}\"", before, name,
                   escaped(content, /*is_label=*/true));
    before = ',';
  };
  for (const auto& [name, content] : labels) add(name, content);
  add("le", bound);
  if (before == ',') text_ += '}';
  text_ += ' ' + number(value) + '\n';
}

}  // namespace llm
