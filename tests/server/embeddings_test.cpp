// Bodies of the embedding and rerank endpoints: what is asked of the engine, and the replies.
#include "server/embeddings.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fakes.h"
#include "server/errors.h"
#include "server/rerank.h"
#include "server/vectors.h"

namespace llm::server {
namespace {

using test::FakeExchange;
using test::letter;
using test::World;

struct VectorWorld : World {
  explicit VectorWorld(const std::string& pooling = "mean") {
    options.vectors = {.embeddings = true, .pooling = pooling};
    service = std::make_unique<Service>(options);
    ModelInfo info{.width = 3, .context_train = 64};
    info.embedding_width = 3;
    service->set_serving(
        std::make_unique<Serving>(options, make_card(options.model, "tiny.gguf", "tiny.gguf", info),
                                  gguf::Metadata{}, *tokenizer, engine, nullptr));
  }

  /// Answers every input with these vectors.
  Json reply(Handler handler, const Json& body, const std::string& path,
             const std::vector<Embedding>& vectors) {
    FakeExchange exchange(body.dump(), path);
    start(handler, exchange);
    if (!engine.asked_vectors.empty()) {
      engine.asked_vectors.back()->sink->done(std::vector<Embedding>(vectors));
    }
    turn();
    EXPECT_TRUE(is_done);
    if (error) {
      try {
        std::rethrow_exception(error);
      } catch (const RequestError& refused) {
        return {{"status", refused.status}, {"message", refused.what()}, {"param", refused.param}};
      }
    }
    return Json::parse(response.body);
  }

  Json refusal(const Json& body) {
    is_done = false;
    error = nullptr;
    return reply(oai_embeddings, body, "/v1/embeddings", {});
  }
};

const Embedding kOne{1, {3, 0, -4}};

TEST(EmbeddingsEndpoint, OpenAIsFormNormalisesAndCounts) {
  VectorWorld world;
  const Json reply = world.reply(oai_embeddings, {{"input", {"ab", {5, 6, 7}}}, {"model", "m"}},
                                 "/v1/embeddings", {kOne, kOne});
  const auto& request = world.engine.asked_vectors.at(0)->request;
  EXPECT_EQ(request.pooling, Pooling::mean);
  EXPECT_EQ(request.inputs.at(0).front(), 1) << "texts begin with BOS";
  EXPECT_EQ(request.inputs.at(1), (std::vector<TokenId>{5, 6, 7}));
  EXPECT_EQ(reply["model"], "m");
  EXPECT_EQ(reply["object"], "list");
  EXPECT_EQ(reply["usage"]["prompt_tokens"], request.inputs[0].size() + 3);
  ASSERT_EQ(reply["data"].size(), 2u);
  EXPECT_EQ(reply["data"][1]["index"], 1);
  EXPECT_EQ(reply["data"][1]["object"], "embedding");
  EXPECT_NEAR(reply["data"][1]["embedding"][0].get<double>(), 0.6, 1e-6);
  EXPECT_NEAR(reply["data"][1]["embedding"][2].get<double>(), -0.8, 1e-6);
}

TEST(EmbeddingsEndpoint, DimensionsCutBeforeNormalising) {
  VectorWorld world;
  const Json reply =
      world.reply(oai_embeddings, {{"input", "ab"}, {"dimensions", 2}}, "/v1/embeddings", {kOne});
  EXPECT_EQ(reply["data"][0]["embedding"], Json::parse("[1.0, 0.0]"));
  EXPECT_EQ(world.refusal({{"input", "ab"}, {"dimensions", 4}})["status"], 400);
  EXPECT_EQ(world.refusal({{"input", "ab"}, {"dimensions", "2"}})["param"], "dimensions");
}

TEST(EmbeddingsEndpoint, Base64IsLittleEndianFloats) {
  VectorWorld world;
  const Json body = {{"input", "ab"}, {"encoding_format", "base64"}, {"embd_normalize", -1}};
  const Json reply = world.reply(oai_embeddings, body, "/v1/embeddings", {{1, {1, -2}}});
  EXPECT_EQ(reply["data"][0]["embedding"], "AACAPwAAAMA=");
  EXPECT_EQ(reply["data"][0]["encoding_format"], "base64");
}

TEST(EmbeddingsEndpoint, TheNativeFormListsVectors) {
  VectorWorld world("none");
  const Json reply = world.reply(native_embeddings, {{"content", "ab"}}, "/embeddings",
                                 {{2, {1, 2, 3, 4, 5, 6.5}}});
  EXPECT_EQ(reply, Json::parse(R"([{"index":0,"embedding":[[1.0,2.0,3.0],[4.0,5.0,6.5]]}])"));
}

TEST(EmbeddingsEndpoint, BadBodiesAreRefusedByName) {
  VectorWorld world;
  EXPECT_EQ(world.refusal(Json::object())["message"], "\"input\" or \"content\" must be provided");
  EXPECT_EQ(world.refusal({{"input", 3}})["status"], 400);
  EXPECT_EQ(world.refusal({{"input", Json::array()}})["status"], 400);
  EXPECT_EQ(world.refusal({{"input", {-1}}})["status"], 400);
  EXPECT_EQ(world.refusal({{"input", "a"}, {"encoding_format", "hex"}})["param"],
            "encoding_format");
  EXPECT_EQ(world.refusal({{"input", "a"}, {"encoding_format", 7}})["param"], "encoding_format");
  EXPECT_EQ(world.refusal({{"input", "a"}, {"embd_normalize", "x"}})["param"], "embd_normalize");
  EXPECT_EQ(world.refusal({{"input", "a"}, {"truncate_prompt_tokens", 17}})["param"],
            "truncate_prompt_tokens");
  VectorWorld unpooled("none");
  EXPECT_EQ(unpooled.refusal({{"input", "a"}})["message"],
            "Pooling type 'none' is not OAI compatible. Please use a different pooling type");
  EXPECT_TRUE(world.engine.asked_vectors.empty());
}

TEST(EmbeddingsEndpoint, InputsAreTruncatedWhenAsked) {
  VectorWorld world;
  world.reply(oai_embeddings,
              {{"input", {{4, 5, 6, 7}, {4, 5, 6, 2}}}, {"truncate_prompt_tokens", 3}},
              "/v1/embeddings", {kOne, kOne});
  const auto& inputs = world.engine.asked_vectors.at(0)->request.inputs;
  EXPECT_EQ(inputs.at(0), (std::vector<TokenId>{4, 5, 6}));
  EXPECT_EQ(inputs.at(1), (std::vector<TokenId>{4, 5, 2})) << "the end token stays";
}

TEST(EmbeddingsEndpoint, ClientsThatLeaveCancel) {
  VectorWorld world;
  FakeExchange exchange(R"({"input":"ab"})", "/v1/embeddings");
  world.start(oai_embeddings, exchange);
  exchange.leave();
  world.turn();
  EXPECT_TRUE(world.is_done);
  EXPECT_TRUE(world.engine.asked_vectors.at(0)->is_cancelled);
}

TEST(Normalize, EveryNorm) {
  const auto normalized = [](int how) {
    std::vector<float> x = {3, 0, -4};
    normalize(x, how);
    return x;
  };
  EXPECT_EQ(normalized(-1), (std::vector<float>{3, 0, -4}));
  EXPECT_EQ(normalized(0), (std::vector<float>{24570, 0, -32760}));
  EXPECT_FLOAT_EQ(normalized(1)[2], -4.0f / 7);
  EXPECT_FLOAT_EQ(normalized(2)[0], 0.6f);
  EXPECT_FLOAT_EQ(normalized(3)[0], static_cast<float>(3 / std::cbrt(91.0)));
  std::vector<float> nothing = {0, 0};
  normalize(nothing, 2);
  EXPECT_EQ(nothing, (std::vector<float>{0, 0}));
}

const std::vector<Embedding> kScores = {{1, {-1.5f}}, {1, {2.0f}}, {1, {2.0f}}};

TEST(RerankEndpoint, TheBestDocumentsFirst) {
  VectorWorld world("rank");
  const Json body = {{"query", "q"}, {"documents", {"a", "b", "c"}}, {"top_n", 2}};
  const Json reply = world.reply(rerank, body, "/v1/rerank", kScores);
  EXPECT_EQ(reply["results"], Json::parse(R"([{"index":1,"relevance_score":2.0},
                                              {"index":2,"relevance_score":2.0}])"));
  const auto& request = world.engine.asked_vectors.at(0)->request;
  EXPECT_EQ(request.pooling, Pooling::rank);
  ASSERT_EQ(request.inputs.size(), 3u);
  EXPECT_EQ(request.inputs[1].front(), 1);
  EXPECT_EQ(request.inputs[1].back(), letter('b'));
}

TEST(RerankEndpoint, TheOtherForm) {
  VectorWorld world("rank");
  const Json body = {{"query", "q"}, {"texts", {"a", "b", "c"}}, {"return_text", true}};
  const Json reply = world.reply(rerank, body, "/rerank", kScores);
  EXPECT_EQ(reply[2], Json::parse(R"({"index":0,"score":-1.5,"text":"a"})"));
}

TEST(RerankEndpoint, TheModelsOwnWords) {
  VectorWorld world("rank");
  const auto words = [&](const char* query, const char* document) {
    return world.tokenizer->decode(
        rerank_tokens(*world.tokenizer, "q {query} d {document}", query, document));
  };
  EXPECT_EQ(words("ab", "cd"), "q ab d cd");
  EXPECT_EQ(words("{document}", "{query}"), "q {document} d {query}") << "texts are only texts";
}

TEST(RerankEndpoint, NeedsAClassifier) {
  VectorWorld world("mean");
  const Json reply = world.reply(rerank, {{"query", "q"}, {"documents", {"a"}}}, "/rerank", {});
  EXPECT_EQ(reply["status"], 501);
}

}  // namespace
}  // namespace llm::server
