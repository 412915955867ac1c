// Files of ours: written whole or not at all, private by default.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace pincer::io {

// Errors: not_found, too_large (nothing read), forbidden, io.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t max_bytes);
// Written to a temporary beside it, fsynced, renamed over, directory fsynced. Mode 0600 unless said otherwise.
Result<> write_file_atomically(const std::filesystem::path& path, std::string_view bytes, unsigned mode = 0600);
// Makes the folder and its parents with mode 0700; one that exists is left as it is.
Result<> make_private_directory(const std::filesystem::path& path);
// Error `forbidden` when others may read it: for key and token files (the message says the chmod to type).
Result<> check_private_file(const std::filesystem::path& path);

}  // namespace pincer::io
