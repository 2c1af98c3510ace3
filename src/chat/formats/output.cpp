#include "chat/formats/output.h"

#include <algorithm>

namespace llm::chat {
namespace {

constexpr std::size_t kMaxWarnings = 20;

/// How much of `text` is left without the white space at its end.
std::size_t without_space_behind(std::string_view text) {
  const std::size_t last = text.find_last_not_of(kSpace);
  return last == std::string_view::npos ? 0 : last + 1;
}

}  // namespace

void Output::open_reasoning(std::string_view tag, bool is_continued) {
  in_reasoning_ = true;
  reasoning_started_ = is_continued;
  if (inlines()) put_content(tag);
}

void Output::reasoning(std::string_view text) {
  if (inlines()) put_content(text);
  if (mode_ == ReasoningOutput::inlined) return;
  if (!reasoning_started_) {
    const std::size_t first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos) return;
    text.remove_prefix(first);
    reasoning_started_ = true;
  }
  const std::size_t solid = without_space_behind(text);
  if (solid > 0) {
    reasoning_space_ += text.substr(0, solid);
    message_.reasoning += reasoning_space_;
    delta_.reasoning += reasoning_space_;
    reasoning_space_.clear();
  }
  reasoning_space_ += text.substr(solid);
}

void Output::close_reasoning(std::string_view tag) {
  in_reasoning_ = false;
  reasoning_space_.clear();
  if (inlines())
    put_content(tag);
  else
    trims_ = true;
}

void Output::content(std::string_view text) {
  if (text.find_first_not_of(kSpace) != std::string_view::npos) has_content_ = true;
  if (strip_fence_ && fence_ != Fence::absent)
    content_past_fence(text);
  else
    put_content(text);
}

void Output::content_past_fence(std::string_view text) {
  constexpr std::string_view kTicks = "```";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_space = kSpace.find(c) != std::string_view::npos;
    if (fence_ == Fence::absent) return put_content(text.substr(i));
    if (fence_text_.empty() && c != '`') {
      // White space is held back by put_content().
      if (fence_ == Fence::unknown && !is_space) fence_ = Fence::absent;
      put_content(text.substr(i, 1));
      continue;
    }
    fence_text_ += c;
    if (kTicks.starts_with(fence_text_)) continue;  // not yet decided
    if (!fence_text_.starts_with(kTicks)) {
      if (fence_ == Fence::unknown) fence_ = Fence::absent;
      put_content(std::exchange(fence_text_, {}));
    } else if (fence_ == Fence::unknown) {
      // The rest of the line names the language, or the value begins at once.
      const bool begins = c == '{' || c == '[';
      if (c != '\n' && !begins && fence_text_.size() <= 32) continue;
      fence_ = Fence::inside;
      content_space_.clear();
      fence_text_.clear();
      trims_ = true;
      if (begins) put_content(text.substr(i, 1));
    } else if (!is_space) {
      put_content(std::exchange(fence_text_, {}));  // ticks inside the value
    }
  }
}

void Output::put_content(std::string_view text) {
  if (trims_) {
    const std::size_t first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos) return;
    text.remove_prefix(first);
    trims_ = false;
  }
  const std::size_t solid = without_space_behind(text);
  if (solid > 0) {
    content_space_ += text.substr(0, solid);
    message_.content += content_space_;
    delta_.content += content_space_;
    content_space_.clear();
  }
  content_space_ += text.substr(solid);
}

void Output::begin_call(std::string name, std::string id) {
  if (in_reasoning_) close_reasoning("");
  content_space_.clear();
  // What follows a call is content of its own; a line break between two texts stays.
  trims_ = message_.content.empty();
  has_content_ = false;
  const int index = static_cast<int>(message_.calls.size());
  delta_.calls.push_back({index, id, name, ""});
  message_.calls.push_back({std::move(id), std::move(name), ""});
}

void Output::arguments(std::string_view text) {
  if (message_.calls.empty() || text.empty()) return;
  message_.calls.back().arguments += text;
  const int index = static_cast<int>(message_.calls.size()) - 1;
  if (delta_.calls.empty()) delta_.calls.push_back({index, "", "", ""});
  delta_.calls.back().arguments += text;
}

void Output::warn(std::string text) {
  if (message_.warnings.size() < kMaxWarnings) message_.warnings.push_back(std::move(text));
}

void Output::finish() {
  const bool is_closed = fence_ == Fence::inside && fence_text_.starts_with("```");
  if (!is_closed) put_content(fence_text_);
  if (!message_.calls.empty() || trims_) content_space_.clear();
  message_.content += content_space_;
  delta_.content += content_space_;
  content_space_.clear();
}

}  // namespace llm::chat
