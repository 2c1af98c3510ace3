// Walks the environment, then the command line, and applies each value by its row.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <numeric>
#include <optional>
#include <unordered_map>

#include "base/error.h"
#include "options/texts.h"
#include "options/values.h"
#include "options/vertex.h"

namespace llm::options {
namespace {

struct Named {
  const Row* row;
  bool on;  // false: one of the negative names
};

const std::unordered_map<std::string_view, Named>& names() {
  static const auto table = [] {
    std::unordered_map<std::string_view, Named> out;
    for (const Row& row : rows()) {
      for (const auto name : split_names(row.names)) out.emplace(name, Named{&row, true});
      for (const auto name : split_names(row.negative)) out.emplace(name, Named{&row, false});
    }
    return out;
  }();
  return table;
}

/// Edits (insert, delete, replace) between two names.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

[[noreturn]] void fail_unknown(std::string_view argument) {
  if (!argument.starts_with('-'))
    fail("unexpected argument '{}': every value follows the name of its option", argument);
  const auto equals = argument.find('=');
  const auto name = argument.substr(0, equals);
  if (equals != argument.npos && names().contains(name))
    fail("unknown option '{}': write the value as an argument of its own, '{} {}'", argument, name,
         argument.substr(equals + 1));
  std::string_view nearest;
  std::size_t best = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const auto& [known, named] : names()) {
    const auto distance = edit_distance(name, known);
    // Ties go to the first by name, whatever the order of the table.
    if (distance < best || (distance == best && !nearest.empty() && known < nearest)) {
      best = distance;
      nearest = known;
    }
  }
  if (nearest.empty()) fail("unknown option '{}'; --help lists all", argument);
  fail("unknown option '{}'; did you mean '{}'? --help lists all", argument, nearest);
}

void check_status(const Row& row, std::string_view source, bool on) {
  if (row.status == Status::removed) fail("{} was removed; its successor is {}", source, row.help);
  if (row.status == Status::not_yet || (row.status == Status::only_on && !on))
    fail("{} is not supported yet", source);
}

class Reader {
 public:
  void read_environment(const Environment& environment) {
    for (const Row& row : rows())
      for (const auto name : split_names(row.env)) read_variable(row, name, environment);
    vertex_port_ = read_vertex(environment, pending_.options.vertex);
  }

  void read_arguments(int argc, const char* const* argv) {
    for (int i = 1; i < argc; ++i) {
      std::string argument = argv[i];
      if (argument.starts_with("--")) std::replace(argument.begin(), argument.end(), '_', '-');
      const auto found = names().find(argument);
      if (found == names().end()) fail_unknown(argv[i]);
      const auto [row, on] = found->second;
      check_status(*row, argument, on);
      const std::string flag(on ? main_name(*row) : std::string_view(argument));
      if (!row->expands.empty()) {
        expand(*row);
      } else if (row->value.empty()) {
        apply_switch(pending_, *row, flag, on);
      } else {
        std::string value;
        for (int k = 0; k < row->value_count; ++k) {
          if (++i == argc) fail("{}: a value is missing ({})", flag, row->value);
          value += (k > 0 ? " " : "") + std::string(argv[i]);
        }
        apply_value(pending_, *row, flag, value);
      }
      note_repetition(*row, flag);
      mark_given(*row, flag);
      if (pending_.action != ParseResult::Action::run) return;
    }
  }

  /// Checks and values that depend on several flags.
  ParseResult finish() {
    auto& options = pending_.options;
    for (const auto& [name, count] : given_) options.given.emplace_back(name);
    std::sort(options.given.begin(), options.given.end());
    if (pending_.action == ParseResult::Action::run) settle(options);
    return {pending_.action, std::move(options), std::move(pending_.notices)};
  }

 private:
  void read_variable(const Row& row, std::string_view name, const Environment& environment) {
    const std::string variable(name);
    constexpr std::string_view kPrefix = "LLAMA_ARG_";
    if (!row.negative.empty() && name.starts_with(kPrefix)) {
      const auto negative = fmt::format("LLAMA_ARG_NO_{}", name.substr(kPrefix.size()));
      if (environment(negative.c_str())) apply_variable_switch(row, negative, false);
    }
    const char* text = environment(variable.c_str());
    // Composed environments often pass empty variables for "not set".
    if (!text || !*text) return;
    if (row.value.empty()) {
      const auto word = bool_word(text);
      const bool is_plain = row.negative.empty();
      if (!word && !is_plain)
        fail("{}: expected true, 1, on, enabled, false, 0, off or disabled, got '{}'", variable,
             text);
      if (word && (*word || !is_plain)) apply_variable_switch(row, variable, *word);
      return;
    }
    // Names without our prefix belong to other programs too (HF_TOKEN).
    if (row.status != Status::supported && !name.starts_with("LLAMA_")) return;
    check_status(row, fmt::format("{} ({})", variable, main_name(row)), true);
    apply_value(pending_, row, variable, text);
    mark_given(row, variable);
  }

  void apply_variable_switch(const Row& row, const std::string& variable, bool on) {
    check_status(row, fmt::format("{} ({})", variable, main_name(row)), on);
    apply_switch(pending_, row, variable, on);
    mark_given(row, variable);
  }

  /// Applies the options that a row stands for. Later ones of the command line override them.
  void expand(const Row& preset) {
    const auto words = split(preset.expands, ' ');
    for (auto word = words.begin(); word != words.end(); ++word) {
      const std::string_view flag = *word;
      const Row& row = *names().at(flag).row;
      if (row.value.empty())
        apply_switch(pending_, row, flag, true);
      else
        apply_value(pending_, row, flag, *++word);
      given_[main_name(row)] = main_name(preset);
    }
  }

  void mark_given(const Row& row, std::string_view source) {
    given_[main_name(row)] = source;
    if (!row.notice.empty()) pending_.notices.push_back(fmt::format("{} {}", source, row.notice));
  }

  void note_repetition(const Row& row, std::string_view flag) {
    const auto before = given_.find(main_name(row));
    if (before == given_.end() || row.adds_up || weight(before->second) == Weight::preset) return;
    if (before->second.starts_with('-'))
      pending_.notices.push_back(fmt::format("{} is given twice, the last one counts", flag));
    else
      pending_.notices.push_back(fmt::format("{} overrides the variable {}", flag, before->second));
  }

  /// What set an option, the later kind beating the earlier.
  enum class Weight { none, environment, preset, argument };

  static Weight weight(const std::string& source) {
    if (!source.starts_with('-')) return Weight::environment;
    const auto found = names().find(source);
    const bool is_preset = found != names().end() && !found->second.row->expands.empty();
    return is_preset ? Weight::preset : Weight::argument;
  }

  Weight weight_of(std::string_view flag) const {
    const auto found = given_.find(flag);
    return found == given_.end() ? Weight::none : weight(found->second);
  }

  /// One source of the model: those that the environment or a preset names give way to the command
  /// line; two of the same kind are a mistake.
  void settle_source(Options& options) {
    auto& download = options.download;
    const std::pair<std::string_view, std::string*> sources[] = {
        {"--model", &options.model.path},
        {"--hf-repo", &download.hf_repo},
        {"--model-url", &download.url},
        {"--docker-repo", &download.docker_repo}};
    auto strongest = Weight::none;
    for (const auto& [flag, value] : sources) strongest = std::max(strongest, weight_of(flag));
    std::string_view chosen;
    for (const auto& [flag, value] : sources) {
      if (weight_of(flag) != strongest) {
        value->clear();
      } else if (!value->empty()) {
        if (!chosen.empty()) fail("{} and {} both name the model: give one of them", chosen, flag);
        chosen = flag;
      }
    }
    // The file of a preset belongs to the repository of the preset.
    if (weight_of("--hf-file") == Weight::preset && weight_of("--hf-repo") != Weight::preset)
      download.hf_file.clear();
    if (weight_of("--hf-file") == Weight::argument && download.hf_repo.empty())
      fail("--hf-file names a file of a repository: give --hf-repo, too");
  }

  /// Vertex AI calls the port that it names and no other.
  void settle_port(int& port) {
    if (!vertex_port_) return;
    if (given_.contains("--port") && port != *vertex_port_)
      pending_.notices.push_back(
          fmt::format("AIP_HTTP_PORT overrides {}: port {}", given_["--port"], *vertex_port_));
    port = *vertex_port_;
  }

  /// What is not said about reading prompts is as for generating.
  void settle_threads(const Options& options, ThreadOptions& threads) {
    const TeamOptions& from = threads.generating;
    TeamOptions& to = threads.reading;
    if (!options.is_given("--cpu-mask-batch") && !options.is_given("--cpu-range-batch")) {
      to.mask = from.mask;
      to.range = from.range;
    }
    if (!options.is_given("--cpu-strict-batch")) to.strict = from.strict;
    if (!options.is_given("--prio-batch")) to.priority = from.priority;
    if (!options.is_given("--poll-batch")) to.poll = from.poll;
  }

  void settle(Options& options) {
    settle_source(options);
    settle_port(options.http.port);
    settle_threads(options, options.threads);
    auto& threads = options.threads;
    if (options.is_given("--threads") && threads.generation <= 0) threads.generation = 0;
    if (options.is_given("--threads-batch") && threads.batch <= 0) threads.batch = 0;
    if (threads.http < 1) threads.http = -1;
    options.batch.micro_size = std::min(options.batch.micro_size, options.batch.size);
    auto& vectors = options.vectors;
    if (vectors.reranking) {
      vectors.embeddings = true;
      vectors.pooling = "rank";
    }
    if (vectors.embeddings) options.batch.size = options.batch.micro_size;
    options.sampling.temperature = std::max(options.sampling.temperature, 0.0f);
    options.sampling.top_k = std::max(options.sampling.top_k, 0);
    auto& security = options.security;
    security.cors_origins_given = options.is_given("--cors-origins");
    const bool has_keys = !read_api_keys(security).keys.empty();
    if (!security.api_key_limits_file.empty() && !has_keys)
      fail("--api-key-limits: there are no keys; give some with --api-key or --api-key-file");
    if (security.tls_key_file.empty() != security.tls_cert_file.empty())
      fail("TLS needs both files: {} is missing",
           security.tls_key_file.empty() ? "--ssl-key-file" : "--ssl-cert-file");
    if (!pending_.resolve_escapes) return;
    for (auto& text : options.sampling.stop) text = resolve_escapes(text);
    if (!pending_.breakers_are_default)
      for (auto& text : options.sampling.dry_sequence_breakers) text = resolve_escapes(text);
  }

  Pending pending_;
  std::optional<int> vertex_port_;
  std::map<std::string_view, std::string> given_;  // main name -> flag or variable, the last one
};

}  // namespace

ParseResult parse(int argc, const char* const* argv, const Environment& environment) {
  Reader reader;
  reader.read_environment(environment);
  reader.read_arguments(argc, argv);
  return reader.finish();
}

Environment process_environment() {
  return [](const char* name) -> const char* { return std::getenv(name); };
}

}  // namespace llm::options

namespace llm {

bool Options::is_given(std::string_view flag) const {
  return std::binary_search(given.begin(), given.end(), flag);
}

}  // namespace llm
