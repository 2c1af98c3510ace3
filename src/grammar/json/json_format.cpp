// Formats of strings as regular expressions. They are narrower than the standards where those
// allow what nobody writes (comments in addresses, leap seconds).
#include <map>

#include "grammar/json/json_string_language.h"

namespace llm::grammar {
namespace {

// 29 February stands only in leap years (RFC 3339).
const std::string kLeapYear =
    "(?:[0-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:0[048]|[2468][048]|[13579][26])00)";
const std::string kDate =
    "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    "|02-(?:0[1-9]|1[0-9]|2[0-8]))|" +
    kLeapYear + "-02-29)";
const std::string kTime =
    "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?"
    "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";

// RFC 3339, appendix A: a smaller unit follows only directly behind the next larger one.
const std::string kNumber = "[0-9]{1,9}";
const std::string kClock = "T(?:" + kNumber + "H(?:" + kNumber + "M(?:" + kNumber + "S)?)?|" +
                           kNumber + "M(?:" + kNumber + "S)?|" + kNumber + "S)";
const std::string kDays = kNumber + "D";
const std::string kMonths = kNumber + "M(?:" + kDays + ")?";
const std::string kYears = kNumber + "Y(?:" + kMonths + ")?";
const std::string kDuration = "P(?:(?:" + kYears + "|" + kMonths + "|" + kDays + ")(?:" + kClock +
                              ")?|" + kClock + "|" + kNumber + "W)";

// RFC 1123; labels and their number are kept so small that the whole stays within 253 characters.
const std::string kLabel = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,28}[A-Za-z0-9])?";
const std::string kHost = kLabel + "(?:\\." + kLabel + "){0,7}";
const std::string kAtom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}";
const std::string kEmail = kAtom + "(?:\\." + kAtom + "){0,2}@" + kLabel + "(?:\\." + kLabel +
                           "){0,5}\\.[A-Za-z](?:[A-Za-z0-9]{0,20}[A-Za-z])";

const std::string kOctet = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
const std::string kIpv4 = kOctet + "(?:\\." + kOctet + "){3}";

/// RFC 3986, section 3.2.2: eight groups, or fewer around "::"; the last two may be an IPv4
/// address.
std::string ipv6() {
  const std::string group = "[0-9A-Fa-f]{1,4}";
  const std::string tail = "(?:" + group + ":" + group + "|" + kIpv4 + ")";
  const auto groups_before = [&](int most) {  // "a:b:c" with up to `most` groups, or nothing
    return "(?:" + group + "(?::" + group + "){0," + std::to_string(most - 1) + "})?";
  };
  std::string out = "(?:" + group + ":){6}" + tail;
  out += "|::(?:" + group + ":){5}" + tail;
  for (int behind = 4; behind >= 0; --behind) {
    out += "|" + groups_before(5 - behind) + "::";
    if (behind > 0) out += "(?:" + group + ":){" + std::to_string(behind) + "}";
    out += tail;
  }
  out += "|" + groups_before(6) + "::" + group;
  out += "|" + groups_before(7) + "::";
  return out;
}

std::string uri() {
  const std::string escape = "%[0-9A-Fa-f]{2}";
  const std::string pchar = "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|" + escape + ")";
  const std::string name = "(?:[A-Za-z0-9._~!$&'()*+,;=-]|" + escape + ")";
  const std::string user = "(?:(?:[A-Za-z0-9._~!$&'()*+,;=:-]|" + escape + ")*@)?";
  const std::string authority = "//" + user + name + "+(?::[0-9]{1,5})?(?:/" + pchar + "*)*";
  const std::string path = "/?" + pchar + "+(?:/" + pchar + "*)*";
  const std::string extra = "(?:" + pchar + "|[/?])*";
  return "[A-Za-z][A-Za-z0-9+.-]*:(?:" + authority + "|" + path + ")(?:\\?" + extra + ")?(?:#" +
         extra + ")?";
}

std::string uuid(const std::string& version) {
  return "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-" + version + "-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}";
}

}  // namespace

std::string format_pattern(const std::string& format) {
  static const std::map<std::string, std::string> patterns = [] {
    std::map<std::string, std::string> out = {
        {"date", kDate},
        {"time", kTime},
        {"date-time", kDate + "T" + kTime},
        {"duration", kDuration},
        {"uuid", uuid("[0-9a-fA-F]{4}")},
        {"email", kEmail},
        {"hostname", kHost},
        {"ipv4", kIpv4},
        {"ipv6", ipv6()},
        {"uri", uri()},
    };
    for (const char version : {'1', '2', '3', '4', '5'}) {
      out[std::string("uuid") + version] = uuid(std::string(1, version) + "[0-9a-fA-F]{3}");
    }
    for (auto& entry : out) entry.second = "^(?:" + entry.second + ")$";
    return out;
  }();
  const auto found = patterns.find(format);
  return found == patterns.end() ? "" : found->second;
}

}  // namespace llm::grammar
