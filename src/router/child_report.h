// A child's side of its bond with the router: it tells how far it is. Used by the program.
#pragma once

namespace llm::router {

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

 private:
  void send(const char* status, float value) const;
  int fd_ = -1;
};

}  // namespace llm::router
