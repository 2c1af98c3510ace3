#include "engine/text_stream.h"

#include <algorithm>
#include <utility>

namespace llm {

TextStream::TextStream(const Tokenizer& tokenizer, bool show_special,
                       std::vector<std::string> stops, int min_indent)
    : detokenizer_(tokenizer, show_special), stops_(std::move(stops)), min_indent_(min_indent) {}

TextStream::Step TextStream::add(std::string text) {
  withheld_ += text;
  const std::string* found = nullptr;
  std::size_t first = std::string::npos;
  for (const std::string& stop : stops_) {
    const std::size_t at = withheld_.find(stop);
    if (at < first) first = at, found = &stop;
  }
  if (found) {
    Step step = release(withheld_.substr(0, first));
    step.stop_word = *found;
    withheld_.clear();
    return step;
  }
  const std::size_t length = safe_length();
  Step step = release(withheld_.substr(0, length));
  withheld_.erase(0, length);
  return step;
}

std::string TextStream::finish() {
  withheld_ += detokenizer_.finish();
  return release(std::exchange(withheld_, {})).text;
}

std::size_t TextStream::safe_length() const {
  std::size_t withhold = 0;
  for (const std::string& stop : stops_) {
    const std::size_t longest = std::min(stop.size() - 1, withheld_.size());
    for (std::size_t length = longest; length > withhold; --length) {
      const std::string_view tail = std::string_view(withheld_).substr(withheld_.size() - length);
      if (std::string_view(stop).starts_with(tail)) withhold = length;
    }
  }
  return withheld_.size() - withhold;
}

TextStream::Step TextStream::release(std::string text) {
  Step step;
  const std::size_t cut = min_indent_ > 0 ? find_small_indent(text) : std::string::npos;
  if (cut != std::string::npos) {
    text.resize(cut);
    step.is_indent_too_small = true;
  }
  step.has_newline = text.find('\n') != std::string::npos;
  has_new_line_ |= step.has_newline;
  step.text = std::move(text);
  return step;
}

std::size_t TextStream::find_small_indent(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') {
      at_line_start_ = true;
      indent_ = 0;
    } else if (at_line_start_ && (text[i] == ' ' || text[i] == '\t')) {
      ++indent_;
    } else if (at_line_start_) {
      if (indent_ < min_indent_) return i;
      at_line_start_ = false;
    }
  }
  return std::string::npos;
}

}  // namespace llm
