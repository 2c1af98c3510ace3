// A plain socket that speaks what it is told, so that tests see bytes and not a library's view.
#pragma once

#include <chrono>
#include <map>
#include <string>

namespace llm::http {

struct Reply {
  int status = 0;  // 0: the connection ended instead
  std::string head;
  std::map<std::string, std::string> headers;  // names in lower case, the last value
  std::string body;                            // chunks joined
  bool is_complete = false;                    // the body has all that the head promised
  bool has(const std::string& name) const { return headers.contains(name); }
  std::string operator[](const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
  }
};

class Client {
 public:
  explicit Client(int port, const std::string& host = "127.0.0.1");
  explicit Client(const std::string& unix_path);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void send(const std::string& bytes);
  /// A request with Host, Content-Length when there is a body, and `headers` ("Name: value\r\n").
  void request(const std::string& method, const std::string& path, const std::string& body = {},
               const std::string& headers = {});
  Reply read_reply(bool is_head = false);
  Reply ask(const std::string& method, const std::string& path, const std::string& body = {},
            const std::string& headers = {}) {
    request(method, path, body, headers);
    return read_reply(method == "HEAD");
  }
  /// Reads until `text` has come; everything so far. Empty when the connection ended before.
  std::string read_until(const std::string& text);
  /// True when the server closes within the limit without sending anything more.
  bool is_closed_within(std::chrono::milliseconds limit);
  /// Ends without a goodbye (RST), as a program that was killed with unread data does.
  void reset();
  void close_sending();
  void close();
  void set_receive_buffer(int bytes);

 private:
  bool read_more();
  std::string read_line();

  int socket_ = -1;
  std::string pending_;
};

}  // namespace llm::http
