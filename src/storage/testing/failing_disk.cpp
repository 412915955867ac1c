#include "storage/testing/failing_disk.hpp"

#include <sqlite3.h>

#include <atomic>
#include <string_view>

#include "base/assert.hpp"

namespace pincer::testing {
namespace {

struct State {
    std::atomic<Trouble> trouble = Trouble::none;
    std::atomic<int> left = 0;
    std::atomic<bool> struck = false;
    std::atomic<std::int64_t> synced = 0;  // bytes of the log
};
State g_state;
sqlite3_vfs* g_real = nullptr;
sqlite3_vfs g_ours;

// Ours first, SQLite's own file behind it in the same allocation.
struct File {
    sqlite3_file base;
    bool is_log;
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
File& file_of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }

bool strikes(File& file, Trouble a, Trouble b = Trouble::none) {
    const Trouble now = g_state.trouble;
    if (!file.is_log || now == Trouble::none || (now != a && now != b)) return false;
    if (g_state.left > 1) {
        --g_state.left;
        return false;
    }
    g_state.struck = true;
    return true;
}

int close_file(sqlite3_file* f) { return file_of(f).real()->pMethods->xClose(file_of(f).real()); }
int read_file(sqlite3_file* f, void* into, int n, sqlite3_int64 at) {
    return file_of(f).real()->pMethods->xRead(file_of(f).real(), into, n, at);
}
int write_file(sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
    File& file = file_of(f);
    if (strikes(file, Trouble::disk_full, Trouble::write_fails)) {
        (void)file.real()->pMethods->xWrite(file.real(), from, n / 2, at);  // half of it got there
        return g_state.trouble == Trouble::disk_full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    }
    return file.real()->pMethods->xWrite(file.real(), from, n, at);
}
int truncate_file(sqlite3_file* f, sqlite3_int64 size) {
    return file_of(f).real()->pMethods->xTruncate(file_of(f).real(), size);
}
int sync_file(sqlite3_file* f, int flags) {
    File& file = file_of(f);
    if (strikes(file, Trouble::fsync_fails)) return SQLITE_IOERR_FSYNC;
    const int code = file.real()->pMethods->xSync(file.real(), flags);
    sqlite3_int64 size = 0;
    if (code == SQLITE_OK && file.is_log && file.real()->pMethods->xFileSize(file.real(), &size) == SQLITE_OK)
        g_state.synced = size;
    return code;
}
int file_size(sqlite3_file* f, sqlite3_int64* size) {
    return file_of(f).real()->pMethods->xFileSize(file_of(f).real(), size);
}
int lock_file(sqlite3_file* f, int kind) { return file_of(f).real()->pMethods->xLock(file_of(f).real(), kind); }
int unlock_file(sqlite3_file* f, int kind) { return file_of(f).real()->pMethods->xUnlock(file_of(f).real(), kind); }
int check_lock(sqlite3_file* f, int* out) {
    return file_of(f).real()->pMethods->xCheckReservedLock(file_of(f).real(), out);
}
int control(sqlite3_file* f, int op, void* arg) {
    return file_of(f).real()->pMethods->xFileControl(file_of(f).real(), op, arg);
}
int sector_size(sqlite3_file* f) { return file_of(f).real()->pMethods->xSectorSize(file_of(f).real()); }
int characteristics(sqlite3_file* f) { return file_of(f).real()->pMethods->xDeviceCharacteristics(file_of(f).real()); }
int shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
    return file_of(f).real()->pMethods->xShmMap(file_of(f).real(), page, size, extend, out);
}
int shm_lock(sqlite3_file* f, int offset, int n, int flags) {
    return file_of(f).real()->pMethods->xShmLock(file_of(f).real(), offset, n, flags);
}
void shm_barrier(sqlite3_file* f) { file_of(f).real()->pMethods->xShmBarrier(file_of(f).real()); }
int shm_unmap(sqlite3_file* f, int remove) { return file_of(f).real()->pMethods->xShmUnmap(file_of(f).real(), remove); }

constexpr sqlite3_io_methods kMethods = {2,           close_file,  read_file,       write_file,  truncate_file,
                                         sync_file,   file_size,   lock_file,       unlock_file, check_lock,
                                         control,     sector_size, characteristics, shm_map,     shm_lock,
                                         shm_barrier, shm_unmap,   nullptr,         nullptr};

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* f, int flags, int* out_flags) {
    File& file = file_of(f);
    file.is_log = (flags & SQLITE_OPEN_WAL) != 0;
    const int code = g_real->xOpen(g_real, name, file.real(), flags, out_flags);
    file.base.pMethods = file.real()->pMethods ? &kMethods : nullptr;
    return code;
}

}  // namespace

FailingDisk::FailingDisk() {
    PINCER_ASSERT(g_real == nullptr, "one at a time");
    g_real = sqlite3_vfs_find(nullptr);
    g_ours = *g_real;
    g_ours.zName = "failing";
    g_ours.szOsFile += int(sizeof(File));
    g_ours.xOpen = open_file;
    PINCER_ASSERT(sqlite3_vfs_register(&g_ours, 1) == SQLITE_OK, "a VFS of our own is taken");
    mend();
}

FailingDisk::~FailingDisk() {
    sqlite3_vfs_register(g_real, 1);
    sqlite3_vfs_unregister(&g_ours);
    g_real = nullptr;
}

void FailingDisk::arm(Trouble trouble, int after) {
    g_state.trouble = Trouble::none;
    g_state.left = after;
    g_state.struck = false;
    g_state.trouble = trouble;
}

bool FailingDisk::struck() const { return g_state.struck; }

void FailingDisk::copy_what_is_certain(const std::filesystem::path& database, const std::filesystem::path& to) const {
    std::filesystem::copy_file(database, to);
    const auto log = to.string() + "-wal";
    std::filesystem::copy_file(database.string() + "-wal", log);
    std::filesystem::resize_file(log, std::uintmax_t(g_state.synced));
}

}  // namespace pincer::testing
