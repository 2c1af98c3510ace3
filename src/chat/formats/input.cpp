#include "chat/formats/input.h"

#include <algorithm>

namespace llm::chat {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// Bytes of the code point that `lead` begins; 0 for a byte that begins none.
std::size_t sequence_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

/// Whether `byte` may stand at `index` >= 1 behind `lead` (RFC 3629: no overlong forms, no
/// surrogates, nothing above U+10FFFF).
bool may_follow(unsigned char lead, std::size_t index, unsigned char byte) {
  if (index == 1) {
    if (lead == 0xE0) return byte >= 0xA0 && byte <= 0xBF;
    if (lead == 0xED) return byte >= 0x80 && byte <= 0x9F;
    if (lead == 0xF0) return byte >= 0x90 && byte <= 0xBF;
    if (lead == 0xF4) return byte >= 0x80 && byte <= 0x8F;
  }
  return (byte & 0xC0) == 0x80;
}

}  // namespace

void Utf8Gate::pass(std::string_view bytes, std::string& out) {
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (!held_.empty()) {
      const auto lead = static_cast<unsigned char>(held_[0]);
      if (may_follow(lead, held_.size(), byte)) {
        held_ += c;
        if (held_.size() < sequence_length(lead)) continue;
        out += held_;
        held_.clear();
        continue;
      }
      out += kReplacement;
      held_.clear();
    }
    switch (sequence_length(byte)) {
      case 0:
        out += kReplacement;
        break;
      case 1:
        out += c;
        break;
      default:
        held_ = c;
    }
  }
}

void Utf8Gate::end(bool natural, std::string& out) {
  if (!held_.empty() && natural) out += kReplacement;
  held_.clear();
}

bool MarkerSet::add(std::string_view marker) {
  if (marker.empty() || std::find(markers_.begin(), markers_.end(), marker) != markers_.end())
    return false;
  markers_.emplace_back(marker);
  begins_[static_cast<unsigned char>(marker[0])] = true;
  return true;
}

std::size_t MarkerSet::plain_prefix(std::string_view text) const {
  std::size_t n = 0;
  while (n < text.size() && !begins_[static_cast<unsigned char>(text[n])]) ++n;
  return n;
}

Match MarkerSet::match(std::string_view text) const {
  Match best;
  for (std::size_t i = 0; i < markers_.size(); ++i) {
    const Match one = match_text(text, markers_[i]);
    if (one.yes() && one.length > best.length) best = {Match::Kind::yes, one.length, i};
    if (one.kind == Match::Kind::more && best.kind == Match::Kind::no) best.kind = one.kind;
  }
  return best;
}

Match match_text(std::string_view text, std::string_view marker) {
  if (text.starts_with(marker)) return {Match::Kind::yes, marker.size(), 0};
  return {marker.starts_with(text) ? Match::Kind::more : Match::Kind::no, 0, 0};
}

void Input::append(std::string_view text) {
  const std::size_t done = std::min(position_, kept_);
  // Only when most of it is done, so that moving the rest costs no more than reading it did.
  if (done > 4096 && done > text_.size() / 2) {
    text_.erase(0, done);
    position_ -= done;
    if (kept_ != kNothing) kept_ -= done;
  }
  text_ += text;
  wake();
}

void Input::end(bool natural) {
  ended_ = true;
  natural_ = natural;
  wake();
}

void Input::wake() {
  if (waiting_ == nullptr || !waiting_->await_ready()) return;
  driver_.next = waiting_->handle;
  waiting_ = nullptr;
}

}  // namespace llm::chat
