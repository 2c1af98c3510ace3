#include "chat/template.h"

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "chat/jinja/program.h"
#include "chat/probe.h"

namespace llm::chat {
namespace {

// Vendors' checks that refuse harmless conversations: a text that talks about channel marks, and
// an assistant that said nothing. The exceptions they raise print nothing instead.
constexpr std::string_view kHarmless[] = {
    "You have passed a message containing <|channel|> tags in the content field.",
    "Assistant message must have a string or a list of chunks in content or a list of tool calls.",
};

std::int64_t clock_seconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

[[noreturn]] void report(const jinja::Failure& failure) {
  if (failure.kind == jinja::FailureKind::raise) bad_field("messages", failure.what());
  bad_field("messages", fmt::format("the chat template fails in line {}, column {}: {}",
                                    failure.line, failure.column, failure.what()));
}

std::int64_t time_of(const TemplateInput& input) {
  return input.now_unix_s ? input.now_unix_s : clock_seconds();
}

constexpr const char* kFlag = "add_generation_prompt";

/// All but the flag, in the order in which later ones win. `input` must outlive it.
struct Variables {
  explicit Variables(const TemplateInput& input) : bos(input.bos_token), eos(input.eos_token) {
    all = {{"messages", &input.messages}, {"bos_token", &bos}, {"eos_token", &eos}};
    if (!input.tools.is_null()) all.push_back({"tools", &input.tools});
    for (const auto& [name, value] : input.extra.items()) all.push_back({name, &value});
  }
  Variables(const Variables&) = delete;
  Variables& operator=(const Variables&) = delete;

  Json bos, eos;
  std::vector<jinja::Variable> all;
};

template <class Render>
auto reported(Render render) {
  try {
    return render();
  } catch (const jinja::Failure& failure) {
    report(failure);
  }
}

class JinjaTemplate final : public Template {
 public:
  explicit JinjaTemplate(std::string source)
      : source_(std::move(source)), program_(source_), family_(detect_family(source_)) {
    caps_ = probe_caps(*this);
    reasoning_ = probe_reasoning(*this);
  }

  std::string render(const TemplateInput& input) const override {
    const Json yes = true;
    Variables variables(input);
    if (input.add_generation_prompt) variables.all.insert(variables.all.begin(), {kFlag, &yes});
    return reported([&] { return program_.render(variables.all, time_of(input), {}, kHarmless); });
  }

  Texts render_both(const TemplateInput& input) const override {
    if (input.extra.contains(kFlag)) {  // wins both times
      std::string text = render(input);
      return {text, text};
    }
    const Variables variables(input);
    return reported([&]() -> Texts {
      auto [with, without] =
          program_.render_both(variables.all, kFlag, time_of(input), {}, kHarmless);
      return {std::move(with), std::move(without)};
    });
  }

  const TemplateCaps& caps() const override { return caps_; }
  const ReasoningFormat& reasoning() const override { return reasoning_; }
  Family family() const override { return family_; }
  const std::string& source() const override { return source_; }

 private:
  std::string source_;
  jinja::Program program_;
  Family family_;
  TemplateCaps caps_;
  ReasoningFormat reasoning_;
};

}  // namespace

std::unique_ptr<Template> Template::compile(std::string source) {
  try {
    return std::make_unique<JinjaTemplate>(std::move(source));
  } catch (const jinja::Failure& failure) {
    fail("the chat template does not parse: line {}, column {}: {}", failure.line, failure.column,
         failure.what());
  }
}

}  // namespace llm::chat
