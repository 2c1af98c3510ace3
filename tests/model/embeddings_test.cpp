// Every embedding and rerank family against the numbers of ../shared/vectors/archs: the vectors of
// tokens, of every pooling, and the scores of classifiers.
#include "model/pooling.h"
#include "model/vectors.h"

namespace llm::test {
namespace {

const char* const kEmbedders[] = {"bert",         "bert-rerank",     "gemma-embedding",
                                  "jina-bert-v2", "jina-bert-v3",    "llama-embed",
                                  "modern-bert",  "nomic-bert",      "nomic-bert-moe",
                                  "t5encoder",    "qwen3-embedding", "qwen3-reranker"};

class Embeddings : public ArchVectors {
 protected:
  std::vector<Logits> embed(std::span<const BatchSequence> batch) {
    const compute::Tensor t = runner_->model().embed(batch, runner_->pool());
    std::vector<Logits> rows;
    for (std::int64_t r = 0; r < t.rows; ++r) rows.emplace_back(t.row(r).begin(), t.row(r).end());
    return rows;
  }

  std::vector<Logits> embed(const Tokens& tokens) {
    const BatchSequence batch = runner_->slice(0, tokens, 0, Outputs::all);
    return embed({&batch, 1});
  }

  /// What a client gets: pooled, and through what the model has behind the pooling.
  Logits finished(std::span<const Logits> rows, Pooling pooling) {
    Model& model = runner_->model();
    const bool ranks = pooling == Pooling::rank;
    Pooler pooler(ranks ? model.info().rank_input : pooling, model.info().width);
    for (const Logits& row : rows) pooler.add(row);
    const compute::Tensor t = model.finish(pooler.take(), pooling);
    return {t.data, t.data + t.rows * t.cols};
  }
};

const Json* exact_or_null(const Json& owner, const std::string& field) {
  if (owner.contains(field + "_exact")) return &owner.at(field + "_exact");
  return owner.contains(field) ? &owner.at(field) : nullptr;
}

TEST_P(Embeddings, TokensPoolingsAndScoresMatch) {
  const ModelInfo& info = runner_->model().info();
  EXPECT_STREQ(pooling_name(info.pooling.value()),
               expected_.at("default_pooling").get<std::string>().c_str());
  EXPECT_EQ(info.embedding_width, expected_.at("n_embd_out"));
  int compared = 0;
  for (const Json& sequence : expected_.at("sequences")) {
    SCOPED_TRACE(sequence.at("id").get<std::string>());
    const std::vector<Logits> rows = embed(sequence.at("tokens").get<Tokens>());
    Distance distance;
    if (const Json* tokens = exact_or_null(sequence, "token_embeddings")) {
      for (const Json& one : *tokens) {
        const Logits& row = rows.at(one.at("pos").get<std::size_t>());
        distance.add(finished({&row, 1}, Pooling::none), one.at("values").get<Logits>());
        ++compared;
      }
    }
    if (const Json* pooled = exact_or_null(sequence, "pooled")) {
      for (const Pooling pooling : {Pooling::mean, Pooling::cls, Pooling::last}) {
        if (!pooled->contains(pooling_name(pooling))) continue;
        distance.add(finished(rows, pooling), pooled->at(pooling_name(pooling)).get<Logits>());
        ++compared;
      }
    }
    if (const Json* scores = exact_or_null(sequence, "rank")) {
      distance.add(finished(rows, Pooling::rank), scores->get<Logits>());
      ++compared;
    }
    EXPECT_LE(distance.max, kMaxDifference);
    EXPECT_LE(distance.nmse(), kMaxNmse);
  }
  EXPECT_GT(compared, 0);
}

TEST_P(Embeddings, ScoresOfTheRerankEndpointMatch) {
  if (!expected_.contains("http_rerank")) GTEST_SKIP() << "no reranker";
  const Json& rerank = expected_.at("http_rerank");
  const Tokens query = rerank.at("query_tokens");
  for (std::size_t i = 0; i < rerank.at("scores").size(); ++i) {
    Tokens tokens = query;
    const Tokens document = rerank.at("document_tokens").at(i);
    tokens.insert(tokens.end(), document.begin(), document.end());
    const Logits scores = finished(embed(tokens), Pooling::rank);
    EXPECT_NEAR(scores.front(), rerank.at("scores").at(i).get<float>(), 5e-3);
  }
}

TEST_P(Embeddings, VectorsAreTheSameAloneAndBesideOthers) {
  std::vector<Tokens> inputs;
  for (const Json& sequence : expected_.at("sequences")) inputs.push_back(sequence.at("tokens"));
  inputs.push_back({5, 77, 30});
  inputs.push_back({42});
  std::vector<BatchSequence> batch;
  std::vector<Logits> alone;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const int sequence = static_cast<int>(i);
    batch.push_back(runner_->slice(sequence, inputs[i], 0, Outputs::all));
    const auto rows = embed({&batch.back(), 1});
    alone.insert(alone.end(), rows.begin(), rows.end());
  }
  EXPECT_EQ(embed(batch), alone);
  // The last token's vector does not need the others'.
  std::size_t end = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    batch[i].outputs = Outputs::last;
    end += inputs[i].size();
    EXPECT_EQ(embed({&batch[i], 1}), std::vector<Logits>{alone[end - 1]});
  }
}

INSTANTIATE_TEST_SUITE_P(Vectors, Embeddings,
                         testing::Combine(testing::ValuesIn(kEmbedders),
                                          testing::ValuesIn(kDevices)),
                         name_on_device<Embeddings::ParamType>);

TEST(PoolerTest, PiecesDoNotMatter) {
  const Logits rows[] = {{1, 2}, {3, -2}, {5, 9}};
  const auto pool = [&](Pooling how) {
    Pooler pooler(how, 2);
    for (const Logits& row : rows) pooler.add(row);
    return pooler.take();
  };
  EXPECT_EQ(pool(Pooling::mean), (Logits{3, 3}));
  EXPECT_EQ(pool(Pooling::cls), (Logits{1, 2}));
  EXPECT_EQ(pool(Pooling::last), (Logits{5, 9}));
  EXPECT_EQ(pool(Pooling::none), (Logits{1, 2, 3, -2, 5, 9}));
  EXPECT_EQ(Pooler(Pooling::last, 2).outputs(false), Outputs::none);
  EXPECT_EQ(Pooler(Pooling::last, 2).outputs(true), Outputs::last);
  EXPECT_EQ(Pooler(Pooling::mean, 2).outputs(false), Outputs::all);
}

}  // namespace
}  // namespace llm::test
