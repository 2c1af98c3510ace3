// Random texts of a grammar, for tests of what accepts or reads them.
#pragma once

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/grammar.h"

namespace llm::test {

class Sampler {
 public:
  /// `hints`: texts to try as a whole now and then, such as markers that end free text.
  Sampler(std::shared_ptr<const grammar::Grammar> grammar, unsigned seed,
          std::vector<std::string> hints = {})
      : grammar_(std::move(grammar)), random_(seed), hints_(std::move(hints)) {}

  /// A text that the grammar accepts; nothing when the walk got too long. `dead_end` is set when
  /// no byte could follow.
  std::optional<std::string> sample(std::size_t usual_length, bool& dead_end) {
    grammar::Matcher matcher(grammar_);
    std::string text;
    dead_end = false;
    while (text.size() < usual_length + kMaxMore) {
      const bool is_long = text.size() >= usual_length;
      if (matcher.is_accepting() && (is_long || chance(4))) return text;
      const std::string forced = matcher.forced(1000);
      if (!forced.empty()) {
        matcher.feed(forced);
        text += forced;
        continue;
      }
      if (!hints_.empty() && (is_long || chance(6)) && try_hint(matcher, text)) continue;
      if (!step(matcher, text, is_long)) {
        if (matcher.is_accepting()) return text;
        dead_end = true;
        return text;
      }
    }
    return std::nullopt;
  }

 private:
  static constexpr std::size_t kMaxMore = 4000;

  bool chance(int one_in) { return random_() % static_cast<unsigned>(one_in) == 0; }

  bool try_hint(grammar::Matcher& matcher, std::string& text) {
    const std::string& hint = hints_[random_() % hints_.size()];
    grammar::Matcher ahead = matcher;
    if (hint.empty() || ahead.feed(hint) != hint.size()) return false;
    matcher = std::move(ahead);
    text += hint;
    return true;
  }

  bool try_byte(grammar::Matcher& matcher, std::string& text, unsigned char byte) {
    grammar::Matcher ahead = matcher;
    if (!ahead.step(byte)) return false;
    matcher = std::move(ahead);
    text += static_cast<char>(byte);
    return true;
  }

  bool step(grammar::Matcher& matcher, std::string& text, bool is_long) {
    constexpr std::string_view kClosing = "\"}]),:<|>0123456789";
    if (is_long || chance(4)) {
      for (const char c : kClosing) {
        if (try_byte(matcher, text, static_cast<unsigned char>(c))) return true;
      }
    }
    for (int i = 0; i < 6; ++i) {
      if (try_byte(matcher, text, static_cast<unsigned char>(' ' + random_() % 95))) return true;
    }
    const unsigned first = random_() % 256;
    for (unsigned i = 0; i < 256; ++i) {
      if (try_byte(matcher, text, static_cast<unsigned char>(first + i))) return true;
    }
    return false;
  }

  std::shared_ptr<const grammar::Grammar> grammar_;
  std::mt19937 random_;
  std::vector<std::string> hints_;
};

}  // namespace llm::test
