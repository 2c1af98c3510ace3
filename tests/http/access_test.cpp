#include "http/access.h"

#include <gmock/gmock.h>

namespace llm::http {
namespace {

using testing::ElementsAre;
using testing::Pair;

constexpr const char* kAllow = "Access-Control-Allow-Origin";

std::string allowed_origin(const AccessPolicy& policy, const std::string& origin,
                           const std::string& host = "localhost:8080") {
  for (const auto& [name, value] : policy.cors_headers(origin, host, false))
    if (name == kAllow) return value;
  return "(none)";
}

TEST(Access, WithoutKeysOnlyOwnAndLocalPagesMayCall) {
  const AccessPolicy policy(ServerSettings{}, true);
  struct Case {
    const char *origin, *host;
    bool may;
  };
  for (const auto& [origin, host, may] :
       std::initializer_list<Case>{{"http://localhost:5173", "127.0.0.1:8080", true},
                                   {"http://app.localhost", "127.0.0.1:8080", true},
                                   {"https://127.0.0.1", "127.0.0.1:8080", true},
                                   {"http://[::1]:90", "localhost", true},
                                   {"http://192.168.1.5:8080", "192.168.1.5:8080", true},
                                   {"https://llm.example", "llm.example", true},
                                   {"http://LLM.example", "llm.example:80", true},
                                   {"http://192.168.1.5:8081", "192.168.1.5:8080", false},
                                   {"http://evil.example", "localhost:8080", false},
                                   {"http://localhost.evil.example", "localhost:8080", false},
                                   {"http://127.0.0.1.evil.example", "localhost:8080", false},
                                   {"null", "localhost:8080", false},
                                   {"http://", "localhost:8080", false},
                                   {"http://evil.example", "", false}}) {
    EXPECT_EQ(allowed_origin(policy, origin, host), may ? origin : "(none)") << origin;
    EXPECT_EQ(policy.accepts_origin("POST", origin, host), may) << origin;
    EXPECT_TRUE(policy.accepts_origin("GET", origin, host)) << origin;
  }
  EXPECT_TRUE(policy.accepts_origin("POST", "", "localhost"));
  EXPECT_TRUE(policy.accepts_origin("POST", "vscode-webview://abc", "localhost"));
}

TEST(Access, WithKeysEveryPageMayCallAsInTheReference) {
  ServerSettings settings;
  settings.keys.keys = {"k"};
  const AccessPolicy policy(settings, true);
  EXPECT_EQ(allowed_origin(policy, "http://app.example"), "http://app.example");
  EXPECT_EQ(allowed_origin(policy, ""), "(none)");
  EXPECT_TRUE(policy.accepts_origin("POST", "http://app.example", "localhost"));
}

ServerSettings with_origins(const std::string& origins, bool credentials) {
  ServerSettings settings;
  settings.cors_origins = origins;
  settings.cors_origins_given = true;
  settings.cors_credentials = credentials;
  return settings;
}

TEST(Access, GivenOrigins) {
  const AccessPolicy any(with_origins("*", true), true);
  EXPECT_EQ(allowed_origin(any, "http://x.example"), "http://x.example");
  EXPECT_TRUE(any.accepts_origin("POST", "http://x.example", "localhost"));
  const AccessPolicy star(with_origins("*", false), true);
  EXPECT_EQ(allowed_origin(star, "http://x.example"), "*");
  EXPECT_EQ(allowed_origin(star, ""), "*");
  const AccessPolicy local(with_origins("localhost", true), true);
  EXPECT_EQ(allowed_origin(local, "http://localhost:5173"), "http://localhost:5173");
  EXPECT_EQ(allowed_origin(local, "http://evil.example"), "(none)");
  const AccessPolicy one(with_origins("http://a.example", false), true);
  EXPECT_EQ(allowed_origin(one, "http://b.example"), "http://a.example");
  const AccessPolicy list(with_origins("http://a.example, http://b.example", false), true);
  EXPECT_EQ(allowed_origin(list, "http://b.example"), "http://b.example");
  EXPECT_EQ(allowed_origin(list, "http://c.example"), "(none)");
}

TEST(Access, PreflightsTellMethodsAndHeaders) {
  auto settings = with_origins("*", false);
  settings.cors_methods = "GET";
  settings.cors_headers = "X-One";
  EXPECT_THAT(AccessPolicy(settings, true).cors_headers("http://a.example", "localhost", true),
              ElementsAre(Pair(kAllow, "*"), Pair("Access-Control-Allow-Credentials", "false"),
                          Pair("Access-Control-Allow-Methods", "GET"),
                          Pair("Access-Control-Allow-Headers", "X-One")));
}

TEST(Access, HostsOnLoopback) {
  ServerSettings settings;
  settings.allowed_hosts = {"llm.example"};
  const AccessPolicy policy(settings, true);
  for (const char* host :
       {"localhost", "localhost:8080", "LOCALHOST.", "x.localhost:1", "127.0.0.1:8080",
        "[::1]:8080", "127.9.9.9", "192.168.1.5", "llm.example:99", "LLM.example", ""})
    EXPECT_TRUE(policy.accepts_host(host)) << host;
  for (const char* host : {"evil.example", "evil.example:8080", "localhost.evil.example",
                           "127.0.0.1.evil.example", "1.2.3.4.5", "sub.llm.example"})
    EXPECT_FALSE(policy.accepts_host(host)) << host;
}

TEST(Access, HostsElsewhereAreCheckedOnlyWhenNamesAreGiven) {
  ServerSettings settings;
  EXPECT_TRUE(AccessPolicy(settings, false).accepts_host("any.example"));
  settings.allowed_hosts = {"llm.example"};
  EXPECT_FALSE(AccessPolicy(settings, false).accepts_host("any.example"));
  settings.allowed_hosts = {"*"};
  EXPECT_TRUE(AccessPolicy(settings, true).accepts_host("any.example"));
}

}  // namespace
}  // namespace llm::http
