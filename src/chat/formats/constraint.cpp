// Until the constraints of the formats are written: none.
#if __has_include("grammar/expression_nodes.h")
#include "grammar/expression_nodes.h"
#else
#include "grammar/expression.h"
struct llm::grammar::Expressions::Node {};
#endif

#include "chat/formats/layout_format.h"

namespace llm::chat {

ReplyConstraint LayoutFormat::constraint(const ReplySettings&) const {
  return {};
}

}  // namespace llm::chat
