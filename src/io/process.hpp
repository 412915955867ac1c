// A child process: started by absolute path, without a shell, in a process group of its own, with an environment that
// is empty but for what is listed. It does not outlive us: the group gets SIGKILL when the Process is dropped, and the
// kernel sends SIGKILL to the child should we die (PR_SET_PDEATHSIG; a small keeper covers its own children).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/runtime.hpp"

namespace pincer::io {

struct ProcessSpec {
    std::string executable;              // absolute path
    std::vector<std::string> arguments;  // without argv[0]
    std::vector<std::pair<std::string, std::string>> environment;
    std::string working_directory;  // empty: "/"
    // RLIMIT_DATA: heap and private writable mappings of each process, but not address space that is only reserved, of
    // which Node, Go and Java take many gigabytes. 0: none.
    std::size_t max_memory_bytes = 0;
    std::size_t max_open_files = 1024;
};

struct ExitStatus {
    int code = 0;    // exit code, or 128 + signal
    int signal = 0;  // 0 when it exited by itself
};

class Process {
public:
    // Errors: not_found, forbidden (not executable), io.
    static Result<std::unique_ptr<Process>> start(Runtime& runtime, ProcessSpec spec);
    virtual ~Process() = default;

    virtual int pid() const = 0;
    // stdin. `unavailable` once the child closed it.
    virtual Task<Result<>> write(std::string bytes) = 0;
    virtual void close_stdin() = 0;
    // Up to 64 KiB of what there is; empty at end of file.
    virtual Task<Result<std::string>> read_stdout(Deadline deadline = Deadline::never()) = 0;
    virtual Task<Result<std::string>> read_stderr(Deadline deadline = Deadline::never()) = 0;
    virtual Task<Result<ExitStatus>> wait(Deadline deadline = Deadline::never()) = 0;
    // stdin closed, then SIGTERM to the group after `grace`, SIGKILL after another `grace`; completes when it is gone.
    virtual Task<> shut_down(Millis grace) = 0;
    virtual void kill_group(int signal) = 0;
};

// Runs to the end and collects both outputs, each cut at `max_output` (then the group is killed: too_large).
struct ProcessOutput {
    ExitStatus status;
    std::string out;
    std::string err;
};
Task<Result<ProcessOutput>> run_process(Runtime& runtime, ProcessSpec spec, std::string stdin_bytes,
                                        std::size_t max_output, Deadline deadline);

// First executable regular file of that name in a PATH-like list; absolute names are checked as they are.
Result<std::string> find_executable(std::string_view name, std::string_view path_list);

}  // namespace pincer::io
