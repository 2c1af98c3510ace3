// /slots: what runs where.
#include <algorithm>

#include "base/json.h"
#include "server/endpoints.h"
#include "server/errors.h"
#include "server/reply/pieces.h"

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

/// Saving and restoring slots needs a directory for them, which this server has no flag for yet.
http::Response slot_action(Service&, const http::Request&) {
  not_supported("This server does not support slots action. Start it with `--slot-save-path`");
}

}  // namespace llm::server
