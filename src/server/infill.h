// Fill-in-the-middle: /infill.
#pragma once

#include "base/json.h"
#include "http/http.h"
#include "server/service.h"

namespace llm::server {

struct InfillExtra {
  std::string filename, text;
};

struct InfillRequest {
  Json prefix, suffix;  // text, or a list of texts and token ids
  std::string prompt;   // between prefix and gap
  std::vector<InfillExtra> extras;
};
/// Throws RequestError(400) naming the field.
InfillRequest parse_infill(const Json& body);

struct InfillLimits {
  int batch, context, predict;
  bool suffix_first = false;
};
/// Repository context, then [BOS] FIM_PRE prefix prompt FIM_SUF suffix FIM_MID, cut to the limits;
/// with `suffix_first` the part of FIM_SUF is in front of the one of FIM_PRE.
/// Throws 501 when the vocabulary lacks the tokens.
std::vector<TokenId> infill_tokens(const InfillRequest& request, const Tokenizer& tokenizer,
                                   const InfillLimits& limits);

http::Task<http::Response> infill(Service& service, http::Exchange& exchange);

}  // namespace llm::server
