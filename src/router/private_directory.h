// A new directory for sockets that only this user may enter, removed with them at the end. What a
// process that was killed left behind is removed by the next one. Internal to the room.
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
  int lock_ = -1;  // held on the directory: it is in use
};

}  // namespace llm::router
