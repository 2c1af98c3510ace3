// Flags and their values as texts, before they are applied: what a command line, the environment or
// a section of a preset file says. Sources are laid over each other, and the result is a command
// line again. Values are checked when that is parsed (options::parse).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "options/options.h"

namespace llm::options {

struct Row;

class Settings {
 public:
  /// Of a command line that options::parse has accepted; argv[0] is skipped.
  static Settings from_arguments(int argc, const char* const* argv);
  /// Of the variables whose names begin with LLAMA_.
  static Settings from_environment(const Environment& environment);

  /// `key` as preset files write it: any name of a flag without its dashes ("ctx-size", "c",
  /// "no-mmap") or of its variable ("LLAMA_ARG_CTX_SIZE"). Switches take a boolean word. Error for
  /// a key that no flag has, or a switch with another word.
  void set_key(std::string_view key, const std::string& value);
  /// `flag` is any name of a flag that takes a value ("--model").
  void set(std::string_view flag, const std::string& value);
  void erase(std::string_view flag);

  bool has(std::string_view flag) const;
  /// Of all that is set: the first long name of each flag.
  std::vector<std::string> flags() const;
  /// The (last) value; empty when there is none.
  std::string value(std::string_view flag) const;

  /// Values of `stronger` replace those here.
  void lay_over(const Settings& stronger);

  /// {"--ctx-size", "512", "--no-mmap"}: the last name of each flag, in a fixed order.
  std::vector<std::string> arguments() const;
  /// "ctx-size = 512\nmmap = false\n".
  std::string ini() const;
  /// Calls options::parse with the arguments and no environment. Error as there, and for flags
  /// that only print something.
  Options parse() const;

 private:
  struct Value {
    const Row* row;
    bool on = true;                  // of a switch
    std::vector<std::string> texts;  // several only where the flag may be repeated
  };
  void put(const Row& row, bool on, const std::string& text);

  std::map<std::string_view, Value> values_;  // by the flag's first name
};

/// False for flags that this version refuses.
bool is_supported(std::string_view flag);

/// Does the flag shape what is generated, and nothing else? Not those that name a file.
bool is_sampling(std::string_view flag);

}  // namespace llm::options
