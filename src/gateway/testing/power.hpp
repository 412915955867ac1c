// The power of a simulated machine. Everything that touches the world outside the process (disk, platform, tools) asks
// before and after it does so; when the power has failed nothing more happens outside, whatever the code still does.
// A fixture then drops the process and starts the next one: that is a crash, at a place that a test chooses.
#pragma once

#include <functional>
#include <string_view>

namespace pincer::gateway::testing {

class Power {
public:
    // Consulted at each step while the power is on; true: it fails here.
    std::function<bool(std::string_view step)> fails_at;

    // False: the power is off, do nothing.
    bool step(std::string_view name) {
        ++steps_;
        if (on_ && fails_at && fails_at(name)) on_ = false;
        return on_;
    }
    bool on() const { return on_; }
    int steps() const { return steps_; }
    void cut() { on_ = false; }
    void restore() { on_ = true; }

private:
    bool on_ = true;
    int steps_ = 0;
};

}  // namespace pincer::gateway::testing
