// One client's connection from handshake to close: requests one after another, each read, admitted,
// handled and answered. Internal to the room.
//
// A connection lives on its strand; everything not marked otherwise is called there. Only handlers
// leave it, for a worker thread. One read is kept outstanding while a handler works: it tells when
// the client goes, and what it brings (a pipelined request) waits in `pending_`.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/core.h"
#include "http/request_parser.h"
#include "http/stream.h"

namespace llm::http {

class LiveExchange;

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Clock = std::chrono::steady_clock;

  Connection(const boost::asio::any_io_executor& strand, Core& core, std::unique_ptr<Stream> stream,
             std::string peer);
  ~Connection();

  /// Until the connection is over.
  Task<void> run();

  // From any thread.
  /// Ends after the request that is being answered; at once when there is none.
  void close_when_idle();
  /// Ends now: to its handler it looks as if the client had gone.
  void cut();
  /// Since when it waits for a request; Clock::time_point::max() while it has one.
  Clock::time_point idle_since() const { return Clock::time_point(Clock::duration(idle_since_)); }

 private:
  friend class LiveExchange;

  enum class Read { data, closed, timed_out };
  struct Outcome {
    Response response;
    bool has_failed = false;  // by an exception
  };

  /// From a worker thread back to the strand.
  Task<void> come_back();
  Task<bool> read_head(RequestParser& parser);
  Task<bool> read_body(RequestParser& parser);
  /// Reads one request's head and body and answers it; false when the connection must end.
  Task<bool> serve_one();
  Task<bool> answer(RequestParser& parser, Request& request, Admission& admission,
                    const Headers& cors);
  Task<Outcome> call(const Route& route, LiveExchange& exchange);
  Task<bool> send_response(Request& request, Response response, const Headers& cors,
                           bool keeps_alive, bool is_http_1_0, const Route* route, Notes& notes);
  /// An answer to what was no proper request.
  Task<void> refuse(int status, const std::string& message);

  /// Waits for more bytes in pending_.
  Task<Read> read_more(Clock::time_point deadline);
  void start_read();
  void on_read(error_code ec, std::size_t bytes);
  /// All of it, within the write timeout; false when the client is gone.
  Task<bool> send(std::string_view bytes);
  /// Lets the client read the last answer before the socket closes.
  Task<void> linger();
  void set_idle(bool is_idle);
  void client_went_away();
  Request make_request(const RequestParser& parser);
  /// The line of the access log, and the server's observer.
  void tell(const Answered& answered) const;
  double seconds_since_begin() const;

  boost::asio::any_io_executor strand_;
  Core& core_;
  std::unique_ptr<Stream> stream_;
  std::string peer_;

  std::array<char, 16 << 10> chunk_;  // where the outstanding read writes
  std::string pending_;               // read and not yet used
  bool is_reading_ = false, is_watching_ = false;
  error_code read_error_;
  boost::asio::steady_timer read_wake_, write_timer_;
  std::uint64_t write_number_ = 0;  // tells a timeout of this write from one that came too late
  bool is_broken_ = false;          // nothing can be written any more
  bool is_cut_ = false;
  bool is_first_ = true;
  Clock::time_point request_begun_;
  std::atomic<Clock::rep> idle_since_{Clock::time_point::max().time_since_epoch().count()};
  LiveExchange* current_ = nullptr;  // while a handler works
};

}  // namespace llm::http
