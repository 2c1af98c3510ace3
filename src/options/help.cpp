// --help, --version and docs/flags.md, all written from the table.
#include <fmt/ranges.h>

#include "base/error.h"
#include "options/table.h"
#include "options/texts.h"
#include "options/vertex.h"

#ifndef LLAMA_VERSION
#error "LLAMA_VERSION comes from src/options/room.cmake"
#endif

namespace llm::options {
namespace {

constexpr std::size_t kTextColumn = 34, kWidth = 100;

/// Line breaks at blanks so that each line fits `width`; the first line begins at `column`.
std::string wrapped(std::string_view text, std::size_t column, std::size_t width) {
  std::string out;
  std::size_t used = column;
  for (const auto word : split(text, ' ')) {
    if (used > column && used + 1 + word.size() > width) {
      out += '\n' + std::string(column, ' ');
      used = column;
    } else if (used > column) {
      out += ' ';
      ++used;
    }
    out += word;
    used += word.size();
  }
  return out;
}

/// What the option is when nobody sets it; empty when there is nothing to say.
std::string default_of(const Row& row) {
  if (!row.default_text.empty()) return std::string(row.default_text);
  Options defaults;
  if (const auto* to = std::get_if<Ref<int>>(&row.to)) return fmt::format("{}", (*to)(defaults));
  if (const auto* to = std::get_if<Ref<float>>(&row.to)) return fmt::format("{}", (*to)(defaults));
  if (const auto* to = std::get_if<Ref<std::string>>(&row.to)) return (*to)(defaults);
  if (const auto* to = std::get_if<Ref<bool>>(&row.to)) {
    if (row.negative.empty()) return {};  // a plain switch
    return (*to)(defaults) ? "on" : "off";
  }
  return {};
}

std::string explanation(const Row& row) {
  return fmt::format("{}{}", row.help, row.adds_up ? "; may be repeated" : "");
}

/// Names that do something in this version.
std::vector<std::string_view> usable_names(const Row& row) {
  std::vector<std::string_view> out = split_names(row.names);
  if (row.status != Status::only_on)
    for (const auto name : split_names(row.negative)) out.push_back(name);
  return out;
}

bool is_usable(const Row& row) {
  return row.status != Status::not_yet && row.status != Status::removed;
}

std::string help_of(const Row& row) {
  std::string left = fmt::format("  {}", fmt::join(usable_names(row), ", "));
  if (!row.value.empty()) left += fmt::format(" {}", row.choices.empty() ? row.value : row.choices);
  std::string text = explanation(row);
  if (const auto normal = default_of(row); !normal.empty())
    text += fmt::format(" (default: {})", normal);
  if (!row.env.empty()) text += fmt::format(" [{}]", split_names(row.env).front());
  const bool fits = left.size() + 2 <= kTextColumn;
  const std::string gap =
      fits ? std::string(kTextColumn - left.size(), ' ') : '\n' + std::string(kTextColumn, ' ');
  return left + gap + wrapped(text, kTextColumn, kWidth) + '\n';
}

std::string escaped_cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

/// `-a`, `--alias` NAME
std::string names_cell(std::span<const std::string_view> names, std::string_view value) {
  std::string out;
  for (const auto name : names) out += fmt::format("{}`{}`", out.empty() ? "" : ", ", name);
  return value.empty() ? out : fmt::format("{} {}", out, value);
}

std::string markdown_of(const Row& row) {
  const auto names = usable_names(row);
  std::string env;
  for (const auto name : split_names(row.env))
    env += fmt::format("{}`{}`", env.empty() ? "" : ", ", name);
  const auto normal = default_of(row);
  return fmt::format("| {} | {} | {} | {} |\n",
                     escaped_cell(names_cell(names, row.choices.empty() ? row.value : row.choices)),
                     env, normal.empty() ? "" : fmt::format("`{}`", escaped_cell(normal)),
                     escaped_cell(explanation(row)));
}

std::string markdown_of_section(Section section) {
  std::string out;
  for (const Row& row : rows())
    if (row.section == section && is_usable(row)) out += markdown_of(row);
  if (out.empty()) return out;
  return fmt::format("\n## {}\n\n| option | variable | default | meaning |\n|---|---|---|---|\n{}",
                     section_title(section), out);
}

std::string vertex_help() {
  std::string out = "\nVariables of Vertex AI\n";
  for (const Variable& variable : vertex_variables())
    out += fmt::format("  {:<{}}{}\n", variable.name, kTextColumn - 2,
                       wrapped(variable.help, kTextColumn, kWidth));
  return out;
}

std::string vertex_markdown() {
  std::string out =
      "\n## Variables of Vertex AI\n\n"
      "| variable | default | meaning |\n|---|---|---|\n";
  for (const Variable& variable : vertex_variables())
    out += fmt::format("| `{}` | {} | {} |\n", variable.name,
                       variable.normal.empty() ? "" : fmt::format("`{}`", variable.normal),
                       escaped_cell(variable.help));
  return out;
}

std::string not_yet_markdown() {
  std::string out;
  for (const Row& row : rows()) {
    std::vector<std::string_view> refused;
    if (row.status == Status::not_yet) refused = split_names(row.names);
    if (row.status == Status::not_yet || row.status == Status::only_on)
      for (const auto name : split_names(row.negative)) refused.push_back(name);
    if (!refused.empty())
      out += fmt::format("| {} | {} |\n", escaped_cell(names_cell(refused, row.value)),
                         row.status == Status::not_yet ? escaped_cell(row.help) : "");
  }
  return out;
}

}  // namespace

std::string help(std::string_view program) {
  std::string out = fmt::format(
      "usage: {} [options]\n\n"
      "Serves a GGUF model over HTTP. Options are read from the environment (names in brackets),\n"
      "then from the command line, which wins.\n",
      program);
  for (int section = 0; section < static_cast<int>(Section::count); ++section) {
    std::string lines;
    for (const Row& row : rows())
      if (row.section == static_cast<Section>(section) && is_usable(row)) lines += help_of(row);
    if (!lines.empty())
      out += fmt::format("\n{}\n{}", section_title(static_cast<Section>(section)), lines);
  }
  out += vertex_help();
  std::string later;
  for (const Row& row : rows())
    if (row.status == Status::not_yet)
      later += fmt::format("{}{}", later.empty() ? "" : " ", main_name(row));
  out += fmt::format("\nKnown to llama.cpp's server, not supported here yet (refused):\n  {}\n",
                     wrapped(later, 2, kWidth));
  return out;
}

std::string build_info() {
  return LLAMA_VERSION "-" LLAMA_COMMIT;
}

std::string version() {
#ifdef __clang__
  constexpr std::string_view kCompiler = "Clang " __clang_version__;
#else
  constexpr std::string_view kCompiler = "GCC " __VERSION__;
#endif
  return fmt::format("version: {} ({})\nbuilt with {} for {}\n", LLAMA_VERSION, LLAMA_COMMIT,
                     kCompiler, LLAMA_TARGET);
}

std::string options_markdown() {
  std::string out =
      "# Flags\n\n"
      "Written from the table in `src/options/table.cpp` by the tests of that room; do not "
      "edit.\n\n"
      "- A value is always the argument after its option. In long options `_` counts as `-`.\n"
      "- The environment is read first, then the command line, which wins. An empty variable\n"
      "  counts as not set. Switches take `true`, `1`, `on`, `enabled` or `false`, `0`, `off`,\n"
      "  `disabled`; of an option with a negative form `LLAMA_ARG_NO_...` switches it off "
      "whatever\n"
      "  its value.\n"
      "- An option that is given twice counts as its last value, unless it says that it may be\n"
      "  repeated: then the values add up.\n"
      "- A wrong or unknown option ends the program with exit code 1 and one line that says why.\n";
  for (int section = 0; section < static_cast<int>(Section::count); ++section)
    out += markdown_of_section(static_cast<Section>(section));
  out += vertex_markdown();
  out +=
      "\n## Not supported yet\n\n"
      "Options of llama.cpp's server that are known here and refused by name.\n\n"
      "| option | meaning |\n|---|---|\n";
  return out + not_yet_markdown();
}

}  // namespace llm::options
