// The shape of the one table of flags. A flag is a row; nothing else in the program repeats its
// name, range, default or text.
#pragma once

#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "options/options.h"

namespace llm::options {

enum class Section {
  general,
  model,
  context,
  threads,
  http,
  security,
  features,
  chat,
  sampling,
  speculation,
  presets,
  count
};

enum class Status {
  supported,
  not_yet,  // known to the reference, refused by name here
  only_on,  // the negative form is refused
  removed   // gone from the reference; `help` names the successor
};

/// What rows write into. What is not an option itself but shapes others lives beside them.
struct Pending {
  Options options;
  ParseResult::Action action = ParseResult::Action::run;
  std::vector<std::string> notices;
  bool resolve_escapes = true;       // --escape
  bool breakers_are_default = true;  // the first --dry-sequence-breaker clears the list
};

template <class T>
using Ref = T& (*)(Options&);
using Destination = std::variant<std::monostate, Ref<int>, Ref<std::uint32_t>, Ref<float>,
                                 Ref<bool>, Ref<std::string>>;

/// For values that a plain destination cannot take. Throws Error that begins with `flag`.
/// Switches are applied with "on" or "off".
using Apply = void (*)(Pending&, std::string_view flag, std::string_view value);

inline constexpr double kUnlimited = std::numeric_limits<double>::infinity();

struct Row {
  std::string_view names;     // "-c, --ctx-size": every name that sets or switches on
  std::string_view negative;  // "-nocb, --no-cont-batching": every name that switches off
  std::string_view env;       // full names; the first is the one that help shows
  Section section = Section::general;
  std::string_view value;    // how help calls the value; empty: a switch
  std::string_view choices;  // "f32|f16": the only values, when not empty
  double low = -kUnlimited, high = kUnlimited;
  Destination to;
  Apply apply = nullptr;
  Status status = Status::supported;
  bool adds_up = false;  // repeated values are all kept
  std::string_view help;
  std::string_view default_text;  // where it cannot be read from the destination
  std::string_view expands;       // a switch that stands for these options, separated by blanks
  std::string_view notice;        // logged when the flag is given: it changes nothing, and why
  int value_count = 1;            // arguments that make up the value, joined by blanks
};

std::span<const Row> rows();
const char* section_title(Section section);

/// "-c, --ctx-size" -> {"-c", "--ctx-size"}.
std::vector<std::string_view> split_names(std::string_view names);
/// The first long name; by it a flag is known in messages and in Options::given.
std::string_view main_name(const Row& row);

}  // namespace llm::options
