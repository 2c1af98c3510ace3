// Milliseconds to render a long conversation: chat_bench [TEMPLATE-FILE...]; without a file, the
// built-in templates. Each is rendered with 200 messages and three tools.
#include <benchmark/benchmark.h>

#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "base/json.h"
#include "chat/render.h"
#include "chat/template.h"

namespace {

using namespace llm;

constexpr int kMessages = 200;

Json tool(const std::string& name) {
  return {{"type", "function"},
          {"function",
           {{"name", name},
            {"description", "Looks something up."},
            {"parameters",
             {{"type", "object"},
              {"properties", {{"place", {{"type", "string"}}}, {"days", {{"type", "integer"}}}}},
              {"required", {"place"}}}}}}};
}

Json conversation() {
  Json messages = Json::array();
  messages.push_back({{"role", "system"}, {"content", "You are a helpful assistant."}});
  while (messages.size() < kMessages - 1) {
    const bool asks = messages.size() % 2 == 1;
    messages.push_back(
        {{"role", asks ? "user" : "assistant"}, {"content", std::string(asks ? 120 : 600, 'x')}});
  }
  messages.push_back({{"role", "user"}, {"content", "And then?"}});
  return {{"messages", std::move(messages)},
          {"tools", {tool("weather"), tool("news"), tool("stocks")}}};
}

void render(benchmark::State& state, const std::shared_ptr<chat::Template>& chat_template) {
  const Json body = conversation();
  std::size_t bytes = 0;
  for (auto _ : state) bytes = chat::render_chat(body, *chat_template, {}).prompt.size();
  state.counters["bytes"] = static_cast<double>(bytes);
}

std::string read(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  const auto add = [](const std::string& name, std::string source) {
    std::shared_ptr<chat::Template> compiled = chat::Template::compile(std::move(source));
    benchmark::RegisterBenchmark(("render/" + name).c_str(), render, compiled)
        ->Unit(benchmark::kMillisecond);
  };
  for (int i = 1; i < argc; ++i) add(argv[i], read(argv[i]));
  if (argc == 1) {
    for (const char* name : {"chatml", "llama3", "mistral-v3"})
      if (const char* source = chat::builtin_template(name)) add(name, source);
  }
  benchmark::RunSpecifiedBenchmarks();
}
