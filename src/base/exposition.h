// The Prometheus text format 0.0.4, written.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/histogram.h"

namespace llm {

class Exposition {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  /// Begins a family; its samples follow. Names are [a-zA-Z_:][a-zA-Z0-9_:]*. Labels without a
  /// value are left out: to Prometheus that is the same.
  void family(std::string_view name, std::string_view type, std::string_view help);
  void sample(Labels labels, double value);
  void sample(double value) { sample({}, value); }
  /// All buckets, cumulated, then sum and count.
  void histogram(Labels labels, const HistogramValues& values);

  std::string take() { return std::move(text_); }

 private:
  void line(std::string_view suffix, Labels labels, std::string_view bound, double value);

  std::string name_, text_;
};

}  // namespace llm
