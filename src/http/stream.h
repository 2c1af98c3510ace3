// A connected byte stream: plain (TCP or unix socket) or TLS. One reader and one writer at a time,
// all calls on the strand of the connection.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/system/error_code.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "http/exchange.h"

namespace llm::http {

using boost::system::error_code;
using Socket = boost::asio::generic::stream_protocol::socket;

class Stream {
 public:
  virtual ~Stream() = default;
  virtual Task<error_code> handshake() = 0;
  /// Reads what there is. `done` is called later, on the strand.
  virtual void read(boost::asio::mutable_buffer buffer,
                    std::function<void(error_code, std::size_t)> done) = 0;
  /// Writes what the system takes at once, without waiting; 0 when it takes nothing.
  virtual std::size_t try_write(std::string_view bytes) = 0;
  /// Writes all of it.
  virtual Task<error_code> write(std::string_view bytes) = 0;
  /// Says goodbye: nothing will be written any more.
  virtual Task<void> finish_writing() = 0;
  /// Ends a read that is under way.
  virtual void cancel_read() = 0;
  virtual void close() = 0;
};

std::unique_ptr<Stream> plain_stream(Socket socket);

/// Key and certificates. Errors name the file at fault. Any thread.
class TlsContext {
 public:
  TlsContext(std::string key_file, std::string cert_file);
  ~TlsContext();
  /// Reads the files again, for streams to come. Error: those before stay.
  void reload();
  std::unique_ptr<Stream> stream(Socket socket) const;

 private:
  struct State;
  std::string key_file_, cert_file_;
  mutable std::mutex mutex_;
  std::shared_ptr<State> state_;  // guarded by mutex_
};

}  // namespace llm::http
