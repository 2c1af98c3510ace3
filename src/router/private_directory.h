// A new directory that only this user may enter, removed with all in it at the end. Internal to the
// room.
#pragma once

#include <string>

namespace llm::router {

class PrivateDirectory {
 public:
  /// Below the user's runtime directory or a temporary one. Error when none can be written to.
  PrivateDirectory();
  ~PrivateDirectory();
  PrivateDirectory(const PrivateDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace llm::router
