#include "grammar/regex/regex_tree.h"

#include <algorithm>

#include "base/utf8.h"
#include "grammar/regex.h"
#include "grammar/regex/dfa.h"

namespace llm::grammar {
namespace {

using Kind = RegexNode::Kind;

/// One alternative of the whole: an optional ^, what must match, an optional $.
struct Alternative {
  std::vector<int> parts;
  bool at_begin = false, at_end = false;
};

const RegexNode& node_of(const Regex& regex, int index) {
  return regex.nodes[static_cast<std::size_t>(index)];
}

std::vector<Alternative> alternatives_of(const Regex& regex) {
  std::vector<int> tops = {regex.root_index()};
  if (regex.root().kind == Kind::choice) tops = regex.root().parts;
  std::vector<Alternative> out;
  for (const int top : tops) {
    Alternative one;
    const RegexNode& node = node_of(regex, top);
    one.parts = node.kind == Kind::sequence ? node.parts : std::vector<int>{top};
    while (!one.parts.empty() && node_of(regex, one.parts.front()).kind == Kind::begin) {
      one.at_begin = true;
      one.parts.erase(one.parts.begin());
    }
    while (!one.parts.empty() && node_of(regex, one.parts.back()).kind == Kind::end) {
      one.at_end = true;
      one.parts.pop_back();
    }
    out.push_back(std::move(one));
  }
  return out;
}

bool is_assertion(Kind kind) {
  return kind == Kind::begin || kind == Kind::end || kind == Kind::word_edge ||
         kind == Kind::no_word_edge;
}

class TreeWriter {
 public:
  TreeWriter(JsonText& out, const Regex& regex, Spelling spelling)
      : out_(out), e_(out.expressions()), regex_(regex), spelling_(spelling) {}

  Expr write() {
    std::vector<Expr> choices;
    for (const Alternative& one : alternatives_of(regex_)) {
      std::vector<Expr> parts;
      if (!one.at_begin) parts.push_back(anything());
      for (const int part : one.parts) parts.push_back(write(part));
      if (!one.at_end) parts.push_back(anything());
      choices.push_back(e_.sequence(std::move(parts)));
    }
    return choices.size() == 1 ? choices.front() : e_.choice(std::move(choices));
  }

 private:
  Expr anything() { return e_.repeat(out_.character(all_characters(), spelling_), 0); }

  Expr write(int index) {
    const RegexNode& node = node_of(regex_, index);
    std::vector<Expr> parts;
    if (node.kind != Kind::repeat) {
      for (const int part : node.parts) parts.push_back(write(part));
    }
    switch (node.kind) {
      case Kind::chars:
        // A lone surrogate, or [] of nothing.
        if (intersection(node.chars, all_characters()).empty()) return e_.nothing();
        return out_.character(intersection(node.chars, all_characters()), spelling_);
      case Kind::sequence:
        return e_.sequence(std::move(parts));
      case Kind::choice:
        return e_.choice(std::move(parts));
      case Kind::repeat:
        if (node.maximum == 0) return e_.empty();
        return e_.repeat(write(node.parts[0]), node.minimum, node.maximum);
      default:
        return e_.empty();
    }
  }

  JsonText& out_;
  Expressions& e_;
  const Regex& regex_;
  Spelling spelling_;
};

constexpr int kManyCharacters = 1 << 30;

int plus(int a, int b) {
  return a < 0 || b < 0 ? -1 : std::min(kManyCharacters, a + b);
}
int times(int a, int b) {
  if (a == 0 || b == 0) return 0;
  if (a < 0 || b < 0) return -1;
  return static_cast<int>(std::min<long long>(kManyCharacters, 1LL * a * b));
}

LengthRange length_of(const std::vector<LengthRange>& known, const RegexNode& node) {
  LengthRange out{0, 0};
  const auto part = [&](std::size_t i) { return known[static_cast<std::size_t>(node.parts[i])]; };
  switch (node.kind) {
    case Kind::chars:
      return {1, 1};
    case Kind::sequence:
      for (std::size_t i = 0; i < node.parts.size(); ++i) {
        out = {plus(out.minimum, part(i).minimum), plus(out.maximum, part(i).maximum)};
      }
      return out;
    case Kind::choice:
      out = part(0);
      for (std::size_t i = 1; i < node.parts.size(); ++i) {
        const bool open = out.maximum < 0 || part(i).maximum < 0;
        out = {std::min(out.minimum, part(i).minimum),
               open ? -1 : std::max(out.maximum, part(i).maximum)};
      }
      return out;
    case Kind::repeat:
      return {times(part(0).minimum, node.minimum), times(part(0).maximum, node.maximum)};
    default:
      return out;
  }
}

}  // namespace

bool has_simple_anchors(const Regex& regex) {
  std::vector<int> work;
  for (const Alternative& one : alternatives_of(regex)) {
    work.insert(work.end(), one.parts.begin(), one.parts.end());
  }
  while (!work.empty()) {
    const RegexNode& node = node_of(regex, work.back());
    work.pop_back();
    if (is_assertion(node.kind)) return false;
    work.insert(work.end(), node.parts.begin(), node.parts.end());
  }
  return true;
}

Expr add_regex_tree(JsonText& out, const Regex& regex, Spelling spelling) {
  return TreeWriter(out, regex, spelling).write();
}

LengthRange match_lengths(const Regex& regex) {
  std::vector<LengthRange> known;
  for (const RegexNode& node : regex.nodes) known.push_back(length_of(known, node));
  LengthRange out{kManyCharacters, 0};
  for (const Alternative& one : alternatives_of(regex)) {
    LengthRange sum{0, 0};
    for (const int part : one.parts) {
      const LengthRange more = known[static_cast<std::size_t>(part)];
      sum = {plus(sum.minimum, more.minimum), plus(sum.maximum, more.maximum)};
    }
    if (!one.at_begin || !one.at_end) sum.maximum = -1;
    out.minimum = std::min(out.minimum, sum.minimum);
    out.maximum = out.maximum < 0 || sum.maximum < 0 ? -1 : std::max(out.maximum, sum.maximum);
  }
  return out;
}

std::optional<RepeatedClass> as_repeated_class(const Regex& regex) {
  const std::vector<Alternative> alternatives = alternatives_of(regex);
  const Alternative& one = alternatives.front();
  if (alternatives.size() != 1 || !one.at_begin || !one.at_end || one.parts.size() != 1) {
    return std::nullopt;
  }
  const RegexNode& node = node_of(regex, one.parts[0]);
  const bool is_repeat = node.kind == Kind::repeat;
  const RegexNode& inner = is_repeat ? node_of(regex, node.parts[0]) : node;
  if (inner.kind != Kind::chars) return std::nullopt;
  const CodeRanges chars = intersection(inner.chars, all_characters());
  if (chars.empty()) return std::nullopt;
  return RepeatedClass{chars,
                       is_repeat ? LengthRange{node.minimum, node.maximum} : LengthRange{1, 1}};
}

bool cannot_contain(const Regex& regex, std::string_view text) {
  for (const Alternative& one : alternatives_of(regex)) {
    if (!one.at_begin || !one.at_end) return false;
  }
  for (std::size_t at = 0; at < text.size();) {
    const utf8::Decoded next = utf8::decode(text, at);
    at += static_cast<std::size_t>(next.length);
    const bool occurs =
        std::any_of(regex.nodes.begin(), regex.nodes.end(), [&](const RegexNode& node) {
          return node.kind == Kind::chars && contains(node.chars, next.code_point);
        });
    if (!occurs) return true;
  }
  return false;
}

Expr add_regex(Expressions& expressions, std::string_view pattern, RegexUse use) {
  const Regex regex = parse_regex(pattern);
  JsonText out(expressions);
  const Spelling spelling = use == RegexUse::json_string ? Spelling::json_string : Spelling::plain;
  return has_simple_anchors(regex) ? add_regex_tree(out, regex, spelling)
                                   : add_dfa(out, regex_dfa(regex), spelling);
}

}  // namespace llm::grammar
