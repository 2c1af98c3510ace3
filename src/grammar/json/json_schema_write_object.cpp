#include <algorithm>

#include "grammar/json/json_schema_write.h"

namespace llm::grammar {
namespace {

constexpr std::size_t kMaxCountedStates = 20'000;

}  // namespace

ObjectWriter::ObjectWriter(SchemaWriter& writer, const ObjectShape& object, std::string prefix)
    : writer_(writer),
      text_(writer.text_),
      out_(writer.out_),
      object_(object),
      prefix_(std::move(prefix)),
      is_open_(!object.open.empty()),
      required_behind_(object.members.size() + 1, 0) {
  for (std::size_t i = object.members.size(); i-- > 0;) {
    required_behind_[i] = required_behind_[i + 1] + object.members[i].required;
  }
}

Expr ObjectWriter::write() {
  const bool needs_minimum = object_.minimum > required_behind_[0];
  const bool needs_maximum =
      object_.maximum >= 0 &&
      (is_open_ || object_.maximum < static_cast<int>(object_.members.size()));
  const Expr inner = needs_minimum || needs_maximum ? counted_members() : members();
  return out_.sequence({text_.open("{"), inner, out_.literal("}")});
}

Expr ObjectWriter::rule(const std::string& name, Expr body) {
  const Expr out = out_.rule(prefix_ + name);
  out_.define(out, body);
  return out;
}

Expr ObjectWriter::written(const ObjectShape::Member& member) {
  return out_.sequence({text_.key(member.name), text_.colon(), writer_.reference(member.node)});
}

Expr ObjectWriter::behind_comma(Expr member) {
  return out_.sequence({text_.comma(), member});
}

Expr ObjectWriter::open_key(const Dfa& keys) {
  if (text_.notation() != Notation::gemma) {
    return text_.quoted(add_dfa(text_, keys, Spelling::json_string));
  }
  return add_dfa(text_, intersection(keys, regex_dfa(parse_regex("^[A-Za-z0-9_]+$"))),
                 Spelling::plain);
}

Expr ObjectWriter::open_member() {
  std::vector<Expr> choices;
  for (const ObjectShape::Open& open : object_.open) {
    const Expr key = open.keys ? open_key(*open.keys) : text_.any_key();
    choices.push_back(out_.sequence({key, text_.colon(), writer_.reference(open.node)}));
  }
  return choices.size() == 1 ? choices.front() : out_.choice(std::move(choices));
}

/// What may follow when a member stands before: the members from `from` on, then open ones.
Expr ObjectWriter::rest(std::size_t from) {
  std::vector<Expr> parts;
  for (std::size_t i = from; i < object_.members.size(); ++i) {
    const Expr member = behind_comma(written(object_.members[i]));
    parts.push_back(object_.members[i].required ? member : out_.optional(member));
  }
  if (is_open_) parts.push_back(out_.repeat(behind_comma(open_member()), 0));
  parts.push_back(text_.space());
  return out_.sequence(std::move(parts));
}

/// The first member that is there decides where the commas begin. What follows it is a chain of
/// rules that the choices share.
Expr ObjectWriter::members() {
  const auto& all = object_.members;
  std::size_t first = 0;
  while (first < all.size() && !all[first].required) ++first;
  std::vector<Expr> choices;
  const bool has_required = first < all.size();
  const std::size_t last = has_required ? first : all.size() - 1;
  if (!all.empty()) {
    Expr tail = rest(last + 1);
    for (std::size_t i = last + 1; i-- > 0;) {
      if (last > 0) tail = rule("from " + std::to_string(i), tail);
      choices.push_back(out_.sequence({written(all[i]), tail}));
      if (i == 0) break;
      const Expr member = behind_comma(written(all[i]));
      tail = out_.sequence({all[i].required ? member : out_.optional(member), tail});
    }
    std::reverse(choices.begin(), choices.end());
  }
  if (!has_required) {
    if (is_open_) {
      const Expr open = open_member();
      choices.push_back(out_.sequence({open, out_.repeat(behind_comma(open), 0), text_.space()}));
    }
    choices.push_back(out_.empty());
  }
  return choices.size() == 1 ? choices.front() : out_.choice(std::move(choices));
}

bool ObjectWriter::can_finish(std::size_t from, int count) const {
  if (object_.maximum >= 0 && count + required_behind_[from] > object_.maximum) return false;
  const int most = count + static_cast<int>(object_.members.size() - from);
  return is_open_ || most >= object_.minimum;
}

/// A state per place in the list and number of members so far.
Expr ObjectWriter::counted_members() {
  const Expr root = counted(0, 0);
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    const auto state = pending_[i];
    out_.define(states_.at(state), counted_body(state.first, state.second));
  }
  return root;
}

Expr ObjectWriter::counted(std::size_t from, int count) {
  const std::pair state(from, count);
  if (const auto found = states_.find(state); found != states_.end()) return found->second;
  if (states_.size() >= kMaxCountedStates) {
    throw GrammarError("minProperties, maxProperties: too many combinations");
  }
  const Expr rule = out_.rule(prefix_ + std::to_string(from) + " " + std::to_string(count));
  states_.emplace(state, rule);
  pending_.push_back(state);
  return rule;
}

Expr ObjectWriter::counted_body(std::size_t from, int count) {
  if (from == object_.members.size()) return counted_open(count);
  const ObjectShape::Member& member = object_.members[from];
  std::vector<Expr> choices;
  if (can_finish(from + 1, count + 1)) {
    const Expr text = written(member);
    choices.push_back(
        out_.sequence({count > 0 ? behind_comma(text) : text, counted(from + 1, count + 1)}));
  }
  if (!member.required && can_finish(from + 1, count)) choices.push_back(counted(from + 1, count));
  return choices.empty() ? out_.nothing() : out_.choice(std::move(choices));
}

Expr ObjectWriter::counted_open(int count) {
  const int fewest = std::max(0, object_.minimum - count);
  const int most = object_.maximum < 0 ? Expressions::kNoMaximum : object_.maximum - count;
  const Expr end = count > 0 ? text_.space() : out_.empty();
  if (!is_open_ || most == 0) return fewest == 0 ? end : out_.nothing();
  const Expr member = open_member();
  if (count > 0) return out_.sequence({out_.repeat(behind_comma(member), fewest, most), end});
  const Expr some = out_.sequence({member,
                                   out_.repeat(behind_comma(member), std::max(0, fewest - 1),
                                               most < 0 ? Expressions::kNoMaximum : most - 1),
                                   text_.space()});
  return fewest == 0 ? out_.optional(some) : some;
}

}  // namespace llm::grammar
