#include "router/model_list.h"

#include "base/utc.h"

namespace llm::router {
namespace {

const char* name_of(State state) {
  switch (state) {
    case State::unloaded:
      return "unloaded";
    case State::loading:
      return "loading";
    case State::loaded:
    case State::stopping:  // still answering
      return "loaded";
    case State::sleeping:
      return "sleeping";
  }
  return "unloaded";
}

const char* name_of(Source source) {
  switch (source) {
    case Source::cache:
      return "cache";
    case Source::models_dir:
      return "models_dir";
    case Source::preset:
      return "preset";
  }
  return "preset";
}

}  // namespace

Json model_json(const ModelView& view, bool can_remove) {
  const CatalogEntry& entry = *view.entry;
  Json status = {
      {"value", name_of(view.state)}, {"args", view.arguments}, {"preset", entry.preset}};
  if (view.is_failed) {
    status["exit_code"] = view.exit_code;
    status["failed"] = true;
    status["last_log"] = view.last_lines;
  }
  Json out = {
      {"id", entry.name},
      {"aliases", entry.aliases},
      {"tags", entry.tags},
      {"object", "model"},
      {"owned_by", "llamacpp"},
      {"created", unix_seconds()},
      {"status", std::move(status)},
      {"architecture",
       {{"input_modalities", Json::array({"text"})}, {"output_modalities", Json::array({"text"})}}},
      {"source", name_of(entry.source)},
      {"can_remove", can_remove && entry.source == Source::cache}};
  if (view.info.is_object() && view.info.contains("meta")) out["meta"] = view.info["meta"];
  return out;
}

Json download_json(const std::string& name) {
  return {
      {"id", name},
      {"aliases", Json::array()},
      {"tags", Json::array()},
      {"object", "model"},
      {"owned_by", "llamacpp"},
      {"created", unix_seconds()},
      {"status", {{"value", "downloading"}, {"args", Json::array()}}},
      {"architecture",
       {{"input_modalities", Json::array({"text"})}, {"output_modalities", Json::array({"text"})}}},
      {"source", "cache"},
      {"can_remove", false}};
}

}  // namespace llm::router
