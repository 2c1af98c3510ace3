// The templates behind the names of --chat-template.
#include <gtest/gtest.h>

#include "base/error.h"
#include "chat/template.h"

namespace llm::chat {
namespace {

/// A conversation of one exchange and a new question.
std::string rendered(const std::string& name) {
  const char* source = builtin_template(name);
  if (!source) return "no such template";
  TemplateInput input;
  input.messages = Json::array({{{"role", "system"}, {"content", "S"}},
                                {{"role", "user"}, {"content", "U1"}},
                                {{"role", "assistant"}, {"content", " A1 "}},
                                {{"role", "user"}, {"content", "U2"}}});
  input.eos_token = "</e>";
  return Template::compile(source)->render(input);
}

TEST(BuiltinTemplates, WriteTheirFormats) {
  const std::pair<const char*, const char*> formats[] = {
      {"chatml",
       "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU1<|im_end|>\n"
       "<|im_start|>assistant\n A1 <|im_end|>\n<|im_start|>user\nU2<|im_end|>\n"
       "<|im_start|>assistant\n"},
      {"llama2", "[INST] S\nU1 [/INST] A1 </s>[INST] U2 [/INST]"},
      {"llama2-sys", "[INST] <<SYS>>\nS\n<</SYS>>\n\nU1 [/INST] A1 </s>[INST] U2 [/INST]"},
      {"llama2-sys-bos", "[INST] <<SYS>>\nS\n<</SYS>>\n\nU1 [/INST] A1 </s><s>[INST] U2 [/INST]"},
      {"llama2-sys-strip", "[INST] <<SYS>>\nS\n<</SYS>>\n\nU1 [/INST]A1</s>[INST] U2 [/INST]"},
      {"mistral-v1", " [INST] S\n\nU1 [/INST]  A1 </s> [INST] U2 [/INST]"},
      {"mistral-v3", "[INST] S\n\nU1[/INST] A1</s>[INST] U2[/INST]"},
      {"mistral-v3-tekken", "[INST]S\n\nU1[/INST] A1 </s>[INST]U2[/INST]"},
      {"mistral-v7", "[SYSTEM_PROMPT] S[/SYSTEM_PROMPT][INST] U1[/INST]  A1 </s>[INST] U2[/INST]"},
      {"mistral-v7-tekken",
       "[SYSTEM_PROMPT]S[/SYSTEM_PROMPT][INST]U1[/INST] A1 </s>[INST]U2[/INST]"},
      {"llama3",
       "<|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
       "<|start_header_id|>user<|end_header_id|>\n\nU1<|eot_id|>"
       "<|start_header_id|>assistant<|end_header_id|>\n\nA1<|eot_id|>"
       "<|start_header_id|>user<|end_header_id|>\n\nU2<|eot_id|>"
       "<|start_header_id|>assistant<|end_header_id|>\n\n"},
      {"gemma",
       "<start_of_turn>user\nS\n\nU1<end_of_turn>\n<start_of_turn>model\nA1<end_of_turn>\n"
       "<start_of_turn>user\nU2<end_of_turn>\n<start_of_turn>model\n"},
      {"phi3",
       "<|system|>\nS<|end|>\n<|user|>\nU1<|end|>\n<|assistant|>\n A1 <|end|>\n"
       "<|user|>\nU2<|end|>\n<|assistant|>\n"},
      {"zephyr",
       "<|system|>\nS</e>\n<|user|>\nU1</e>\n<|assistant|>\n A1 </e>\n"
       "<|user|>\nU2</e>\n<|assistant|>\n"},
      {"monarch",
       "system\nS</s>\n<s>user\nU1</s>\n<s>assistant\n A1 </s>\n<s>user\nU2</s>\n<s>assistant\n"},
      {"vicuna", "S\n\nUSER: U1\nASSISTANT:  A1 </s>\nUSER: U2\nASSISTANT:"},
      {"vicuna-orca", "SYSTEM: S\nUSER: U1\nASSISTANT:  A1 </s>\nUSER: U2\nASSISTANT:"},
      {"openchat",
       "S<|end_of_turn|>GPT4 Correct User: U1<|end_of_turn|>GPT4 Correct Assistant:  A1 "
       "<|end_of_turn|>GPT4 Correct User: U2<|end_of_turn|>GPT4 Correct Assistant:"},
      {"orion", "Human: S\n\nU1\n\nAssistant: </s> A1 </s>Human: U2\n\nAssistant: </s>"},
      {"deepseek",
       "S### Instruction:\nU1\n### Response:\n A1 \n<|EOT|>\n"
       "### Instruction:\nU2\n### Response:\n"},
      {"deepseek2", "S\n\nUser: U1\n\nAssistant:  A1 <｜end▁of▁sentence｜>User: U2\n\nAssistant:"},
      {"deepseek3",
       "S<｜User｜>U1<｜Assistant｜> A1 <｜end▁of▁sentence｜><｜User｜>U2<｜Assistant｜>"},
      {"command-r",
       "<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>S<|END_OF_TURN_TOKEN|>"
       "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>U1<|END_OF_TURN_TOKEN|>"
       "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>A1<|END_OF_TURN_TOKEN|>"
       "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>U2<|END_OF_TURN_TOKEN|>"
       "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>"},
      {"chatglm3",
       "[gMASK]sop<|system|>\n S<|user|>\n U1<|assistant|>\n  A1 <|user|>\n U2"
       "<|assistant|>"},
      {"chatglm4",
       "[gMASK]<sop><|system|>\nS<|user|>\nU1<|assistant|>\n A1 <|user|>\nU2<|assistant|>\n"},
      {"minicpm", "S<用户>U1<AI>A1<用户>U2<AI>"},
      {"granite-4.0",
       "<|start_of_role|>system<|end_of_role|>S<|end_of_text|>\n"
       "<|start_of_role|>user<|end_of_role|>U1<|end_of_text|>\n"
       "<|start_of_role|>assistant<|end_of_role|> A1 <|end_of_text|>\n"
       "<|start_of_role|>user<|end_of_role|>U2<|end_of_text|>\n"
       "<|start_of_role|>assistant<|end_of_role|>"},
      {"bailing",
       "<role>SYSTEM</role>S<role>HUMAN</role>U1<role>ASSISTANT</role> A1 "
       "<role>HUMAN</role>U2<role>ASSISTANT</role>"},
  };
  for (const auto& [name, expected] : formats) EXPECT_EQ(rendered(name), expected) << name;
}

TEST(BuiltinTemplates, EveryNameOfTheManualIsKnownOrRefusedByName) {
  const char* names[] = {"bailing",
                         "bailing-think",
                         "bailing2",
                         "chatglm3",
                         "chatglm4",
                         "chatml",
                         "command-r",
                         "deepseek",
                         "deepseek-ocr",
                         "deepseek2",
                         "deepseek3",
                         "exaone-moe",
                         "exaone3",
                         "exaone4",
                         "falcon3",
                         "gemma",
                         "gigachat",
                         "glmedge",
                         "gpt-oss",
                         "granite",
                         "granite-4.0",
                         "granite-4.1",
                         "grok-2",
                         "hunyuan-dense",
                         "hunyuan-moe",
                         "hunyuan-vl",
                         "kimi-k2",
                         "llama2",
                         "llama2-sys",
                         "llama2-sys-bos",
                         "llama2-sys-strip",
                         "llama3",
                         "llama4",
                         "megrez",
                         "minicpm",
                         "mistral-v1",
                         "mistral-v3",
                         "mistral-v3-tekken",
                         "mistral-v7",
                         "mistral-v7-tekken",
                         "monarch",
                         "openchat",
                         "orion",
                         "pangu-embedded",
                         "phi3",
                         "phi4",
                         "rwkv-world",
                         "seed_oss",
                         "smolvlm",
                         "solar-open",
                         "vicuna",
                         "vicuna-orca",
                         "yandex",
                         "zephyr"};
  int known = 0;
  for (const char* name : names) {
    try {
      const char* source = builtin_template(name);
      ASSERT_NE(source, nullptr) << name;
      const auto compiled = Template::compile(source);
      EXPECT_TRUE(compiled->caps().supports_string_content) << name;
      EXPECT_TRUE(compiled->caps().supports_system_role) << name;
      EXPECT_FALSE(compiled->caps().supports_tools) << name;
      ++known;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
    }
  }
  EXPECT_EQ(known, 39);
}

TEST(BuiltinTemplates, OtherNamesAreNone) {
  EXPECT_EQ(builtin_template("{{ messages }}"), nullptr);
  EXPECT_EQ(builtin_template(""), nullptr);
}

}  // namespace
}  // namespace llm::chat
