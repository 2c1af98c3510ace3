#include "chat/formats/output.h"

#include <algorithm>

namespace llm::chat {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
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
  for (const char c : text) {
    fence_text_ += c;
    const std::size_t first = fence_text_.find_first_not_of(kSpace);
    switch (fence_) {
      case Fence::unknown: {
        if (first == std::string::npos) break;
        const std::string_view begun = std::string_view(fence_text_).substr(first);
        if (!begun.starts_with(kTicks.substr(0, begun.size()))) {
          fence_ = Fence::absent;
          put_content(std::exchange(fence_text_, {}));
        } else if (c == '\n' || begun.size() > 32 || (begun.size() > 3 && c == '{')) {
          // The rest of the line names the language, or the text begins at once.
          fence_ = Fence::inside;
          fence_text_ = c == '{' ? "{" : "";
        }
        break;
      }
      case Fence::inside:
      case Fence::ending: {
        // Holds white space and the closing ticks; what is held is released when it goes on.
        const std::string_view held =
            std::string_view(fence_text_).substr(std::min(first, fence_text_.size()));
        const bool may_close = held.empty() || kTicks.starts_with(held) ||
                               (held.starts_with(kTicks) &&
                                held.substr(3).find_first_not_of(kSpace) == std::string_view::npos);
        fence_ = may_close && held.size() >= 3 ? Fence::ending : Fence::inside;
        if (!may_close) put_content(std::exchange(fence_text_, {}));
        break;
      }
      case Fence::absent:
        put_content(std::exchange(fence_text_, {}));
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
  if (fence_ == Fence::unknown || fence_ == Fence::inside)
    put_content(std::exchange(fence_text_, {}));
  if (!message_.calls.empty() || trims_) content_space_.clear();
  message_.content += content_space_;
  delta_.content += content_space_;
  content_space_.clear();
}

}  // namespace llm::chat
