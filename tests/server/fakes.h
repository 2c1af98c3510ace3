// A vocabulary, an engine and an HTTP exchange that tests hold in their hands.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"
#include "gguf/metadata.h"
#include "http/http.h"
#include "server/service.h"
#include "tokenizer/tokenizer.h"

namespace llm::server::test {

/// SentencePiece with BOS 1, EOS 2, bytes 3..258, the characters a..z and space behind them.
inline std::unique_ptr<Tokenizer> tiny_tokenizer() {
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  std::vector<std::int32_t> types = {2, 3, 3};
  for (int byte = 0; byte < 256; ++byte) {
    constexpr char kDigits[] = "0123456789ABCDEF";
    tokens.push_back(std::string("<0x") + kDigits[byte / 16] + kDigits[byte % 16] + ">");
    types.push_back(6);
  }
  tokens.push_back("\xE2\x96\x81");  // the space
  types.push_back(1);
  for (char c = 'a'; c <= 'z'; ++c) {
    tokens.push_back(std::string(1, c));
    types.push_back(1);
  }
  std::vector<float> scores(tokens.size(), 0);
  gguf::Metadata metadata;
  const auto array = [](gguf::ValueType type, auto elements) {
    gguf::Array list;
    list.type = type;
    list.elements = std::move(elements);
    return gguf::Value{std::move(list)};
  };
  metadata.set("tokenizer.ggml.model", gguf::Value{std::string("llama")});
  metadata.set("tokenizer.ggml.tokens", array(gguf::ValueType::string, tokens));
  metadata.set("tokenizer.ggml.scores", array(gguf::ValueType::f32, scores));
  metadata.set("tokenizer.ggml.token_type", array(gguf::ValueType::i32, types));
  metadata.set("tokenizer.ggml.bos_token_id", gguf::Value{std::uint32_t{1}});
  metadata.set("tokenizer.ggml.eos_token_id", gguf::Value{std::uint32_t{2}});
  metadata.set("tokenizer.ggml.unknown_token_id", gguf::Value{std::uint32_t{0}});
  metadata.set("tokenizer.ggml.add_bos_token", gguf::Value{true});
  return Tokenizer::load(metadata);
}
inline constexpr TokenId kSpace = 259;
inline TokenId letter(char c) {
  return kSpace + 1 + (c - 'a');
}
inline TokenId byte(int value) {
  return 3 + value;
}

/// Keeps what was submitted; the test plays the engine's thread.
class FakeEngine final : public Engine {
 public:
  struct Submitted final : RequestHandle {
    GenerationRequest request;
    std::shared_ptr<EventSink> sink;
    int number = 0;
    bool is_cancelled = false;
    void cancel() override { is_cancelled = true; }
    int id() const override { return number; }

    /// Tokens whose text is `text`, then the end.
    void answer(const std::string& text, StopType stop = StopType::limit) {
      sink->started();
      Timings timings{.prompt_tokens = static_cast<int>(request.prompt.size()), .prompt_ms = 2};
      for (const char c : text) {
        ++timings.predicted_tokens;
        timings.predicted_ms += 1;
        TokenEvent event{.token = c == ' ' ? kSpace : letter(c),
                         .text = std::string(1, c),
                         .predicted_tokens = timings.predicted_tokens,
                         .timings = timings};
        event.sampled = {event.token, -0.5f, {{event.token, -0.5f}, {letter('z'), -1.5f}}};
        sink->token(std::move(event));
      }
      sink->end({.stop = stop, .slot = 1, .tokens_cached = 9, .timings = timings});
    }
  };

  std::shared_ptr<RequestHandle> submit(GenerationRequest request,
                                        std::shared_ptr<EventSink> sink) override {
    if (static_cast<int>(submitted.size()) >= capacity) {
      throw RequestError(503, "unavailable_error", "the queue is full");
    }
    submitted.push_back(std::make_shared<Submitted>());
    submitted.back()->request = std::move(request);
    submitted.back()->sink = std::move(sink);
    submitted.back()->number = static_cast<int>(submitted.size());
    return submitted.back();
  }
  void submit(SlotJob job) override { slot_jobs.push_back(std::move(job)); }
  std::uint64_t state_key() const override { return 1; }
  std::string_view fixed_keys() const override { return {}; }
  struct AskedVectors final : RequestHandle {
    EmbeddingRequest request;
    std::shared_ptr<EmbeddingSink> sink;
    bool is_cancelled = false;
    void cancel() override { is_cancelled = true; }
    int id() const override { return 7; }
  };
  std::shared_ptr<RequestHandle> submit(EmbeddingRequest request,
                                        std::shared_ptr<EmbeddingSink> sink) override {
    asked_vectors.push_back(std::make_shared<AskedVectors>());
    asked_vectors.back()->request = std::move(request);
    asked_vectors.back()->sink = std::move(sink);
    return asked_vectors.back();
  }
  int load_adapter(const std::string& path, float, const std::string&, bool) override {
    fail("{}: no adapters here", path);
  }
  void restore_adapters(const AdapterRecords&) override {}
  AdapterList& adapters() override { return adapter_list; }
  int longest_input() const override { return 16; }
  std::vector<SlotView> slots() const override { return views; }
  EngineStats stats() const override { return {}; }
  int slot_count() const override { return 4; }
  int slot_context() const override { return 64; }
  void drain(std::chrono::milliseconds) override {}

  std::vector<SlotJob> slot_jobs;
  std::vector<std::shared_ptr<Submitted>> submitted;
  std::vector<std::shared_ptr<AskedVectors>> asked_vectors;
  std::vector<SlotView> views;
  AdapterList adapter_list;
  int capacity = 100;
};

/// One exchange on an io_context that the test turns.
class FakeExchange : public http::Exchange {
 public:
  explicit FakeExchange(std::string body, std::string path = "") {
    request_.body = std::move(body);
    request_.path = std::move(path);
  }

  const http::Request& request() const override { return request_; }
  /// Before the handler starts.
  http::Request& request() { return request_; }
  bool client_gone() const override { return is_gone; }
  void on_client_gone(std::function<void()> callback) override {
    callbacks_.push_back(std::move(callback));
  }
  http::Task<void> begin_stream(http::Headers, int) override {
    has_begun = true;
    co_return;
  }
  http::Task<bool> write(std::string_view chunk) override {
    written += chunk;
    co_return !is_gone;
  }
  bool stream_begun() const override { return has_begun; }
  http::Task<void> to_worker() override { co_return; }

  void leave() {
    is_gone = true;
    for (const auto& callback : callbacks_) callback();
  }

  std::string written;
  bool has_begun = false, is_gone = false;

 private:
  http::Request request_;
  std::vector<std::function<void()>> callbacks_;
};

/// A service around the fake engine.
struct World {
  World() {
    options.model.aliases = {"tiny"};
    service = std::make_unique<Service>(options);
    service->set_serving(std::make_unique<Serving>(
        options, make_card(options.model, "tiny.gguf", "tiny.gguf", ModelInfo{.context_train = 64}),
        gguf::Metadata{}, *tokenizer, engine, nullptr));
  }

  using Handler = http::Task<http::Response> (*)(Service&, http::Exchange&);
  /// Starts the handler; it runs in turn().
  void start(Handler handler, FakeExchange& exchange) {
    boost::asio::co_spawn(context, handler(*service, exchange),
                          [this](std::exception_ptr failure, http::Response reply) {
                            error = failure;
                            response = std::move(reply);
                            is_done = true;
                          });
    turn();
  }
  void turn() {
    context.restart();
    context.poll();
  }

  Options options;
  std::unique_ptr<Tokenizer> tokenizer = tiny_tokenizer();
  FakeEngine engine;
  std::unique_ptr<Service> service;
  boost::asio::io_context context;
  bool is_done = false;
  std::exception_ptr error;
  http::Response response;
};

/// With a chat template.
struct ChatWorld : World {
  ChatWorld() { service->change({{"chat_template", "{{ messages[0].content }}"}}); }
};

}  // namespace llm::server::test
