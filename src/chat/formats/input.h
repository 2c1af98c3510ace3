// The text of a reply as it arrives, for coroutines (task.h) that wait for what they need.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "chat/formats/task.h"

namespace llm::chat {

/// Lets whole code points pass; what is not UTF-8 becomes U+FFFD.
class Utf8Gate {
 public:
  void pass(std::string_view bytes, std::string& out);
  /// The end: an incomplete code point becomes U+FFFD, or nothing when the text was cut off.
  void end(bool natural, std::string& out);

 private:
  std::string held_;
};

/// How a pattern stands at the beginning of the text not yet read.
struct Match {
  enum class Kind {
    no,
    yes,
    more,  // undecided until more text comes
    part   // the text ended undecided
  } kind = Kind::no;
  std::size_t length = 0;
  std::size_t which = 0;

  bool yes() const { return kind == Kind::yes; }
  bool part() const { return kind == Kind::part; }
};

/// Texts to be found; the caller's strings are copied.
class MarkerSet {
 public:
  /// False when it is there already.
  bool add(std::string_view marker);
  /// How much of `text` cannot begin a marker.
  std::size_t plain_prefix(std::string_view text) const;
  Match match(std::string_view text) const;
  bool empty() const { return markers_.empty(); }

 private:
  std::vector<std::string> markers_;
  std::array<bool, 256> begins_{};
};

Match match_text(std::string_view text, std::string_view marker);

class Input {
 public:
  explicit Input(Driver& driver) : driver_(driver) {}

  void append(std::string_view text);
  void end(bool natural);

  std::string_view rest() const { return std::string_view(text_).substr(position_); }
  bool ended() const { return ended_; }
  /// After the end: whether the model ended by itself.
  bool natural() const { return natural_; }
  void take(std::size_t bytes) { position_ += bytes; }

  /// From here on the text is kept, until drop_kept(), for the case that it has to be given back.
  void keep() { kept_ = position_; }
  std::string_view kept() const { return std::string_view(text_).substr(kept_, position_ - kept_); }
  void drop_kept() { kept_ = kNothing; }
  /// Whether something was asked for that the end of the text left undecided.
  bool met_end() const { return met_end_; }

  /// Awaited: a Match of `pattern(rest)`, decided.
  template <class Pattern>
  auto match(Pattern pattern) {
    return Awaiter<Pattern>(*this, std::move(pattern));
  }
  auto match(const MarkerSet& set) {
    return match([&set](std::string_view text) { return set.match(text); });
  }
  /// `marker` must outlive the wait.
  auto at(std::string_view marker) {
    return match([marker](std::string_view text) { return match_text(text, marker); });
  }
  /// Awaited: whether there is a next byte.
  auto any() { return AnyAwaiter(*this); }
  /// Awaited: the next byte, left in place; kEnd at the end.
  auto peek() { return PeekAwaiter(*this); }
  static constexpr int kEnd = -1;

 private:
  static constexpr std::size_t kNothing = static_cast<std::size_t>(-1);

  struct Waiting {
    Input& input;
    std::coroutine_handle<> handle;
    explicit Waiting(Input& in) : input(in) {}
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    virtual ~Waiting() = default;
    virtual bool await_ready() = 0;
    void await_suspend(std::coroutine_handle<> waiting) {
      handle = waiting;
      input.waiting_ = this;
      input.driver_.next = nullptr;
    }
  };
  template <class Pattern>
  struct Awaiter final : Waiting {
    Pattern pattern;
    Match result;
    Awaiter(Input& in, Pattern p) : Waiting(in), pattern(std::move(p)) {}
    bool await_ready() override {
      result = pattern(this->input.rest());
      if (result.kind != Match::Kind::more) return true;
      if (!this->input.ended_) return false;
      this->input.met_end_ = true;
      result.kind = Match::Kind::part;
      return true;
    }
    Match await_resume() const { return result; }
  };
  struct AnyAwaiter final : Waiting {
    using Waiting::Waiting;
    bool await_ready() override { return input.has_next(); }
    bool await_resume() const { return !input.rest().empty(); }
  };
  struct PeekAwaiter final : Waiting {
    using Waiting::Waiting;
    bool await_ready() override { return input.has_next(); }
    int await_resume() const {
      const std::string_view text = input.rest();
      return text.empty() ? kEnd : static_cast<unsigned char>(text[0]);
    }
  };

  void wake();
  bool has_next() {
    if (position_ < text_.size()) return true;
    met_end_ = ended_;
    return ended_;
  }

  Driver& driver_;
  std::string text_;
  std::size_t position_ = 0;
  std::size_t kept_ = kNothing;
  Waiting* waiting_ = nullptr;
  bool ended_ = false, natural_ = true, met_end_ = false;
};

}  // namespace llm::chat
