#include "io/detail/keeper.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace pincer::io::detail {
namespace {

// Which step of the child's birth failed, and why.
struct BirthFailure {
    enum Step : std::int32_t { redirect, directory, limits, exec } step;
    std::int32_t error;
};

// Everything that is needed after fork, laid out before it: from there on only async-signal-safe calls are allowed,
// since another thread of ours may have held any lock.
struct Plan {
    const char* executable;
    char* const* arguments;
    char* const* environment;
    const char* directory;
    rlim_t memory;
    rlim_t open_files;
    // The far ends.
    int leash, input, output, errors, birth;
};

// ---------------------------------------------------------------------------------------------------- in the child

[[noreturn]] void give_up(int birth, BirthFailure::Step step) {
    const BirthFailure failure{step, errno};
    (void)!::write(birth, &failure, sizeof failure);
    ::_exit(127);
}

void reset_signals() {
    for (int signal = 1; signal < NSIG; ++signal) {
        if (signal != SIGKILL && signal != SIGSTOP) ::signal(signal, SIG_DFL);
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

bool set_limit(__rlimit_resource_t what, rlim_t value) {
    rlimit now{};
    if (::getrlimit(what, &now) != 0) return false;
    if (now.rlim_max != RLIM_INFINITY && value > now.rlim_max) value = now.rlim_max;
    const rlimit wanted{value, value};
    return ::setrlimit(what, &wanted) == 0;
}

[[noreturn]] void become_child(const Plan& plan, pid_t keeper) {
    ::setsid();  // a group of its own, and no terminal to ask questions at
    reset_signals();
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != keeper) ::_exit(127);  // the keeper died before the line above took effect
    if (::dup2(plan.input, 0) < 0 || ::dup2(plan.output, 1) < 0 || ::dup2(plan.errors, 2) < 0) {
        give_up(plan.birth, BirthFailure::redirect);
    }
    // `birth` closes itself at exec, which is how success is told.
    if (plan.birth > 3) ::close_range(3, unsigned(plan.birth) - 1, 0);
    ::close_range(unsigned(plan.birth) + 1, ~0u, 0);
    if (::chdir(plan.directory) != 0) give_up(plan.birth, BirthFailure::directory);
    const bool limited = set_limit(RLIMIT_CORE, 0) && set_limit(RLIMIT_NOFILE, plan.open_files) &&
                         (plan.memory == 0 || set_limit(RLIMIT_DATA, plan.memory));
    if (!limited) give_up(plan.birth, BirthFailure::limits);
    ::execve(plan.executable, plan.arguments, plan.environment);
    give_up(plan.birth, BirthFailure::exec);
}

// --------------------------------------------------------------------------------------------------- in the keeper

// Our children as the kernel lists them: the child, and orphans that came to us. Calls `visit(pid)` for each.
template <class Visit>
bool for_each_child(Visit visit) {
    const int fd = ::open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    char text[4096];
    pid_t pid = 0;
    for (ssize_t n; (n = ::read(fd, text, sizeof text)) > 0;) {
        for (ssize_t i = 0; i < n; ++i) {
            if (text[i] >= '0' && text[i] <= '9') {
                pid = pid * 10 + (text[i] - '0');
            } else if (pid > 0) {
                visit(std::exchange(pid, 0));
            }
        }
    }
    if (pid > 0) visit(pid);
    ::close(fd);
    return true;
}

// Kills the child's group and everything that has ever left it, until nothing but the child is there. The child itself
// stays as a zombie, so that its number belongs to nobody else yet.
void kill_descendants(pid_t child) {
    for (bool any = true; any;) {
        any = false;
        ::kill(-child, SIGKILL);
        for_each_child([&](pid_t pid) {
            if (pid == child) return;
            ::kill(pid, SIGKILL);
            any = ::waitpid(pid, nullptr, 0) == pid || any;  // its own children are ours now: look again
        });
    }
}

// Until the child ends or the leash is let go.
void watch(pid_t child, int leash) {
    const int child_fd = int(::syscall(SYS_pidfd_open, child, 0));
    std::array<pollfd, 2> waiting{pollfd{leash, POLLIN | POLLRDHUP, 0}, pollfd{child_fd, POLLIN, 0}};
    while (::poll(waiting.data(), waiting.size(), -1) <= 0) {
    }
}

void report_end(pid_t child, int leash) {
    siginfo_t info{};
    if (::waitid(P_PID, id_t(child), &info, WEXITED | WNOWAIT | WNOHANG) != 0 || info.si_pid != child) return;
    KeeperReport report;
    report.pid = child;
    report.signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
    report.code = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    (void)!::send(leash, &report, sizeof report, MSG_NOSIGNAL);
}

void wait_for_release(int leash) {
    char byte;
    while (::recv(leash, &byte, 1, 0) > 0 || errno == EINTR) {
    }
}

// Keeps only the leash: nothing of ours (a listening socket, a database) may stay open in here when we are gone.
void drop_all_but(int leash) {
    if (leash > 0) ::close_range(0, unsigned(leash) - 1, 0);
    ::close_range(unsigned(leash) + 1, ~0u, 0);
}

[[noreturn]] void keep(const Plan& plan) {
    ::setsid();  // a Ctrl-C at our terminal is ours to handle
    ::prctl(PR_SET_NAME, "keeper");
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    ::signal(SIGCHLD, SIG_DFL);
    (void)!::chdir("/");  // holds no file system busy
    const pid_t self = ::getpid();
    const pid_t child = ::fork();
    if (child == 0) become_child(plan, self);
    KeeperReport born;
    born.pid = child < 0 ? -errno : child;
    drop_all_but(plan.leash);
    (void)!::send(plan.leash, &born, sizeof born, MSG_NOSIGNAL);
    if (child < 0) ::_exit(1);
    watch(child, plan.leash);
    ::kill(child, SIGKILL);  // in case it was the leash
    siginfo_t ended{};
    while (::waitid(P_PID, id_t(child), &ended, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
    }
    kill_descendants(child);
    report_end(child, plan.leash);
    wait_for_release(plan.leash);
    ::waitpid(child, nullptr, 0);
    ::_exit(0);
}

// -------------------------------------------------------------------------------------------------- on our own side

class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Fd() { reset(); }
    int get() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }
    void reset() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }

private:
    int fd_ = -1;
};

struct Pair {
    Fd near, far;
};

Failure system_failure(std::string_view doing, int error) {
    return PINCER_FAIL(io, "{}: {}", doing, std::generic_category().message(error));
}

// Kept clear of 0, 1 and 2, which are about to be redirected.
Fd above_standard(int fd) {
    if (fd > 2) return Fd(fd);
    const Fd low(fd);
    return Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

Result<Pair> make_pair(const std::array<int, 2>& ends) {
    Pair pair{above_standard(ends[0]), above_standard(ends[1])};
    if (pair.near.get() < 0 || pair.far.get() < 0) return system_failure("moving a pipe", errno);
    return pair;
}

enum class Direction { to_child, from_child };

Result<Pair> make_pipe(Direction direction) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_failure("making a pipe", errno);
    if (direction == Direction::to_child) std::swap(ends[0], ends[1]);
    return make_pair(ends);
}

Result<Pair> make_leash() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
        return system_failure("making a socket pair", errno);
    return make_pair(ends);
}

Result<> check_spec(const ProcessSpec& spec) {
    if (!spec.executable.starts_with('/'))
        return PINCER_FAIL(invalid_argument, "not an absolute path: {}", spec.executable);
    const auto has_nul = [](const std::string& text) { return text.find('\0') != std::string::npos; };
    bool nul = has_nul(spec.executable) || has_nul(spec.working_directory);
    for (const std::string& argument : spec.arguments) nul = nul || has_nul(argument);
    for (const auto& [name, value] : spec.environment) {
        nul = nul || has_nul(name) || has_nul(value);
        if (name.empty() || name.find('=') != std::string::npos)
            return PINCER_FAIL(invalid_argument, "not a variable name: {}", name);
    }
    if (nul) return PINCER_FAIL(invalid_argument, "a NUL in what {} is started with", spec.executable);
    struct stat info{};
    if (::stat(spec.executable.c_str(), &info) != 0) {
        const int error = errno;
        const std::string why = std::generic_category().message(error);
        if (error == EACCES) return PINCER_FAIL(forbidden, "starting {}: {}", spec.executable, why);
        return PINCER_FAIL(not_found, "starting {}: {}", spec.executable, why);
    }
    if (!S_ISREG(info.st_mode) || ::access(spec.executable.c_str(), X_OK) != 0) {
        return PINCER_FAIL(forbidden, "starting {}: not an executable file", spec.executable);
    }
    return {};
}

Failure describe_birth(const ProcessSpec& spec, const BirthFailure& failure) {
    const std::string why = std::generic_category().message(failure.error);
    if (failure.step == BirthFailure::directory) {
        return PINCER_FAIL(not_found, "starting {}: the working directory {}: {}", spec.executable,
                           spec.working_directory, why);
    }
    if (failure.error == ENOENT)
        return PINCER_FAIL(not_found, "starting {}: {} (or of its interpreter)", spec.executable, why);
    if (failure.error == EACCES || failure.error == EPERM)
        return PINCER_FAIL(forbidden, "starting {}: {}", spec.executable, why);
    return PINCER_FAIL(io, "starting {}: {}", spec.executable, why);
}

bool read_whole(int fd, void* into, std::size_t size) {
    std::size_t got = 0;
    while (got < size) {
        const ssize_t n = ::read(fd, static_cast<char*>(into) + got, size - got);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        got += std::size_t(n);
    }
    return true;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

// All signals are blocked over the fork and stay so in the keeper: no handler of ours runs there, and nothing but
// SIGKILL ends it before its work is done.
pid_t fork_keeper(const Plan& plan) {
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t keeper = ::fork();
    if (keeper == 0) keep(plan);
    const int error = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    errno = error;
    return keeper;
}

}  // namespace

Result<KeptProcess> start_kept(const ProcessSpec& spec) {
    PINCER_CHECK(check_spec(spec));
    PINCER_TRY(Pair input, make_pipe(Direction::to_child));
    PINCER_TRY(Pair output, make_pipe(Direction::from_child));
    PINCER_TRY(Pair errors, make_pipe(Direction::from_child));
    PINCER_TRY(Pair birth, make_pipe(Direction::from_child));
    PINCER_TRY(Pair leash, make_leash());

    std::vector<std::string> arguments{spec.executable};
    arguments.insert(arguments.end(), spec.arguments.begin(), spec.arguments.end());
    std::vector<std::string> environment;
    for (const auto& [name, value] : spec.environment) environment.push_back(name + "=" + value);
    const std::vector<char*> argument_pointers = pointers_to(arguments);
    const std::vector<char*> environment_pointers = pointers_to(environment);
    Plan plan{};
    plan.executable = spec.executable.c_str();
    plan.arguments = argument_pointers.data();
    plan.environment = environment_pointers.data();
    plan.directory = spec.working_directory.empty() ? "/" : spec.working_directory.c_str();
    plan.memory = spec.max_memory_bytes;
    plan.open_files = spec.max_open_files;
    plan.leash = leash.far.get();
    plan.input = input.far.get();
    plan.output = output.far.get();
    plan.errors = errors.far.get();
    plan.birth = birth.far.get();

    const pid_t keeper = fork_keeper(plan);
    if (keeper < 0) return system_failure("starting the keeper of " + spec.executable, errno);
    for (Pair* pair : {&input, &output, &errors, &birth, &leash}) pair->far.reset();

    KeeperReport born;
    BirthFailure failure{};
    const bool reported = read_whole(leash.near.get(), &born, sizeof born) && born.pid > 0;
    const bool failed = reported && read_whole(birth.near.get(), &failure, sizeof failure);
    if (!reported || failed) {
        leash.near.reset();
        ::waitpid(keeper, nullptr, 0);  // it ends at once
        if (failed) return describe_birth(spec, failure);
        return system_failure("starting " + spec.executable, born.pid < 0 ? -born.pid : ECHILD);
    }
    KeptProcess kept;
    kept.keeper = keeper;
    kept.child = born.pid;
    kept.leash = leash.near.release();
    kept.stdin_fd = input.near.release();
    kept.stdout_fd = output.near.release();
    kept.stderr_fd = errors.near.release();
    return kept;
}

}  // namespace pincer::io::detail
