// A Format made from its description.
#pragma once

#include "chat/format.h"
#include "chat/formats/layout.h"

namespace llm::chat {

class LayoutFormat final : public Format {
 public:
  explicit LayoutFormat(ReplyLayout layout)
      : shared_(std::make_shared<const ReplyLayout>(std::move(layout))) {}

  std::string name() const override { return layout_.name; }
  std::unique_ptr<ReplyParser> parser(const ReplySettings& settings) const override;
  ReplyConstraint constraint(const ReplySettings& settings) const override;
  std::vector<std::string> preserved_tokens() const override;
  std::vector<std::string> stops() const override { return layout_.stops; }
  grammar::ThinkingTags thinking(const std::string& generation_prompt) const override;
  std::string tool_instructions(const Json& tools) const override;
  const ReplyLayout& layout() const { return layout_; }

 private:
  std::shared_ptr<const ReplyLayout> shared_;  // its parsers hold it, too
  const ReplyLayout& layout_ = *shared_;
};

/// The layouts of known families.
const std::vector<ReplyLayout>& known_layouts();
const ReplyLayout* known_layout(std::string_view name);

}  // namespace llm::chat
