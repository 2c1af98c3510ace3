// The loaded model as the wire formats see it: what it is called, how texts become tokens, what a
// request that says nothing gets.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "chat/format.h"
#include "chat/render.h"
#include "chat/template.h"
#include "engine/engine.h"
#include "gguf/metadata.h"
#include "options/options.h"
#include "server/request/fields.h"
#include "server/request/grammars.h"
#include "server/request/resolve.h"
#include "server/request/shown_tokens.h"

namespace llm::server {

/// How the model is named on the wire.
struct ModelCard {
  std::string id;                          // `model` of every reply
  std::vector<std::string> aliases, tags;  // sorted
  std::string path;                        // as given on the command line
  ModelInfo info;
};
/// `name`: what the model is called without --alias.
ModelCard make_card(const ModelOptions& options, const std::string& name, const std::string& path,
                    const ModelInfo& info);

/// What POST /props has changed since start. Fields of requests, as /props shows them.
struct RuntimeChanges {
  Json params = Json::object();
  std::string chat_template;  // source; empty: as at start
  bool empty() const { return params.empty() && chat_template.empty(); }
};

/// Request fields that are absent: command line, then the model file's general.sampling.*, then
/// the built-in values.
CompletionParams default_params(const Options& options, const gguf::Metadata& metadata);

/// The text of a token, "" when there is none.
std::string token_text(const Tokenizer& tokenizer, TokenId token);

/// Immutable but for the engine inside; shared by all handlers.
struct Serving {
  /// `owner` keeps tokenizer and engine alive; may be null where somebody else does.
  Serving(const Options& options, ModelCard card, const gguf::Metadata& metadata,
          const Tokenizer& tokenizer, Engine& engine,
          std::shared_ptr<const chat::Template> chat_template, std::shared_ptr<void> owner = {});
  /// The same model with other defaults. Throws RequestError(400) for what is wrong in `changed`,
  /// which holds all changes since start.
  Serving(std::shared_ptr<const Serving> origin, RuntimeChanges changed);

  Limits limits() const { return {engine.slot_count()}; }

  std::shared_ptr<void> owner;              // first: goes last
  std::shared_ptr<const Serving> at_start;  // what `changes` changed; null: this is it
  ModelCard card;
  const Tokenizer& tokenizer;
  Engine& engine;
  std::string rerank_template;  // the model's words for a query and a document; may be empty
  std::shared_ptr<const chat::Template> chat_template;
  chat::RenderSettings chat_settings;
  std::shared_ptr<const chat::Format> format;  // of the template's replies; null without template
  std::string format_reason;                   // why it was taken for that one
  TokenIds preserved_tokens;                   // that the format's parser must see; may be null
  CompletionParams defaults;
  RuntimeChanges changes;  // that are in the defaults
  Resolver resolver;
  Grammars grammars;

 private:
  void find_reply_format();
};

}  // namespace llm::server
