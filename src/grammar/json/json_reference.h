// `$ref` inside of one document: pointers, anchors, and identifiers of embedded schemas.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/json.h"

namespace llm::grammar {

class References {
 public:
  /// `root` must outlive this.
  explicit References(const Json& root) : root_(root) {}

  /// What "#", "#/a/b", "#anchor" or the identifier of an embedded schema names; null when there
  /// is nothing of that name in the document.
  const Json* find(const std::string& reference);

 private:
  void index();

  const Json& root_;
  bool is_indexed_ = false;
  std::map<std::string, const Json*> anchors_, identifiers_;
};

}  // namespace llm::grammar
