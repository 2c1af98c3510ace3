// Computes the vectors of embedding requests: their inputs, from all requests in turn, share one
// batch per step. Engine thread only.
//
// An input of a causal model may come in pieces; it holds pages of the shared cache while it is
// computed and gives them back without leaving anything in the prefix tree. An input of an encoder
// comes whole. At most one input is ever begun and not finished, so inputs never block each other.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "engine/engine.h"
#include "engine/paged_tokens.h"
#include "engine/sequence.h"
#include "model/pooling.h"

namespace llm {

struct EmbeddingJob {
  std::shared_ptr<Handle> handle;
  std::shared_ptr<const EmbeddingRequest> request;
  std::shared_ptr<EmbeddingSink> sink;
  AdapterSet adapters;
};

class Embedder {
 public:
  Embedder(Model& model, PagedCache& cache) : model_(model), cache_(cache) {}

  void add(EmbeddingJob job);
  bool empty() const { return jobs_.empty(); }
  int count() const { return static_cast<int>(jobs_.size()); }
  /// Forgets what nobody waits for any more; returns how many that were.
  int drop_cancelled();
  /// Ends every request with this error.
  void fail_all(int status, const char* type, const char* message);

  struct Finished {
    int request;
    int tokens;  // of the input
  };
  struct Step {
    int tokens = 0;  // computed; 0: no page was free
    int requests_ended = 0;
    std::vector<Finished> inputs;
    double ms = 0;
  };
  /// Computes up to `tokens` tokens, at least one input of an encoder.
  Step step(int tokens);

  /// Gives the pages of the unfinished input back, which is then computed again; false when it has
  /// none.
  bool release_pages();
  /// The last step found no free page.
  bool is_starved() const { return is_starved_ && !jobs_.empty(); }
  std::size_t pages_held() const { return begun_ ? begun_->pages.size() : 0; }

 private:
  struct Job {
    EmbeddingJob asked;
    std::size_t next = 0;  // input that has not been begun
    std::size_t finished = 0;
    std::vector<Embedding> results;
    bool has_failed = false;
  };
  /// One input that is being computed.
  struct Part {
    Job* job;
    std::size_t input;
    Pooler pooler;
    int computed = 0;
    int planned = 0;  // tokens of the step in the making
    std::vector<compute::PageId> pages;
    AdapterSet adapters;

    const std::vector<TokenId>& tokens() const { return job->asked.request->inputs[input]; }
    int pending() const { return static_cast<int>(tokens().size()) - computed; }
    bool reaches_end() const { return planned == pending(); }
  };

  std::vector<Part> plan(int tokens);
  /// Pages for up to `tokens` more tokens; false when there is not enough for what must come.
  bool reserve(Part& part, int tokens);
  Part make_part(Job& job, std::size_t input);
  void release(Part& part);
  void compute(std::vector<Part>& parts);
  void finish(std::vector<Part*>& done, Step& step);
  void fail(Job& job, const char* message);
  int remove_ended();

  Model& model_;
  PagedCache& cache_;
  std::deque<std::unique_ptr<Job>> jobs_;
  std::optional<Part> begun_;
  bool is_starved_ = false;
};

}  // namespace llm
