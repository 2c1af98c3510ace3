// The subcommands of llama-inspect. Each has a file of its own in apps/inspect and a row in the
// table of apps/llama-inspect.cpp.
#pragma once

#include <span>
#include <string>

namespace llm::inspect {

/// What follows the command's name. Output goes to standard output; failure is an exception whose
/// message is complete.
using Arguments = std::span<const std::string>;

struct Command {
  const char* name;
  const char* usage;  // the arguments
  const char* help;   // one line
  void (*run)(Arguments arguments);
};

void show_gguf(Arguments arguments);
void tokenize(Arguments arguments);
void detokenize(Arguments arguments);
void render(Arguments arguments);
void parse(Arguments arguments);

}  // namespace llm::inspect
