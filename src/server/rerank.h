// Documents in the order of their relevance to a query, in Jina's form or that of Text Embeddings
// Inference (TEI).
#pragma once

#include <string>
#include <vector>

#include "http/http.h"
#include "server/service.h"

namespace llm::server {

http::Task<http::Response> rerank(Service& service, http::Exchange& exchange);

/// A query and a document as a classifier reads them: in the model's own words, where `words` (its
/// template named "rerank") is not empty, else BOS, query, EOS, SEP, document, EOS as far as the
/// vocabulary asks for them.
std::vector<TokenId> rerank_tokens(const Tokenizer& tokenizer, const std::string& words,
                                   const std::string& query, const std::string& document);

}  // namespace llm::server
