// A schema in normal form: every node is a choice of shapes, and a shape says for each type of
// value what is asked of it. Keywords that stand beside each other, allOf, $ref and the branches of
// anyOf are intersected on the way there.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "grammar/json/json_number.h"
#include "grammar/json/json_string_language.h"

namespace llm::grammar {

/// Sets of types, as bits. Integers are numbers whose shape says so.
enum TypeBit : unsigned {
  kNull = 1,
  kBoolean = 2,
  kNumber = 4,
  kString = 8,
  kArray = 16,
  kObject = 32,
  kAllTypes = 63
};
using TypeSet = unsigned;

inline constexpr int kNoNode = -1;

struct ArrayShape {
  std::vector<int> prefix;  // nodes
  int rest = kNoNode;       // node of the items behind the prefix; none: there are none
  int minimum = 0, maximum = -1;
  bool unique = false;
};

struct ObjectShape {
  struct Member {
    std::string name;
    int node;
    bool required;
  };
  /// Further members: keys of `keys` (null: any string) with values of `node`.
  struct Open {
    std::shared_ptr<const Dfa> keys;
    int node;
  };
  std::vector<Member> members;
  std::vector<Open> open;
  int minimum = 0, maximum = -1;
};

struct SchemaShape {
  TypeSet types = kAllTypes;
  std::optional<std::vector<Json>> values;  // exactly these, already filtered
  std::vector<bool> booleans = {true, false};
  NumberShape number;
  std::optional<Dfa> number_texts;  // where bounds or multiples are asked for
  StringLanguage string;
  ArrayShape array;
  ObjectShape object;
  bool is_any = false;  // any value at all
};

struct SchemaNode {
  std::vector<SchemaShape> shapes;
  bool is_possible = false;  // some finite value exists
};

struct SchemaForm {
  std::vector<SchemaNode> nodes;  // the first is the root
};

/// Marks possible nodes and takes out of the shapes what no value can have.
void prune(SchemaForm& form);

}  // namespace llm::grammar
