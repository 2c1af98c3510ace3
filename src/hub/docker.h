// Models in a Docker registry (OCI distribution): a manifest names layers, one is the GGUF file.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "hub/hub.h"
#include "hub/names.h"

namespace llm::hub {

/// Downloads the model, or finds it in CACHE/docker--REPO--MODEL. Throws Error.
std::filesystem::path fetch_docker(const DockerName& name, bool offline, const Settings& settings);

/// The layer that is a model.
struct DockerLayer {
  std::string sha256;  // lower-case hexadecimal
  std::optional<std::uint64_t> size;
};
/// Throws TransferError when the manifest has none.
DockerLayer model_layer(const std::string& manifest, const std::string& label);

/// Where a registry's 401 says that tokens are had: realm with service and scope as its query.
/// Empty when the challenge (WWW-Authenticate) is not one for bearer tokens.
std::string token_address(std::string_view challenge);

}  // namespace llm::hub
