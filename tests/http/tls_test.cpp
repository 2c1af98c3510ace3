#ifdef LLAMA_HAVE_TLS
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <thread>

#include "base/error.h"
#include "http/test_server.h"

namespace llm::http {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* cert) const { X509_free(cert); }
  void operator()(FILE* file) const { std::fclose(file); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

using Key = std::unique_ptr<EVP_PKEY, Free>;

/// Writes a fresh key and a certificate for localhost that it signs itself.
void write_certificate(const std::string& key_path, const std::string& cert_path) {
  const Key key(EVP_EC_gen("P-256"));
  const std::unique_ptr<X509, Free> cert(X509_new());
  X509_set_version(cert.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), 3600);
  X509_set_pubkey(cert.get(), key.get());
  auto* name = X509_get_subject_name(cert.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(cert.get(), name);
  ASSERT_GT(X509_sign(cert.get(), key.get(), EVP_sha256()), 0);
  const std::unique_ptr<FILE, Free> key_file(std::fopen(key_path.c_str(), "w"));
  PEM_write_PrivateKey(key_file.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  const std::unique_ptr<FILE, Free> cert_file(std::fopen(cert_path.c_str(), "w"));
  PEM_write_X509(cert_file.get(), cert.get());
}

/// A TLS client that trusts anybody.
class TlsClient {
 public:
  /// newest: of the protocol's versions; 0: what there is.
  explicit TlsClient(int port, int newest = 0) : context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_max_proto_version(context_.get(), newest);
    if (newest != 0) SSL_CTX_set_security_level(context_.get(), 0);  // so that it is offered
    socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(static_cast<std::uint16_t>(port));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), socket_);
    is_connected_ = SSL_connect(ssl_.get()) == 1;
  }
  ~TlsClient() { ::close(socket_); }
  bool is_connected() const { return is_connected_; }
  /// The public key that the server showed.
  std::string certificate() const {
    const std::unique_ptr<X509, Free> shown(SSL_get1_peer_certificate(ssl_.get()));
    unsigned char* bytes = nullptr;
    const int size = shown ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(shown.get()), &bytes) : 0;
    const std::string text(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    return text;
  }
  void send(const std::string& text) {
    EXPECT_GT(SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())), 0);
  }
  /// Until `end` has come, or the server says goodbye.
  std::string read_until(const std::string& end) {
    std::string out;
    char piece[4096];
    while (out.find(end) == out.npos) {
      const int got = SSL_read(ssl_.get(), piece, sizeof piece);
      if (got <= 0) {
        said_goodbye = SSL_get_error(ssl_.get(), got) == SSL_ERROR_ZERO_RETURN;
        return out;
      }
      out.append(piece, static_cast<std::size_t>(got));
    }
    return out;
  }
  bool said_goodbye = false;

 private:
  std::unique_ptr<SSL_CTX, Free> context_;
  std::unique_ptr<SSL, Free> ssl_;
  int socket_;
  bool is_connected_ = false;
};

class Tls : public testing::Test {
 protected:
  Tls() { write_certificate(key(), cert()); }
  std::string key() const { return directory.path() + "/key.pem"; }
  std::string cert() const { return directory.path() + "/cert.pem"; }
  auto with_tls() const {
    return [this](ServerSettings& settings) {
      settings.tls_key_file = key();
      settings.tls_cert_file = cert();
    };
  }
  TemporaryDirectory directory;
};

constexpr const char* kHealth = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";

TEST_F(Tls, AnswersStreamsAndKeepsTheConnection) {
  TestServer server(with_tls());
  EXPECT_THAT(server->address(), testing::StartsWith("https://127.0.0.1:"));
  TlsClient client(server.port());
  ASSERT_TRUE(client.is_connected());
  for (int i = 0; i < 2; ++i) {
    client.send(kHealth);
    EXPECT_THAT(client.read_until("}"), testing::HasSubstr(R"({"status":"ok"})"));
  }
  client.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(client.read_until("\r\n0\r\n\r\n"), testing::HasSubstr("data: 2"));
  const std::string body(300000, 'b');
  client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300001\r\n\r\n" + body +
              "!");
  EXPECT_THAT(client.read_until("!"), testing::EndsWith(body + "!"));
}

TEST_F(Tls, SaysGoodbyeWhenItCloses) {
  TestServer server(with_tls());
  TlsClient client(server.port());
  client.send("GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(client.read_until("never"), testing::HasSubstr("404 Not Found"));
  EXPECT_TRUE(client.said_goodbye);
}

TEST_F(Tls, AClientThatGoesIsNoticed) {
  TestServer server(with_tls());
  {
    TlsClient client(server.port());
    client.send("POST /wait HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_TRUE(
      eventually([&] { return server.observed.gone == 1 && server.observed.finished == 1; }));
}

TEST_F(Tls, PlainTextAndSilenceDoNotGetIn) {
  TestServer server([this](ServerSettings& settings) {
    with_tls()(settings);
    settings.head_timeout_s = 1;
  });
  Client plain(server.port());
  EXPECT_EQ(plain.ask("GET", "/health").status, 0);
  Client silent(server.port());
  EXPECT_TRUE(silent.is_closed_within(std::chrono::seconds(5)));
}

TEST_F(Tls, ANewCertificateIsForNewConnections) {
  TestServer server(with_tls());
  TlsClient before(server.port());
  const auto old_key = before.certificate();
  ASSERT_FALSE(old_key.empty());
  write_certificate(key(), cert());
  server->reload_certificate();
  TlsClient after(server.port());
  EXPECT_NE(after.certificate(), old_key);
  for (TlsClient* client : {&before, &after}) {
    client->send(kHealth);
    EXPECT_THAT(client->read_until("}"), testing::HasSubstr(R"({"status":"ok"})"));
  }
}

TEST_F(Tls, ABrokenCertificateLeavesTheOldOne) {
  TestServer server(with_tls());
  directory.write("cert.pem", "nonsense");
  EXPECT_THROW(server->reload_certificate(), Error);
  TlsClient client(server.port());
  ASSERT_TRUE(client.is_connected());
  client.send(kHealth);
  EXPECT_THAT(client.read_until("}"), testing::HasSubstr(R"({"status":"ok"})"));
}

TEST_F(Tls, VersionsBefore12AreRefused) {
  TestServer server(with_tls());
  EXPECT_FALSE(TlsClient(server.port(), TLS1_1_VERSION).is_connected());
  EXPECT_TRUE(TlsClient(server.port(), TLS1_2_VERSION).is_connected());
}

TEST_F(Tls, BadFilesAreNamed) {
  const auto error_of = [](std::string key_file, std::string cert_file) -> std::string {
    ServerSettings settings;
    settings.port = 0;
    settings.tls_key_file = std::move(key_file);
    settings.tls_cert_file = std::move(cert_file);
    try {
      Server server(settings, {});
    } catch (const Error& error) {
      return error.what();
    }
    return "(no error)";
  };
  EXPECT_THAT(error_of(key(), "/none.pem"),
              testing::HasSubstr("--ssl-cert-file: cannot use '/none.pem'"));
  EXPECT_THAT(error_of("/none.pem", cert()),
              testing::HasSubstr("--ssl-key-file: cannot use '/none.pem'"));
  const auto other_key = directory.path() + "/other.pem";
  write_certificate(other_key, directory.path() + "/other-cert.pem");
  EXPECT_THAT(error_of(other_key, cert()), testing::HasSubstr(other_key));
}

}  // namespace
}  // namespace llm::http
#endif
