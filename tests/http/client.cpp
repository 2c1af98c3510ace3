#include "http/client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace llm::http {
namespace {

constexpr int kPatienceMs = 20000;  // a test that waits longer has failed

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), ::tolower);
  return text;
}

}  // namespace

Client::Client(int port, const std::string& host) {
  socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, host.c_str(), &at.sin_addr);
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0)
    throw std::runtime_error("cannot connect: " + std::string(std::strerror(errno)));
}

Client::Client(const std::string& unix_path) {
  socket_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::strncpy(at.sun_path, unix_path.c_str(), sizeof at.sun_path - 1);
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0)
    throw std::runtime_error("cannot connect: " + std::string(std::strerror(errno)));
}

Client::~Client() {
  close();
}

void Client::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

void Client::reset() {
  const linger now{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}

void Client::close_sending() {
  ::shutdown(socket_, SHUT_WR);
}

void Client::set_receive_buffer(int bytes) {
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

void Client::send(const std::string& bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto sent = ::send(socket_, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (sent <= 0) return;  // the server closed; what it answered tells
    done += static_cast<std::size_t>(sent);
  }
}

void Client::request(const std::string& method, const std::string& path, const std::string& body,
                     const std::string& headers) {
  std::string text = method + " " + path + " HTTP/1.1\r\n";
  if (headers.find("Host:") == headers.npos) text += "Host: localhost\r\n";
  text += headers;
  if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  send(text + "\r\n" + body);
}

bool Client::read_more() {
  pollfd wait{socket_, POLLIN, 0};
  if (::poll(&wait, 1, kPatienceMs) <= 0) {
    ADD_FAILURE() << "no bytes from the server; so far: " << pending_;
    return false;
  }
  char piece[16384];
  const auto got = ::recv(socket_, piece, sizeof piece, 0);
  if (got <= 0) return false;
  pending_.append(piece, static_cast<std::size_t>(got));
  return true;
}

std::string Client::read_until(const std::string& text) {
  std::size_t at = 0;
  while ((at = pending_.find(text)) == pending_.npos)
    if (!read_more()) return {};
  std::string out = pending_.substr(0, at + text.size());
  pending_.erase(0, at + text.size());
  return out;
}

std::string Client::read_line() {
  std::string line = read_until("\r\n");
  return line.empty() ? line : line.substr(0, line.size() - 2);
}

Reply Client::read_reply(bool is_head) {
  Reply reply;
  reply.head = read_until("\r\n\r\n");
  if (reply.head.size() < 12) return reply;
  reply.status = std::stoi(reply.head.substr(9, 3));
  for (std::size_t at = reply.head.find("\r\n") + 2; at + 2 < reply.head.size();) {
    const auto end = reply.head.find("\r\n", at);
    const auto colon = reply.head.find(": ", at);
    reply.headers[lower(reply.head.substr(at, colon - at))] =
        reply.head.substr(colon + 2, end - colon - 2);
    at = end + 2;
  }
  if (is_head || reply.status == 304 || reply.status == 204 || reply.status == 100) {
    reply.is_complete = true;
  } else if (reply.has("content-length")) {
    const auto length = std::stoul(reply["content-length"]);
    while (pending_.size() < length && read_more()) continue;
    reply.is_complete = pending_.size() >= length;
    reply.body = pending_.substr(0, length);
    pending_.erase(0, length);
  } else if (reply["transfer-encoding"] == "chunked") {
    for (;;) {
      const auto line = read_line();
      if (line.empty()) break;  // the connection ended
      const auto length = std::stoul(line, nullptr, 16);
      while (pending_.size() < length + 2 && read_more()) continue;
      if (pending_.size() < length + 2) break;
      reply.body += pending_.substr(0, length);
      pending_.erase(0, length + 2);
      reply.is_complete = length == 0;
      if (length == 0) break;
    }
  } else {  // until the end
    while (read_more()) continue;
    reply.body = std::exchange(pending_, {});
    reply.is_complete = true;
  }
  return reply;
}

bool Client::is_closed_within(std::chrono::milliseconds limit) {
  pollfd wait{socket_, POLLIN, 0};
  if (::poll(&wait, 1, static_cast<int>(limit.count())) <= 0) return false;
  char byte;
  return ::recv(socket_, &byte, 1, 0) <= 0;
}

}  // namespace llm::http
