#include "grammar/automaton/utf8_state.h"

namespace llm::grammar {
namespace {

enum : int { kOneMore = 1, kTwoMore, kThreeMore, kAfterE0, kAfterED, kAfterF0, kAfterF4 };

}  // namespace

int next_utf8_state(int state, int byte) {
  const bool is_tail = byte >= 0x80 && byte <= 0xBF;
  switch (state) {
    case kCharacterBoundary:
      if (byte < 0x80) return kCharacterBoundary;
      if (byte >= 0xC2 && byte <= 0xDF) return kOneMore;
      if (byte == 0xE0) return kAfterE0;
      if (byte == 0xED) return kAfterED;
      if (byte >= 0xE1 && byte <= 0xEF) return kTwoMore;
      if (byte == 0xF0) return kAfterF0;
      if (byte >= 0xF1 && byte <= 0xF3) return kThreeMore;
      return byte == 0xF4 ? kAfterF4 : -1;
    case kOneMore:
      return is_tail ? kCharacterBoundary : -1;
    case kTwoMore:
      return is_tail ? kOneMore : -1;
    case kThreeMore:
      return is_tail ? kTwoMore : -1;
    case kAfterE0:
      return is_tail && byte >= 0xA0 ? kOneMore : -1;
    case kAfterED:
      return is_tail && byte <= 0x9F ? kOneMore : -1;
    case kAfterF0:
      return is_tail && byte >= 0x90 ? kTwoMore : -1;
    default:
      return is_tail && byte <= 0x8F ? kTwoMore : -1;
  }
}

}  // namespace llm::grammar
