// What the endpoints of embeddings and rerankers share: inputs from a body, their way through the
// engine and back, lengths of vectors.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/engine.h"
#include "http/http.h"
#include "server/service.h"

namespace llm::server {

/// The command line's pooling, else the model's, else none.
Pooling pooling_of(const Service& service);
Pooling pooling_of(const Options& options, const Serving& serving);

/// At most `limit` tokens: the first ones, and the last one where the vocabulary ends its inputs
/// with a token of its own.
void truncate(std::vector<TokenId>& tokens, int limit, const Tokenizer& tokenizer);

/// What `truncate_prompt_tokens` (vLLM: -1: what fits) or `truncate` (TEI) in the body asks for.
std::optional<int> truncation_of(const Json& body, const Engine& engine);

/// Waits for the vectors; nullopt when the client has gone. Throws RequestError.
http::Task<std::optional<std::vector<Embedding>>> make_vectors(Service& service,
                                                               http::Exchange& exchange,
                                                               EmbeddingRequest request);

/// embd_normalize: -1 leaves x alone, 0 makes its largest magnitude 32760, p > 0 its p-norm 1.
void normalize(std::span<float> x, int how);

int count_tokens(const EmbeddingRequest& request);

}  // namespace llm::server
