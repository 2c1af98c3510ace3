#include "http/request_parser.h"

#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/parser.hpp>

namespace llm::http {
namespace {

namespace beast = boost::beast;
using beast::error_code;
using boost::optional;

/// A body that grows as bytes arrive. Beast's own reserves what Content-Length claims, which lets a
/// client that sends nothing take the memory.
struct GrowingBody {
  using value_type = std::string;

  class reader {
   public:
    template <bool is_request, class Fields>
    reader(beast::http::header<is_request, Fields>&, value_type& body) : body_(body) {}
    void init(const optional<std::uint64_t>&, error_code& ec) { ec = {}; }
    template <class Buffers>
    std::size_t put(const Buffers& buffers, error_code& ec) {
      ec = {};
      std::size_t bytes = 0;
      for (const auto buffer : beast::buffers_range_ref(buffers)) {
        body_.append(static_cast<const char*>(buffer.data()), buffer.size());
        bytes += buffer.size();
      }
      return bytes;
    }
    void finish(error_code& ec) { ec = {}; }

   private:
    value_type& body_;
  };
};

}  // namespace

struct RequestParser::State {
  beast::http::request_parser<GrowingBody> parser;
  std::size_t max_head_bytes, max_body_bytes;
  error_code failure;
  std::size_t head_bytes = 0;
  char last_of_head = 0;
  bool has_odd_line = false;

  /// Beast joins folded lines, which proxies may read in another way (RFC 9112, 5.2).
  void look_at_head(std::string_view bytes) {
    head_bytes += bytes.size();
    for (const char c : bytes) {
      const bool is_folded = last_of_head == '\n' && (c == ' ' || c == '\t');
      const bool is_bare = last_of_head == '\r' && c != '\n';
      has_odd_line |= is_folded || is_bare || c == 0;
      last_of_head = c;
    }
  }
};

RequestParser::RequestParser(std::size_t max_head_bytes, std::size_t max_body_bytes)
    : state_(std::make_unique<State>()) {
  state_->max_head_bytes = max_head_bytes;
  state_->max_body_bytes = max_body_bytes;
  state_->parser.header_limit(static_cast<std::uint32_t>(max_head_bytes));
  // Lengths are judged after the head is read, when the request can be answered properly.
  state_->parser.body_limit(boost::none);
}

RequestParser::~RequestParser() = default;

std::size_t RequestParser::feed(std::string_view bytes) {
  error_code ec;
  std::size_t used = 0;
  // Beast stops at each border (head, chunk headers); need_more says that these bytes are all used
  // or too few.
  while (!ec && !state_->parser.is_done() && used < bytes.size()) {
    if (has_head() && !state_->parser.eager()) break;
    const bool is_head = !has_head();
    const auto more = state_->parser.put({bytes.data() + used, bytes.size() - used}, ec);
    if (is_head) state_->look_at_head(bytes.substr(used, more));
    used += more;
  }
  if (ec && ec != beast::http::error::need_more) state_->failure = ec;
  // Beast's limit is one of what is offered at once: headers that come in pieces pass it.
  const std::size_t waiting = has_head() ? 0 : bytes.size() - used;
  if (state_->head_bytes + waiting > state_->max_head_bytes)
    state_->failure = beast::http::error::header_limit;
  return used;
}

bool RequestParser::has_head() const {
  return state_->parser.is_header_done();
}
bool RequestParser::is_complete() const {
  return state_->parser.is_done() && failure_status() == 0;
}

void RequestParser::begin_body() {
  state_->parser.eager(true);
  state_->parser.body_limit(state_->max_body_bytes);
}

int RequestParser::failure_status() const {
  if (!state_->failure) return state_->has_odd_line ? 400 : 0;
  if (state_->failure == beast::http::error::header_limit) return 431;
  if (state_->failure == beast::http::error::body_limit) return 413;
  return 400;
}

std::string RequestParser::failure_text() const {
  switch (failure_status()) {
    case 413:
      return "request body is larger than " + std::to_string(state_->max_body_bytes) + " bytes";
    case 431:
      return "request line and headers are too large";
    default:
      if (state_->has_odd_line)
        return "malformed HTTP request: a header has a folded line, a bare CR or a NUL";
      return "malformed HTTP request: " + state_->failure.message();
  }
}

std::string RequestParser::method() const {
  return std::string(state_->parser.get().method_string());
}

std::string_view RequestParser::target() const {
  const auto target = state_->parser.get().target();
  return {target.data(), target.size()};
}

Headers RequestParser::headers() const {
  Headers out;
  for (const auto& field : state_->parser.get())
    out.emplace_back(std::string(field.name_string()), std::string(field.value()));
  return out;
}

bool RequestParser::is_http_1_0() const {
  return state_->parser.get().version() == 10;
}
bool RequestParser::wants_keep_alive() const {
  return state_->parser.keep_alive();
}
bool RequestParser::is_chunked() const {
  return state_->parser.chunked();
}

std::optional<std::uint64_t> RequestParser::content_length() const {
  const auto length = state_->parser.content_length();
  return length ? std::optional<std::uint64_t>(*length) : std::nullopt;
}

std::string RequestParser::take_body() {
  return std::move(state_->parser.get().body());
}

}  // namespace llm::http
