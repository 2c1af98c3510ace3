// /slots: what runs where; slots as files.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>

#include "base/json.h"
#include "engine/slot_file.h"
#include "server/endpoints.h"
#include "server/errors.h"
#include "server/reply/pieces.h"
#include "server/request/body.h"
#include "server/request/fields.h"

namespace llm::server {
namespace {

Json slot_json(const SlotView& slot, const LiveRequests& live) {
  Json json = {{"id", slot.id},
               {"n_ctx", slot.context},
               {"speculative", false},
               {"is_processing", slot.busy}};
  if (slot.request < 0) return json;
  const SharedParams params = live.find(slot.request, slot.id);
  json["id_task"] = slot.request;
  json["n_prompt_tokens"] = slot.prompt_tokens;
  json["n_prompt_tokens_processed"] = slot.prompt_processed;
  json["n_prompt_tokens_cache"] = slot.prompt_cached;
  json["params"] = settings_json(params ? *params : CompletionParams{}, SettingsForm::brief);
  json["next_token"] = Json::array({{{"has_next_token", slot.busy},
                                     {"has_new_line", slot.has_new_line},
                                     {"n_remain", slot.remaining},
                                     {"n_decoded", slot.predicted}}});
  return json;
}

bool asks_for_free_slot(const http::Request& request) {
  const auto found = request.query.find("fail_on_no_slot");
  return found != request.query.end() && !found->second.empty();
}

}  // namespace

http::Response slots(Service& service, const http::Request& request) {
  if (!service.options().features.slots) {
    not_supported("This server does not support slots endpoint. Start it with `--slots`");
  }
  const std::vector<SlotView> views = service.serving().engine.slots();
  const auto is_busy = [](const SlotView& slot) { return slot.busy; };
  if (asks_for_free_slot(request) && std::all_of(views.begin(), views.end(), is_busy)) {
    throw RequestError(503, "unavailable_error", "no slot available");
  }
  Json list = Json::array();
  for (const SlotView& slot : views) list.push_back(slot_json(slot, service.live()));
  return http::json_response(200, dump(list));
}

namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

int slot_number(const http::Request& request) {
  const std::string& text = request.params.at("id");
  int number = -1;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc{} || end != text.data() + text.size() || number < 0) {
    bad_field("id", "Invalid slot ID");
  }
  return number;
}

std::string file_name(const http::Request& request) {
  const Json body = parse_object(request.body);
  const Json* value = find(body, "filename");
  if (value == nullptr) bad_field("filename", "Field 'filename' is missing");
  std::string name = read_string("filename", *value);
  if (!is_slot_file_name(name)) bad_field("filename", "Invalid filename");
  return name;
}

/// Nullopt when the client has gone.
http::Task<std::optional<SlotResult>> run_job(Service& service, http::Exchange& exchange,
                                              SlotJob job) {
  http::Channel<SlotResult> results(exchange);
  job.done = [results](SlotResult&& result) mutable { results.push(std::move(result)); };
  service.serving().engine.submit(std::move(job));
  auto result = co_await results.next();
  if (result && result->error) throw *to_exception(*result->error);
  co_return result;
}

http::Task<http::Response> save(Service& service, http::Exchange& exchange, int slot) {
  const std::string name = file_name(exchange.request());
  SlotJob open{.action = SlotJob::Action::open, .slot = slot};
  auto opened = co_await run_job(service, exchange, std::move(open));
  if (!opened) co_return http::Response{};
  co_await exchange.to_worker();
  const auto begin = Clock::now();
  std::int64_t written = 0;
  try {
    written = write_slot_file(service.options().context.slot_save_path, name, *opened->state,
                              service.serving().engine.state_key());
  } catch (const Error& error) {
    throw RequestError(500, "server_error", fmt::format("Unable to save slot, {}", error.what()));
  }
  const Json reply = {{"id_slot", slot},
                      {"filename", name},
                      {"n_saved", opened->state->tokens().size()},
                      {"n_written", written},
                      {"timings", {{"save_ms", ms_since(begin)}}}};
  co_return http::json_response(200, dump(reply));
}

[[noreturn]] void cannot_restore(const std::string& reason) {
  constexpr const char* kMessage =
      "Unable to restore slot, no available space in KV cache or invalid slot save file";
  bad_field("filename", reason.empty() ? kMessage : fmt::format("{}: {}", kMessage, reason));
}

std::unique_ptr<SlotFile> open_file(Service& service, const std::string& name) {
  const std::filesystem::path path =
      std::filesystem::path(service.options().context.slot_save_path) / name;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) cannot_restore("");
  const Serving& serving = service.serving();
  try {
    return std::make_unique<SlotFile>(
        path, SlotFile::Expected{.state_key = serving.engine.state_key(),
                                 .most_tokens = serving.engine.slot_context(),
                                 .vocab = serving.tokenizer.size()});
  } catch (const Error& error) {
    cannot_restore(error.what());
  }
}

http::Task<http::Response> restore(Service& service, http::Exchange& exchange, int slot) {
  const std::string name = file_name(exchange.request());
  co_await exchange.to_worker();
  const auto begin = Clock::now();
  const auto file = open_file(service, name);
  SlotJob reserve{.action = SlotJob::Action::reserve,
                  .slot = slot,
                  .tokens = file->tokens(),
                  .exact_tokens = file->exact_tokens()};
  auto reserved = co_await run_job(service, exchange, std::move(reserve));
  if (!reserved) co_return http::Response{};
  co_await exchange.to_worker();
  try {
    file->read_pages(*reserved->state);
  } catch (const Error& error) {
    cannot_restore(error.what());
  }
  SlotJob put{
      .action = SlotJob::Action::restore, .slot = slot, .state = std::move(reserved->state)};
  const auto restored = co_await run_job(service, exchange, std::move(put));
  if (!restored) co_return http::Response{};
  const Json reply = {{"id_slot", slot},
                      {"filename", name},
                      {"n_restored", restored->tokens},
                      {"n_read", file->bytes()},
                      {"timings", {{"restore_ms", ms_since(begin)}}}};
  co_return http::json_response(200, dump(reply));
}

http::Task<http::Response> erase(Service& service, http::Exchange& exchange, int slot) {
  SlotJob job{.action = SlotJob::Action::erase, .slot = slot};
  const auto erased = co_await run_job(service, exchange, std::move(job));
  if (!erased) co_return http::Response{};
  const Json reply = {{"id_slot", slot}, {"n_erased", erased->tokens}};
  co_return http::json_response(200, dump(reply));
}

}  // namespace

http::Task<http::Response> slot_action(Service& service, http::Exchange& exchange) {
  if (service.options().context.slot_save_path.empty()) {
    not_supported("This server does not support slots action. Start it with `--slot-save-path`");
  }
  const http::Request& request = exchange.request();
  const int slot = slot_number(request);
  const auto found = request.query.find("action");
  const std::string action = found == request.query.end() ? "" : found->second;
  if (action == "save") co_return co_await save(service, exchange, slot);
  if (action == "restore") co_return co_await restore(service, exchange, slot);
  if (action == "erase") co_return co_await erase(service, exchange, slot);
  bad_field("action", "Invalid action");
}

}  // namespace llm::server
