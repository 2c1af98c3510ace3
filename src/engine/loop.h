// The engine's thread: take messages, plan, forward, sample, emit.
#pragma once

#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <thread>

#include "engine/embedder.h"
#include "engine/engine.h"
#include "engine/measurements.h"
#include "engine/pace.h"
#include "engine/paged_tokens.h"
#include "engine/plan.h"
#include "engine/sequence.h"
#include "engine/slot_states.h"
#include "engine/slots.h"

namespace llm {

class EngineLoop final : public Engine {
 public:
  /// How the pages of the cache are made; a device's make_kv_pool with the model's layout.
  using MakePool = std::function<std::unique_ptr<compute::KvPool>(int pages)>;

  EngineLoop(Model& model, const Tokenizer& tokenizer, const MakePool& make_pool,
             const EngineSettings& settings);
  ~EngineLoop() override;

  std::shared_ptr<RequestHandle> submit(GenerationRequest request,
                                        std::shared_ptr<EventSink> sink) override;
  std::shared_ptr<RequestHandle> submit(EmbeddingRequest request,
                                        std::shared_ptr<EmbeddingSink> sink) override;
  int load_adapter(const std::string& path, float scale, const std::string& name,
                   bool applied) override;
  void restore_adapters(const AdapterRecords& records) override;
  AdapterList& adapters() override { return adapters_; }
  void submit(SlotJob job) override;
  std::uint64_t state_key() const override;
  std::string_view fixed_keys() const override { return model_.info().fixed_keys; }
  std::vector<SlotView> slots() const override;
  EngineStats stats() const override;
  int slot_count() const override { return slot_table_.count(); }
  int slot_context() const override { return slot_context_; }
  int longest_input() const override {
    return model_.info().is_causal ? slot_context_ : std::min(slot_context_, most_tokens_);
  }
  void drain(std::chrono::milliseconds deadline) override;

 private:
  using Sequences = std::list<std::unique_ptr<Sequence>>;

  void run();
  void take_messages();
  void drop_cancelled();
  void admit();
  bool admit_one(Waiting& waiting);
  void check_capacity() const;  // throws; the caller holds mutex_
  std::shared_ptr<Handle> make_handle();
  void wake();

  // loop_embeddings.cpp
  void check_inputs(const EmbeddingRequest& request) const;
  void embed();
  int embedding_budget() const;
  void show_in_slot(const Embedder::Finished& input);

  // loop_slots.cpp
  void do_slot_jobs();
  bool do_slot_job(SlotJob& job);
  int erase_slot(int slot);
  void hold(int slot, std::vector<TokenId> tokens);
  void fail_slot_jobs();

  void step();
  std::vector<Work> plan();
  bool make_room(Sequence& sequence, const std::function<bool()>& attempt);
  int runnable(const Sequence& sequence) const;
  void preempt(Sequence& sequence);
  void forward(const std::vector<Work>& plan);
  void advance(Sequence& sequence, int count, std::span<float> logits);
  void sample(Sequence& sequence, std::span<float> logits);
  /// Appends a token and tells the client. False when that was the sequence's end.
  bool take(Sequence& sequence, Sampled sampled);
  void shift_full_contexts();
  void shift_context(Sequence& sequence);

  void finish(Sequence& sequence, StopType stop, std::string stopping_word);
  void fail_sequence(Sequence& sequence, int status, const char* type, std::string message);
  void retire(Sequence& sequence);
  void publish();
  SlotView view_of(const Sequence& sequence) const;

  Model& model_;
  const Tokenizer& tokenizer_;
  const EngineSettings settings_;
  int slot_context_;
  int most_tokens_;  // of one computation
  std::mutex adapter_loading_;
  AdapterList adapters_;
  SlotTable slot_table_;
  PagedCache cache_;
  Embedder embedder_;
  SlotStates slot_states_;
  Pace pace_;
  Measurements measured_;
  int max_queue_;

  // Engine thread only.
  std::deque<Waiting> queue_;
  std::deque<SlotJob> slot_jobs_;
  Sequences running_;
  std::vector<Sequence*> by_slot_;
  bool refuse_new_ = false;
  std::int64_t tokens_moved_ = 0;
  int decoding_ = 0;  // sequences of the last plan that generate

  // Between threads.
  mutable std::mutex mutex_;
  std::condition_variable wake_, idle_;
  std::vector<Waiting> inbox_;                 // guarded by mutex_
  std::vector<EmbeddingJob> embedding_inbox_;  // guarded by mutex_
  std::vector<SlotJob> slot_inbox_;            // guarded by mutex_
  int slot_jobs_waiting_ = 0;                  // guarded by mutex_
  int inbox_and_queue_ = 0;      // guarded by mutex_: requests that wait, and all for vectors
  int embeddings_taken_ = 0;     // guarded by mutex_: of them, those that are computed
  bool has_messages_ = false;    // guarded by mutex_
  bool is_draining_ = false;     // guarded by mutex_
  bool is_stopping_ = false;     // guarded by mutex_
  bool is_idle_ = true;          // guarded by mutex_
  int next_id_ = 0;              // guarded by mutex_
  EngineStats stats_;            // guarded by mutex_
  std::vector<SlotView> views_;  // guarded by mutex_

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace llm
