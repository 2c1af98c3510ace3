#include "server/request/fields.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace llm::server {
namespace {

CompletionParams parse(const char* body, const CompletionParams& defaults = {}) {
  return parse_params(Json::parse(body), defaults, Limits{.slots = 4});
}

struct BadField {
  const char* name;
  const char* body;
  int status;
  const char* param;
  const char* message;  // part of it
};

constexpr BadField kBadFields[] = {
    {"TopKText", R"({"top_k":"many"})", 400, "top_k",
     "Field 'top_k': [json.exception.type_error.302] type must be number, but is string"},
    {"TopKArray", R"({"top_k":[1]})", 400, "top_k", "type must be number, but is array"},
    {"TemperatureText", R"({"temperature":"warm"})", 400, "temperature", "but is string"},
    {"StreamText", R"({"stream":"yes"})", 400, "stream", "type must be boolean, but is string"},
    {"StreamNumber", R"({"stream":1})", 400, "stream", "type must be boolean, but is number"},
    {"PredictBelow", R"({"n_predict":-2})", 400, "n_predict",
     "Field 'n_predict': Value must be between -1 <= value <= 2147483647, but got -2"},
    {"AliasIsNamed", R"({"max_tokens":-7})", 400, "max_tokens", "Field 'max_tokens': Value must"},
    {"PredictAbove", R"({"max_tokens":3000000000})", 400, "max_tokens", "but got 3000000000"},
    {"PredictHuge", R"({"max_tokens":1e300})", 400, "max_tokens", "but got"},
    {"TooManyChoices", R"({"n":5})", 400, "n", "Value must be between 1 <= value <= 4, but got 5"},
    {"NoChoices", R"({"n_cmpl":0})", 400, "n_cmpl", "but got 0"},
    {"RepeatLastN", R"({"repeat_last_n":-1})", 400, "repeat_last_n",
     "Value must be between 0 <= value <= 2147483647, but got -1"},
    {"RepeatPenaltyZero", R"({"repeat_penalty":0})", 400, "repeat_penalty",
     "Failed to initialize samplers: penalty_repeat must be finite and greater than 0"},
    {"RepeatPenaltyHuge", R"({"repeat_penalty":1e300})", 400, "repeat_penalty", "Value must be"},
    {"PresenceHuge", R"({"presence_penalty":-1e300})", 400, "presence_penalty", "Value must be"},
    {"DecayAbove", R"({"adaptive_decay":1})", 400, "adaptive_decay", "0 <= value <= 0.99"},
    {"PingInterval", R"({"sse_ping_interval":-2})", 400, "sse_ping_interval", "but got -2"},
    {"SlotTooLarge", R"({"id_slot":9999999999})", 400, "id_slot", "but got 9999999999"},
    {"StopNumber", R"({"stop":5})", 400, "stop", "type must be string or array, but is number"},
    {"StopItem", R"({"stop":["a",1]})", 400, "stop", "type must be string, but is number"},
    {"SamplersNumber", R"({"samplers":1})", 400, "samplers", "type must be array or string"},
    {"SamplersItem", R"({"samplers":[1]})", 400, "samplers", "type must be string"},
    {"BiasText", R"({"logit_bias":"x"})", 400, "logit_bias", "type must be array or object"},
    {"BreakersEmpty", R"({"dry_sequence_breakers":[]})", 400, "dry_sequence_breakers",
     "dry_sequence_breakers must be a non-empty array of strings"},
    {"LoraObject", R"({"lora":{"id":0}})", 400, "lora",
     "'lora' must be an array of objects with 'id' and 'scale' fields"},
    {"LoraItem", R"({"lora":[{"id":0}]})", 400, "lora", "'lora' must be an array of objects"},
    {"LoraId", R"({"lora":[{"id":"0","scale":1}]})", 400, "lora.id", "must be number"},
    {"LoraName", R"({"lora":[{"name":0,"scale":1}]})", 400, "lora.name", "must be string"},
    {"LoraScale", R"({"lora":[{"id":0,"scale":1e300}]})", 400, "lora.scale", "finite"},
    {"ResponseFields", R"({"response_fields":"content"})", 400, "response_fields", "array"},
    {"IncludeUsage", R"({"stream_options":{"include_usage":1}})", 400,
     "stream_options.include_usage", "boolean"},
    {"GrammarNumber", R"({"grammar":7})", 400, "grammar", "type must be string"},
    {"SchemaText", R"({"json_schema":"x"})", 400, "json_schema", "type must be object"},
    {"LazyWithoutTriggers", R"({"grammar":"root ::= \"a\"","grammar_lazy":true})", 400,
     "grammar_lazy", "no triggers"},
    {"BudgetBelow", R"({"reasoning_budget_tokens":-2})", 400, "reasoning_budget_tokens",
     "but got -2"},
};

class ParamsReject : public testing::TestWithParam<BadField> {};

TEST_P(ParamsReject, AndNameTheField) {
  try {
    parse(GetParam().body);
    FAIL() << "accepted: " << GetParam().body;
  } catch (const RequestError& error) {
    EXPECT_EQ(error.status, GetParam().status);
    EXPECT_EQ(error.param, GetParam().param);
    EXPECT_NE(std::string(error.what()).find(GetParam().message), std::string::npos)
        << error.what();
  }
}
INSTANTIATE_TEST_SUITE_P(Fields, ParamsReject, testing::ValuesIn(kBadFields),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Params, AbsentAndNullFieldsKeepTheDefaults) {
  CompletionParams defaults;
  defaults.sampling.top_k = 7;
  defaults.max_tokens = 40;
  defaults.stop = {"end"};
  const auto params =
      parse(R"({"top_k":null,"stop":null,"n_predict":null,"unknown":[1]})", defaults);
  EXPECT_EQ(params.sampling.top_k, 7);
  EXPECT_EQ(params.max_tokens, 40);
  EXPECT_EQ(params.stop, std::vector<std::string>{"end"});
}

TEST(Params, SoftRangesClamp) {
  const auto s = parse(R"({"top_p":7.5,"min_p":-3,"temperature":-1,"top_k":-5,"mirostat":9,
                "xtc_probability":2,"adaptive_target":4,"logprobs":-3})")
                     .sampling;
  EXPECT_EQ(s.top_p, 1);
  EXPECT_EQ(s.min_p, 0);
  EXPECT_EQ(s.temperature, 0);
  EXPECT_EQ(s.top_k, 0);
  EXPECT_EQ(s.mirostat, 2);
  EXPECT_EQ(s.xtc_probability, 1);
  EXPECT_EQ(s.adaptive_target, 1);
  EXPECT_EQ(s.n_probs, 0);
}

TEST(Params, IntegersTakeFloatsAndBooleans) {
  const auto params = parse(R"({"top_k":2.9,"n_predict":true,"logprobs":true,"seed":-1})");
  EXPECT_EQ(params.sampling.top_k, 2);
  EXPECT_EQ(params.max_tokens, 1);
  EXPECT_EQ(params.sampling.n_probs, 1);
  EXPECT_EQ(params.sampling.seed, kRandomSeed);
}

TEST(Params, TheFirstNameOfAFieldWins) {
  EXPECT_EQ(parse(R"({"max_tokens":9,"max_completion_tokens":5,"n_predict":4})").max_tokens, 4);
  EXPECT_EQ(parse(R"({"max_tokens":9,"max_completion_tokens":5})").max_tokens, 5);
  EXPECT_EQ(parse(R"({"max_tokens":9,"n_predict":null})").max_tokens, 9);
  EXPECT_EQ(parse(R"({"n":2,"n_cmpl":3})").choices, 3);
}

TEST(Params, StopStringsReplaceTheDefaultsUnlessNoneIsLeft) {
  CompletionParams defaults;
  defaults.stop = {"end"};
  EXPECT_EQ(parse(R"({"stop":"x"})", defaults).stop, std::vector<std::string>{"x"});
  EXPECT_EQ(parse(R"({"stop":["a","","b"]})", defaults).stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(parse(R"({"stop":[]})", defaults).stop, std::vector<std::string>{"end"});
  EXPECT_EQ(parse(R"({"stop":""})", defaults).stop, std::vector<std::string>{"end"});
}

TEST(Params, LogitBiasTakesListsAndObjects) {
  const auto list =
      parse(R"({"logit_bias":[[5,1.5],[" very",-2],[7,false],[8,true],[9],"x",[1,"2"],[-3,1]]})")
          .logit_bias;
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0].token, 5);
  EXPECT_EQ(list[0].bias, 1.5f);
  EXPECT_EQ(list[1].text, " very");
  EXPECT_TRUE(std::isinf(list[2].bias) && list[2].bias < 0);

  const auto object = parse(R"({"logit_bias":{"286":-100,"dog":1,"x":[]}})").logit_bias;
  ASSERT_EQ(object.size(), 2u);
  EXPECT_EQ(object[0].token, 286);
  EXPECT_EQ(object[1].text, "dog");
}

TEST(Params, SamplersByNameAliasAndLetter) {
  using K = SamplerKind;
  EXPECT_EQ(parse(R"({"samplers":["top_k","min-p","TEMP","frobnicate"]})").sampling.samplers,
            (std::vector{K::top_k, K::min_p, K::temperature}));
  EXPECT_EQ(parse(R"({"samplers":"kt?"})").sampling.samplers,
            (std::vector{K::top_k, K::temperature}));
  EXPECT_TRUE(parse(R"({"samplers":[]})").sampling.samplers.empty());
}

TEST(Params, ASmallDryBaseBecomesTheDefault) {
  EXPECT_EQ(parse(R"({"dry_base":0.5})").sampling.dry_base, 1.75f);
  EXPECT_EQ(parse(R"({"dry_base":2})").sampling.dry_base, 2);
}

TEST(Settings, KeysStandInTheReferencesOrder) {
  const Json full = settings_json({}, SettingsForm::full);
  std::string keys;
  for (const auto& [key, value] : full.items()) keys += key + " ";
  EXPECT_EQ(keys,
            "seed temperature dynatemp_range dynatemp_exponent top_k top_p min_p top_n_sigma "
            "xtc_probability xtc_threshold typical_p repeat_last_n repeat_penalty presence_penalty "
            "frequency_penalty dry_multiplier dry_base dry_allowed_length dry_penalty_last_n "
            "dry_sequence_breakers mirostat mirostat_tau mirostat_eta adaptive_target "
            "adaptive_decay stop max_tokens n_predict n_keep n_discard ignore_eos stream "
            "logit_bias n_probs min_keep grammar grammar_lazy grammar_triggers preserved_tokens "
            "chat_format reasoning_format reasoning_in_content generation_prompt samplers "
            "speculative.types timings_per_token post_sampling_probs backend_sampling lora ");
  EXPECT_EQ(full.dump().substr(0, 50), R"({"seed":4294967295,"temperature":0.800000011920929)");
}

TEST(Settings, TheBriefFormLeavesOutTheLongLists) {
  const Json brief = settings_json({}, SettingsForm::brief);
  for (const char* key : {"dry_sequence_breakers", "stop", "logit_bias", "grammar", "grammar_lazy",
                          "grammar_triggers", "preserved_tokens"}) {
    EXPECT_FALSE(brief.contains(key)) << key;
  }
  EXPECT_TRUE(brief.contains("samplers"));
}

TEST(Settings, ForbiddenTokensPrintAsNull) {
  CompletionParams params;
  params.sampling.logit_bias = {{286, -INFINITY}, {5, 2.0f}};
  EXPECT_EQ(settings_json(params, SettingsForm::full)["logit_bias"].dump(),
            R"([{"bias":null,"token":286},{"bias":2.0,"token":5}])");
}

}  // namespace
}  // namespace llm::server
