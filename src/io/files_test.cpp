// Files on a real file system: whole or not at all, private unless said otherwise.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "base/assert.hpp"
#include "io/files.hpp"

namespace pincer::io {
namespace {

namespace fs = std::filesystem;

class Files : public ::testing::Test {
protected:
    Files() {
        std::string pattern = (fs::temp_directory_path() / "pincer-files-XXXXXX").string();
        PINCER_ASSERT(::mkdtemp(pattern.data()) != nullptr, "the temporary folder can be written");
        folder = pattern;
    }
    ~Files() override {
        std::error_code ignored;
        fs::remove_all(folder, ignored);
    }
    static unsigned mode_of(const fs::path& path) {
        struct stat info{};
        EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
        return info.st_mode & 07777;
    }
    static ino_t inode_of(const fs::path& path) {
        struct stat info{};
        EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
        return info.st_ino;
    }
    std::vector<std::string> names() const {
        std::vector<std::string> out;
        for (const auto& entry : fs::directory_iterator(folder)) out.push_back(entry.path().filename().string());
        return out;
    }

    fs::path folder;
};

TEST_F(Files, what_is_written_is_read_and_private) {
    const fs::path path = folder / "token";
    const std::string bytes("a\0b\r\n\xff", 6);
    ASSERT_TRUE(write_file_atomically(path, bytes));
    EXPECT_EQ(read_file(path, 100).value(), bytes);
    EXPECT_EQ(mode_of(path), 0600u);
    ASSERT_TRUE(write_file_atomically(path, ""));
    EXPECT_EQ(read_file(path, 0).value(), "");
}

TEST_F(Files, the_mode_is_the_one_asked_for_whatever_the_umask_and_the_old_file_say) {
    const fs::path path = folder / "page";
    const mode_t before = ::umask(0077);
    const Result<> written = write_file_atomically(path, "x", 0644);
    ::umask(before);
    ASSERT_TRUE(written);
    EXPECT_EQ(mode_of(path), 0644u);
    ASSERT_TRUE(write_file_atomically(path, "y"));
    EXPECT_EQ(mode_of(path), 0600u);
}

TEST_F(Files, a_reader_of_the_old_file_keeps_it_whole) {
    const fs::path path = folder / "state";
    ASSERT_TRUE(write_file_atomically(path, "the old one"));
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const ino_t old = inode_of(path);
    ASSERT_TRUE(write_file_atomically(path, "new"));
    EXPECT_NE(inode_of(path), old);  // another file took the name; nothing was written over
    char buffer[64];
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    ::close(fd);
    EXPECT_EQ(std::string_view(buffer, std::size_t(n)), "the old one");
    EXPECT_EQ(names(), std::vector<std::string>{"state"});
}

TEST_F(Files, a_write_that_fails_leaves_nothing_behind) {
    const fs::path taken = folder / "taken";
    fs::create_directory(taken);
    std::ofstream(taken / "inside") << "x";
    const Result<> onto_folder = write_file_atomically(taken, "bytes");
    ASSERT_FALSE(onto_folder);
    EXPECT_EQ(onto_folder.error().code(), ErrorCode::io);
    EXPECT_NE(onto_folder.error().message().find(taken.string()), std::string::npos);
    EXPECT_EQ(names(), std::vector<std::string>{"taken"});

    const Result<> into_nothing = write_file_atomically(folder / "absent" / "file", "bytes");
    ASSERT_FALSE(into_nothing);
    EXPECT_EQ(into_nothing.error().code(), ErrorCode::not_found);
}

TEST_F(Files, a_link_is_replaced_and_what_it_points_at_is_left_alone) {
    const fs::path target = folder / "target";
    const fs::path link = folder / "link";
    ASSERT_TRUE(write_file_atomically(target, "untouched"));
    fs::create_symlink(target, link);
    ASSERT_TRUE(write_file_atomically(link, "mine"));
    EXPECT_FALSE(fs::is_symlink(link));
    EXPECT_EQ(read_file(link, 100).value(), "mine");
    EXPECT_EQ(read_file(target, 100).value(), "untouched");
}

TEST_F(Files, reading_says_what_is_wrong) {
    EXPECT_EQ(read_file(folder / "absent", 10).error().code(), ErrorCode::not_found);
    EXPECT_EQ(read_file(folder, 10).error().code(), ErrorCode::io);
    ASSERT_TRUE(write_file_atomically(folder / "ten", "0123456789"));
    EXPECT_TRUE(read_file(folder / "ten", 10));
    const auto larger = read_file(folder / "ten", 9);
    EXPECT_EQ(larger.error().code(), ErrorCode::too_large);
    EXPECT_NE(larger.error().message().find("9 bytes"), std::string::npos);
}

TEST_F(Files, the_limit_holds_for_files_that_do_not_tell_their_size) {
    EXPECT_EQ(read_file("/dev/zero", 1 << 20).error().code(), ErrorCode::too_large);
    EXPECT_FALSE(read_file("/proc/self/status", 1 << 16).value().empty());
    EXPECT_EQ(read_file("/proc/self/status", 10).error().code(), ErrorCode::too_large);
}

TEST_F(Files, a_pipe_in_the_place_of_a_file_holds_nobody_up) {
    const fs::path pipe = folder / "pipe";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    const auto read = read_file(pipe, 100);
    if (read) EXPECT_EQ(*read, "");
}

TEST_F(Files, a_private_folder_is_made_with_its_parents) {
    const fs::path deep = folder / "a" / "b" / "c";
    ASSERT_TRUE(make_private_directory(deep));
    for (const fs::path& made : {deep, deep.parent_path(), deep.parent_path().parent_path()})
        EXPECT_EQ(mode_of(made), 0700u);
    ::chmod(deep.c_str(), 0755);
    ASSERT_TRUE(make_private_directory(deep));
    EXPECT_EQ(mode_of(deep), 0755u);  // one that exists is left as it is
}

TEST_F(Files, a_private_folder_is_not_made_over_a_file) {
    ASSERT_TRUE(write_file_atomically(folder / "file", "x"));
    EXPECT_FALSE(make_private_directory(folder / "file"));
    EXPECT_FALSE(make_private_directory(folder / "file" / "below"));
    fs::create_directory(folder / "real");
    fs::create_directory_symlink(folder / "real", folder / "link");
    EXPECT_TRUE(make_private_directory(folder / "link" / "below"));
    EXPECT_EQ(mode_of(folder / "real" / "below"), 0700u);
}

TEST_F(Files, a_file_that_others_may_read_is_refused_with_what_to_type) {
    const fs::path path = folder / "key";
    ASSERT_TRUE(write_file_atomically(path, "k"));
    EXPECT_TRUE(check_private_file(path));
    for (const mode_t mode : {0640, 0604, 0620, 0601}) {
        ::chmod(path.c_str(), mode);
        const Result<> checked = check_private_file(path);
        ASSERT_FALSE(checked) << mode;
        EXPECT_EQ(checked.error().code(), ErrorCode::forbidden);
        EXPECT_NE(checked.error().message().find("chmod 600 " + path.string()), std::string::npos);
    }
    fs::create_symlink(path, folder / "link");
    EXPECT_FALSE(check_private_file(folder / "link"));  // what is read through it counts
    ::chmod(path.c_str(), 0600);
    EXPECT_TRUE(check_private_file(folder / "link"));
    EXPECT_EQ(check_private_file(folder / "absent").error().code(), ErrorCode::not_found);
}

}  // namespace
}  // namespace pincer::io
