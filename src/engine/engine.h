// Runs the sequences of all users, one batch per step, on one thread of its own.
// Vectors (embeddings, scores) are made between the steps of the streams: engine/embedder.h.
// The room knows no HTTP and no wire formats: requests come in as structs, events go out through
// callbacks. Start at Engine::submit; the loop is engine/loop.cpp, what a step holds is decided in
// engine/plan.h, who owns which page in engine/prefix_cache.h and
// engine/paged_tokens.h; slot files are made from what SlotJob gives, engine/slot_file.h.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/histogram.h"
#include "base/token.h"
#include "engine/adapters.h"
#include "model/model.h"
#include "sampling/sampling.h"
#include "tokenizer/tokenizer.h"

namespace llm {

enum class StopType { none, eos, limit, word };

struct Timings {
  int cached_tokens = 0;  // of the prompt, taken from the cache
  int prompt_tokens = 0;  // of the prompt, computed
  double prompt_ms = 0;
  int predicted_tokens = 0;  // the end-of-generation token included
  double predicted_ms = 0;
};

/// One generated token, or the end. `text` never ends in half a character and never contains what
/// may be the beginning of a stop string.
struct TokenEvent {
  TokenId token = kNoToken;
  std::string text;  // may be empty: the token is withheld or invisible
  Sampled sampled;   // probabilities when asked for
  int predicted_tokens = 0;
  Timings timings;
};

struct ProgressEvent {
  int total, cached, processed;
  double time_ms;
};

struct EndEvent {
  StopType stop = StopType::none;
  std::string stopping_word;
  std::string text;        // what was still withheld
  bool truncated = false;  // context was shifted
  bool has_new_line = false;
  int slot = 0;
  int tokens_cached = 0;  // tokens the sequence held at its end
  Timings timings;
};

/// The request ended without a result. Same fields as RequestError.
struct ErrorEvent {
  int status;
  std::string type, message;
  int prompt_tokens = 0, context = 0;  // set for exceed_context_size_error
};

/// Called on the engine's thread; must return at once and not throw. After end() or error() nothing
/// more is called.
class EventSink {
 public:
  virtual ~EventSink() = default;
  /// The prompt begins to be computed (headers of a stream may go out).
  virtual void started() {}
  virtual void progress(const ProgressEvent&) {}
  virtual void token(TokenEvent&&) = 0;
  virtual void end(EndEvent&&) = 0;
  virtual void error(ErrorEvent&&) = 0;
};

struct GenerationRequest {
  std::vector<TokenId> prompt;
  SamplingParams sampling;
  std::unique_ptr<TokenFilter> filter;
  int max_tokens = -1;            // -1: until the context is full; 0: only fill the cache
  std::vector<std::string> stop;  // not empty strings
  bool ignore_eos = false;
  bool cache_prompt = true;
  int cache_reuse = 0;        // n_cache_reuse: fewest tokens of a piece that is moved; 0: none is
  bool show_special = false;  // control tokens appear in the text
  /// Control tokens that appear in the text even so; ascending. May be null.
  std::shared_ptr<const std::vector<TokenId>> shown_tokens;
  bool wants_progress = false;
  int keep_tokens = 0;               // n_keep: kept at a context shift; -1: the whole prompt
  int discard_tokens = 0;            // n_discard: 0: half of what may go
  int min_line_indent = 0;           // n_indent
  std::int64_t max_predict_ms = -1;  // t_max_predict_ms: ends at a newline after it; -1: no limit
  int slot = -1;                     // id_slot wish, -1: any
  /// Adapters by id or name; unset: those of the engine at their scales.
  std::optional<std::vector<AdapterScale>> adapters;
  std::string name;  // for the log (X-Request-Id); may be empty
};

/// Texts whose vectors are wanted.
struct EmbeddingRequest {
  std::vector<std::vector<TokenId>> inputs;  // none of them empty
  Pooling pooling = Pooling::mean;
  std::optional<std::vector<AdapterScale>> adapters;  // as GenerationRequest's
};

/// The vectors of one input as the model gives them, not normalised: one, or with Pooling::none one
/// per token.
struct Embedding {
  int rows = 0;
  std::vector<float> values;  // [rows, width]
};

/// As EventSink: called on the engine's thread, once.
class EmbeddingSink {
 public:
  virtual ~EmbeddingSink() = default;
  virtual void done(std::vector<Embedding>&& vectors) = 0;  // one per input, in their order
  virtual void error(ErrorEvent&&) = 0;
};

/// Returned by submit(). Cancelling frees the pages at the next step; letting go does not cancel.
class RequestHandle {
 public:
  virtual ~RequestHandle() = default;
  virtual void cancel() = 0;
  virtual int id() const = 0;
};

struct EngineSettings {
  int slots = 0;              // sequences that may run at once; 0: automatic
  int context = 0;            // tokens of cache over all slots; 0: the model's own
  bool unified_cache = true;  // one sequence may use all of it (-kvu)
  int batch = 2048, micro_batch = 512;
  int max_queue = 0;  // waiting requests; 0: automatic; above: 503
  quant::Type key_type = quant::Type::f16, value_type = quant::Type::f16;
  bool context_shift = false;
  std::int64_t cache_ram = 0;  // bytes for pages that leave the cache; below 0: no limit
  bool continuous_batching = true;
  double slot_similarity =
      0.1;                    // share of a prompt that a slot's tokens must match to be preferred
  double step_budget_ms = 0;  // prompt work per step while others stream; 0: automatic
};

/// The tokens that a slot holds and the pages with their keys and values, which stay what they are
/// as long as this lives. Belongs to one thread at a time, whichever; outlives the engine.
class SlotState {
 public:
  virtual ~SlotState() = default;
  virtual std::span<const TokenId> tokens() const = 0;
  /// How many of the tokens have the keys that they would have in a prompt of their own; those
  /// behind them moved, or follow such.
  virtual int exact_tokens() const = 0;
  virtual int page_count() const = 0;
  virtual std::int64_t page_bytes() const = 0;
  virtual void read(int page, std::byte* to) const = 0;
  virtual void write(int page, const std::byte* from) = 0;
};

struct SlotResult {
  std::unique_ptr<SlotState> state;  // of open and reserve
  int tokens = 0;                    // of restore and erase
  std::optional<ErrorEvent> error;
};

/// Something to be done with a slot while it is idle.
struct SlotJob {
  enum class Action : std::uint8_t {
    open,     // its state, for reading
    reserve,  // a state for `tokens`, to be written
    restore,  // `state`, written, becomes what the slot holds
    erase     // the slot holds nothing any more
  };
  Action action = Action::open;
  int slot = 0;                 // modulo the number of slots
  std::vector<TokenId> tokens;  // not more than slot_context()
  int exact_tokens = 0;
  std::unique_ptr<SlotState> state;
  std::function<void(SlotResult&&)> done;  // called once on the engine's thread; must not throw
};

struct SlotView {
  int id = 0;
  int context = 0;
  bool busy = false;
  int request = -1;  // of the running or last request, -1: none yet
  int prompt_tokens = 0, prompt_processed = 0, prompt_cached = 0;
  int predicted = 0, remaining = 0;
  bool has_new_line = false;
  std::shared_ptr<const GenerationRequest> last;  // parameters of that request, without filter
};

/// How long things took and how large they were, since start. Seconds and tokens.
struct EngineHistograms {
  HistogramValues queue_seconds;                 // from submit until a slot was given
  HistogramValues first_token_seconds;           // from submit until the first token
  HistogramValues output_token_seconds;          // between two tokens of one sequence
  HistogramValues request_seconds;               // from submit until the end
  HistogramValues prompt_tokens, output_tokens;  // of one sequence
  HistogramValues step_tokens, step_sequences;   // of one batch
  HistogramValues step_seconds;

  void add(const EngineHistograms& more);
};

/// A consistent copy, taken without waiting for a step.
struct EngineStats {
  std::int64_t prompt_tokens = 0, predicted_tokens = 0, decode_calls = 0, tokens_max = 0;
  double prompt_seconds = 0, predicted_seconds = 0;
  std::int64_t busy_slots_sum = 0;
  int processing = 0, waiting = 0;
  int pages = 0, pages_used = 0, pages_cached = 0, pages_shared = 0, pages_free = 0;
  int page_tokens = 0;  // tokens that a page holds
  std::int64_t requests_cancelled = 0;
  EngineHistograms histograms;

  /// Adds what was counted before this engine started; what is now stays.
  void add_past(const EngineStats& past);
  int pages_stored = 0;           // outside the pool, see EngineSettings::cache_ram
  std::int64_t bytes_stored = 0;  // of these
  std::int64_t pages_evicted = 0, pages_revived = 0;  // moved out, and in again
  std::int64_t tokens_moved = 0;                      // to other positions
};

class Engine {
 public:
  /// model, tokenizer and device must outlive the engine. Starts the thread.
  static std::unique_ptr<Engine> start(Model& model, const Tokenizer& tokenizer,
                                       compute::Device& device, const EngineSettings& settings);
  virtual ~Engine() = default;  // cancels what runs, joins the thread

  /// Any thread. Throws RequestError: 400 exceed_context_size_error, 501 when the model cannot do
  /// it, 503 when the queue is full.
  virtual std::shared_ptr<RequestHandle> submit(GenerationRequest request,
                                                std::shared_ptr<EventSink> sink) = 0;
  /// The same for vectors. An input that is too long is refused with its length and the limit: the
  /// context of a slot, and for models that see both ways the micro-batch, too.
  virtual std::shared_ptr<RequestHandle> submit(EmbeddingRequest request,
                                                std::shared_ptr<EmbeddingSink> sink) = 0;
  /// Reads a LoRA adapter and adds it to adapters(); returns its id. Any thread, also while
  /// requests run. Throws Error that names the file and what is wrong in it, and what
  /// AdapterList::add throws.
  virtual int load_adapter(const std::string& path, float scale, const std::string& name,
                           bool applied) = 0;
  /// Makes adapters() what an engine of the same model had.
  virtual void restore_adapters(const AdapterRecords& records) = 0;
  /// Requests keep what was there when they were submitted.
  virtual AdapterList& adapters() = 0;

  /// Throws RequestError 503 when the server is shutting down.
  virtual void submit(SlotJob job) = 0;
  /// Equal for engines that can exchange slot states: same model, same cache.
  virtual std::uint64_t state_key() const = 0;
  /// Why no request may ask for cache_reuse; empty: it may.
  virtual std::string_view fixed_keys() const = 0;
  virtual std::vector<SlotView> slots() const = 0;
  virtual EngineStats stats() const = 0;
  virtual int slot_count() const = 0;
  virtual int slot_context() const = 0;   // tokens one sequence may hold
  virtual int longest_input() const = 0;  // tokens of an input whose vectors are wanted
  /// Refuses new requests, lets running ones finish until the deadline, then cancels them.
  virtual void drain(std::chrono::milliseconds deadline) = 0;
};

}  // namespace llm
