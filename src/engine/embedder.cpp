#include "engine/embedder.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/log.h"

namespace llm {

using compute::kPageTokens;

namespace {

/// What of a sequence's tokens the pooling reads.
Pooling input_of(Pooling pooling, const ModelInfo& info) {
  return pooling == Pooling::rank ? info.rank_input : pooling;
}

}  // namespace

void Embedder::add(EmbeddingJob job) {
  auto added = std::make_unique<Job>();
  added->results.resize(job.request->inputs.size());
  added->asked = std::move(job);
  jobs_.push_back(std::move(added));
}

int Embedder::drop_cancelled() {
  const auto is_cancelled = [](const auto& job) { return job->asked.handle->is_cancelled(); };
  if (begun_ && begun_->job->asked.handle->is_cancelled()) {
    release(*begun_);
    begun_.reset();
  }
  return static_cast<int>(std::erase_if(jobs_, is_cancelled));
}

void Embedder::fail_all(int status, const char* type, const char* message) {
  if (begun_) release(*begun_);
  begun_.reset();
  for (const auto& job : jobs_) job->asked.sink->error({status, type, message});
  jobs_.clear();
}

bool Embedder::release_pages() {
  if (!begun_ || begun_->pages.empty()) return false;
  release(*begun_);
  begun_ = make_part(*begun_->job, begun_->input);
  return true;
}

void Embedder::release(Part& part) {
  for (const compute::PageId page : part.pages) cache_.ledger.release(page);
  part.pages.clear();
}

Embedder::Part Embedder::make_part(Job& job, std::size_t input) {
  return {
      .job = &job,
      .input = input,
      .pooler = Pooler(input_of(job.asked.request->pooling, model_.info()), model_.info().width),
      .adapters = adapters_for(job.asked.adapters, job.asked.request->inputs[input])};
}

bool Embedder::reserve(Part& part, int tokens) {
  part.planned = std::min(tokens, part.pending());
  const bool must_be_whole = !model_.info().is_causal;
  if (must_be_whole && part.planned < part.pending()) return false;
  const auto room = [&] { return static_cast<int>(part.pages.size()) * kPageTokens; };
  while (room() < part.computed + part.planned) {
    const auto page = cache_.take_page();
    if (!page) {
      part.planned = must_be_whole ? 0 : room() - part.computed;
      return part.planned > 0;
    }
    part.pages.push_back(*page);
  }
  return true;
}

// Requests take turns input by input, so a short one does not wait for a long list.
std::vector<Embedder::Part> Embedder::plan(int tokens) {
  std::vector<Part> parts;
  const auto take = [&](Part part) {
    if (!reserve(part, tokens)) {
      release(part);  // nothing of it is computed, or it would have had room
      return false;
    }
    tokens -= part.planned;
    parts.push_back(std::move(part));
    return true;
  };
  if (begun_) {
    if (!reserve(*begun_, tokens)) return parts;
    tokens -= begun_->planned;
    parts.push_back(std::move(*begun_));
    begun_.reset();
    if (!parts.back().reaches_end()) return parts;
  }
  for (bool has_more = true; has_more && tokens > 0;) {
    has_more = false;
    for (const auto& job : jobs_) {
      if (tokens <= 0 || job->next == job->asked.request->inputs.size()) continue;
      if (!take(make_part(*job, job->next))) return parts;
      ++job->next;
      if (!parts.back().reaches_end()) return parts;
      has_more = true;
    }
  }
  return parts;
}

void Embedder::compute(std::vector<Part>& parts) {
  std::vector<BatchSequence> batch;
  for (const Part& part : parts) {
    batch.push_back({.tokens = std::span(part.tokens()).subspan(part.computed, part.planned),
                     .first_position = part.computed,
                     .pages = part.pages,
                     .outputs = part.pooler.outputs(part.reaches_end()),
                     .adapters = part.adapters});
  }
  const compute::Tensor rows = model_.embed(batch, *cache_.pool);
  std::int64_t row = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    Part& part = parts[i];
    const int count = batch[i].outputs == Outputs::all    ? part.planned
                      : batch[i].outputs == Outputs::last ? 1
                                                          : 0;
    for (int k = 0; k < count; ++k) part.pooler.add(rows.row(row++));
    part.computed += std::exchange(part.planned, 0);
  }
}

/// `done` share a pooling: what is behind it is computed for all of them at once.
void Embedder::finish(std::vector<Part*>& done, Step& step) {
  const Pooling pooling = done.front()->job->asked.request->pooling;
  std::vector<float> pooled;
  std::vector<std::int64_t> rows;
  for (Part* part : done) {
    const std::vector<float> own = part->pooler.take();
    rows.push_back(static_cast<std::int64_t>(own.size()) / model_.info().width);
    pooled.insert(pooled.end(), own.begin(), own.end());
  }
  const compute::Tensor out = model_.finish(pooled, pooling);
  std::int64_t row = 0;
  for (std::size_t i = 0; i < done.size(); ++i) {
    Job& job = *done[i]->job;
    Embedding& result = job.results[done[i]->input];
    result.rows = static_cast<int>(rows[i]);
    const float* begin = out.data + row * out.cols;
    result.values.assign(begin, begin + rows[i] * out.cols);
    row += rows[i];
    ++job.finished;
    step.inputs.push_back({job.asked.handle->id(), static_cast<int>(done[i]->tokens().size())});
    const auto is_finite = [](float v) { return std::isfinite(v); };
    if (!std::all_of(result.values.begin(), result.values.end(), is_finite)) {
      fail(job, "the model produced values that are not numbers");
    }
  }
}

void Embedder::fail(Job& job, const char* message) {
  if (std::exchange(job.has_failed, true)) return;
  job.asked.sink->error({500, "server_error", message});
}

int Embedder::remove_ended() {
  if (begun_ && begun_->job->has_failed) {
    release(*begun_);
    begun_.reset();
  }
  return static_cast<int>(std::erase_if(jobs_, [](const auto& job) {
    if (job->has_failed) return true;
    if (job->finished < job->results.size()) return false;
    job->asked.sink->done(std::move(job->results));
    return true;
  }));
}

Embedder::Step Embedder::step(int tokens) {
  Step step;
  std::vector<Part> parts = plan(tokens);
  is_starved_ = parts.empty();
  if (is_starved_) return step;
  for (const Part& part : parts) step.tokens += part.planned;
  const auto begin = Clock::now();
  std::map<Pooling, std::vector<Part*>> done;
  try {
    compute(parts);
    for (Part& part : parts) {
      if (part.pending() == 0) done[part.job->asked.request->pooling].push_back(&part);
    }
    for (auto& [pooling, some] : done) finish(some, step);
  } catch (const std::exception& error) {  // out of memory, a lost device
    log::error("a step failed: {}", error.what());
    for (Part& part : parts) fail(*part.job, "the computation failed");
  }
  step.ms = ms_between(begin, Clock::now());
  for (Part& part : parts) {
    if (part.pending() > 0 && !part.job->has_failed) {
      begun_ = std::move(part);
    } else {
      release(part);
    }
  }
  step.requests_ended = remove_ended();
  return step;
}

}  // namespace llm
