#include "server/request/prompt.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "fakes.h"

namespace llm::server {
namespace {

std::vector<PromptParts> prompts_of(const char* text) {
  return parse_prompts(Json::parse(text));
}

TEST(Prompt, OneOrSeveral) {
  EXPECT_EQ(prompts_of(R"("a")"), (std::vector<PromptParts>{{"a"}}));
  EXPECT_EQ(prompts_of(R"({"prompt_string":"a"})"), (std::vector<PromptParts>{{"a"}}));
  EXPECT_EQ(prompts_of("[1,2]"), (std::vector<PromptParts>{{1, 2}}));
  EXPECT_EQ(prompts_of(R"([1,"a",2])"), (std::vector<PromptParts>{{1, "a", 2}}));
  EXPECT_EQ(prompts_of(R"(["a","b"])"), (std::vector<PromptParts>{{"a"}, {"b"}}));
  EXPECT_EQ(prompts_of(R"([[1,2],"b",["x",3],{"prompt_string":"c"}])"),
            (std::vector<PromptParts>{{1, 2}, {"b"}, {"x", 3}, {"c"}}));
}

TEST(Prompt, OtherShapesAreRefused) {
  for (const char* text :
       {"null", "5", "true", "[]", "[[]]", "{}", "[1.5]", "[1,[2]]", R"(["a",null])",
        R"({"prompt_string":3})", R"({"prompt_string":"x","multimodal_data":[]})"}) {
    EXPECT_THROW(prompts_of(text), RequestError) << text;
  }
}

TEST(Prompt, OnlyALeadingTextGetsBos) {
  const auto tokenizer = test::tiny_tokenizer();
  const auto encode = [&](const char* text) {
    return encode_prompt(prompts_of(text)[0], *tokenizer);
  };
  EXPECT_EQ(encode(R"("a")").front(), 1);
  EXPECT_EQ(encode(R"(["a",5])").size(), encode(R"("a")").size() + 1);
  EXPECT_EQ(encode("[5,6]"), (std::vector<TokenId>{5, 6}));
  const auto mixed = encode(R"([5,"a"])");
  EXPECT_EQ(mixed.front(), 5);
  EXPECT_EQ(std::count(mixed.begin(), mixed.end(), 1), 0);
  for (const char* bad : {"[1,100000]", "[-1]", "[99999999999]"}) {
    EXPECT_THROW(encode(bad), RequestError) << bad;
  }
}

}  // namespace
}  // namespace llm::server
