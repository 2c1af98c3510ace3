#include "hub/remote.h"

#include "base/error.h"
#include "hub/address.h"
#include "hub/transfer.h"

namespace llm::hub {

RemoteFetcher::RemoteFetcher(RemoteLimits limits, std::function<bool(const sockaddr&)> may_connect)
    : limits_(limits), may_connect_(may_connect ? std::move(may_connect) : is_public_address) {}

RemoteContent RemoteFetcher::get(const std::string& url, const Stopper& stopped) const {
  if (!limits_.allowed) fail("fetching from addresses is not allowed on this server");
  if (!is_web_address(url)) fail("'{}' is not an http or https address", shown(url));
  Text answer = get_text({.url = url,
                          .stopped = stopped,
                          .max_redirects = limits_.redirects,
                          .time = limits_.time,
                          .may_connect = may_connect_},
                         limits_.bytes);
  if (answer.head.status != 200) fail("{} answers with status {}", shown(url), answer.head.status);
  return {std::move(answer.body), std::move(answer.head.content_type)};
}

}  // namespace llm::hub
