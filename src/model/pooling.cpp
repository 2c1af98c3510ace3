#include "model/pooling.h"

#include <cassert>
#include <utility>

namespace llm {

const char* pooling_name(Pooling pooling) {
  switch (pooling) {
    case Pooling::none:
      return "none";
    case Pooling::mean:
      return "mean";
    case Pooling::cls:
      return "cls";
    case Pooling::last:
      return "last";
    case Pooling::rank:
      return "rank";
  }
  return "";
}

Outputs Pooler::outputs(bool reaches_end) const {
  if (how_ != Pooling::last) return Outputs::all;
  return reaches_end ? Outputs::last : Outputs::none;
}

void Pooler::add(std::span<const float> row) {
  assert(static_cast<int>(row.size()) == width_ && how_ != Pooling::rank);
  const bool is_first = count_++ == 0;
  switch (how_) {
    case Pooling::none:
      kept_.insert(kept_.end(), row.begin(), row.end());
      break;
    case Pooling::mean:
      sums_.resize(row.size());
      for (std::size_t i = 0; i < row.size(); ++i) sums_[i] += row[i];
      break;
    case Pooling::cls:
      if (is_first) kept_.assign(row.begin(), row.end());
      break;
    case Pooling::last:
    case Pooling::rank:
      kept_.assign(row.begin(), row.end());
      break;
  }
}

std::vector<float> Pooler::take() {
  for (const double sum : sums_) kept_.push_back(static_cast<float>(sum / count_));
  sums_.clear();
  count_ = 0;
  return std::exchange(kept_, {});
}

}  // namespace llm
