// Children, against programs that every Debian has.
#include "io/process.hpp"

#include <gtest/gtest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "io/stdio.hpp"

namespace pincer::io {
namespace {

constexpr Millis kPatience{20'000};

// The tests need a program with children of its own; `sh` is one here and nowhere in the product.
ProcessSpec script(std::string text) {
    ProcessSpec spec;
    spec.executable = "/bin/sh";
    spec.arguments = {"-c", std::move(text)};
    spec.environment = {{"PATH", "/usr/bin:/bin"}};
    return spec;
}

Result<ProcessOutput> run(ProcessSpec spec, std::string input = {}, std::size_t max = 1 << 20,
                          Deadline deadline = Deadline::after(kPatience)) {
    Runtime runtime;
    return runtime.run_until_done(run_process(runtime, std::move(spec), std::move(input), max, deadline));
}

bool is_alive(pid_t pid) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    if (!std::getline(stat, line)) return false;
    const std::size_t state = line.rfind(')') + 2;
    return line[state] != 'Z' && line[state] != 'X';
}

Task<bool> is_gone_soon(pid_t pid) {
    const Deadline deadline = Deadline::after(kPatience);
    while (is_alive(pid) && !deadline.passed()) (void)co_await sleep_for(Millis(1));
    co_return !is_alive(pid);
}

TEST(Process, output_and_status_come_back) {
    const auto output = run(script("cat; echo oops >&2; exit 3"), "hello");
    ASSERT_TRUE(output) << output.error().message();
    EXPECT_EQ(output->out, "hello");
    EXPECT_EQ(output->err, "oops\n");
    EXPECT_EQ(output->status.code, 3);
    EXPECT_EQ(output->status.signal, 0);
}

TEST(Process, a_signal_is_told_from_an_exit) {
    const auto output = run(script("kill -TERM $$"));
    ASSERT_TRUE(output);
    EXPECT_EQ(output->status.signal, SIGTERM);
    EXPECT_EQ(output->status.code, 128 + SIGTERM);
}

TEST(Process, the_environment_is_what_was_listed_and_nothing_else) {
    ::setenv("PINCER_TEST_SECRET", "leaked", 1);
    ProcessSpec spec;
    spec.executable = "/usr/bin/env";
    spec.environment = {{"ONLY", "this"}};
    const auto output = run(std::move(spec));
    ASSERT_TRUE(output) << output.error().message();
    EXPECT_EQ(output->out, "ONLY=this\n");
}

TEST(Process, no_descriptor_of_ours_is_open_in_the_child) {
    const int leak = ::dup(1);  // without close-on-exec
    ProcessSpec spec;
    spec.executable = "/bin/ls";
    spec.arguments = {"/proc/self/fd"};
    const auto output = run(std::move(spec));
    ::close(leak);
    ASSERT_TRUE(output);
    EXPECT_EQ(output->out, "0\n1\n2\n3\n");  // 3 is ls reading the folder
}

TEST(Process, it_has_a_group_of_its_own_and_default_signals) {
    ::signal(SIGUSR1, SIG_IGN);
    const auto output = run(script("kill -USR1 $$; echo survived"));
    ::signal(SIGUSR1, SIG_DFL);
    ASSERT_TRUE(output);
    EXPECT_EQ(output->status.signal, SIGUSR1);
}

TEST(Process, limits_and_the_working_directory_are_set) {
    ProcessSpec spec = script("ulimit -n; ulimit -c; ulimit -d; pwd");
    spec.max_open_files = 77;
    spec.max_memory_bytes = 1u << 30;
    spec.working_directory = "/usr";
    const auto output = run(std::move(spec));
    ASSERT_TRUE(output);
    EXPECT_EQ(output->out, "77\n0\n1048576\n/usr\n");
}

TEST(Process, what_cannot_be_started_says_why) {
    Runtime runtime;
    const auto failure = [&](std::string executable, std::string directory = {}) {
        ProcessSpec spec;
        spec.executable = std::move(executable);
        spec.working_directory = std::move(directory);
        const auto process = Process::start(runtime, std::move(spec));
        EXPECT_FALSE(process);
        return process ? ErrorCode::internal : process.error().code();
    };
    EXPECT_EQ(failure("sh"), ErrorCode::invalid_argument);
    EXPECT_EQ(failure("/nowhere/at/all"), ErrorCode::not_found);
    EXPECT_EQ(failure("/etc/passwd"), ErrorCode::forbidden);
    EXPECT_EQ(failure("/usr"), ErrorCode::forbidden);
    EXPECT_EQ(failure("/bin/true", "/nowhere"), ErrorCode::not_found);
}

TEST(Process, a_file_that_is_no_program_is_an_error_and_leaves_nothing_behind) {
    while (::waitpid(-1, nullptr, 0) > 0) {  // keepers of other tests, on their way out
    }
    const auto path = std::filesystem::temp_directory_path() / ("pincer_no_program_" + std::to_string(::getpid()));
    std::ofstream(path) << "\x7f"
                           "ELF and then nonsense";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    Runtime runtime;
    ProcessSpec spec;
    spec.executable = path;
    EXPECT_FALSE(Process::start(runtime, spec));
    std::ofstream(path) << "#!/nowhere/interpreter\n";
    EXPECT_EQ(Process::start(runtime, spec).error().code(), ErrorCode::not_found);
    std::filesystem::remove(path);
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);  // no keeper is left
}

TEST(Process, output_over_the_limit_ends_the_run) {
    const auto output = run(script("yes"), "", 100'000);
    ASSERT_FALSE(output);
    EXPECT_EQ(output.error().code(), ErrorCode::too_large);
}

TEST(Process, a_run_over_its_deadline_is_killed_and_named) {
    const auto output = run(script("sleep 1000"), "", 1000, Deadline::after(Millis(50)));
    ASSERT_FALSE(output);
    EXPECT_EQ(output.error().code(), ErrorCode::timed_out);
    EXPECT_TRUE(output.error().message().starts_with("running /bin/sh timed out after ")) << output.error().message();
}

TEST(Process, a_child_that_does_not_read_its_input_is_no_failure) {
    const auto output = run(script("exit 0"), std::string(1 << 20, 'x'));
    ASSERT_TRUE(output) << output.error().message();
    EXPECT_EQ(output->status.code, 0);
}

TEST(Process, dropping_it_kills_the_whole_group_and_who_has_left_it) {
    Runtime runtime;
    auto process = Process::start(runtime, script("sleep 1000 & echo $!; setsid sleep 1000 & echo $!; wait"));
    ASSERT_TRUE(process);
    const auto main = [&]() -> Task<> {
        std::string pids;
        while (std::count(pids.begin(), pids.end(), '\n') < 2)
            pids += *co_await (*process)->read_stdout(Deadline::after(kPatience));
        const pid_t in_group = pid_t(std::stol(pids));
        const pid_t outside = pid_t(std::stol(pids.substr(pids.find('\n') + 1)));
        EXPECT_TRUE(is_alive(in_group));
        EXPECT_TRUE(is_alive(outside));
        process->reset();
        EXPECT_TRUE(co_await is_gone_soon(in_group));
        EXPECT_TRUE(co_await is_gone_soon(outside));
    };
    runtime.run_until_done(main());
}

TEST(Process, the_end_of_the_child_is_the_end_of_what_it_left_behind) {
    Runtime runtime;
    auto process = Process::start(runtime, script("setsid sleep 1000 & echo $!"));
    ASSERT_TRUE(process);
    const auto main = [&]() -> Task<> {
        const auto pid = co_await (*process)->read_stdout(Deadline::after(kPatience));
        const auto status = co_await (*process)->wait(Deadline::after(kPatience));
        EXPECT_TRUE(status);
        EXPECT_TRUE(co_await is_gone_soon(pid_t(std::stol(*pid))));
    };
    runtime.run_until_done(main());
}

// The reason for the keeper: the kernel's own PR_SET_PDEATHSIG reaches the child and not the grandchild.
TEST(Process, nothing_survives_our_own_sigkill) {
    int report[2];
    ASSERT_EQ(::pipe(report), 0);
    const pid_t parent = ::fork();
    if (parent == 0) {
        Runtime runtime;
        auto process = Process::start(runtime, script("setsid sleep 1000 & echo $!; sleep 1000 & echo $!; wait"));
        const auto main = [&]() -> Task<> {
            std::string pids;
            while (std::count(pids.begin(), pids.end(), '\n') < 2) pids += *co_await (*process)->read_stdout();
            pids = std::to_string((*process)->pid()) + "\n" + pids;
            (void)!::write(report[1], pids.data(), pids.size());
            (void)co_await sleep_for(Millis(3'600'000));
        };
        runtime.run_until_done(main());
        ::_exit(0);
    }
    char text[256] = {};
    const ssize_t n = ::read(report[0], text, sizeof text - 1);
    ::close(report[0]);
    ::close(report[1]);
    ASSERT_GT(n, 0);
    ::kill(parent, SIGKILL);
    ::waitpid(parent, nullptr, 0);
    Runtime runtime;
    std::istringstream lines(text);
    int checked = 0;
    for (pid_t pid; lines >> pid; ++checked) EXPECT_TRUE(runtime.run_until_done(is_gone_soon(pid))) << pid;
    EXPECT_EQ(checked, 3);
}

TEST(Process, shut_down_goes_from_asking_to_killing) {
    Runtime runtime;
    auto polite = std::move(*Process::start(runtime, script("cat")));
    runtime.run_until_done(polite->shut_down(kPatience));
    EXPECT_EQ(runtime.run_until_done(polite->wait())->code, 0);

    auto deaf = std::move(*Process::start(runtime, script("trap '' TERM; echo ready; while :; do sleep 1000; done")));
    EXPECT_EQ(*runtime.run_until_done(deaf->read_stdout()), "ready\n");
    runtime.run_until_done(deaf->shut_down(Millis(20)));
    EXPECT_EQ(runtime.run_until_done(deaf->wait())->signal, SIGKILL);
    EXPECT_EQ(runtime.run_until_done(deaf->write("late")).error().code(), ErrorCode::unavailable);
}

TEST(Process, a_read_that_timed_out_loses_nothing) {
    Runtime runtime;
    auto process = std::move(*Process::start(runtime, script("read line; echo got $line")));
    const auto nothing = runtime.run_until_done(process->read_stdout(Deadline::after(Millis(10))));
    EXPECT_TRUE(nothing.error().message().starts_with("reading the output of sh timed out after "))
        << nothing.error().message();
    EXPECT_TRUE(runtime.run_until_done(process->write("it\n")));
    EXPECT_EQ(*runtime.run_until_done(process->read_stdout(Deadline::after(kPatience))), "got it\n");
    EXPECT_EQ(*runtime.run_until_done(process->read_stdout(Deadline::after(kPatience))), "");
}

TEST(ProcessStream, lines_go_in_and_out) {
    Runtime runtime;
    auto process = std::move(*Process::start(runtime, script("cat")));
    auto lines = make_process_stream(*process, 1000);
    const auto talk = [&]() -> Task<> {
        EXPECT_TRUE(co_await lines->write_line("one"));
        EXPECT_TRUE(co_await lines->write_line("two"));
        EXPECT_EQ(**co_await lines->read_line(), "one");
        EXPECT_EQ(**co_await lines->read_line(), "two");
        EXPECT_TRUE(co_await process->write("unfinished"));
        process->close_stdin();
        EXPECT_EQ(**co_await lines->read_line(), "unfinished");
        EXPECT_EQ(*co_await lines->read_line(), std::nullopt);
    };
    runtime.run_until_done(talk());
}

TEST(FindExecutable, only_absolute_folders_count) {
    EXPECT_EQ(*find_executable("sh", "/nowhere:.::/bin"), "/bin/sh");
    EXPECT_EQ(*find_executable("/bin/sh", ""), "/bin/sh");
    EXPECT_EQ(find_executable("no-such-program", "/bin:/usr/bin").error().code(), ErrorCode::not_found);
    EXPECT_EQ(find_executable("../bin/sh", "/usr").error().code(), ErrorCode::invalid_argument);
    EXPECT_EQ(find_executable("/etc/passwd", "").error().code(), ErrorCode::not_found);
    EXPECT_FALSE(find_executable("", "/bin"));
}

// Our own standard streams, in a forked copy of this test that echoes lines. `ends` are what it gets as 0 and 1.
int echo_in_a_fork(int in, int out) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::dup2(in, 0);
        ::dup2(out, 1);
        for (int fd = 3; fd < 64; ++fd) ::close(fd);
        Runtime runtime;
        auto stream = make_stdio_stream(runtime, 100);
        const auto main = [&]() -> Task<int> {
            for (;;) {
                const auto line = co_await stream->read_line();
                if (!line) {
                    if (!co_await stream->write_line("error: " + line.error().message())) co_return 4;
                    continue;
                }
                if (!*line) co_return 0;
                if (!co_await stream->write_line("echo: " + **line)) co_return 3;
            }
        };
        const int code = runtime.run(main());
        stream.reset();
        ::_exit(code);
    }
    ::close(in);
    ::close(out);
    return pid;
}

std::string read_all(int fd) {
    std::string all;
    char buffer[4096];
    for (ssize_t n; (n = ::read(fd, buffer, sizeof buffer)) > 0;) all.append(buffer, std::size_t(n));
    ::close(fd);
    return all;
}

int exit_code_of(pid_t pid) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

const std::string kInput = "one\ntwo\r\n" + std::string(200, 'x') + "\nthree";
const std::string kOutput = "echo: one\necho: two\nerror: a line is over 100 bytes\necho: three\n";

TEST(StdioStream, works_over_pipes) {
    int to[2];
    int from[2];
    ASSERT_EQ(::pipe2(to, O_CLOEXEC), 0);
    ASSERT_EQ(::pipe2(from, O_CLOEXEC), 0);
    const pid_t pid = echo_in_a_fork(to[0], from[1]);
    ASSERT_EQ(::write(to[1], kInput.data(), kInput.size()), ssize_t(kInput.size()));
    ::close(to[1]);
    EXPECT_EQ(read_all(from[0]), kOutput);
    EXPECT_EQ(exit_code_of(pid), 0);
}

TEST(StdioStream, works_over_a_socket_and_puts_its_flags_back) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    const int kept = ::dup(ends[1]);
    const pid_t pid = echo_in_a_fork(::dup(ends[1]), ends[1]);
    ASSERT_EQ(::write(ends[0], kInput.data(), kInput.size()), ssize_t(kInput.size()));
    ::shutdown(ends[0], SHUT_WR);
    EXPECT_EQ(exit_code_of(pid), 0);
    EXPECT_EQ(::fcntl(kept, F_GETFL) & O_NONBLOCK, 0);
    ::close(kept);
    EXPECT_EQ(read_all(ends[0]), kOutput);
}

TEST(StdioStream, works_over_files_from_where_they_stand) {
    const auto path = std::filesystem::temp_directory_path() / ("pincer_stdio_" + std::to_string(::getpid()));
    std::ofstream(path) << "skipped\n" << kInput;
    const int in = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_EQ(::lseek(in, 8, SEEK_SET), 8);
    const auto out_path = path.string() + ".out";
    const int out = ::open(out_path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const int result = ::dup(out);
    EXPECT_EQ(exit_code_of(echo_in_a_fork(in, out)), 0);
    ::lseek(result, 0, SEEK_SET);
    EXPECT_EQ(read_all(result), kOutput);
    std::filesystem::remove(path);
    std::filesystem::remove(out_path);
}

TEST(StdioStream, a_reader_that_went_away_is_unavailable) {
    int to[2];
    int from[2];
    ASSERT_EQ(::pipe2(to, O_CLOEXEC), 0);
    ASSERT_EQ(::pipe2(from, O_CLOEXEC), 0);
    ::close(from[0]);
    const pid_t pid = echo_in_a_fork(to[0], from[1]);
    // The first line meets the closed pipe, the second one is told so; then the reader of our input is gone as well.
    ::signal(SIGPIPE, SIG_IGN);
    pollfd gone{to[1], 0, 0};
    while (::write(to[1], "line\n", 5) == 5 && ::poll(&gone, 1, 10) == 0) {
    }
    ::close(to[1]);
    EXPECT_EQ(exit_code_of(pid), 3);
}

}  // namespace
}  // namespace pincer::io
