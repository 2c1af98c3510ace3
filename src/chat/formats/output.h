// The message that a reply becomes, and what of it is new.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "chat/format.h"

namespace llm::chat {

/// What is trimmed at the edges of blocks.
inline constexpr std::string_view kSpace = " \t\r\n";

/// Takes the parts of a reply in order. White space at the edges of blocks is held back until it
/// is known to stand inside: what has been given out is never taken back.
class Output {
 public:
  Output(ReasoningOutput mode, bool strip_fence) : mode_(mode), strip_fence_(strip_fence) {}

  /// `tag`: what stays in the content when reasoning is inlined. `is_continued`: a part of the
  /// block was there before, white space matters from the start.
  void open_reasoning(std::string_view tag, bool is_continued = false);
  void reasoning(std::string_view text);
  void close_reasoning(std::string_view tag);
  bool in_reasoning() const { return in_reasoning_; }

  void content(std::string_view text);
  /// White space at the start of what follows is dropped.
  void trim_next() { trims_ = true; }
  /// Content was there before, white space matters from the start.
  void continue_content() { has_content_ = true; }
  bool has_content() const { return has_content_; }

  /// Announces a call; closes the reasoning, if it is open.
  void begin_call(std::string name, std::string id);
  /// Of the last call.
  void arguments(std::string_view text);
  void warn(std::string text);
  void finish();

  MessageDelta take() { return std::exchange(delta_, {}); }
  const Message& message() const { return message_; }

 private:
  void content_past_fence(std::string_view text);
  void put_content(std::string_view text);
  bool inlines() const { return mode_ != ReasoningOutput::separate; }

  ReasoningOutput mode_;
  Message message_;
  MessageDelta delta_;
  std::string content_space_, reasoning_space_;  // held back
  bool in_reasoning_ = false;
  bool trims_ = false;              // content: white space is dropped until text comes
  bool has_content_ = false;        // more than white space since the last call
  bool reasoning_started_ = false;  // of this block
  // A Markdown fence around a reply that has to be JSON.
  bool strip_fence_;
  enum class Fence { unknown, absent, inside } fence_ = Fence::unknown;
  std::string fence_text_;
};

}  // namespace llm::chat
