#include "engine/loop.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "engine/sizes.h"

namespace llm {
namespace {

using compute::kPageTokens;

// A queue is for bursts. What waits longer than this many requests is better told to come back.
constexpr int kAutomaticQueue = 1024;
bool is_shown(const GenerationRequest& request, TokenId token) {
  const auto& shown = request.shown_tokens;
  return shown && std::binary_search(shown->begin(), shown->end(), token);
}

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return ms_between(from, to) / 1000;
}

bool has_nan(std::span<const float> values) {
  float sum = 0;
  for (const float v : values) sum += v * 0.0f;  // stays 0 unless some value is not finite
  return std::isnan(sum) &&
         std::any_of(values.begin(), values.end(), [](float v) { return std::isnan(v); });
}

}  // namespace

std::unique_ptr<Engine> Engine::start(Model& model, const Tokenizer& tokenizer,
                                      compute::Device& device, const EngineSettings& settings) {
  // What an encoder keeps is for one step: small, and kept exactly.
  const bool is_exact = !model.info().is_causal;
  const quant::Type keys = is_exact ? quant::Type::f32 : settings.key_type;
  const quant::Type values = is_exact ? quant::Type::f32 : settings.value_type;
  const auto make_pool = [&](int pages) {
    return device.make_kv_pool(model.kv_layout(keys, values), pages);
  };
  return std::make_unique<EngineLoop>(model, tokenizer, make_pool, settings);
}

EngineLoop::EngineLoop(Model& model, const Tokenizer& tokenizer, const MakePool& make_pool,
                       const EngineSettings& settings)
    : model_(model),
      tokenizer_(tokenizer),
      settings_(settings),
      slot_context_(context_per_slot(model, settings)),
      most_tokens_(tokens_per_step(settings)),
      slot_table_(count_slots(settings), settings.slot_similarity),
      cache_(make_pool(count_pages(model, settings)), settings.cache_ram,
             [this](std::span<const compute::KvMove> moves) {
               model_.move(moves, *cache_.pool);
               for (const compute::KvMove& move : moves) {
                 if (move.from != move.to) tokens_moved_ += move.count;
               }
             }),
      embedder_(model, cache_),
      slot_states_(cache_, [this] { wake(); }),
      pace_(settings.step_budget_ms),
      max_queue_(settings.max_queue > 0 ? settings.max_queue : kAutomaticQueue),
      by_slot_(slot_table_.count(), nullptr),
      views_(slot_table_.count()) {
  for (int i = 0; i < slot_table_.count(); ++i) {
    views_[i].id = i;
    views_[i].context = slot_context_;
  }
  stats_.pages = stats_.pages_free = cache_.ledger.page_count();
  stats_.page_tokens = kPageTokens;
  thread_ = std::thread([this] { run(); });
}

EngineLoop::~EngineLoop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = has_messages_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

// ---- Any thread ----

std::shared_ptr<RequestHandle> EngineLoop::submit(GenerationRequest request,
                                                  std::shared_ptr<EventSink> sink) {
  if (!model_.info().has_logits) {
    throw RequestError(501, "not_supported_error",
                       "This model makes embeddings, it does not generate text");
  }
  const int length = static_cast<int>(request.prompt.size());
  if (length == 0) bad_field("prompt", "\"prompt\" must not be empty");
  if (length >= slot_context_) throw ContextError(length, slot_context_);
  if (request.cache_reuse > 0 && !fixed_keys().empty()) {
    bad_field("n_cache_reuse",
              fmt::format("Field 'n_cache_reuse': cached keys of this model cannot "
                          "move to other positions: {}",
                          fixed_keys()));
  }
  AdapterSet adapters = adapters_for(adapters_.resolve(request.adapters), request.prompt);
  const std::lock_guard lock(mutex_);
  check_capacity();
  auto handle = make_handle();
  inbox_.push_back({handle, std::make_shared<GenerationRequest>(std::move(request)),
                    std::move(sink), Clock::now(), std::move(adapters)});
  ++inbox_and_queue_;
  is_idle_ = false;
  has_messages_ = true;
  wake_.notify_one();
  return handle;
}

void EngineLoop::check_capacity() const {
  if (is_draining_ || is_stopping_) {
    throw RequestError(503, "unavailable_error", "the server is shutting down");
  }
  if (inbox_and_queue_ >= max_queue_) {
    throw RequestError(503, "unavailable_error",
                       fmt::format("{} requests are waiting already; try again later", max_queue_));
  }
}

void EngineLoop::wake() {
  {
    const std::lock_guard lock(mutex_);
    has_messages_ = true;
  }
  wake_.notify_one();
}

std::shared_ptr<Handle> EngineLoop::make_handle() {
  return std::make_shared<Handle>(next_id_++, [this] { wake(); });
}

int EngineLoop::load_adapter(const std::string& path, float scale, const std::string& name,
                             bool applied) {
  const std::lock_guard lock(adapter_loading_);  // one at a time: their memory is counted
  std::error_code unknown;                       // the file's reader says what is wrong with it
  const auto bytes = std::filesystem::file_size(path, unknown);
  adapters_.check_room(unknown ? 0 : static_cast<std::int64_t>(bytes));
  return adapters_.add(model_.load_adapter(path), scale, name, applied);
}

void EngineLoop::restore_adapters(const AdapterRecords& records) {
  const std::lock_guard lock(adapter_loading_);
  adapters_.restore(records, [this](const std::string& path) { return model_.load_adapter(path); });
}

std::vector<SlotView> EngineLoop::slots() const {
  const std::lock_guard lock(mutex_);
  return views_;
}

EngineStats EngineLoop::stats() const {
  const std::lock_guard lock(mutex_);
  EngineStats copy = stats_;
  copy.histograms = measured_.values();
  copy.waiting = inbox_and_queue_ - embeddings_taken_;
  return copy;
}

void EngineLoop::drain(std::chrono::milliseconds deadline) {
  std::unique_lock lock(mutex_);
  is_draining_ = true;
  if (idle_.wait_for(lock, deadline, [this] { return is_idle_; })) return;
  is_stopping_ = has_messages_ = true;
  wake_.notify_one();
  idle_.wait(lock, [this] { return is_idle_; });
}

// ---- Engine thread: messages and admission ----

void EngineLoop::run() {
  for (;;) {
    take_messages();
    if (refuse_new_) break;
    drop_cancelled();
    slot_states_.take_returned();
    do_slot_jobs();
    admit();
    publish();
    if (running_.empty() && embedder_.empty()) {
      std::unique_lock lock(mutex_);
      is_idle_ =
          queue_.empty() && inbox_.empty() && embedding_inbox_.empty() && slot_inbox_.empty();
      if (is_idle_) idle_.notify_all();
      wake_.wait(lock, [this] { return has_messages_; });
      continue;
    }
    if (!running_.empty()) step();
    if (!embedder_.empty()) embed();
  }
  embedder_.fail_all(503, "unavailable_error", "the server is shutting down");
  fail_slot_jobs();
  for (Waiting& waiting : queue_) {
    waiting.sink->error({503, "unavailable_error", "the server is shutting down"});
  }
  while (!running_.empty()) {
    fail_sequence(*running_.front(), 503, "unavailable_error", "the server is shutting down");
  }
  queue_.clear();
  publish();
  const std::lock_guard lock(mutex_);
  is_idle_ = true;
  idle_.notify_all();
}

void EngineLoop::take_messages() {
  const std::lock_guard lock(mutex_);
  has_messages_ = false;
  refuse_new_ = is_stopping_;
  for (Waiting& waiting : inbox_) queue_.push_back(std::move(waiting));
  inbox_.clear();
  for (EmbeddingJob& job : embedding_inbox_) embedder_.add(std::move(job));
  embedding_inbox_.clear();
  for (SlotJob& job : slot_inbox_) slot_jobs_.push_back(std::move(job));
  slot_inbox_.clear();
  embeddings_taken_ = embedder_.count();
}

void EngineLoop::drop_cancelled() {
  int dropped = embedder_.drop_cancelled();
  std::erase_if(queue_, [&](const Waiting& waiting) {
    if (!waiting.handle->is_cancelled()) return false;
    ++dropped;
    return true;
  });
  std::vector<Sequence*> gone;
  for (const auto& sequence : running_) {
    if (sequence->handle->is_cancelled()) gone.push_back(sequence.get());
  }
  for (Sequence* sequence : gone) retire(*sequence);
  if (dropped == 0 && gone.empty()) return;
  const std::lock_guard lock(mutex_);
  inbox_and_queue_ -= dropped;
  embeddings_taken_ = embedder_.count();
  stats_.requests_cancelled += dropped + static_cast<int>(gone.size());
}

void EngineLoop::admit() {
  const auto generating = [](const auto& sequence) { return sequence->is_decoding(); };
  if (!settings_.continuous_batching && std::any_of(running_.begin(), running_.end(), generating)) {
    return;
  }
  // Vectors that found no page are next: new streams would keep them waiting for ever.
  if (embedder_.is_starved()) return;
  // So are sequences that wait for pages to go on.
  const auto waits = [](const auto& sequence) { return sequence->tokens.is_suspended(); };
  if (std::any_of(running_.begin(), running_.end(), waits)) return;
  int admitted = 0;
  for (auto waiting = queue_.begin(); waiting != queue_.end();) {
    if (slot_table_.busy_count() == slot_table_.count()) break;
    if (admit_one(*waiting)) {
      waiting = queue_.erase(waiting);
      ++admitted;
    } else if (waiting->request->slot >= 0) {
      ++waiting;  // its slot is busy, others need not wait for that
    } else {
      break;  // no pages: later requests must not overtake it for ever
    }
  }
  if (admitted == 0) return;
  const std::lock_guard lock(mutex_);
  inbox_and_queue_ -= admitted;
}

bool EngineLoop::admit_one(Waiting& waiting) {
  const int needed = static_cast<int>(waiting.request->prompt.size()) / kPageTokens + 2;
  const int available = cache_.ledger.free_count() + cache_.prefixes.evictable_count();
  if (!running_.empty() && needed > available) return false;
  const auto slot = slot_table_.take(waiting.request->prompt, waiting.request->slot);
  if (!slot) return false;
  running_.push_back(std::make_unique<Sequence>(std::move(waiting), cache_, tokenizer_, *slot));
  Sequence& sequence = *running_.back();
  by_slot_[*slot] = &sequence;
  if (sequence.request->cache_prompt && sequence.request->cache_reuse > 0) {
    sequence.timings.cached_tokens += sequence.tokens.adopt();
    sequence.tokens.reuse_pieces(slot_table_.held(*slot), sequence.request->cache_reuse);
  }
  measured_.queue_seconds.observe(seconds_between(sequence.submitted, sequence.admitted));
  return true;
}

// ---- Engine thread: one step ----

std::vector<Work> EngineLoop::plan() {
  std::vector<SequenceView> views;
  const auto now = Clock::now();
  int decoding_tokens = 0;
  decoding_ = 0;
  // A suspended one that left nothing for the others would soon be suspended again.
  const auto holding =
      static_cast<int>(std::count_if(running_.begin(), running_.end(), [](const auto& sequence) {
        return sequence->tokens.holds_pages();
      }));
  for (const auto& sequence : running_) {
    if (sequence->tokens.is_suspended() && !sequence->tokens.resume(2 * holding)) continue;
    if (!sequence->is_decoding()) {
      const int adopted = sequence->tokens.adopt();
      if (!sequence->is_catching_up) sequence->timings.cached_tokens += adopted;
    }
    if (runnable(*sequence) == 0) continue;  // its shift found no pages
    views.push_back({.index = sequence->slot,
                     .pending = runnable(*sequence),
                     .is_decoding = sequence->is_decoding(),
                     .page_key = sequence->tokens.next_page_key(),
                     .waited_ms = ms_between(sequence->admitted, now)});
    if (!sequence->is_decoding()) continue;
    ++decoding_;
    decoding_tokens += runnable(*sequence);
  }
  // Beside streams, prompts and vectors share what may be computed in the meantime.
  const int share = decoding_ > 0 && !embedder_.empty() ? 2 : 1;
  const bool alone = decoding_ > 0 && pace_.take_step_alone();
  const int prompt_tokens = alone ? 0 : std::max(1, pace_.prompt_tokens(decoding_) / share);
  return plan_step(views, {.tokens = std::max(most_tokens_, decoding_tokens),
                           .prompt_tokens = std::min(most_tokens_, prompt_tokens)});
}

/// How many tokens may be computed next. The last one of a full context waits for the shift.
int EngineLoop::runnable(const Sequence& sequence) const {
  return sequence.tokens.runnable() - (sequence.needs_shift ? 1 : 0);
}

void EngineLoop::step() {
  shift_full_contexts();
  std::vector<Work> works = plan();
  // Making room may take the pages of any sequence, planned before or behind.
  const auto is_gone = [this](const Work& work) {
    const Sequence* sequence = by_slot_[work.index];
    return sequence == nullptr || sequence->tokens.is_suspended();
  };
  std::erase_if(works, [&](const Work& work) {
    Sequence* sequence = by_slot_[work.index];
    return is_gone(work) ||
           !make_room(*sequence, [&] { return sequence->tokens.reserve(work.count); });
  });
  std::erase_if(works, [&](const Work& work) {
    const Sequence* sequence = by_slot_[work.index];
    return is_gone(work) || work.count > sequence->tokens.pending() ||
           static_cast<int>(sequence->tokens.pages().size()) * kPageTokens <
               sequence->tokens.computed() + work.count;
  });
  if (works.empty()) {
    // All wait for pages that a slot being saved or a request for vectors holds.
    constexpr auto kPause = std::chrono::milliseconds(1);
    if (embedder_.empty() && !running_.empty()) std::this_thread::sleep_for(kPause);
    return;
  }
  for (const Work& work : works) {
    Sequence& sequence = *by_slot_[work.index];
    if (std::exchange(sequence.has_started, true)) continue;
    sequence.sink->started();
    if (sequence.request->wants_progress) {
      sequence.sink->progress({sequence.prompt_size, sequence.timings.cached_tokens,
                               sequence.timings.cached_tokens, 0});
    }
  }
  forward(works);
}

void EngineLoop::forward(const std::vector<Work>& works) {
  std::vector<BatchSequence> batch;
  StepRecord record;
  for (const Work& work : works) {
    const Sequence& sequence = *by_slot_[work.index];
    const PagedTokens& tokens = sequence.tokens;
    const bool reaches_end = tokens.pending() == work.count;
    batch.push_back({.tokens = tokens.tokens().subspan(tokens.computed(), work.count),
                     .first_position = tokens.computed(),
                     .pages = tokens.pages(),
                     .outputs = reaches_end ? Outputs::last : Outputs::none,
                     .adapters = sequence.adapters});
    const int streams =
        sequence.is_decoding() ? 1 : 0;  // tokens without a choice cost as a prompt's
    record.decoding += streams;
    record.prompt_tokens += work.count - streams;
  }
  const auto begin = Clock::now();
  compute::Tensor logits;
  try {
    logits = model_.forward(batch, *cache_.pool);
  } catch (const std::exception& error) {  // out of memory, a lost device
    log::error("a step failed: {}", error.what());
    for (const Work& work : works) {
      fail_sequence(*by_slot_[work.index], 500, "server_error", "the computation failed");
    }
    return;
  }
  record.ms = ms_between(begin, Clock::now());
  pace_.record(record);
  measured_.step_seconds.observe(record.ms / 1000);
  measured_.step_tokens.observe(record.decoding + record.prompt_tokens);
  measured_.step_sequences.observe(static_cast<double>(works.size()));
  {
    const std::lock_guard lock(mutex_);
    ++stats_.decode_calls;
    stats_.busy_slots_sum += static_cast<int>(works.size());
  }
  int row = 0;
  for (const Work& work : works) {
    Sequence& sequence = *by_slot_[work.index];
    const bool reaches_end = sequence.tokens.pending() == work.count;
    advance(sequence, work.count, reaches_end ? logits.row(row++) : std::span<float>{});
  }
}

void EngineLoop::advance(Sequence& sequence, int count, std::span<float> logits) {
  sequence.tokens.commit(count);
  const bool is_prompt = sequence.predicted == 0;
  if (is_prompt) {
    sequence.timings.prompt_tokens += count;
    sequence.timings.prompt_ms = ms_between(sequence.admitted, Clock::now());
    if (sequence.request->wants_progress) {
      sequence.sink->progress({sequence.prompt_size, sequence.timings.cached_tokens,
                               sequence.tokens.computed(), sequence.timings.prompt_ms});
    }
    const std::lock_guard lock(mutex_);
    stats_.prompt_tokens += count;
  }
  if (logits.empty()) return;
  sequence.is_catching_up = false;
  if (has_nan(logits)) {
    return fail_sequence(sequence, 500, "server_error",
                         "the model produced values that are not numbers");
  }
  sample(sequence, logits);
}

void EngineLoop::sample(Sequence& sequence, std::span<float> logits) {
  if (!take(sequence, sequence.sampler.sample(logits))) return;
  for (const TokenId token : sequence.sampler.forced()) {
    if (sequence.needs_shift) return;  // they are as forced behind it
    sequence.sampler.take(token);
    if (!take(sequence, {.token = token})) return;
  }
}

bool EngineLoop::take(Sequence& sequence, Sampled sampled) {
  const TokenId token = sampled.token;
  // The filter and the biases together leave nothing (a finished document, the end forbidden).
  if (token == kNoToken) {
    finish(sequence, StopType::limit, {});
    return false;
  }
  const auto now = Clock::now();
  if (sequence.predicted++ == 0) {
    sequence.first_token = now;
    const std::lock_guard lock(mutex_);
    stats_.prompt_seconds += sequence.timings.prompt_ms / 1000;
    measured_.first_token_seconds.observe(seconds_between(sequence.submitted, now));
  } else {
    measured_.output_token_seconds.observe(seconds_between(sequence.last_token, now));
  }
  sequence.last_token = now;
  sequence.timings.predicted_tokens = sequence.predicted;
  sequence.timings.predicted_ms = std::max(0.001, ms_between(sequence.first_token, now));
  sequence.tokens.append(token);

  const bool is_end = tokenizer_.is_end_of_generation(token);
  TextStream::Step text;
  if (is_shown(*sequence.request, token)) {
    text = sequence.text.push_shown(token);
  } else if (!is_end || sequence.request->show_special) {
    text = sequence.text.push(token);
  }
  const bool has_newline = text.has_newline;
  sequence.sink->token({.token = token,
                        .text = std::move(text.text),
                        .sampled = std::move(sampled),
                        .predicted_tokens = sequence.predicted,
                        .timings = sequence.timings});

  const GenerationRequest& request = *sequence.request;
  const bool is_out_of_time = request.max_predict_ms >= 0 && has_newline &&
                              sequence.timings.predicted_ms > request.max_predict_ms;
  const bool is_out_of_budget = request.max_tokens >= 0 && sequence.predicted >= request.max_tokens;
  const auto end = [&](StopType stop, std::string word = {}) {
    finish(sequence, stop, std::move(word));
    return false;
  };
  if (is_end) return end(StopType::eos);
  if (text.stop_word) return end(StopType::word, *text.stop_word);
  if (is_out_of_budget || is_out_of_time || text.is_indent_too_small) return end(StopType::limit);
  if (sequence.tokens.size() >= slot_context_) {
    sequence.truncated = true;
    if (!settings_.context_shift) return end(StopType::limit);
    sequence.needs_shift = true;
  }
  return true;
}

// ---- Engine thread: ends ----

void EngineLoop::finish(Sequence& sequence, StopType stop, std::string stopping_word) {
  EndEvent end{.stop = stop, .stopping_word = std::move(stopping_word)};
  if (stop != StopType::word) end.text = sequence.text.finish();
  end.truncated = sequence.truncated;
  end.has_new_line = sequence.text.has_new_line();
  end.slot = sequence.slot;
  end.tokens_cached = sequence.tokens.computed();
  end.timings = sequence.timings;
  measured_.request_seconds.observe(seconds_between(sequence.submitted, Clock::now()));
  measured_.prompt_tokens.observe(sequence.prompt_size);
  measured_.output_tokens.observe(sequence.predicted);
  const auto sink = sequence.sink;
  retire(sequence);
  sink->end(std::move(end));
}

void EngineLoop::fail_sequence(Sequence& sequence, int status, const char* type,
                               std::string message) {
  if (status >= 500) {
    log::write(log::Level::err, sequence.request->name, fmt::format("request failed: {}", message));
  }
  const auto sink = sequence.sink;
  retire(sequence);
  sink->error({status, type, std::move(message)});
}

void EngineLoop::retire(Sequence& sequence) {
  {
    const std::lock_guard lock(mutex_);
    stats_.predicted_tokens += sequence.predicted;
    stats_.predicted_seconds += sequence.timings.predicted_ms / 1000;
    stats_.tokens_max = std::max<std::int64_t>(stats_.tokens_max, sequence.tokens.size());
    views_[sequence.slot] = view_of(sequence);
    views_[sequence.slot].busy = false;
  }
  const auto held = sequence.tokens.tokens().first(sequence.tokens.computed());
  slot_table_.give_back(sequence.slot, {held.begin(), held.end()}, contexts_of(sequence.adapters));
  by_slot_[sequence.slot] = nullptr;
  running_.remove_if([&](const auto& other) { return other.get() == &sequence; });
}

SlotView EngineLoop::view_of(const Sequence& sequence) const {
  const int limit = sequence.request->max_tokens;
  return {.id = sequence.slot,
          .context = slot_context_,
          .busy = true,
          .request = sequence.handle->id(),
          .prompt_tokens = sequence.tokens.size(),
          .prompt_processed = sequence.timings.prompt_tokens,
          .prompt_cached = sequence.timings.cached_tokens,
          .predicted = sequence.predicted,
          .remaining = limit < 0 ? -1 : std::max(0, limit - sequence.predicted),
          .has_new_line = sequence.text.has_new_line(),
          .last = sequence.request};
}

void EngineLoop::publish() {
  std::vector<int> by_sequences(cache_.ledger.page_count(), 0);
  for (const auto& sequence : running_) {
    for (const compute::PageId page : sequence->tokens.pages()) {
      ++by_sequences[static_cast<std::size_t>(page)];
    }
  }
  const auto used =
      std::count_if(by_sequences.begin(), by_sequences.end(), [](int n) { return n > 0; });
  const auto shared =
      std::count_if(by_sequences.begin(), by_sequences.end(), [](int n) { return n > 1; });
  const std::lock_guard lock(mutex_);
  for (const auto& sequence : running_) views_[sequence->slot] = view_of(*sequence);
  stats_.processing = static_cast<int>(running_.size()) + embedder_.count();
  stats_.pages_used = static_cast<int>(used) + static_cast<int>(embedder_.pages_held());
  stats_.pages_shared = static_cast<int>(shared);
  stats_.pages_free = cache_.ledger.free_count();
  stats_.pages_cached = stats_.pages - stats_.pages_free - stats_.pages_used;
  stats_.pages_stored = cache_.store.count();
  stats_.bytes_stored = cache_.store.bytes();
  stats_.pages_evicted = cache_.store.kept_in_all();
  stats_.pages_revived = cache_.store.restored_in_all();
  stats_.tokens_moved = tokens_moved_;
}

}  // namespace llm
