// A child's side of its bond with the router: it tells how far it is, and what requests have used.
// Used by the program.
#pragma once

#include <string_view>

#include "http/http.h"

namespace llm::router {

/// The router's number for a request whose tokens it wants to know.
inline constexpr const char* kBillHeader = "X-Llama-Router-Bill";

/// Is this the process of one of a router's models?
bool started_by_router();

/// Does nothing in a program that no router has started. Any thread.
class ChildReport {
 public:
  /// Reads LLAMA_SERVER_CHILD_MODE, the descriptor to report to, which the router sets.
  ChildReport();
  ~ChildReport();
  ChildReport(const ChildReport&) = delete;

  bool is_child() const { return fd_ >= 0; }
  void loading(float done) const;  // 0..1
  void ready() const;              // answers requests; also when it wakes up
  void sleeping() const;           // the model is freed until a request comes
  /// A request has been answered, before the end of the answer is out.
  void answered(const http::Answered& one) const;

 private:
  void send(std::string_view line) const;
  int fd_ = -1;
};

}  // namespace llm::router
