#include "base/error.h"
#include "http/stream.h"

#ifdef LLAMA_HAVE_TLS
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#endif

namespace llm::http {

#ifdef LLAMA_HAVE_TLS

namespace {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;

class TlsStream final : public Stream {
 public:
  TlsStream(Socket socket, ssl::context& context) : stream_(std::move(socket), context) {}

  Task<error_code> handshake() override {
    const auto [ec] = co_await stream_.async_handshake(ssl::stream_base::server,
                                                       asio::as_tuple(asio::use_awaitable));
    co_return ec;
  }

  void read(asio::mutable_buffer buffer,
            std::function<void(error_code, std::size_t)> done) override {
    stream_.async_read_some(buffer, std::move(done));
  }

  // Encrypted bytes leave through the session's own buffers.
  std::size_t try_write(std::string_view) override { return 0; }

  Task<error_code> write(std::string_view bytes) override {
    const auto [ec, written] = co_await asio::async_write(stream_, asio::buffer(bytes),
                                                          asio::as_tuple(asio::use_awaitable));
    co_return ec;
  }

  Task<void> finish_writing() override {
    co_await stream_.async_shutdown(asio::as_tuple(asio::use_awaitable));
  }

  void cancel_read() override {
    error_code ignored;
    stream_.next_layer().cancel(ignored);
  }

  void close() override {
    error_code ignored;
    stream_.next_layer().close(ignored);
  }

 private:
  ssl::stream<Socket> stream_;
};

}  // namespace

struct TlsContext::State {
  State(const std::string& key_file, const std::string& cert_file) {
    // TLS 1.2 at least; renegotiation lets clients buy much work for little.
    context.set_options(ssl::context::no_sslv2 | ssl::context::no_sslv3 | ssl::context::no_tlsv1 |
                        ssl::context::no_tlsv1_1 | SSL_OP_NO_RENEGOTIATION |
                        SSL_OP_CIPHER_SERVER_PREFERENCE);
    // OpenSSL's own would ask at the terminal, also when the files are read again.
    context.set_password_callback(
        [](std::size_t, ssl::context::password_purpose) { return std::string(); });
    error_code ec;
    context.use_certificate_chain_file(cert_file, ec);
    if (ec) fail("--ssl-cert-file: cannot use '{}': {}", cert_file, ec.message());
    context.use_private_key_file(key_file, ssl::context::pem, ec);
    if (ec) fail("--ssl-key-file: cannot use '{}': {}", key_file, ec.message());
    if (SSL_CTX_check_private_key(context.native_handle()) != 1)
      fail("--ssl-key-file: '{}' does not belong to the certificate '{}'", key_file, cert_file);
  }

  ssl::context context{ssl::context::tls_server};
};

std::unique_ptr<Stream> TlsContext::stream(Socket socket) const {
  const std::lock_guard lock(mutex_);
  // OpenSSL keeps the context of a session until its end, also when there is a newer one.
  return std::make_unique<TlsStream>(std::move(socket), state_->context);
}

#else

struct TlsContext::State {
  State(const std::string&, const std::string&) {
    fail("--ssl-key-file, --ssl-cert-file: this build has no TLS (it was made without OpenSSL)");
  }
};

std::unique_ptr<Stream> TlsContext::stream(Socket socket) const {
  return plain_stream(std::move(socket));
}

#endif

TlsContext::TlsContext(std::string key_file, std::string cert_file)
    : key_file_(std::move(key_file)), cert_file_(std::move(cert_file)) {
  reload();
}

TlsContext::~TlsContext() = default;

void TlsContext::reload() {
  auto next = std::make_shared<State>(key_file_, cert_file_);
  const std::lock_guard lock(mutex_);
  state_ = std::move(next);
}

}  // namespace llm::http
