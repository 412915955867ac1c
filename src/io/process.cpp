#include "io/process.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.hpp"
#include "base/text.hpp"
#include "io/detail/keeper.hpp"
#include "io/detail/pipe_end.hpp"
#include "io/stdio.hpp"

namespace pincer::io {
namespace {

using detail::Descriptor;
using detail::ErrorCodeAsio;
using detail::PipeReader;
using detail::PipeWriter;

constexpr Millis kAfterKill{5'000};

// What must outlive a dropped Process for a moment: the leash, until the keeper has reported, and the keeper's number,
// until it has been reaped.
class Leash : public std::enable_shared_from_this<Leash> {
public:
    Leash(const detail::Executor& executor, const detail::KeptProcess& kept)
        : ended(std::make_shared<Event::Impl>(executor)),
          keeper_(kept.keeper),
          child_(kept.child),
          leash_(executor, kept.leash),
          keeper_fd_(executor) {}

    void wait_for_report() {
        const auto buffer = asio::buffer(&report_, sizeof report_);
        leash_.async_read_some(buffer, [self = shared_from_this()](const ErrorCodeAsio& ec, std::size_t n) {
            // Without a report the keeper was killed itself, and the child with it (PR_SET_PDEATHSIG).
            const bool reported = !ec && n == sizeof report_;
            self->status.emplace();
            self->status->code = reported ? self->report_.code : 128 + SIGKILL;
            self->status->signal = reported ? self->report_.signal : SIGKILL;
            self->ended->set();
            self->let_go();
        });
    }

    void signal_group(int signal) {
        if (!status) ::kill(-child_, signal);  // after the report the number may be somebody else's
    }

    // The keeper kills what is left and ends; it is reaped when it has.
    void let_go() {
        if (std::exchange(let_go_, true)) return;
        ErrorCodeAsio ignored;
        leash_.close(ignored);
        const int fd = int(::syscall(SYS_pidfd_open, keeper_, 0));
        if (fd < 0) return reap();
        keeper_fd_.assign(fd, ignored);
        keeper_fd_.async_wait(Descriptor::wait_read, [self = shared_from_this()](const ErrorCodeAsio& ec) {
            if (!ec) self->reap();
        });
    }

    std::optional<ExitStatus> status;
    std::shared_ptr<Event::Impl> ended;

private:
    void reap() {
        ErrorCodeAsio ignored;
        ::waitpid(keeper_, nullptr, WNOHANG);
        keeper_fd_.close(ignored);
    }

    pid_t keeper_;
    pid_t child_;
    Descriptor leash_;
    Descriptor keeper_fd_;
    detail::KeeperReport report_;
    bool let_go_ = false;
};

class KeptChild final : public Process {
public:
    KeptChild(const detail::Executor& executor, std::string name, const detail::KeptProcess& kept)
        : name_(std::move(name)),
          pid_(kept.child),
          leash_(std::make_shared<Leash>(executor, kept)),
          stdin_(std::make_shared<PipeWriter>(executor, kept.stdin_fd)),
          stdout_(std::make_shared<PipeReader>(executor, kept.stdout_fd)),
          stderr_(std::make_shared<PipeReader>(executor, kept.stderr_fd)) {
        leash_->wait_for_report();
    }
    ~KeptChild() override {
        leash_->signal_group(SIGKILL);
        leash_->let_go();
        stdin_->close();
        stdout_->close();
        stderr_->close();
    }
    KeptChild(const KeptChild&) = delete;
    KeptChild& operator=(const KeptChild&) = delete;

    int pid() const override { return pid_; }
    Task<Result<>> write(std::string bytes) override { return PipeWriter::write(stdin_, std::move(bytes)); }
    void close_stdin() override { stdin_->close(); }
    Task<Result<std::string>> read_stdout(Deadline deadline) override {
        return with_deadline(PipeReader::read(stdout_), deadline, "reading the output of " + name_);
    }
    Task<Result<std::string>> read_stderr(Deadline deadline) override {
        return with_deadline(PipeReader::read(stderr_), deadline, "reading the error output of " + name_);
    }
    Task<Result<ExitStatus>> wait(Deadline deadline) override {
        return with_deadline(wait_for_end(leash_), deadline, "waiting for the end of " + name_);
    }
    Task<> shut_down(Millis grace) override { return shut_down_in_steps(leash_, stdin_, name_, grace); }
    void kill_group(int signal) override { leash_->signal_group(signal); }

private:
    static Task<Result<ExitStatus>> wait_for_end(std::shared_ptr<Leash> leash) {
        PINCER_CO_CHECK(co_await Event::Impl::wait(leash->ended, Deadline::never()));
        co_return *leash->status;
    }

    static Task<> shut_down_in_steps(std::shared_ptr<Leash> leash, std::shared_ptr<PipeWriter> input, std::string name,
                                     Millis grace) {
        input->close();
        const Result<> by_itself = co_await Event::Impl::wait(leash->ended, Deadline::after(grace));
        if (by_itself) co_return;
        leash->signal_group(SIGTERM);
        const Result<> when_told = co_await Event::Impl::wait(leash->ended, Deadline::after(grace));
        if (when_told) co_return;
        leash->signal_group(SIGKILL);
        const Result<> at_last = co_await Event::Impl::wait(leash->ended, Deadline::after(kAfterKill));
        if (!at_last && at_last.error().code() == ErrorCode::timed_out)
            log::warn("process.outlives_sigkill", {{"name", name}});
    }

    std::string name_;
    int pid_;
    std::shared_ptr<Leash> leash_;  // shared with its own operations, which end after us
    std::shared_ptr<PipeWriter> stdin_;
    std::shared_ptr<PipeReader> stdout_;
    std::shared_ptr<PipeReader> stderr_;
};

// One of the two outputs of a run_process, collected up to the limit.
struct Collected {
    std::string bytes;
    std::optional<Error> failure;
    bool done = false;
};

Task<> collect(Process& process, bool from_stderr, std::size_t max, Collected& into,
               std::shared_ptr<Event::Impl> changed) {
    for (;;) {
        auto reading = from_stderr ? process.read_stderr(Deadline::never()) : process.read_stdout(Deadline::never());
        const Result<std::string> piece = co_await std::move(reading);
        if (!piece) into.failure = piece.error();
        if (!piece || piece->empty()) break;
        if (into.bytes.size() + piece->size() > max) {
            into.bytes.append(*piece, 0, max - into.bytes.size());
            into.failure = Error(ErrorCode::too_large, fmt::format("the output is over {} bytes", max));
            process.kill_group(SIGKILL);
            break;
        }
        into.bytes += *piece;
    }
    into.done = true;
    changed->set();
}

// A child that does not read its input to the end is not a failure: its exit status speaks for it.
Task<> feed(Process& process, std::string bytes) {
    if (!bytes.empty()) (void)co_await process.write(std::move(bytes));
    process.close_stdin();
}

Task<Result<ProcessOutput>> run_to_end(Runtime& runtime, ProcessSpec spec, std::string stdin_bytes,
                                       std::size_t max_output) {
    PINCER_CO_TRY(auto process, Process::start(runtime, std::move(spec)));
    const auto changed = std::make_shared<Event::Impl>(runtime.impl().context.get_executor());
    Collected out;
    Collected err;
    TaskGroup group(runtime);
    group.spawn(feed(*process, std::move(stdin_bytes)));
    group.spawn(collect(*process, false, max_output, out, changed));
    group.spawn(collect(*process, true, max_output, err, changed));
    Result<> waited;
    while (waited && !(out.done && err.done)) {
        changed->reset();
        waited = co_await Event::Impl::wait(changed, Deadline::never());
    }
    const Result<ExitStatus> status = co_await process->wait();
    co_await group.stop();
    for (const Collected* one : {&out, &err}) {
        if (one->failure) co_return Failure(*one->failure);
    }
    if (!status) co_return Failure(status.error());
    co_return ProcessOutput{*status, std::move(out.bytes), std::move(err.bytes)};
}

bool is_executable_file(const std::string& path) {
    struct stat info{};
    return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

class ProcessStream final : public LineStream {
public:
    ProcessStream(Process& process, std::size_t max_line_bytes) : process_(process), lines_(max_line_bytes) {}

    Task<Result<std::optional<std::string>>> read_line() override {
        for (;;) {
            auto line = lines_.next();
            if (line && !*line) co_return Failure(line->error());
            if (line) co_return std::move(**line);
            if (at_end_) co_return lines_.finish();
            PINCER_CO_TRY(const std::string bytes, co_await process_.read_stdout());
            at_end_ = bytes.empty();
            lines_.feed(bytes);
        }
    }
    Task<Result<>> write_line(std::string line) override {
        line += '\n';
        return process_.write(std::move(line));
    }

private:
    Process& process_;
    LineSplitter lines_;
    bool at_end_ = false;
};

}  // namespace

Result<std::unique_ptr<Process>> Process::start(Runtime& runtime, ProcessSpec spec) {
    PINCER_TRY(const detail::KeptProcess kept, detail::start_kept(spec));
    const std::string name = spec.executable.substr(spec.executable.rfind('/') + 1);
    return std::make_unique<KeptChild>(runtime.impl().context.get_executor(), name, kept);
}

Task<Result<ProcessOutput>> run_process(Runtime& runtime, ProcessSpec spec, std::string stdin_bytes,
                                        std::size_t max_output, Deadline deadline) {
    const std::string what = "running " + spec.executable;
    auto running = run_to_end(runtime, std::move(spec), std::move(stdin_bytes), max_output);
    return with_deadline(std::move(running), deadline, what);
}

Result<std::string> find_executable(std::string_view name, std::string_view path_list) {
    if (name.starts_with('/')) {
        if (is_executable_file(std::string(name))) return std::string(name);
        return PINCER_FAIL(not_found, "{} is not an executable file", name);
    }
    if (name.empty() || name.find('/') != std::string_view::npos) {
        return PINCER_FAIL(invalid_argument, "neither a bare name nor an absolute path: {}", name);
    }
    for (const std::string_view folder : split(path_list, ':')) {
        if (!folder.starts_with('/')) continue;  // "" and "." would mean whatever folder we happen to be in
        std::string path = std::string(folder) + "/" + std::string(name);
        if (is_executable_file(path)) return path;
    }
    return PINCER_FAIL(not_found, "no executable {} in {}", name, path_list);
}

std::unique_ptr<LineStream> make_process_stream(Process& process, std::size_t max_line_bytes) {
    return std::make_unique<ProcessStream>(process, max_line_bytes);
}

}  // namespace pincer::io
