// Looks into model files and their vocabularies from the command line.
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "inspect/command.h"

namespace {

using llm::inspect::Command;

constexpr Command kCommands[] = {
    {"gguf", "FILE [--json]", "metadata and tensors of a model file", llm::inspect::show_gguf},
    {"tokenize", "MODEL", "JSON lines with \"text\" or \"bytes\" to lines with \"ids\"",
     llm::inspect::tokenize},
    {"detokenize", "MODEL",
     "JSON lines with \"tokens\" or \"ids\" to lines with \"text\" or \"bytes\"",
     llm::inspect::detokenize},
    {"render", "[FILE]",
     "JSON lines with \"context\" (and \"template\", without a file) to lines with \"text\"",
     llm::inspect::render},
    {"parse", "",
     "JSON lines with \"output\" and \"template\" or \"format\" to lines with \"message\"",
     llm::inspect::parse},
};

void print_help(std::FILE* out) {
  std::fprintf(out, "usage: llama-inspect COMMAND ...\n\n");
  for (const Command& command : kCommands)
    std::fprintf(out, "  %-10s %-14s %s\n", command.name, command.usage, command.help);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty() || arguments[0] == "-h" || arguments[0] == "--help") {
    print_help(arguments.empty() ? stderr : stdout);
    return arguments.empty() ? 1 : 0;
  }
  for (const Command& command : kCommands) {
    if (arguments[0] != command.name) continue;
    try {
      llm::log::set_up({.verbosity = 1});
      command.run(std::span(arguments).subspan(1));
      return 0;
    } catch (const std::exception& error) {
      std::fflush(stdout);
      std::fprintf(stderr, "llama-inspect: %s\n", error.what());
      return 1;
    }
  }
  std::fprintf(stderr, "llama-inspect: unknown command '%s'; --help lists them\n",
               arguments[0].c_str());
  return 1;
}
