#include "http/router.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace llm::http {
namespace {

using testing::ElementsAre;
using testing::Pair;

Task<Response> nothing(Exchange&) {
  co_return Response{};
}

Route route(std::string method, std::string path) {
  return {.method = std::move(method), .path = std::move(path), .handler = nothing};
}

TEST(Router, FindsExactPathsNamedSegmentsAndRests) {
  const Router router({route("GET", "/slots"), route("POST", "/slots/{id}"),
                       route("GET", "/files/*"), route("GET", "/files/{name}"),
                       route("GET", "/a/{x}/b/{y}")});
  EXPECT_EQ(router.find("GET", "/slots").route->path, "/slots");
  const auto slot = router.find("POST", "/slots/3");
  EXPECT_EQ(slot.route->path, "/slots/{id}");
  EXPECT_THAT(slot.params, ElementsAre(Pair("id", "3")));
  EXPECT_THAT(router.find("GET", "/a/1/b/2").params, ElementsAre(Pair("x", "1"), Pair("y", "2")));
  EXPECT_EQ(router.find("GET", "/files/one").route->path, "/files/{name}");
  EXPECT_THAT(router.find("GET", "/files/one/two").params, ElementsAre(Pair("*", "one/two")));
}

TEST(Router, SimilarPathsAreUnknown) {
  const Router router({route("GET", "/health"), route("POST", "/slots/{id}")});
  for (const char* path : {"/health/", "//health", "/Health", "/slots/", "/slots/1/2", "", "x"}) {
    const auto match = router.find("GET", path);
    EXPECT_EQ(match.route, nullptr) << path;
    EXPECT_EQ(match.allowed, "") << path;
  }
}

TEST(Router, KnownPathsWithAnotherMethodNameTheirMethods) {
  const Router router({route("GET", "/props"), route("POST", "/props"), route("POST", "/x/{y}")});
  EXPECT_EQ(router.find("DELETE", "/props").allowed, "GET, HEAD, OPTIONS, POST");
  EXPECT_EQ(router.find("GET", "/x/1").allowed, "OPTIONS, POST");
}

TEST(Router, GetAnswersHeadUnlessThereIsAnOwnRoute) {
  const Router router({route("GET", "/a"), route("GET", "/b"), route("HEAD", "/b")});
  EXPECT_EQ(router.find("HEAD", "/a").route->method, "GET");
  EXPECT_EQ(router.find("HEAD", "/b").route->method, "HEAD");
  EXPECT_EQ(router.find("GET", "/b").route->method, "GET");
}

TEST(Router, RefusesRoutesThatCannotBeMeant) {
  EXPECT_THROW(Router({route("GET", "/a"), route("GET", "/a")}), Error);
  EXPECT_THROW(Router({route("GET", "a")}), Error);
  EXPECT_THROW(Router({Route{.method = "GET", .path = "/a"}}), Error);
}

}  // namespace
}  // namespace llm::http
