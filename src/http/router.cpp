#include "http/router.h"

#include <algorithm>
#include <optional>
#include <set>

#include "base/error.h"

namespace llm::http {
namespace {

/// "/a/b" -> {"a", "b"}; "/" -> {""}.
std::vector<std::string> segments_of(std::string_view path) {
  std::vector<std::string> out;
  path.remove_prefix(1);
  for (;;) {
    const auto slash = path.find('/');
    out.emplace_back(path.substr(0, slash));
    if (slash == path.npos) return out;
    path.remove_prefix(slash + 1);
  }
}

bool is_name(std::string_view segment) {
  return segment.size() > 2 && segment.starts_with('{') && segment.ends_with('}');
}

/// Nullopt when `path` is none of the pattern.
std::optional<std::map<std::string, std::string>> match(const std::vector<std::string>& pattern,
                                                        bool takes_rest,
                                                        const std::vector<std::string>& path) {
  if (takes_rest ? path.size() <= pattern.size() : path.size() != pattern.size())
    return std::nullopt;
  std::map<std::string, std::string> params;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (is_name(pattern[i])) {
      if (path[i].empty()) return std::nullopt;
      params[pattern[i].substr(1, pattern[i].size() - 2)] = path[i];
    } else if (pattern[i] != path[i]) {
      return std::nullopt;
    }
  }
  if (takes_rest) {
    auto& rest = params["*"];
    for (std::size_t i = pattern.size(); i < path.size(); ++i)
      rest += (i > pattern.size() ? "/" : "") + path[i];
  }
  return params;
}

bool answers(const Route& route, std::string_view method) {
  return route.method == method || (route.method == "GET" && method == "HEAD");
}

std::string allow_header(const std::vector<const Route*>& routes) {
  std::set<std::string> methods;
  for (const Route* route : routes) {
    methods.insert(route->method);
    if (route->method == "GET") methods.insert("HEAD");
  }
  if (!methods.empty()) methods.insert("OPTIONS");
  std::string out;
  for (const auto& method : methods) out += (out.empty() ? "" : ", ") + method;
  return out;
}

}  // namespace

Router::Router(std::vector<Route> routes) : routes_(std::move(routes)) {
  std::set<std::pair<std::string, std::string>> seen;
  for (const Route& route : routes_) {
    if (!route.path.starts_with('/') || !route.handler)
      fail("route {} '{}' needs a handler and a path that begins with '/'", route.method,
           route.path);
    if (!seen.emplace(route.method, route.path).second)
      fail("route {} {} is there twice", route.method, route.path);
    Pattern pattern{.segments = segments_of(route.path), .route = &route};
    if (pattern.segments.back() == "*") {
      pattern.takes_rest = true;
      pattern.segments.pop_back();
    }
    const bool has_names = std::any_of(pattern.segments.begin(), pattern.segments.end(), is_name);
    if (pattern.takes_rest || has_names)
      patterns_.push_back(std::move(pattern));
    else
      exact_[route.path].push_back(&route);
  }
  // Of several patterns the one with more fixed text first: "/a/{x}" before "/a/*".
  std::stable_sort(patterns_.begin(), patterns_.end(), [](const Pattern& a, const Pattern& b) {
    return std::pair(a.takes_rest, b.segments.size()) < std::pair(b.takes_rest, a.segments.size());
  });
}

Match Router::find(std::string_view method, std::string_view path) const {
  Match found;
  std::vector<const Route*> of_this_path;
  const auto consider = [&](const Route& route, std::map<std::string, std::string> params) {
    of_this_path.push_back(&route);
    // An own HEAD route beats the one of GET.
    const bool is_better = !found.route || (found.route->method != method && method == "HEAD");
    if (!answers(route, method) || !is_better) return;
    if (found.route && route.method != method) return;
    found.route = &route;
    found.params = std::move(params);
  };
  if (const auto exact = exact_.find(std::string(path)); exact != exact_.end())
    for (const Route* route : exact->second) consider(*route, {});
  if (!found.route && path.starts_with('/')) {
    const auto segments = segments_of(path);
    for (const auto& pattern : patterns_)
      if (auto params = match(pattern.segments, pattern.takes_rest, segments))
        consider(*pattern.route, std::move(*params));
  }
  if (found.route) {
    found.is_public = found.route->is_public;
    return found;
  }
  found.allowed = allow_header(of_this_path);
  found.is_public = std::any_of(of_this_path.begin(), of_this_path.end(),
                                [](const Route* route) { return route->is_public; });
  return found;
}

}  // namespace llm::http
