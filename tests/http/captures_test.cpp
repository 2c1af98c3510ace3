// The recorded traffic of the reference against this server, for what the room decides: status,
// CORS headers, error bodies, files. Where we differ on purpose, the table says why.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/json.h"
#include "http/test_server.h"

namespace llm::http {
namespace {

namespace fs = std::filesystem;

struct Difference {
  const char* what;      // "status", or a header in lower case
  const char* expected;  // "(none)": the header is absent
  const char* reason;
};

/// Default CORS of the reference opens the server to every page; ours opens it to local pages, and
/// never sends an empty Access-Control-Allow-Origin.
const std::multimap<std::string, Difference> kDifferences = {
    {"api-prefix/health-prefixed", {"status", "200", "public endpoints stay public"}},
    {"base/get-on-post-route", {"status", "405", "a known path"}},
    {"base/health-post-404", {"status", "405", "a known path"}},
    {"base/delete-on-post-route", {"status", "405", "a known path"}},
    {"base/get-with-origin",
     {"access-control-allow-origin", "(none)", "a foreign page and no key"}},
    {"base/options-preflight",
     {"access-control-allow-origin", "(none)", "a foreign page and no key"}},
    {"cors/star-no-credentials",
     {"access-control-allow-origin", "(none)", "a foreign page and no key"}},
    {"cors/fixed-list-get",
     {"access-control-allow-origin", "http://b.example", "no browser understands a list"}},
    {"cors/fixed-list-options",
     {"access-control-allow-origin", "http://b.example", "no browser understands a list"}},
};

std::string shared_directory() {
  const char* given = std::getenv("LLAMA_SHARED");
  return given ? given : SOURCE_DIR "/../shared";
}

/// The launch arguments that concern this room.
void apply_arguments(const Json& arguments, ServerSettings& settings, const std::string& fixtures) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto flag = arguments[i].get<std::string>();
    const auto value = [&] { return arguments[++i].get<std::string>(); };
    if (flag == "--api-key") {
      std::istringstream keys(value());
      for (std::string key; std::getline(keys, key, ',');) settings.keys.keys.push_back(key);
    } else if (flag == "--api-key-file") {
      std::ifstream file(fixtures + "/" + value());
      for (std::string key; std::getline(file, key);)
        if (!key.empty() && key[0] != '#') settings.keys.keys.push_back(key);
    } else if (flag == "--api-prefix") {
      settings.api_prefix = value();
    } else if (flag == "--path") {
      settings.static_path = fixtures + "/" + value();
    } else if (flag == "--cors-origins") {
      settings.cors_origins = value();
      settings.cors_origins_given = true;
    } else if (flag == "--no-cors-credentials") {
      settings.cors_credentials = false;
    } else if (flag == "--cors-methods") {
      settings.cors_methods = value();
    } else if (flag == "--cors-headers") {
      settings.cors_headers = value();
    }
  }
}

Task<Response> fine(Exchange&) {
  co_return json_response(200, R"({"status":"ok"})");
}

std::vector<Route> api_routes() {
  std::vector<Route> routes;
  for (const char* path : {"/v1/health", "/models", "/v1/models"})
    routes.push_back({.method = "GET", .path = path, .handler = fine, .is_public = true});
  for (const char* path : {"/props", "/slots", "/metrics"})
    routes.push_back({.method = "GET", .path = path, .handler = fine});
  routes.push_back({.method = "POST", .path = "/completion", .handler = fine});
  return routes;
}

std::string expected(const std::string& name, const std::string& what, std::string recorded) {
  const auto [first, last] = kDifferences.equal_range(name);
  for (auto difference = first; difference != last; ++difference)
    if (difference->second.what == what) return difference->second.expected;
  const bool is_empty_origin = what == "access-control-allow-origin" && recorded.empty();
  return is_empty_origin ? "(none)" : recorded;
}

std::string request_headers(const Json& request) {
  std::string out;
  const Json headers = request.value("headers", Json::object());
  for (const auto& [name, value] : headers.items())
    out += name + ": " + value.get<std::string>() + "\r\n";
  return out;
}

std::map<std::string, std::string> recorded_headers(const Json& response) {
  std::map<std::string, std::string> out;
  for (const auto& [name, value] : response["headers"].items()) {
    std::string lower = name;
    std::transform(lower.begin(), lower.end(), lower.begin(), ::tolower);
    out[lower] = value.get<std::string>();
  }
  return out;
}

void compare(const std::string& name, const Json& capture, const std::string& fixtures) {
  TestServer server(
      [&](ServerSettings& settings) {
        apply_arguments(capture["launch"]["args"], settings, fixtures);
      },
      api_routes());
  server->set_ready(!name.starts_with("loading/"));
  const Json& request = capture["request"];
  const std::string body = request.contains("body") ? request["body"].dump() : "";
  const auto reply = server.ask(request["method"], request["path"], body, request_headers(request));
  const Json& response = capture["response"];

  const auto status = expected(name, "status", response["status"].dump());
  EXPECT_EQ(std::to_string(reply.status), status);
  const auto headers = recorded_headers(response);
  for (const char* header :
       {"server", "access-control-allow-origin", "access-control-allow-credentials",
        "access-control-allow-methods", "access-control-allow-headers", "content-range"}) {
    const auto found = headers.find(header);
    const auto wanted = expected(name, header, found == headers.end() ? "(none)" : found->second);
    EXPECT_EQ(reply.has(header) ? reply[header] : "(none)", wanted) << header;
  }
  if (status != response["status"].dump()) return;
  const bool is_ours = reply.status >= 400 || name.starts_with("static-files/");
  const bool has_body = response.contains("body") || response.contains("body_text");
  if (!is_ours || !has_body) return;
  EXPECT_EQ(reply["content-type"], headers.at("content-type"));
  if (name == "static-files/api-still-works") return;
  if (response.contains("body_text"))
    EXPECT_EQ(reply.body, response["body_text"]);
  else
    EXPECT_EQ(Json::parse(reply.body), response["body"]);
}

TEST(Captures, OfTransportAndAccessAreMet) {
  const std::string captures = shared_directory() + "/captures";
  if (!fs::exists(captures)) GTEST_SKIP() << "the recorded traffic is not here";
  std::vector<std::string> names = {"base/health",
                                    "base/health-head",
                                    "base/health-v1",
                                    "base/health-post-404",
                                    "base/unknown-path",
                                    "base/get-on-post-route",
                                    "base/delete-on-post-route",
                                    "base/options-preflight",
                                    "base/get-with-origin"};
  for (const char* group : {"auth", "cors", "api-prefix", "loading", "static-files"})
    for (const auto& entry : fs::directory_iterator(captures + "/" + group))
      names.push_back(std::string(group) + "/" + entry.path().stem().string());
  EXPECT_GT(names.size(), 40u);
  for (const auto& name : names) {
    // The page at / is not of this room, and the test server has one of its own there.
    if (name == "auth/root-no-key" || name == "loading/root" || name == "static-files/index")
      continue;
    SCOPED_TRACE(name);
    std::ifstream file(captures + "/" + name + ".json");
    compare(name, Json::parse(file), captures + "/fixtures");
  }
}

}  // namespace
}  // namespace llm::http
