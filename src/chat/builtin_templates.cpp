// Templates by the names of --chat-template. A format is data: what stands around the text of each
// role. The Jinja source is made from it.
#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"
#include "chat/template.h"

namespace llm::chat {
namespace {

enum Trait : unsigned {
  kTrimAll = 1,          // white space at the ends of every content goes
  kTrimAssistant = 2,    // ... of the assistant's only
  kSystemOpensUser = 4,  // the user's text follows the system's in one turn
  kBetweenAll = 8,  // `between` stands in front of all messages but the first, not of users only
};

struct Around {
  std::string_view begin, end;  // `{role}` and `{eos}` stand for the role and the end token
};

struct TurnFormat {
  std::string_view name;
  std::string_view start;  // in front of everything
  Around system, user, assistant;
  std::string_view prompt;  // where the assistant goes on
  unsigned traits = 0;
  std::string_view between;
};

constexpr TurnFormat kFormats[] = {
    {"chatml",
     "",
     {"<|im_start|>system\n", "<|im_end|>\n"},
     {"<|im_start|>{role}\n", "<|im_end|>\n"},
     {"<|im_start|>assistant\n", "<|im_end|>\n"},
     "<|im_start|>assistant\n"},
    {"llama2", "", {"[INST] ", "\n"}, {"[INST] ", " [/INST]"}, {"", "</s>"}, "", kSystemOpensUser},
    {"llama2-sys",
     "",
     {"[INST] <<SYS>>\n", "\n<</SYS>>\n\n"},
     {"[INST] ", " [/INST]"},
     {"", "</s>"},
     "",
     kSystemOpensUser},
    {"llama2-sys-bos",
     "",
     {"[INST] <<SYS>>\n", "\n<</SYS>>\n\n"},
     {"[INST] ", " [/INST]"},
     {"", "</s>"},
     "",
     kSystemOpensUser,
     "<s>"},
    {"llama2-sys-strip",
     "",
     {"[INST] <<SYS>>\n", "\n<</SYS>>\n\n"},
     {"[INST] ", " [/INST]"},
     {"", "</s>"},
     "",
     kSystemOpensUser | kTrimAll},
    {"mistral-v1",
     "",
     {" [INST] ", "\n\n"},
     {" [INST] ", " [/INST]"},
     {" ", "</s>"},
     "",
     kSystemOpensUser},
    {"mistral-v3",
     "",
     {"[INST] ", "\n\n"},
     {"[INST] ", "[/INST]"},
     {" ", "</s>"},
     "",
     kSystemOpensUser | kTrimAssistant},
    {"mistral-v3-tekken",
     "",
     {"[INST]", "\n\n"},
     {"[INST]", "[/INST]"},
     {"", "</s>"},
     "",
     kSystemOpensUser},
    {"mistral-v7",
     "",
     {"[SYSTEM_PROMPT] ", "[/SYSTEM_PROMPT]"},
     {"[INST] ", "[/INST]"},
     {" ", "</s>"},
     ""},
    {"mistral-v7-tekken",
     "",
     {"[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"},
     {"[INST]", "[/INST]"},
     {"", "</s>"},
     ""},
    {"llama3",
     "",
     {"<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"},
     {"<|start_header_id|>{role}<|end_header_id|>\n\n", "<|eot_id|>"},
     {"<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"},
     "<|start_header_id|>assistant<|end_header_id|>\n\n",
     kTrimAll},
    {"llama4",
     "",
     {"<|header_start|>system<|header_end|>\n\n", "<|eot|>"},
     {"<|header_start|>{role}<|header_end|>\n\n", "<|eot|>"},
     {"<|header_start|>assistant<|header_end|>\n\n", "<|eot|>"},
     "<|header_start|>assistant<|header_end|>\n\n",
     kTrimAll},
    {"gemma",
     "",
     {"<start_of_turn>user\n", "\n\n"},
     {"<start_of_turn>{role}\n", "<end_of_turn>\n"},
     {"<start_of_turn>model\n", "<end_of_turn>\n"},
     "<start_of_turn>model\n",
     kSystemOpensUser | kTrimAll},
    {"phi3",
     "",
     {"<|system|>\n", "<|end|>\n"},
     {"<|{role}|>\n", "<|end|>\n"},
     {"<|assistant|>\n", "<|end|>\n"},
     "<|assistant|>\n"},
    {"phi4",
     "",
     {"<|im_start|>system<|im_sep|>", "<|im_end|>"},
     {"<|im_start|>{role}<|im_sep|>", "<|im_end|>"},
     {"<|im_start|>assistant<|im_sep|>", "<|im_end|>"},
     "<|im_start|>assistant<|im_sep|>"},
    {"zephyr",
     "",
     {"<|system|>\n", "{eos}\n"},
     {"<|{role}|>\n", "{eos}\n"},
     {"<|assistant|>\n", "{eos}\n"},
     "<|assistant|>\n"},
    {"monarch",
     "",
     {"system\n", "</s>\n"},
     {"{role}\n", "</s>\n"},
     {"assistant\n", "</s>\n"},
     "<s>assistant\n",
     kBetweenAll,
     "<s>"},
    {"orion",
     "",
     {"Human: ", "\n\n"},
     {"Human: ", "\n\nAssistant: </s>"},
     {"", "</s>"},
     "",
     kSystemOpensUser},
    {"openchat",
     "",
     {"", "<|end_of_turn|>"},
     {"GPT4 Correct User: ", "<|end_of_turn|>"},
     {"GPT4 Correct Assistant: ", "<|end_of_turn|>"},
     "GPT4 Correct Assistant:"},
    {"vicuna", "", {"", "\n\n"}, {"USER: ", "\n"}, {"ASSISTANT: ", "</s>\n"}, "ASSISTANT:"},
    {"vicuna-orca",
     "",
     {"SYSTEM: ", "\n"},
     {"USER: ", "\n"},
     {"ASSISTANT: ", "</s>\n"},
     "ASSISTANT:"},
    {"deepseek",
     "",
     {"", ""},
     {"### Instruction:\n", "\n"},
     {"### Response:\n", "\n<|EOT|>\n"},
     "### Response:\n"},
    {"deepseek2",
     "",
     {"", "\n\n"},
     {"User: ", "\n\n"},
     {"Assistant: ", "<｜end▁of▁sentence｜>"},
     "Assistant:"},
    {"deepseek3",
     "",
     {"", ""},
     {"<｜User｜>", ""},
     {"<｜Assistant｜>", "<｜end▁of▁sentence｜>"},
     "<｜Assistant｜>"},
    {"command-r",
     "",
     {"<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>", "<|END_OF_TURN_TOKEN|>"},
     {"<|START_OF_TURN_TOKEN|><|USER_TOKEN|>", "<|END_OF_TURN_TOKEN|>"},
     {"<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>", "<|END_OF_TURN_TOKEN|>"},
     "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
     kTrimAll},
    {"chatglm3",
     "[gMASK]sop",
     {"<|system|>\n ", ""},
     {"<|{role}|>\n ", ""},
     {"<|assistant|>\n ", ""},
     "<|assistant|>"},
    {"chatglm4",
     "[gMASK]<sop>",
     {"<|system|>\n", ""},
     {"<|{role}|>\n", ""},
     {"<|assistant|>\n", ""},
     "<|assistant|>\n"},
    {"glmedge",
     "",
     {"<|system|>\n", ""},
     {"<|{role}|>\n", ""},
     {"<|assistant|>\n", ""},
     "<|assistant|>"},
    {"minicpm", "", {"", ""}, {"<用户>", "<AI>"}, {"", ""}, "", kTrimAll},
    {"granite",
     "",
     {"<|start_of_role|>system<|end_of_role|>", "<|end_of_text|>\n"},
     {"<|start_of_role|>{role}<|end_of_role|>", "<|end_of_text|>\n"},
     {"<|start_of_role|>assistant<|end_of_role|>", "<|end_of_text|>\n"},
     "<|start_of_role|>assistant<|end_of_role|>"},
    {"gigachat",
     "<s>",
     {"", "<|message_sep|>"},
     {"user<|role_sep|>", "<|message_sep|>available functions<|role_sep|>[]<|message_sep|>"},
     {"assistant<|role_sep|>", "<|message_sep|>"},
     "assistant<|role_sep|>"},
    {"megrez",
     "",
     {"<|role_start|>system<|role_end|>", "<|turn_end|>"},
     {"<|role_start|>{role}<|role_end|>", "<|turn_end|>"},
     {"<|role_start|>assistant<|role_end|>", "<|turn_end|>"},
     "<|role_start|>assistant<|role_end|>"},
    {"bailing",
     "",
     {"<role>SYSTEM</role>", ""},
     {"<role>HUMAN</role>", ""},
     {"<role>ASSISTANT</role>", ""},
     "<role>ASSISTANT</role>"},
    {"seed_oss",
     "",
     {"<seed:bos>system\n", "<seed:eos>"},
     {"<seed:bos>{role}\n", "<seed:eos>"},
     {"<seed:bos>assistant\n", "<seed:eos>"},
     "<seed:bos>assistant\n",
     kTrimAssistant},
    {"rwkv-world",
     "",
     {"System: ", "\n\n"},
     {"User: ", "\n\n"},
     {"Assistant: ", "\n\n"},
     "Assistant:",
     kTrimAll},
    {"kimi-k2",
     "",
     {"<|im_system|>system<|im_middle|>", "<|im_end|>"},
     {"<|im_user|>user<|im_middle|>", "<|im_end|>"},
     {"<|im_assistant|>assistant<|im_middle|>", "<|im_end|>"},
     "<|im_assistant|>assistant<|im_middle|>"},
    {"gpt-oss",
     "",
     {"<|start|>system<|message|>", "<|end|>"},
     {"<|start|>{role}<|message|>", "<|end|>"},
     {"<|start|>assistant<|channel|>final<|message|>", "<|end|>"},
     "<|start|>assistant"},
};

// Same format, other name: they differ in how tools are written, which these do not do.
constexpr std::pair<std::string_view, std::string_view> kAliases[] = {{"granite-4.0", "granite"},
                                                                      {"granite-4.1", "granite"}};

// Names that llama-server knows and that have no row yet, because their format is not at hand.
constexpr std::string_view kMissing[] = {
    "bailing-think", "bailing2", "deepseek-ocr", "exaone-moe",     "exaone3",
    "exaone4",       "falcon3",  "grok-2",       "hunyuan-dense",  "hunyuan-moe",
    "hunyuan-vl",    "smolvlm",  "solar-open",   "pangu-embedded", "yandex",
};

/// `text` as a Jinja expression: string literals and variables, joined.
std::string expression(std::string_view text) {
  std::string out = "'";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    if (rest.starts_with("{role}")) {
      out += "' ~ message.role ~ '";
      i += 5;
    } else if (rest.starts_with("{eos}")) {
      out += "' ~ eos_token ~ '";
      i += 4;
    } else if (text[i] == '\n') {
      out += "\\n";
    } else {
      out += text[i];
    }
  }
  return out + "'";
}

/// Prints a message of one role.
std::string turn(const Around& around, bool trims, std::string_view begin_condition = {}) {
  std::string begin = expression(around.begin);
  if (!begin_condition.empty()) begin = "(" + begin + std::string(begin_condition) + ")";
  return "{{- " + begin + " ~ message.content" + (trims ? " | trim" : "") + " ~ " +
         expression(around.end) + " }}";
}

std::string source_of(const TurnFormat& format) {
  const bool trims_all = (format.traits & kTrimAll) != 0;
  const bool opens = (format.traits & kSystemOpensUser) != 0;
  std::string out;
  if (!format.start.empty()) out += "{{- " + expression(format.start) + " }}\n";
  if (opens) out += "{%- set turn = namespace(open=false) %}\n";
  out += "{%- for message in messages %}\n";
  if (!format.between.empty()) {
    out += "{%- if not loop.first";
    if ((format.traits & kBetweenAll) == 0)
      out += " and message.role not in ['system', 'assistant'] and not turn.open";
    out += " %}{{- " + expression(format.between) + " }}{%- endif %}\n";
  }
  out += "{%- if message.role == 'system' %}" + turn(format.system, trims_all);
  if (opens) out += "{%- set turn.open = true %}";
  out += "\n{%- elif message.role == 'assistant' %}" +
         turn(format.assistant, trims_all || (format.traits & kTrimAssistant) != 0);
  out += "\n{%- else %}" + turn(format.user, trims_all, opens ? " if not turn.open else ''" : "");
  if (opens) out += "{%- set turn.open = false %}";
  out += "\n{%- endif %}\n{%- endfor %}\n";
  if (!format.prompt.empty())
    out += "{%- if add_generation_prompt %}{{- " + expression(format.prompt) + " }}{%- endif %}\n";
  return out;
}

std::map<std::string, std::string, std::less<>> make_sources() {
  std::map<std::string, std::string, std::less<>> sources;
  for (const TurnFormat& format : kFormats)
    sources.emplace(std::string(format.name), source_of(format));
  for (const auto& [name, original] : kAliases)
    sources.emplace(std::string(name), sources.find(original)->second);
  return sources;
}

}  // namespace

const char* builtin_template(const std::string& name) {
  static const auto sources = make_sources();
  const auto found = sources.find(name);
  if (found != sources.end()) return found->second.c_str();
  if (std::find(std::begin(kMissing), std::end(kMissing), name) != std::end(kMissing))
    fail("the built-in chat template '{}' is not supported yet; give its Jinja text instead", name);
  return nullptr;
}

}  // namespace llm::chat
