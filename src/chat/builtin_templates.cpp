#include "chat/template.h"
namespace llm::chat {
const char* builtin_template(const std::string& name) {
  return name == "chatml" ? "{% for message in messages %}{{ '<|im_start|>' + message['role'] + "
                            "'\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}{% if "
                            "add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
                          : nullptr;
}
}  // namespace llm::chat
