// Hugging Face's API: which commit a repository is at, and which files it has.
#pragma once

#include <string>
#include <vector>

#include "hub/names.h"
#include "hub/transfer.h"

namespace llm::hub {

class Repository {
 public:
  /// `repo`: "user/model".
  Repository(const Settings& settings, std::string repo, std::string token);

  /// Of the branch main; hexadecimal. Throws TransferError.
  std::string commit() const;
  /// Everything at that commit, in the hub's order. Throws TransferError.
  std::vector<RemoteFile> files(const std::string& commit) const;
  /// A request for the file's content.
  Get content(const std::string& commit, const std::string& path) const;

 private:
  Text fetch(const std::string& url) const;

  const Settings& settings_;
  std::string repo_, token_;
};

/// Everything but letters, digits and -._~/ as %XX.
std::string escaped_path(std::string_view path);
/// The files of one page of the API's tree. Entries that are none, or whose names could leave a
/// folder, are left out. Throws TransferError when it is no list.
std::vector<RemoteFile> parse_tree(const std::string& json);

}  // namespace llm::hub
