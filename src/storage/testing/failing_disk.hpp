// A disk that fails when told to, under SQLite: a VFS of its own that passes everything on to the real one.
#pragma once

#include <cstdint>
#include <filesystem>

namespace pincer::testing {

enum class Trouble { none, fsync_fails, disk_full, write_fails };

// The default VFS of this process while it lives: databases opened meanwhile stand on it, and must be closed before it
// goes.
class FailingDisk {
public:
    FailingDisk();
    ~FailingDisk();
    FailingDisk(const FailingDisk&) = delete;
    FailingDisk& operator=(const FailingDisk&) = delete;

    // The `after`th write (or fsync) of a write-ahead log from now on meets this trouble, and every later one until
    // mend().
    void arm(Trouble trouble, int after);
    void mend() { arm(Trouble::none, 0); }
    // Whether anything has met its trouble since arm().
    bool struck() const;
    // What a power cut would leave of `database`: the file, and of its log what an fsync has confirmed.
    void copy_what_is_certain(const std::filesystem::path& database, const std::filesystem::path& to) const;
};

}  // namespace pincer::testing
