#include "grammar/json/json_schema_write.h"

#include <algorithm>

namespace llm::grammar {

SchemaWriter::SchemaWriter(Expressions& expressions, const SchemaForm& form, Notation notation)
    : out_(expressions), text_(expressions, notation), form_(form) {
  // No two expressions have the same index, so names are not used twice.
  prefix_ = "schema " + std::to_string(out_.literal("schema").index) + " ";
}

Expr SchemaWriter::write() {
  if (!form_.nodes.front().is_possible) throw GrammarError("the schema allows no value");
  const Expr root = reference(0);
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    const int node = pending_[i];
    out_.define(rules_.at(node), body(form_.nodes[static_cast<std::size_t>(node)]));
  }
  return root;
}

bool SchemaWriter::is_short(const SchemaNode& node) const {
  if (node.shapes.size() != 1) return false;
  const SchemaShape& only = node.shapes.front();
  if (only.is_any) return true;
  if (only.values) return only.values->size() <= 8;
  return !(only.types & (kArray | kObject)) && !only.number_texts &&
         !(only.types & kString && only.string.automaton);
}

Expr SchemaWriter::reference(int node) {
  const SchemaNode& target = form_.nodes[static_cast<std::size_t>(node)];
  if (is_short(target)) return body(target);
  if (const auto found = rules_.find(node); found != rules_.end()) return found->second;
  const Expr rule = out_.rule(prefix_ + std::to_string(node));
  rules_.emplace(node, rule);
  pending_.push_back(node);
  return rule;
}

Expr SchemaWriter::body(const SchemaNode& node) {
  std::vector<Expr> choices;
  for (const SchemaShape& one : node.shapes) {
    if (one.is_any) return text_.value();
    choices.push_back(shape(one));
  }
  if (choices.empty()) return out_.nothing();
  return choices.size() == 1 ? choices.front() : out_.choice(std::move(choices));
}

Expr SchemaWriter::shape(const SchemaShape& shape) {
  if (shape.values) {
    std::vector<std::string> texts;
    std::vector<Expr> choices;
    for (const Json& value : *shape.values) {
      if (value.is_structured()) {
        choices.push_back(text_.constant(value));
      } else {
        texts.push_back(text_.scalar(value));
      }
    }
    if (!texts.empty()) choices.push_back(text_.one_of(std::move(texts)));
    return choices.size() == 1 ? choices.front() : out_.choice(std::move(choices));
  }
  std::vector<Expr> choices;
  if (shape.types & kObject) {
    choices.push_back(object(shape.object));
  }
  if (shape.types & kArray) choices.push_back(array(shape.array));
  if (shape.types & kString) {
    const StringLanguage& strings = shape.string;
    const bool is_any = strings.minimum == 0 && strings.maximum < 0 && !strings.automaton &&
                        !strings.tree && !strings.chars;
    choices.push_back(
        is_any ? text_.string()
               : text_.quoted(add_string_language(text_, strings, text_.string_spelling())));
  }
  if (shape.types & kNumber) choices.push_back(number(shape));
  if (shape.types & kBoolean) {
    for (const bool value : shape.booleans) {
      choices.push_back(text_.word(value ? "true" : "false"));
    }
  }
  if (shape.types & kNull) choices.push_back(text_.word("null"));
  return choices.size() == 1 ? choices.front() : out_.choice(std::move(choices));
}

/// In the order of the schema; also with the required members first, as many models write them.
Expr SchemaWriter::object(const ObjectShape& object) {
  const auto write = [&](const ObjectShape& one) {
    return ObjectWriter(*this, one, prefix_ + std::to_string(nesting_++) + " object ").write();
  };
  ObjectShape sorted = object;
  std::stable_partition(sorted.members.begin(), sorted.members.end(),
                        [](const ObjectShape::Member& member) { return member.required; });
  const bool is_sorted =
      std::is_partitioned(object.members.begin(), object.members.end(),
                          [](const ObjectShape::Member& member) { return member.required; });
  return is_sorted ? write(object) : out_.choice({write(object), write(sorted)});
}

Expr SchemaWriter::number(const SchemaShape& shape) {
  if (shape.number_texts) return add_dfa(text_, *shape.number_texts, Spelling::plain);
  return shape.number.integer ? text_.integer() : text_.number();
}

const std::vector<Json>* SchemaWriter::listed_values(int node) const {
  if (node == kNoNode) return nullptr;
  const SchemaNode& target = form_.nodes[static_cast<std::size_t>(node)];
  if (target.shapes.size() != 1 || !target.shapes[0].values) return nullptr;
  return &*target.shapes[0].values;
}

/// Each value at most once, in any order.
Expr SchemaWriter::unique_array(const std::vector<Json>& values, const ArrayShape& array) {
  std::vector<Expressions::Member> members;
  for (const Json& value : values) members.push_back({text_.constant(value), false});
  const Expr items = out_.sequence({out_.unordered(std::move(members), text_.comma())});
  (void)array;
  return out_.sequence({text_.open("["), items, text_.close("]")});
}

Expr SchemaWriter::array(const ArrayShape& array) {
  constexpr std::size_t kMaxUnique = 30;
  const auto* values = array.prefix.empty() ? listed_values(array.rest) : nullptr;
  if (array.unique && values && values->size() <= kMaxUnique && array.minimum == 0 &&
      (array.maximum < 0 || array.maximum >= static_cast<int>(values->size()))) {
    return unique_array(*values, array);
  }
  if (array.prefix.empty()) {
    if (array.rest == kNoNode) return text_.list(out_.nothing(), 0, 0);
    return text_.list(reference(array.rest), array.minimum, array.maximum);
  }
  const int count = array.maximum < 0
                        ? static_cast<int>(array.prefix.size())
                        : std::min(array.maximum, static_cast<int>(array.prefix.size()));
  if (count == 0) return text_.list(out_.nothing(), 0, 0);
  Expr tail = out_.empty();
  if (array.rest != kNoNode && (array.maximum < 0 || array.maximum > count)) {
    const Expr more = out_.sequence({text_.comma(), reference(array.rest)});
    tail = out_.repeat(more, std::max(0, array.minimum - count),
                       array.maximum < 0 ? Expressions::kNoMaximum : array.maximum - count);
  }
  for (int i = count - 1; i >= 0; --i) {
    const Expr item = reference(array.prefix[static_cast<std::size_t>(i)]);
    tail = i == 0 ? out_.sequence({item, tail, text_.space()})
                  : out_.sequence({text_.comma(), item, tail});
    if (i >= array.minimum) tail = out_.optional(tail);
    constexpr int kMaxNesting = 20;
    if (i > 0 && (count - i) % kMaxNesting == 0) {
      const Expr rule = out_.rule(prefix_ + "tuple " + std::to_string(nesting_++));
      out_.define(rule, tail);
      tail = rule;
    }
  }
  return out_.sequence({text_.open("["), tail, out_.literal("]")});
}

}  // namespace llm::grammar
