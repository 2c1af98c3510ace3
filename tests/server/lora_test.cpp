// /lora-adapters: what the list shows, and what reaches the engine.
#include <gtest/gtest.h>

#include "model/adapter_file.h"
#include "server/endpoints.h"
#include "server/fakes.h"

namespace llm::server::test {
namespace {

using llm::test::adapter_keys;
using llm::test::TemporaryFile;

struct LoraEndpoints : testing::Test {
  World world;
  TemporaryFile file{"late.gguf"};

  /// An adapter that waits for the tokens "ab".
  std::shared_ptr<const Adapter> adapter() const {
    gguf::Metadata keys = adapter_keys("llama", 1);
    keys.set("adapter.lora.task_name", {std::string("task")});
    keys.set("adapter.lora.prompt_prefix", {std::string("prefix")});
    const std::vector<std::uint32_t> tokens = {static_cast<std::uint32_t>(letter('a')),
                                               static_cast<std::uint32_t>(letter('b'))};
    keys.set("adapter.alora.invocation_tokens", gguf::array_value(tokens));
    llm::test::write_gguf(file.path(), keys, {});
    const auto device = compute::make_cpu_device({.threads = 1});
    return std::make_shared<const Adapter>(file.path(), "llama", std::vector<NamedWeight>{},
                                           compute::Weight{}, *device);
  }
};

TEST_F(LoraEndpoints, ListShowsWhatTheFileSays) {
  world.engine.adapter_list.add(adapter(), 0.5f, "", /*applied=*/true);
  const http::Response reply = lora_adapters(*world.service, {});
  EXPECT_EQ(reply.status, 200);
  const Json list = Json::parse(reply.body);
  const Json expected = {{"id", 0},
                         {"path", file.path()},
                         {"scale", 0.5},
                         {"task_name", "task"},
                         {"prompt_prefix", "prefix"},
                         {"alora_invocation_string", "ab"},
                         {"alora_invocation_tokens", {letter('a'), letter('b')}}};
  EXPECT_EQ(list, Json::array({expected}));
}

TEST_F(LoraEndpoints, RequestsBringTheirOwnScales) {
  const Limits limits{4};
  const CompletionParams& defaults = world.service->serving().defaults;
  const Resolver& resolver = world.service->serving().resolver;
  const auto adapters_of = [&](const char* body) {
    const CompletionParams params = parse_params(Json::parse(body), defaults, limits);
    return resolver.request(params, {1}, 0).adapters;
  };
  EXPECT_FALSE(adapters_of("{}")) << "the server's scales";
  EXPECT_FALSE(adapters_of(R"({"lora":[]})"));
  const auto adapters = adapters_of(R"({"lora":[{"id":1,"scale":0.5},{"name":"x","scale":2}]})");
  ASSERT_TRUE(adapters);
  ASSERT_EQ(adapters->size(), 2u);
  EXPECT_EQ(adapters->front().id, 1);
  EXPECT_EQ(adapters->front().scale, 0.5f);
  EXPECT_EQ(adapters->back().name, "x");
  // No adapter can have these ids.
  for (const char* id : {"-1", "1.5", "1e99"}) {
    const auto none = adapters_of(fmt::format(R"({{"lora":[{{"id":{},"scale":1}}]}})", id).c_str());
    EXPECT_EQ(none->front().id, -1) << id;
  }
}

}  // namespace
}  // namespace llm::server::test
