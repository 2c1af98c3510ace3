#include "grammar/json/json_string_language.h"

#include <algorithm>

namespace llm::grammar {
namespace {

using PassOver = std::function<void(const std::string&)>;

/// Automata that are emitted as rules should not be larger: a rule per state.
constexpr std::size_t kMaxEmitted = 4000;

std::vector<Regex> parsed(const std::vector<std::string>& patterns, const PassOver& pass_over) {
  std::vector<Regex> out;
  std::vector<std::string> seen;
  for (const std::string& pattern : patterns) {
    if (std::find(seen.begin(), seen.end(), pattern) != seen.end()) continue;
    seen.push_back(pattern);
    try {
      out.push_back(parse_regex(pattern));
    } catch (const UnsupportedPattern& reason) {
      pass_over(std::string("pattern (") + reason.what() + ")");
    }
  }
  return out;
}

bool within(const LengthRange& inner, int minimum, int maximum) {
  return inner.minimum >= minimum &&
         (maximum < 0 || (inner.maximum >= 0 && inner.maximum <= maximum));
}

void check_size(const Dfa& dfa) {
  if (dfa.states.size() > kMaxEmitted) throw TooComplex("the automaton would be too large");
}

/// Adds a condition to `dfa` unless that makes it too large.
void narrow(std::optional<Dfa>& dfa, const std::function<Dfa()>& make, const char* what,
            const PassOver& pass_over) {
  try {
    Dfa next = make();
    if (dfa) next = minimized(intersection(*dfa, next));
    check_size(next);
    dfa = std::move(next);
  } catch (const TooComplex& reason) {
    pass_over(std::string(what) + " (" + reason.what() + ")");
  }
}

}  // namespace

bool StringLanguage::is_empty() const {
  if (automaton) return automaton->is_empty();
  return maximum >= 0 && minimum > maximum;
}

StringLanguage string_language(const StringShape& shape, const std::string& stop,
                               const PassOver& pass_over) {
  StringLanguage out;
  const std::vector<Regex> regexes = parsed(shape.patterns, pass_over);
  out.minimum = shape.minimum;
  out.maximum = shape.maximum;
  if (out.is_empty()) return out;
  const bool counts = shape.minimum > 0 || shape.maximum >= 0;
  if (regexes.empty() && shape.refused.empty() && (stop.empty() || !counts)) {
    out.stop = stop;
    return out;
  }
  if (regexes.size() == 1 && shape.refused.empty() &&
      (stop.empty() || cannot_contain(regexes[0], stop))) {
    const LengthRange lengths = match_lengths(regexes[0]);
    if (has_simple_anchors(regexes[0]) && within(lengths, shape.minimum, shape.maximum)) {
      out.tree = regexes[0];
      return out;
    }
    if (auto repeated = as_repeated_class(regexes[0])) {
      out.chars = std::move(repeated->chars);
      out.minimum = std::max(out.minimum, repeated->lengths.minimum);
      const int other = repeated->lengths.maximum;
      if (other >= 0) out.maximum = out.maximum < 0 ? other : std::min(out.maximum, other);
      return out;
    }
  }
  std::optional<Dfa> dfa;
  if (!stop.empty()) {
    narrow(
        dfa, [&] { return complement(containing_dfa(stop)); }, "the end mark", pass_over);
  }
  for (const Regex& regex : regexes) {
    narrow(
        dfa, [&] { return regex_dfa(regex); }, "pattern", pass_over);
  }
  if (!shape.refused.empty()) {
    narrow(
        dfa, [&] { return complement(words_dfa(shape.refused)); }, "not", pass_over);
  }
  if (!dfa && stop.empty() && !regexes.empty() && has_simple_anchors(regexes[0])) {
    out.tree = regexes[0];
    return out;
  }
  if (counts) {
    if (!dfa) return out;
    narrow(
        dfa, [&] { return length_dfa(shape.minimum, shape.maximum); }, "minLength, maxLength",
        pass_over);
  }
  if (dfa) out.automaton = std::make_shared<const Dfa>(*std::move(dfa));
  return out;
}

Dfa string_dfa(const StringLanguage& language) {
  if (language.automaton) return *language.automaton;
  if (language.tree) return regex_dfa(*language.tree);
  Dfa dfa = length_dfa(language.minimum, language.maximum);
  if (language.chars) {
    for (Dfa::State& state : dfa.states) {
      std::vector<Dfa::Edge> edges;
      if (!state.edges.empty()) {
        for (const CodeRange& range : *language.chars) {
          edges.push_back({range.first, range.last, state.edges[0].target});
        }
      }
      state.edges = std::move(edges);
    }
    dfa = trimmed(dfa);
  }
  if (!language.stop.empty()) dfa = intersection(dfa, complement(containing_dfa(language.stop)));
  return dfa;
}

Expr add_string_language(JsonText& out, const StringLanguage& language, Spelling spelling) {
  Expressions& e = out.expressions();
  if (language.is_empty()) return e.nothing();
  if (language.automaton) return add_dfa(out, *language.automaton, spelling);
  if (language.tree) return add_regex_tree(out, *language.tree, spelling);
  if (!language.stop.empty()) return e.text_without({language.stop});
  const CodeRanges& chars = language.chars ? *language.chars : all_characters();
  return e.repeat(out.character(chars, spelling), language.minimum, language.maximum);
}

}  // namespace llm::grammar
