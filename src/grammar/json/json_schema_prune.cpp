#include <algorithm>

#include "grammar/json/json_schema_shape.h"

namespace llm::grammar {
namespace {

class Pruner {
 public:
  explicit Pruner(SchemaForm& form) : form_(form) {}

  void run() {
    // Least fixed point: a node is possible once one of its shapes needs possible nodes only.
    constexpr int kMaxRounds = 1000;
    int rounds = 0;
    for (bool changed = true; changed;) {
      if (++rounds > kMaxRounds) throw GrammarError("the schema is too entangled");
      changed = false;
      for (auto node = form_.nodes.rbegin(); node != form_.nodes.rend(); ++node) {
        if (node->is_possible) continue;
        node->is_possible = std::any_of(node->shapes.begin(), node->shapes.end(),
                                        [&](const SchemaShape& s) { return types(s) != 0; });
        changed |= node->is_possible;
      }
    }
    for (SchemaNode& node : form_.nodes) {
      for (SchemaShape& shape : node.shapes) {
        shape.types = types(shape);
        cut(shape);
      }
      const auto is_void = [](const SchemaShape& shape) { return shape.types == 0; };
      node.shapes.erase(std::remove_if(node.shapes.begin(), node.shapes.end(), is_void),
                        node.shapes.end());
    }
  }

 private:
  bool possible(int node) const {
    return node != kNoNode && form_.nodes[static_cast<std::size_t>(node)].is_possible;
  }

  TypeSet types(const SchemaShape& shape) const {
    if (shape.values) return shape.values->empty() ? 0 : shape.types;
    TypeSet out = shape.types;
    const auto drop = [&](TypeBit bit, bool is_possible) {
      if (!is_possible) out &= ~static_cast<TypeSet>(bit);
    };
    if (out & kBoolean) drop(kBoolean, !shape.booleans.empty());
    if (out & kNumber) drop(kNumber, !shape.number_texts || !shape.number_texts->is_empty());
    if (out & kString) drop(kString, !shape.string.is_empty());
    if (out & kArray) drop(kArray, possible(shape.array));
    if (out & kObject) drop(kObject, possible(shape.object));
    return out;
  }

  /// Items that may stand in a row from the beginning.
  int possible_prefix(const ArrayShape& array) const {
    int count = 0;
    for (const int node : array.prefix) {
      if (!possible(node)) break;
      ++count;
    }
    return count;
  }

  bool possible(const ArrayShape& array) const {
    if (array.maximum >= 0 && array.minimum > array.maximum) return false;
    const int prefix = possible_prefix(array);
    const bool has_rest = prefix == static_cast<int>(array.prefix.size()) && possible(array.rest);
    return has_rest || array.minimum <= prefix;
  }

  bool possible(const ObjectShape& object) const {
    int required = 0, members = 0;
    for (const ObjectShape::Member& member : object.members) {
      if (member.required && !possible(member.node)) return false;
      required += member.required;
      members += possible(member.node);
    }
    const bool open = std::any_of(object.open.begin(), object.open.end(),
                                  [&](const auto& part) { return possible(part.node); });
    if (object.maximum >= 0 && (required > object.maximum || object.minimum > object.maximum)) {
      return false;
    }
    return open || members >= object.minimum;
  }

  void cut(SchemaShape& shape) {
    ArrayShape& array = shape.array;
    const auto prefix = static_cast<std::size_t>(possible_prefix(array));
    if (prefix < array.prefix.size()) {
      array.prefix.resize(prefix);
      array.rest = kNoNode;
    }
    if (!possible(array.rest)) array.rest = kNoNode;
    auto& members = shape.object.members;
    members.erase(std::remove_if(members.begin(), members.end(),
                                 [&](const auto& member) { return !possible(member.node); }),
                  members.end());
    auto& open = shape.object.open;
    open.erase(std::remove_if(open.begin(), open.end(),
                              [&](const auto& part) { return !possible(part.node); }),
               open.end());
  }

  SchemaForm& form_;
};

}  // namespace

void prune(SchemaForm& form) {
  Pruner(form).run();
}

}  // namespace llm::grammar
